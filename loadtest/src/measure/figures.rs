//! Small arithmetic of a report: quantiles in a useful unit, medians of rounds, rounding that keeps three figures.

use hdrhistogram::Histogram;
use serde::Serialize;

/// A histogram of times in microseconds, up to a minute with three figures.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order and three figures are allowed")
}

/// Quantiles of a latency, milliseconds, with as many points of its curve as a plot needs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// Longest.
    pub max: f64,
    /// How many were measured.
    pub count: u64,
    /// Pairs of milliseconds and percent that took at most so long.
    pub curve: Vec<[f64; 2]>,
}

impl From<&Histogram<u64>> for Latency {
    fn from(times: &Histogram<u64>) -> Self {
        let at = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1_000.0;
        const POINTS: [f64; 14] = [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.99, 100.0];
        let curve = POINTS.iter().map(|percent| [at(percent / 100.0), *percent]);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: times.max() as f64 / 1_000.0,
            count: times.len(),
            curve: if times.is_empty() { Vec::new() } else { curve.collect() },
        }
    }
}

/// The least and the middle of several rounds: the least is what the code costs, the distance to the middle is noise.
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct Rounds {
    /// The least.
    pub min: f64,
    /// The middle one (the mean of two in the middle).
    pub median: f64,
    /// Every round, in order.
    pub all: Vec<f64>,
}

impl Rounds {
    /// Of rounds in the order they were made; zeros when there were none.
    pub fn of(all: Vec<f64>) -> Self {
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Self {
            min: rounded(sorted.first().copied().unwrap_or(0.0)),
            median: rounded(median),
            all: all.into_iter().map(rounded).collect(),
        }
    }
}

/// To four figures, so that a report shows what was measured and not what was divided.
pub fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// `a / b`, to four figures; none when there is nothing to divide by.
pub fn ratio(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| rounded(a / b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_a_least_and_a_middle() {
        for (all, min, median) in
            [(vec![], 0.0, 0.0), (vec![3.0], 3.0, 3.0), (vec![4.0, 2.0], 2.0, 3.0), (vec![9.0, 1.0, 2.0], 1.0, 2.0)]
        {
            let rounds = Rounds::of(all);
            assert_eq!((rounds.min, rounds.median), (min, median), "{:?}", rounds.all);
        }
    }

    #[test]
    fn four_figures_are_kept() {
        for (value, kept) in [(0.0, 0.0), (1_234.56, 1_235.0), (0.001_234_56, 0.001_235), (-9.999_96, -10.0)] {
            assert!((rounded(value) - kept).abs() < 1e-9, "{value}");
        }
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(ratio(1.0, 3.0), Some(0.3333));
    }

    #[test]
    fn merged_histograms_keep_every_sample() {
        let (mut one, mut other) = (histogram(), histogram());
        for us in 1..=990 {
            one.record(us).expect("within bounds");
        }
        for _ in 0..10 {
            other.record(50_000).expect("within bounds");
        }
        one.add(&other).expect("same bounds");
        let latency = Latency::from(&one);
        assert_eq!((latency.count, latency.max.round() as u64), (1_000, 50));
        assert!((0.49..0.51).contains(&latency.p50) && latency.p99 < 1.0 && latency.p999 > 49.0, "{latency:?}");
        assert!(Latency::from(&histogram()).curve.is_empty());
    }
}
