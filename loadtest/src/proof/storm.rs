//! `storm`: the server ends under a full house, and everybody comes back at once.
//!
//! Rides are under way when it happens. Afterwards every app's stream of control messages must be whole by its own
//! positions, every committed step of every ride must have been told to its rider, and Postgres must not have been read
//! for it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::booking::{self, Booked, Booker};
use super::outcome::Outcome;
use crate::apps::stream::Streams;
use crate::apps::{Apps, Manners};
use crate::args;
use crate::generator::fleet::{Pace, Pinging};
use crate::generator::pace::Ticks;
use crate::generator::ping::Dialect;
use crate::generator::stage::Stage;
use crate::measure::figures::{Latency, histogram, rounded};
use crate::measure::machine::Machine;
use crate::measure::statements::Statements;
use crate::play::Stop;
use crate::report::Progress;
use crate::town::{self, Plan, Town};

/// Longest wait for the last app after the server is ready.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// Drivers go on with rides this quickly.
const DRIVE: Duration = Duration::from_millis(1_500);
/// Bookings go on this long into the outage, so that some are under way when it begins.
const INTO_OUTAGE: Duration = Duration::from_millis(300);
/// A statement executed more often than this while thousands come back is read for them.
const HOUSEKEEPING_MAX: usize = 10;
/// After everybody is back, for rides to end.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Drivers on shift.
    pub drivers: usize,
    /// Riders connected.
    pub riders: usize,
    /// Bookings a second before it happens.
    pub bookings_per_s: f64,
    /// For how long.
    pub time: Duration,
    /// In which dialect.
    pub dialect: Dialect,
    /// Stopped with SIGTERM instead of killed.
    pub graceful: bool,
    /// The first rider who books.
    pub first_rider: usize,
}

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Connections that had to come back.
    pub connections: usize,
    /// Those that did.
    pub back: usize,
    /// From the restarted server's `ready` to the last welcome, seconds: the figure of the target.
    pub seconds: f64,
    /// From the end of the server to its `ready`, seconds.
    pub restart_seconds: f64,
    /// From `ready` to each welcome, milliseconds.
    pub back_ms: Latency,
    /// Welcomes that promised exactly what was missed.
    pub recovered: usize,
    /// Welcomes that could not.
    pub not_recovered: usize,
    /// Control messages over the whole run.
    pub messages: u64,
    /// Messages before which one was missing.
    pub gaps: u64,
    /// Messages heard twice.
    pub duplicates: u64,
    /// Rides of which every committed step was held against what the rider's app was told.
    pub rides: usize,
    /// Steps committed that the app was never told.
    pub untold: usize,
    /// Reads of Postgres between `ready` and the last welcome, of statements executed again and again.
    pub database_reads: usize,
    /// All reading statements of that time with how often they were executed, the job queue's polling left out. What is
    /// executed a few times only is the server's own housekeeping, not read for those who come back.
    pub database_statements: BTreeMap<String, usize>,
    /// Losses by kind.
    pub losses: Vec<String>,
    /// The first oddities.
    pub words: Vec<String>,
}

/// Plays in a town.
///
/// # Errors
/// When connections fail or the server does not come back.
pub async fn measured(town: &mut Town, load: &Load) -> Result<Figures, Stop> {
    let statements = Statements::of(&town.server.data_dir());
    statements.write_down().await.map_err(Stop::Failed)?;
    town.admits_as_usual();
    let manners = Manners { accept: true, drive: Some(DRIVE), come_back: true, ..Manners::default() };
    let frozen = manners.frozen.clone();
    let stage = town.stage(load.dialect, 0..load.drivers, load.riders, manners)?;
    let mut stage = town::gathered(stage).await?;
    let (homes, all) = (Town::homes(load.drivers), load.drivers + load.riders);
    let pace = Pace::Even(Ticks::new(Instant::now(), load.drivers as f64, load.drivers));
    stage.pinging = Some(Pinging::new(pace, &homes, load.dialect, 0));
    stage = stage.play_for(Duration::from_secs(3)).await.map_err(Stop::Failed)?;

    let until = Instant::now() + load.time + BACK_WITHIN + Duration::from_secs(120);
    let back =
        move |phones: &Apps, now| (phones.told.losses.total() >= all as u64 && phones.ready() == all) || now > until;
    let playing = tokio::spawn(stage.play(back));
    let booked_for = load.time + INTO_OUTAGE;
    let (booker, first, per_s, places) = (Booker::of(town), load.first_rider, load.bookings_per_s, homes.clone());
    let booking = tokio::spawn(async move { booking::book(booker, first, per_s, booked_for, &places).await });
    tokio::time::sleep(load.time).await;
    frozen.store(true, Ordering::Relaxed);
    let restart =
        if load.graceful { town.server.stop_and_restart().await? } else { town.server.kill_and_restart().await? };
    let (ready, mark) = (Instant::now(), statements.mark());
    let played = playing.await.map_err(|err| Stop::Failed(err.to_string()))?;
    let stage = played.map_err(Stop::Failed)?;
    // The log is written by another process, which may be a moment behind.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let reads = statements.reads_since(mark);
    frozen.store(false, Ordering::Relaxed);
    let mut stage = stage.play_for(AFTERWARDS).await.map_err(Stop::Failed)?;
    let booked = booking.await.map_err(|err| Stop::Failed(err.to_string()))?.booked;
    let (rides, untold) = held_against(town, load, &stage, &booked).await?;
    let ready_apps = stage.phones.ready();
    stage.fleet.hang_up();
    let told = figures_of(&stage, ready);
    Ok(Figures {
        connections: all,
        back: ready_apps,
        restart_seconds: rounded(restart.as_secs_f64()),
        rides,
        untold,
        database_reads: reads.values().filter(|count| **count > HOUSEKEEPING_MAX).sum(),
        database_statements: reads,
        ..told
    })
}

