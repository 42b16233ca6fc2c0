//! Names in Kigali's style: letters of the district, a number, and Rd, Ave or St ("KN 3 Rd"); some have names in words.
//!
//! Separate because it knows the language of the place, and nothing of geometry.

use std::collections::BTreeMap;

use super::chance::Chance;
use crate::road::network::RoadClass;

/// In Kinyarwanda, English and French, as the city mixes them. Invented, but of words that the real ones are made of.
const WORDS: [&str; 24] = [
    "Boulevard de l'Umuganda",
    "Ubumwe Avenue",
    "Avenue de la Paix",
    "Airport Boulevard",
    "Amahoro Avenue",
    "Avenue des Mille Collines",
    "Umucyo Road",
    "Rue du Marché",
    "Intwari Avenue",
    "Market Road",
    "Avenue de la Justice",
    "Imihigo Road",
    "Rue du Lac Muhazi",
    "Parliament Road",
    "Avenue de l'Indépendance",
    "Urugwiro Boulevard",
    "Rue de l'Hôpital",
    "Icyerekezo Avenue",
    "Stadium Road",
    "Avenue du Commerce",
    "Inshuti Road",
    "Rue de la Source",
    "Agaseke Avenue",
    "Hillside Road",
];

/// Hands out street names, each once.
#[derive(Debug, Default)]
pub(super) struct Namer {
    numbers: BTreeMap<(&'static str, &'static str), u32>,
    words: usize,
    national: u32,
}

impl Namer {
    /// A name for a street; `None` where people have given it none.
    pub(super) fn name(&mut self, class: RoadClass, district: &str, chance: &mut Chance) -> Option<String> {
        let suffix = match class {
            RoadClass::Motorway | RoadClass::Trunk => {
                self.national += 1;
                return Some(format!("RN {}", self.national));
            }
            RoadClass::Primary | RoadClass::Secondary if self.words < WORDS.len() && chance.happens(0.5) => {
                self.words += 1;
                return Some(WORDS[self.words - 1].to_owned());
            }
            RoadClass::Primary => "Rd",
            RoadClass::Secondary | RoadClass::Tertiary => "Ave",
            RoadClass::Track => return None,
            RoadClass::Unclassified if chance.happens(0.4) => return None,
            _ => "St",
        };
        let letters = letters(district);
        let number = self.numbers.entry((letters, suffix)).or_default();
        // The city left numbers free for streets to come.
        *number += 1 + chance.below(3) as u32;
        Some(format!("{letters} {number} {suffix}"))
    }
}

/// As the signs of Kigali abbreviate its districts.
fn letters(district: &str) -> &'static str {
    match district {
        "Nyarugenge" => "KN",
        "Gasabo" => "KG",
        _ => "KK",
    }
}
