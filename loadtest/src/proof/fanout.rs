//! `fanout`: what readers who do not read cost the others, and what positions cost that travel together.
//!
//! F1: riders on rides hear every position of their driver, and browse among many drivers so that there is much to read.
//! Some stop reading; the others' latency and the server's memory are held against the rounds in which all read.
//! F2: riders browse one place with one driver, then with five: five positions travel in one frame, and cost is counted for
//! each position delivered.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::booking::{self, Booker};
use super::outcome::Outcome;
use super::sharing::{Bill, Meter};
use crate::apps::{Apps, Manners};
use crate::args;
use crate::generator::fleet::{Pace, Pinging};
use crate::generator::pace::{OnTime, Ticks};
use crate::generator::ping::Dialect;
use crate::generator::stage::Stage;
use crate::measure::family;
use crate::measure::figures::{Latency, Rounds, histogram, ratio, rounded};
use crate::measure::machine::Machine;
use crate::measure::memory;
use crate::play::Stop;
use crate::report::Progress;
use crate::town::{self, Plan, Town};
use crate::world::{KIGALI, Point};

/// Receive buffer of readers who will stall, so that the server meets the stall soon: phones have small ones, too.
const NARROW_BYTES: usize = 4_096;
/// How long stalled readers are left before it counts: until the kernel's buffers are full.
const STALLED_FOR: Duration = Duration::from_secs(8);
/// How long readers may take to read what waited for them.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(5);
/// How long memory is watched, once while all read and once while none does: until buffers are full, and less than the time
/// after which the server closes who does not read.
const MEMORY_TIME: Duration = Duration::from_secs(14);
/// How long calling all rides off may take.
const CALLED_OFF_WITHIN: Duration = Duration::from_secs(4);
/// Bookings a second while the rides are set up.
const BOOKINGS_PER_S: f64 = 60.0;
/// All drivers of F1 wait within this many metres, so that a rider's tiles are full.
const CROWD_M: f64 = 700.0;
/// Positions in one frame of F2.
pub const TOGETHER: usize = 5;
/// Drivers that F2 puts in one place ride circles this small, so that they stay in one tile.
const SPOT_M: f64 = 10.0;

/// What F1 plays.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The first of the drivers.
    pub first_driver: usize,
    /// Drivers on shift, all in one quarter.
    pub drivers: usize,
    /// Riders on rides.
    pub riders: usize,
    /// Share of riders that stop reading, percent.
    pub stalled_percent: f64,
    /// How often each way.
    pub rounds: usize,
    /// How long a round is measured.
    pub time: Duration,
    /// In which dialect.
    pub dialect: Dialect,
}

/// What F1 saw.
#[derive(Clone, Debug, Serialize)]
pub struct Stalls {
    /// Riders who watched a driver.
    pub readers: usize,
    /// Of those, who stopped reading.
    pub stalled: usize,
    /// p99 of the others with stalled readers over p99 without: the figure of the target, of the medians of the rounds.
    pub p99_ratio: Option<f64>,
    /// p99 from a ping's intended moment to the rider's app while all read, milliseconds.
    pub p99_ms_all_read: Rounds,
    /// The same of those who read, while the others stall.
    pub p99_ms_some_stall: Rounds,
    /// Resident memory that each reader added when all of them stalled, bytes, what it grew by in the same time before
    /// taken off.
    pub bytes_per_stalled: f64,
    /// What it grew by for each while all read.
    pub bytes_per_reader_by_itself: f64,
    /// Stalled connections that the server closed, by kind.
    pub losses: Vec<String>,
    /// Latencies of the first round while all read.
    pub all_read_ms: Latency,
    /// Latencies of the first round while some stall.
    pub some_stall_ms: Latency,
    /// How well the generator kept its schedule.
    pub on_time: OnTime,
}

