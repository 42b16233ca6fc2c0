//! `plot`: curves of saved reports as SVG, for pages where a curve says more than a number.
//!
//! Reads what `--json` printed and nothing else, so a plot can always be made again from the figures beside it.

mod chart;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use self::chart::{Axis, Chart, Series};
use crate::args::Plot;

/// Draws every chart that the reports have figures for.
///
/// # Errors
/// A sentence, when a report cannot be read, a file not be written, or there is nothing to draw.
pub fn run(args: &Plot) -> Result<(), String> {
    let mut reports = Vec::new();
    for path in &args.reports {
        let text = fs::read_to_string(path).map_err(|err| format!("{}: {err}", path.display()))?;
        let report: Value = serde_json::from_str(&text).map_err(|err| format!("{}: {err}", path.display()))?;
        reports.push(report);
    }
    let charts = [
        ("cpu-per-ping", contenders(&reports)),
        ("cpu-over-rate", rates(&reports)),
        ("latency", latencies(&reports)),
        ("memory", memory(&reports)),
    ];
    let mut drawn = 0;
    for (name, chart) in charts {
        if chart.series.is_empty() {
            continue;
        }
        let path = args.out.join(format!("{name}.svg"));
        fs::write(&path, chart.svg()).map_err(|err| format!("{}: {err}", path.display()))?;
        println!("{}", path.display());
        drawn += 1;
    }
    if drawn == 0 { Err("there is nothing to draw in these reports".to_owned()) } else { Ok(()) }
}

fn of_scenario<'a>(reports: &'a [Value], scenario: &'a str) -> impl Iterator<Item = &'a Value> {
    reports.iter().filter(move |report| report["scenario"] == scenario)
}

/// CPU of one ping, each contender of `compare` a series of its rounds.
fn contenders(reports: &[Value]) -> Chart {
    let mut series = Vec::new();
    for report in of_scenario(reports, "compare") {
        for (name, rows) in report["W1"]["contenders"].as_object().into_iter().flatten() {
            let rounds = rows["us_per_ping"]["all"].as_array().into_iter().flatten().filter_map(Value::as_f64);
            let points: Vec<_> = rounds.enumerate().map(|(round, us)| ((round + 1) as f64, us)).collect();
            if !points.is_empty() {
                series.push(Series { name: name.replace('_', " "), points });
            }
        }
    }
    Chart {
        title: "CPU of one ping, all processes on the server's side".to_owned(),
        x: Axis::linear("round"),
        y: Axis::log("µs"),
        series,
    }
}

/// CPU of one ping over the rate, from a sweep of `ingest`.
fn rates(reports: &[Value]) -> Chart {
    let mut lines = BTreeMap::<String, Vec<(f64, f64)>>::new();
    for report in of_scenario(reports, "ingest") {
        let (Some(rate), Some(us)) = (report["rate_per_s"].as_f64(), report["us_per_ping"]["min"].as_f64()) else {
            continue;
        };
        lines.entry(label(report)).or_default().push((rate, us));
    }
    Chart {
        title: "CPU of one ping over the rate of pings".to_owned(),
        x: Axis::log("pings a second"),
        y: Axis::linear("µs"),
        series: sorted(lines),
    }
}

/// Latencies: how many percent took at most so long.
fn latencies(reports: &[Value]) -> Chart {
    let mut series = Vec::new();
    let mut add = |name: &str, latency: &Value| {
        let pair = |point: &Value| Some((point[0].as_f64()?, point[1].as_f64()?));
        let points: Vec<_> = latency["curve"].as_array().into_iter().flatten().filter_map(pair).collect();
        if !points.is_empty() {
            series.push(Series { name: name.to_owned(), points });
        }
    };
    for report in of_scenario(reports, "compare") {
        add("booking to offer", &report["E1"]["figures"]["booking_to_offer_ms"]);
        add("position, all read", &report["F1"]["figures"]["all_read_ms"]);
        add("position, some stall", &report["F1"]["figures"]["some_stall_ms"]);
    }
    for report in of_scenario(reports, "ingest") {
        add(&format!("ack, {}", label(report)), &report["rounds"][0]["ack_ms"]);
    }
    Chart {
        title: "Latency from the intended moment".to_owned(),
        x: Axis::log("ms"),
        y: Axis::linear("% within"),
        series,
    }
}

/// Resident memory over connections, from runs of `idle`.
fn memory(reports: &[Value]) -> Chart {
    let mut lines = BTreeMap::<String, Vec<(f64, f64)>>::new();
    for report in of_scenario(reports, "idle") {
        let line = lines.entry("resident".to_owned()).or_default();
        for (count, at) in [(Some(0.0), "before"), (report["connections"].as_f64(), "idle")] {
            if let (Some(count), Some(bytes)) = (count, report[at]["resident"].as_f64()) {
                line.push((count, bytes / 1e6));
            }
        }
    }
    Chart {
        title: "Resident memory of the server over silent connections".to_owned(),
        x: Axis::linear("connections"),
        y: Axis::linear("MB"),
        series: sorted(lines),
    }
}

fn label(report: &Value) -> String {
    let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
    let coalescing = report["coalesce_ms"].as_u64().map_or(String::new(), |ms| format!(", coalesced {ms} ms"));
    format!("{} {}{coalescing}", text("against"), text("dialect"))
}

fn sorted(lines: BTreeMap<String, Vec<(f64, f64)>>) -> Vec<Series> {
    let in_order = |(name, mut points): (String, Vec<(f64, f64)>)| {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name, points }
    };
    lines.into_iter().map(in_order).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sweep_becomes_a_line_for_each_contender() {
        let run = |against: &str, rate: f64, us: f64| {
            json!({"scenario": "ingest", "against": against, "dialect": "json", "coalesce_ms": null,
                   "rate_per_s": rate, "us_per_ping": {"min": us}})
        };
        let chart = rates(&[run("engine", 9_000.0, 4.0), run("floor", 9_000.0, 3.0), run("engine", 1_000.0, 6.0)]);
        let names: Vec<_> = chart.series.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["engine json", "floor json"]);
        assert_eq!(chart.series[0].points, [(1_000.0, 6.0), (9_000.0, 4.0)]);
    }

    #[test]
    fn a_report_without_figures_draws_nothing() {
        let reports = [json!({"scenario": "compare"}), json!({"scenario": "ingest"}), json!({})];
        assert!(contenders(&reports).series.is_empty() && latencies(&reports).series.is_empty());
        assert!(rates(&reports).series.is_empty() && memory(&reports).series.is_empty());
    }
}
