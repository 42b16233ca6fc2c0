//! What an incident is and how it is worked off: pure.
//!
//! Separate because the states are a promise to the person who reported: an incident never falls back to "nobody has
//! looked", and one that is closed stays closed.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                let known = || Self::ALL.iter().map(|one| one.as_str());
                let found = Self::ALL.iter().copied().find(|one| one.as_str() == word);
                found.ok_or_else(|| UnknownWord(known().collect::<Vec<_>>().join(", ")))
            }
        }
    };
}

words! {
    /// What happened.
    Kind {
        /// A crash or a fall.
        Accident = "accident",
        /// Something was stolen.
        Theft = "theft",
        /// Somebody was harassed or threatened.
        Harassment = "harassment",
        /// The motorcycle failed.
        Breakdown = "breakdown",
        /// Somebody is ill or hurt.
        Medical = "medical",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// How bad it is, in the eyes of who reports it.
    Severity {
        /// Worth knowing.
        Low = "low",
        /// Somebody should look.
        Medium = "medium",
        /// Somebody should look today.
        High = "high",
        /// Somebody is in danger.
        Critical = "critical",
    }
}

words! {
    /// How far it is worked off.
    State {
        /// Nobody has looked yet.
        Reported = "reported",
        /// Somebody looks into it.
        Investigating = "investigating",
        /// What could be done was done; it can still be opened again.
        Resolved = "resolved",
        /// Over for good.
        Closed = "closed",
    }
}

impl State {
    /// Whether an incident may go from here to there. Staying where it is is no step.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Reported, Self::Investigating | Self::Resolved | Self::Closed)
                | (Self::Investigating, Self::Resolved | Self::Closed)
                | (Self::Resolved, Self::Investigating | Self::Closed)
        )
    }
}

/// A word that is none of the known ones, which it lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of {0}")]
pub struct UnknownWord(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_never_unseen_again_and_a_closed_one_stays_closed() {
        for &state in State::ALL {
            assert!(!state.may_become(State::Reported), "{state:?}");
            assert!(!State::Closed.may_become(state), "{state:?}");
            assert!(!state.may_become(state), "{state:?}");
            assert_eq!(state.may_become(State::Closed), state != State::Closed, "{state:?}");
        }
    }

    #[test]
    fn a_resolved_incident_can_be_opened_again() {
        assert!(State::Resolved.may_become(State::Investigating));
        assert!(!State::Investigating.may_become(State::Reported));
    }

    #[test]
    fn every_word_is_read_back_and_a_strange_one_is_told_the_known_ones() {
        for &kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.as_str());
        }
        for &severity in Severity::ALL {
            assert_eq!(severity.as_str().parse(), Ok(severity));
            assert_eq!(serde_json::to_value(severity).expect("a word"), severity.as_str());
        }
        let error = "grave".parse::<Severity>().expect_err("no such word");
        assert_eq!(error.to_string(), "is none of low, medium, high, critical");
    }
}
