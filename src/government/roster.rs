//! A driver as an official sees one, and whether the papers are in order: pure.
//!
//! Separate because the rules of compliance are law, not storage, and because masking must not be forgotten: a
//! [`RosterEntry`] has no field that could hold a name or a telephone number, and whole numbers of papers only for an
//! inquiry in a case.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::time::Timestamp;

/// The licence category that motorcycles need.
const MOTORCYCLE_CATEGORY: &str = "A";

/// How many characters of a masked number are shown at most.
const SHOWN_CHARS_MAX: usize = 3;

/// What is known of a driver, as the drivers' service publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DriverRecord {
    /// For the record of who was seen; it does not leave here.
    pub driver_id: Uuid,
    pub driver_ref: Uuid,
    pub status: String,
    pub plate: String,
    pub fuel: String,
    pub licence_number: String,
    pub licence_category: String,
    pub licence_expires_on: NaiveDate,
    pub insurance_expires_on: NaiveDate,
    pub inspection_expires_on: Option<NaiveDate>,
    pub authorisation_number: Option<String>,
    pub authorisation_expires_on: Option<NaiveDate>,
    pub registered_at: Timestamp,
}

/// A driver as an official sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterEntry {
    /// The same driver always has the same reference; it is no id of our own API.
    pub driver_ref: Uuid,
    /// `pending`, `approved`, `rejected` or `suspended` by the platform.
    pub status: String,
    /// Number plate, without spaces.
    pub plate: String,
    /// `petrol` or `electric`.
    pub fuel: String,
    /// Driving licence, masked.
    pub licence_number_masked: String,
    /// Driving licence, in a case.
    pub licence_number: Option<String>,
    /// Categories of the licence.
    pub licence_category: String,
    /// Last day of the licence.
    pub licence_expires_on: NaiveDate,
    /// The regulator's authorisation, masked.
    pub authorisation_number_masked: Option<String>,
    /// The regulator's authorisation, in a case.
    pub authorisation_number: Option<String>,
    /// Last day of the authorisation.
    pub authorisation_expires_on: Option<NaiveDate>,
    /// Last day of the insurance.
    pub insurance_expires_on: NaiveDate,
    /// Last day of the inspection, where one is on record.
    pub inspection_expires_on: Option<NaiveDate>,
    /// When the driver registered.
    pub registered_at: Timestamp,
    /// Everything that keeps this driver from carrying passengers lawfully today; empty when all is in order.
    pub breaches: Vec<Breach>,
}

/// One reason why a driver may not carry passengers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The platform has not approved the driver, or no longer does.
    NotApproved,
    /// The licence is not for motorcycles.
    LicenceCategory,
    /// The licence has run out.
    LicenceExpired,
    /// There is no authorisation on record.
    AuthorisationMissing,
    /// The authorisation has run out.
    AuthorisationExpired,
    /// The insurance has run out.
    InsuranceExpired,
    /// The inspection has run out.
    InspectionExpired,
}

impl Breach {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApproved => "not_approved",
            Self::LicenceCategory => "licence_category",
            Self::LicenceExpired => "licence_expired",
            Self::AuthorisationMissing => "authorisation_missing",
            Self::AuthorisationExpired => "authorisation_expired",
            Self::InsuranceExpired => "insurance_expired",
            Self::InspectionExpired => "inspection_expired",
        }
    }
}

impl RosterEntry {
    /// What an official sees of a driver on a Kigali day; whole numbers if they may.
    pub(super) fn of(record: DriverRecord, today: NaiveDate, is_unmasked: bool) -> Self {
        Self {
            breaches: breaches(&record, today),
            driver_ref: record.driver_ref,
            status: record.status,
            plate: record.plate,
            fuel: record.fuel,
            licence_number_masked: mask(&record.licence_number),
            licence_category: record.licence_category,
            licence_expires_on: record.licence_expires_on,
            authorisation_number_masked: record.authorisation_number.as_deref().map(mask),
            licence_number: Some(record.licence_number).filter(|_| is_unmasked),
            authorisation_number: record.authorisation_number.filter(|_| is_unmasked),
            authorisation_expires_on: record.authorisation_expires_on,
            insurance_expires_on: record.insurance_expires_on,
            inspection_expires_on: record.inspection_expires_on,
            registered_at: record.registered_at,
        }
    }

