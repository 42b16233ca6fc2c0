//! What a driver must show before driving: licence, motorcycle, insurance. Pure.
//!
//! Separate so that the rules of the road, which change by decree, are one table of checks with one table of tests.

use chrono::{Datelike, Days, NaiveDate};
use serde::Deserialize;

use crate::drivers::documents::{DocumentKind, Facts};
use crate::error::{Checks, Error};
use crate::time::Timestamp;

/// Categories of the Rwandan driving licence. A1 is for motorcycles adapted to a disability.
const LICENCE_CATEGORIES: [&str; 9] = ["A", "A1", "B", "B1", "C", "D", "D1", "E", "F"];
/// The one that motorcycles need.
const MOTORCYCLES: &str = "A";
/// What can be driven for us.
const RIDE_TYPES: [&str; 2] = ["boda", "delivery"];
/// A motorcycle older than this is a slip of the pen.
const VEHICLE_YEAR_MIN: i32 = 1980;
/// No paper is good for longer: licences last up to ten years.
const VALID_YEARS_MAX: u64 = 30;
const WORD_CHARS_MAX: usize = 40;

/// What moves the motorcycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fuel {
    /// Petrol.
    Petrol,
    /// A battery.
    Electric,
}

impl Fuel {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Petrol => "petrol",
            Self::Electric => "electric",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Petrol, Self::Electric].into_iter().find(|fuel| fuel.as_str() == name)
    }
}

/// Where a driver works: the rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum City {
    /// The capital: newcomers ride electric.
    Kigali,
    /// The provinces.
    Elsewhere,
}

impl City {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kigali => "kigali",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Kigali, Self::Elsewhere].into_iter().find(|city| city.as_str() == name)
    }
}

/// Papers in order: every field was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Papers {
    pub(super) licence_number: String,
    pub(super) licence_category: String,
    pub(super) licence_expires_on: NaiveDate,
    pub(super) plate: String,
    pub(super) vehicle_make: String,
    pub(super) vehicle_model: String,
    pub(super) vehicle_year: i32,
    pub(super) vehicle_colour: String,
    pub(super) fuel: Fuel,
    pub(super) ride_types: Vec<String>,
    pub(super) insurance_number: String,
    pub(super) insurance_expires_on: NaiveDate,
    pub(super) inspection_expires_on: Option<NaiveDate>,
    pub(super) city: City,
}

impl Papers {
    /// What is said of a paper that is sent with the others; nothing of an inspection that was not made.
    pub(super) fn facts(&self, kind: DocumentKind) -> Option<Facts> {
        let (number, expires_on) = match kind {
            DocumentKind::Licence => (Some(&self.licence_number), Some(self.licence_expires_on)),
            DocumentKind::Vehicle => (Some(&self.plate), None),
            DocumentKind::Insurance => (Some(&self.insurance_number), Some(self.insurance_expires_on)),
            DocumentKind::Inspection => (None, Some(self.inspection_expires_on?)),
            _ => return None,
        };
        Some(Facts { number: number.cloned(), expires_on, ..Facts::bare(kind) })
    }

    /// Which papers say something else than before.
    pub(super) fn changed_since(&self, before: Option<&Self>) -> Vec<DocumentKind> {
        let vehicle = |papers: &Self| {
            let Self { vehicle_make, vehicle_model, vehicle_colour, ride_types, .. } = papers.clone();
            (vehicle_make, vehicle_model, vehicle_colour, ride_types, papers.vehicle_year, papers.fuel, papers.city)
        };
        let is_new = |kind: &DocumentKind| {
            let Some(before) = before else { return self.facts(*kind).is_some() };
            let is_other_vehicle = *kind == DocumentKind::Vehicle && vehicle(self) != vehicle(before);
            let is_other_licence = *kind == DocumentKind::Licence && self.licence_category != before.licence_category;
            self.facts(*kind) != before.facts(*kind) || is_other_vehicle || is_other_licence
        };
        DocumentKind::ALL.into_iter().filter(|kind| kind.is_of_papers()).filter(is_new).collect()
    }

    /// The first paper that is no longer good on a day.
    pub fn expired_on(&self, day: NaiveDate) -> Option<&'static str> {
        let papers = [
            ("driving licence", Some(self.licence_expires_on)),
            ("insurance", Some(self.insurance_expires_on)),
            ("inspection", self.inspection_expires_on),
        ];
        papers.into_iter().find(|(_, expires_on)| expires_on.is_some_and(|last| last < day)).map(|(name, _)| name)
    }
}

