//! Who may ask for what, and what they have to say for it: pure.
//!
//! Separate because this is the agreement with the agencies, not code: which agency may read which report, and which may see
//! a person behind it for the sake of an investigation. A reviewer reads [`Report::may_read`] and [`Report::may_unmask`];
//! a test holds both against a table written out in full.
//!
//! Invariants: no inquiry without a purpose; no person without a case number, and with one only for the agencies that
//! investigate.

use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::web::Agency;

const PURPOSE_CHARS_MIN: usize = 10;
const PURPOSE_CHARS_MAX: usize = 300;
const CASE_CHARS_MIN: usize = 4;
const CASE_CHARS_MAX: usize = 40;
/// Telephone numbers have nine digits, identity numbers sixteen. A date has eight.
const DIGITS_MAX: usize = 8;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Drivers and their papers.
    Drivers,
    /// Rides by day, counted.
    RidesByDay,
    /// Incidents.
    Incidents,
    /// Which official asked for what.
    AccessLog,
}

impl Report {
    /// Every report.
    pub const ALL: [Self; 4] = [Self::Drivers, Self::RidesByDay, Self::Incidents, Self::AccessLog];

    /// Its word in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drivers => "drivers",
            Self::RidesByDay => "rides",
            Self::Incidents => "incidents",
            Self::AccessLog => "access-log",
        }
    }

    /// Whether an agency may read it at all: who licenses or polices drivers reads of them, who plans, taxes or oversees
    /// payments reads counts, and everybody reads what they themselves did.
    pub const fn may_read(self, agency: Agency) -> bool {
        match self {
            Self::Drivers => matches!(agency, Agency::Rura | Agency::Rnp),
            Self::RidesByDay => matches!(agency, Agency::Rura | Agency::Rtda | Agency::Rra | Agency::Bnr),
            Self::Incidents => matches!(agency, Agency::Rura | Agency::Rtda | Agency::Rnp),
            Self::AccessLog => true,
        }
    }

    /// Whether an agency may see, under a case number, what is masked otherwise.
    pub const fn may_unmask(self, agency: Agency) -> bool {
        match self {
            Self::Drivers => matches!(agency, Agency::Rura | Agency::Rnp),
            Self::Incidents => matches!(agency, Agency::Rnp),
            Self::RidesByDay | Self::AccessLog => false,
        }
    }
}

/// An official asks: who, for which agency, for what, and in which case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// The official.
    pub official: UserId,
    /// For which agency.
    pub agency: Agency,
    /// For what.
    pub purpose: String,
    /// In which case, where the law lets them see the person.
    pub case: Option<String>,
}

/// As it was sent.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The header `X-Purpose`.
    pub purpose: Option<String>,
    /// The header `X-Case-Number`.
    pub case: Option<String>,
}

impl Inquiry {
    /// Checks what an official said.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `no_agency`, `agency_not_allowed` or `case_not_allowed`; [`Error::Invalid`] naming
    /// `x-purpose` or `x-case-number`.
    pub fn check(official: UserId, agency: Option<Agency>, report: Report, said: &Said) -> Result<Self, Error> {
        let Some(agency) = agency else {
            return Err(Error::forbidden("no_agency", "your account belongs to no agency; ask an admin to set it"));
        };
        let (name, asked) = (agency.as_str(), report.as_str());
        if !report.may_read(agency) {
            let message = format!("{name} has no mandate to read {asked} here");
            return Err(Error::forbidden("agency_not_allowed", message));
        }
        let mut checks = Checks::new();
        let purpose = purpose(&mut checks, said.purpose.as_deref());
        let case = said.case.as_deref().map(str::trim).filter(|case| !case.is_empty());
        let case = case.map(|case| case_number(&mut checks, case));
        checks.finish()?;
        if case.is_some() && !report.may_unmask(agency) {
            let message = format!("{name} sees no persons in {asked}, with or without a case number");
            return Err(Error::forbidden("case_not_allowed", message));
        }
        Ok(Self { official, agency, purpose, case })
    }

    /// Whether persons are shown.
    pub const fn is_unmasked(&self) -> bool {
        self.case.is_some()
    }
}

/// Some words, and no number that could be somebody's: it is kept for ten years, and the person it is about reads it.
fn purpose(checks: &mut Checks, said: Option<&str>) -> String {
    let said = said.map(str::trim).unwrap_or_default();
    let chars = said.chars().count();
    let range = PURPOSE_CHARS_MIN..=PURPOSE_CHARS_MAX;
    let reason = format!("has not {PURPOSE_CHARS_MIN} to {PURPOSE_CHARS_MAX} characters; say what the inquiry is for");
    checks.require(range.contains(&chars), "x-purpose", said, reason);
    checks.require(!said.chars().any(char::is_control), "x-purpose", said.escape_debug(), "has control characters");
    let has_words = said.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() >= 2;
    checks.require(chars < PURPOSE_CHARS_MIN || has_words, "x-purpose", said, "is less than two words");
    if digits_in_a_row(said) > DIGITS_MAX {
        checks.fault(crate::error::Fault::without_value(
            "x-purpose",
            "has a number as long as a telephone's or an identity card's; name no person in a purpose",
        ));
    }
    said.to_owned()
}

