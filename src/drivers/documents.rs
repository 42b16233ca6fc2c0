//! Papers that a driver hands in: what they are, what is said of them, what becomes of them. Pure.
//!
//! A paper is data (number, last day) and mostly a file beside it. Of each kind a driver has at most one in force and one
//! on the way: so a renewed insurance is reviewed while the old one still counts.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::drivers::authority::Verification;
use crate::drivers::papers::{document_number, expiry};
use crate::error::{Checks, Error};
use crate::storage::FileType;
use crate::time::Timestamp;

const NUMBER_CHARS_MAX: usize = 40;
const NOTE_CHARS_MAX: usize = 200;
const ISSUER_CHARS_MAX: usize = 80;

/// What a paper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// The driving licence.
    Licence,
    /// The motorcycle and its plate.
    Vehicle,
    /// The regulator's authorisation to carry passengers.
    Authorisation,
    /// The insurance.
    Insurance,
    /// The technical inspection.
    Inspection,
    /// Two helmets of the national standard.
    Helmet,
    /// Membership in a cooperative.
    Cooperative,
    /// The identity card.
    NationalId,
    /// A picture of the driver.
    Photo,
}

impl DocumentKind {
    /// Every kind, in the order in which papers are asked for.
    pub const ALL: [Self; 9] = [
        Self::Photo,
        Self::NationalId,
        Self::Licence,
        Self::Vehicle,
        Self::Authorisation,
        Self::Insurance,
        Self::Inspection,
        Self::Helmet,
        Self::Cooperative,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Licence => "licence",
            Self::Vehicle => "vehicle",
            Self::Authorisation => "authorisation",
            Self::Insurance => "insurance",
            Self::Inspection => "inspection",
            Self::Helmet => "helmet",
            Self::Cooperative => "cooperative",
            Self::NationalId => "national_id",
            Self::Photo => "photo",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether its data are not enough: somebody must see it.
    pub const fn needs_file(self) -> bool {
        !matches!(self, Self::Vehicle | Self::Cooperative)
    }

    /// Whether its file is a picture of something rather than of a paper.
    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Photo | Self::Helmet)
    }

    /// Whether nobody may drive after its last day.
    pub const fn ends_driving(self) -> bool {
        matches!(self, Self::Licence | Self::Authorisation | Self::Insurance | Self::Inspection)
    }

    /// Whether it is among what is sent with `PUT /drivers/me`.
    pub const fn is_of_papers(self) -> bool {
        matches!(self, Self::Licence | Self::Vehicle | Self::Insurance | Self::Inspection)
    }

    /// Whether an authority knows of it.
    pub const fn is_verifiable(self) -> bool {
        matches!(self, Self::Licence | Self::Vehicle)
    }
}

/// Where a paper stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DocumentState)]
pub enum DocumentState {
    /// Waits for a reviewer.
    Submitted,
    /// In force.
    Approved,
    /// To be handed in once more, better.
    AskedAgain,
    /// Not accepted.
    Rejected,
    /// Was in force.
    Replaced,
}

impl DocumentState {
    const ALL: [Self; 5] = [Self::Submitted, Self::Approved, Self::AskedAgain, Self::Rejected, Self::Replaced];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::AskedAgain => "asked_again",
            Self::Rejected => "rejected",
            Self::Replaced => "replaced",
        }
    }

    /// From the word in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Why a paper is not accepted as it is, for programs and translators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// It cannot be read.
    Unreadable,
    /// It is another paper.
    WrongDocument,
    /// Its last day has passed.
    Expired,
    /// Number, name or day is another than what was typed.
    DoesNotMatch,
    /// A page or a side is missing.
    Incomplete,
    /// The motorcycle must be electric.
    ElectricRequired,
    /// It does not look genuine.
    NotGenuine,
    /// Something else: the words say what.
    Other,
}

impl ReasonCode {
    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::Unreadable,
        Self::WrongDocument,
        Self::Expired,
        Self::DoesNotMatch,
        Self::Incomplete,
        Self::ElectricRequired,
        Self::NotGenuine,
        Self::Other,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::WrongDocument => "wrong_document",
            Self::Expired => "expired",
            Self::DoesNotMatch => "does_not_match",
            Self::Incomplete => "incomplete",
            Self::ElectricRequired => "electric_required",
            Self::NotGenuine => "not_genuine",
            Self::Other => "other",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }
}

