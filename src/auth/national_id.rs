//! Numbers of identity papers: of one form for cards of today, of many for all others.
//!
//! Separate because it is the most personal thing that is stored: it lies sealed, is shown masked to everybody (its owner
//! included, who has the card), and is never a key of anything: a card that is made anew may carry another number, and a new
//! kind of number is being introduced whose form is not known yet.
//!
//! A card tells its holder's year of birth and gender. Where the profile says otherwise, that is *reported* with the profile and
//! not refused: registers hold guessed years, and a person must not be made to lie about themselves to be let in. Whoever
//! reviews a driver's papers sees it and decides.

use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::auth::Gender;
use crate::error::{Checks, Error, Fault};
use crate::ids::UserId;
use crate::vault::{Column, Place, Vault};

/// Longest number of a paper of another kind.
const CHARS_MAX: usize = 32;
const CHARS_MIN: usize = 4;
/// Longest text that is read at all: a number with blanks and dashes in it.
const TYPED_CHARS_MAX: usize = 64;
/// How much of a number's end is shown.
const SHOWN_CHARS: usize = 3;

const COLUMN: &str = "users.national_id";
const INDEX_KIND: &str = "national_id";

/// The column as rotation and checks know it. The index is of kind and number together, so it is not compared.
pub const SEALED: Column =
    Column { place: COLUMN, table: "users", column: "national_id_sealed", key: "id", row: "id", index: None };

/// Kinds of papers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NationalIdType)]
pub enum IdType {
    /// The card with 16 digits.
    Nid16,
    /// A passport.
    Passport,
    /// A refugee's card of another form.
    Refugee,
    /// A foreigner's card of another form.
    Foreigner,
    /// The Single Digital ID.
    Sdid,
    /// Another paper.
    Other,
}

impl IdType {
    const ALL: [Self; 6] = [Self::Nid16, Self::Passport, Self::Refugee, Self::Foreigner, Self::Sdid, Self::Other];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nid16 => "nid16",
            Self::Passport => "passport",
            Self::Refugee => "refugee",
            Self::Foreigner => "foreigner",
            Self::Sdid => "sdid",
            Self::Other => "other",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The number of an identity paper, checked as far as its kind allows.
#[derive(Clone, PartialEq, Eq)]
pub struct NationalId {
    kind: IdType,
    number: String,
}

/// What of a profile a card says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// The year of birth.
    DateOfBirth,
    /// The gender.
    Gender,
}

impl NationalId {
    /// Reads a number as typed: blanks, dots and dashes between digits are nothing.
    ///
    /// # Errors
    /// The reason, without the number.
    pub fn parse(kind: IdType, typed: &str) -> Result<Self, &'static str> {
        if typed.chars().count() > TYPED_CHARS_MAX {
            return Err("is too long");
        }
        let number: String = typed.trim().chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
        match kind {
            IdType::Nid16 => {
                let digits: String = number.chars().filter(|c| !matches!(c, '-' | '.')).collect();
                if is_nid16(digits.as_bytes()) {
                    Ok(Self { kind, number: digits })
                } else {
                    Err("is not 16 digits as on the card: status, year of birth, 7 or 8, and eleven more")
                }
            }
            _ => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.');
                if !(CHARS_MIN..=CHARS_MAX).contains(&number.len()) {
                    Err("has not 4 to 32 characters")
                } else if !number.chars().all(is_plain) {
                    Err("holds other characters than letters, digits, '-', '/' and '.'")
                } else {
                    Ok(Self { kind, number })
                }
            }
        }
    }

    /// Of which kind.
    pub const fn kind(&self) -> IdType {
        self.kind
    }

    /// The whole of it: for what its owner takes along, and for nothing that is shown.
    pub(super) fn number(&self) -> &str {
        &self.number
    }

    /// What may be shown of it.
    pub fn masked(&self) -> String {
        let hidden = self.number.len().saturating_sub(SHOWN_CHARS);
        // Of a short one even the end would be most of it.
        let shown = if self.number.len() >= 3 * SHOWN_CHARS { &self.number[hidden..] } else { "" };
        format!("****{shown}")
    }

    /// What of a profile it says otherwise.
    pub fn disagreements(&self, born: Option<NaiveDate>, gender: Option<Gender>) -> Vec<Disagreement> {
        if self.kind != IdType::Nid16 {
            return Vec::new();
        }
        let year = self.number[1..5].parse::<i32>().ok();
        let on_card = if self.number.as_bytes()[5] == b'8' { Gender::Male } else { Gender::Female };
        let born_otherwise = born.zip(year).is_some_and(|(born, year)| born.year() != year);
        let otherwise = gender.is_some_and(|gender| gender != Gender::Other && gender != on_card);
        let found = [(born_otherwise, Disagreement::DateOfBirth), (otherwise, Disagreement::Gender)];
        found.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect()
    }

    /// As the rows of a person hold it: sealed, and the blind index.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(super) fn seal(&self, vault: &Vault, user: UserId) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let sealed = vault.seal_text(Place::new(COLUMN, user.0), &self.number)?;
        Ok((sealed, vault.index(INDEX_KIND, &format!("{} {}", self.kind.as_str(), self.number))))
    }

    /// From the row of a person.
    ///
    /// # Errors
    /// When it does not open or is none.
    pub(super) fn open(vault: &Vault, user: UserId, (kind, sealed): (&str, &[u8])) -> Result<Self, Error> {
        let kind = IdType::from_name(kind).ok_or_else(|| Error::internal("unknown kind of national id in users"))?;
        let opened = vault.open_text(Place::new(COLUMN, user.0), sealed)?;
        Self::parse(kind, opened.expose()).map_err(Error::internal)
    }
}

