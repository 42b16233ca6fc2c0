//! Who stands at the pickup has arrived, whether the button was pressed or not.
//!
//! Separate because it is the one thing that happens to a ride by what positions say. A driver who waits at the pickup
//! without saying so leaves the rider indoors and the waiting unpaid. Near for some seconds, rather than near once, because a
//! street may lead past a pickup on the way to it.

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::geo::LatLng;
use crate::ids::{DriverId, RideId};
use crate::index::Fix;
use crate::time::{Span, Timestamp};

/// What counts as arrived.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// How near to the pickup, in metres; 0 turns it off.
    pub radius_m: f64,
    /// For how long.
    pub after: Span,
}

/// Since when drivers have been near the pickups they ride to.
pub struct Arrivals {
    config: Config,
    near: DashMap<DriverId, Near, FxBuildHasher>,
}

struct Near {
    ride: RideId,
    since: Timestamp,
}

impl Arrivals {
    /// Nobody is near.
    pub fn new(config: Config) -> Self {
        Self { config, near: DashMap::default() }
    }

    /// A driver on the way to a pickup is there. Whether that is an arrival: true for every fix from then on, so that one
    /// that could not be told is told by the next.
    pub fn has_arrived(&self, driver: DriverId, ride: RideId, pickup: LatLng, fix: &Fix) -> bool {
        if self.config.radius_m <= 0.0 {
            return false;
        }
        if fix.position.distance_m(pickup) > self.config.radius_m {
            self.near.remove(&driver);
            return false;
        }
        let mut near = self.near.entry(driver).or_insert(Near { ride, since: fix.at });
        if near.ride != ride {
            *near = Near { ride, since: fix.at };
        }
        fix.at.since(near.since) >= self.config.after
    }

    /// The driver is no longer on the way to a pickup.
    pub fn forget(&self, driver: DriverId) {
        self.near.remove(&driver);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn arrivals(radius_m: f64) -> Arrivals {
        Arrivals::new(Config { radius_m, after: Span::from_secs(8) })
    }

    fn pickup() -> LatLng {
        LatLng::new(-1.95, 30.06).expect("on the globe")
    }

    /// `metres` north of the pickup, `second` seconds into the test.
    fn fix(metres: f64, second: i64) -> Fix {
        Fix::new(pickup().destination(0.0, metres), Timestamp::from_millis(second * 1_000))
    }

    const DRIVER: DriverId = DriverId(Uuid::from_u128(1));

    fn ride(number: u128) -> RideId {
        RideId(Uuid::from_u128(number))
    }

    #[test]
    fn who_stays_near_has_arrived_and_who_rides_past_has_not() {
        let arrivals = arrivals(40.0);
        let see = |metres, second| arrivals.has_arrived(DRIVER, ride(1), pickup(), &fix(metres, second));
        assert!(!see(30.0, 0) && !see(5.0, 4), "not for long enough");
        assert!(!see(60.0, 6), "rode past");
        assert!(!see(20.0, 9) && !see(20.0, 16), "near again, from the beginning");
        assert!(see(25.0, 17) && see(25.0, 18), "until somebody heard it");
        arrivals.forget(DRIVER);
        assert!(!see(25.0, 19));
    }

    #[test]
    fn another_ride_to_the_same_place_begins_anew() {
        let arrivals = arrivals(40.0);
        assert!(!arrivals.has_arrived(DRIVER, ride(1), pickup(), &fix(0.0, 0)));
        assert!(!arrivals.has_arrived(DRIVER, ride(2), pickup(), &fix(0.0, 60)));
        assert!(arrivals.has_arrived(DRIVER, ride(2), pickup(), &fix(0.0, 68)));
    }

    #[test]
    fn without_a_radius_only_the_driver_says_so() {
        let arrivals = arrivals(0.0);
        assert!((0..60).all(|second| !arrivals.has_arrived(DRIVER, ride(1), pickup(), &fix(0.0, second))));
    }
}
