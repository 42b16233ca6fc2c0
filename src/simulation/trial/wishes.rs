//! What a day of a city asks for: rides, each with its moment, its ends and its rider's patience. Pure.
//!
//! Separate because it is drawn before anything happens and never again: both policies of a comparison get the very same
//! list. How many is said in shares of what the fleet can do, so that a load means the same on every ground.

use rand::Rng;

use super::World;
use super::chance::{About, around, bell, chance};
use super::ground::Place;
use super::orders::Orders;
use crate::geo::Area;
use crate::simulation::places::City;
use crate::time::{Span, Timestamp};

/// Draws before a ride is taken as it comes.
const DRAWS_MAX: usize = 24;
/// How far a ride may be from the length that it was meant to have.
const TOLERANCE: f64 = 0.3;
/// How lengths of rides spread around their median: a sixth is shorter than 0.6 of it.
const LENGTH_SIGMA: f64 = 0.5;
/// Nobody takes a moto for less, in metres.
const LENGTH_M_MIN: f64 = 600.0;
/// How patience spreads around its median.
const PATIENCE_SIGMA: f64 = 0.35;
/// Riders who are promised a driver wait for so long altogether: the median in seconds, how it spreads, and what everybody
/// bears.
const TOLERANCE_S: (f64, f64, f64) = (1_500.0, 0.3, 780.0);
/// Rides take so much longer or shorter than the map says.
const RIDE_SIGMA: f64 = 0.10;
/// Boarding: helmet, PIN, where to. Median in seconds, and how it spreads.
const BOARDING_S: (f64, f64) = (35.0, 0.4);
/// At the end: paying. Likewise.
const PAYING_S: (f64, f64) = (20.0, 0.4);
/// Demand is measured against a fleet of which this share is busy: what is left is spread over the whole city.
const BUSY_SHARE: f64 = 0.95;
/// Rides drawn to measure by.
const SAMPLE: usize = 1_500;

/// One wish to ride.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    pub(super) at: Timestamp,
    pub(super) from: Place,
    pub(super) to: Place,
    /// How long the rider waits for a driver to be found.
    pub(super) patience: Span,
    /// How long the rider would wait altogether, given a promise.
    pub(super) tolerance: Span,
    /// How much longer the ride takes than the map says.
    pub(super) slower: f64,
    pub(super) boarding: Span,
    pub(super) paying: Span,
}

/// What the fleet can do.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Capacity {
    /// Mean riding time of a ride, in seconds.
    pub ride_s: f64,
    /// Mean time to a pickup when 95 % of the fleet is busy, in seconds.
    pub pickup_s: f64,
    /// A ride from offer to offer, in seconds: answering, pickup, boarding, riding, paying.
    pub cycle_s: f64,
    /// Rides that the fleet can serve in an hour.
    pub rides_per_hour: f64,
}

/// Draws rides for a ground.
pub(super) struct Wishing<'w> {
    world: &'w World,
    city: Option<City>,
}

