//! What arrival times turn out to be over what the router said, learned from legs that ended.
//!
//! Separate from the learned speeds because it corrects what those cannot know: the search for a gate, stairs, the rider
//! who is late, a turn that costs more than it should. The factor of a leg is that of where it ends (an H3 cell of some five
//! square kilometres) in that hour of the week. As for streets, each level is drawn towards the one before by how little
//! it has seen: the city, the city in this hour, the cell, the cell in this hour.

use std::collections::BTreeSet;
use std::collections::VecDeque;

use h3o::{CellIndex, Resolution};
use rustc_hash::FxHashMap;

use crate::geo::LatLng;
use crate::road::evidence::{Evidence, Weighing};
use crate::road::traffic::HourOfWeek;
use crate::time::{Span, Timestamp};

/// Cells of 5.2 square kilometres on average: Kigali has 150.
const RESOLUTION: Resolution = Resolution::Seven;
/// A correction beyond these is not believed.
const FACTOR_MIN: f64 = 0.5;
const FACTOR_MAX: f64 = 2.5;
/// A leg shorter than this counts for less, in proportion: its seconds are the rider's, not the road's.
const WHOLE_WEIGHT_FROM_MS: f32 = 120_000.0;
/// Evidence that counts for less than this is forgotten.
const FORGOTTEN_BELOW: f32 = 0.1;
/// A leg that is late by more than this is not late but broken off.
const ERROR_S_MAX: i64 = 24 * 3_600;

/// Numbers of learning.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Cells and hours that are remembered at most; what is new beyond that is counted for the city only.
    pub entries_max: usize,
    /// After this time without a leg what was seen before counts half.
    pub half_life: Span,
    /// The error is told of this many last legs.
    pub legs_max: usize,
}

/// Whom a correction is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope {
    /// The cell, as H3 numbers it; none: the whole city.
    pub cell: Option<u64>,
    /// The hour; none: the whole week.
    pub hour: Option<HourOfWeek>,
}

/// A leg that somebody rode to its end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FinishedLeg {
    /// What the router said when it began, not corrected.
    pub router: Span,
    /// What people were told then: corrected.
    pub promised: Span,
    /// What it took.
    pub actual: Span,
    /// Where it ended.
    pub place: LatLng,
    /// When it began.
    pub began_at: Timestamp,
}

/// How far off the last promises were; seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EtaError {
    /// Half of all were off by no more.
    pub median_s: i64,
    /// Nine of ten were off by no more.
    pub p90_s: i64,
    /// Later than promised on average; negative when earlier.
    pub bias_s: i64,
    /// Of how many legs.
    pub legs: usize,
}

/// Learned corrections, and how good the promises were.
#[derive(Clone, Debug)]
pub struct Corrections {
    weighing: Weighing,
    entries_max: usize,
    legs_max: usize,
    evidence: FxHashMap<Scope, Evidence>,
    changed: BTreeSet<Scope>,
    /// Actual minus promised of the last legs, in seconds.
    errors_s: VecDeque<i64>,
}

impl Corrections {
    /// Nothing learned: every time is taken as the router says it.
    pub fn new(config: &Config) -> Self {
        let half_life_s = (config.half_life.as_millis() as f32 / 1_000.0).max(1.0);
        Self {
            // Twelve legs of a cell's hour count as much as all that is known of the cell: arrival times scatter by a
            // quarter, so a mean of twelve does by a fourteenth.
            weighing: Weighing { half_life_s, weight_max: 1e5, weight_min: 1.0, prior: 12.0 },
            entries_max: config.entries_max,
            legs_max: config.legs_max,
            evidence: FxHashMap::default(),
            changed: BTreeSet::new(),
            errors_s: VecDeque::new(),
        }
    }

    /// Learns from a leg; whether it did. One that took no time, or that the router said would take none, teaches nothing.
    pub fn leg_finished(&mut self, leg: &FinishedLeg) -> bool {
        let error_s = leg.actual.as_secs() - leg.promised.as_secs();
        if leg.actual == Span::ZERO || leg.router == Span::ZERO || error_s.abs() > ERROR_S_MAX {
            return false;
        }
        let ratio = leg.actual.as_millis() as f32 / leg.router.as_millis() as f32;
        let weight = (leg.router.as_millis() as f32 / WHOLE_WEIGHT_FROM_MS).min(1.0);
        for scope in scopes(leg.place, HourOfWeek::of(leg.began_at)) {
            let has_room = self.evidence.len() < self.entries_max || self.evidence.contains_key(&scope);
            if has_room || scope.cell.is_none() {
                let evidence = self.evidence.entry(scope).or_default();
                evidence.add(ratio, weight, seconds(leg.began_at + leg.actual), &self.weighing);
                self.changed.insert(scope);
            }
        }
        self.errors_s.push_back(error_s);
        while self.errors_s.len() > self.legs_max {
            self.errors_s.pop_front();
        }
        true
    }

