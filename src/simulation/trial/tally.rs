//! What happened in one city, and what is made of it.
//!
//! Separate because it only looks. Counted is what was asked for between the end of the warm-up and the last minutes;
//! around that the city lives all the same. Every counted wish ends in exactly one way.

use serde::Serialize;

use super::city::{Doing, Driver, Ride};
use super::engine::Heard;
use super::statistics::{curve, gini, mean, quantile};
use super::wishes::Wish;
use super::{Policy, World};
use crate::dispatch::OfferOutcome;
use crate::fares::{Metered, Tariff, TariffBook, commission};
use crate::money::BasisPoints;
use crate::time::{Span, Timestamp};

/// Who was there for less of the counted time has no income to speak of.
const ONLINE_MIN: Span = Span::from_minutes(30);
/// Steps of the curve of waits, in seconds.
const CURVE_STEP_S: usize = 15;
/// And how far it goes.
const CURVE_END_S: usize = 1_500;
/// Minutes drawn as one point over time.
const SLICE_MIN: i64 = 10;

/// How a wish ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The rider was taken where they wanted.
    Served,
    /// The rider lost patience before a driver was found.
    GaveUp,
    /// The rider called it off with a driver on the way.
    CalledOff,
    /// The engine found nobody in time.
    NoDriver,
    /// A driver or an operator ended it.
    Dropped,
}

/// What a driver did within the counted time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub(super) income: i64,
    online_ms: i64,
    to_pickup_ms: i64,
    with_rider_ms: i64,
}

fn overlap_ms(from: Timestamp, to: Timestamp, (begin, end): (Timestamp, Timestamp)) -> i64 {
    to.min(end).since(from.max(begin)).as_millis()
}

impl Work {
    pub(super) fn did(&mut self, doing: Doing, since: Timestamp, now: Timestamp, window: (Timestamp, Timestamp)) {
        let spent_ms = overlap_ms(since, now, window);
        match doing {
            Doing::ToPickup(_) | Doing::AtPickup(_) => self.to_pickup_ms += spent_ms,
            Doing::WithRider(_) | Doing::Paying(_) => self.with_rider_ms += spent_ms,
            Doing::Free | Doing::Off => {}
        }
    }

    pub(super) fn online(&mut self, since: Timestamp, now: Timestamp, window: (Timestamp, Timestamp)) {
        self.online_ms += overlap_ms(since, now, window);
    }
}

/// A mean and two of the values that a share of all do not exceed, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Half of all are below.
    pub p50: f64,
    /// All but a twentieth are below.
    pub p95: f64,
}

impl Spread {
    fn of(sorted: &[f64]) -> Self {
        Self { mean: mean(sorted), p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) }
    }
}

/// What offers came to, over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Offers {
    /// Offers made.
    pub made: u32,
    /// Taken.
    pub accepted: u32,
    /// Declined.
    pub declined: u32,
    /// Not answered in time.
    pub expired: u32,
    /// Taken back for a better driver.
    pub withdrawn: u32,
    /// Rides that a driver had and lost to another.
    pub released: u32,
    /// Rides accepted by a driver who was on another.
    pub forward: u32,
}

/// What rounds of matching came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rounds {
    /// How many.
    pub solved: u32,
    /// Of them proven to be the cheapest.
    pub certified: u32,
    /// Rides in the largest.
    pub rides_max: u32,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Slice {
    /// Minutes since the counting began.
    pub minute: i64,
    /// Mean wait of those who asked in it, in seconds.
    pub wait_s: f64,
    /// Drivers without work.
    pub free: f64,
    /// Drivers with a rider, in percent of all.
    pub with_rider_percent: f64,
}

/// How a city was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Which city.
    pub seed: u64,
    /// Matched how.
    pub policy: Policy,
    /// Wishes counted.
    pub requests: u32,
    /// Of them served.
    pub served: u32,
    /// In percent.
    pub served_percent: f64,
    /// Riders who lost patience before there was a driver.
    pub gave_up: u32,
    /// Riders who called off a driver on the way.
    pub called_off: u32,
    /// Wishes for which the engine found nobody.
    pub no_driver: u32,
    /// Rides that a driver or an operator ended.
    pub dropped: u32,
    /// From the wish to the driver at the pickup, of those served, in seconds.
    pub wait_s: Spread,
    /// The ride to the pickup, of those served, in seconds.
    pub pickup_s: Spread,
    /// From the wish to the driver who took it, of those served, in seconds.
    pub search_s: Spread,
    /// Offers.
    pub offers: Offers,
    /// Rounds.
    pub rounds: Rounds,
    /// Drivers with an income to compare.
    pub drivers: u32,
    /// What they earned in an hour on shift, in francs.
    pub income_per_hour: f64,
    /// How unequally: 0 is equally.
    pub income_gini: f64,
    /// Time on shift with a rider, in percent.
    pub with_rider_percent: f64,
    /// Time on shift on the way to a pickup or waiting there, in percent.
    pub to_pickup_percent: f64,
    /// A fingerprint of everything that was decided: equal runs have equal ones.
    pub trace: String,
    /// Over time.
    #[serde(skip)]
    pub slices: Vec<Slice>,
    /// How many percent waited at most so many seconds.
    #[serde(skip)]
    pub wait_curve: Vec<(f64, f64)>,
    /// The same of the ride to the pickup.
    #[serde(skip)]
    pub pickup_curve: Vec<(f64, f64)>,
    /// Incomes in an hour, least first.
    #[serde(skip)]
    pub incomes: Vec<f64>,
    /// How long the city lived, in seconds.
    #[serde(skip)]
    pub simulated_s: f64,
}

