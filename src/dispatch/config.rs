//! The core's own numbers. Every one has its reason in `config/default.toml`.

use crate::matching::costs::Weights;
use crate::time::Span;

/// Who gets which driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The nearest free driver, request after request.
    Greedy,
    /// Rides are matched together where drivers are few, at the least cost in all.
    Batch,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who gets which driver.
    pub policy: Policy,
    /// What a pairing costs.
    pub weights: Weights,
    /// Edges that one solve looks at; when they run out its solution is no optimum.
    pub solve_steps_max: u64,

    /// So many suitable free drivers
    pub at_once_drivers: usize,
    /// who would be at the pickup within this time are enough to match a request at once.
    pub at_once_reach: Span,
    /// How long the first ride that waits gathers others.
    pub gather: Span,
    /// How long until the next round while rides wait.
    pub round_interval: Span,
    /// How long after a round the next begins at the earliest, whatever happens.
    pub round_gap: Span,
    /// The same two for the greedy policy.
    pub search_interval: Span,
    /// Rides of one round; those who wait longest come first.
    pub round_rides_max: usize,
    /// Candidates of one ride that are weighed, and kept in the record.
    pub considered_max: usize,

    /// How long a driver may think about an offer.
    pub offer_ttl: Span,
    /// How long an offer waits for a driver whose connection broke.
    pub lost_grace: Span,
    /// How long a ride is searched for before it ends as `no_driver_found`.
    pub search_max: Span,
    /// How many refusals a search takes.
    pub offers_max: u16,
    /// After so many refusals a ride may be offered to several drivers at once,
    pub parallel_after: u16,
    /// to so many.
    pub parallel_max: usize,
    /// How many drivers a ride may lose after they took it; then it ends.
    pub rematches_max: usize,

    /// How often a better driver is looked for while one is on the way; zero: never.
    pub stand_by_interval: Span,
    /// For how many rides in one go.
    pub stand_by_rides_max: usize,
    /// How late a driver may be for a next ride before it is given to another.
    pub next_late_max: Span,
    /// How long a driver on the way may be without a connection before the ride is given to another.
    pub dark_after: Span,
    /// How long a nudged driver has to mend what is wrong.
    pub nudge_grace: Span,
    /// How long a nudge is remembered: later trouble is new trouble.
    pub nudge_memory: Span,

    /// Wrong PINs before the ride's start, or a parcel's hand-over, is locked for a while.
    pub pin_attempts_max: u8,
    /// How long it stays locked.
    pub pin_lock: Span,
    /// How long a driver may be without a connection before the shift ends by itself.
    pub lost_shift_max: Span,
    /// How long an ended ride is remembered, so that a repeated command is answered as the first time.
    pub remember_ended: Span,
}

#[cfg(test)]
impl Config {
    /// Small and round numbers; requests are matched at once where there is a driver.
    pub(crate) fn for_tests() -> Self {
        Self {
            policy: Policy::Batch,
            weights: Weights::for_tests(),
            solve_steps_max: 100_000,
            at_once_drivers: 1,
            at_once_reach: Span::from_secs(600),
            gather: Span::from_secs(1),
            round_interval: Span::from_secs(2),
            round_gap: Span::from_millis(100),
            search_interval: Span::from_secs(2),
            round_rides_max: 16,
            considered_max: 8,
            offer_ttl: Span::from_secs(15),
            lost_grace: Span::from_secs(3),
            search_max: Span::from_secs(120),
            offers_max: 4,
            parallel_after: 2,
            parallel_max: 2,
            rematches_max: 2,
            stand_by_interval: Span::from_secs(10),
            stand_by_rides_max: 4,
            next_late_max: Span::from_secs(180),
            dark_after: Span::from_secs(90),
            nudge_grace: Span::from_secs(45),
            nudge_memory: Span::from_secs(300),
            pin_attempts_max: 3,
            pin_lock: Span::from_secs(60),
            lost_shift_max: Span::from_secs(300),
            remember_ended: Span::from_secs(600),
        }
    }
}