impl<'w> Wishing<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self { world, city: City::within(world.service) }
    }

    /// Where somebody is: near a hot spot, or anywhere.
    pub(super) fn place(&self, rng: &mut impl Rng) -> Place {
        if let Some(city) = self.city.as_ref().filter(|_| rng.random_bool(self.world.spots.clamp(0.0, 1.0))) {
            for _ in 0..DRAWS_MAX {
                if let Some(place) = self.world.ground.place(city.scattered(rng).at) {
                    return place;
                }
            }
        }
        self.world.ground.anywhere(rng, self.world.service)
    }

    fn ends(&self, rng: &mut impl Rng) -> (Place, Place) {
        let from = self.place(rng);
        let Some(median_m) = self.world.ride_m else {
            return (from, self.place(rng));
        };
        let wanted_m = around(rng, median_m, LENGTH_SIGMA).max(LENGTH_M_MIN);
        let mut best = self.place(rng);
        let miss = |to: &Place| (from.at.distance_m(to.at) - wanted_m).abs();
        for _ in 0..DRAWS_MAX {
            if miss(&best) <= TOLERANCE * wanted_m {
                break;
            }
            let other = self.place(rng);
            if miss(&other) < miss(&best) {
                best = other;
            }
        }
        (from, best)
    }

    /// Measures what the fleet can do. The same for every seed: a load is a property of the city.
    pub(super) fn capacity(&self) -> Capacity {
        let world = self.world;
        let mut rng = chance(0, About::Capacity, 0, 0);
        let mut riding_s = Vec::with_capacity(SAMPLE);
        let mut pickups = Vec::with_capacity(SAMPLE);
        for number in 0..SAMPLE {
            let (from, to) = match &world.orders {
                Some(orders) => match orders.ends(number, world) {
                    Some(ends) => ends,
                    None => continue,
                },
                None => self.ends(&mut rng),
            };
            pickups.push(from);
            riding_s.extend(world.ground.drive(from, to).map(|drive| f64::from(drive.duration_ms) / 1_000.0));
        }
        let free = ((f64::from(world.drivers) * (1.0 - BUSY_SHARE)).round() as usize).max(1);
        let waiting: Vec<Place> = (0..free).map(|_| self.place(&mut rng)).collect();
        let mut times = Vec::new();
        let nearest = pickups.iter().take(SAMPLE / 5).filter_map(|pickup| {
            world.ground.durations(&waiting, pickup, &mut times);
            times.iter().flatten().min().map(|ms| f64::from(*ms) / 1_000.0)
        });
        let pickup_s = super::statistics::mean(&nearest.collect::<Vec<f64>>());
        let ride_s = super::statistics::mean(&riding_s);
        let handling_s = BOARDING_S.0 + PAYING_S.0 + super::people::THINKING_S.0;
        let cycle_s = ride_s + pickup_s + handling_s;
        Capacity { ride_s, pickup_s, cycle_s, rides_per_hour: f64::from(world.drivers) * 3_600.0 / cycle_s }
    }

    /// All wishes of a seed, in the order of time.
    pub(super) fn all(&self, seed: u64, begin: Timestamp, span: Span, per_hour: f64) -> Vec<Wish> {
        if let Some(orders) = &self.world.orders {
            return self.of_orders(orders, seed, begin, span, per_hour);
        }
        let mut rng = chance(seed, About::Wishes, 0, 0);
        let mut wishes = Vec::new();
        let mut at_s = 0.0;
        loop {
            // Arrivals without memory: a Poisson process.
            at_s -= (1.0 - rng.random::<f64>()).ln() * 3_600.0 / per_hour.max(1e-6);
            let at = Span::from_millis((at_s * 1_000.0) as i64);
            if at >= span {
                return wishes;
            }
            let ends = self.ends(&mut rng);
            wishes.push(self.wish(seed, wishes.len(), begin + at, ends));
        }
    }

    /// The moments and places are those of the orders; each seed takes others of them, as many as the load asks for.
    fn of_orders(&self, orders: &Orders, seed: u64, begin: Timestamp, span: Span, per_hour: f64) -> Vec<Wish> {
        let count = per_hour * span.as_millis() as f64 / 3_600_000.0;
        let mut rng = chance(seed, About::Wishes, 1, 0);
        let chosen = orders.chosen(&mut rng, span, count as usize);
        let mut wishes = Vec::with_capacity(chosen.len());
        for (at, number) in chosen {
            if let Some(ends) = orders.ends(number, self.world) {
                wishes.push(self.wish(seed, wishes.len(), begin + at, ends));
            }
        }
        wishes
    }

    fn wish(&self, seed: u64, number: usize, at: Timestamp, (from, to): (Place, Place)) -> Wish {
        let mut rng = chance(seed, About::Patience, number as u64, 0);
        let patience_s = self.world.patience.as_millis() as f64 / 1_000.0;
        let patience_s = around(&mut rng, patience_s, PATIENCE_SIGMA).clamp(patience_s / 4.0, patience_s * 3.0);
        let span = |seconds: f64| Span::from_millis((seconds * 1_000.0) as i64);
        let tolerance = span(around(&mut rng, TOLERANCE_S.0, TOLERANCE_S.1).max(TOLERANCE_S.2));
        let mut rng = chance(seed, About::Ride, number as u64, 0);
        let slower = (RIDE_SIGMA * bell(&mut rng)).exp();
        let boarding = span(around(&mut rng, BOARDING_S.0, BOARDING_S.1));
        let paying = span(around(&mut rng, PAYING_S.0, PAYING_S.1));
        Wish { at, from, to, patience: span(patience_s), tolerance, slower, boarding, paying }
    }
}

/// Whether a place of a file of orders lies in the city; those that do not are moved to its border.
pub(super) fn clamped(area: Area, lat: f64, lng: f64) -> Option<crate::geo::LatLng> {
    let (low, high) = (area.south_west(), area.north_east());
    crate::geo::LatLng::new(lat.clamp(low.lat(), high.lat()), lng.clamp(low.lng(), high.lng())).ok()
}
