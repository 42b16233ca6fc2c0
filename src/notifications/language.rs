//! The languages the platform speaks to people.

use serde::{Deserialize, Serialize};

/// A language a person chose; Kinyarwanda until they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Kinyarwanda.
    #[default]
    Rw,
    /// English.
    En,
    /// French.
    Fr,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rw, Self::En, Self::Fr];

    /// The code on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rw => "rw",
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// From the code on the wire and in the database.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == code)
    }
}