    /// What a leg will take that ends at `place` and begins now, when the router says `duration`.
    pub fn correct(&self, duration: Span, place: LatLng, now: Timestamp) -> Span {
        let corrected_ms = duration.as_millis() as f64 * self.factor(place, now);
        Span::from_millis(corrected_ms.round() as i64)
    }

    /// By what a router's time is multiplied: 0.5 to 2.5.
    pub fn factor(&self, place: LatLng, now: Timestamp) -> f64 {
        let (now_s, none) = (seconds(now), Evidence::NONE);
        let [city, city_hour, cell, cell_hour] =
            scopes(place, HourOfWeek::of(now)).map(|scope| self.evidence.get(&scope).unwrap_or(&none));
        let of = |evidence: &Evidence, expected: f32| evidence.shrunk(expected, now_s, &self.weighing);
        let city = of(city, 0.0);
        let city_hour = of(city_hour, city);
        let expected = of(cell, city) + city_hour - city;
        f64::from(of(cell_hour, expected).exp()).clamp(FACTOR_MIN, FACTOR_MAX)
    }

    /// How far off the last promises were.
    pub fn error(&self) -> EtaError {
        let legs = self.errors_s.len();
        if legs == 0 {
            return EtaError::default();
        }
        let mut off_s: Vec<i64> = self.errors_s.iter().map(|error_s| error_s.abs()).collect();
        off_s.sort_unstable();
        // The nearest rank.
        let of_hundred = |percent: usize| off_s[(legs * percent).div_ceil(100) - 1];
        let bias_s = (self.errors_s.iter().sum::<i64>() as f64 / legs as f64).round() as i64;
        EtaError { median_s: of_hundred(50), p90_s: of_hundred(90), bias_s, legs }
    }

    /// How many cells and hours are remembered.
    pub fn len(&self) -> usize {
        self.evidence.len()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty()
    }

    /// Drops what is too old to count.
    pub fn forget(&mut self, now: Timestamp) {
        let (now_s, weighing) = (seconds(now), self.weighing);
        self.evidence.retain(|_, evidence| evidence.weight_at(now_s, &weighing) >= FORGOTTEN_BELOW);
    }

    /// Up to `entries_max` pieces of evidence that changed since they were last taken, in order; taken are they then.
    pub fn take_changed(&mut self, entries_max: usize) -> Vec<(Scope, Evidence)> {
        let mut taken = Vec::new();
        while taken.len() < entries_max
            && let Some(scope) = self.changed.pop_first()
        {
            taken.extend(self.evidence.get(&scope).map(|evidence| (scope, *evidence)));
        }
        taken
    }

    /// What was taken could not be kept: it is taken again.
    pub fn put_back(&mut self, taken: &[(Scope, Evidence)]) {
        self.changed.extend(taken.iter().map(|(scope, _)| *scope));
    }

    /// Takes in what was kept, as long as there is room.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = (Scope, Evidence)>) {
        for (scope, evidence) in kept {
            if self.evidence.len() < self.entries_max || scope.cell.is_none() {
                self.evidence.insert(scope, evidence);
            }
        }
    }
}

/// From the whole to the part: city, city in this hour, cell, cell in this hour.
fn scopes(place: LatLng, hour: HourOfWeek) -> [Scope; 4] {
    let cell = cell(place);
    [(None, None), (None, Some(hour)), (cell, None), (cell, Some(hour))].map(|(cell, hour)| Scope { cell, hour })
}

/// The cell of a place. Every place on the globe has one.
fn cell(place: LatLng) -> Option<u64> {
    let place = h3o::LatLng::new(place.lat(), place.lng()).ok()?;
    Some(place.to_cell(RESOLUTION).into())
}

/// Whether a number is that of a cell of ours.
pub fn is_cell(number: u64) -> bool {
    CellIndex::try_from(number).is_ok_and(|cell| cell.resolution() == RESOLUTION)
}

