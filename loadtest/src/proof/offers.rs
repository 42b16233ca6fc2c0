//! `offers`: from a rider's booking to the offer on a driver's socket, while a whole fleet pings.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use serde::Serialize;
use uuid::Uuid;

use super::booking::{self, Booker, Bookings};
use super::ingest;
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

/// Pings before the first booking, so that every driver is in the index.
const WARM_UP: Duration = Duration::from_secs(3);
/// After the last booking, for its offer and its ride.
const AFTERWARDS: Duration = Duration::from_secs(3);
/// Drivers go on this quickly with a ride, so that they are free again.
const DRIVE: Duration = Duration::from_millis(1_500);
/// From the core's decision to the bytes of an offer written, as the server itself counts.
const WRITTEN: &str = "boda_dispatch_offer_written_seconds";
/// The part of it after the commit.
const DELIVERED: &str = "boda_hub_offer_delivered_seconds";

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Drivers on shift.
    pub drivers: usize,
    /// Riders connected.
    pub riders: usize,
    /// Pings a second over all drivers.
    pub pings_per_s: f64,
    /// Bookings a second.
    pub bookings_per_s: f64,
    /// For how long.
    pub time: Duration,
    /// In which dialect.
    pub dialect: Dialect,
    /// The first rider who books: each can have one ride at a time.
    pub first_rider: usize,
}

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Intended `POST /rides` to the first offer on a driver's socket, milliseconds.
    pub booking_to_offer_ms: Latency,
    /// Decision to bytes written by the server's own histogram, milliseconds: the upper edge of the bucket.
    pub decision_to_written_p99_ms: Option<f64>,
    /// The same, median.
    pub decision_to_written_p50_ms: Option<f64>,
    /// The part of it after the commit: from the committed offer to its bytes written.
    pub committed_to_written_p99_ms: Option<f64>,
    /// Bookings answered with a ride.
    pub bookings: usize,
    /// Bookings that failed, the first few in words.
    pub failed: Vec<String>,
    /// Bookings whose offer no driver heard.
    pub without_offer: usize,
    /// Pings a second that were asked for.
    pub pings_per_s: f64,
    /// What the stretch cost, Postgres included.
    pub bill: Bill,
    /// How well the generator kept its schedule.
    pub on_time: OnTime,
    /// Errors that apps were told.
    pub errors: Vec<String>,
}

/// Plays in a town.
///
/// # Errors
/// When connections fail.
pub async fn measured(town: &Town, load: &Load) -> Result<Figures, Stop> {
    let manners = Manners { accept: true, drive: Some(DRIVE), ..Manners::default() };
    let stage = town.stage(load.dialect, 0..load.drivers, load.riders, manners)?;
    let mut stage = town::gathered(stage).await?;
    let homes = Town::homes(load.drivers);
    let pace = Pace::Even(Ticks::new(Instant::now(), load.pings_per_s, load.drivers));
    stage.pinging = Some(Pinging::new(pace, &homes, load.dialect, 0));
    let pids = family::with_descendants(&town.server.pids());
    let playing = tokio::spawn(stage.play_for(WARM_UP + load.time + AFTERWARDS));
    tokio::time::sleep(WARM_UP).await;
    let (page, meter) = (town.metrics().await?, Meter::start(pids));
    let bookings = booking::book(Booker::of(town), load.first_rider, load.bookings_per_s, load.time, &homes).await;
    let (bill, later) = (meter.stop(), town.metrics().await?);
    let played = playing.await.map_err(|err| Stop::Failed(err.to_string()))?;
    let mut stage = played.map_err(Stop::Failed)?;
    stage.fleet.hang_up();
    let told = &stage.phones.told;
    let (latency, without_offer) = joined(&bookings, &told.offers);
    let errors = told.errors.snapshot().into_iter().chain(told.losses.snapshot());
    let ms = |name, quantile| later.quantile(&page, name, quantile).map(|seconds| seconds * 1_000.0);
    Ok(Figures {
        booking_to_offer_ms: latency,
        decision_to_written_p99_ms: ms(WRITTEN, 0.99),
        decision_to_written_p50_ms: ms(WRITTEN, 0.5),
        committed_to_written_p99_ms: ms(DELIVERED, 0.99),
        bookings: bookings.booked.len(),
        failed: bookings.failed.into_iter().take(5).collect(),
        without_offer,
        pings_per_s: load.pings_per_s,
        bill,
        on_time: stage.pinging.map(|pinging| pinging.kept.report()).unwrap_or_default(),
        errors: errors.map(|(name, count)| format!("{name}: {count}")).collect(),
    })
}

/// Each booking with its first offer.
fn joined(bookings: &Bookings, offers: &[(Uuid, Instant)]) -> (Latency, usize) {
    let mut first = FxHashMap::<Uuid, Instant>::default();
    for (ride, at) in offers {
        first.entry(*ride).and_modify(|known| *known = (*known).min(*at)).or_insert(*at);
    }
    let (mut times, mut without) = (histogram(), 0);
    for booked in &bookings.booked {
        match first.get(&booked.ride) {
            Some(at) => {
                let time = at.saturating_duration_since(booked.intended);
                times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
            }
            None => without += 1,
        }
    }
    (Latency::from(&times), without)
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start or connections fail.
pub async fn run(args: &args::Offers, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let riders = (args.bookings_per_s * args.seconds as f64) as usize + 1;
    let settings = ingest::settings(args.coalesce_ms, args.pings_per_s > 10.0 * args.drivers as f64);
    let plan = Plan { program: &args.common.server, drivers: args.drivers, riders, settings };
    let town = Town::found(&plan, progress).await?;
    let load = Load {
        drivers: args.drivers,
        riders,
        pings_per_s: args.pings_per_s,
        bookings_per_s: args.bookings_per_s,
        time: Duration::from_secs(args.seconds),
        dialect: if args.binary { Dialect::Binary } else { Dialect::Json },
        first_rider: 0,
    };
    progress.say("booking");
    let figures = measured(&town, &load).await?;
    town.server.stop().await?;
    Outcome::new("offers", machine, &figures)
}

#[cfg(test)]
mod tests {
    use super::super::booking::Booked;
    use super::*;

    #[test]
    fn a_booking_is_met_by_its_first_offer() {
        let (now, ride) = (Instant::now(), Uuid::from_u128(1));
        let booked = |ride| Booked { rider: 0, ride, intended: now };
        let bookings = Bookings { booked: vec![booked(ride), booked(Uuid::from_u128(2))], failed: Vec::new() };
        let at = |ms| now + Duration::from_millis(ms);
        let (latency, without) = joined(&bookings, &[(ride, at(900)), (ride, at(7)), (Uuid::from_u128(3), at(1))]);
        assert_eq!((latency.count, without, latency.max.round() as u64), (1, 1, 7));
    }
}
