//! `compare`: every promise of the hot path in one job, beside the reference points, with all processor time counted.
//!
//! Contenders take turns (A, B, A, B), because a machine that others use is not the same machine a minute later. A row that
//! could not be measured says why; a target that was missed is shown as missed. Neither stops the others.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::fanout;
use super::idle;
use super::ingest::{self, Contender, Load, Rows};
use super::offers;
use super::outcome::Outcome;
use super::storm;
use crate::args;
use crate::generator::ping::Dialect;
use crate::measure::figures::{ratio, rounded};
use crate::measure::machine::{Machine, load_average};
use crate::play::Stop;
use crate::reference::process::{Kind, Reference};
use crate::report::Progress;
use crate::town::{Plan, Town};

/// Riders of each part: each can have one ride at a time, so no two parts share any.
const STALL_RIDERS: usize = 600;
const OFFER_RIDERS: usize = 400;
const BUSY_RIDERS: usize = 200;
const STORM_RIDERS: usize = 150;
const RIDERS: usize = STALL_RIDERS + OFFER_RIDERS + BUSY_RIDERS + STORM_RIDERS;
/// Drivers of the part with stalled readers.
const STALL_DRIVERS: usize = 1_200;
/// Bookings a second where offers are timed.
const BOOKINGS_PER_S: f64 = 20.0;
/// The generator cannot send more than this in time.
const PINGS_PER_S_MAX: f64 = 45_000.0;
/// CPU of one ping, microseconds, seen on another run of the same kind of machine (see docs/PERFORMANCE.md).
const PEERS_US: [(&str, f64); 3] =
    [("uwebsockets", 9.5), ("location_tracking_service", 300.0), ("django_channels_relay", 582.0)];

/// A contender with its name, its dialect and its rounds so far.
struct Entry {
    name: &'static str,
    dialect: Dialect,
    who: usize,
    rounds: Vec<ingest::Round>,
    trouble: Option<String>,
}

/// Plays everything.
///
/// # Errors
/// When not even the servers start.
pub async fn run(args: &args::Compare, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let begun = std::time::Instant::now();
    let program = args.common.server.as_path();
    let plain = founded(program, args, Some(0), progress).await?;
    let coalescing = founded(program, args, Some(args.coalesce_ms), progress).await?;
    let has_coalescing = !coalescing.unknown_keys.contains(&"sockets.coalesce_ms");
    let unknown_keys = coalescing.unknown_keys.clone();

    // Memory and positions on fresh servers: whoever was there before leaves memory to be used again, and places.
    progress.say("W2: memory of silent connections");
    let w2 = row(idle::measured(&plain, args.connections, 0, Dialect::Binary).await, |figures| {
        json!({"bytes_per_connection": figures.bytes_per_connection, "target": "bytes_per_connection <= 3000",
               "met": figures.bytes_per_connection <= 3_000.0, "figures": figures})
    });
    let (f2, f1) = to_readers(&coalescing, args, progress).await;

    let mut contenders = vec![
        Contender::Engine(Box::new(plain)),
        Contender::Engine(Box::new(coalescing)),
        Contender::Reference(Box::new(Reference::start(Kind::Textbook).await.map_err(Stop::Failed)?)),
        Contender::Reference(Box::new(Reference::start(Kind::Floor).await.map_err(Stop::Failed)?)),
    ];
    let mut entries = entries(has_coalescing);
    for round in 1..=args.rounds {
        for entry in &mut entries {
            progress.say(&format!("W1: round {round} of {}, {}", args.rounds, entry.name));
            let load = Load {
                connections: args.connections,
                rate: Some(args.connections as f64),
                time: Duration::from_secs(args.seconds),
                dialect: entry.dialect,
                ack_every: 0,
            };
            match contenders[entry.who].round(&load).await {
                Ok(round) => entry.rounds.push(round),
                Err(stop) => entry.trouble = Some(stop.to_string()),
            }
        }
    }
    let (w1, us_coalesced) = ingested(entries);
    // The peers read JSON: so does what is set beside them.
    let w3 = beside_peers(w1["us_per_ping_coalesced"].as_f64().or(us_coalesced));
    // The references and the plain engine are done; one engine goes on.
    contenders.truncate(2);
    let Some(Contender::Engine(mut town)) = contenders.pop() else { return Err(Stop::Failed("no town".to_owned())) };
    drop(contenders);

    let (e1, f4, f3) = to_drivers(&mut town, args, us_coalesced, progress).await;
    town.server.stop().await?;
    let figures = json!({
        "W1": w1, "W2": w2, "W3": w3, "F1": f1, "F2": f2, "F3": f3, "F4": f4, "E1": e1,
        "coalesce_ms": has_coalescing.then_some(args.coalesce_ms),
        "settings_unknown_to_the_server": unknown_keys,
        "load_after": load_average(),
        "seconds": begun.elapsed().as_secs(),
    });
    Outcome::new("compare", machine, &figures)
}

