//! The page: tables and plots in one file.

use std::fmt::Write;

use super::chart::{Chart, Series, escaped};
use super::{Paired, ROWS, Setting, Single, ratios};
use crate::simulation::trial::Pair;
use crate::simulation::trial::statistics::mean;
use crate::simulation::trial::tally::{Figures, Slice};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;\
    color:#222;background:#fff}table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right;\
    border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}.plots{display:flex;flex-wrap:wrap;\
    gap:1em}.plots svg{flex:1 1 500px;max-width:570px}.note{color:#777}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}";

impl Single {
    /// The page.
    pub fn page(&self) -> String {
        let sides = [(self.policy.name(), &self.per_seed[..])];
        let mut out = begin(&format!("A simulated city, {}", self.policy.name()), &self.setting, self.per_seed.len());
        table(&mut out, &sides);
        plots(&mut out, &sides, Vec::new());
        out.push_str("</html>\n");
        out
    }
}

impl Paired {
    /// The page.
    pub fn page(&self) -> String {
        let [first, second] = self.policies.map(super::Policy::name);
        let sides = |side: fn(&Pair) -> &Figures| -> Vec<Figures> {
            self.comparison.per_seed.iter().map(|pair| side(pair).clone()).collect()
        };
        let (a, b) = (sides(|pair| &pair.a), sides(|pair| &pair.b));
        let mut out = begin(&format!("{second} against {first}"), &self.setting, self.seeds);
        put(&mut out, format_args!("<h2>{second} over {first}, seed by seed</h2><table><tr><th></th><th>mean</th>"));
        out.push_str("<th>95 % interval</th><th>by resampling</th></tr>");
        for (name, digits, found) in ratios(&self.comparison) {
            let super::Estimate { mean, low, high, bootstrap_low, bootstrap_high } = found;
            put(
                &mut out,
                format_args!(
                    "<tr><td>{name}</td><td>{mean:.digits$}</td><td>{low:.digits$} to {high:.digits$}</td>\
                     <td>{bootstrap_low:.digits$} to {bootstrap_high:.digits$}</td></tr>"
                ),
            );
        }
        out.push_str("</table>");
        let sides = [(first, &a[..]), (second, &b[..])];
        table(&mut out, &sides);
        plots(&mut out, &sides, vec![self.gains()]);
        out.push_str("</html>\n");
        out
    }

    /// A dot for each seed.
    fn gains(&self) -> Chart {
        let dots = |name: &str, value: fn(&Pair) -> f64| Series {
            name: name.to_owned(),
            points: (1..).zip(&self.comparison.per_seed).map(|(seed, pair)| (f64::from(seed), value(pair))).collect(),
            is_dotted: true,
        };
        Chart {
            title: "Each city by itself".to_owned(),
            x: "seed",
            y: "ratio",
            mark: Some(1.0),
            series: vec![
                dots("mean wait", |pair| pair.mean_wait_ratio),
                dots("mean pickup", |pair| pair.mean_pickup_ratio),
                dots("pickup, 95 %", |pair| pair.p95_pickup_ratio),
            ],
        }
    }
}

fn begin(title: &str, setting: &Setting, seeds: usize) -> String {
    let Setting { drivers, hours, roads, demand, wishes_per_hour, wishes, capacity } = setting;
    let (title, roads, wishes) = (escaped(title), escaped(roads), escaped(wishes));
    let (ride_s, cycle_s, rides_per_hour) = (capacity.ride_s, capacity.cycle_s, capacity.rides_per_hour);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>\n\
         <h1>{title}</h1><p>{drivers} drivers, {roads}; {seeds} seeds of {hours} h each; {wishes_per_hour:.0} wishes an \
         hour ({wishes}), {demand:.2} of what the fleet can do.</p><p class=\"note\">A ride takes {ride_s:.0} s, with \
         pickup and all {cycle_s:.0} s, so the fleet can serve {rides_per_hour:.0} an hour.</p>\n"
    )
}

