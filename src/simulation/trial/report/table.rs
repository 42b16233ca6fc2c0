//! The table on standard output.

use std::fmt::Write;

use super::{Paired, ROWS, Setting, Single, ratios};
use crate::simulation::trial::tally::Figures;

impl Single {
    /// The table.
    pub fn table(&self) -> String {
        let mut out = heading(&self.setting, self.per_seed.len());
        let name = self.policy.name();
        put(&mut out, format_args!("{:<30}{name:>12}{:>22}\n", "", "95 % interval"));
        for row in &ROWS {
            let found = row.over(&self.per_seed);
            let (digits, interval) = (row.digits, interval(found.low, found.high, row.digits));
            let mean = format!("{:.digits$}", found.mean);
            put(&mut out, format_args!("{:<24}{:>6}{mean:>12}{interval:>22}\n", row.name, row.unit));
        }
        out
    }
}

impl Paired {
    /// The table.
    pub fn table(&self) -> String {
        let sides = |side: fn(&super::super::Pair) -> &Figures| -> Vec<Figures> {
            self.comparison.per_seed.iter().map(|pair| side(pair).clone()).collect()
        };
        let (a, b) = (sides(|pair| &pair.a), sides(|pair| &pair.b));
        let mut out = heading(&self.setting, self.seeds);
        let [first, second] = self.policies.map(super::Policy::name);
        put(&mut out, format_args!("{:<34}{first:>10}{second:>10}\n", ""));
        for row in &ROWS {
            let digits = row.digits;
            let [left, right] = [row.over(&a), row.over(&b)].map(|found| format!("{:.digits$}", found.mean));
            put(&mut out, format_args!("{:<28}{:>6}{left:>10}{right:>10}\n", row.name, row.unit));
        }
        let paired = format!("{second} against {first}, seed by seed");
        put(&mut out, format_args!("\n{paired:<34}{:>10}{:>20}{:>20}\n", "mean", "95 % interval", "by resampling"));
        for (name, digits, found) in ratios(&self.comparison) {
            let mean = format!("{:.digits$}", found.mean);
            let student = interval(found.low, found.high, digits);
            let bootstrap = interval(found.bootstrap_low, found.bootstrap_high, digits);
            put(&mut out, format_args!("{name:<34}{mean:>10}{student:>20}{bootstrap:>20}\n"));
        }
        let Worst { wait, pickup, points } = Worst::of(self);
        put(&mut out, format_args!("worst seed: wait {wait:.3}, pickup {pickup:.3}, served {points:+.2} points\n"));
        out
    }
}

/// The seed that gained least, by each measure.
struct Worst {
    wait: f64,
    pickup: f64,
    points: f64,
}

impl Worst {
    const fn of(paired: &Paired) -> Self {
        let comparison = &paired.comparison;
        Self {
            wait: comparison.worst_wait_ratio,
            pickup: comparison.worst_pickup_ratio,
            points: comparison.worst_served_points,
        }
    }
}

fn heading(setting: &Setting, seeds: usize) -> String {
    let Setting { drivers, hours, roads, demand, wishes_per_hour, wishes, capacity } = setting;
    format!(
        "{drivers} drivers, {roads}; {seeds} seeds of {hours} h; {wishes_per_hour:.0} wishes an hour ({wishes}), {demand:.2} \
         of capacity\na ride takes {:.0} s, with pickup and all {:.0} s: the fleet can serve {:.0} an hour\n\n",
        capacity.ride_s, capacity.cycle_s, capacity.rides_per_hour
    )
}

fn interval(low: f64, high: f64, digits: usize) -> String {
    format!("{low:.digits$} to {high:.digits$}")
}

/// Appends; writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