/// A paper's data as sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "kind": "authorisation", "number": "RURA-2026-0001", "expires_on": "2028-03-31", "first_authorised_on": "2024-03-31"
}))]
pub struct DocumentRequest {
    /// `licence`, `authorisation`, `insurance`, `inspection`, `helmet`, `cooperative`, `national_id` or `photo`.
    kind: String,
    /// Up to 40 characters; of helmets, how many.
    number: String,
    /// Of a `national_id`: `nid16`, the sixteen digits of the card (as when left out), or `sdid`, the digital number.
    number_type: Option<String>,
    /// Who gave it: the insurer, the cooperative. Up to 80 characters.
    issuer: Option<String>,
    /// Its last day; later than today.
    #[schema(format = Date)]
    expires_on: Option<String>,
    /// Of an `authorisation`: when the first one was given. From 2025 on a newcomer in Kigali rides electric.
    #[schema(format = Date)]
    first_authorised_on: Option<String>,
    /// Of a `helmet`: that there are two of the national standard, with chin strap and red quick release.
    confirmed: Option<bool>,
    /// Up to 200 characters.
    note: Option<String>,
}

impl DocumentRequest {
    /// Checks every field as of `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong.
    pub fn check(&self, now: Timestamp) -> Result<Facts, Error> {
        let mut checks = Checks::new();
        let sendable = DocumentKind::ALL.into_iter().filter(|kind| *kind != DocumentKind::Vehicle);
        let known = || {
            let words: Vec<_> = sendable.map(DocumentKind::as_str).collect();
            format!("is not one of {}", words.join(", "))
        };
        let kind = DocumentKind::from_name(&self.kind).filter(|kind| *kind != DocumentKind::Vehicle);
        let kind = checks.accept("kind", &self.kind, kind.ok_or_else(known));
        let number_type = self.number_type.as_deref().and_then(|name| {
            checks.accept("number_type", name, NumberType::from_name(name).ok_or("is not nid16 or sdid"))
        });
        let number = self.number(&mut checks, kind, number_type);
        let today = now.kigali_day();
        let expires_on = self.expires_on.as_deref().and_then(|text| expiry(&mut checks, "expires_on", text, today));
        let first_authorised_on = self.first_authorised_on.as_deref().and_then(|text| {
            let parsed = text.trim().parse().map_err(|_| "is not a day of the form 2024-06-30");
            let day: NaiveDate = checks.accept("first_authorised_on", text, parsed)?;
            checks.require(day <= today, "first_authorised_on", day, "is to come");
            Some(day)
        });
        let issuer = checks.optional_text("issuer", self.issuer.as_deref(), ISSUER_CHARS_MAX);
        let note = checks.optional_text("note", self.note.as_deref(), NOTE_CHARS_MAX);
        let is_unconfirmed = kind == Some(DocumentKind::Helmet) && self.confirmed != Some(true);
        checks.require(!is_unconfirmed, "confirmed", self.confirmed.unwrap_or(false), "must be true");
        checks.finish()?;
        let kind = kind.ok_or_else(|| Error::internal("a field was let through unchecked"))?;
        let number_type = (kind == DocumentKind::NationalId).then(|| number_type.unwrap_or(NumberType::Nid16));
        Ok(Facts { kind, number: Some(number), number_type, issuer, expires_on, first_authorised_on, note })
    }

    fn number(&self, checks: &mut Checks, kind: Option<DocumentKind>, number_type: Option<NumberType>) -> String {
        match (kind, number_type) {
            (Some(DocumentKind::Licence), _) => document_number(checks, "number", &self.number),
            (Some(DocumentKind::NationalId), Some(NumberType::Sdid)) => document_number(checks, "number", &self.number),
            (Some(DocumentKind::NationalId), _) => {
                let number: String = self.number.chars().filter(|c| !c.is_whitespace()).collect();
                // The number itself is not repeated in the refusal.
                if !is_nid16(&number) {
                    let reason = "is not the sixteen digits of an identity card: 1 1994 8 0012345 6 78";
                    checks.fault(crate::error::Fault::without_value("number", reason));
                }
                number
            }
            _ => checks.text("number", &self.number, NUMBER_CHARS_MAX).to_uppercase(),
        }
    }
}

/// Which number of a person's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    /// The sixteen digits of the card; another card may have another.
    Nid16,
    /// The digital number, for life.
    Sdid,
}

impl NumberType {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nid16 => "nid16",
            Self::Sdid => "sdid",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Nid16, Self::Sdid].into_iter().find(|known| known.as_str() == name)
    }
}

/// `S YYYY G NNNNNNN I CC`: status 1 to 3, a year of birth, 8 for men and 7 for women. The last two digits are a check that
/// only the state can make.
fn is_nid16(number: &str) -> bool {
    let digits = number.as_bytes();
    digits.len() == 16
        && digits.iter().all(u8::is_ascii_digit)
        && matches!(digits[0], b'1'..=b'3')
        && matches!(&digits[1..3], b"19" | b"20")
        && matches!(digits[5], b'7' | b'8')
}

/// What a driver says of a paper, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: DocumentKind,
    /// Its number.
    pub number: Option<String>,
    /// Which number of an identity.
    pub number_type: Option<NumberType>,
    /// Who gave it.
    pub issuer: Option<String>,
    /// Its last day.
    pub expires_on: Option<NaiveDate>,
    /// When the first authorisation was given.
    pub first_authorised_on: Option<NaiveDate>,
    /// What the driver says about it.
    pub note: Option<String>,
}

