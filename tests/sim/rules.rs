//! What must hold, by name.

use std::fmt;

/// A rule of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The core's own invariants, checked from scratch.
    Audit,
    /// No deadline lies in the past.
    Deadlines,
    /// Every offer ends at its deadline.
    OffersEnd,
    /// Nothing is said that was not persisted.
    SaidIsWritten,
    /// What was acknowledged is never lost.
    Acknowledged,
    /// A driver has one ride under way.
    OneUnderWay,
    /// A driver has one ride after it.
    OneNext,
    /// A driver has one offer.
    OneOffer,
    /// A rider has one live ride.
    OneForRider,
    /// What was written is not changed.
    AppendOnly,
    /// Places in the stream only grow.
    StreamGrows,
    /// Who passed on a ride is not asked again.
    NotAskedAgain,
    /// Whoever loses a race hears it before the winner does.
    LosersFirst,
    /// A restart tells again what was told.
    ToldAgain,
    /// A restart knows every live ride and open offer.
    Restored,
    /// When all goes well again everything comes to its end.
    Drains,
    /// In the end every app knows how things stand.
    AppsKnow,
}

/// A rule that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// How it was seen.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.how)
    }
}

/// What a check says.
pub type Checked = Result<(), Violation>;

/// Fails unless the condition holds.
pub fn hold(condition: bool, rule: Rule, how: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(Violation { rule, how: how() }) }
}