/// F1 in a town.
///
/// # Errors
/// When connections fail or rides cannot be set up.
pub async fn stalls(town: &Town, load: &Load) -> Result<Stalls, Stop> {
    let manners = Manners { accept: true, come_back: true, ..Manners::default() };
    let mut stage =
        town.stage(load.dialect, load.first_driver..load.first_driver + load.drivers, load.riders, manners)?;
    let stalled = (load.riders as f64 * load.stalled_percent / 100.0).round() as usize;
    let victims = load.drivers..load.drivers + stalled;
    let homes = crowd(load.drivers);
    for (who, app) in stage.phones.apps.iter_mut().enumerate() {
        app.home = homes.get(who).copied().unwrap_or(KIGALI);
        app.browses = who >= load.drivers;
        app.is_measured = !victims.contains(&who);
    }
    victims.clone().for_each(|who| stage.fleet.narrow(who, NARROW_BYTES));
    let mut stage = town::gathered(stage).await?;
    let pace = Pace::Even(Ticks::new(Instant::now(), load.drivers as f64, load.drivers));
    stage.pinging = Some(Pinging::new(pace, &homes, load.dialect, 0));
    stage = on_rides(town, stage, load, &homes).await?;
    let pid = town.server.pid().ok_or_else(|| Stop::Failed("the server is not running".to_owned()))?;
    let resident = || memory::read(pid).map_or(0, |memory| memory.resident);
    let (mut read, mut stall) = (Vec::new(), Vec::new());
    for _ in 0..load.rounds.max(1) {
        stage = watched(stage, load.time).await?;
        read.push(Latency::from(&stage.phones.told.position));
        victims.clone().for_each(|who| stage.fleet.stall(who));
        stage = stage.play_for(STALLED_FOR).await.map_err(Stop::Failed)?;
        stage = watched(stage, load.time).await?;
        stall.push(Latency::from(&stage.phones.told.position));
        victims.clone().for_each(|who| stage.fleet.unstall(who));
        stage = stage.play_for(CAUGHT_UP_WITHIN).await.map_err(Stop::Failed)?;
    }
    // Memory grows by itself while pings come in; what it grows by in the same time with nobody reading is held against it.
    let readers = load.drivers..load.drivers + load.riders;
    let before = resident();
    stage = stage.play_for(MEMORY_TIME).await.map_err(Stop::Failed)?;
    let all_read_bytes = resident();
    readers.clone().for_each(|who| stage.fleet.stall(who));
    stage = stage.play_for(MEMORY_TIME).await.map_err(Stop::Failed)?;
    let all_stall_bytes = resident();
    readers.for_each(|who| stage.fleet.unstall(who));
    stage = stage.play_for(CAUGHT_UP_WITHIN).await.map_err(Stop::Failed)?;
    let by_itself = memory::each(before, all_read_bytes, load.riders);
    let when_stalled = memory::each(all_read_bytes, all_stall_bytes, load.riders);
    // Whoever plays next finds everybody free.
    stage.phones.call_off();
    stage = stage.play_for(CALLED_OFF_WITHIN).await.map_err(Stop::Failed)?;
    stage.fleet.hang_up();
    let p99 = |rounds: &[Latency]| Rounds::of(rounds.iter().map(|latency| latency.p99).collect());
    let (all_read, some_stall) = (p99(&read), p99(&stall));
    let losses = stage.phones.told.losses.snapshot();
    Ok(Stalls {
        readers: load.riders,
        stalled,
        p99_ratio: ratio(some_stall.median, all_read.median),
        p99_ms_all_read: all_read,
        p99_ms_some_stall: some_stall,
        bytes_per_stalled: rounded(when_stalled - by_itself.max(0.0)),
        bytes_per_reader_by_itself: rounded(by_itself),
        losses: losses.into_iter().map(|(name, count)| format!("{name}: {count}")).collect(),
        all_read_ms: read.into_iter().next().unwrap_or_default(),
        some_stall_ms: stall.into_iter().next().unwrap_or_default(),
        on_time: stage.pinging.map(|pinging| pinging.kept.report()).unwrap_or_default(),
    })
}

