//! The dispatch core: rides, drivers, offers and deadlines as one pure state machine.
//!
//! Inputs and the time go in, outputs come out; there is no IO, clock, randomness, task or log line in here, so the
//! same inputs give the same outputs, byte for byte. One task owns one [`Dispatch`] (see `rides::shard`), commits what
//! it decides and only then tells anybody.
//!
//! Invariants, checked by [`Dispatch::audit`] after every step in tests: a driver has at most one live ride and one
//! live offer, and never both; a ride has at most one driver and at most one live offer; a ride that is searching will
//! hear of a deadline; no deadline is armed for something that ended.

mod audit;
mod deadlines;
mod drivers;
mod input;
mod offers;
mod output;
mod restore;
mod rides;
mod round;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::time::{Span, Timestamp};

pub use audit::Violation;
pub use deadlines::Due;
pub use input::{Answer, Canceller, Candidate, Input, Order, Pin, Trouble};
pub use output::{Availability, Decision, Fact, OfferOutcome, Output, Refusal, ReleaseReason, RideEnd, Wanted};
pub use restore::{Restored, RestoredDriver, RestoredOffer, RestoredRide, RestoredShift};
pub use round::{Choice, Considered, Exclusion, Means, RoundRecord, Trigger};

use deadlines::Deadlines;

/// The core's own numbers. Every one has its reason in `config/default.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a driver may think about an offer.
    pub offer_ttl: Span,
    /// How long an offer waits for a driver whose connection broke.
    pub lost_grace: Span,
    /// How long to wait before looking again when nobody suitable was near.
    pub search_interval: Span,
    /// How long a ride is searched for before it ends as `no_driver_found`.
    pub search_max: Span,
    /// How many offers one ride makes at most.
    pub offers_max: u16,
    /// Wrong PINs before the ride's start is locked for a while.
    pub pin_attempts_max: u8,
    /// How long the start stays locked.
    pub pin_lock: Span,
    /// How long a driver may be without a connection before the shift ends by itself.
    pub lost_shift_max: Span,
    /// How long an ended ride is remembered, so that a repeated command is answered as the first time.
    pub remember_ended: Span,
}

/// Where a ride stands inside the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Searching,
    Assigned,
    Arrived,
    InProgress,
    Ended(RideEnd),
}

/// An offer that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveOffer {
    id: OfferId,
    driver: DriverId,
    /// What the driver was told.
    deadline: Timestamp,
    /// When it really lapses: earlier than the deadline while the driver's connection is broken.
    lapses_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Ride {
    rider: RiderId,
    pin: Pin,
    stage: Stage,
    gives_up_at: Timestamp,
    /// Armed while the ride waits to look for candidates again.
    looks_again_at: Option<Timestamp>,
    /// Drivers who had this ride on offer and did not take it. Bounded by `offers_max`.
    passed: Vec<DriverId>,
    offers_made: u16,
    offer: Option<LiveOffer>,
    driver: Option<DriverId>,
    accepted_offer: Option<OfferId>,
    /// Facts recorded so far: the next one's sequence number minus one.
    facts: u32,
    pins_wrong: u8,
    pin_locked_until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    Free,
    Offered(OfferId),
    OnRide(RideId),
}

/// A driver on shift.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    duty: Duty,
    /// When the connection broke, while it is broken.
    lost_since: Option<Timestamp>,
}

/// The core. One owner; everybody else sends it messages.
#[derive(Debug)]
pub struct Dispatch {
    config: Config,
    rides: FxHashMap<RideId, Ride>,
    live_by_rider: FxHashMap<RiderId, RideId>,
    drivers: FxHashMap<DriverId, Driver>,
    deadlines: Deadlines,
}

impl Dispatch {
    /// An empty city.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            rides: FxHashMap::default(),
            live_by_rider: FxHashMap::default(),
            drivers: FxHashMap::default(),
            deadlines: Deadlines::default(),
        }
    }

    /// Takes one input at time `now` and appends what follows from it to `out`. A command is answered by exactly one
    /// [`Output::Done`] or [`Output::Refused`]; it cannot fail otherwise.
    pub fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        let answer = match input {
            Input::RequestRide { ride, rider, pin, .. } => self.request_ride(now, ride, rider, pin, out),
            Input::AcceptOffer { driver, offer } => self.accept_offer(now, driver, offer, out),
            Input::DeclineOffer { driver, offer } => self.decline_offer(now, driver, offer, out),
            Input::Arrive { driver, ride } => self.arrive(now, driver, ride, out),
            Input::Start { driver, ride, pin } => self.start(now, driver, ride, pin, out),
            Input::Complete { driver, ride, .. } => self.complete(now, driver, ride, out),
            Input::Cancel { ride, by } => self.cancel(now, ride, by, out),
            Input::GoOnline { driver, .. } => self.go_online(now, driver, out),
            Input::GoOffline { driver } => self.go_offline(now, driver, out),
            Input::Pair { .. } | Input::Reschedule { .. } | Input::ReachStop { .. } | Input::PickupTrouble { .. } => {
                Err(Refusal::WrongState)
            }
            // These three are reports, not commands: nobody waits for an answer.
            Input::Candidates { answers } => {
                for answer in &answers {
                    self.take_candidates(now, answer.ride, &answer.candidates, out);
                }
                return;
            }
            Input::DriverLost { driver } => return self.driver_lost(now, driver),
            Input::DriverBack { driver } => return self.driver_back(driver),
        };
        out.push(match answer {
            Ok(()) => Output::Done,
            Err(refusal) => Output::Refused(refusal),
        });
    }

    /// Fires every deadline that is due.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        while let Some(due) = self.deadlines.take_due(now) {
            match due {
                Due::OfferLapses(offer) => self.offer_lapses(now, offer, out),
                Due::LookAgain(ride) => self.look_again(ride, out),
                Due::GiveUp(ride) => self.give_up(now, ride, out),
                Due::ShiftLapses(driver) => self.shift_lapses(now, driver, out),
                Due::Forget(ride) => {
                    self.rides.remove(&ride);
                }
            }
        }
    }

    /// When [`Dispatch::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// How many rides are not at their end.
    pub fn rides_live(&self) -> usize {
        self.live_by_rider.len()
    }

    /// The offer a driver has to answer now, if any.
    pub fn live_offer_of(&self, driver: DriverId) -> Option<OfferId> {
        match self.drivers.get(&driver)?.duty {
            Duty::Offered(offer) => Some(offer),
            Duty::Free | Duty::OnRide(_) => None,
        }
    }

    /// Records a fact about a ride: the next in its timeline.
    fn record(ride_id: RideId, ride: &mut Ride, now: Timestamp, fact: Fact, out: &mut Vec<Output>) {
        ride.facts += 1;
        out.push(Output::Decided(Decision { ride: ride_id, seq: ride.facts, at: now, fact }));
    }
}
