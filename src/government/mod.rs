//! What government officials may look up: drivers and their papers, and rides by day.
//!
//! Separate because its readers are outsiders: what it shows is masked or counted, never a person. It reads what other
//! services publish (the `reporting` schema) and writes nothing; who looked up what is in the log.
//!
//! Invariants: no name, telephone number, whole licence number or id of our own API leaves here; nothing does that was
//! measured on fewer than [`ride_report::RIDES_MIN`] rides.

pub mod http;
pub mod ride_report;
pub mod roster;

mod store;

#[cfg(test)]
mod tests;

use sqlx::PgPool;

use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::vault::Vault;
use crate::web::page::{Page, PageRequest, Position};
use crate::web::period::Period;

use ride_report::DayReport;
use roster::{DriverRecord, RosterEntry};

/// What the platform may say of a driver.
const DRIVER_STATUSES: [&str; 4] = ["pending", "approved", "rejected", "suspended"];

/// Longest plate: `RC123A`, with room for official ones.
const PLATE_CHARS_MAX: usize = 10;

/// Which drivers to list, as sent.
#[derive(Clone, Debug, Default)]
pub struct RosterFilter {
    /// A plate, with or without spaces, in any case.
    pub plate: Option<String>,
    /// A driver's status.
    pub status: Option<String>,
}

/// The service. Clones share one pool.
#[derive(Clone)]
pub struct Government {
    pool: PgPool,
    vault: Vault,
}

impl Government {
    /// The service on a database; numbers are opened by `vault`, to be masked.
    pub fn new(pool: PgPool, vault: Vault) -> Self {
        Self { pool, vault }
    }

    /// Drivers and their papers as of now, masked, the newest registration first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a filter that cannot match.
    pub async fn drivers(
        &self,
        official: UserId,
        filter: &RosterFilter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<RosterEntry>, Error> {
        let mut checks = Checks::new();
        let plate = filter.plate.as_deref().map(|plate| plate_of(&mut checks, plate));
        if let Some(status) = &filter.status {
            let known = DRIVER_STATUSES.contains(&status.as_str());
            checks.require(known, "status", status, format_args!("is none of {}", DRIVER_STATUSES.join(", ")));
        }
        checks.finish()?;
        let rows = store::drivers(&self.pool, &self.vault, plate.as_deref(), filter.status.as_deref(), page).await?;
        let position = |record: &DriverRecord| Position { at: record.registered_at, id: record.driver_ref };
        let drivers = Page::new(rows, page, position).map(|record| RosterEntry::of(record, now.kigali_day()));
        // The plate itself stays out of the log: it leads to a person.
        tracing::info!(
            official.id = %official,
            by_plate = filter.plate.is_some(),
            rows = drivers.items.len(),
            "an official looked up drivers"
        );
        Ok(drivers)
    }

    /// Rides by Kigali day of their request, oldest day first, every day that the period touches, whole.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rides_by_day(&self, official: UserId, period: Period) -> Result<Vec<DayReport>, Error> {
        let days = store::rides_by_day(&self.pool, period.whole_days()).await?;
        tracing::info!(official.id = %official, first = %period.first_day(), last = %period.last_day(), "an official read the report of rides by day");
        Ok(days.into_iter().map(DayReport::of).collect())
    }
}

/// A plate as it is stored: without spaces, upper case.
fn plate_of(checks: &mut Checks, text: &str) -> String {
    let plate: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let plausible = (1..=PLATE_CHARS_MAX).contains(&plate.len()) && plate.chars().all(|c| c.is_ascii_alphanumeric());
    checks.require(plausible, "plate", text, format_args!("is not 1 to {PLATE_CHARS_MAX} letters and digits"));
    plate
}
