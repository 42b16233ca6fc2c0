//! `nearby`: "who is near me?" over REST, at a constant rate, while the whole fleet pings.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tokio::time::sleep_until;

use super::outcome::Outcome;
use super::sharing::{Bill, Meter};
use crate::apps::Manners;
use crate::args;
use crate::generator::fleet::{Pace, Pinging};
use crate::generator::pace::{OnTime, Ticks};
use crate::generator::ping::Dialect;
use crate::measure::family;
use crate::measure::figures::{Latency, histogram};
use crate::measure::machine::Machine;
use crate::play::Stop;
use crate::report::Progress;
use crate::town::{self, Plan, Town};

/// Pings before the first question, so that every driver is in the index.
const WARM_UP: Duration = Duration::from_secs(3);
/// Riders who ask in turn.
const RIDERS: usize = 20;

#[derive(Serialize)]
struct Figures {
    drivers: usize,
    pings_per_s: f64,
    questions_per_s: f64,
    /// Intended moment of a question to its answer.
    answer_ms: Latency,
    /// Answers that were no success.
    failed: usize,
    /// Answers without a driver: the place was badly chosen, or the index is empty.
    empty: usize,
    /// Questions and pings together.
    bill: Bill,
    on_time: OnTime,
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start or connections fail.
pub async fn run(args: &args::Nearby, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let plan = Plan { program: &args.common.server, drivers: args.drivers, riders: RIDERS, settings: Vec::new() };
    let town = Town::found(&plan, progress).await?;
    let dialect = if args.binary { Dialect::Binary } else { Dialect::Json };
    let stage = town.stage(dialect, 0..args.drivers, 0, Manners::default())?;
    let mut stage = town::gathered(stage).await?;
    let homes = Town::homes(args.drivers);
    let (pings_per_s, time) = (args.drivers as f64, Duration::from_secs(args.seconds));
    let pace = Pace::Even(Ticks::new(Instant::now(), pings_per_s, args.drivers));
    stage.pinging = Some(Pinging::new(pace, &homes, dialect, 0));
    progress.say("asking");
    let pids = family::with_descendants(&town.server.pids());
    let playing = tokio::spawn(stage.play_for(WARM_UP + time));
    tokio::time::sleep(WARM_UP).await;
    let meter = Meter::start(pids);
    let mut rng = SmallRng::seed_from_u64(3);
    let begun = tokio::time::Instant::now();
    let count = (args.questions_per_s * time.as_secs_f64()) as usize;
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        let intended = begun + Duration::from_secs_f64(number as f64 / args.questions_per_s);
        let near = homes[rng.random_range(0..homes.len())];
        let url = format!(
            "http://{}/api/v1/drivers/nearby?lat={:.6}&lng={:.6}&limit=10",
            town.server.address(),
            near.lat,
            near.lng
        );
        let request = town.http.get(url).bearer_auth(&town.riders[number % RIDERS].token);
        tasks.push(tokio::spawn(async move {
            sleep_until(intended).await;
            let answer = request.send().await.ok()?;
            let is_success = answer.status().is_success();
            let text = answer.text().await.ok()?;
            is_success.then(|| (intended.elapsed(), text.contains("\"lat\"")))
        }));
    }
    let (mut times, mut failed, mut empty) = (histogram(), 0, 0);
    for task in tasks {
        match task.await {
            Ok(Some((time, has_drivers))) => {
                times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
                empty += usize::from(!has_drivers);
            }
            _ => failed += 1,
        }
    }
    let bill = meter.stop();
    let played = playing.await.map_err(|err| Stop::Failed(err.to_string()))?;
    let mut stage = played.map_err(Stop::Failed)?;
    stage.fleet.hang_up();
    town.server.stop().await?;
    let figures = Figures {
        drivers: args.drivers,
        pings_per_s,
        questions_per_s: args.questions_per_s,
        answer_ms: Latency::from(&times),
        failed,
        empty,
        bill,
        on_time: stage.pinging.map(|pinging| pinging.kept.report()).unwrap_or_default(),
    };
    Outcome::new("nearby", machine, &figures)
}
