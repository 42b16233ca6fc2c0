//! Documents that a driver hands in, as data: what they are and how they are checked. Pure.

use chrono::NaiveDate;
use serde::Deserialize;
use uuid::Uuid;

use crate::drivers::papers::expiry;
use crate::error::{Checks, Error};
use crate::time::Timestamp;

const NUMBER_CHARS_MAX: usize = 40;
const NOTE_CHARS_MAX: usize = 200;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// The driving licence.
    Licence,
    /// The authorisation to carry passengers.
    Authorisation,
    /// The insurance.
    Insurance,
    /// The technical inspection.
    Inspection,
    /// The identity card.
    NationalId,
    /// A picture of the driver.
    Photo,
}

impl DocumentKind {
    const ALL: [Self; 6] =
        [Self::Licence, Self::Authorisation, Self::Insurance, Self::Inspection, Self::NationalId, Self::Photo];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Licence => "licence",
            Self::Authorisation => "authorisation",
            Self::Insurance => "insurance",
            Self::Inspection => "inspection",
            Self::NationalId => "national_id",
            Self::Photo => "photo",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A document as sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"kind": "authorisation", "number": "RURA-2026-0001", "expires_on": "2028-03-31"}))]
pub struct DocumentRequest {
    /// `licence`, `authorisation`, `insurance`, `inspection`, `national_id` or `photo`.
    kind: String,
    /// Up to 40 characters.
    number: String,
    /// Its last day; later than today.
    #[schema(format = Date)]
    expires_on: Option<String>,
    /// Up to 200 characters.
    note: Option<String>,
}

impl DocumentRequest {
    /// Checks every field as of `now`; the document gets this id.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong.
    pub fn check(&self, id: Uuid, now: Timestamp) -> Result<Document, Error> {
        let mut checks = Checks::new();
        let known = || format!("is not one of {}", DocumentKind::ALL.map(DocumentKind::as_str).join(", "));
        let kind = checks.accept("kind", &self.kind, DocumentKind::from_name(&self.kind).ok_or_else(known));
        let number = checks.text("number", &self.number, NUMBER_CHARS_MAX).to_uppercase();
        let today = now.kigali_day();
        let expires_on = self.expires_on.as_deref().and_then(|text| expiry(&mut checks, "expires_on", text, today));
        let note = checks.optional_text("note", self.note.as_deref(), NOTE_CHARS_MAX);
        checks.finish()?;
        let kind = kind.ok_or_else(|| Error::internal("a field was let through unchecked"))?;
        Ok(Document { id, kind, number, expires_on, note, created_at: now })
    }
}

/// A document that a driver handed in, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which.
    pub id: Uuid,
    /// What it is.
    pub kind: DocumentKind,
    /// Its number.
    pub number: String,
    /// Its last day.
    pub expires_on: Option<NaiveDate>,
    /// What the driver says about it.
    pub note: Option<String>,
    /// When it was handed in.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::papers::tests::T0;

    #[test]
    fn a_document_is_checked_field_by_field() {
        let request = |kind: &str, number: &str, expires_on: Option<&str>| DocumentRequest {
            kind: kind.into(),
            number: number.into(),
            expires_on: expires_on.map(str::to_owned),
            note: Some("  ".into()),
        };
        let fine = request("national_id", " 1199480012345678 ", None).check(Uuid::nil(), T0).expect("in order");
        assert_eq!((fine.kind, fine.number.as_str(), fine.note), (DocumentKind::NationalId, "1199480012345678", None));
        let error = request("passport", "", Some("2020-01-01")).check(Uuid::nil(), T0).expect_err("three faults");
        let fields: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["kind", "number", "expires_on"]);
    }
}
