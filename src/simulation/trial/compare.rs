//! Two policies on the same cities.
//!
//! Separate because a comparison is made of pairs: seed by seed, the second policy over the first, so that what one city is
//! harder than another does not count.

use serde::Serialize;

use super::statistics::{Estimate, estimate};
use super::tally::Figures;

/// One city under both.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Which city.
    pub seed: u64,
    /// Mean ride to the pickup, the second over the first.
    pub mean_pickup_ratio: f64,
    /// The same of the 95th percentile.
    pub p95_pickup_ratio: f64,
    /// Mean wait from the wish to the driver at the pickup.
    pub mean_wait_ratio: f64,
    /// The same of the 95th percentile.
    pub p95_wait_ratio: f64,
    /// By how many percentage points more wishes were served.
    pub served_points: f64,
    /// By how much the Gini coefficient of incomes is higher.
    pub gini_difference: f64,
    /// The first policy.
    pub a: Figures,
    /// The second.
    pub b: Figures,
}

/// All of them, each estimate with its interval.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Mean ride to the pickup, the second over the first.
    pub mean_pickup_ratio: f64,
    /// The same of the 95th percentile.
    pub p95_pickup_ratio: f64,
    /// Mean wait.
    pub mean_wait_ratio: f64,
    /// The same of the 95th percentile.
    pub p95_wait_ratio: f64,
    /// By how many percentage points more wishes were served.
    pub served_points: f64,
    /// The largest of the ratios of mean waits: the city that gained least.
    pub worst_wait_ratio: f64,
    /// The largest of the ratios of mean pickups.
    pub worst_pickup_ratio: f64,
    /// The smallest gain of wishes served.
    pub worst_served_points: f64,
    /// The intervals of what stands above.
    pub intervals: Intervals,
    /// City by city.
    pub per_seed: Vec<Pair>,
}

/// Between which values the truth lies with 95 % confidence.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Intervals {
    /// Of the mean pickup's ratio.
    pub mean_pickup_ratio: Estimate,
    /// Of the 95th percentile's.
    pub p95_pickup_ratio: Estimate,
    /// Of the mean wait's.
    pub mean_wait_ratio: Estimate,
    /// Of the 95th percentile of waits.
    pub p95_wait_ratio: Estimate,
    /// Of the points.
    pub served_points: Estimate,
    /// Of the difference of Gini coefficients.
    pub gini_difference: Estimate,
}

fn ratio(b: f64, a: f64) -> f64 {
    if a > 0.0 { b / a } else { 1.0 }
}

impl Pair {
    fn new(a: Figures, b: Figures) -> Self {
        Self {
            seed: a.seed,
            mean_pickup_ratio: ratio(b.pickup_s.mean, a.pickup_s.mean),
            p95_pickup_ratio: ratio(b.pickup_s.p95, a.pickup_s.p95),
            mean_wait_ratio: ratio(b.wait_s.mean, a.wait_s.mean),
            p95_wait_ratio: ratio(b.wait_s.p95, a.wait_s.p95),
            served_points: b.served_percent - a.served_percent,
            gini_difference: b.income_gini - a.income_gini,
            a,
            b,
        }
    }
}

impl Comparison {
    /// Of the same cities in the same order.
    pub fn new(a: Vec<Figures>, b: Vec<Figures>) -> Self {
        let per_seed: Vec<Pair> = a.into_iter().zip(b).map(|(a, b)| Pair::new(a, b)).collect();
        let of = |value: fn(&Pair) -> f64| per_seed.iter().map(value).collect::<Vec<f64>>();
        let intervals = Intervals {
            mean_pickup_ratio: estimate(&of(|pair| pair.mean_pickup_ratio)),
            p95_pickup_ratio: estimate(&of(|pair| pair.p95_pickup_ratio)),
            mean_wait_ratio: estimate(&of(|pair| pair.mean_wait_ratio)),
            p95_wait_ratio: estimate(&of(|pair| pair.p95_wait_ratio)),
            served_points: estimate(&of(|pair| pair.served_points)),
            gini_difference: estimate(&of(|pair| pair.gini_difference)),
        };
        let most = |values: Vec<f64>| values.into_iter().fold(f64::MIN, f64::max);
        let least = |values: Vec<f64>| values.into_iter().fold(f64::MAX, f64::min);
        Self {
            mean_pickup_ratio: intervals.mean_pickup_ratio.mean,
            p95_pickup_ratio: intervals.p95_pickup_ratio.mean,
            mean_wait_ratio: intervals.mean_wait_ratio.mean,
            p95_wait_ratio: intervals.p95_wait_ratio.mean,
            served_points: intervals.served_points.mean,
            worst_wait_ratio: most(of(|pair| pair.mean_wait_ratio)),
            worst_pickup_ratio: most(of(|pair| pair.mean_pickup_ratio)),
            worst_served_points: least(of(|pair| pair.served_points)),
            intervals,
            per_seed,
        }
    }
}
