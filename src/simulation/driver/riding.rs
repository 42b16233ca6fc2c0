//! What a driver does from second to second: on the way to a rider, at the pickup, on the ride, and in between.

use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Driver, REPEAT_AFTER};
use crate::geo::LatLng;
use crate::ids::RideId;
use crate::realtime::protocol::view::{Place, RideStatus, RideView};
use crate::simulation::motion::Motion;

/// A rider who has not come by then is left behind, in seconds.
const NO_SHOW_S: f64 = 300.0;
/// Metres a second on a ride: 22 to 30 km/h.
const RIDE_SPEED_MPS: (f64, f64) = (6.1, 8.3);
/// Metres a second in search of one: about 9 km/h.
const ROAM_SPEED_MPS: (f64, f64) = (1.8, 3.2);

/// The ride under way.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) ride: RideId,
    pub(super) status: RideStatus,
    pub(super) pickup: LatLng,
    pub(super) destination: LatLng,
    pub(super) speed_mps: f64,
    pub(super) since: Instant,
    pub(super) sent_at: Option<Instant>,
    pub(super) refusals: u32,
}

impl Driver {
    /// Takes what the server says of a ride as the truth.
    pub(super) fn see(&mut self, ride: &RideView) {
        if !ride.status.is_live() {
            self.ended = Some(ride.id);
            if self.current.take_if(|current| current.ride == ride.id).is_some() {
                self.rest_until = Instant::now() + self.world.pace(self.dice.random_range(5.0..40.0));
                self.roam_to = self.motion.at;
                if ride.status == RideStatus::Completed && self.dice.random_bool(0.8) {
                    self.rate = Some((ride.id, Instant::now() + self.world.pace(self.dice.random_range(2.0..8.0))));
                }
            }
            return;
        }
        if self.ended == Some(ride.id) {
            return; // a view from before the end that was overtaken
        }
        // A place that the server took is a place on the globe.
        let place = |place: &Place| LatLng::new(place.lat, place.lng).unwrap_or(self.motion.at);
        let (pickup, destination) = (place(&ride.pickup), place(&ride.destination));
        self.considered = None;
        match &mut self.current {
            Some(current) if current.ride == ride.id => {
                // An older view may follow a newer one: a ride never goes back.
                if ride.status > current.status {
                    let (since, sent_at, refusals) = (Instant::now(), None, 0);
                    *current = Current { status: ride.status, since, sent_at, refusals, ..*current };
                }
            }
            current => {
                let speed_mps = self.dice.random_range(RIDE_SPEED_MPS.0..RIDE_SPEED_MPS.1);
                *current = Some(Current {
                    ride: ride.id,
                    status: ride.status,
                    pickup,
                    destination,
                    speed_mps,
                    since: Instant::now(),
                    sent_at: None,
                    refusals: 0,
                });
            }
        }
    }

    /// Finds the way back into a ride of an earlier life: somewhere where it may have been left.
    pub(super) fn take_up(&mut self, ride: &RideView) {
        let places = [&ride.pickup, &ride.destination].map(|place| LatLng::new(place.lat, place.lng).ok());
        let [Some(pickup), Some(destination)] = places else { return };
        let (from, towards, metres) = match ride.status {
            RideStatus::DriverAssigned => (pickup, self.motion.at, 500.0),
            RideStatus::InProgress => (pickup, destination, self.dice.random::<f64>() * pickup.distance_m(destination)),
            _ => (pickup, destination, 0.0),
        };
        let at = from.destination(from.bearing_deg(towards), metres);
        self.motion = Motion::standing(at, at.bearing_deg(destination));
    }

    /// The next second of driving, waiting or roaming, and the command that is due after it: its name and fields.
    pub(super) fn go_on(&mut self, elapsed: Duration) -> Option<(&'static str, Value)> {
        let Some(current) = &mut self.current else {
            self.roam(elapsed);
            return None;
        };
        let speed_mps = current.speed_mps * self.world.config.speed_factor * self.dice.random_range(0.85..1.15);
        let ride = current.ride;
        let command = match current.status {
            RideStatus::DriverAssigned => {
                self.motion.drive(current.pickup, speed_mps, elapsed).then(|| ("arrive", json!({"ride_id": ride})))
            }
            RideStatus::DriverArrived => {
                self.motion.stand();
                match self.world.meeting.hear(ride) {
                    Some(pin) => Some(("start", json!({"ride_id": ride, "pin": pin}))),
                    None if current.since.elapsed() >= self.world.pace(NO_SHOW_S) => {
                        Some(("cancel", json!({"ride_id": ride, "reason": "rider_no_show"})))
                    }
                    None => None,
                }
            }
            RideStatus::InProgress => {
                let is_there = self.motion.drive(current.destination, speed_mps, elapsed);
                is_there.then(|| ("complete", json!({"ride_id": ride})))
            }
            // A ride that is not live is not current, and a requested one has no driver.
            _ => None,
        };
        let is_due = current.sent_at.is_none_or(|sent_at| sent_at.elapsed() >= REPEAT_AFTER);
        let command = command.filter(|_| is_due)?;
        current.sent_at = Some(Instant::now());
        Some(command)
    }

    /// Rests, or drifts towards a place where riders are to be expected.
    fn roam(&mut self, elapsed: Duration) {
        if Instant::now() < self.rest_until || self.considered.is_some() {
            self.motion.stand();
            return;
        }
        let speed_mps = self.dice.random_range(ROAM_SPEED_MPS.0..ROAM_SPEED_MPS.1) * self.world.config.speed_factor;
        if self.motion.drive(self.roam_to, speed_mps, elapsed) {
            self.rest_until = Instant::now() + self.world.pace(self.dice.random_range(15.0..90.0));
            // The nearest of a few: drivers know their quarter and do not cross town for nothing.
            let at = self.motion.at;
            let places = (0..4).map(|_| self.world.city.near_spot(&mut self.dice).at);
            let nearest = places.min_by(|a, b| a.distance_m(at).total_cmp(&b.distance_m(at)));
            self.roam_to = nearest.unwrap_or(at);
        }
    }
}
