//! What a run says: one JSON object, or a table with a progress line before it.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::orders;
use crate::scene::Scene;
use crate::witness::Latency;

/// Quantiles of a latency, milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: f64,
    /// How many were measured.
    pub count: u64,
}

impl From<&Latency> for Quantiles {
    fn from(latency: &Latency) -> Self {
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|quantile| latency.quantile_ms(quantile));
        Self { p50, p95, p99, max: latency.max_ms(), count: latency.count() }
    }
}

/// The outcome of a run. Field names are the JSON keys that checks rely on: they stay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `city` or `crash`.
    pub scenario: &'static str,
    /// Version of the server.
    pub server_version: String,
    /// Seed of the run.
    pub seed: u64,
    /// Drivers on shift.
    pub drivers: usize,
    /// Riders in the pool.
    pub riders: usize,
    /// How long bookings were made.
    pub seconds: f64,
    /// Bookings the schedule asked for.
    pub bookings_due: u64,
    /// Bookings not made because no rider was at home: the pool was too small.
    pub bookings_without_rider: u64,
    /// Bookings refused or never answered.
    pub bookings_failed: u64,
    /// Rides whose booking was acknowledged.
    pub rides_requested: u64,
    /// Of those, completed at the end.
    pub rides_completed: u64,
    /// Of those, ended any other way.
    pub rides_ended_otherwise: u64,
    /// Rides that are still live after the drain.
    pub rides_unfinished: u64,
    /// Completed of requested.
    pub completion_percent: f64,
    /// Acknowledged rides by state at the end.
    pub ended_by_state: BTreeMap<&'static str, u64>,
    /// Rides with two drivers and drivers with two rides.
    pub double_assignments: u64,
    /// Things told to a client that are not so at the end.
    pub lost_acknowledgements: u64,
    /// Idempotency keys that made more than one ride.
    pub duplicate_rides: u64,
    /// Bookings sent twice on purpose.
    pub replays: u64,
    /// Everything that should not have happened.
    pub errors: u64,
    /// The same by kind.
    pub errors_by_kind: BTreeMap<String, u64>,
    /// Answers that were not a success, by code; planned refusals included.
    pub http_errors_by_code: BTreeMap<String, u64>,
    /// Intended `POST /rides` to the first offer on a driver's socket.
    pub request_to_offer_ms: Quantiles,
    /// Intended `POST /rides` to its answer.
    pub booking_ms: Quantiles,
    /// Intended accept to the rider's socket telling it.
    pub accept_to_rider_told_ms: Quantiles,
    /// A ping to its acknowledgement.
    pub ping_ack_ms: Quantiles,
    /// Pings written.
    pub pings_sent: u64,
    /// Sends more than 5 ms after their intended moment.
    pub late_sends: u64,
    /// Their share of all scheduled sends.
    pub late_send_percent: f64,
    /// False when the generator was late too often to judge the server's latencies.
    pub generator_on_time: bool,
    /// Sockets opened again.
    pub reconnects: u64,
    /// Processor seconds of the server during the run.
    pub server_cpu_s: Option<f64>,
    /// Processor seconds of its private Postgres.
    pub postgres_cpu_s: Option<f64>,
    /// Processor seconds of the generator.
    pub client_cpu_s: Option<f64>,
    /// The first broken promises in words.
    pub violations: Vec<String>,
    /// Which orders were played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<orders::Choice>,
    /// How often the server was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kills: Option<u64>,
    /// From the kill to `ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_ms: Option<Quantiles>,
}

impl Report {
    /// True when every promise was kept and there was something to keep.
    pub fn is_clean(&self) -> bool {
        let broken =
            self.double_assignments + self.lost_acknowledgements + self.rides_unfinished + self.duplicate_rides;
        broken == 0 && self.rides_requested > 0
    }