/// What reaches those who watch.
async fn to_readers(town: &Town, args: &args::Compare, progress: Progress) -> (Value, Value) {
    let time = Duration::from_secs(args.seconds);
    progress.say("F2: positions that travel together");
    let f2 = row(fanout::coalescing(town, args.connections, RIDERS, time, Dialect::Binary).await, |seen| {
        json!({"cpu_ratio": seen.cpu_ratio, "target": "cpu_ratio <= 0.3",
               "met": seen.cpu_ratio.is_some_and(|ratio| ratio <= 0.3), "figures": seen})
    });
    progress.say("F1: readers that stall");
    let load = fanout::Load {
        first_driver: args.connections + fanout::TOGETHER,
        drivers: STALL_DRIVERS,
        riders: STALL_RIDERS,
        stalled_percent: 10.0,
        rounds: args.rounds,
        time,
        dialect: Dialect::Binary,
    };
    let f1 = row(fanout::stalls(town, &load).await, |seen| {
        let is_met = seen.p99_ratio.is_some_and(|ratio| ratio <= 1.1) && seen.bytes_per_stalled <= 1_024.0;
        json!({"p99_ratio": seen.p99_ratio, "bytes_per_stalled": seen.bytes_per_stalled,
               "target": "p99_ratio <= 1.1, bytes_per_stalled <= 1024", "met": is_met, "void": seen.on_time.void,
               "figures": seen})
    });
    (f2, f1)
}

/// What reaches those who drive.
async fn to_drivers(
    town: &mut Town,
    args: &args::Compare,
    us_coalesced: Option<f64>,
    progress: Progress,
) -> (Value, Value, Value) {
    progress.say("E1: offers while the fleet pings");
    let load = offers::Load {
        drivers: args.connections,
        riders: STALL_RIDERS + OFFER_RIDERS,
        pings_per_s: args.connections as f64,
        bookings_per_s: BOOKINGS_PER_S,
        time: Duration::from_secs_f64(OFFER_RIDERS as f64 / BOOKINGS_PER_S),
        dialect: Dialect::Binary,
        first_rider: STALL_RIDERS,
    };
    let e1 = row(offers::measured(town, &load).await, |seen| {
        let p99 = seen.booking_to_offer_ms.p99;
        json!({"p99_ms": p99, "target": "p99_ms <= 15", "met": p99 <= 15.0 && seen.booking_to_offer_ms.count > 0,
               "void": seen.on_time.void, "figures": seen})
    });
    progress.say("F4: offers written while half the core is busy");
    // What bookings and their database cost comes on top of the pings.
    let pings_per_s = us_coalesced.map_or(args.connections as f64, |us| (0.42e6 / us).min(PINGS_PER_S_MAX));
    let load = offers::Load {
        riders: STALL_RIDERS + OFFER_RIDERS + BUSY_RIDERS,
        pings_per_s,
        time: Duration::from_secs_f64(BUSY_RIDERS as f64 / BOOKINGS_PER_S),
        first_rider: STALL_RIDERS + OFFER_RIDERS,
        ..load
    };
    let f4 = row(offers::measured(town, &load).await, |seen| {
        let p99 = seen.decision_to_written_p99_ms;
        json!({"p99_ms": p99, "target": "p99_ms <= 5", "met": p99.is_some_and(|p99| p99 <= 5.0),
               "after_commit_p99_ms": seen.committed_to_written_p99_ms,
               "server_percent": seen.bill.server_percent, "void": seen.on_time.void, "figures": seen})
    });
    progress.say("F3: everybody comes back");
    let load = storm::Load {
        drivers: args.connections.saturating_sub(RIDERS).max(1),
        riders: RIDERS,
        bookings_per_s: BOOKINGS_PER_S,
        time: Duration::from_secs(6),
        dialect: Dialect::Binary,
        graceful: false,
        first_rider: STALL_RIDERS + OFFER_RIDERS + BUSY_RIDERS,
    };
    let f3 = row(storm::measured(town, &load).await, |seen| {
        let is_exact = seen.gaps == 0 && seen.duplicates == 0 && seen.untold == 0 && seen.back == seen.connections;
        json!({"connections": seen.back, "seconds": seen.seconds, "gaps": seen.gaps + seen.untold as u64,
               "duplicates": seen.duplicates, "database_reads": seen.database_reads,
               "target": "all within 10 s, no gap, no duplicate, no database read",
               "met": is_exact && seen.seconds <= 10.0 && seen.database_reads == 0, "figures": seen})
    });
    (e1, f4, f3)
}

