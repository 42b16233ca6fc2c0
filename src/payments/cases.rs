//! Cases: what only a person can settle. One cause is one case, however often it is found.

use serde_json::Value;
use sqlx::PgConnection;

use crate::ids::{RideId, UserId};
use crate::money::Francs;
use crate::time::Timestamp;

use super::providers::AttemptId;
use super::store;

/// How much it matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at some time.
    Low,
    /// Within days.
    Medium,
    /// Today.
    High,
    /// Now: money may be lost.
    Critical,
}

impl Severity {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A case to be opened.
#[derive(Clone, Debug)]
pub struct NewCase {
    /// A word of docs/PAYMENTS.md: `unresolved_attempt`, `integrity_failure`, `late_success`, `missing_here` …
    pub kind: &'static str,
    /// Names what it is about: a second one for the same cause is not opened.
    pub cause: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whom it concerns.
    pub person: Option<UserId>,
    /// Which ride.
    pub ride: Option<RideId>,
    /// Which attempt.
    pub attempt: Option<AttemptId>,
    /// How much money.
    pub amount: Francs,
    /// What was found: codes and amounts, nothing personal.
    pub detail: Value,
}

/// Opens cases in the caller's transaction; those that are there already stay as they are. Answers how many were opened.
///
/// # Errors
/// When the database is away.
pub(super) async fn open(conn: &mut PgConnection, cases: &[NewCase], now: Timestamp) -> Result<u64, sqlx::Error> {
    store::cases::open(conn, cases, now).await
}