/// Papers as sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "licence_number": "1199480012345678", "licence_category": "A", "licence_expires_on": "2030-06-30",
    "plate": "RC 123 B", "vehicle_make": "TVS", "vehicle_model": "HLX 125", "vehicle_year": 2022,
    "vehicle_colour": "red", "fuel": "petrol", "ride_types": ["boda"], "insurance_number": "SON-2026-001",
    "insurance_expires_on": "2027-06-30"
}))]
pub struct PapersRequest {
    /// 5 to 25 capital letters, digits, dots, slashes and dashes.
    licence_number: String,
    /// One or several of the licence's categories; A must be among them.
    licence_category: String,
    #[schema(format = Date)]
    licence_expires_on: String,
    /// A private motorcycle's: `RC 123 B`, blanks do not matter.
    plate: String,
    vehicle_make: String,
    vehicle_model: String,
    vehicle_year: i32,
    vehicle_colour: String,
    /// `petrol` or `electric`.
    fuel: String,
    /// So far only `boda`.
    ride_types: Vec<String>,
    insurance_number: String,
    #[schema(format = Date)]
    insurance_expires_on: String,
    #[schema(format = Date)]
    inspection_expires_on: Option<String>,
    /// `permanent`, as when left out. A `provisional` licence is for learning and is refused.
    licence_type: Option<String>,
    /// Where they work: `kigali`, as when left out, or `elsewhere`.
    city: Option<String>,
}

impl PapersRequest {
    /// Checks every field as of `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong.
    pub fn check(&self, now: Timestamp) -> Result<Papers, Error> {
        let today = now.kigali_day();
        let mut checks = Checks::new();
        let years = VEHICLE_YEAR_MIN..=today.year() + 1;
        let reason = format!("is out of range {}..={}", years.start(), years.end());
        checks.require(years.contains(&self.vehicle_year), "vehicle_year", self.vehicle_year, reason);
        let licence_number = document_number(&mut checks, "licence_number", &self.licence_number);
        let licence_category =
            checks.accept("licence_category", &self.licence_category, categories(&self.licence_category));
        let licence_expires_on = expiry(&mut checks, "licence_expires_on", &self.licence_expires_on, today);
        let plate = checks.accept("plate", &self.plate, motorcycle_plate(&self.plate));
        let vehicle_make = checks.text("vehicle_make", &self.vehicle_make, WORD_CHARS_MAX);
        let vehicle_model = checks.text("vehicle_model", &self.vehicle_model, WORD_CHARS_MAX);
        let vehicle_colour = checks.text("vehicle_colour", &self.vehicle_colour, WORD_CHARS_MAX);
        let fuel = checks.accept("fuel", &self.fuel, Fuel::from_name(&self.fuel).ok_or("is not petrol or electric"));
        let ride_types = ride_types(&mut checks, &self.ride_types);
        let insurance_number = checks.text("insurance_number", &self.insurance_number, WORD_CHARS_MAX);
        let insurance_expires_on = expiry(&mut checks, "insurance_expires_on", &self.insurance_expires_on, today);
        let inspection_expires_on = self
            .inspection_expires_on
            .as_deref()
            .and_then(|text| expiry(&mut checks, "inspection_expires_on", text, today));
        let licence_type = match self.licence_type.as_deref() {
            None | Some("permanent") => Ok(()),
            Some("provisional") => Err("is for learning: carrying passengers needs the permanent one"),
            Some(_) => Err("is not permanent or provisional"),
        };
        checks.accept("licence_type", self.licence_type.as_deref().unwrap_or_default(), licence_type);
        let city = self
            .city
            .as_deref()
            .map_or(Ok(City::Kigali), |name| City::from_name(name).ok_or("is not kigali or elsewhere"));
        let city = checks.accept("city", self.city.as_deref().unwrap_or_default(), city);
        checks.finish()?;
        let unchecked = || Error::internal("a field was let through unchecked");
        Ok(Papers {
            licence_number,
            licence_category: licence_category.ok_or_else(unchecked)?,
            licence_expires_on: licence_expires_on.ok_or_else(unchecked)?,
            plate: plate.ok_or_else(unchecked)?,
            vehicle_make,
            vehicle_model,
            vehicle_year: self.vehicle_year,
            vehicle_colour,
            fuel: fuel.ok_or_else(unchecked)?,
            ride_types,
            insurance_number,
            insurance_expires_on: insurance_expires_on.ok_or_else(unchecked)?,
            inspection_expires_on,
            city: city.ok_or_else(unchecked)?,
        })
    }
}

