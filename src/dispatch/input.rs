//! What the core can be told.

use std::fmt;
use std::str::FromStr;

use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::matching::record::Record;
use crate::time::{Span, Timestamp};

/// Everything that can happen to the core besides time passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A rider wants a ride. The id and the PIN are made at the edge.
    RequestRide {
        /// The new ride.
        ride: RideId,
        /// Who rides.
        rider: RiderId,
        /// What the rider tells the driver at pickup.
        pin: Pin,
        /// What kind of ride.
        order: Order,
    },
    /// A rider and a driver met at the roadside: the ride is requested, taken and started in one.
    Pair {
        /// The new ride.
        ride: RideId,
        /// Who rides.
        rider: RiderId,
        /// Who drives: on shift, and without a ride.
        driver: DriverId,
        /// The ride's PIN, for the record.
        pin: Pin,
    },
    /// The answer to `AskCandidates`, or a part of it.
    Candidates {
        /// One for each ride that was asked for.
        answers: Vec<Answer>,
    },
    /// A driver takes an offer.
    AcceptOffer {
        /// Who takes it.
        driver: DriverId,
        /// Which.
        offer: OfferId,
    },
    /// A driver passes on an offer.
    DeclineOffer {
        /// Who passes.
        driver: DriverId,
        /// Which.
        offer: OfferId,
    },
    /// The driver stands at the pickup.
    Arrive {
        /// Who.
        driver: DriverId,
        /// Which ride.
        ride: RideId,
    },
    /// The ride starts; the PIN proves that the right rider sits on the bike.
    Start {
        /// Who.
        driver: DriverId,
        /// Which ride.
        ride: RideId,
        /// What the rider said.
        pin: Pin,
    },
    /// The driver is at a stop between pickup and destination.
    ReachStop {
        /// Who.
        driver: DriverId,
        /// Which ride.
        ride: RideId,
        /// Which stop, from 1. Stops are reached in their order.
        stop: u8,
    },
    /// The ride is over.
    Complete {
        /// Who.
        driver: DriverId,
        /// Which ride.
        ride: RideId,
        /// What the receiver of a parcel said; needed where the order has a hand-over PIN.
        pin: Option<Pin>,
    },
    /// The ride is called off.
    Cancel {
        /// Which ride.
        ride: RideId,
        /// By whom.
        by: Canceller,
    },
    /// A scheduled ride is moved to another time.
    Reschedule {
        /// Which ride.
        ride: RideId,
        /// Whose.
        rider: RiderId,
        /// When its search begins and ends now; the rest of it stays as it was ordered.
        order: Order,
    },
    /// The way to the pickup does not go well, says who watches it. The first time the driver is nudged, after a grace the
    /// ride is given to another.
    PickupTrouble {
        /// Who should be on the way.
        driver: DriverId,
        /// To which ride.
        ride: RideId,
        /// What is wrong.
        trouble: Trouble,
    },
    /// A driver begins a shift.
    GoOnline {
        /// Who.
        driver: DriverId,
        /// Of the driver's offers so far; from now on the core counts itself.
        record: Record,
    },
    /// A driver ends the shift.
    GoOffline {
        /// Who.
        driver: DriverId,
    },
    /// A driver's connection broke.
    DriverLost {
        /// Whose.
        driver: DriverId,
    },
    /// A driver is connected again.
    DriverBack {
        /// Who.
        driver: DriverId,
    },
}

/// What is particular to a ride. By default an ordinary one, now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// When the search for a driver begins, of a scheduled ride; at once where it is none, or past.
    pub search_from: Option<Timestamp>,
    /// Until when a driver is looked for at least, of a scheduled ride: what was promised.
    pub search_until: Option<Timestamp>,
    /// How many scheduled rides its rider may have waiting, this one included.
    pub scheduled_max: Option<u16>,
    /// Of a parcel: what its receiver tells the driver; without it the ride is not completed.
    pub handover: Option<Pin>,
    /// Stops between pickup and destination.
    pub stops: u8,
    /// Goes before others, at a price.
    pub is_express: bool,
    /// Drivers who do not get it: blocked, by either side. Bounded by who makes the order.
    pub avoid: Vec<DriverId>,
    /// Drivers the rider likes. Bounded by who makes the order.
    pub favour: Vec<DriverId>,
    /// Rides the rider kept, and called off after a driver was assigned.
    pub rider_record: Record,
}

/// The candidates of one ride.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The ride that was asked for.
    pub ride: RideId,
    /// Nearest in time first; may be empty.
    pub candidates: Vec<Candidate>,
}

/// A driver who could take a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub driver: DriverId,
    /// Time to the pickup, with the rest of the ride before, if there is one.
    pub pickup_eta: Span,
    /// Distance to the pickup, from where the driver is free.
    pub pickup_distance_m: u32,
    /// The rest of the ride that the driver is on.
    pub finishing: Option<Span>,
    /// Place in the queue of the stage at the pickup; 0 is its head.
    pub queue_place: Option<u16>,
    /// What it is worth that this driver stays where they are; zero unless learned values are on.
    pub place_value: Span,
}

impl Candidate {
    /// A free driver of whom nothing else is known.
    pub const fn free(driver: DriverId, pickup_eta: Span, pickup_distance_m: u32) -> Self {
        Self { driver, pickup_eta, pickup_distance_m, finishing: None, queue_place: None, place_value: Span::ZERO }
    }
}

/// What is wrong on the way to a pickup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The driver does not move.
    Stalled,
    /// The driver moves, and not towards the pickup.
    GoingAway,
    /// Nothing is heard of the driver.
    Dark,
}

/// Who calls a ride off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    /// The rider.
    Rider(RiderId),
    /// The assigned driver.
    Driver {
        /// Who.
        driver: DriverId,
        /// Whether the ride goes to another driver instead of ending: when it is not the rider's doing.
        rematch: bool,
    },
    /// An operator, or the system itself.
    System,
}

/// Four digits that the rider tells the driver at pickup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin(u16);

/// The text is not four digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be four digits")]
pub struct PinError;

impl Pin {
    /// A PIN out of any random number.
    pub const fn from_random(random: u32) -> Self {
        // The remainder of 2^32 by 10,000 favours some PINs by one in 429,497: nothing against five attempts.
        Self((random % 10_000) as u16)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// Never shows the digits: inputs end up in traces.
impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(****)")
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map(Self).map_err(|_| PinError)
        } else {
            Err(PinError)
        }
    }
}