    /// Whether the driver may carry passengers.
    pub fn is_compliant(&self) -> bool {
        self.breaches.is_empty()
    }
}

/// A paper is good through its last day.
fn breaches(record: &DriverRecord, today: NaiveDate) -> Vec<Breach> {
    let expired = |last_day: Option<NaiveDate>| last_day.is_some_and(|last_day| last_day < today);
    let mut categories = record.licence_category.split([',', ' ', '/']);
    let conditions = [
        (Breach::NotApproved, record.status != "approved"),
        (Breach::LicenceCategory, !categories.any(|category| category == MOTORCYCLE_CATEGORY)),
        (Breach::LicenceExpired, expired(Some(record.licence_expires_on))),
        (Breach::AuthorisationMissing, record.authorisation_number.is_none()),
        (Breach::AuthorisationExpired, expired(record.authorisation_expires_on)),
        (Breach::InsuranceExpired, expired(Some(record.insurance_expires_on))),
        (Breach::InspectionExpired, expired(record.inspection_expires_on)),
    ];
    conditions.into_iter().filter(|(_, holds)| *holds).map(|(breach, _)| breach).collect()
}

/// A number whose last characters only are shown: three, and never more than a third of it.
fn mask(number: &str) -> String {
    let chars = number.chars().count();
    let hidden = chars - SHOWN_CHARS_MAX.min(chars / 3);
    number.chars().enumerate().map(|(place, c)| if place < hidden { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn record() -> DriverRecord {
        DriverRecord {
            driver_id: Uuid::from_u128(1),
            driver_ref: Uuid::from_u128(1),
            status: "approved".into(),
            plate: "RC123A".into(),
            fuel: "electric".into(),
            licence_number: "1199780012345".into(),
            licence_category: "A".into(),
            licence_expires_on: day("2027-12-31"),
            insurance_expires_on: day("2027-12-31"),
            inspection_expires_on: None,
            authorisation_number: Some("RURA/77/2026".into()),
            authorisation_expires_on: None,
            registered_at: Timestamp::EPOCH,
        }
    }

    fn check(record: DriverRecord, expected: &[Breach]) {
        assert_eq!(RosterEntry::of(record, day("2026-11-23"), false).breaches, expected);
    }

    #[test]
    fn papers_in_order_are_no_breach() {
        check(record(), &[]);
        assert!(RosterEntry::of(record(), day("2026-11-23"), false).is_compliant());
        check(DriverRecord { licence_category: "A,B".into(), ..record() }, &[]);
    }

    #[test]
    fn a_paper_is_good_through_its_last_day() {
        let (today, yesterday) = (day("2026-11-23"), day("2026-11-22"));
        check(DriverRecord { licence_expires_on: today, insurance_expires_on: today, ..record() }, &[]);
        check(DriverRecord { licence_expires_on: yesterday, ..record() }, &[Breach::LicenceExpired]);
        check(DriverRecord { insurance_expires_on: yesterday, ..record() }, &[Breach::InsuranceExpired]);
        check(DriverRecord { inspection_expires_on: Some(yesterday), ..record() }, &[Breach::InspectionExpired]);
        check(DriverRecord { authorisation_expires_on: Some(yesterday), ..record() }, &[Breach::AuthorisationExpired]);
    }

    #[test]
    fn every_breach_is_named() {
        check(DriverRecord { status: "suspended".into(), ..record() }, &[Breach::NotApproved]);
        check(DriverRecord { licence_category: "B".into(), ..record() }, &[Breach::LicenceCategory]);
        check(DriverRecord { licence_category: "A1".into(), ..record() }, &[Breach::LicenceCategory]);
        let nothing = DriverRecord { status: "pending".into(), authorisation_number: None, ..record() };
        check(nothing, &[Breach::NotApproved, Breach::AuthorisationMissing]);
    }

    #[test]
    fn a_masked_number_shows_three_characters_and_never_more_than_a_third() {
        for (number, masked) in
            [("1199780012345", "**********345"), ("12345", "****5"), ("12", "**"), ("", ""), ("ÉÉÉÉÉÉ", "****ÉÉ")]
        {
            assert_eq!(mask(number), masked, "{number}");
        }
    }
}
