//! The streets that drivers on a ride take, matched position by position.
//!
//! Separate from the shard, which decides and commits, and from the sockets, which bring positions: the shard says when a leg
//! begins and ends, the sockets follow it in between. A leg belongs to a driver, and one position of a driver is worked on
//! at a time. Without a map nothing happens here. What was under way when the program ended is not taken up again: such a
//! ride has no matched distance, and is charged as quoted.

use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::dispatch::{Decision, Fact, RideEnd};
use crate::geo::LatLng;
use crate::ids::{DriverId, RideId};
use crate::index::Fix;
use crate::maps::Maps;
use crate::rides::ride::Ride;
use crate::road::matching::{Config, Matcher, Pass, Scratch, Spot, Step};
use crate::road::network::{ArcId, Snap};
use crate::road::router::{Router, Snapped};
use crate::telemetry::names;

/// Legs under way.
pub struct Matched {
    streets: Option<Arc<Router>>,
    maps: Maps,
    legs: DashMap<DriverId, Arc<Mutex<Leg>>, FxBuildHasher>,
    /// Memory for the work on one position, lent out.
    scratches: Mutex<Vec<Scratch>>,
}

struct Leg {
    ride: RideId,
    to: LatLng,
    is_planned: bool,
    matcher: Matcher,
}

impl Matched {
    /// Nobody under way.
    pub fn new(streets: Option<Arc<Router>>, maps: Maps) -> Self {
        Self { streets, maps, legs: DashMap::default(), scratches: Mutex::default() }
    }

    /// Follows a decision about a ride: begins the leg to the pickup, then the ride itself. The metres of the ride when it is
    /// completed, if they are known.
    pub fn follow(&self, ride: &Ride, decision: &Decision) -> Option<u32> {
        let streets = self.streets.as_ref()?;
        let to = match decision.fact {
            Fact::Assigned { driver, is_next: false, .. } => {
                self.begin(driver, ride.id, ride.pickup.at);
                return None;
            }
            // The leg of a driver's ride before is the driver's until then.
            Fact::OnTheWay => {
                self.begin(ride.driver?, ride.id, ride.pickup.at);
                return None;
            }
            Fact::Started => Some(ride.next_place()),
            Fact::Ended(_) => None,
            Fact::Released { driver, .. } => {
                self.legs.remove_if(&driver, |_, leg| lock(leg).ride == ride.id);
                return None;
            }
            Fact::StopReached { stop } => {
                self.turn(ride, ride.place_after(stop));
                return None;
            }
            Fact::Requested { .. }
            | Fact::Rescheduled { .. }
            | Fact::SearchBegan
            | Fact::OfferMade { .. }
            | Fact::OfferClosed { .. }
            | Fact::Assigned { .. }
            | Fact::Nudged { .. }
            | Fact::Arrived => return None,
        };
        let driver = ride.driver?;
        let (_, leg) = self.legs.remove_if(&driver, |_, leg| lock(leg).ride == ride.id)?;
        let mut leg = lock(&leg);
        let summary = self.with_scratch(|scratch| leg.matcher.finish(&streets.view(), scratch));
        self.learn(streets, &mut leg.matcher);
        if let Some(to) = to {
            self.begin(driver, ride.id, to);
        }
        let is_ride = decision.fact == Fact::Ended(RideEnd::Completed) && ride.started_at.is_some();
        // Nothing seen is nothing known.
        (is_ride && summary.length_m > 0.0).then_some(summary.length_m.round() as u32)
    }

    fn begin(&self, driver: DriverId, ride: RideId, to: LatLng) {
        let matcher = Matcher::new(Config::MOTORCYCLE);
        self.legs.insert(driver, Arc::new(Mutex::new(Leg { ride, to, is_planned: false, matcher })));
    }

    /// The ride goes on from a stop: it is matched as one, and planned anew.
    fn turn(&self, ride: &Ride, to: LatLng) {
        let leg = ride.driver.and_then(|driver| self.legs.get(&driver).map(|leg| Arc::clone(&leg)));
        if let Some(leg) = leg {
            let mut leg = lock(&leg);
            if leg.ride == ride.id {
                (leg.to, leg.is_planned) = (to, false);
            }
        }
    }

    /// Follows a driver who may be on a ride.
    pub fn moved(&self, driver: DriverId, fix: Fix) {
        let Some(streets) = &self.streets else { return };
        let Some(leg) = self.legs.get(&driver).map(|leg| Arc::clone(&leg)) else { return };
        let mut leg = lock(&leg);
        let step = self.with_scratch(|scratch| leg.matcher.push(&streets.view(), scratch, fix));
        self.learn(streets, &mut leg.matcher);
        if let (false, Some((spot, point))) = (leg.is_planned, step.place) {
            leg.is_planned = true;
            let arcs = plan(streets, spot, point, leg.to).unwrap_or_default();
            leg.matcher.plan(&arcs);
        }
        tell(&step, leg.ride);
    }

    /// Hands the streets that were ridden whole to those who learn how fast they are.
    fn learn(&self, streets: &Router, matcher: &mut Matcher) {
        for Pass { arc, from_dm, to_dm, entered_at, left_at, is_filled } in matcher.passes() {
            if !is_filled && from_dm == 0 && to_dm == streets.network().length_dm(arc) {
                self.maps.observe(arc, left_at.since(entered_at), left_at);
            }
        }
    }

    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = lock(&self.scratches).pop().unwrap_or_default();
        let done = work(&mut scratch);
        lock(&self.scratches).push(scratch);
        done
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The quickest way from where the driver seems to be.
fn plan(streets: &Router, spot: Spot, point: LatLng, to: LatLng) -> Option<Vec<ArcId>> {
    let from = Snap { arc: spot.arc, along_dm: spot.along_dm, point, distance_m: 0.0 };
    let from = Snapped { snap: from, is_either_way: true };
    streets.path_between(from, streets.snap_place(to)?).map(|path| path.arcs)
}

/// What an operator may want to know, by ride: the metrics count, the log names the ride.
fn tell(step: &Step, ride: RideId) {
    if step.off_route {
        metrics::counter!(names::RIDES_OFF_ROUTE_TOTAL).increment(1);
        tracing::info!(ride.id = %ride, "the driver has left the quickest way");
    }
    if step.wrong_way.is_some() {
        metrics::counter!(names::RIDES_WRONG_WAY_TOTAL).increment(1);
        tracing::info!(ride.id = %ride, "the driver rides against a one-way street");
    }
}
