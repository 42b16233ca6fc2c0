//! When somebody wants a ride, and from where to where. Pure: the same seed wants the same rides.
//!
//! Arrivals are a Poisson process. Trips run between hot spots where one lies at a suitable distance; nearly half are
//! short hops, so that a city that has just started shows whole rides within minutes.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::simulation::places::{City, Named};

/// Shortest and longest trip, straight, in metres.
pub const TRIP_M: (f64, f64) = (1_000.0, 6_000.0);
/// Length of a short hop.
const HOP_M: (f64, f64) = (1_000.0, 1_900.0);
/// Share of short hops.
const HOPS: f64 = 0.45;
/// How far a trip between spots may be from the length it was meant to have.
const TOLERANCE: f64 = 0.3;
/// Longest gap, in seconds: a year, for a city where nobody wants to go anywhere.
const GAP_S_MAX: f64 = 365.0 * 86_400.0;
/// Destinations that are tried before one is made up.
const DRAWS_MAX: usize = 24;

/// A wish to go somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    /// Where the rider waits.
    pub pickup: Named,
    /// Where the rider goes.
    pub destination: Named,
}

/// The stream of wishes.
#[derive(Debug)]
pub struct Demand {
    rng: StdRng,
}

impl Demand {
    /// A stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed) }
    }

    /// How long until the next wish when there are `per_minute` on average.
    pub fn gap(&mut self, per_minute: f64) -> Duration {
        let minutes = -(1.0 - self.rng.random::<f64>()).ln() / per_minute.max(1e-6);
        Duration::from_secs_f64((minutes * 60.0).min(GAP_S_MAX))
    }

    /// Whether a wish is one of this share of all wishes.
    pub fn is_kept(&mut self, share: f64) -> bool {
        self.rng.random_bool(share.clamp(0.0, 1.0))
    }

    /// The next trip.
    pub fn trip(&mut self, city: &City) -> Trip {
        let rng = &mut self.rng;
        let pickup = city.near_spot(rng);
        let wish_m = if rng.random_bool(HOPS) {
            rng.random_range(HOP_M.0..HOP_M.1)
        } else {
            // The smaller of two draws: long trips are rarer.
            let mut draw = || rng.random_range(HOP_M.1..TRIP_M.1);
            draw().min(draw())
        };
        for _ in 0..DRAWS_MAX {
            let destination = city.near_spot(rng);
            let length_m = pickup.at.distance_m(destination.at);
            let is_suitable = (TRIP_M.0..=TRIP_M.1).contains(&length_m);
            if is_suitable && (length_m - wish_m).abs() <= TOLERANCE * wish_m {
                return Trip { pickup, destination };
            }
        }
        for _ in 0..DRAWS_MAX {
            let at = pickup.at.destination(rng.random_range(0.0..360.0), wish_m);
            if city.contains(at) {
                return Trip { pickup, destination: city.named(at) };
            }
        }
        Trip { pickup, destination: city.near_spot(rng) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::KIGALI;

    fn trips(seed: u64, count: usize) -> Vec<Trip> {
        let city = City::within(KIGALI).expect("Kigali has spots");
        let mut demand = Demand::new(seed);
        (0..count).map(|_| demand.trip(&city)).collect()
    }

    #[test]
    fn the_same_seed_wants_the_same_rides() {
        assert_eq!(trips(7, 100), trips(7, 100));
        assert_ne!(trips(7, 100), trips(8, 100));
    }

    #[test]
    fn trips_are_between_one_and_six_kilometres() {
        let mut short = 0;
        for trip in trips(1, 2_000) {
            let length_m = trip.pickup.at.distance_m(trip.destination.at);
            // A made-up destination may miss its wish by the rounding of coordinates.
            assert!((TRIP_M.0 - 1.0..=TRIP_M.1 + 1.0).contains(&length_m), "{length_m}");
            short += usize::from(length_m < 2_500.0);
        }
        assert!((600..1_600).contains(&short), "{short} of 2000 are short");
    }

    #[test]
    fn wishes_arrive_at_the_rate_asked_for() {
        let mut demand = Demand::new(3);
        let total: Duration = (0..5_000).map(|_| demand.gap(40.0)).sum();
        let per_minute = 5_000.0 * 60.0 / total.as_secs_f64();
        assert!((38.0..42.0).contains(&per_minute), "{per_minute}");
    }
}
