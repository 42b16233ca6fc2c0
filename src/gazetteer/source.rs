//! What a gazetteer is made of: places, streets and boundaries as an importer finds them.
//!
//! Separate from how they are kept, which is compact and for reading only.

use super::Kind;
use crate::geo::{LatLng, Polygon};

/// A language in which places have names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Language {
    /// Kinyarwanda.
    Rw,
    /// English.
    En,
    /// French.
    Fr,
}

impl Language {
    /// Its code (ISO 639-1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rw => "rw",
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// By its code (ISO 639-1).
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Rw, Self::En, Self::Fr].into_iter().find(|language| language.as_str() == code)
    }
}

/// What something is called.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Names {
    /// As the sign says.
    pub local: String,
    /// In a language, where that differs.
    pub translated: Vec<(Language, String)>,
    /// Old names, short names, what people say.
    pub others: Vec<String>,
}

impl Names {
    /// As OpenStreetMap has them, the usual one first: language (`rw`, `en`, `fr`, or empty where none is said) and name.
    pub fn of_osm(tagged: &[(String, String)]) -> Self {
        let mut names = Self::local(tagged.first().map(|(_, name)| name.clone()).unwrap_or_default());
        for (code, name) in tagged {
            match Language::parse(code) {
                Some(language) => names.translated.push((language, name.clone())),
                None if *name != names.local => names.others.push(name.clone()),
                None => {}
            }
        }
        names
    }

    /// One name and no other.
    pub fn local(name: impl Into<String>) -> Self {
        Self { local: name.into(), ..Self::default() }
    }
}

/// A place with a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// What it is called.
    pub names: Names,
    /// What it is.
    pub kind: Kind,
    /// Where: the middle of it.
    pub point: LatLng,
    /// How likely somebody means it, 0 to 255; [`Kind::importance`] where nothing more is known.
    pub importance: u8,
}

impl Place {
    /// As OpenStreetMap has it, by the word that says what it is (`hospital`, `bus_station`, `suburb`).
    pub fn of_osm(tagged: &[(String, String)], word: &str, point: LatLng) -> Self {
        let kind = Kind::of_word(word);
        Self { names: Names::of_osm(tagged), kind, point, importance: kind.importance() }
    }
}

/// A piece of a street with a name: pieces of one name near each other are one street.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Street {
    /// What it is called.
    pub names: Names,
    /// The middle of the piece.
    pub point: LatLng,
    /// How likely somebody means it, 0 to 255; [`Kind::importance`] where nothing more is known.
    pub importance: u8,
}

/// A level of administration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Level {
    /// Akarere: level 6 of OpenStreetMap in Rwanda.
    District,
    /// Umurenge: level 8.
    Sector,
}

/// The outline of a sector or a district.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Boundary {
    /// Which of the two.
    pub level: Level,
    /// What it is called, without "District".
    pub name: String,
    /// Its rings, outer and inner: inside is what an odd number of them surrounds.
    pub rings: Vec<Polygon>,
}

impl Boundary {
    /// As OpenStreetMap has it. `None` where its `admin_level` is neither a district's (6) nor a sector's (8), or no ring of
    /// it encloses anything.
    pub fn of_osm(name: &str, admin_level: u8, rings: Vec<Vec<LatLng>>) -> Option<Self> {
        let level = match admin_level {
            6 => Level::District,
            8 => Level::Sector,
            _ => return None,
        };
        let rings: Vec<Polygon> = rings.into_iter().filter_map(|ring| Polygon::new(ring).ok()).collect();
        // Some are called "Gasabo District".
        let name = name.trim_end_matches(" District").trim_end_matches(" Sector").to_owned();
        (!rings.is_empty()).then_some(Self { level, name, rings })
    }

    /// Whether a place is in it.
    pub fn contains(&self, place: LatLng) -> bool {
        self.rings.iter().filter(|ring| ring.contains(place)).count() % 2 == 1
    }
}