async fn founded(
    program: &Path,
    args: &args::Compare,
    coalesce_ms: Option<u64>,
    progress: Progress,
) -> Result<Town, Stop> {
    let mut settings = ingest::settings(coalesce_ms, false);
    if coalesce_ms != Some(0) {
        // F4 makes the core half busy with more pings than a phone may send.
        settings.extend(ingest::settings(None, true));
    }
    // Those of F1 and F2 are others, because they live elsewhere.
    let drivers = args.connections + fanout::TOGETHER + STALL_DRIVERS;
    Town::found(&Plan { program, drivers, riders: RIDERS, settings }, progress).await
}

/// Who takes turns. Numbers are places in the list of contenders.
fn entries(has_coalescing: bool) -> Vec<Entry> {
    let of = |name, dialect, who| Entry { name, dialect, who, rounds: Vec::new(), trouble: None };
    let mut entries = vec![
        of("textbook", Dialect::Json, 2),
        of("engine", Dialect::Json, 0),
        of("floor", Dialect::Json, 3),
        of("engine_binary", Dialect::Binary, 0),
        of("floor_binary", Dialect::Binary, 3),
    ];
    if has_coalescing {
        entries.insert(3, of("engine_coalesced", Dialect::Json, 1));
        entries.push(of("engine_binary_coalesced", Dialect::Binary, 1));
    }
    entries
}

