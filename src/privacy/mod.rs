//! Privacy (law 058/2021): consent, export, erasure, restriction, retention, breaches, the register of
//! processing, residency.
//!
//! Separate because it is about people and not about rides: it knows no table of the other services, and asks each of them
//! for its part (`personal.rs`) and puts the parts together. What is kept how long, and why, stands in one table
//! ([`retention`]) that the daily job follows and the documentation is written from; what is done with people's data at all
//! stands in another ([`register`]).
//!
//! Invariants:
//! - An export is of one person, and only that person (or an admin, who gives a reason that is recorded) gets it. Its file
//!   is encrypted with a key of its own and gone after some days.
//! - An erasure begins only when nothing hinders it: no ride under way, no money owed either way, no legal hold. Once begun
//!   it goes on to its end, however often it is interrupted.
//! - What is kept after an erasure is listed with its ground and its end ([`kept`]).
//! - Nothing is deleted that a legal hold keeps.

mod archive;
pub mod breaches;
pub mod consent;
mod erasing;
mod exporting;
mod holding;
pub mod http;
mod jobs;
pub mod kept;
pub mod register;
pub mod residency;
mod restricting;
pub mod retention;
mod said;
mod services;
mod store;
mod sweep;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sqlx::PgPool;

use crate::auth::Auth;
use crate::drivers::Drivers;
use crate::ids::UserId;
use crate::payments::Payments;
use crate::storage::Storage;
use crate::time::Span;
use crate::vault::{Column, Vault};

pub use erasing::Erasure;
pub use exporting::{Asker, Export};
pub use holding::Hold;
pub use jobs::register_jobs;
pub use said::{Saying, Scribe};
pub use sweep::Swept;

/// What of this service's tables is sealed.
pub const SEALED: &[&Column] = &[&store::exports::SEALED];

/// Longest reason of an admin, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Bounds of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long an erasure can still be called off.
    pub erasure_grace: Span,
    /// How old a sign-in may be that proves who asks for an erasure.
    pub proof_age_max: Span,
    /// After so long everything is looked through once more: what was on its way during the erasure has arrived.
    pub second_pass_after: Span,
    /// Exports a person may ask for in a day.
    pub exports_per_day_max: i64,
    /// How long the file of an export is kept.
    pub export_kept: Span,
    /// The largest archive; of a longer way the oldest days are left out, and the archive says so.
    pub export_bytes_max: usize,
    /// How long an access under a case number is kept from the person it concerns, in an export as in their access log.
    pub case_hidden_for: Span,
    /// The youngest who consent by themselves, in years.
    pub consent_age_min: u32,
    /// People who objected to one purpose that are remembered.
    pub objectors_max: i64,
    /// Rows of a class that one statement of the retention job deletes.
    pub retention_rows_max: i64,
    /// How long each class of data is kept.
    pub periods: retention::Periods,
    /// Who we are to the authority and to people.
    pub organisation: register::Organisation,
}

/// Tells every node that a person was forgotten, so that none remembers them. It must not wait.
pub type Announce = Arc<dyn Fn(UserId) + Send + Sync>;

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Privacy {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: PgPool,
    vault: Vault,
    storage: Storage,
    auth: Auth,
    drivers: Drivers,
    payments: Payments,
    announce: Announce,
}

/// What the service is made of.
pub struct Parts {
    /// Its bounds.
    pub config: Config,
    /// The database.
    pub pool: PgPool,
    /// Opens what is sealed, for exports.
    pub vault: Vault,
    /// Where exports lie.
    pub storage: Storage,
    /// Proves people, and forgets what it remembers of them.
    pub auth: Auth,
    /// Forgets what it remembers of drivers.
    pub drivers: Drivers,
    /// Knows who owes whom.
    pub payments: Payments,
    /// Reaches every other node.
    pub announce: Announce,
}

impl Privacy {
    /// The service.
    pub fn new(parts: Parts) -> Self {
        let Parts { config, pool, vault, storage, auth, drivers, payments, announce } = parts;
        Self { inner: Arc::new(Inner { config, pool, vault, storage, auth, drivers, payments, announce }) }
    }

    /// Who we are to the authority and to people, and what is done with their data.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }
}
