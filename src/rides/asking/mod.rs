//! Who could take a ride: the answer to the core's question for candidates, from the live city.
//!
//! Separate because it is where everything that knows drivers meets: the index and the roads name those who are free and
//! near in time, the rides under way those who are about to be free near by, and the ride's holder is looked at wherever
//! they are. The core decides among those it is told of; who is left out here, and why, is handed on beside the answer,
//! so that it can be explained. Nobody waits in here: everything is in memory.

mod destinations;
#[cfg(test)]
mod tests;

use crate::dispatch::{Candidate, Decision, Fact, Wanted};
use crate::drivers::{self, Drivers, Unwished};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::index::DriverState;
use crate::locations::Locations;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::decisions::{Looked, Reason};
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

use destinations::{Destinations, Ending};

/// So often free drivers are searched for at most where wishes take out those who were found.
const SEARCHES_MAX: usize = 3;

/// So many of a stage's queue are named for a ride that begins there although others stand nearer: the head, and who comes
/// next if it does not take the ride.
const QUEUE_NAMED_MAX: usize = 4;

/// Numbers of drivers about to finish.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// How many are named for one ride; 0 turns it off.
    pub finishing_max: usize,
    /// How many are looked at for that: each asks the router.
    pub finishing_scan_max: usize,
    /// How far from the pickup their ride may end, in metres.
    pub finishing_radius_m: f64,
    /// How long their ride may still take.
    pub finishing_rest_max: Span,
    /// From reaching the destination until they set off again.
    pub handover: Span,
}

/// The answer for one ride.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// For the core: soonest at the pickup first.
    pub candidates: Vec<Candidate>,
    /// Who was looked at and is not among them.
    pub left_out: Vec<Looked>,
}

/// Whoever answers for the live city.
pub struct Asking {
    config: Config,
    locations: Locations,
    drivers: Drivers,
    destinations: Destinations,
}

/// A driver with a rider on board, and when they could be at the pickup.
struct Finishing {
    driver: DriverId,
    rest: Span,
    leg: Span,
    leg_m: u32,
}

impl Finishing {
    fn eta(&self) -> Span {
        both(self.rest, self.leg)
    }

    fn candidate(&self) -> Candidate {
        Candidate { finishing: Some(self.rest), ..Candidate::free(self.driver, self.eta(), self.leg_m) }
    }
}

impl Asking {
    /// Nobody is under way.
    pub fn new(config: Config, locations: Locations, drivers: Drivers) -> Self {
        let destinations = Destinations::new(config.finishing_radius_m);
        Self { config, locations, drivers, destinations }
    }

    /// Goes on with a ride that was live when the program began.
    pub fn restore(&mut self, ride: &Ride) {
        let is_last_leg = ride.status == RideStatus::InProgress && ride.product.next_stop().is_none();
        if let Some(driver) = ride.driver.filter(|_| is_last_leg) {
            self.destinations.put(Ending { driver, ride: ride.id, destination: ride.destination.at });
        }
    }

    /// Follows a decision about a ride that stands as it did before: who is on the way to which destination.
    pub fn follow(&mut self, ride: &Ride, decision: &Decision) {
        match decision.fact {
            // Whoever has stops to make first is not about to finish.
            Fact::Started | Fact::StopReached { .. } => {
                let reached = if let Fact::StopReached { stop } = decision.fact { usize::from(stop) } else { 0 };
                if let Some(driver) = ride.driver.filter(|_| reached == ride.product.stops.len()) {
                    self.destinations.put(Ending { driver, ride: ride.id, destination: ride.destination.at });
                }
            }
            Fact::Ended(_) if ride.status == RideStatus::InProgress => {
                if let Some(driver) = ride.driver {
                    self.destinations.remove(driver);
                }
            }
            _ => {}
        }
    }

    /// The drivers for a ride.
    pub fn candidates(&self, ride: &Ride, wanted: &Wanted, now: Timestamp) -> Asked {
        let mut asked = Asked::default();
        self.add_free(ride, wanted, now, &mut asked);
        self.add_finishing(ride, wanted, now, &mut asked);
        let is_named = |driver| asked.candidates.iter().any(|candidate| candidate.driver == driver);
        let holder = wanted.holder.filter(|holder| !is_named(*holder));
        asked.candidates.extend(holder.and_then(|holder| self.holder(holder, ride, now)));
        // Last: the holder may be of the queue, and has its place there until the ride is taken.
        self.add_queue(ride, wanted, now, &mut asked);
        asked.candidates.sort_by_key(|candidate| (candidate.pickup_eta, candidate.driver));
        asked
    }

    /// Free drivers. Where wishes take some out, those who come after them are looked at too.
    fn add_free(&self, ride: &Ride, wanted: &Wanted, now: Timestamp, asked: &mut Asked) {
        let (pickup, class, enough) = (ride.pickup.at, ride.ride_type.class(), self.locations.candidates_max());
        let mut exclude = wanted.passed.clone();
        for _ in 0..SEARCHES_MAX {
            let found = self.locations.candidates(pickup, class, &exclude, now);
            let (found_all, named) = (found.len() < enough, asked.candidates.len());
            exclude.extend(found.iter().map(|candidate| candidate.driver));
            for candidate in found {
                // Whoever has the ride already does not wish for it anew.
                let is_holder = wanted.holder == Some(candidate.driver);
                match self.against(&candidate, ride, None, now).filter(|_| !is_holder) {
                    None => asked.candidates.push(candidate),
                    Some(reason) => asked.left_out.push(left_out(&candidate, reason)),
                }
            }
            // All were asked for who are there, or nobody was taken out.
            if found_all || asked.candidates.len() >= enough || asked.candidates.len() == named + enough {
                return;
            }
        }
    }

