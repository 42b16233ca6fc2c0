//! Which rider watches which driver.
//!
//! Separate from the hub so that the common case stays visible: a driver nobody watches costs one read of a counter. A
//! driver carries at most one ride and a ride has one rider, so a driver has at most one watcher.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use rustc_hash::FxBuildHasher;

use crate::geo::LatLng;
use crate::ids::{DriverId, RideId, RiderId};
use crate::realtime::protocol::server::DriverPosition;
use crate::time::Timestamp;

/// Where a driver is, for whoever watches.
#[derive(Clone, Copy, PartialEq)]
pub struct Position {
    /// When the driver was there.
    pub at: Timestamp,
    /// The place.
    pub place: LatLng,
    /// Direction of travel, clockwise from north.
    pub bearing_deg: Option<f32>,
    /// Until the next stop, where it is known.
    pub eta_s: Option<i64>,
}

/// A rider, and the ride they watch a driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watcher {
    pub rider: RiderId,
    pub ride: RideId,
}

/// Who is watched by whom. Bounded by the live rides.
#[derive(Default)]
pub struct Watches {
    of_driver: DashMap<DriverId, Watcher, FxBuildHasher>,
    of_rider: DashMap<RiderId, DriverId, FxBuildHasher>,
    watched: AtomicUsize,
}

impl Watches {
    /// From now on the rider watches this driver and no other.
    pub fn watch(&self, driver: DriverId, watcher: Watcher) {
        let before = self.of_rider.insert(watcher.rider, driver);
        if let Some(other) = before.filter(|other| *other != driver) {
            self.forget(other, watcher.rider);
        }
        match self.of_driver.entry(driver) {
            Entry::Occupied(mut held) => *held.get_mut() = watcher,
            Entry::Vacant(free) => {
                free.insert(watcher);
                self.watched.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The rider watches nobody any more.
    pub fn unwatch(&self, rider: RiderId) {
        if let Some((_, driver)) = self.of_rider.remove(&rider) {
            self.forget(driver, rider);
        }
    }

    /// The driver's watcher, if there is one.
    pub fn watcher(&self, driver: DriverId) -> Option<Watcher> {
        if self.watched.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.of_driver.get(&driver).map(|watcher| *watcher)
    }

    fn forget(&self, driver: DriverId, rider: RiderId) {
        // The driver may be watched for the next ride already; that stays.
        if self.of_driver.remove_if(&driver, |_, held| held.rider == rider).is_some() {
            self.watched.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Position {
    /// The message for a watcher of this ride.
    pub fn for_ride(&self, ride_id: RideId) -> DriverPosition {
        /// Six places: 0.1 m, and seven bytes less on the wire than what a phone sends.
        const PLACES: f64 = 1e6;
        let rounded = |degrees: f64| (degrees * PLACES).round() / PLACES;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the remainder lies in 0..360")]
        let bearing = |degrees: f32| degrees.round().rem_euclid(360.0) as u16;
        DriverPosition {
            ride_id,
            lat: rounded(self.place.lat()),
            lng: rounded(self.place.lng()),
            bearing_deg: self.bearing_deg.map(bearing),
            t_ms: self.at.as_millis(),
            eta_s: self.eta_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn watcher(rider: u128, ride: u128) -> Watcher {
        Watcher { rider: RiderId(Uuid::from_u128(rider)), ride: RideId(Uuid::from_u128(ride)) }
    }

    fn driver(id: u128) -> DriverId {
        DriverId(Uuid::from_u128(id))
    }

    #[test]
    fn a_rider_watches_one_driver_at_a_time() {
        let watches = Watches::default();
        watches.watch(driver(1), watcher(7, 70));
        watches.watch(driver(2), watcher(7, 71));
        assert_eq!(watches.watcher(driver(1)), None);
        assert_eq!(watches.watcher(driver(2)), Some(watcher(7, 71)));
        watches.unwatch(RiderId(Uuid::from_u128(7)));
        assert_eq!(watches.watcher(driver(2)), None);
        assert_eq!(watches.watched.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_end_of_one_ride_leaves_the_watcher_of_the_next() {
        let watches = Watches::default();
        watches.watch(driver(1), watcher(7, 70));
        watches.watch(driver(1), watcher(8, 80));
        watches.unwatch(RiderId(Uuid::from_u128(7)));
        assert_eq!(watches.watcher(driver(1)), Some(watcher(8, 80)));
        assert_eq!(watches.watched.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_position_is_rounded_for_the_wire() {
        let position = Position {
            at: Timestamp::from_millis(5),
            place: LatLng::new(-1.943_838_05, 30.056_937_04).expect("on the globe"),
            bearing_deg: Some(359.7),
            eta_s: None,
        };
        let message = position.for_ride(RideId(Uuid::nil()));
        assert_eq!((message.lat, message.lng, message.bearing_deg), (-1.943_838, 30.056_937, Some(0)));
    }
}