/// Clears the latencies and plays.
async fn watched(mut stage: Stage<Apps>, time: Duration) -> Result<Stage<Apps>, Stop> {
    stage.phones.told.position = histogram();
    stage.play_for(time).await.map_err(Stop::Failed)
}

/// Gets every rider a driver.
async fn on_rides(town: &Town, stage: Stage<Apps>, load: &Load, homes: &[Point]) -> Result<Stage<Apps>, Stop> {
    let stage = stage.play_for(Duration::from_secs(3)).await.map_err(Stop::Failed)?;
    let time = Duration::from_secs_f64(load.riders as f64 / BOOKINGS_PER_S);
    let (drivers, riders) = (load.drivers, load.riders);
    let give_up = Instant::now() + time + Duration::from_secs(20);
    let assigned = move |phones: &Apps| {
        phones.told.states.iter().filter(|(who, _, state)| *who >= drivers && *state == "driver_assigned").count()
    };
    let mut looked = Instant::now();
    let over = move |phones: &Apps, now: Instant| {
        if now < looked {
            return false;
        }
        looked = now + Duration::from_millis(100);
        assigned(phones) >= riders || now > give_up
    };
    let playing = tokio::spawn(stage.play(over));
    let bookings = booking::book(Booker::of(town), 0, BOOKINGS_PER_S, time + Duration::from_millis(20), homes).await;
    let stage = playing.await.map_err(|err| Stop::Failed(err.to_string()))?.map_err(Stop::Failed)?;
    let on_ride = assigned(&stage.phones);
    if on_ride * 10 < load.riders * 9 {
        let first = bookings.failed.first().cloned().unwrap_or_default();
        let errors = stage.phones.told.errors.snapshot();
        return Err(Stop::Failed(format!("only {on_ride} of {riders} riders got a driver: {first} {errors:?}")));
    }
    Ok(stage)
}

/// Places of a crowd, spread over a square.
fn crowd(count: usize) -> Vec<Point> {
    let side = (count as f64).sqrt().ceil().max(1.0);
    let step = 2.0 * CROWD_M / side;
    let place = |number: usize| {
        let (row, column) = ((number as f64 / side).floor(), number as f64 % side);
        KIGALI.moved(row * step - CROWD_M, column * step - CROWD_M)
    };
    (0..count).map(place).collect()
}

/// What one setting of F2 cost.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Drivers in the tile.
    pub drivers: usize,
    /// Riders who browsed it.
    pub watchers: usize,
    /// Frames delivered in the measured stretch.
    pub frames: u64,
    /// Positions delivered.
    pub positions: u64,
    /// Processor time for each position, what silence costs taken off, microseconds.
    pub us_per_position: f64,
    /// What the stretch cost.
    pub bill: Bill,
}

/// What F2 saw.
#[derive(Clone, Debug, Serialize)]
pub struct Coalescing {
    /// Cost of a position in a frame of five over its cost in a frame of its own: the figure of the target.
    pub cpu_ratio: Option<f64>,
    /// One driver: a frame for each position.
    pub alone: Delivery,
    /// Five drivers: one frame for five positions.
    pub together: Delivery,
    /// The same connections without anything to deliver.
    pub silence: Bill,
}

