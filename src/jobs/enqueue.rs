//! Writing jobs down, inside the transaction of the fact that causes them.
//!
//! Separate because this half is all that most callers need: it has no worker, no registry and no configuration.

use sqlx::PgConnection;
use uuid::{NoContext, Uuid};

use super::{Error, Job, PAYLOAD_BYTES_MAX, store};
use crate::ids::JobId;
use crate::time::Timestamp;

/// When and why a job is written.
#[derive(Clone, Debug)]
pub struct New {
    /// The time of the fact that causes the job.
    pub now: Timestamp,
    /// Not to be run before this.
    pub run_at: Timestamp,
    /// Names the cause ("collect:RIDE-ID"): at most one job is ever written for it. Nothing personal in it.
    pub dedupe_key: Option<String>,
    /// The request that causes the job; the same id will be in the job's log lines.
    pub request_id: Option<String>,
}

impl New {
    /// A job to be run as soon as possible.
    pub fn at(now: Timestamp) -> Self {
        Self { now, run_at: now, dedupe_key: None, request_id: None }
    }

    /// Not before `run_at`.
    pub fn run_at(self, run_at: Timestamp) -> Self {
        Self { run_at, ..self }
    }

    /// At most one job for this cause.
    pub fn dedupe(self, key: impl Into<String>) -> Self {
        Self { dedupe_key: Some(key.into()), ..self }
    }

    /// Caused by this request.
    pub fn request(self, request_id: impl Into<String>) -> Self {
        Self { request_id: Some(request_id.into()), ..self }
    }
}

/// A job ready to be written, so that many of them, of any kinds, go into one statement.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub(super) id: JobId,
    pub(super) kind: &'static str,
    pub(super) attempts_max: u16,
    pub(super) payload: serde_json::Value,
    pub(super) new: New,
}

impl NewJob {
    /// Prepares a job; nothing is written yet.
    ///
    /// # Errors
    /// When the job cannot be written as JSON or is larger than [`PAYLOAD_BYTES_MAX`].
    pub fn of<J: Job>(job: &J, new: New) -> Result<Self, Error> {
        let payload_error = |source| Error::Payload { kind: J::KIND, source };
        let size_bytes = serde_json::to_vec(job).map_err(payload_error)?.len();
        if size_bytes > PAYLOAD_BYTES_MAX {
            return Err(Error::PayloadTooLarge { kind: J::KIND, size_bytes });
        }
        let payload = serde_json::to_value(job).map_err(payload_error)?;
        Ok(Self { id: fresh_id(new.now), kind: J::KIND, attempts_max: J::ATTEMPTS_MAX, payload, new })
    }

    /// The identifier the job will have if it is not a duplicate.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// What kind of job it is.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

/// Ordered by time, so that inserts touch one end of the index.
fn fresh_id(now: Timestamp) -> JobId {
    let ms = now.as_millis().unsigned_abs();
    let nanos = u32::try_from(ms % 1_000 * 1_000_000).expect("below one second");
    JobId(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos)))
}

/// What became of a job that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It will run if the transaction commits.
    Created(JobId),
    /// A job for the same cause was written before; nothing was added.
    Duplicate,
}

/// Writes one job inside the caller's transaction.
///
/// # Errors
/// See [`Error`]; after a database error the transaction is to be rolled back.
pub async fn enqueue(conn: &mut PgConnection, job: &impl Job, new: New) -> Result<Enqueued, Error> {
    let written = enqueue_all(conn, &[NewJob::of(job, new)?]).await?;
    Ok(written.first().copied().unwrap_or(Enqueued::Duplicate))
}

/// Writes many jobs with one statement inside the caller's transaction; the answer is in the order of `jobs`.
///
/// # Errors
/// See [`Error`]; after a database error the transaction is to be rolled back.
pub async fn enqueue_all(conn: &mut PgConnection, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let created = store::insert(conn, jobs).await?;
    let outcome =
        |job: &NewJob| if created.contains(&job.id) { Enqueued::Created(job.id) } else { Enqueued::Duplicate };
    Ok(jobs.iter().map(outcome).collect())
}
