//! What is remembered of a round of matching: enough to say later why a ride got this driver, and why not another.
//!
//! Separate because nothing is decided by it: it is written down beside the decision. Bounded: a round has
//! `round_rides_max` rides, a ride `considered_max` drivers.

use crate::ids::{DriverId, OfferId, RideId};
use crate::matching::costs::Parts;
use crate::time::{Span, Timestamp};

/// A round: rides that were matched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundRecord {
    /// When.
    pub at: Timestamp,
    /// Why then.
    pub trigger: Trigger,
    /// How it was solved.
    pub means: Means,
    /// Whether it is proven that no other assignment is cheaper.
    pub certified: bool,
    /// What the assignment costs in all, rides that are left out included.
    pub cost_ms: i64,
    /// What each ride got.
    pub rides: Vec<Choice>,
}

/// What made a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A ride was requested where there are drivers enough.
    AtOnce,
    /// Rides were gathered.
    Gathered,
}

/// How a round was solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// It is the cheapest.
    Exact,
    /// The nearest driver, ride after ride: the policy says so.
    Nearest,
    /// The steps ran out: feasible, and no more than that.
    OutOfSteps,
    /// The solution did not hold against its proof, and the nearest were taken instead.
    Uncertified,
}

/// What one ride got in a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which ride.
    pub ride: RideId,
    /// How long it had been waiting.
    pub waited: Span,
    /// The drivers that were looked at, in the order in which they were named.
    pub considered: Vec<Considered>,
    /// What it costs to leave the ride out of this round.
    pub unassigned_ms: i64,
    /// What the ride pays, the price of its driver included: with no other driver it would pay less.
    pub price_ms: i64,
    /// Who has it; none where it waits on.
    pub chosen: Option<DriverId>,
    /// Who would have been next, at these prices.
    pub runner_up: Option<DriverId>,
    /// The offer that was made of it; none where the ride waits on, or keeps what it has.
    pub offer: Option<OfferId>,
}

/// A driver who was looked at for a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Who.
    pub driver: DriverId,
    /// Time to the pickup.
    pub pickup_eta: Span,
    /// Distance to the pickup.
    pub pickup_distance_m: u32,
    /// The cost by its parts.
    pub parts: Parts,
    /// Their sum.
    pub cost_ms: i64,
    /// What this driver is worth to other rides of the round.
    pub price_ms: i64,
    /// Why this driver was out of the question; none where they were not.
    pub excluded: Option<Exclusion>,
}

/// Why a driver could not have a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusion {
    /// Not on shift any more.
    OffShift,
    /// Without a connection.
    Lost,
    /// On another ride, and not known to finish soon.
    Busy,
    /// Has a next ride already.
    HasNext,
    /// Has another ride on offer.
    Offered,
    /// Had this ride before, on offer or to drive, and did not keep it.
    Passed,
    /// Blocked, by either side.
    Avoided,
    /// Another ride got this driver as head of the stage's queue.
    Queued,
    /// So dear that the ride rather waits on.
    TooCostly,
}
