//! Which handler runs which kind of job.
//!
//! Separate because it is where services meet the queue: `app` registers every handler here, and the runner knows
//! jobs by their kind only.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Job;
use crate::ids::JobId;
use crate::time::{Span, Timestamp};

/// What a handler knows about its run.
#[derive(Clone, Debug)]
pub struct Context {
    /// Which job; with the job's kind a stable idempotency key towards others.
    pub job_id: JobId,
    /// Counting from 1.
    pub attempt: u16,
    /// The request that caused the job, for jobs and calls that follow from it.
    pub request_id: Option<String>,
    /// When the run began.
    pub now: Timestamp,
}

/// Why a run did not do its work. Reasons are stored, logged and shown to operators: **nothing personal in them**, no
/// phone number, name, position, token or provider's free text; codes and kinds of fault only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Worth trying again, until the attempts are used up.
    Retry {
        /// Why.
        reason: Cow<'static, str>,
        /// When, where somebody named a time; otherwise the queue backs off.
        after: Option<Span>,
    },
    /// Never going to work.
    Dead {
        /// Why.
        reason: Cow<'static, str>,
    },
}

impl Failure {
    /// Worth trying again.
    pub fn retry(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// Worth trying again after `after`.
    pub fn retry_after(reason: impl Into<Cow<'static, str>>, after: Span) -> Self {
        Self::Retry { reason: reason.into(), after: Some(after) }
    }

    /// Never going to work.
    pub fn dead(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Dead { reason: reason.into() }
    }
}

/// Worth trying again. The reason names the kind of fault and Postgres' code only: its messages repeat values.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::retry(match error.code() {
                Some(code) => format!("the database refused with {code}"),
                None => "the database refused".to_owned(),
            }),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
                Self::retry("the database is away")
            }
            sqlx::Error::RowNotFound => Self::retry("a row is missing"),
            _ => Self::retry("the database answered what was not understood"),
        }
    }
}

/// Worth trying again.
impl From<super::Error> for Failure {
    fn from(error: super::Error) -> Self {
        match error {
            super::Error::Database(error) => error.into(),
            super::Error::Payload { .. } | super::Error::PayloadTooLarge { .. } => Self::retry(error.to_string()),
        }
    }
}

/// What can pass is worth trying again, an input that is wrong is not. The reason is the stable code only: messages may
/// repeat values.
impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        let reason = error.code();
        match error {
            crate::error::Error::Invalid(_) => Self::dead(reason),
            crate::error::Error::RateLimited { retry_after }
            | crate::error::Error::TooMany { retry_after, .. }
            | crate::error::Error::Unavailable { retry_after, .. } => Self::retry_after(reason, retry_after),
            _ => Self::retry(reason),
        }
    }
}

type Run = Arc<dyn Fn(serde_json::Value, Context) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// How one kind of job is run.
#[derive(Clone)]
pub(super) struct Handler {
    pub kind: &'static str,
    pub lease: Span,
    pub run: Run,
}

/// The handlers of a process, by kind.
#[derive(Clone)]
pub struct Registry {
    handlers: BTreeMap<&'static str, Handler>,
}

impl Registry {
    /// Knows no kind yet.
    #[expect(clippy::new_without_default, reason = "an empty registry is a beginning, not a default")]
    pub fn new() -> Self {
        Self { handlers: BTreeMap::new() }
    }

    /// Runs every job of kind `J` with `handler`, which must be harmless to run twice for one job.
    ///
    /// # Panics
    /// When `J`'s kind was registered before: two jobs would share a name.
    #[must_use]
    pub fn on<J, F, Fut>(mut self, handler: F) -> Self
    where
        J: Job,
        F: Fn(J, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let run: Run = Arc::new(move |payload, context| match serde_json::from_value(payload) {
            Ok(job) => handler(job, context).boxed(),
            // Not dead at once: during a roll-out a newer process may have written it and can read it. What serde says
            // is left out: it repeats the value.
            Err(_) => std::future::ready(Err(Failure::retry("the payload is not of this kind's shape"))).boxed(),
        });
        let before = self.handlers.insert(J::KIND, Handler { kind: J::KIND, lease: J::LEASE, run });
        assert!(before.is_none(), "job kind {} is registered twice", J::KIND);
        self
    }

    pub(super) fn handler(&self, kind: &str) -> Option<&Handler> {
        self.handlers.get(kind)
    }

    pub(super) fn handlers(&self) -> impl Iterator<Item = &Handler> {
        self.handlers.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use uuid::Uuid;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Greet {
        times: u8,
    }

    impl Job for Greet {
        const KIND: &'static str = "test.greet";
        const ATTEMPTS_MAX: u16 = 3;
        const LEASE: Span = Span::from_secs(5);
    }

    fn run(payload: serde_json::Value) -> Result<(), Failure> {
        let registry = Registry::new().on(|job: Greet, _| async move {
            assert_eq!(job.times, 2);
            Ok(())
        });
        let handler = registry.handler(Greet::KIND).expect("was registered");
        let context =
            Context { job_id: JobId(Uuid::nil()), attempt: 1, request_id: None, now: Timestamp::from_millis(0) };
        (handler.run)(payload, context).now_or_never().expect("nothing to wait for")
    }

    #[test]
    fn a_handler_gets_the_job_it_was_registered_for() {
        assert_eq!(run(serde_json::json!({"times": 2})), Ok(()));
    }

    #[test]
    fn a_payload_of_another_shape_fails_without_repeating_its_value() {
        let failure = run(serde_json::json!({"times": "+250788123456"})).expect_err("times is a number");
        assert!(!format!("{failure:?}").contains("250"), "{failure:?}");
    }
}
