//! What the core says. Facts are persisted first and told second; everything a person ever hears is derived from a
//! [`Decision`], so nothing can be said that was not persisted.

use super::input::Trouble;
use super::round::RoundRecord;
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
    /// Look for drivers and answer with [`super::Input::Candidates`], all of these in one.
    AskCandidates {
        /// The rides that want a driver, or a better one.
        wanted: Vec<Wanted>,
    },
    /// A round was solved. Nobody is told; it is kept to explain what follows it.
    Solved(Box<RoundRecord>),
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

/// A ride that wants a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which ride.
    pub ride: RideId,
    /// Drivers who are out of the question.
    pub passed: Vec<DriverId>,
    /// Who has it, on offer or on the way: to be among the answers, free or not.
    pub holder: Option<DriverId>,
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
    /// A scheduled ride was moved to another time.
    Rescheduled {
        /// When its search begins now.
        search_from: Timestamp,
    },
    /// The search for the driver of a scheduled ride began.
    SearchBegan,
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
        /// The driver finishes another ride first.
        is_next: bool,
    },
    /// The ride before it is over: the driver is on the way now.
    OnTheWay,
    /// The driver was asked whether something is wrong on the way to the pickup.
    Nudged {
        /// Who.
        driver: DriverId,
        /// What seems wrong.
        trouble: Trouble,
    },
    /// The driver does not have the ride any more, and another is looked for.
    Released {
        /// Who had it.
        driver: DriverId,
        /// Why.
        reason: ReleaseReason,
    },
    /// The driver stands at the pickup.
    Arrived,
    /// The driver was at a stop.
    StopReached {
        /// Which, from 1.
        stop: u8,
    },
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
    /// A better driver was found before this one answered, or none is needed any more.
    Withdrawn,
    /// Another driver who had it on offer was quicker. This one is told before anybody else.
    Taken,
}

/// Why a driver does not have a ride any more that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReleaseReason {
    /// The driver called it off.
    DriverCancelled,
    /// The driver did not move.
    Stalled,
    /// The driver went elsewhere.
    WentAway,
    /// Nothing was heard of the driver.
    WentDark,
    /// Another driver will be there much sooner.
    BetterDriver,
    /// The driver's ride before took too long.
    Late,
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
    /// The rider has as many scheduled rides waiting as one may have.
    TooManyScheduled {
        /// How many that is.
        most: u16,
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
    /// The driver is on a ride: cannot go off shift, and cannot take another at the roadside.
    DriverOnRide,
    /// The stops before it were not reached, or there is no such stop.
    StopOutOfOrder {
        /// The one that is next; none where all were reached.
        next: Option<u8>,
    },
    /// A parcel is handed over against its receiver's PIN, and none was given.
    HandoverPinNeeded,
    /// The receiver's PIN is wrong.
    HandoverWrong {
        /// How many attempts are left before the lock.
        attempts_left: u8,
    },
}
