//! The few statistics that a trial needs. Pure.
//!
//! Separate because they are checked against published values, and because a figure without its interval is an anecdote.

use rand::Rng;

use super::chance::{About, chance};

/// Drawings of the bootstrap.
const RESAMPLES: usize = 2_000;

/// The mean; zero of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The value that a share of all do not exceed, linear between neighbours (Hyndman and Fan's type 7); zero of nothing.
/// `sorted` is in order.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * part
}

/// How unequal incomes are: 0 when all are the same, towards 1 when one has everything (Gini, 1912).
pub(super) fn gini(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let total: f64 = sorted.iter().sum();
    if sorted.is_empty() || total <= 0.0 {
        return 0.0;
    }
    let count = sorted.len() as f64;
    let weighted: f64 = (1..).zip(&sorted).map(|(rank, value)| f64::from(rank) * value).sum();
    2.0 * weighted / (count * total) - (count + 1.0) / count
}

/// A mean, and between which values it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Student's interval: from.
    pub low: f64,
    /// Student's interval: to.
    pub high: f64,
    /// The same by resampling, which does not believe in bells: from.
    pub bootstrap_low: f64,
    /// By resampling: to.
    pub bootstrap_high: f64,
}

/// The mean of a few paired values with its intervals. Of a single value the interval is that value: nothing is known.
pub(super) fn estimate(values: &[f64]) -> Estimate {
    let centre = mean(values);
    let count = values.len();
    if count < 2 {
        return Estimate { mean: centre, low: centre, high: centre, bootstrap_low: centre, bootstrap_high: centre };
    }
    let variance = values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / (count - 1) as f64;
    let reach = student(count - 1) * (variance / count as f64).sqrt();
    let mut rng = chance(count as u64, About::Bootstrap, 0, 0);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| (0..count).map(|_| values[rng.random_range(0..count)]).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    Estimate {
        mean: centre,
        low: centre - reach,
        high: centre + reach,
        bootstrap_low: quantile(&means, 0.025),
        bootstrap_high: quantile(&means, 0.975),
    }
}

/// The 97.5th percentile of Student's distribution (tables; beyond 30 degrees of freedom an expansion of the bell's).
fn student(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    let bell = 1.959_964_f64;
    TABLE.get(degrees.wrapping_sub(1)).copied().unwrap_or(bell + (bell.powi(3) + bell) / (4.0 * degrees.max(1) as f64))
}

/// How many of all values lie at or below each of some steps, in percent: a curve to draw.
pub(super) fn curve(sorted: &[f64], steps: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
    let share = |step: f64| sorted.partition_point(|value| *value <= step) as f64 * 100.0 / sorted.len().max(1) as f64;
    steps.into_iter().map(|step| (step, share(step))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-3, "{found} is not {expected}");
    }

    #[test]
    fn gini_is_as_published() {
        // One of n has everything: (n - 1) / n. All equal: 0. 1..=5: 4 / 15.
        near(gini(&[0.0, 0.0, 0.0, 10.0]), 0.75);
        near(gini(&[3.0; 7]), 0.0);
        near(gini(&[5.0, 3.0, 1.0, 2.0, 4.0]), 4.0 / 15.0);
        near(gini(&[]), 0.0);
        near(gini(&[0.0, 0.0]), 0.0);
    }

    #[test]
    fn quantiles_are_those_of_type_seven() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        for (share, expected) in [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)] {
            near(quantile(&sorted, share), expected);
        }
        near(quantile(&[], 0.5), 0.0);
        near(quantile(&[7.0], 0.95), 7.0);
    }

    #[test]
    fn intervals_are_those_of_the_textbook() {
        // Gosset's sleep data (1908), extra hours of sleep, paired differences of two drugs: 1.58, interval 0.70 to 2.46.
        let differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let found = estimate(&differences);
        near(found.mean, 1.58);
        assert!((found.low - 0.700).abs() < 0.001 && (found.high - 2.460).abs() < 0.001, "{found:?}");
        assert!((0.9..1.1).contains(&found.bootstrap_low) && (2.2..2.5).contains(&found.bootstrap_high), "{found:?}");
        assert_eq!(found, estimate(&differences), "the same numbers have the same interval");
        let one = estimate(&[2.0]);
        assert_eq!((one.mean, one.low, one.bootstrap_high), (2.0, 2.0, 2.0));
        near(student(60), 2.000);
    }

    #[test]
    fn a_curve_climbs_to_a_hundred() {
        assert_eq!(curve(&[1.0, 2.0, 2.0, 9.0], [0.0, 2.0, 9.0]), [(0.0, 0.0), (2.0, 75.0), (9.0, 100.0)]);
        assert_eq!(curve(&[], [1.0]), [(1.0, 0.0)]);
    }
}
