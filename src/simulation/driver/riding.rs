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
/// How fast people ride, over what is usual on the street.
const RIDE_PACE: (f64, f64) = (0.85, 1.15);
/// The same in search of a rider: about 9 km/h.
const ROAM_PACE: (f64, f64) = (0.25, 0.45);

/// The ride under way.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) ride: RideId,
    pub(super) status: RideStatus,
    pub(super) pickup: LatLng,
    pub(super) destination: LatLng,
    pub(super) pace: f64,
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
                let pace = self.dice.random_range(RIDE_PACE.0..RIDE_PACE.1);
                *current = Some(Current {
                    ride: ride.id,
                    status: ride.status,
                    pickup,
                    destination,
                    pace,
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
        let at = self.world.routes.on_street(from.destination(from.bearing_deg(towards), metres));
        self.motion = Motion::standing(at, at.bearing_deg(destination));
    }

    /// The next second of driving, waiting or roaming, and the command that is due after it: its name and fields.
    pub(super) fn go_on(&mut self, elapsed: Duration) -> Option<(&'static str, Value)> {
        let Some(current) = &self.current else {
            self.roam(elapsed);
            return None;
        };
        let pace = current.pace * self.dice.random_range(0.85..1.15);
        let (ride, status, since) = (current.ride, current.status, current.since);
        let (pickup, destination) = (current.pickup, current.destination);
        let command = match status {
            RideStatus::DriverAssigned => {
                self.drive_to(pickup, pace, elapsed).then(|| ("arrive", json!({"ride_id": ride})))
            }
            RideStatus::DriverArrived => {
                self.motion.stand();
                match self.world.meeting.hear(ride) {
                    Some(pin) => Some(("start", json!({"ride_id": ride, "pin": pin}))),
                    None if since.elapsed() >= self.world.pace(NO_SHOW_S) => {
                        Some(("cancel", json!({"ride_id": ride, "reason": "rider_no_show"})))
                    }
                    None => None,
                }
            }
            RideStatus::InProgress => {
                self.drive_to(destination, pace, elapsed).then(|| ("complete", json!({"ride_id": ride})))
            }
            // A ride that is not live is not current, and a requested one has no driver.
            _ => None,
        };
        let current = self.current.as_mut()?;
        let is_due = current.sent_at.is_none_or(|sent_at| sent_at.elapsed() >= REPEAT_AFTER);
        let command = command.filter(|_| is_due)?;
        current.sent_at = Some(Instant::now());
        Some(command)
    }

    /// Drives on towards a door. True when it is there.
    fn drive_to(&mut self, target: LatLng, pace: f64, elapsed: Duration) -> bool {
        let mut way = match self.way.take().filter(|way| way.target == target) {
            Some(way) => way,
            None => self.world.routes.to_door(&self.motion, target),
        };
        let is_there = self.motion.drive(&mut way, pace * self.world.config.speed_factor, elapsed);
        self.way = Some(way);
        is_there
    }

    /// Rests, or drifts towards a place where riders are to be expected.
    fn roam(&mut self, elapsed: Duration) {
        if Instant::now() < self.rest_until || self.considered.is_some() {
            self.motion.stand();
            return;
        }
        let pace = self.dice.random_range(ROAM_PACE.0..ROAM_PACE.1) * self.world.config.speed_factor;
        let mut way = match self.way.take() {
            Some(way) if way.target == self.roam_to => way,
            _ => self.world.routes.to_street(&self.motion, self.roam_to),
        };
        if self.motion.drive(&mut way, pace, elapsed) {
            self.rest_until = Instant::now() + self.world.pace(self.dice.random_range(15.0..90.0));
            // The nearest of a few: drivers know their quarter and do not cross town for nothing.
            let at = self.motion.at;
            let places = (0..4).map(|_| self.world.city.near_spot(&mut self.dice).at);
            let nearest = places.min_by(|a, b| a.distance_m(at).total_cmp(&b.distance_m(at)));
            self.roam_to = nearest.unwrap_or(at);
        }
        self.way = Some(way);
    }
}
