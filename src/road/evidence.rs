//! What has been seen of a quantity, in twelve bytes: a mean that wild values hardly move and that forgets.
//!
//! Separate because speeds of streets and corrections of arrival times are learned in the same way. The quantity is a ratio
//! (seen over expected), kept as its natural logarithm, in which twice as slow and twice as fast are equally far from as
//! expected. The mean follows Huber's estimator (1964) by stochastic approximation (Robbins and Monro, 1951): each value
//! pulls by its distance from the mean, but by no more than `PULL_MAX`. A motorcycle that stands at the kerb for ten
//! minutes therefore counts like one in a jam, once. Weights halve with time, so that a street that nobody rides any more
//! is nobody's memory any more, and they have a ceiling, so that a long past never outvotes the present.

/// The farthest a value pulls, in natural logarithms: a factor of two.
const PULL_MAX: f32 = std::f32::consts::LN_2;
/// Ratios beyond these are no riding at all, and count as these.
const RATIO_MIN: f32 = 0.25;
const RATIO_MAX: f32 = 10.0;

/// How evidence is weighed: one choice for each kind of quantity.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Weighing {
    /// After this many seconds without a new value the old ones count half.
    pub half_life_s: f32,
    /// Values count for no more than this many; the newest have at least the share of one in it.
    pub weight_max: f32,
    /// Less than this many values are no evidence yet.
    pub weight_min: f32,
    /// What is expected beforehand counts as this many values.
    pub prior: f32,
}

/// A robust mean of the logarithm of a ratio, with the weight of what it is made of.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Evidence {
    /// Mean of the natural logarithm of the ratio.
    pub mean: f32,
    /// How many values it stands for, at `at_s`.
    pub weight: f32,
    /// Seconds since 1970 of the newest value.
    pub at_s: u32,
}

impl Evidence {
    /// Nothing seen yet.
    pub const NONE: Self = Self { mean: 0.0, weight: 0.0, at_s: 0 };

    /// Evidence as it was kept; none where the numbers can be nobody's.
    pub fn restored(mean: f32, weight: f32, at_s: u32) -> Option<Self> {
        let is_sound = (RATIO_MIN.ln()..=RATIO_MAX.ln()).contains(&mean) && (0.0..=1e6).contains(&weight);
        is_sound.then_some(Self { mean, weight, at_s })
    }

    /// Takes in a value that counts as `weight` values (0 to 1). What is no positive number is passed over.
    pub fn add(&mut self, ratio: f32, weight: f32, at_s: u32, weighing: &Weighing) {
        if !(ratio > 0.0 && ratio.is_finite() && weight > 0.0) {
            return;
        }
        let value = ratio.clamp(RATIO_MIN, RATIO_MAX).ln();
        let before = self.weight_at(at_s, weighing);
        let weight = weight.min(1.0);
        let pull = (value - self.mean).clamp(-PULL_MAX, PULL_MAX);
        // Rounding can carry it past the values it is made of.
        let mean = self.mean + pull * (weight / (before + weight));
        self.mean = mean.clamp(RATIO_MIN.ln(), RATIO_MAX.ln());
        self.weight = (before + weight).min(weighing.weight_max);
        self.at_s = self.at_s.max(at_s);
    }

    /// What the values count for now.
    pub fn weight_at(&self, now_s: u32, weighing: &Weighing) -> f32 {
        let age_s = now_s.saturating_sub(self.at_s) as f32;
        self.weight * (-age_s / weighing.half_life_s).exp2()
    }

    /// The mean, drawn towards what is expected beforehand the more, the less has been seen; as a logarithm.
    pub fn shrunk(&self, expected: f32, now_s: u32, weighing: &Weighing) -> f32 {
        let weight = self.weight_at(now_s, weighing);
        if weight < weighing.weight_min {
            return expected;
        }
        expected + (self.mean - expected) * weight / (weight + weighing.prior)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    const WEIGHING: Weighing = Weighing { half_life_s: 1_000.0, weight_max: 32.0, weight_min: 3.0, prior: 3.0 };

    fn seen(ratios: impl IntoIterator<Item = f32>) -> Evidence {
        let mut evidence = Evidence::NONE;
        ratios.into_iter().for_each(|ratio| evidence.add(ratio, 1.0, 0, &WEIGHING));
        evidence
    }

    #[test]
    fn a_steady_ratio_is_found() {
        for ratio in [0.5, 1.0, 1.7, 3.0, 8.0] {
            let found = seen(std::iter::repeat_n(ratio, 100)).mean.exp();
            assert!((found / ratio - 1.0).abs() < 0.05, "{found}, not {ratio}");
        }
    }

    #[test]
    fn one_in_ten_who_stops_to_talk_hardly_moves_it() {
        let ratios = (0..200).map(|index| if index % 10 == 7 { 60.0 } else { 1.2 });
        let found = seen(ratios).mean.exp();
        assert!((1.2..1.2 * 1.15).contains(&found), "{found}: the plain mean is {}", 1.2 * 0.9 + 6.0);
    }

    #[test]
    fn few_values_are_no_evidence_and_old_ones_stop_being_it() {
        assert_eq!(seen([3.0, 3.0]).shrunk(0.1, 0, &WEIGHING), 0.1);
        let much = seen([3.0; 32]);
        let (now, later, long_after) =
            (much.shrunk(0.0, 0, &WEIGHING), much.shrunk(0.0, 2_000, &WEIGHING), much.shrunk(0.0, 4_000, &WEIGHING));
        assert!(now > later && later > 0.5 * now, "{now} {later}");
        assert_eq!(long_after, 0.0, "four half-lives leave two values of 32, fewer than three");
    }

    #[test]
    fn what_was_kept_wrongly_is_not_taken_back() {
        for (mean, weight) in [(f32::NAN, 1.0), (9.0, 1.0), (0.1, -1.0), (0.1, f32::NAN), (f32::INFINITY, 1.0)] {
            assert_eq!(Evidence::restored(mean, weight, 0), None, "{mean} {weight}");
        }
        let evidence = seen([1.5; 5]);
        assert_eq!(Evidence::restored(evidence.mean, evidence.weight, evidence.at_s), Some(evidence));
    }

    proptest! {
        #[test]
        fn no_values_whatever_make_it_other_than_a_bounded_number(
            values in proptest::collection::vec((any::<f32>(), any::<f32>(), any::<u32>()), 0..50), now_s in any::<u32>(),
        ) {
            let mut evidence = Evidence::NONE;
            for (ratio, weight, at_s) in values {
                evidence.add(ratio, weight, at_s, &WEIGHING);
                prop_assert!(evidence.weight <= WEIGHING.weight_max && evidence.weight >= 0.0);
                prop_assert!(evidence.mean >= RATIO_MIN.ln() && evidence.mean <= RATIO_MAX.ln());
            }
            let shrunk = evidence.shrunk(0.0, now_s, &WEIGHING);
            prop_assert!(shrunk.abs() <= evidence.mean.abs());
        }
    }
}