/// Checks the number of a licence or of another document: capitals, digits and a few signs.
pub(super) fn document_number(checks: &mut Checks, field: &str, typed: &str) -> String {
    let number = typed.trim().to_uppercase();
    let is_sign = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '.' | '/' | '-');
    let fits = (5..=25).contains(&number.chars().count()) && number.chars().all(is_sign);
    checks.require(fits, field, typed, "is not 5 to 25 letters, digits, dots, slashes or dashes");
    number
}

/// Checks the last day of a paper: later than today, and not in another lifetime.
pub(super) fn expiry(checks: &mut Checks, field: &str, typed: &str, today: NaiveDate) -> Option<NaiveDate> {
    let parsed = typed.trim().parse().map_err(|_| "is not a day of the form 2027-06-30");
    let day: NaiveDate = checks.accept(field, typed, parsed)?;
    let furthest = today.checked_add_days(Days::new(VALID_YEARS_MAX * 366)).unwrap_or(NaiveDate::MAX);
    checks.require(day > today, field, day, "has expired");
    checks.require(day <= furthest, field, day, "is too far in the future");
    Some(day)
}

/// The categories in the order of the law, with commas between.
fn categories(typed: &str) -> Result<String, String> {
    let upper = typed.to_uppercase();
    let sent: Vec<&str> = upper
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '/'))
        .filter(|part| !part.is_empty())
        .collect();
    if let Some(unknown) = sent.iter().find(|category| !LICENCE_CATEGORIES.contains(category)) {
        return Err(format!("has {unknown:?}, which is not one of {}", LICENCE_CATEGORIES.join(", ")));
    }
    if !sent.contains(&MOTORCYCLES) {
        return Err("does not include A, the category for motorcycles".to_owned());
    }
    let known = LICENCE_CATEGORIES.into_iter().filter(|category| sent.contains(category));
    Ok(known.collect::<Vec<_>>().join(","))
}

/// A plate without blanks and dashes, if it is a private motorcycle's.
fn motorcycle_plate(typed: &str) -> Result<String, &'static str> {
    let plate: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let plate = plate.to_ascii_uppercase();
    let shape: String = plate
        .chars()
        .map(|c| match c {
            '0'..='9' => '9',
            'A'..='Z' => 'X',
            _ => '?',
        })
        .collect();
    match shape.as_str() {
        "XX999X" if plate.starts_with('R') => Ok(plate),
        "XXX999X" if plate.starts_with("GRM") || plate.starts_with("GPM") => {
            Err("is a government or project motorcycle's plate: these may not carry passengers for money")
        }
        "XXX999X" if plate.starts_with('R') => Err("is a car's plate, not a motorcycle's"),
        _ => Err("is not a motorcycle's plate of the form RC 123 B"),
    }
}

