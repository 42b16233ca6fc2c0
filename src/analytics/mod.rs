//! What the platform's own people want to know about the business, for any period.
//!
//! Separate because a report reads what other services publish (the `reporting` schema) and writes nothing: it can be
//! wrong without anybody being hurt, and slow without anybody waiting for a ride.
//!
//! Invariants: a ride belongs to the period in which it was **requested**, whatever happened to it later, so that the
//! numbers of one report speak of the same rides; all numbers of one report are read at one moment; hours and days are
//! Kigali's.

pub mod http;

mod store;

#[cfg(test)]
mod tests;

use sqlx::PgPool;

use crate::audit::{self, Act, Actor};
use crate::error::Error;
use crate::money::Francs;
use crate::time::{Span, Timestamp};
use crate::web::caller::Asker;
use crate::web::period::Period;

/// Hours of a day.
pub const HOURS: usize = 24;

/// All rides that were requested in a period, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RideSummary {
    /// All that were requested.
    pub requested: i64,
    /// Ended at the destination.
    pub completed: i64,
    /// Ended by the rider.
    pub cancelled_by_customer: i64,
    /// Ended by the driver.
    pub cancelled_by_driver: i64,
    /// Ended by the engine or an admin.
    pub cancelled_by_system: i64,
    /// Ended because nobody accepted.
    pub no_driver_found: i64,
    /// Fares of the completed rides.
    pub revenue: Francs,
    /// Distance of the completed rides as quoted.
    pub distance_m: i64,
    /// Time from start to end of the completed rides.
    pub duration: Span,
    /// Drivers who completed at least one.
    pub active_drivers: i64,
    /// Riders who requested at least one.
    pub unique_customers: i64,
    /// Requested rides by hour of the Kigali day.
    pub by_hour: [i64; HOURS],
}

impl RideSummary {
    /// Cancelled by anybody.
    pub const fn cancelled(&self) -> i64 {
        self.cancelled_by_customer + self.cancelled_by_driver + self.cancelled_by_system
    }

    /// Over, one way or another.
    pub const fn ended(&self) -> i64 {
        self.completed + self.cancelled() + self.no_driver_found
    }

    /// Still going on.
    pub const fn live(&self) -> i64 {
        self.requested - self.ended()
    }

    /// Completed of the ended rides, 0 to 1, to four digits; `None` when none has ended.
    pub fn completion_rate(&self) -> Option<f64> {
        ratio(self.completed, self.ended(), 4)
    }

    /// Cancelled of the ended rides, 0 to 1, to four digits; `None` when none has ended.
    pub fn cancellation_rate(&self) -> Option<f64> {
        ratio(self.cancelled(), self.ended(), 4)
    }

    /// Completed rides for each active driver, to two digits; `None` without drivers.
    pub fn rides_per_driver(&self) -> Option<f64> {
        ratio(self.completed, self.active_drivers, 2)
    }

    /// The hour of the Kigali day with the most requests, the earlier one of two; `None` without rides.
    pub fn peak_hour(&self) -> Option<usize> {
        let most = *self.by_hour.iter().max().filter(|rides| **rides > 0)?;
        self.by_hour.iter().position(|rides| *rides == most)
    }
}

/// A fraction to so many digits; `None` of nothing.
fn ratio(part: i64, whole: i64, digits: i32) -> Option<f64> {
    let scale = 10_f64.powi(digits);
    // Counts of rides are far below 2^53: the conversion is exact.
    (whole > 0).then(|| (part as f64 / whole as f64 * scale).round() / scale)
}

/// The service. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Analytics {
    pool: PgPool,
}

impl Analytics {
    /// The service on a database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// All rides that were requested in a period, in numbers.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ride_summary(&self, period: Period, asker: Asker, now: Timestamp) -> Result<RideSummary, Error> {
        let summary = store::ride_summary(&self.pool, period).await?;
        let actor = match asker {
            Asker::Person(caller) => Actor::Person(caller.user, caller.role),
            Asker::Partner(partner) => Actor::Partner(partner),
        };
        let action = "analytics.rides_read";
        let act = Act { actor, action, whose: None, subject: None, why: None, detail: serde_json::Value::Null };
        audit::record_read(&self.pool, &act, &[], now).await?;
        Ok(summary)
    }
}
