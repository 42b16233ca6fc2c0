//! Who could take a ride: the answer to the core's question for candidates, from the live city.
//!
//! Separate because it is where everything that knows drivers meets: the index and the roads name those who are free and
//! near in time, the rides under way those who are about to be free near by, and the ride's holder is looked at wherever
//! they are. The core decides among those it is told of; who is left out here, and why, is handed on beside the answer,
//! so that it can be explained. Nobody waits in here: everything is in memory.

mod destinations;

use crate::dispatch::{Candidate, Decision, Fact, Wanted};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::index::Fix;
use crate::locations::Locations;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::decisions::{Looked, Reason};
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

use destinations::{Destinations, Ending};

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
    pub fn new(config: Config, locations: Locations) -> Self {
        let destinations = Destinations::new(config.finishing_radius_m);
        Self { config, locations, destinations }
    }

    /// Goes on with a ride that was live when the program began.
    pub fn restore(&mut self, ride: &Ride) {
        if let Some(driver) = ride.driver.filter(|_| ride.status == RideStatus::InProgress) {
            self.destinations.put(Ending { driver, ride: ride.id, destination: ride.destination.at });
        }
    }

    /// Follows a decision about a ride that stands as it did before: who is on the way to which destination.
    pub fn follow(&mut self, ride: &Ride, decision: &Decision) {
        match decision.fact {
            Fact::Started => {
                if let Some(driver) = ride.driver {
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
        let (pickup, class) = (ride.pickup.at, ride.ride_type.class());
        let mut candidates = self.locations.candidates(pickup, class, &wanted.passed, now);
        let mut left_out = Vec::new();
        self.add_finishing(ride, wanted, now, &mut candidates, &mut left_out);
        if let Some(holder) = wanted.holder
            && candidates.iter().all(|candidate| candidate.driver != holder)
            && let Some(candidate) = self.holder(holder, ride, now)
        {
            candidates.push(candidate);
        }
        candidates.sort_by_key(|candidate| (candidate.pickup_eta, candidate.driver));
        Asked { candidates, left_out }
    }

    /// Drivers who will be free near the pickup, and soon.
    fn add_finishing(
        &self,
        ride: &Ride,
        wanted: &Wanted,
        now: Timestamp,
        candidates: &mut Vec<Candidate>,
        left_out: &mut Vec<Looked>,
    ) {
        if self.config.finishing_max == 0 {
            return;
        }
        let mut found = Vec::new();
        let near = self.destinations.near(ride.pickup.at, self.reach_m(ride.pickup.at, candidates));
        let open = near.iter().filter(|(_, ending)| !wanted.passed.contains(&ending.driver) && ending.ride != ride.id);
        for (_, ending) in open.take(self.config.finishing_scan_max) {
            match self.finishing(ending, ride.pickup.at, now) {
                Some(driver) if driver.rest <= self.config.finishing_rest_max => found.push(driver),
                Some(Finishing { driver, rest, leg, leg_m }) => {
                    let (pickup_eta, reason) = (both(rest, leg), Reason::FinishesTooLate);
                    left_out.push(Looked { driver, pickup_eta, pickup_distance_m: leg_m, reason });
                }
                // Not seen for a while, or no way leads there.
                None => {}
            }
        }
        found.sort_by_key(|finishing| (finishing.eta(), finishing.driver));
        candidates.extend(found.iter().take(self.config.finishing_max).map(Finishing::candidate));
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
        let fix = self.seen(ending.driver, now)?;
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
        let fix = self.seen(driver, now)?;
        let leg = self.locations.travel().route(fix.into(), ride.pickup.at).ok()?;
        Some(Candidate::free(driver, leg.duration, leg.distance_m))
    }

    /// Where a driver is, if that is known well enough to count on.
    fn seen(&self, driver: DriverId, now: Timestamp) -> Option<Fix> {
        let fix = self.locations.position_of(driver)?;
        (now.since(fix.at) <= self.locations.position_age_max()).then_some(fix)
    }
}

/// One after the other.
fn both(first: Span, second: Span) -> Span {
    Span::from_millis(first.as_millis() + second.as_millis())
}
