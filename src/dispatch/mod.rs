//! The dispatch core: rides, drivers, offers, rounds of matching and deadlines as one pure state machine.
//!
//! Inputs and the time go in, outputs come out; there is no IO, clock, randomness, task or log line in here, so the
//! same inputs give the same outputs, byte for byte. One task owns one [`Dispatch`] (see `rides::shard`), commits what
//! it decides and only then tells anybody.
//!
//! One file per concern: a ride's request and end (`rides`), its way (`journey`), its beginning later (`scheduled`) or at
//! the roadside (`pairing`); who waits for a round (`rounds`) and what a round decides (`solve`); offers and their answers
//! (`offers`), the ride after this one (`forward`), the better driver (`standby`), the driver who does not come
//! (`pickup`); shifts and connections (`drivers`).
//!
//! Invariants, checked by [`Dispatch::audit`] after every step in tests: a driver has at most one ride under way, one next
//! ride and one live offer; a ride has at most one driver and, before the soft cap opens, one live offer; a ride that waits
//! will hear of a round, and one that searches of an end; no deadline is armed for something that ended; the solution of
//! the last round holds against its proof.

mod audit;
mod config;
mod deadlines;
mod drivers;
mod forward;
mod input;
mod journey;
mod offers;
mod output;
mod pairing;
mod pickup;
mod restore;
mod rides;
mod round;
mod rounds;
mod scheduled;
mod solve;
mod standby;
mod state;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::time::Timestamp;

pub use audit::Violation;
pub use config::{Config, Policy};
pub use deadlines::Due;
pub use input::{Answer, Canceller, Candidate, Input, Order, Pin, Trouble};
pub use output::{Availability, Decision, Fact, OfferOutcome, Output, Refusal, ReleaseReason, RideEnd, Wanted};
pub use restore::{Restored, RestoredDriver, RestoredOffer, RestoredRide, RestoredShift};
pub use round::{Choice, Considered, Exclusion, Means, RoundRecord, Trigger};

use deadlines::Deadlines;
use rounds::Rounds;
use state::{Driver, LiveOffer, Ride, Stage};

/// The core. One owner; everybody else sends it messages.
#[derive(Debug)]
pub struct Dispatch {
    config: Config,
    // Look-up only: whatever is walked through is ordered, so that outputs have one order.
    rides: FxHashMap<RideId, Ride>,
    live_by_rider: FxHashMap<RiderId, RideId>,
    drivers: FxHashMap<DriverId, Driver>,
    /// Rides whose time has not come.
    scheduled: usize,
    rounds: Rounds,
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
            scheduled: 0,
            rounds: Rounds::default(),
            deadlines: Deadlines::default(),
        }
    }

    /// Takes one input at time `now` and appends what follows from it to `out`. A command is answered by exactly one
    /// [`Output::Done`] or [`Output::Refused`]; it cannot fail otherwise.
    pub fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        let answer = match input {
            Input::RequestRide { ride, rider, pin, order } => self.request_ride(now, ride, (rider, pin, order), out),
            Input::Pair { ride, rider, driver, pin } => self.pair(now, ride, (rider, driver, pin), out),
            Input::AcceptOffer { driver, offer } => self.accept_offer(now, driver, offer, out),
            Input::DeclineOffer { driver, offer } => self.decline_offer(now, driver, offer, out),
            Input::Arrive { driver, ride } => self.arrive(now, driver, ride, out),
            Input::Start { driver, ride, pin } => self.start(now, driver, ride, pin, out),
            Input::ReachStop { driver, ride, stop } => self.reach_stop(now, driver, ride, stop, out),
            Input::Complete { driver, ride, pin } => self.complete(now, driver, ride, pin, out),
            Input::Cancel { ride, by } => self.cancel(now, ride, by, out),
            Input::PickupTrouble { driver, ride, trouble } => self.pickup_trouble(now, driver, ride, trouble, out),
            Input::GoOnline { driver, record } => self.go_online(now, driver, record, out),
            Input::GoOffline { driver } => self.go_offline(now, driver, out),
            Input::Reschedule { ride, rider, order } => self.reschedule(now, ride, rider, &order, out),
            // These three are reports, not commands: nobody waits for an answer.
            Input::Candidates { answers } => return self.take_candidates(now, answers, out),
            Input::DriverLost { driver } => return self.driver_lost(now, driver),
            Input::DriverBack { driver } => return self.driver_back(now, driver),
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
                Due::GoneDark(driver) => self.gone_dark(now, driver, out),
                Due::NextLate(ride) => self.next_late(now, ride, out),
                Due::GiveUp(ride) => self.give_up(now, ride, out),
                Due::ShiftLapses(driver) => self.shift_lapses(now, driver, out),
                Due::SearchBegins(ride) => self.search_begins(now, ride, out),
                Due::Round => self.open_round(now, out),
                Due::StandBy => self.look_for_better(now, out),
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
        self.live_by_rider.len() + self.scheduled
    }

    /// How many rides wait for a driver to be found.
    pub fn rides_waiting(&self) -> usize {
        self.rounds.waiting_count()
    }

    /// The offer a driver has to answer now, if any.
    pub fn live_offer_of(&self, driver: DriverId) -> Option<OfferId> {
        self.drivers.get(&driver)?.offer
    }

    /// Records a fact about a ride: the next in its timeline.
    fn record(ride_id: RideId, ride: &mut Ride, now: Timestamp, fact: Fact, out: &mut Vec<Output>) {
        ride.facts += 1;
        out.push(Output::Decided(Decision { ride: ride_id, seq: ride.facts, at: now, fact }));
    }

    /// Says what a driver is available for, if that has changed.
    fn show(&mut self, id: DriverId, out: &mut Vec<Output>) {
        let Some(driver) = self.drivers.get(&id) else { return };
        let availability = self.availability(driver);
        if let Some(driver) = self.drivers.get_mut(&id).filter(|driver| driver.shown != availability) {
            driver.shown = availability;
            out.push(Output::Availability { driver: id, availability });
        }
    }

    fn availability(&self, driver: &Driver) -> Availability {
        match driver.ride.and_then(|ride| self.rides.get(&ride)).map(|ride| ride.stage) {
            Some(Stage::Arrived) => Availability::AtPickup,
            Some(Stage::InProgress) => Availability::OnTrip,
            Some(Stage::Scheduled | Stage::Searching | Stage::Assigned | Stage::Ended(_)) => Availability::ToPickup,
            None if driver.offer.is_some() => Availability::Offered,
            None => Availability::Free,
        }
    }
}
