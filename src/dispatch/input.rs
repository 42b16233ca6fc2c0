//! What the core can be told.

use std::fmt;
use std::str::FromStr;

use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::time::Span;

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
    },
    /// The answer to `AskCandidates`: suitable drivers, nearest in time first.
    Candidates {
        /// The searching ride.
        ride: RideId,
        /// Nearest in time first; may be empty.
        candidates: Vec<Candidate>,
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
    /// The ride is over.
    Complete {
        /// Who.
        driver: DriverId,
        /// Which ride.
        ride: RideId,
    },
    /// The ride is called off.
    Cancel {
        /// Which ride.
        ride: RideId,
        /// By whom.
        by: Canceller,
    },
    /// A driver begins a shift.
    GoOnline {
        /// Who.
        driver: DriverId,
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

/// A driver who could take a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub driver: DriverId,
    /// Travel time to the pickup.
    pub pickup_eta: Span,
    /// Distance to the pickup.
    pub pickup_distance_m: u32,
}

/// Who calls a ride off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    /// The rider.
    Rider(RiderId),
    /// The assigned driver.
    Driver(DriverId),
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