    /// Drivers who will be free near the pickup, and soon.
    fn add_finishing(&self, ride: &Ride, wanted: &Wanted, now: Timestamp, asked: &mut Asked) {
        if self.config.finishing_max == 0 {
            return;
        }
        let mut found = Vec::new();
        let near = self.destinations.near(ride.pickup.at, self.reach_m(ride.pickup.at, &asked.candidates));
        let open = near.iter().filter(|(_, ending)| !wanted.passed.contains(&ending.driver) && ending.ride != ride.id);
        for (_, ending) in open.take(self.config.finishing_scan_max) {
            // Not seen for a while, or no way leads there.
            let Some(finishing) = self.finishing(ending, ride.pickup.at, now) else { continue };
            let candidate = finishing.candidate();
            let against = self.against(&candidate, ride, Some(ending.destination), now);
            let is_late = finishing.rest > self.config.finishing_rest_max;
            match against.or(is_late.then_some(Reason::FinishesTooLate)) {
                None => found.push(candidate),
                Some(reason) => asked.left_out.push(left_out(&candidate, reason)),
            }
        }
        found.sort_by_key(|candidate| (candidate.pickup_eta, candidate.driver));
        asked.candidates.extend(found.iter().take(self.config.finishing_max));
    }

    /// The queue of the stage at the pickup: who of it is named already gets their place, and its first are named in any
    /// case, though others stand nearer.
    fn add_queue(&self, ride: &Ride, wanted: &Wanted, now: Timestamp, asked: &mut Asked) {
        for (driver, place) in self.locations.queue_at(ride.pickup.at, now) {
            if let Some(named) = asked.candidates.iter_mut().find(|candidate| candidate.driver == driver) {
                named.queue_place = Some(place);
                continue;
            }
            let is_out = wanted.passed.contains(&driver) || asked.left_out.iter().any(|looked| looked.driver == driver);
            if is_out || usize::from(place) >= QUEUE_NAMED_MAX || !self.is_free_for(driver, ride) {
                continue;
            }
            let Some(candidate) = self.way_to(driver, ride.pickup.at, now) else { continue };
            match self.against(&candidate, ride, None, now) {
                None => asked.candidates.push(Candidate { queue_place: Some(place), ..candidate }),
                Some(reason) => asked.left_out.push(left_out(&candidate, reason)),
            }
        }
    }

    fn is_free_for(&self, driver: DriverId, ride: &Ride) -> bool {
        let is_free = self.locations.index().state_of(driver) == Some(DriverState::Free);
        is_free && self.locations.serves(driver, ride.ride_type.class())
    }

    /// What speaks against asking a driver at all. `from` is where they will be free, if not where they are.
    fn against(&self, candidate: &Candidate, ride: &Ride, from: Option<LatLng>, now: Timestamp) -> Option<Reason> {
        let from = from.or_else(|| self.locations.position_of(candidate.driver).map(|fix| fix.position))?;
        let wish = drivers::Asked {
            destination: ride.destination.at,
            fare: ride.fare,
            ride_type: ride.ride_type.as_str(),
            from,
            pickup_distance_m: candidate.pickup_distance_m,
        };
        self.drivers.wish_for(candidate.driver, &wish, now).err().map(|unwished| match unwished {
            Unwished::PickupTooFar => Reason::PickupTooFar,
            Unwished::FareTooLow => Reason::FareTooLow,
            Unwished::RideType => Reason::OtherClass,
            Unwished::NotHomeward => Reason::WrongDirection,
        })
    }

    /// How far from the pickup a ride may end for its driver to be there before the last of the free ones.
    fn reach_m(&self, pickup: LatLng, free: &[Candidate]) -> f64 {
        let radius_m = self.config.finishing_radius_m;
        if free.len() < self.locations.candidates_max() {
            return radius_m;
        }
        let Some(last) = free.last() else { return radius_m };
        let left_ms = last.pickup_eta.as_millis() - self.config.handover.as_millis();
        if left_ms <= 0 {
            return 0.0;
        }
        self.locations.travel().farthest_m(Span::from_millis(left_ms), pickup).min(radius_m)
    }

    fn finishing(&self, ending: &Ending, pickup: LatLng, now: Timestamp) -> Option<Finishing> {
        let fix = self.locations.seen(ending.driver, now)?;
        let travel = self.locations.travel();
        let rest = both(travel.duration(fix.into(), ending.destination).ok()?, self.config.handover);
        let leg = travel.route(ending.destination.into(), pickup).ok()?;
        Some(Finishing { driver: ending.driver, rest, leg: leg.duration, leg_m: leg.distance_m })
    }

    /// Whoever has the ride, on offer or on the way, as things stand now.
    fn holder(&self, driver: DriverId, ride: &Ride, now: Timestamp) -> Option<Candidate> {
        if let Some(ending) = self.destinations.of(driver).filter(|ending| ending.ride != ride.id) {
            return self.finishing(&ending, ride.pickup.at, now).map(|finishing| finishing.candidate());
        }
        self.way_to(driver, ride.pickup.at, now)
    }

    /// A driver who sets out from where they are.
    fn way_to(&self, driver: DriverId, pickup: LatLng, now: Timestamp) -> Option<Candidate> {
        let fix = self.locations.seen(driver, now)?;
        let leg = self.locations.travel().route(fix.into(), pickup).ok()?;
        Some(Candidate::free(driver, leg.duration, leg.distance_m))
    }
}

fn left_out(candidate: &Candidate, reason: Reason) -> Looked {
    let Candidate { driver, pickup_eta, pickup_distance_m, .. } = *candidate;
    Looked { driver, pickup_eta, pickup_distance_m, reason }
}

/// One after the other.
fn both(first: Span, second: Span) -> Span {
    Span::from_millis(first.as_millis() + second.as_millis())
}