/// Looks on.
#[derive(Debug)]
pub(super) struct Tally {
    window: (Timestamp, Timestamp),
    begin: Timestamp,
    seed: u64,
    policy: Policy,
    commission: BasisPoints,
    tariff: Option<Tariff>,
    open: u32,
    trace: u64,
    offers: Offers,
    rounds: Rounds,
    looks: Vec<(Timestamp, [u32; 3])>,
}

impl Tally {
    pub(super) fn new(world: &World, seed: u64, policy: Policy) -> Self {
        let tariff = TariffBook::rwanda_moto().at(world.begins_at).cloned();
        Self {
            window: world.window(),
            begin: world.begins_at,
            seed,
            policy,
            commission: world.commission,
            tariff,
            open: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            offers: Offers::default(),
            rounds: Rounds::default(),
            looks: Vec::new(),
        }
    }

    pub(super) const fn window(&self) -> (Timestamp, Timestamp) {
        self.window
    }

    /// Wishes that have not ended.
    pub(super) const fn open(&self) -> u32 {
        self.open
    }

    pub(super) fn asked(&mut self, ride: u32, now: Timestamp) {
        self.open += 1;
        self.note(now, [1, u64::from(ride)]);
    }

    pub(super) fn ended(&mut self, _ride: u32, _end: End) {
        self.open -= 1;
    }

