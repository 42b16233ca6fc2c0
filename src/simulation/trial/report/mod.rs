//! What a trial is told by: a table, a page, and JSON.
//!
//! Separate because it decides nothing. The page is one file that needs no network; everything in it comes from the same
//! figures as the table and the JSON.

mod chart;
mod page;
mod table;

use serde::Serialize;

use super::compare::Comparison;
use super::statistics::{Estimate, estimate};
use super::tally::Figures;
use super::{Capacity, Policy, World};

/// What was asked for, as it is told beside the figures.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Drivers on shift.
    pub drivers: u32,
    /// Hours counted, of each city.
    pub hours: f64,
    /// Where the streets are from.
    pub roads: String,
    /// Demand over what the fleet can do.
    pub demand: f64,
    /// Wishes in an hour.
    pub wishes_per_hour: f64,
    /// Where they come from.
    pub wishes: String,
    /// What the fleet can do.
    pub capacity: Capacity,
}

impl Setting {
    /// Of a world.
    pub fn of(world: &World, roads: String, capacity: Capacity) -> Self {
        let wishes_per_hour = world.wishes_per_hour(&capacity);
        let wishes = match &world.orders {
            Some(orders) => format!("{} real orders of another city, moved to Kigali", orders.count()),
            None => "made up".to_owned(),
        };
        Self {
            drivers: world.drivers,
            hours: world.counted.as_millis() as f64 / 3_600_000.0,
            roads,
            demand: wishes_per_hour / capacity.rides_per_hour,
            wishes_per_hour,
            wishes,
            capacity,
        }
    }
}

/// A trial of one policy over some seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Single {
    /// What was asked for.
    pub setting: Setting,
    /// Which policy.
    pub policy: Policy,
    /// City by city.
    pub per_seed: Vec<Figures>,
}

/// A trial of two policies on the same cities.
#[derive(Clone, Debug, Serialize)]
pub struct Paired {
    /// What was asked for.
    pub setting: Setting,
    /// Which policies: the second is measured by the first.
    pub policies: [Policy; 2],
    /// How many cities.
    pub seeds: usize,
    /// How the second did.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// A row of the table: a word, its unit, and how it is read off.
struct Row {
    name: &'static str,
    unit: &'static str,
    digits: usize,
    value: fn(&Figures) -> f64,
}

const ROWS: [Row; 18] = [
    row("requests", "", 0, |figures| figures.requests as f64),
    row("served", "%", 2, |figures| figures.served_percent),
    row("gave up waiting", "%", 2, |figures| share(figures, figures.gave_up)),
    row("no driver found", "%", 2, |figures| share(figures, figures.no_driver)),
    row("called off after assignment", "%", 2, |figures| share(figures, figures.called_off)),
    row("wait, mean", "s", 0, |figures| figures.wait_s.mean),
    row("wait, 95 %", "s", 0, |figures| figures.wait_s.p95),
    row("pickup, mean", "s", 0, |figures| figures.pickup_s.mean),
    row("pickup, 95 %", "s", 0, |figures| figures.pickup_s.p95),
    row("search, mean", "s", 1, |figures| figures.search_s.mean),
    row("offers per ride", "", 2, |figures| figures.offers.made as f64 / f64::from(figures.offers.accepted.max(1))),
    row("offers withdrawn", "%", 2, |figures| {
        figures.offers.withdrawn as f64 * 100.0 / f64::from(figures.offers.made.max(1))
    }),
    row("drivers with a rider", "%", 1, |figures| figures.with_rider_percent),
    row("drivers on the way to one", "%", 1, |figures| figures.to_pickup_percent),
    row("income per hour", "RWF", 0, |figures| figures.income_per_hour),
    row("income, Gini", "", 3, |figures| figures.income_gini),
    row("next rides accepted early", "%", 1, |figures| {
        figures.offers.forward as f64 * 100.0 / f64::from(figures.offers.accepted.max(1))
    }),
    row("rounds certified", "%", 2, |figures| {
        figures.rounds.certified as f64 * 100.0 / f64::from(figures.rounds.solved.max(1))
    }),
];

const fn row(name: &'static str, unit: &'static str, digits: usize, value: fn(&Figures) -> f64) -> Row {
    Row { name, unit, digits, value }
}

fn share(figures: &Figures, count: u32) -> f64 {
    f64::from(count) * 100.0 / f64::from(figures.requests.max(1))
}

impl Row {
    fn over(&self, figures: &[Figures]) -> Estimate {
        estimate(&figures.iter().map(self.value).collect::<Vec<f64>>())
    }
}

/// The ratios of a comparison: a word, whether less is better, and the estimate.
fn ratios(comparison: &Comparison) -> [(&'static str, usize, Estimate); 6] {
    let all = &comparison.intervals;
    [
        ("wait, mean, ratio", 3, all.mean_wait_ratio),
        ("wait, 95 %, ratio", 3, all.p95_wait_ratio),
        ("pickup, mean, ratio", 3, all.mean_pickup_ratio),
        ("pickup, 95 %, ratio", 3, all.p95_pickup_ratio),
        ("served, points", 2, all.served_points),
        ("income, Gini, difference", 3, all.gini_difference),
    ]
}
