//! `boda simulate --policy` and `--compare`: a city on a virtual clock, from arguments to a table.
//!
//! Separate from the other simulation, which needs a server and a runtime: this one needs cores. What is said of the world
//! in arguments and configuration becomes one plain `World` here.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::arguments::{Simulate, Trial};
use super::{Error, print};
use crate::atlas::{Atlas, Survey};
use crate::config::Config;
use crate::geo::{Area, LatLng};
use crate::money::BasisPoints;
use crate::road::StraightLine;
use crate::road::profile::Profile;
use crate::road::town::Town;
use crate::simulation::trial::report::{Paired, Setting, Single};
use crate::simulation::trial::{Comparison, Figures, Ground, Load, Moving, Orders, Policy, World};
use crate::time::{Span, Timestamp};

const DRIVERS: u32 = 400;
/// The town is the same for every seed: cities of a comparison differ in their people.
const TOWN_SEED: u64 = 1;
/// A Monday morning at nine in Kigali.
const BEGINS_AT: Timestamp = Timestamp::from_millis(1_767_596_400_000);
/// Half an hour until queues are as they stay, ten minutes so that the last who are counted are no better off.
const AROUND: (Span, Span) = (Span::from_minutes(30), Span::from_minutes(10));
/// Straight lines are ridden at 6 m/s, as in the published figures that they are for.
const STRAIGHT_KMH: f64 = 21.6;
/// Drivers who are to be free within this are looked at, too.
const FINISHING_WITHIN: Span = Span::from_minutes(4);
/// What the engine reckons for paying at the end of a ride.
const PAYING: Span = Span::from_secs(20);
const SEEDS: u32 = 20;
/// Coarser than production's: a search that finds nobody walks fewer empty cells, and finds the very same drivers.
const CELL_M: f64 = 1_000.0;
const MOVING_DRIVERS: u32 = 300_000;
/// A busy quarter.
const MOVING_PER_KM2: f64 = 50.0;

/// Lives the cities and tells.
pub fn run(simulate: &Simulate) -> Result<(), Error> {
    let config = simulate.sources_of_trial().load()?;
    let trial = &simulate.trial;
    let seed = number("--seed", simulate.seed.as_deref(), 1_u64)?;
    if let (Some(seconds), Some(policy)) = (trial.moving_s, trial.policy) {
        return moving(simulate, &config, seed, (seconds, policy));
    }
    let began = Instant::now();
    let (world, roads) = world(simulate, &config)?;
    world.check().map_err(|error| Error::Argument(error.to_string()))?;
    let capacity = world.capacity();
    let setting = Setting::of(&world, roads, capacity);
    eprintln!("the ground is laid after {:.1} s", began.elapsed().as_secs_f64());
    let policies = trial.compare.clone().or_else(|| trial.policy.map(|policy| vec![policy])).unwrap_or_default();
    let count = trial.seeds.unwrap_or(if trial.compare.is_some() { SEEDS } else { 1 });
    let wanted: Vec<(u64, Policy)> = (0..u64::from(count))
        .flat_map(|n| policies.iter().map(move |policy| (seed.wrapping_add(n), *policy)))
        .collect();
    let figures = live(&world, &wanted, setting.wishes_per_hour, trial);
    match policies[..] {
        [a, b] => {
            let (first, second) = figures.into_iter().enumerate().partition::<Vec<_>, _>(|(n, _)| n % 2 == 0);
            let plain = |side: Vec<(usize, Figures)>| side.into_iter().map(|(_, figures)| figures).collect();
            let comparison = Comparison::new(plain(first), plain(second));
            let paired = Paired { setting, policies: [a, b], seeds: count as usize, comparison };
            tell(trial, &paired, || paired.table(), || paired.page())
        }
        _ => {
            let policy = policies.first().copied().unwrap_or(Policy::Greedy);
            let single = Single { setting, policy, per_seed: figures };
            tell(trial, &single, || single.table(), || single.page())
        }
    }
}