/// Seconds since 1970; the ends of the range for what is beyond it.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis().max(0) / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};
    use rand::rngs::SmallRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    const CONFIG: Config = Config { entries_max: 10_000, half_life: Span::from_secs(21 * 86_400), legs_max: 1_000 };
    /// Monday 2026-11-23, 00:00 in Kigali.
    const MONDAY: Timestamp = Timestamp::from_millis(1_795_384_800_000);

    fn place(east_km: f64, north_km: f64) -> LatLng {
        LatLng::new(-1.95, 30.06)
            .expect("on the globe")
            .destination(90.0, east_km * 1e3)
            .destination(0.0, north_km * 1e3)
    }

    fn leg(router_s: i64, ratio: f64, place: LatLng, began_at: Timestamp) -> FinishedLeg {
        let router = Span::from_secs(router_s);
        let actual = Span::from_millis((router.as_millis() as f64 * ratio) as i64);
        FinishedLeg { router, promised: router, actual, place, began_at }
    }

    /// About normal, from twelve dice.
    fn noise(rng: &mut SmallRng) -> f64 {
        (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
    }

    /// A city whose centre takes 1.5 times what the router says from seven to nine, 1.2 times else; its edge 0.9 times.
    fn truth(is_centre: bool, at: Timestamp) -> f64 {
        let rush = matches!(HourOfWeek::of(at).number() % 24, 7 | 8) && HourOfWeek::of(at).number() < 120;
        match (is_centre, rush) {
            (true, true) => 1.5,
            (true, false) => 1.2,
            (false, _) => 0.9,
        }
    }

    #[test]
    fn a_biased_city_is_learned_in_four_weeks() {
        let (centre, edge) = (place(0.0, 0.0), place(9.0, 0.0));
        let (mut corrections, mut rng) = (Corrections::new(&CONFIG), SmallRng::seed_from_u64(4));
        let (mut before_s, mut after_s) = (0.0, 0.0);
        for minute in 0..4 * 7 * 24 * 60 / 10 {
            let at = MONDAY + Span::from_minutes(minute * 10);
            for (place, is_centre) in [(centre, true), (edge, false)] {
                let ratio = truth(is_centre, at) * (0.25 * noise(&mut rng)).exp();
                let mut leg = leg(600, ratio, place, at);
                leg.promised = corrections.correct(leg.router, place, at);
                if minute > 3 * 7 * 24 * 6 {
                    before_s += (leg.actual.as_secs() - leg.router.as_secs()).abs() as f64;
                    after_s += (leg.actual.as_secs() - leg.promised.as_secs()).abs() as f64;
                }
                corrections.leg_finished(&leg);
            }
        }
        // On average over the days of the following week: a single hour of it has seen two dozen legs.
        let at = |day: i64, hour: i64| MONDAY + Span::from_minutes(((28 + day) * 24 + hour) * 60);
        for (place, is_centre, hour) in [(centre, true, 8), (centre, true, 14), (edge, false, 8), (edge, false, 20)] {
            let sum: f64 = (0..5).map(|day| corrections.factor(place, at(day, hour)).ln()).sum();
            let (found, true_factor) = ((sum / 5.0).exp(), truth(is_centre, at(0, hour)));
            assert!((found / true_factor - 1.0).abs() < 0.06, "at {hour}: {found}, not {true_factor}");
        }
        assert!(after_s < 0.9 * before_s, "{after_s} s, {before_s} s before");
        let elsewhere = corrections.factor(place(0.0, 30.0), at(0, 14));
        assert!((0.9..1.2).contains(&elsewhere), "{elsewhere}: a cell without legs is as the city");
    }

    #[test]
    fn noise_without_bias_is_made_little_of() {
        for seed in 0..20 {
            let (mut corrections, mut rng) = (Corrections::new(&CONFIG), SmallRng::seed_from_u64(seed));
            for minute in 0..2_000 {
                let here = place(rng.random_range(-5.0..5.0), rng.random_range(-5.0..5.0));
                let at = MONDAY + Span::from_minutes(minute * 10);
                let factor = corrections.factor(here, at);
                // Even after a handful of legs: the scatter of a quarter is not believed.
                assert!((0.7..1.4).contains(&factor), "seed {seed}, leg {minute}: {factor}");
                corrections.leg_finished(&leg(600, (0.25 * noise(&mut rng)).exp(), here, at));
            }
            let last = corrections.factor(place(0.0, 0.0), MONDAY + Span::from_minutes(20_000));
            assert!((0.85..1.18).contains(&last), "seed {seed}: {last}");
        }
    }

    #[test]
    fn the_error_of_the_last_legs_is_told() {
        let mut corrections = Corrections::new(&Config { legs_max: 10, ..CONFIG });
        assert_eq!(corrections.error(), EtaError::default());
        // Long ago, and forgotten.
        corrections.leg_finished(&leg(600, 5.0, place(0.0, 0.0), MONDAY));
        for late_s in [-30, -20, -10, 0, 10, 20, 30, 40, 50, 600] {
            let promised = Span::from_secs(1_000);
            let actual = Span::from_secs(1_000 + late_s);
            let one = FinishedLeg { promised, actual, ..leg(1_000, 1.0, place(0.0, 0.0), MONDAY) };
            corrections.leg_finished(&one);
        }
        assert_eq!(corrections.error(), EtaError { median_s: 20, p90_s: 50, bias_s: 69, legs: 10 });
    }

    #[test]
    fn legs_that_say_nothing_teach_nothing() {
        let mut corrections = Corrections::new(&CONFIG);
        let sound = leg(600, 1.5, place(0.0, 0.0), MONDAY);
        for leg in [
            FinishedLeg { actual: Span::ZERO, ..sound },
            FinishedLeg { router: Span::ZERO, ..sound },
            FinishedLeg { actual: Span::from_secs(90_000), ..sound },
        ] {
            assert!(!corrections.leg_finished(&leg), "{leg:?}");
        }
        assert!(corrections.is_empty() && corrections.error().legs == 0);
    }

    #[test]
    fn what_was_learned_survives_being_kept() {
        let mut learned = Corrections::new(&CONFIG);
        for minute in 0..500 {
            let here = place(f64::from(minute % 7) * 2.0, 0.0);
            learned.leg_finished(&leg(600, 1.3, here, MONDAY + Span::from_minutes(i64::from(minute) * 7)));
        }
        let mut kept = learned.take_changed(3);
        assert_eq!(kept.len(), 3);
        learned.put_back(&kept);
        kept = learned.take_changed(usize::MAX);
        assert_eq!((kept.len(), learned.take_changed(1).len()), (learned.len(), 0));
        assert!(kept.iter().all(|(scope, _)| scope.cell.is_none_or(is_cell)));
        let mut restored = Corrections::new(&CONFIG);
        restored.restore(kept);
        let at = MONDAY + Span::from_minutes(3_600);
        assert_eq!(restored.factor(place(2.0, 0.0), at), learned.factor(place(2.0, 0.0), at));
        learned.forget(MONDAY + Span::from_secs(20 * 365 * 86_400));
        assert!(learned.is_empty());
    }

    #[test]
    fn a_full_memory_still_learns_of_the_city() {
        let mut corrections = Corrections::new(&Config { entries_max: 4, ..CONFIG });
        for index in 0..100 {
            corrections.leg_finished(&leg(600, 1.4, place(f64::from(index) * 3.0, 0.0), MONDAY));
        }
        assert!(corrections.len() <= 4, "{}", corrections.len());
        assert!(corrections.factor(place(-20.0, 0.0), MONDAY) > 1.3);
        assert!(!is_cell(7) && !is_cell(u64::MAX));
    }

    proptest! {
        #[test]
        fn no_leg_whatever_corrects_beyond_the_bounds(
            legs in proptest::collection::vec((0..i64::MAX, 0..i64::MAX, -89.0..89.0_f64, -180.0..180.0_f64, i64::MIN..i64::MAX), 0..20),
            duration_ms in 0..i64::MAX / 4, now_ms in i64::MIN..i64::MAX,
        ) {
            let mut corrections = Corrections::new(&CONFIG);
            for (router_ms, actual_ms, lat, lng, at_ms) in legs {
                let place = LatLng::new(lat, lng).expect("on the globe");
                let (router, actual) = (Span::from_millis(router_ms), Span::from_millis(actual_ms));
                let began_at = Timestamp::from_millis(at_ms);
                corrections.leg_finished(&FinishedLeg { router, promised: router, actual, place, began_at });
                let corrected = corrections.correct(Span::from_millis(duration_ms), place, Timestamp::from_millis(now_ms));
                let share = corrected.as_millis() as f64 / duration_ms.max(1) as f64;
                prop_assert!(share <= FACTOR_MAX + 1.0 && (duration_ms < 10 || share >= FACTOR_MIN - 0.1), "{share}");
            }
        }
    }
}
