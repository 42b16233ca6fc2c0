//! A city on a virtual clock: the production core, with everybody around it made up.
//!
//! Separate from the simulation beside it, whose people speak the public API of a running server in real time: this one
//! has no server, no socket and no database, so it lives thousands of times faster than life and is the same every time.
//! It exists to tell one policy of matching from another: the same riders with the same wishes, drivers with the same
//! temper, on the same streets, matched in two ways. What is modelled and what is not is told in `docs/SIMULATION.md`.
//!
//! One city is one thread; seeds run beside each other.

mod asking;
mod chance;
mod city;
mod compare;
mod driving;
mod engine;
mod ground;
mod moving;
mod orders;
mod people;
mod queue;
pub mod report;
mod statistics;
mod tally;
#[cfg(test)]
mod tests;
mod wishes;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::dispatch;
use crate::geo::Area;
use crate::money::BasisPoints;
use crate::time::{Span, Timestamp};
use city::City;
use wishes::Wishing;

pub use compare::{Comparison, Pair};
pub use ground::Ground;
pub use moving::{Moving, Pace};
pub use orders::Orders;
pub use statistics::Estimate;
pub use tally::{Figures, Offers, Rounds, Slice, Spread};
pub use wishes::Capacity;

/// How rides are given to drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Each request to the nearest driver, one after the other.
    Greedy,
    /// Requests that wait are assigned together, at the least cost.
    Batch,
}

impl Policy {
    /// As typed and as shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greedy => "greedy",
            Self::Batch => "batch",
        }
    }
}

/// The city and its people, before a seed makes them particular.
#[derive(Clone, Debug)]
pub struct World {
    /// Streets, or straight lines.
    pub ground: Ground,
    /// Where rides begin and end; the ground may be larger.
    pub service: Area,
    /// Drivers on shift.
    pub drivers: u32,
    /// How long is counted.
    pub counted: Span,
    /// How long the city lives before.
    pub warm_up: Span,
    /// And after, so that those at the end of the count are not better off.
    pub cool_down: Span,
    /// When it begins: the hour has a meaning for fares and for learned values.
    pub begins_at: Timestamp,
    /// How much is wished for.
    pub load: Load,
    /// Real orders instead of made-up wishes.
    pub orders: Option<Orders>,
    /// Share of places that lie around hot spots; the others are anywhere in town.
    pub spots: f64,
    /// Median length of a ride as the crow flies; none: from anywhere to anywhere.
    pub ride_m: Option<f64>,
    /// Median patience of riders.
    pub patience: Span,
    /// Nobody is asked to ride farther to a pickup.
    pub pickup_max: Span,
    /// Drivers who finish a ride within this are candidates; zero: none are.
    pub finishing_within: Span,
    /// What the engine thinks paying takes.
    pub paying: Span,
    /// The numbers of the core.
    pub core: dispatch::Config,
    /// Side of a cell of the index.
    pub cell_m: f64,
    /// Candidates handed to the core for a ride.
    pub candidates_max: usize,
    /// How far away a driver may be to be asked.
    pub search_radius_m: f64,
    /// What the platform keeps of a fare.
    pub commission: BasisPoints,
}

/// How much is wished for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// In shares of what the fleet can do.
    OfCapacity(f64),
    /// Wishes in an hour.
    PerHour(f64),
}

/// Why there can be no such world.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorldError {
    /// A number.
    #[error("{what} is out of range {range}")]
    Number {
        /// Which.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// The index cannot be built.
    #[error(transparent)]
    Index(#[from] crate::index::ConfigError),
}

impl World {
    /// Whether a city can be made of it.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn check(&self) -> Result<(), WorldError> {
        let number = |holds: bool, what, range| if holds { Ok(()) } else { Err(WorldError::Number { what, range }) };
        number((1..=100_000).contains(&self.drivers), "the number of drivers", "1..=100000")?;
        let hours = self.counted.as_millis() as f64 / 3_600_000.0;
        number((0.05..=48.0).contains(&hours), "the time counted", "0.05..=48 hours")?;
        let (load, range) = match self.load {
            Load::OfCapacity(share) => (share, "0.01..=5 of capacity"),
            Load::PerHour(wishes) => (wishes / 1e6, "0.01..=5000000 an hour"),
        };
        number(load.is_finite() && (1e-8..=5.0).contains(&load), "the demand", range)?;
        number((0.0..=1.0).contains(&self.spots), "the share of hot spots", "0..=1")?;
        number(
            self.ride_m.is_none_or(|metres| (300.0..=100_000.0).contains(&metres)),
            "the length of rides",
            "0.3..=100 km",
        )?;
        number(self.patience >= Span::from_secs(10), "patience", "10 s and more")?;
        let drivers_max = self.drivers;
        crate::index::Config { area: self.ground.area(), cell_m: self.cell_m, drivers_max }.check()?;
        Ok(())
    }

    /// From the first wish to the last.
    fn span(&self) -> Span {
        Span::from_millis(self.warm_up.as_millis() + self.counted.as_millis() + self.cool_down.as_millis())
    }

    /// What is counted.
    fn window(&self) -> (Timestamp, Timestamp) {
        let begin = self.begins_at + self.warm_up;
        (begin, begin + self.counted)
    }

    /// What the fleet can do.
    pub fn capacity(&self) -> Capacity {
        Wishing::new(self).capacity()
    }

    /// Wishes in an hour, of a fleet of this capacity.
    pub fn wishes_per_hour(&self, capacity: &Capacity) -> f64 {
        match self.load {
            Load::OfCapacity(share) => share * capacity.rides_per_hour,
            Load::PerHour(wishes) => wishes,
        }
    }

    /// One city.
    pub fn run(&self, seed: u64, policy: Policy, per_hour: f64) -> Figures {
        City::new(self, seed, policy, per_hour).live()
    }

    /// Many cities, side by side on so many threads, in the order of `wanted` whoever is done first. `done` hears of each.
    pub fn run_all(
        &self,
        wanted: &[(u64, Policy)],
        per_hour: f64,
        threads: usize,
        done: &(dyn Fn(usize) + Sync),
    ) -> Vec<Figures> {
        let next = AtomicUsize::new(0);
        let finished = AtomicUsize::new(0);
        let found: Mutex<Vec<Option<Figures>>> = Mutex::new(vec![None; wanted.len()]);
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, wanted.len().max(1)) {
                scope.spawn(|| {
                    while let Some((seed, policy)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                        let figures = self.run(seed, policy, per_hour);
                        let at = wanted.iter().position(|one| *one == (seed, policy)).unwrap_or(0);
                        found.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(figures);
                        done(finished.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
    }
}
