//! What follows from a fact about money, gathered so that it is committed with the fact, and spoken only after.

use sqlx::PgConnection;

use crate::error::Error;
use crate::ids::{RideId, UserId};
use crate::jobs::{self, NewJob};
use crate::time::Timestamp;

use super::cases::{self, NewCase};
use super::ledger::Posting;
use super::store::{self, NewTransaction};

/// What a transaction of this service is to leave behind.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Into the ledger.
    pub postings: Vec<(NewTransaction, Posting)>,
    /// Follow-up work.
    pub jobs: Vec<NewJob>,
    /// For people to look at.
    pub cases: Vec<NewCase>,
    /// To be told after the commit.
    pub tidings: Vec<Tiding>,
}

/// Something that apps are told at once. Nothing of it is kept: apps can read all of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tiding {
    /// Whose apps.
    pub user: UserId,
    /// The ride that was paid, or not.
    pub ride: RideId,
    /// `ride`, `cancellation` or `tip`.
    pub purpose: String,
    /// The state of the intent.
    pub state: String,
    /// What was to be paid, and what of it is.
    pub amount_rwf: i64,
    /// See above.
    pub paid_rwf: i64,
    /// How it was tried: `mtn_momo`, `cash` …
    pub method: String,
    /// Why the last attempt failed, in our words.
    pub failure: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Effects {
    /// Writes all of it within the caller's transaction. Answers with what is to be told once that is committed.
    ///
    /// # Errors
    /// When the database is away, or a posting of that cause was written before: then whoever caused it has not looked
    /// whether it was done already, and nothing of it may be committed.
    pub async fn write(self, conn: &mut PgConnection, now: Timestamp) -> Result<Vec<Tiding>, Error> {
        let posted = store::post_all(conn, &self.postings).await?;
        if let Some(((new, _), _)) = self.postings.iter().zip(posted).find(|(_, is_new)| !is_new) {
            return Err(Error::internal(format!("{} is in the books already", new.cause)));
        }
        jobs::enqueue_all(conn, &self.jobs).await?;
        if !self.cases.is_empty() {
            cases::open(conn, &self.cases, now).await?;
        }
        Ok(self.tidings)
    }
}