    /// Fowler, Noll and Vo's hash (1991) over what was decided.
    fn note(&mut self, now: Timestamp, words: [u64; 2]) {
        for word in [now.as_millis() as u64, words[0], words[1]] {
            for byte in word.to_le_bytes() {
                self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }

    pub(super) fn heard(&mut self, now: Timestamp, heard: &Heard) {
        let pair = |ride: u32, driver: u32| (u64::from(ride) << 32) | u64::from(driver);
        match heard {
            Heard::Offered { ride, driver, .. } => {
                self.offers.made += 1;
                self.note(now, [2, pair(*ride, *driver)]);
            }
            Heard::OfferClosed { outcome } => match outcome {
                OfferOutcome::Declined => self.offers.declined += 1,
                OfferOutcome::Expired => self.offers.expired += 1,
                OfferOutcome::Withdrawn | OfferOutcome::Taken => self.offers.withdrawn += 1,
                OfferOutcome::DriverLost | OfferOutcome::Cancelled => {}
            },
            Heard::Assigned { ride, driver, is_next } => {
                self.offers.accepted += 1;
                self.offers.forward += u32::from(*is_next);
                self.note(now, [3, pair(*ride, *driver)]);
            }
            Heard::Released { ride, driver } => {
                self.offers.released += 1;
                self.note(now, [4, pair(*ride, *driver)]);
            }
            Heard::Ended { ride, end } => self.note(now, [5 + *end as u64, u64::from(*ride)]),
            Heard::Solved(round) => {
                self.rounds.solved += 1;
                self.rounds.certified += u32::from(round.is_certified);
                self.rounds.rides_max = self.rounds.rides_max.max(round.rides);
            }
            Heard::Asked(_) | Heard::OnTheWay { .. } | Heard::State { .. } | Heard::Refused | Heard::Nothing => {}
        }
    }

    pub(super) fn looked(&mut self, now: Timestamp, counts: [u32; 3]) {
        self.looks.push((now, counts));
    }

    /// What a driver keeps of a ride, in francs; nothing outside of the counted time.
    pub(super) fn earned(&self, now: Timestamp, distance_m: u32) -> i64 {
        let Some(tariff) = self.tariff.as_ref().filter(|_| self.window.0 <= now && now < self.window.1) else {
            return 0;
        };
        let ride = Metered { begins_at: now, distance_m, riding: Span::ZERO, waiting: Span::ZERO };
        let fare = tariff.quote(&ride, BasisPoints::WHOLE).total;
        fare.amount() - commission(fare, self.commission).amount()
    }

    /// What is made of it all.
    pub(super) fn figures(self, wishes: &[Wish], rides: &[Ride], drivers: &mut [Driver], now: Timestamp) -> Figures {
        let (begin, end) = self.window;
        let counted: Vec<(&Wish, &Ride)> =
            wishes.iter().zip(rides).filter(|(wish, _)| begin <= wish.at && wish.at < end).collect();
        let count = |end: End| counted.iter().filter(|(_, ride)| ride.end == Some(end)).count() as u32;
        let served = || counted.iter().filter(|(_, ride)| ride.end == Some(End::Served));
        let sorted = |value: &dyn Fn(&Wish, &Ride) -> Option<Span>| {
            let seconds = |span: Span| span.as_millis() as f64 / 1_000.0;
            let mut values: Vec<f64> = served().filter_map(|(wish, ride)| value(wish, ride).map(seconds)).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let waits = sorted(&|wish, ride| Some(ride.arrived_at?.since(wish.at)));
        let pickups = sorted(&|_, ride| Some(ride.arrived_at?.since(ride.set_out_at?)));
        let searches = sorted(&|wish, ride| Some(ride.assigned_at?.since(wish.at)));
        for driver in drivers.iter_mut().filter(|driver| driver.doing != Doing::Off) {
            driver.work.did(driver.doing, driver.since, now, self.window);
            driver.work.online(driver.online_since, now, self.window);
        }
        let work = || drivers.iter().map(|driver| driver.work);
        let hours = |ms: i64| ms as f64 / 3_600_000.0;
        let known = work().filter(|work| work.online_ms >= ONLINE_MIN.as_millis());
        let mut incomes: Vec<f64> = known.map(|work| work.income as f64 / hours(work.online_ms)).collect();
        incomes.sort_by(f64::total_cmp);
        let total = |part: fn(Work) -> i64| work().map(part).sum::<i64>() as f64;
        let percent = |part: f64| part * 100.0 / total(|work| work.online_ms).max(1.0);
        let requests = counted.len() as u32;
        let steps = || (0..=CURVE_END_S).step_by(CURVE_STEP_S).map(|step| step as f64);
        Figures {
            seed: self.seed,
            policy: self.policy,
            requests,
            served: count(End::Served),
            served_percent: f64::from(count(End::Served)) * 100.0 / f64::from(requests.max(1)),
            gave_up: count(End::GaveUp),
            called_off: count(End::CalledOff),
            no_driver: count(End::NoDriver),
            dropped: count(End::Dropped),
            wait_s: Spread::of(&waits),
            pickup_s: Spread::of(&pickups),
            search_s: Spread::of(&searches),
            offers: self.offers,
            rounds: self.rounds,
            drivers: incomes.len() as u32,
            income_per_hour: mean(&incomes),
            income_gini: gini(&incomes),
            with_rider_percent: percent(total(|work| work.with_rider_ms)),
            to_pickup_percent: percent(total(|work| work.to_pickup_ms)),
            trace: format!("{:016x}", self.trace),
            slices: self.slices(&counted),
            wait_curve: curve(&waits, steps()),
            pickup_curve: curve(&pickups, steps()),
            incomes,
            simulated_s: now.since(self.begin).as_millis() as f64 / 1_000.0,
        }
    }

    fn slices(&self, counted: &[(&Wish, &Ride)]) -> Vec<Slice> {
        let (begin, end) = self.window;
        let minutes = end.since(begin).as_millis() / 60_000;
        let slice = |minute: i64| {
            let from = begin + Span::from_minutes(minute);
            let within = |at: Timestamp| from <= at && at < from + Span::from_minutes(SLICE_MIN);
            let here = counted.iter().filter(|(wish, _)| within(wish.at));
            let waits =
                here.filter_map(|(wish, ride)| Some(ride.arrived_at?.since(wish.at).as_millis() as f64 / 1_000.0));
            let looks: Vec<[u32; 3]> =
                self.looks.iter().filter(|(at, _)| within(*at)).map(|(_, counts)| *counts).collect();
            let mean_of = |value: fn(&[u32; 3]) -> f64| mean(&looks.iter().map(value).collect::<Vec<f64>>());
            Slice {
                minute,
                wait_s: mean(&waits.collect::<Vec<f64>>()),
                free: mean_of(|counts| f64::from(counts[0])),
                with_rider_percent: mean_of(|counts| f64::from(counts[1]) * 100.0 / f64::from(counts[2].max(1))),
            }
        };
        (0..minutes).step_by(SLICE_MIN as usize).map(slice).collect()
    }
}