fn table(out: &mut String, sides: &[(&str, &[Figures])]) {
    out.push_str("<h2>Means over all seeds</h2><table><tr><th></th><th></th>");
    for (name, _) in sides {
        put(out, format_args!("<th>{name}</th><th>95 % interval</th>"));
    }
    out.push_str("</tr>\n");
    for row in &ROWS {
        put(out, format_args!("<tr><td>{}</td><td>{}</td>", row.name, row.unit));
        for (_, figures) in sides {
            let (found, digits) = (row.over(figures), row.digits);
            let (mean, low, high) = (found.mean, found.low, found.high);
            put(out, format_args!("<td>{mean:.digits$}</td><td>{low:.digits$} to {high:.digits$}</td>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

/// Points from left to right.
type Line = Vec<(f64, f64)>;

fn plots(out: &mut String, sides: &[(&str, &[Figures])], more: Vec<Chart>) {
    let lines = |points: &dyn Fn(&[Figures]) -> Line| -> Vec<Series> {
        let line = |(name, figures): &(&str, &[Figures])| Series {
            name: (*name).to_owned(),
            points: points(figures),
            is_dotted: false,
        };
        sides.iter().map(line).collect()
    };
    let curves = |curve: fn(&Figures) -> &Vec<(f64, f64)>| lines(&|figures| averaged(figures, curve));
    let slices = |value: fn(&Slice) -> f64| lines(&|figures| over_time(figures, value));
    let chart = |title: &str, x, y, series| Chart { title: title.to_owned(), x, y, mark: None, series };
    let mut charts = vec![
        chart("From the wish to the driver at the pickup", "seconds", "% within", curves(|one| &one.wait_curve)),
        chart("The ride to the pickup", "seconds", "% within", curves(|one| &one.pickup_curve)),
        chart("Mean wait over time", "minute", "seconds", slices(|slice| slice.wait_s)),
        chart("Drivers without work", "minute", "drivers", slices(|slice| slice.free)),
        chart("Drivers with a rider", "minute", "%", slices(|slice| slice.with_rider_percent)),
        chart("How income is spread", "% of drivers, least first", "% of income", lines(&lorenz)),
    ];
    charts.extend(more);
    out.push_str("<h2>Plots</h2><div class=\"plots\">\n");
    for chart in charts {
        out.push_str(&chart.svg());
    }
    out.push_str("</div>\n");
}

/// The mean of the curves of all seeds, which have the same steps.
fn averaged(figures: &[Figures], curve: fn(&Figures) -> &Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let Some(first) = figures.first() else { return Vec::new() };
    let at = |step: usize| {
        let values: Vec<f64> = figures.iter().filter_map(|one| curve(one).get(step).map(|point| point.1)).collect();
        (curve(first)[step].0, mean(&values))
    };
    (0..curve(first).len()).map(at).collect()
}

fn over_time(figures: &[Figures], value: fn(&Slice) -> f64) -> Vec<(f64, f64)> {
    let Some(first) = figures.first() else { return Vec::new() };
    let at = |(number, slice): (usize, &Slice)| {
        let values: Vec<f64> = figures.iter().filter_map(|one| one.slices.get(number).map(value)).collect();
        (slice.minute as f64, mean(&values))
    };
    first.slices.iter().enumerate().map(at).collect()
}

/// Lorenz's curve (1905): how much of all income the poorest have. Of all drivers of all seeds.
fn lorenz(figures: &[Figures]) -> Vec<(f64, f64)> {
    let mut incomes: Vec<f64> = figures.iter().flat_map(|one| one.incomes.iter().copied()).collect();
    incomes.sort_by(f64::total_cmp);
    let (total, count) = (incomes.iter().sum::<f64>().max(1e-9), incomes.len().max(1) as f64);
    let mut sum = 0.0;
    let mut points = vec![(0.0, 0.0)];
    let every = (incomes.len() / 100).max(1);
    for (number, income) in (1..).zip(&incomes) {
        sum += income;
        if number % every == 0 || number == incomes.len() {
            points.push((number as f64 * 100.0 / count, sum * 100.0 / total));
        }
    }
    points
}

/// Appends; writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
