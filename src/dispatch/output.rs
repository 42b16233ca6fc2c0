//! What the core says. Facts are persisted first and told second; everything a person ever hears is derived from a
//! [`Decision`], so nothing can be said that was not persisted.

use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::time::{Span, Timestamp};

/// One output, in the order in which it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A fact about a ride: commit, then tell.
    Decided(Decision),
    /// A driver began a shift: commit, then make searchable.
    ShiftOpened {
        /// Who.
        driver: DriverId,
        /// When.
        at: Timestamp,
    },
    /// A driver's shift ended: commit.
    ShiftClosed {
        /// Who.
        driver: DriverId,
        /// When.
        at: Timestamp,
    },
    /// Look for drivers and answer with [`super::Input::Candidates`].
    AskCandidates {
        /// The searching ride.
        ride: RideId,
        /// Drivers who are out of the question.
        passed: Vec<DriverId>,
    },
    /// What a driver is available for has changed: the index follows at once, so that the next search sees it.
    Availability {
        /// Whose.
        driver: DriverId,
        /// What for.
        availability: Availability,
    },
    /// The command succeeded (now, or it had succeeded before).
    Done,
    /// The command was refused; nothing changed.
    Refused(Refusal),
}

/// A fact in the timeline of a ride.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whose timeline.
    pub ride: RideId,
    /// Position in it, from 1.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    pub fact: Fact,
}

/// What happened to a ride.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It was requested.
    Requested {
        /// By whom.
        rider: RiderId,
    },
    /// It was offered to a driver.
    OfferMade {
        /// Which offer.
        offer: OfferId,
        /// To whom.
        driver: DriverId,
        /// Travel time to the pickup.
        pickup_eta: Span,
        /// Distance to the pickup.
        pickup_distance_m: u32,
        /// Until when.
        deadline: Timestamp,
    },
    /// An offer ended without becoming the ride's driver.
    OfferClosed {
        /// Which offer.
        offer: OfferId,
        /// Whose.
        driver: DriverId,
        /// How.
        outcome: OfferOutcome,
    },
    /// A driver accepted and has the ride now.
    Assigned {
        /// Who.
        driver: DriverId,
        /// By which offer.
        offer: OfferId,
    },
    /// The driver stands at the pickup.
    Arrived,
    /// The ride started.
    Started,
    /// The ride reached its end state.
    Ended(RideEnd),
}

/// How an offer ended when it did not win the ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferOutcome {
    /// The driver passed.
    Declined,
    /// No answer in time.
    Expired,
    /// The driver's connection broke and did not come back in time.
    DriverLost,
    /// The ride was called off.
    Cancelled,
}

/// The final states of a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RideEnd {
    /// It took place.
    Completed,
    /// The rider called it off.
    CancelledByCustomer,
    /// The driver called it off.
    CancelledByDriver,
    /// An operator called it off.
    CancelledBySystem,
    /// Nobody took it in time.
    NoDriverFound,
}

/// What a driver can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Not on shift.
    Off,
    /// Waiting for work.
    Free,
    /// Has an offer to answer.
    Offered,
    /// On the way to a pickup.
    ToPickup,
    /// Waiting at a pickup.
    AtPickup,
    /// With a rider on the bike.
    OnTrip,
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The core does not know the ride: it never was, or it ended long ago.
    UnknownRide,
    /// This very ride was requested before: a repeated request.
    AlreadyRequested,
    /// The rider has another live ride.
    RiderBusy {
        /// Which.
        ride: RideId,
    },
    /// The offer is not there for this driver any more.
    OfferGone,
    /// The ride belongs to somebody else.
    NotYours,
    /// The ride is not in a state that allows this.
    WrongState,
    /// The PIN is wrong.
    WrongPin {
        /// How many attempts are left before the lock.
        attempts_left: u8,
    },
    /// Too many wrong PINs.
    PinLocked {
        /// Until when.
        until: Timestamp,
    },
    /// The driver is not on shift.
    NotOnShift,
    /// The driver is on a ride and cannot go off shift.
    DriverOnRide,
}
