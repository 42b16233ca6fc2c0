//! Why a ride went to whom: the record of its rounds, for operators, and "why not me", for drivers.
//!
//! Separate because nobody decides by it. What the core weighed in a round is cut into one row for each ride
//! ([`Keeper`]), written with the offer that came of it, and read by two: an operator sees all of it, a driver hears in plain
//! words why a ride near by went to somebody else, and nothing about who that was.

pub mod http;
mod keeper;
mod packed;
mod reading;
mod round;
pub(super) mod store;
#[cfg(test)]
mod tests;
mod why;
mod words;

use crate::time::Span;

pub use keeper::{Keeper, Looked};
pub use reading::{CandidateView, DecisionView, PartsView, RoundView, WhyNotView};
pub use round::{Reason, RideRound};

/// Numbers of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Rounds that are kept of one ride.
    pub rounds_max: u16,
    /// Drivers that are kept of one round.
    pub considered_max: usize,
    /// How long rounds are kept.
    pub retention: Span,
    /// How far back a driver may ask.
    pub why_not_for: Span,
    /// Rounds of the city that are looked through for one such question.
    pub why_not_rounds_max: i64,
}