fn live(world: &World, wanted: &[(u64, Policy)], per_hour: f64, trial: &Trial) -> Vec<Figures> {
    let began = Instant::now();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = trial.threads.map_or_else(cores, |threads| threads as usize);
    let is_terminal = io::stderr().is_terminal();
    let done = |count: usize| {
        let (of, seconds) = (wanted.len(), began.elapsed().as_secs_f64());
        let line = format!("{count} of {of} cities lived, {seconds:.0} s");
        let mut err = io::stderr().lock();
        // Nobody to show it to is no trouble.
        let _ = if is_terminal { write!(err, "\r{line}") } else { writeln!(err, "{line}") };
    };
    let figures = world.run_all(wanted, per_hour, threads, &done);
    let (simulated_s, wall_s) =
        (figures.iter().map(|one| one.simulated_s).sum::<f64>(), began.elapsed().as_secs_f64().max(1e-3));
    let factor = simulated_s / wall_s;
    eprintln!("\n{:.1} h lived in {wall_s:.1} s: {factor:.0} times as fast as life", simulated_s / 3_600.0);
    figures
}

/// Moves a fleet in real time and tells how long it took.
fn moving(simulate: &Simulate, config: &Config, seed: u64, (seconds, policy): (u32, Policy)) -> Result<(), Error> {
    let trial = &simulate.trial;
    let drivers = number("--drivers", simulate.drivers.as_deref(), MOVING_DRIVERS)?;
    // As dense as a busy quarter, however many.
    let side_km = trial.side_km.unwrap_or((f64::from(drivers) / MOVING_PER_KM2).sqrt().max(5.0));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let moving = Moving {
        drivers,
        seconds,
        policy,
        seed,
        demand: trial.demand,
        threads: trial.threads.map_or(cores, |threads| threads as usize),
        area: square(kigali(), side_km)?,
        core: config.rides.dispatch.clone(),
        cell_m: config.locations.cell_m,
        candidates_max: config.locations.candidates_max,
        search_radius_m: config.locations.search_radius_m,
    };
    let told = |second: u32, took_s: f64| {
        if second.is_multiple_of(10) {
            eprintln!("second {second} of {seconds}: {:.0} ms", took_s * 1_000.0);
        }
    };
    let pace = moving.run(&told).map_err(|error| Error::Argument(error.to_string()))?;
    if trial.json {
        let text = serde_json::to_string_pretty(&pace).map_err(|error| Error::Failure(error.to_string()))?;
        return print(format_args!("{text}\n"));
    }
    print(format_args!(
        "{} drivers moved once a second on {} threads, {}, for {} s\n\
         pace                  {:.2} of real time\n\
         settle                mean {:.0} ms, 95 % {:.0} ms, longest {:.0} ms (moves {:.0} ms, matching {:.0} ms)\n\
         requests              {}, assigned {}, offers {}\n\
         rounds                {}, certified {}, rides in the largest {}\n",
        pace.drivers,
        pace.threads,
        policy.name(),
        pace.simulated_s,
        pace.pace,
        pace.settle_mean_ms,
        pace.settle_p95_ms,
        pace.settle_max_ms,
        pace.moving_mean_ms,
        pace.matching_mean_ms,
        pace.requests,
        pace.assigned,
        pace.offers,
        pace.rounds,
        pace.certified,
        pace.round_rides_max,
    ))
}

/// The page to its file, the table or the JSON to standard output.
fn tell(
    trial: &Trial,
    figures: &impl Serialize,
    table: impl FnOnce() -> String,
    page: impl FnOnce() -> String,
) -> Result<(), Error> {
    if let Some(file) = &trial.report {
        fs::write(file, page()).map_err(|error| failed(file, error))?;
        eprintln!("the page is {}", file.display());
    }
    if trial.json {
        let text = serde_json::to_string_pretty(figures).map_err(|error| Error::Failure(error.to_string()))?;
        return print(format_args!("{text}\n"));
    }
    print(table())
}