/// F2 in a town.
///
/// # Errors
/// When connections fail, or the server does not know browsing.
pub async fn coalescing(
    town: &Town,
    first_driver: usize,
    watchers: usize,
    time: Duration,
    dialect: Dialect,
) -> Result<Coalescing, Stop> {
    let mut stage = town.stage(dialect, first_driver..first_driver + TOGETHER, watchers, Manners::default())?;
    // Near the middle of the town, whatever the tiles are; the five stand within some metres.
    let spot = KIGALI.moved(310.0, 270.0);
    for (who, app) in stage.phones.apps.iter_mut().enumerate() {
        app.home = spot;
        app.browses = who >= TOGETHER;
    }
    let mut stage = town::gathered(stage).await?;
    let mut silence = None;
    let mut deliveries = Vec::new();
    for drivers in [0, 1, TOGETHER] {
        let homes: Vec<_> = (0..drivers).map(|number| spot.moved(number as f64, 0.0)).collect();
        stage.pinging = (drivers > 0).then(|| {
            let pace = Pace::Even(Ticks::new(Instant::now(), drivers as f64, drivers));
            Pinging::around(pace, &homes, SPOT_M, dialect, 0)
        });
        stage = stage.play_for(Duration::from_secs(3)).await.map_err(Stop::Failed)?;
        let told = &stage.phones.told;
        let (frames, positions) = (told.nearby_frames, told.nearby_positions);
        let meter = Meter::start(family::with_descendants(&town.server.pids()));
        stage = stage.play_for(time).await.map_err(Stop::Failed)?;
        let (bill, told) = (meter.stop(), &stage.phones.told);
        let Some(quiet) = silence else {
            silence = Some(bill);
            continue;
        };
        let positions = told.nearby_positions - positions;
        let over_silence = bill.server_us - quiet.server_us * bill.seconds / quiet.seconds;
        deliveries.push(Delivery {
            drivers,
            watchers,
            frames: told.nearby_frames - frames,
            positions,
            us_per_position: rounded(over_silence / positions.max(1) as f64),
            bill,
        });
    }
    stage.fleet.hang_up();
    let (Some(silence), Some(together), Some(alone)) = (silence, deliveries.pop(), deliveries.pop()) else {
        return Err(Stop::Failed("nothing was delivered".to_owned()));
    };
    if alone.positions == 0 || together.positions == 0 {
        let errors = stage.phones.told.errors.snapshot();
        return Err(Stop::Failed(format!("nobody was shown a driver: {errors:?}")));
    }
    Ok(Coalescing { cpu_ratio: ratio(together.us_per_position, alone.us_per_position), alone, together, silence })
}

#[derive(Serialize)]
struct Figures {
    stalls: Stalls,
    coalescing: Option<Coalescing>,
    coalescing_trouble: Option<String>,
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start or connections fail.
pub async fn run(args: &args::Fanout, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let plan = Plan {
        program: &args.common.server,
        drivers: args.drivers + TOGETHER,
        riders: args.readers.max(args.watchers),
        settings: Vec::new(),
    };
    let town = Town::found(&plan, progress).await?;
    let dialect = if args.binary { Dialect::Binary } else { Dialect::Json };
    let time = Duration::from_secs(args.seconds);
    progress.say("positions that travel together");
    let (coalescing, coalescing_trouble) = match coalescing(&town, args.drivers, args.watchers, time, dialect).await {
        Ok(coalescing) => (Some(coalescing), None),
        Err(stop) => (None, Some(stop.to_string())),
    };
    progress.say("readers that stall");
    let load = Load {
        first_driver: 0,
        drivers: args.drivers,
        riders: args.readers,
        stalled_percent: args.stalled_percent,
        rounds: args.rounds,
        time,
        dialect,
    };
    let stalls = stalls(&town, &load).await?;
    town.server.stop().await?;
    Outcome::new("fanout", machine, &Figures { stalls, coalescing, coalescing_trouble })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_stands_in_one_quarter() {
        let places = crowd(1_200);
        assert_eq!(places.len(), 1_200);
        assert!(places.iter().all(|place| place.distance_m(KIGALI) < CROWD_M * 1.5));
        let nearest = places[1..].iter().map(|place| place.distance_m(places[0])).fold(f64::MAX, f64::min);
        assert!(nearest > 20.0, "nobody stands on somebody else: {nearest}");
    }
}