/// The row of W1, and what a coalesced binary ping costs.
fn ingested(entries: Vec<Entry>) -> (Value, Option<f64>) {
    let rows: Vec<_> = entries.into_iter().map(|entry| (entry.name, Rows::of(entry.rounds), entry.trouble)).collect();
    let us = |name: &str| {
        let (_, rows, _) = rows.iter().find(|(known, ..)| *known == name)?;
        (!rows.rounds.is_empty()).then_some(rows.us_per_ping.min)
    };
    let median = |name: &str| {
        let (_, rows, _) = rows.iter().find(|(known, ..)| *known == name)?;
        (!rows.rounds.is_empty()).then_some(rows.us_per_ping.median)
    };
    let over = |a: Option<f64>, b: Option<f64>| ratio(a?, b?);
    let (engine, coalesced) = (us("engine"), us("engine_coalesced"));
    let textbook_ratio = over(us("textbook"), engine);
    let floor_ratio = over(engine, us("floor"));
    let floor_ratio_coalesced = over(coalesced, us("floor"));
    let is_met = textbook_ratio.is_some_and(|ratio| ratio >= 5.0)
        && floor_ratio.is_some_and(|ratio| ratio <= 1.3)
        && floor_ratio_coalesced.is_some_and(|ratio| ratio <= 0.7);
    let row = json!({
        "textbook_ratio": textbook_ratio,
        "floor_ratio": floor_ratio,
        "floor_ratio_coalesced": floor_ratio_coalesced,
        "us_per_ping": engine,
        "us_per_ping_coalesced": coalesced,
        "textbook_us_per_ping": us("textbook"),
        "floor_us_per_ping": us("floor"),
        "textbook_ratio_coalesced": over(us("textbook"), coalesced),
        "us_per_ping_binary": us("engine_binary"),
        "us_per_ping_binary_coalesced": us("engine_binary_coalesced"),
        "floor_us_per_ping_binary": us("floor_binary"),
        "floor_ratio_binary": over(us("engine_binary"), us("floor_binary")),
        "floor_ratio_binary_coalesced": over(us("engine_binary_coalesced"), us("floor_binary")),
        "medians": {
            "textbook_ratio": over(median("textbook"), median("engine")),
            "floor_ratio": over(median("engine"), median("floor")),
            "floor_ratio_coalesced": over(median("engine_coalesced"), median("floor")),
        },
        "void": rows.iter().any(|(_, rows, _)| rows.void),
        "target": "textbook_ratio >= 5, floor_ratio <= 1.3, floor_ratio_coalesced <= 0.7",
        "met": is_met,
        "contenders": rows.iter().map(|(name, rows, trouble)| ((*name).to_owned(), json!({
            "us_per_ping": rows.us_per_ping,
            "server_switches_per_ping": rows.server_switches_per_ping,
            "generator_switches_per_ping": rows.generator_switches_per_ping,
            "late_percent": rows.late_percent,
            "void": rows.void,
            "pings_lost": rows.lost,
            "trouble": trouble,
            "rounds": rows.rounds,
        }))).collect::<serde_json::Map<_, _>>(),
    });
    (row, us("engine_binary_coalesced").or(us("engine_binary")).or(coalesced).or(engine))
}

/// Beside peers that were measured on another day: an order of magnitude, not a race.
fn beside_peers(us_coalesced: Option<f64>) -> Value {
    let Some(us) = us_coalesced else { return json!({"trouble": "no ping was measured"}) };
    let times: serde_json::Map<_, _> = PEERS_US
        .iter()
        .map(|(peer, theirs)| (format!("times_cheaper_than_{peer}"), json!(rounded(theirs / us))))
        .collect();
    json!({
        "us_per_ping": us, "uwebsockets_ratio": rounded(us / PEERS_US[0].1), "peers": times,
        "target": "uwebsockets_ratio <= 1, 60 and 100 times cheaper than the others",
        "met": us <= PEERS_US[0].1 && PEERS_US[1].1 / us >= 60.0 && PEERS_US[2].1 / us >= 100.0,
        "note": "peers were measured on another run on the same kind of machine",
    })
}

/// A row, or why there is none.
fn row<T>(measured: Result<T, Stop>, shown: impl FnOnce(T) -> Value) -> Value {
    match measured {
        Ok(figures) => shown(figures),
        Err(stop) => json!({"trouble": stop.to_string(), "met": false}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contenders_take_turns_and_name_places_that_exist() {
        for has_coalescing in [false, true] {
            let entries = entries(has_coalescing);
            assert!(entries.iter().all(|entry| entry.who < 4));
            assert_eq!(entries.iter().any(|entry| entry.who == 1), has_coalescing);
            assert!(entries.windows(2).all(|pair| pair[0].who != pair[1].who), "nobody goes twice in a row");
        }
    }

    #[test]
    fn the_row_of_pings_has_the_promised_keys_even_without_a_round() {
        let (row, us) = ingested(entries(true));
        for key in ["textbook_ratio", "floor_ratio", "floor_ratio_coalesced", "us_per_ping", "us_per_ping_coalesced"] {
            assert_eq!(row.get(key), Some(&Value::Null), "{key}");
        }
        assert_eq!((us, row["met"].as_bool()), (None, Some(false)));
        assert!(beside_peers(us).get("trouble").is_some());
        assert_eq!(beside_peers(Some(4.75))["uwebsockets_ratio"], json!(0.5));
    }

    #[test]
    fn a_row_that_failed_says_why() {
        let failed = row(Err::<(), _>(Stop::Failed("no browse".to_owned())), |()| json!({}));
        assert_eq!(failed, json!({"trouble": "no browse", "met": false}));
    }
}
