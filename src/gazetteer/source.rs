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

/// A piece of a street with a name: pieces of one name near each other are one street.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Street {
    /// What it is called.
    pub name: String,
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
    /// Whether a place is in it.
    pub fn contains(&self, place: LatLng) -> bool {
        self.rings.iter().filter(|ring| ring.contains(place)).count() % 2 == 1
    }
}
