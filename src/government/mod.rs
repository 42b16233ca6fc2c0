//! What government officials may look up: drivers and their papers, rides by day, incidents, and who of them asked for what.
//!
//! Separate because its readers are outsiders: what it shows is masked or counted, never a person, unless they investigate
//! one. It reads what other services publish (the `reporting` schema) and writes nothing but the record of who asked.
//!
//! Invariants: every answer is to an agency that has a mandate for it, is for a purpose, and is on record before it is given
//! ([`inquiry`]); no name or telephone number leaves here, and no whole licence number, no place, no words of a person and no
//! id of our own API does without a case number; nothing does that was measured on fewer than [`ride_report::RIDES_MIN`]
//! rides.

pub mod http;
pub mod inquiry;
pub mod ride_report;
pub mod roster;

mod store;

#[cfg(test)]
mod tests;

use sqlx::PgPool;

use crate::audit::{self, Act, Actor};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::safety::{self, Incident, Safety};
use crate::time::Timestamp;
use crate::vault::Vault;
use crate::web::Agency;
use crate::web::page::{Page, PageRequest, Position};
use crate::web::period::Period;

use inquiry::{Inquiry, Report, Said};
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

    /// What an official asks, provided the agency may and a purpose is given.
    ///
    /// # Errors
    /// As [`Inquiry::check`].
    pub async fn inquiry(&self, official: UserId, report: Report, said: &Said) -> Result<Inquiry, Error> {
        let agency = store::agency_of(&self.pool, official).await?;
        Inquiry::check(official, agency.as_deref().and_then(Agency::from_name), report, said)
    }

    /// Puts on record what was asked for and who was in the answer; before it is given.
    async fn record(
        &self,
        inquiry: &Inquiry,
        action: &'static str,
        seen: &[UserId],
        now: Timestamp,
    ) -> Result<(), Error> {
        let act = Act {
            actor: Actor::Official(inquiry.official, inquiry.agency),
            action,
            whose: None,
            subject: None,
            why: Some(&inquiry.purpose),
            detail: serde_json::json!({ "case": inquiry.case, "people": seen.len() }),
        };
        Ok(audit::record_read(&self.pool, &act, seen, now).await?)
    }

    /// Drivers and their papers as of now, the newest registration first; masked, unless in a case.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a filter that cannot match.
    pub async fn drivers(
        &self,
        inquiry: &Inquiry,
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
        let drivers = Page::new(rows, page, position);
        let seen: Vec<UserId> = drivers.items.iter().map(|record| UserId(record.driver_id)).collect();
        self.record(inquiry, "government.drivers_listed", &seen, now).await?;
        Ok(drivers.map(|record| RosterEntry::of(record, now.kigali_day(), inquiry.is_unmasked())))
    }

    /// Rides by Kigali day of their request, oldest day first, every day that the period touches, whole.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rides_by_day(
        &self,
        inquiry: &Inquiry,
        period: Period,
        now: Timestamp,
    ) -> Result<Vec<DayReport>, Error> {
        let days = store::rides_by_day(&self.pool, period.whole_days()).await?;
        self.record(inquiry, "government.rides_counted", &[], now).await?;
        Ok(days.into_iter().map(DayReport::of).collect())
    }

    /// Incidents, newest first; masked, unless in a case.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a filter that is no known word.
    pub async fn incidents(
        &self,
        inquiry: &Inquiry,
        filter: &safety::Filter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Incident>, Error> {
        let incidents = Safety::new(self.pool.clone()).everybodys(filter, page).await?;
        let seen: Vec<UserId> = incidents.items.iter().filter_map(|incident| incident.reporter).collect();
        self.record(inquiry, "government.incidents_listed", &seen, now).await?;
        Ok(if inquiry.is_unmasked() { incidents } else { incidents.map(Incident::masked) })
    }

    /// What officials asked for, newest first: those of the same agency, or of all for the authority that watches over
    /// personal data.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn access_log(
        &self,
        inquiry: &Inquiry,
        turn: audit::Turn,
        now: Timestamp,
    ) -> Result<audit::Records, Error> {
        let agency = (inquiry.agency != Agency::Ncsa).then_some(inquiry.agency);
        let filter = audit::Filter { agency, of_officials: true, ..audit::Filter::default() };
        self.record(inquiry, "government.access_log_read", &[], now).await?;
        audit::select(&self.pool, &filter, turn).await
    }
}

/// A plate as it is stored: without spaces, upper case.
fn plate_of(checks: &mut Checks, text: &str) -> String {
    let plate: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let plausible = (1..=PLATE_CHARS_MAX).contains(&plate.len()) && plate.chars().all(|c| c.is_ascii_alphanumeric());
    checks.require(plausible, "plate", text, format_args!("is not 1 to {PLATE_CHARS_MAX} letters and digits"));
    plate
}