    /// The report as people read it.
    pub fn table(&self) -> String {
        let mut rows: Vec<(&str, String)> = vec![
            ("scenario", format!("{} (seed {}, boda {})", self.scenario, self.seed, self.server_version)),
            ("crowd", format!("{} drivers, {} riders, {:.0} s", self.drivers, self.riders, self.seconds)),
        ];
        if let Some(orders) = &self.orders {
            let (first, last) = orders.days;
            let text = format!("{} of {}, days {first}-{last}, {}", orders.used, orders.in_file, orders.window);
            rows.push(("orders", format!("{text}, {}x; positions {}", orders.speedup, orders.positions)));
        }
        let states: Vec<_> = self.ended_by_state.iter().map(|(state, count)| format!("{state} {count}")).collect();
        rows.extend([
            ("rides requested", self.rides_requested.to_string()),
            ("rides completed", format!("{} ({:.2} %)", self.rides_completed, self.completion_percent)),
            ("ended otherwise", format!("{} ({})", self.rides_ended_otherwise, states.join(", "))),
            ("unfinished", self.rides_unfinished.to_string()),
            ("double assignments", self.double_assignments.to_string()),
            ("lost acknowledgements", self.lost_acknowledgements.to_string()),
            ("duplicate rides", format!("{} in {} replays", self.duplicate_rides, self.replays)),
            ("errors", format!("{} {}", self.errors, listed(&self.errors_by_kind))),
            ("answers not a success", listed(&self.http_errors_by_code)),
            ("request to offer", quantiles(&self.request_to_offer_ms)),
            ("booking answered", quantiles(&self.booking_ms)),
            ("accept to rider told", quantiles(&self.accept_to_rider_told_ms)),
            ("ping acknowledged", quantiles(&self.ping_ack_ms)),
        ]);
        if let (Some(kills), Some(recovery)) = (self.kills, &self.recovery_ms) {
            rows.push(("kills", kills.to_string()));
            rows.push(("recovery to ready", quantiles(recovery)));
        }
        rows.push(("pings sent", self.pings_sent.to_string()));
        let verdict = if self.generator_on_time { "" } else { " - too many: latencies say little" };
        rows.push(("late sends", format!("{} ({:.3} %){verdict}", self.late_sends, self.late_send_percent)));
        let cpu = |seconds: Option<f64>| seconds.map_or_else(|| "unknown".to_owned(), |s| format!("{s:.1} s"));
        let [server, postgres, client] = [self.server_cpu_s, self.postgres_cpu_s, self.client_cpu_s].map(cpu);
        rows.push(("processor time", format!("server {server}, Postgres {postgres}, generator {client}")));
        let mut table = String::new();
        for (name, value) in rows {
            table.push_str(&format!("{name:<24}{}\n", value.trim_end()));
        }
        for violation in &self.violations {
            table.push_str(&format!("BROKEN: {violation}\n"));
        }
        table
    }
}

fn quantiles(q: &Quantiles) -> String {
    format!("p50 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1} ms  ({})", q.p50, q.p95, q.p99, q.max, q.count)
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) }
}

/// Tells people on standard error how it goes; silent for machines.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    silent: bool,
}

impl Progress {
    /// Silent with `--json`.
    pub fn new(json: bool) -> Self {
        Self { silent: json }
    }

    /// One line.
    pub fn say(self, text: &str) {
        if !self.silent {
            eprintln!("{text}");
        }
    }

    /// Shows the counters of a run every second until the handle is aborted.
    pub fn watch(self, scene: Arc<Scene>) -> JoinHandle<()> {
        tokio::spawn(async move {
            let (start, live) = (Instant::now(), std::io::stderr().is_terminal());
            let every = Duration::from_secs(if live { 1 } else { 10 });
            if self.silent {
                return;
            }
            loop {
                tokio::time::sleep(every).await;
                let counters = &scene.witness.counters;
                let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
                let line = format!(
                    "{:>4.0} s  drivers online {}  bookings {}  ended {}  completed {}  pings {}  late {}  reconnects {}  errors {}",
                    start.elapsed().as_secs_f64(),
                    counters.online.load(Ordering::Relaxed),
                    of(&counters.bookings_due),
                    of(&counters.rides_ended),
                    of(&counters.rides_completed),
                    of(&counters.pings_sent),
                    of(&counters.late_sends),
                    of(&counters.reconnects),
                    scene.api.errors.total(),
                );
                if live {
                    eprint!("\r{line}\x1b[K");
                    let _ = std::io::stderr().flush();
                } else {
                    eprintln!("{line}");
                }
            }
        })
    }

    /// Ends the progress line.
    pub fn done(self, watching: &JoinHandle<()>) {
        watching.abort();
        if !self.silent && std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(report: &Report) -> Vec<String> {
        let value = serde_json::to_value(report).expect("a report is JSON");
        value.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn the_keys_that_checks_rely_on_are_there() {
        let promised = [
            "rides_requested",
            "rides_completed",
            "rides_ended_otherwise",
            "rides_unfinished",
            "double_assignments",
            "lost_acknowledgements",
            "errors",
            "request_to_offer_ms",
            "pings_sent",
            "late_sends",
        ];
        let found = keys(&Report::default());
        for key in promised {
            assert!(found.iter().any(|one| one == key), "{key} is missing");
        }
        assert!(!found.iter().any(|key| key == "kills" || key == "orders"));
        let crash = Report { kills: Some(20), recovery_ms: Some(Quantiles::default()), ..Report::default() };
        let found = keys(&crash);
        assert!(["kills", "recovery_ms"].iter().all(|key| found.iter().any(|one| one == key)));
        let json = serde_json::to_value(crash).expect("a report is JSON");
        for (block, quantile) in [("request_to_offer_ms", "p99"), ("recovery_ms", "p95"), ("recovery_ms", "max")] {
            assert!(json[block][quantile].is_number(), "{block}.{quantile}");
        }
    }

    #[test]
    fn a_run_without_rides_is_not_clean() {
        assert!(!Report::default().is_clean());
        let clean = Report { rides_requested: 5, rides_completed: 5, ..Report::default() };
        assert!(clean.is_clean());
        assert!(!Report { lost_acknowledgements: 1, ..clean.clone() }.is_clean());
        assert!(!Report { rides_unfinished: 1, ..clean }.is_clean());
    }

    #[test]
    fn the_table_names_what_broke() {
        let report = Report { violations: vec!["ride x had 2 drivers".to_owned()], ..Report::default() };
        assert!(report.table().contains("BROKEN: ride x had 2 drivers"), "{}", report.table());
    }
}