impl Facts {
    /// A kind and nothing else.
    pub const fn bare(kind: DocumentKind) -> Self {
        let (issuer, expires_on, first_authorised_on) = (None, None, None);
        Self { kind, number: None, number_type: None, issuer, expires_on, first_authorised_on, note: None }
    }
}

/// The file of a paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Which.
    pub id: Uuid,
    /// A picture or pages.
    pub file_type: FileType,
    /// As handed out.
    pub size_bytes: i32,
}

/// A paper that a driver handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which.
    pub id: Uuid,
    /// What the driver says of it.
    pub facts: Facts,
    /// Its file.
    pub file: Option<FileInfo>,
    /// Where it stands.
    pub state: DocumentState,
    /// Why it was not accepted.
    pub reason_code: Option<ReasonCode>,
    /// The same in the reviewer's words.
    pub reason: Option<String>,
    /// When a reviewer decided.
    pub reviewed_at: Option<Timestamp>,
    /// What the authority says.
    pub verification: Option<Verification>,
    /// When the authority said so.
    pub verified_at: Option<Timestamp>,
    /// When it was handed in.
    pub created_at: Timestamp,
}

impl Document {
    /// Whether it is in force.
    pub fn is_in_force(&self) -> bool {
        self.state == DocumentState::Approved
    }

    /// Whether it was handed in and is not in force (yet).
    pub fn is_on_the_way(&self) -> bool {
        matches!(self.state, DocumentState::Submitted | DocumentState::AskedAgain | DocumentState::Rejected)
    }

    /// Whether its last day has passed.
    pub fn is_expired(&self, today: NaiveDate) -> bool {
        self.facts.expires_on.is_some_and(|last| last < today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::papers::tests::T0;

    fn request(kind: &str, number: &str) -> DocumentRequest {
        serde_json::from_value(serde_json::json!({"kind": kind, "number": number})).expect("well-formed")
    }

    fn faults(request: &DocumentRequest) -> Vec<String> {
        request.check(T0).expect_err("faults").faults().iter().map(|fault| fault.field.clone()).collect()
    }

    #[test]
    fn a_paper_is_checked_field_by_field() {
        let note = DocumentRequest { note: Some("  ".into()), ..request("insurance", " son-1 ") };
        let fine = note.check(T0).expect("in order");
        assert_eq!((fine.kind, fine.number.as_deref(), fine.note), (DocumentKind::Insurance, Some("SON-1"), None));
        assert_eq!(
            faults(&DocumentRequest { expires_on: Some("2020-01-01".into()), ..request("passport", "") }),
            ["kind", "number", "expires_on"]
        );
        assert_eq!(faults(&request("vehicle", "RC123B")), ["kind"], "a motorcycle is changed with the papers");
        let tomorrow =
            DocumentRequest { first_authorised_on: Some("2026-09-22".into()), ..request("authorisation", "R-1") };
        assert_eq!(faults(&tomorrow), ["first_authorised_on"]);
    }

    #[test]
    fn helmets_are_confirmed() {
        assert_eq!(faults(&request("helmet", "2")), ["confirmed"]);
        assert!(DocumentRequest { confirmed: Some(true), ..request("helmet", "2") }.check(T0).is_ok());
    }

    #[test]
    fn an_identity_has_the_number_of_its_type_and_is_never_repeated() {
        let fine = request("national_id", "1 1994 8 0012345 6 78").check(T0).expect("a card");
        assert_eq!((fine.number.as_deref(), fine.number_type), (Some("1199480012345678"), Some(NumberType::Nid16)));
        for wrong in ["4199480012345678", "1189480012345678", "1199460012345678", "119948001234567", "119948001234567X"]
        {
            let error = request("national_id", wrong).check(T0).expect_err(wrong);
            assert_eq!(error.faults()[0].value, None, "{wrong}");
        }
        let digital = DocumentRequest { number_type: Some("sdid".into()), ..request("national_id", "rw-77-1234") };
        assert_eq!(digital.check(T0).expect("a number").number.as_deref(), Some("RW-77-1234"));
        let unknown =
            DocumentRequest { number_type: Some("passport".into()), ..request("national_id", "1199480012345678") };
        assert_eq!(faults(&unknown), ["number_type"]);
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for kind in DocumentKind::ALL {
            assert_eq!(DocumentKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.as_str());
        }
        for state in DocumentState::ALL {
            assert_eq!(DocumentState::from_name(state.as_str()), Some(state));
        }
        for code in ReasonCode::ALL {
            assert_eq!(ReasonCode::from_name(code.as_str()), Some(code));
            assert_eq!(serde_json::to_value(code).expect("a word"), code.as_str());
        }
    }
}
