//! Which drivers could take a ride: the nearest in time, by road.
//!
//! Separate because it is where the two orders meet. The index knows who is near as the crow flies, the roads know who is
//! near in time, and one is no order of the other: the driver across the valley is near and late. So more are looked at
//! than are wanted: all who are near enough to be sooner than the last of those found so far.

use super::Locations;
use crate::dispatch::Candidate;
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::index::{Nearest, Neighbour, RideClasses};
use crate::road::{Leg, Origin};
use crate::time::{Span, Timestamp};

/// Looked at first, for each that is wanted.
const SCAN_FACTOR: usize = 4;

/// Drivers looked at.
#[derive(Default)]
struct Scan {
    /// Nearest first as the crow flies.
    near: Vec<Neighbour>,
    /// The riding time of each; none for who cannot get there.
    times: Vec<Option<Span>>,
    /// Those who can get there, soonest first, by their number in `near`.
    ranked: Vec<(Span, usize)>,
}

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
        let mut query = self.query(classes, passed);
        let wanted = query.k;
        query.k = (wanted * SCAN_FACTOR).min(self.inner.config.scan_max).max(wanted);
        let mut scan = Scan::default();
        self.scan(pickup, &query, now, &mut scan);
        if let Some(farthest) = scan.near.last().filter(|_| scan.near.len() == query.k) {
            // More may be about. Who is to be sooner than the last that is wanted must be within reach.
            let slowest = scan.ranked.get(wanted - 1).map(|(time, _)| *time);
            let reach_m = slowest.map_or(query.radius_m_max, |time| self.inner.travel.farthest_m(time, pickup));
            if farthest.distance_m < reach_m {
                query.k = self.inner.config.scan_max.max(wanted);
                query.radius_m_max = query.radius_m_max.min(reach_m);
                self.scan(pickup, &query, now, &mut scan);
            }
        }
        scan.ranked.truncate(wanted);
        let origins: Vec<Origin> = scan.ranked.iter().map(|(_, number)| Origin::from(&scan.near[*number])).collect();
        let mut legs = Vec::with_capacity(origins.len());
        self.inner.travel.legs_to_pickup(&origins, pickup, &mut legs);
        let candidate = |((time, number), leg): (&(Span, usize), Option<Leg>)| {
            Some(Candidate::free(scan.near[*number].driver, *time, leg?.distance_m))
        };
        scan.ranked.iter().zip(legs).filter_map(candidate).collect()
    }

    /// Ranks the nearest by travel time. Who was looked at by the scan before, and stands where they stood, is as far in time
    /// as they were.
    fn scan(&self, pickup: LatLng, query: &Nearest<'_>, now: Timestamp, scan: &mut Scan) {
        let Scan { near, times, ranked } = scan;
        let before = std::mem::take(near);
        self.inner.index.nearest(pickup, query, now, near);
        let place = |neighbour: &Neighbour| (neighbour.driver, Origin::from(neighbour));
        let known = near.iter().zip(&before).take_while(|(one, other)| place(one) == place(other)).count();
        let origins: Vec<Origin> = near[known..].iter().map(Origin::from).collect();
        let mut new = Vec::with_capacity(origins.len());
        self.inner.travel.to_pickup(&origins, pickup, &mut new);
        times.truncate(known);
        times.append(&mut new);
        ranked.clear();
        ranked.extend(times.iter().enumerate().filter_map(|(number, time)| Some(((*time)?, number))));
        ranked.sort_unstable_by_key(|(time, number)| (*time, near[*number].driver));
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

        fn farthest_m(&self, within: Span, _: LatLng) -> f64 {
            (within.as_millis() + 1) as f64 / 1_000.0 * FASTEST_MPS
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