/// The world, and what its roads are called.
fn world(simulate: &Simulate, config: &Config) -> Result<(World, String), Error> {
    let trial = &simulate.trial;
    let is_straight = trial.roads == "straight" && simulate.map.is_none();
    let side_km = trial.side_km.unwrap_or(if is_straight {
        20.0
    } else if trial.orders.is_some() {
        14.0
    } else {
        10.0
    });
    if !(0.5..=200.0).contains(&side_km) {
        return Err(Error::Argument(format!("--side-km: {side_km} is out of range 0.5..=200")));
    }
    let (ground, roads) = ground(simulate, config, square(kigali(), side_km)?)?;
    // A map of somewhere else has its own middle.
    let centre = if ground.area().contains(kigali()) { kigali() } else { ground.area().centre() };
    let rides_per_minute = match &simulate.rides_per_minute {
        Some(typed) => Some(number("--rides-per-minute", Some(typed), 0.0_f64)?),
        None => None,
    };
    let ride_km = trial.ride_km.unwrap_or(if is_straight { 0.0 } else { 3.5 });
    let world = World {
        service: square(centre, side_km)?,
        ground,
        drivers: number("--drivers", simulate.drivers.as_deref(), DRIVERS)?,
        counted: Span::from_millis((trial.hours * 3_600_000.0) as i64),
        warm_up: AROUND.0,
        cool_down: AROUND.1,
        begins_at: BEGINS_AT,
        load: rides_per_minute.map_or(Load::OfCapacity(trial.demand), |rides| Load::PerHour(rides * 60.0)),
        orders: trial.orders.as_deref().map(orders).transpose()?,
        spots: trial.spots.unwrap_or(if is_straight { 0.0 } else { 0.8 }),
        ride_m: (ride_km > 0.0).then_some(ride_km * 1_000.0),
        patience: Span::from_secs(trial.patience_s.into()),
        pickup_max: Span::from_secs(trial.pickup_max_s.into()),
        finishing_within: FINISHING_WITHIN,
        paying: PAYING,
        core: config.rides.dispatch.clone(),
        cell_m: CELL_M,
        candidates_max: config.locations.candidates_max,
        search_radius_m: config.locations.search_radius_m,
        commission: commission(config),
    };
    Ok((world, roads))
}

const fn commission(config: &Config) -> BasisPoints {
    config.payments.commission
}

fn ground(simulate: &Simulate, config: &Config, square: Area) -> Result<(Ground, String), Error> {
    let (atlas, name) = match &simulate.map {
        Some(file) => {
            let bytes = fs::read(file).map_err(|error| failed(file, error))?;
            let name = format!("the streets of {}", file.display());
            (Atlas::read(&bytes).map_err(|error| failed(file, error))?, name)
        }
        None if simulate.trial.roads == "straight" => {
            let line = StraightLine::new(1.0, STRAIGHT_KMH).map_err(|error| Error::Failure(error.to_string()))?;
            return Ok((Ground::Straight { line, area: square }, "straight lines".to_owned()));
        }
        None => {
            let survey = Survey::of_town(Town::kigali(TOWN_SEED), Profile::moto().turn_costs());
            let atlas = Atlas::new(survey).map_err(|error| Error::Failure(error.to_string()))?;
            (atlas, "the streets of a generated town".to_owned())
        }
    };
    let router = atlas.router(config.map.snap_m_max).map_err(|error| Error::Failure(error.to_string()))?;
    Ok((Ground::Streets(Arc::new(router)), name))
}

fn orders(file: &Path) -> Result<Orders, Error> {
    let opened = File::open(file).map_err(|error| failed(file, error))?;
    Orders::read(opened).map_err(|reason| failed(file, io::Error::other(reason)))
}

/// The middle of where people ride.
fn kigali() -> LatLng {
    LatLng::from_e7(-19_530_000, 300_850_000).expect("Kigali is on the globe")
}

fn square(centre: LatLng, side_km: f64) -> Result<Area, Error> {
    let half_diagonal_m = side_km * 1_000.0 / std::f64::consts::SQRT_2;
    let corner = |bearing_deg: f64| centre.destination(bearing_deg, half_diagonal_m);
    Area::new(corner(225.0), corner(45.0)).map_err(|error| Error::Argument(format!("--side-km: {error}")))
}

fn number<T: std::str::FromStr>(flag: &str, typed: Option<&str>, otherwise: T) -> Result<T, Error> {
    match typed {
        None => Ok(otherwise),
        Some(typed) => typed.parse().map_err(|_| Error::Argument(format!("{flag}: {typed:?} is no such number"))),
    }
}

fn failed(file: &Path, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::File { file: file.to_owned(), source: Box::new(source) }
}