/// The longest run of digits, as people write them: with spaces and dashes between.
fn digits_in_a_row(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        if c.is_numeric() {
            run += 1;
            longest = longest.max(run);
        } else if !matches!(c, ' ' | '-' | '.' | '(' | ')') {
            run = 0;
        }
    }
    longest
}

fn case_number(checks: &mut Checks, said: &str) -> String {
    let case = said.to_uppercase();
    let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '/' | '-' | '.');
    let fits = (CASE_CHARS_MIN..=CASE_CHARS_MAX).contains(&case.chars().count());
    let plausible = fits && case.chars().all(is_plain) && case.chars().any(|c| c.is_ascii_digit());
    let reason = format!(
        "is not {CASE_CHARS_MIN} to {CASE_CHARS_MAX} letters, digits, slashes, dashes and dots, with a digit among them"
    );
    checks.require(plausible, "x-case-number", said, reason);
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICIAL: UserId = UserId(uuid::Uuid::from_u128(9));

    fn said(purpose: &str, case: Option<&str>) -> Said {
        Said { purpose: Some(purpose.to_owned()), case: case.map(str::to_owned) }
    }

    /// `r` reads masked, `R` reads and sees persons under a case number, `-` neither. Reviewed 2026-11-26.
    const TABLE: &str = "
        report      RURA RTDA RRA BNR NCSA RNP
        drivers     R    -    -   -   -    R
        rides       r    r    r   r   -    -
        incidents   r    r    -   -   -    R
        access-log  r    r    r   r   r    r
    ";

    #[test]
    fn agencies_read_what_was_agreed() {
        let mut rows = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
        let agencies: Vec<_> = rows.next().expect("a head").split_whitespace().skip(1).map(Agency::from_name).collect();
        assert_eq!(agencies, Agency::ALL.map(Some));
        let mut reports = Report::ALL.into_iter();
        for row in rows {
            let report = reports.next().expect("a row for each report");
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next(), Some(report.as_str()));
            for (agency, cell) in Agency::ALL.into_iter().zip(cells) {
                let is = (report.may_read(agency), report.may_unmask(agency));
                let expected = match cell {
                    "R" => (true, true),
                    "r" => (true, false),
                    _ => (false, false),
                };
                assert_eq!(is, expected, "{report:?} {agency:?}");
            }
        }
        assert_eq!(reports.next(), None);
    }

    #[test]
    fn nobody_asks_without_an_agency_a_mandate_and_a_purpose() {
        let ask = |agency, report, said: &Said| Inquiry::check(OFFICIAL, agency, report, said);
        let good = said("  Inspection of licences in Gasabo ", None);
        let asked = ask(Some(Agency::Rura), Report::Drivers, &good).expect("may");
        assert_eq!((asked.purpose.as_str(), asked.is_unmasked()), ("Inspection of licences in Gasabo", false));
        let code = |agency, report, said: &Said| ask(agency, report, said).expect_err("refused").code();
        assert_eq!(code(None, Report::Drivers, &good), "no_agency");
        assert_eq!(code(Some(Agency::Bnr), Report::Drivers, &good), "agency_not_allowed");
        assert_eq!(code(Some(Agency::Rura), Report::Drivers, &Said::default()), "invalid_value");
        let with_case = said("Inspection of licences in Gasabo", Some("rura/2026/17"));
        assert_eq!(code(Some(Agency::Rura), Report::Incidents, &with_case), "case_not_allowed");
        let asked = ask(Some(Agency::Rnp), Report::Incidents, &with_case).expect("may");
        assert_eq!((asked.case.as_deref(), asked.is_unmasked()), (Some("RURA/2026/17"), true));
    }

    #[test]
    fn a_purpose_is_words_and_names_nobody() {
        let fields = |purpose: &str, case: Option<&str>| -> Vec<String> {
            match Inquiry::check(OFFICIAL, Some(Agency::Rnp), Report::Drivers, &said(purpose, case)) {
                Ok(_) => Vec::new(),
                Err(error) => error.faults().iter().map(|fault| fault.field.clone()).collect(),
            }
        };
        for good in ["Ubugenzuzi bw'impushya", "Contrôle du 26-11-2026 à Remera", "Accident of 2026-11-25 near KBC"] {
            assert_eq!(fields(good, None), [] as [&str; 0], "{good}");
        }
        let long = "word ".repeat(70);
        for bad in [
            "",
            "control",
            "aaaaaaaaaaaaaa",
            "line\nof a log entry",
            "owner of 0788 123 456",
            "check 1199080012345678 now",
            &long,
        ] {
            assert_eq!(fields(bad, None), ["x-purpose"], "{bad}");
        }
        for bad in ["abc", "nodigits", "no spaces 1", "x'; DROP TABLE--1", &"1".repeat(41), "ÄB/1234"] {
            assert_eq!(fields("Accident of last night", Some(bad)), ["x-case-number"], "{bad}");
        }
    }

    #[test]
    fn the_number_of_a_person_is_not_repeated() {
        let error = Inquiry::check(OFFICIAL, Some(Agency::Rnp), Report::Drivers, &said("owner of 0788 123 456", None));
        assert!(!error.expect_err("refused").to_string().contains("0788"));
    }
}
