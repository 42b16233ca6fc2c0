//! The city around the desk as it is in production: index, roads, sockets, and those who learn from rides.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::dispatch::{Answer, Availability, Decision, Wanted};
use crate::ids::{DriverId, RideId};
use crate::index::{Fix, RideClasses};
use crate::locations::Locations;
use crate::maps::Maps;
use crate::realtime::Hub;
use crate::rides::asking::{Asked, Asking};
use crate::rides::decisions::Looked;
use crate::rides::desk::Surroundings;
use crate::rides::legs::Legs;
use crate::rides::matched::Matched;
use crate::rides::product::waits::{Waited, Waits};
use crate::rides::ride::{Offer, Ride};
use crate::time::Timestamp;

/// The live city.
pub struct LiveCity {
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// Where drivers are.
    pub locations: Locations,
    /// What is learned of streets and arrival times.
    pub maps: Maps,
    /// What arrival times learn from.
    pub legs: Legs,
    /// The streets that drivers on a ride take.
    pub matched: Arc<Matched>,
    /// How long drivers stand at stops.
    pub waits: Arc<Waits>,
    /// Who could take a ride.
    pub asking: Asking,
    /// Who could not, as of the last question.
    pub left_out: FxHashMap<RideId, Vec<Looked>>,
}

impl Surroundings for LiveCity {
    fn is_connected(&self, driver: DriverId) -> bool {
        self.hub.is_connected(driver.into())
    }

    fn candidates(&mut self, wanted: &[Wanted], rides: &FxHashMap<RideId, Ride>, now: Timestamp) -> Vec<Answer> {
        self.left_out.clear();
        let mut answers = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let Some(ride) = rides.get(&wanted.ride) else { continue };
            let Asked { candidates, left_out } = self.asking.candidates(ride, wanted, now);
            answers.push(Answer { ride: wanted.ride, candidates });
            if !left_out.is_empty() {
                self.left_out.insert(wanted.ride, left_out);
            }
        }
        answers
    }

    fn left_out(&mut self, ride: RideId) -> Vec<Looked> {
        self.left_out.remove(&ride).unwrap_or_default()
    }

    fn set_availability(&mut self, driver: DriverId, availability: Availability) {
        self.locations.set_availability(driver, availability);
    }

    fn begin_shift(&mut self, driver: DriverId, classes: RideClasses, fix: Fix) {
        self.locations.begin_shift(driver, classes, Some(fix));
    }

    fn follow(&mut self, ride: &Ride, decision: &Decision, accepted: Option<&Offer>) -> Option<u32> {
        self.asking.follow(ride, decision);
        let matched_m = self.matched.follow(ride, decision);
        let factor = |place| self.maps.factor(place, decision.at);
        if let Some(leg) = self.legs.follow(ride, decision, accepted, factor) {
            self.maps.leg_finished(&leg);
        }
        matched_m
    }

    fn waited(&mut self, ride: &Ride, decision: &Decision) -> Option<Waited> {
        self.waits.follow(ride, decision)
    }
}
