//! The city around the desk: a plane, drivers somewhere on it, and an index that is sometimes behind.

use std::collections::{BTreeMap, BTreeSet};

use boda::dispatch::{Answer, Availability, Candidate, Decision, Wanted};
use boda::ids::{DriverId, RideId};
use boda::index::{Fix, RideClasses};
use boda::rides::decisions::Looked;
use boda::rides::desk::Surroundings;
use boda::rides::ride::{Offer, Ride};
use boda::time::{Span, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rustc_hash::FxHashMap;

/// Drivers named for one ride at most.
const CANDIDATES_MAX: usize = 8;
/// Metres in a second.
const SPEED_MPS: i64 = 6;

/// See the module.
pub struct City {
    dice: StdRng,
    pub places: BTreeMap<DriverId, (i64, i64)>,
    pub available: BTreeMap<DriverId, Availability>,
    pub connected: BTreeSet<DriverId>,
    /// One answer in a thousand is wrong so many times.
    pub stale_permille: u32,
}

impl City {
    /// Everybody somewhere.
    pub fn new(seed: u64, drivers: impl Iterator<Item = DriverId>) -> Self {
        let mut dice = StdRng::seed_from_u64(seed ^ 0xC17);
        let places =
            drivers.map(|driver| (driver, (dice.random_range(0..4_000), dice.random_range(0..4_000)))).collect();
        Self { dice, places, available: BTreeMap::new(), connected: BTreeSet::new(), stale_permille: 0 }
    }

    fn candidate(&mut self, driver: DriverId, state: Availability, pickup: (i64, i64)) -> Candidate {
        let (x, y) = self.places[&driver];
        let away_m = (x - pickup.0).abs() + (y - pickup.1).abs();
        let rest = matches!(state, Availability::OnTrip).then(|| Span::from_secs(self.dice.random_range(5..300)));
        let eta = Span::from_millis(away_m * 1_000 / SPEED_MPS + rest.map_or(0, Span::as_millis));
        let queue_place = self.dice.random_ratio(1, 50).then_some(0);
        let metres = u32::try_from(away_m).expect("a plane of kilometres");
        Candidate { finishing: rest, queue_place, ..Candidate::free(driver, eta, metres) }
    }
}

impl Surroundings for City {
    fn is_connected(&self, driver: DriverId) -> bool {
        self.connected.contains(&driver)
    }

    fn candidates(&mut self, wanted: &[Wanted], rides: &FxHashMap<RideId, Ride>, _now: Timestamp) -> Vec<Answer> {
        let mut answers = Vec::new();
        for wanted in wanted.iter().filter(|wanted| rides.contains_key(&wanted.ride)) {
            let spot = wanted.ride.0.as_u128() % 997;
            let pickup = (i64::try_from(spot * 4).expect("small"), i64::try_from(spot * 7 % 4_000).expect("small"));
            let mut candidates = Vec::new();
            for driver in self.places.keys().copied().collect::<Vec<_>>() {
                let state = self.available.get(&driver).copied().unwrap_or(Availability::Off);
                let is_stale = self.dice.random_range(0..1_000) < self.stale_permille;
                let is_named = match state {
                    Availability::Free => !is_stale,
                    // Who is about to finish; and what the index has not heard yet.
                    Availability::OnTrip => is_stale || self.dice.random_ratio(1, 2),
                    _ => is_stale,
                };
                let is_holder = wanted.holder == Some(driver);
                if is_holder || is_named && (is_stale || !wanted.passed.contains(&driver)) {
                    candidates.push(self.candidate(driver, state, pickup));
                }
            }
            candidates.sort_by_key(|candidate| (candidate.pickup_eta, candidate.driver));
            candidates.truncate(CANDIDATES_MAX);
            answers.push(Answer { ride: wanted.ride, candidates });
        }
        // An answer that does not come is asked for again.
        if self.dice.random_range(0..1_000) < self.stale_permille / 2 {
            answers.pop();
        }
        answers
    }

    fn left_out(&mut self, _: RideId) -> Vec<Looked> {
        Vec::new()
    }

    fn set_availability(&mut self, driver: DriverId, availability: Availability) {
        self.available.insert(driver, availability);
    }

    fn begin_shift(&mut self, _: DriverId, _: RideClasses, _: Fix) {}

    fn follow(&mut self, _: &Ride, _: &Decision, _: Option<&Offer>) -> Option<u32> {
        None
    }
}