/// Known kinds of ride, each once.
fn ride_types(checks: &mut Checks, sent: &[String]) -> Vec<String> {
    checks.require(!sent.is_empty(), "ride_types", "[]", "is empty");
    for (index, word) in sent.iter().enumerate().take(RIDE_TYPES.len() + 1) {
        let known = RIDE_TYPES.contains(&word.as_str());
        checks.require(
            known,
            &format!("ride_types[{index}]"),
            word,
            format_args!("is not one of {}", RIDE_TYPES.join(", ")),
        );
    }
    RIDE_TYPES.into_iter().filter(|known| sent.iter().any(|word| word == known)).map(str::to_owned).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::time::Span;

    /// 2026-09-21 in Kigali.
    pub const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    pub fn request() -> PapersRequest {
        PapersRequest {
            licence_number: "1199480-RC123B".into(),
            licence_category: "A".into(),
            licence_expires_on: "2030-06-30".into(),
            plate: "RC 123 B".into(),
            vehicle_make: "TVS".into(),
            vehicle_model: "HLX 125".into(),
            vehicle_year: 2022,
            vehicle_colour: "red".into(),
            fuel: "petrol".into(),
            ride_types: vec!["boda".into()],
            insurance_number: "SON-2026-001".into(),
            insurance_expires_on: "2027-06-30".into(),
            inspection_expires_on: None,
            licence_type: None,
            city: None,
        }
    }

    /// The request with another plate, and the licence of whoever rides that motorcycle.
    pub fn with_plate(plate: &str) -> PapersRequest {
        let licence = motorcycle_plate(plate).unwrap_or_default();
        PapersRequest { plate: plate.into(), licence_number: format!("1199480-{licence}"), ..request() }
    }

    /// The request with an inspection.
    pub fn inspected() -> PapersRequest {
        PapersRequest { inspection_expires_on: Some("2027-01-31".into()), ..request() }
    }

    /// The request with another insurance.
    pub fn insured_until(day: &str) -> PapersRequest {
        PapersRequest { insurance_expires_on: day.into(), ..request() }
    }

    #[test]
    fn only_a_private_motorcycles_plate_is_taken() {
        let check = |typed: &str, expected: Result<&str, &str>| {
            let checked = motorcycle_plate(typed);
            match expected {
                Ok(plate) => assert_eq!(checked.as_deref(), Ok(plate), "{typed:?}"),
                Err(part) => assert!(checked.expect_err(typed).contains(part), "{typed:?}"),
            }
        };
        for typed in ["RC123B", "RC 123 B", " rc-123-b ", "rC1 23b"] {
            check(typed, Ok("RC123B"));
        }
        check("RAB123C", Err("car's plate"));
        check("rab 123 c", Err("car's plate"));
        check("GRM 123 A", Err("government or project"));
        check("GPM123A", Err("government or project"));
        for typed in
            ["", "RC123", "R123B", "RC1234B", "RC12B", "UC123B", "RC123BB", "RÇ123B", "RC١٢٣B", "XYZ123A", "1C123B"]
        {
            check(typed, Err("is not a motorcycle's plate"));
        }
    }

    #[test]
    fn the_licence_must_be_for_motorcycles() {
        let check = |typed: &str, expected: Result<&str, &str>| match expected {
            Ok(kept) => assert_eq!(categories(typed).as_deref(), Ok(kept), "{typed:?}"),
            Err(part) => {
                let reason = categories(typed).expect_err(typed);
                assert!(reason.contains(part), "{typed:?}: {reason}");
            }
        };
        check("A", Ok("A"));
        check("b, a", Ok("A,B"));
        check("A A1/D", Ok("A,A1,D"));
        check("B", Err("does not include A"));
        check("A1", Err("does not include A"));
        check("", Err("does not include A"));
        check("A, Z", Err("\"Z\""));
    }

    #[test]
    fn a_paper_is_good_through_its_last_day_in_kigali() {
        let check = |day: &str, now: Timestamp, is_fine: bool| {
            let checked = insured_until(day).check(now);
            assert_eq!(checked.is_ok(), is_fine, "{day} at {now}: {checked:?}");
        };
        check("2026-09-22", T0, true);
        check("2026-09-21", T0, false);
        check("2025-01-01", T0, false);
        check("2099-01-01", T0, false);
        check("21/09/2027", T0, false);
        // 23:13 in Kigali is still the 21st; two hours later it is not.
        let evening = T0 + Span::from_minutes(7 * 60);
        check("2026-09-22", evening, true);
        check("2026-09-22", evening + Span::from_minutes(120), false);
        let papers = request().check(T0).expect("in order");
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        assert_eq!(papers.expired_on(day("2027-06-30")), None);
        assert_eq!(papers.expired_on(day("2027-07-01")), Some("insurance"));
        assert_eq!(papers.expired_on(day("2030-07-01")), Some("driving licence"));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let request = PapersRequest {
            licence_number: "abc".into(),
            licence_category: "B".into(),
            licence_expires_on: "soon".into(),
            plate: "RAB123C".into(),
            vehicle_make: String::new(),
            vehicle_model: "x".repeat(41),
            vehicle_year: 1979,
            vehicle_colour: "a\u{7}b".into(),
            fuel: "diesel".into(),
            ride_types: vec!["cab".into()],
            insurance_number: " ".into(),
            insurance_expires_on: "2020-01-01".into(),
            inspection_expires_on: Some("2020-01-01".into()),
            licence_type: Some("provisional".into()),
            city: Some("Goma".into()),
        };
        let error = request.check(T0).expect_err("everything is wrong");
        let fields: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
        let expected = [
            "vehicle_year",
            "licence_number",
            "licence_category",
            "licence_expires_on",
            "plate",
            "vehicle_make",
            "vehicle_model",
            "vehicle_colour",
            "fuel",
            "ride_types[0]",
            "insurance_number",
            "insurance_expires_on",
            "inspection_expires_on",
            "licence_type",
            "city",
        ];
        assert_eq!(fields, expected);
    }
}
