//! The agencies of government that read here.
//!
//! Separate from the service `government`, because an account, a record of the audit log and the access log of a person
//! all name one.

use serde::{Deserialize, Serialize};

/// A government agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Agency {
    /// Rwanda Utilities Regulatory Authority: licenses operators and sets fares.
    Rura,
    /// Rwanda Transport Development Agency: plans roads and public transport.
    Rtda,
    /// Rwanda Revenue Authority: taxes.
    Rra,
    /// National Bank of Rwanda: payments.
    Bnr,
    /// National Cyber Security Authority: data protection.
    Ncsa,
    /// Rwanda National Police: traffic, accidents, crime.
    Rnp,
}

impl Agency {
    /// Every agency.
    pub const ALL: [Self; 6] = [Self::Rura, Self::Rtda, Self::Rra, Self::Bnr, Self::Ncsa, Self::Rnp];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rura => "RURA",
            Self::Rtda => "RTDA",
            Self::Rra => "RRA",
            Self::Bnr => "BNR",
            Self::Ncsa => "NCSA",
            Self::Rnp => "RNP",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agency| agency.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agency_has_one_name_everywhere() {
        for agency in Agency::ALL {
            assert_eq!(Agency::from_name(agency.as_str()), Some(agency));
            assert_eq!(serde_json::to_value(agency).expect("a word"), agency.as_str());
        }
        assert_eq!(Agency::from_name("FBI"), None);
    }
}
