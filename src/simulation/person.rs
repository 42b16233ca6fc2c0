//! Who lives in the simulated city: names, telephones, plates and tempers, all drawn from the seed. Pure.
//!
//! Separate because a city that is started again on the same data must be the same people: person `n` of a role has the
//! same telephone every time and simply signs in again.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::phone::Phone;
use crate::time::{Span, Timestamp};
use crate::web::Role;

const FIRST_NAMES: [&str; 24] = [
    "Aline",
    "Eric",
    "Claudine",
    "Jean",
    "Diane",
    "Patrick",
    "Solange",
    "Emmanuel",
    "Chantal",
    "Innocent",
    "Grace",
    "Olivier",
    "Esperance",
    "Fabrice",
    "Immaculee",
    "Thierry",
    "Josiane",
    "Samuel",
    "Yvonne",
    "Alexis",
    "Beatha",
    "Gilbert",
    "Nadine",
    "Celestin",
];
const LAST_NAMES: [&str; 20] = [
    "Uwase",
    "Mugisha",
    "Ingabire",
    "Niyonzima",
    "Mukamana",
    "Habimana",
    "Uwimana",
    "Nshimiyimana",
    "Umutoni",
    "Ndayisaba",
    "Iradukunda",
    "Bizimana",
    "Mutesi",
    "Hakizimana",
    "Ishimwe",
    "Nkurunziza",
    "Gasana",
    "Kayitesi",
    "Rukundo",
    "Munyaneza",
];
const MOTORCYCLES: [(&str, &str); 5] = [
    ("TVS", "Apache RTR 160"),
    ("TVS", "Victor GLX"),
    ("Bajaj", "Boxer 100"),
    ("Ampersand", "Alpha"),
    ("Spiro", "Ekon 450"),
];
const COLOURS: [&str; 5] = ["red", "black", "blue", "green", "grey"];

/// Telephones are taken from this many, and plates (26 × 1,000 × 26) from that many, in steps that share no divisor with
/// either: nobody meets a number again before all are used.
const NUMBERS: u64 = 1_000_000;
const PLATES: u64 = 676_000;
const STEP: u64 = 7_919;
const SEED_STEP: u64 = 104_729;

/// Somebody.
#[derive(Clone, Debug)]
pub struct Person {
    /// Driver or rider.
    pub role: Role,
    /// Number within the role, from 0.
    pub index: u32,
    /// First name.
    pub first_name: &'static str,
    /// Last name.
    pub last_name: &'static str,
    /// The telephone, and with it the account.
    pub phone: Phone,
    number: u64,
    plate_number: usize,
}

/// A motorcycle and its papers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motorcycle {
    /// Number plate.
    pub plate: String,
    /// Make.
    pub make: &'static str,
    /// Model.
    pub model: &'static str,
    /// Colour.
    pub colour: &'static str,
    /// `petrol` or `electric`.
    pub fuel: &'static str,
}

impl Person {
    /// Person `index` of a role in the city of `seed`, and the dice this person throws.
    pub fn new(seed: u64, role: Role, index: u32) -> (Self, StdRng) {
        let is_driver = role == Role::Driver;
        let mut rng = StdRng::seed_from_u64(seed ^ (u64::from(index) << 20) ^ (u64::from(is_driver) << 60));
        let step = u64::from(index) * STEP + seed % NUMBERS * SEED_STEP;
        let number = step % NUMBERS;
        // The ranges of the smaller operator, with a 7 at the end: clear of the numbers people type in examples, and of
        // those ending in 000, which the sandbox refuses on purpose.
        let phone = format!("+2507{}{number:06}7", if is_driver { 3 } else { 2 });
        let person = Self {
            role,
            index,
            first_name: FIRST_NAMES[rng.random_range(0..FIRST_NAMES.len())],
            last_name: LAST_NAMES[rng.random_range(0..LAST_NAMES.len())],
            phone: Phone::parse(&phone).expect("ranges 72 and 73 with seven digits are mobile numbers"),
            number,
            plate_number: usize::try_from(step % PLATES).unwrap_or_default(),
        };
        (person, rng)
    }

    /// What this person drives, if a driver.
    pub fn motorcycle(&self) -> Motorcycle {
        let number = self.plate_number;
        let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or_default());
        let (make, model) = MOTORCYCLES[number % MOTORCYCLES.len()];
        Motorcycle {
            plate: format!("R{}{:03}{}", letter(number / 26_000), number % 1_000, letter(number / 1_000)),
            make,
            model,
            colour: COLOURS[number % 7 % COLOURS.len()],
            fuel: if matches!(make, "Ampersand" | "Spiro") { "electric" } else { "petrol" },
        }
    }

    /// This person's papers as a driver, good for months, as the API takes them.
    pub fn papers(&self, now: Timestamp) -> Value {
        let (motorcycle, number) = (self.motorcycle(), format!("{:06}", self.number));
        let in_days = |days: i64| (now + Span::from_minutes(days * 24 * 60)).kigali_day().to_string();
        json!({
            "licence_number": format!("RW-A-{number}"), "licence_category": "A", "licence_expires_on": in_days(1_200),
            "plate": motorcycle.plate, "vehicle_make": motorcycle.make, "vehicle_model": motorcycle.model,
            "vehicle_year": 2023, "vehicle_colour": motorcycle.colour, "fuel": motorcycle.fuel, "ride_types": ["boda"],
            "insurance_number": format!("INS-{number}"), "insurance_expires_on": in_days(300),
            "inspection_expires_on": in_days(150),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_is_the_same_people() {
        for index in [0, 1, 299] {
            let (one, mut dice) = Person::new(5, Role::Driver, index);
            let (other, mut other_dice) = Person::new(5, Role::Driver, index);
            assert_eq!((one.phone, one.first_name), (other.phone, other.first_name));
            assert_eq!(dice.random::<u64>(), other_dice.random::<u64>());
        }
        assert_ne!(Person::new(5, Role::Driver, 0).0.phone, Person::new(6, Role::Driver, 0).0.phone);
    }

    #[test]
    fn no_two_people_share_a_telephone_and_no_two_drivers_a_plate() {
        let people = |role| (0..5_000).map(move |index| Person::new(9, role, index).0);
        let phones: BTreeSet<_> =
            people(Role::Driver).chain(people(Role::Customer)).map(|person| person.phone).collect();
        assert_eq!(phones.len(), 10_000);
        let plates: BTreeSet<_> = people(Role::Driver).map(|person| person.motorcycle().plate).collect();
        assert_eq!(plates.len(), 5_000);
    }

    #[test]
    fn a_plate_looks_like_one() {
        let plate = Person::new(1, Role::Driver, 17).0.motorcycle().plate;
        assert_eq!(plate.len(), 6);
        assert!(plate.starts_with('R') && plate[2..5].bytes().all(|byte| byte.is_ascii_digit()), "{plate}");
    }
}