/// Status, year of birth, gender, order, times issued, check digits: `^[123](19|20)\d{2}[78]\d{10}$`. The check digits are
/// secret, so nothing else can be checked here.
fn is_nid16(digits: &[u8]) -> bool {
    matches!(digits, [b'1'..=b'3', b'1', b'9', ..] | [b'1'..=b'3', b'2', b'0', ..])
        && matches!(digits.get(5), Some(b'7' | b'8'))
        && digits.len() == 16
        && digits.iter().all(u8::is_ascii_digit)
}

impl fmt::Debug for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NationalId({} {})", self.kind.as_str(), self.masked())
    }
}

/// A number as sent.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NationalIdRequest)]
pub struct IdRequest {
    /// `nid16`, `passport`, `refugee`, `foreigner`, `sdid` or `other`.
    #[schema(example = "nid16")]
    r#type: String,
    /// As on the paper. Empty takes it away.
    #[schema(example = "1 1994 8 0000000 0 00")]
    number: String,
}

impl fmt::Debug for IdRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdRequest([redacted])")
    }
}

impl IdRequest {
    /// Checks kind and number; `None` is to be taken away. A wrong number is not repeated.
    pub(super) fn check(&self, checks: &mut Checks) -> Option<NationalId> {
        if self.number.trim().is_empty() {
            return None;
        }
        let known = "is not nid16, passport, refugee, foreigner, sdid or other";
        let kind = checks.accept("national_id.type", &self.r#type, IdType::from_name(&self.r#type).ok_or(known))?;
        match NationalId::parse(kind, &self.number) {
            Ok(id) => Some(id),
            Err(reason) => {
                checks.fault(Fault::without_value("national_id.number", reason));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_today_has_a_form_and_every_other_paper_has_bounds() {
        for typed in ["1199480012345012", "1 1994 8 0012345 0 12", "2200570000000100", "3-1988-7-0000001-1-99"] {
            let id = NationalId::parse(IdType::Nid16, typed).unwrap_or_else(|reason| panic!("{typed}: {reason}"));
            assert_eq!(id.number.len(), 16);
        }
        for typed in [
            "",
            "119948001234501",
            "11994800123450123",
            "4199480012345012",
            "1189480012345012",
            "1199490012345012",
            "119948001234501x",
            "１１９９４８００１２３４５０１２",
            &"1".repeat(100),
        ] {
            assert!(NationalId::parse(IdType::Nid16, typed).is_err(), "{typed}");
        }
        let passport = NationalId::parse(IdType::Passport, " pc 123456 ").expect("plain");
        assert_eq!((passport.number.as_str(), passport.masked().as_str()), ("PC123456", "****"));
        for typed in ["abc", "'; DROP TABLE users", "ПС123456", &"A".repeat(33)] {
            assert!(NationalId::parse(IdType::Passport, typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_card_that_says_otherwise_is_told_and_taken() {
        let card = NationalId::parse(IdType::Nid16, "1199480012345012").expect("a card");
        let day = |year| NaiveDate::from_ymd_opt(year, 7, 1);
        assert_eq!(card.disagreements(day(1994), Some(Gender::Male)), []);
        assert_eq!(card.disagreements(None, Some(Gender::Other)), []);
        let both = [Disagreement::DateOfBirth, Disagreement::Gender];
        assert_eq!(card.disagreements(day(1995), Some(Gender::Female)), both);
        let passport = NationalId::parse(IdType::Passport, "1199480012345012").expect("plain");
        assert_eq!(passport.disagreements(day(1995), Some(Gender::Female)), []);
    }

    #[test]
    fn nothing_prints_it_and_it_opens_in_its_own_row_only() {
        let (vault, user) = (Vault::for_tests(), UserId(uuid::Uuid::from_u128(7)));
        let card = NationalId::parse(IdType::Nid16, "1199480012345012").expect("a card");
        assert_eq!(format!("{card:?}"), "NationalId(nid16 ****012)");
        let (sealed, index) = card.seal(&vault, user).expect("sealed");
        assert_eq!(NationalId::open(&vault, user, ("nid16", &sealed)).expect("opened"), card);
        assert!(NationalId::open(&vault, UserId(uuid::Uuid::from_u128(8)), ("nid16", &sealed)).is_err());
        let same = NationalId::parse(IdType::Other, "1199480012345012").expect("plain");
        assert_ne!(same.seal(&vault, user).expect("sealed").1, index, "another paper with the same number");
        let mut checks = Checks::new();
        IdRequest { r#type: "nid16".into(), number: "1199490012345012".into() }.check(&mut checks);
        let error = checks.finish().expect_err("no card has a 9 there");
        assert!(!error.to_string().contains("1199490012345012"), "{error}");
    }
}
