//! The durable job queue on Postgres: follow-up work that is written in the same transaction as its cause.
//!
//! Separate because it knows no service: a service defines its jobs (plain serialisable structs, see [`Job`]) and their
//! handlers; this module keeps them, runs them and shows them to operators.
//!
//! Invariants:
//! - A job exists exactly when the transaction that enqueued it committed.
//! - A job runs **at least** once. It may run twice (a lease ran out, a process died after the work and before the
//!   note of it), so running a job again must be harmless; that is the duty of its handler.
//! - A run is closed only by the worker that holds its lease: a slow run whose lease ran out changes nothing.
//! - No job disappears. It ends `done`, or it ends `dead` with a reason, an error line and a metric.
//! - A dedupe key admits one job for as long as that job is kept ([`Config::done_retention`]; the dead are kept for ever).
//! - Nothing personal in reasons: they are stored, logged and shown to operators. Payloads are never logged, and a job
//!   that is done has none any more.

mod backoff;
mod enqueue;
mod forget;
mod housekeeping;
mod operators;
mod registry;
mod runner;
mod store;
mod wake;

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::time::Span;

pub use enqueue::{Enqueued, New, NewJob, enqueue, enqueue_all};
pub use forget::forget;
pub use operators::{Count, Cursor, JobView, Listing, Page, State, counts, list, retry_dead};
pub use registry::{Context, Failure, Registry};
pub use runner::{Clock, Drained, Runner};
pub use wake::listen;

/// A kind of follow-up work: what must be remembered to do it later.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Stable name, `service.verb_thing`; stored with each job, so a rename strands the jobs already waiting.
    const KIND: &'static str;
    /// After this many runs that failed the job is dead.
    const ATTEMPTS_MAX: u16;
    /// How long one run may take. After it the run is stopped, and another worker may start the job again.
    const LEASE: Span;
}

/// Bounds and pace of the workers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Jobs that run at the same time in this process.
    pub workers_max: usize,
    /// Jobs claimed by one statement at most.
    pub batch_max: usize,
    /// How often the queue is looked at without being woken; what a lost notification costs.
    pub poll_interval: Span,
    /// A run is stopped this long before its lease ends: room for clocks that differ and for writing the result.
    pub lease_margin: Span,
    /// Wait before the second attempt; doubles with each further one.
    pub retry_base: Span,
    /// Longest wait between attempts, also when a handler asks for more.
    pub retry_max: Span,
    /// Wait before a job of a kind that this process does not know is looked at again (by a newer process, it is hoped).
    pub unknown_kind_delay: Span,
    /// How long a stopping process waits for the jobs that run; what then still runs is given back.
    pub drain_max: Span,
    /// How often expired rows are swept and the backlog is measured.
    pub housekeeping_interval: Span,
    /// How long done jobs are kept, and with them their dedupe keys.
    pub done_retention: Span,
    /// Rows deleted by one statement at most.
    pub delete_batch_max: usize,
}

/// The queue could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres refused or was away.
    #[error("the job queue's database refused")]
    Database(#[from] sqlx::Error),
    /// The job cannot be written as JSON: a fault in its definition.
    #[error("job {kind} cannot be written as JSON")]
    Payload {
        /// The job's kind.
        kind: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// The job is larger than a job may be: it should name things by id instead of carrying them.
    #[error("job {kind} has {size_bytes} bytes, more than {PAYLOAD_BYTES_MAX}")]
    PayloadTooLarge {
        /// The job's kind.
        kind: &'static str,
        /// Its size as JSON.
        size_bytes: usize,
    },
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error.into(),
            fault @ (Error::Payload { .. } | Error::PayloadTooLarge { .. }) => Self::internal(fault),
        }
    }
}

/// Largest job as JSON.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