/// What the apps' own record says.
fn figures_of(stage: &Stage<Apps>, ready: Instant) -> Figures {
    let told = &stage.phones.told;
    let mut times = histogram();
    for recovery in &told.recoveries {
        let time = recovery.at.saturating_duration_since(ready);
        times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
    let Streams { messages, gaps, duplicates } = told.streams;
    let recovered = told.recoveries.iter().filter(|recovery| recovery.recovered == Some(true)).count();
    Figures {
        connections: 0,
        back: 0,
        seconds: rounded(times.max() as f64 / 1e6),
        restart_seconds: 0.0,
        back_ms: Latency::from(&times),
        recovered,
        not_recovered: told.recoveries.len() - recovered,
        messages,
        gaps,
        duplicates,
        rides: 0,
        untold: 0,
        database_reads: 0,
        database_statements: BTreeMap::new(),
        losses: told.losses.snapshot().into_iter().map(|(name, count)| format!("{name}: {count}")).collect(),
        words: told.words.clone(),
    }
}

#[derive(Deserialize)]
struct Timeline {
    items: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    kind: String,
}

/// Holds the committed timeline of every ride against what its rider's app was told. Apps that were not promised a
/// recovery learnt the state from their welcome instead and are left out.
async fn held_against(
    town: &Town,
    load: &Load,
    stage: &Stage<Apps>,
    booked: &[Booked],
) -> Result<(usize, usize), Stop> {
    let told = &stage.phones.told;
    let (mut rides, mut untold) = (0, 0);
    for one in booked {
        let who = load.drivers + one.rider;
        let mut recoveries = told.recoveries.iter().filter(|recovery| recovery.who == who);
        if recoveries.any(|recovery| recovery.recovered != Some(true)) {
            continue;
        }
        let url = format!("http://{}/api/v1/rides/{}/events", town.server.address(), one.ride);
        let request = town.http.get(url).bearer_auth(&town.riders[one.rider].token).send();
        let failed = |err: reqwest::Error| Stop::Failed(format!("the timeline of a ride: {err}"));
        let timeline: Timeline = request.await.map_err(failed)?.json().await.map_err(failed)?;
        rides += 1;
        let steps = timeline.items.iter().filter_map(|event| status_after(&event.kind));
        untold += steps.filter(|status| !told.states.contains(&(who, one.ride, *status))).count();
    }
    Ok((rides, untold))
}

/// The state that an entry of the timeline brings about and that a rider is told.
fn status_after(kind: &str) -> Option<&'static str> {
    const TOLD: [&str; 8] = [
        "driver_assigned",
        "driver_arrived",
        "in_progress",
        "completed",
        "cancelled_by_customer",
        "cancelled_by_driver",
        "cancelled_by_system",
        "no_driver_found",
    ];
    let kind = if kind == "started" { "in_progress" } else { kind };
    TOLD.into_iter().find(|status| *status == kind)
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start or come back, or connections fail.
pub async fn run(args: &args::Storm, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let riders = (args.connections / 10).max(1);
    let drivers = args.connections.saturating_sub(riders).max(1);
    let plan = Plan { program: &args.common.server, drivers, riders, settings: Vec::new() };
    let mut town = Town::found(&plan, progress).await?;
    let load = Load {
        drivers,
        riders,
        bookings_per_s: args.bookings_per_s,
        time: Duration::from_secs(args.seconds),
        dialect: if args.binary { Dialect::Binary } else { Dialect::Json },
        graceful: args.graceful,
        first_rider: 0,
    };
    progress.say("booking, then the storm");
    let figures = measured(&mut town, &load).await?;
    town.server.stop().await?;
    let is_exact = figures.gaps == 0 && figures.duplicates == 0 && figures.untold == 0;
    let outcome = Outcome::new("storm", machine, &figures)?;
    if figures.back < figures.connections || !is_exact {
        return Err(Stop::Failed(format!("the storm broke a promise:\n{}", outcome.table())));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_is_read_as_what_a_rider_is_told() {
        for (kind, status) in [
            ("started", Some("in_progress")),
            ("driver_assigned", Some("driver_assigned")),
            ("offer_made", None),
            ("requested", None),
        ] {
            assert_eq!(status_after(kind), status, "{kind}");
        }
    }
}
