//! Which drivers could take a ride: the nearest in time, by road.
//!
//! Separate because it is where the two orders meet. The index knows who is near as the crow flies, the roads know who is
//! near in time, and one is no order of the other: the driver across the valley is near and late. So more are looked at
//! than are wanted, until nobody farther away could be sooner even straight there at the best speed there is.

use super::Locations;
use crate::dispatch::Candidate;
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::index::{Neighbour, RideClasses};
use crate::road::Origin;
use crate::time::{Span, Timestamp};

/// Looked at first, for each that is wanted; and how many times more when that did not prove enough.
const SCAN_FACTOR: usize = 4;

impl Locations {
    /// Free drivers for a pickup, nearest in travel time first; who cannot get there is not among them. Exact, as long as
    /// `scan_max` drivers are enough to tell.
    pub fn candidates(
        &self,
        pickup: LatLng,
        classes: RideClasses,
        passed: &[DriverId],
        now: Timestamp,
    ) -> Vec<Candidate> {
        let config = &self.inner.config;
        let mut query = self.query(classes, passed);
        let wanted = query.k;
        let (mut near, mut origins, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let mut ranked: Vec<(Span, &Neighbour)>;
        loop {
            query.k = (query.k * SCAN_FACTOR).min(config.scan_max).max(wanted);
            self.inner.index.nearest(pickup, &query, now, &mut near);
            origins.clear();
            origins.extend(near.iter().map(|neighbour| self.origin(neighbour)));
            self.inner.travel.to_pickup(&origins, pickup, &mut times);
            ranked = near.iter().zip(&times).filter_map(|(neighbour, time)| Some(((*time)?, neighbour))).collect();
            ranked.sort_unstable_by_key(|(time, neighbour)| (*time, neighbour.driver));
            let is_all = near.len() < query.k || query.k >= config.scan_max;
            if is_all || self.is_proven(pickup, wanted, &ranked, &near) {
                break;
            }
        }
        ranked.truncate(wanted);
        let candidate = |(time, neighbour): (Span, &Neighbour)| {
            let leg = self.inner.travel.route(self.origin(neighbour), pickup).ok()?;
            Some(Candidate { driver: neighbour.driver, pickup_eta: time, pickup_distance_m: leg.distance_m })
        };
        ranked.into_iter().filter_map(candidate).collect()
    }

    /// Whether nobody beyond those that were looked at can be sooner than the last that is wanted.
    fn is_proven(&self, pickup: LatLng, wanted: usize, ranked: &[(Span, &Neighbour)], near: &[Neighbour]) -> bool {
        let (Some((slowest, _)), Some(farthest)) = (ranked.get(wanted - 1), near.last()) else { return false };
        *slowest <= self.inner.travel.at_least(farthest.distance_m, pickup)
    }

    pub(super) fn origin(&self, neighbour: &Neighbour) -> Origin {
        // Of a driver who left meanwhile the place is as good as any.
        let bearing_deg = self.position_of(neighbour.driver).and_then(|fix| fix.bearing_deg);
        Origin { place: neighbour.position, bearing_deg }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::index::Fix;
    use crate::locations::Config;
    use crate::road::{Leg, NoRoute, TravelTime};

    const FASTEST_MPS: f64 = 20.0;

    /// A land where near and soon are strangers: a way takes up to four times as long as at the best speed, by a whim of the
    /// place it begins at, and from every seventh there is none.
    struct Hills;

    impl TravelTime for Hills {
        fn route(&self, from: Origin, to: LatLng) -> Result<Leg, NoRoute> {
            let whim = (i64::from(from.place.lat_e7()) * 31 + i64::from(from.place.lng_e7())).rem_euclid(1_009);
            if whim % 7 == 0 {
                return Err(NoRoute::Unconnected);
            }
            let straight_m = from.place.distance_m(to);
            let slower = 1.0 + whim as f64 / 336.0;
            let duration = Span::from_millis((straight_m / FASTEST_MPS * slower * 1_000.0).ceil() as i64);
            Ok(Leg { distance_m: straight_m as u32, duration })
        }

        fn at_least(&self, straight_m: f64, _: LatLng) -> Span {
            Span::from_millis((straight_m / FASTEST_MPS * 1_000.0) as i64)
        }
    }

    fn centre() -> LatLng {
        LatLng::new(-1.95, 30.06).expect("on the globe")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_candidates_are_those_who_would_be_there_first(
            offsets in prop::collection::vec((-200_000..200_000_i32, -200_000..200_000_i32), 0..300),
            wanted in 1..12_usize,
        ) {
            let now = Timestamp::from_millis(1_790_000_000_000);
            let config = Config { candidates_max: wanted, scan_max: 1_000, ..Config::for_tests() };
            let locations = Locations::new(config, Arc::new(Hills)).expect("valid");
            let drivers: Vec<(DriverId, LatLng)> = (1..).zip(&offsets).map(|(number, (north, east))| {
                let at = LatLng::from_e7(centre().lat_e7() + north, centre().lng_e7() + east).expect("on the globe");
                (DriverId(Uuid::from_u128(number)), at)
            }).collect();
            for (driver, at) in &drivers {
                locations.begin_shift(*driver, RideClasses(1), Some(Fix::new(*at, now)));
            }
            let time = |at: LatLng| Hills.route(at.into(), centre()).ok().map(|leg| leg.duration);
            let mut expected: Vec<(Span, DriverId)> =
                drivers.iter().filter_map(|(driver, at)| Some((time(*at)?, *driver))).collect();
            expected.sort_unstable();
            expected.truncate(wanted);
            let found = locations.candidates(centre(), RideClasses(1), &[], now);
            let found: Vec<_> = found.iter().map(|candidate| (candidate.pickup_eta, candidate.driver)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
