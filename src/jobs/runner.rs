//! The workers of one process: claim, run, note what came of it.
//!
//! Separate because this is the only place with tasks and timers. One loop owns all state; jobs run in tasks of their
//! own and hand their result back to the loop, which notes many results with one statement. A slot is free again only
//! when its result is noted, so neither runs nor unnoted results can pile up while Postgres is away.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::backoff::backoff;
use super::registry::{Context, Failure, Handler, Registry};
use super::store::{self, Claim, Leased, Next, Verdict};
use super::{Config, housekeeping, wake};
use crate::ids::JobId;
use crate::telemetry::{chain, names};
use crate::time::{Span, Timestamp};

/// Where the workers get the time: the system clock, or a test's own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Longest reason that is stored, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What stopping came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Runs that were given back unfinished, to be run by another process.
    pub given_back: usize,
}

/// The workers of one process.
pub struct Runner {
    pool: PgPool,
    registry: Registry,
    config: Config,
    clock: Clock,
    /// Unlike every other runner's, also of the same process started again.
    worker: String,
    kinds: Vec<String>,
    leases_ms: Vec<i64>,
}

/// What a run came to, before it is noted.
struct Finished {
    job: Leased,
    kind: &'static str,
    outcome: Outcome,
    next: Next,
    took: Duration,
}

/// A run's result as a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Retried,
    Dead,
    PutBack,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::PutBack => "put_back",
        }
    }
}

/// What the loop owns.
#[derive(Default)]
struct Work {
    running: JoinSet<Finished>,
    /// The attempt under which each job in `running` is leased.
    leased: BTreeMap<JobId, i32>,
    unnoted: Vec<Finished>,
    /// Postgres did not answer the last time; said once.
    is_away: bool,
}

impl Runner {
    /// Workers for the kinds in `registry`. Uses one connection of `pool` for notifications as long as it runs, one at
    /// times for its own statements and one at times for housekeeping; what handlers take comes on top.
    pub fn new(pool: PgPool, registry: Registry, config: Config, clock: Clock) -> Self {
        let worker = format!("{}.{}", std::process::id(), Uuid::new_v4().simple());
        let kinds = registry.handlers().map(|handler| handler.kind.to_owned()).collect();
        let leases_ms = registry.handlers().map(|handler| handler.lease.as_millis()).collect();
        Self { pool, registry, config, clock, worker, kinds, leases_ms }
    }

    /// Runs jobs until `stop`, then drains: claims nothing more, waits for what runs, gives back what does not end in
    /// time. Never fails: while Postgres is away it waits.
    pub async fn run(self, stop: CancellationToken) -> Drained {
        let woken = Notify::new();
        tracing::debug!(worker = self.worker, kinds = self.kinds.len(), "job workers started");
        let (drained, (), ()) = tokio::join!(
            self.work(&woken, &stop),
            wake::listen(wake::CHANNEL, &self.pool, &woken, self.config.poll_interval, &stop),
            housekeeping::run(&self.pool, &self.config, &self.clock, &stop),
        );
        drained
    }

    async fn work(&self, woken: &Notify, stop: &CancellationToken) -> Drained {
        let mut work = Work::default();
        let mut poll = tokio::time::interval(self.config.poll_interval.to_duration());
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_more_expected = false;
        loop {
            while is_more_expected && self.free_slots(&work) > 0 && !stop.is_cancelled() {
                is_more_expected = self.claim(&mut work, stop).await;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(finished) = work.running.join_next() => {
                    work.collect(finished);
                    self.note(&mut work).await;
                }
                () = woken.notified() => is_more_expected = true,
                _ = poll.tick() => {
                    is_more_expected = true;
                    self.note(&mut work).await;
                }
            }
        }
        self.drain(work).await
    }

    fn free_slots(&self, work: &Work) -> usize {
        self.config.workers_max.saturating_sub(work.running.len() + work.unnoted.len())
    }

    /// Claims and starts one batch; answers whether there may be more.
    async fn claim(&self, work: &mut Work, stop: &CancellationToken) -> bool {
        let limit = self.free_slots(work).min(self.config.batch_max);
        let claim = Claim {
            now: (self.clock)(),
            worker: &self.worker,
            limit,
            kinds: &self.kinds,
            leases_ms: &self.leases_ms,
            lease_otherwise: self.config.unknown_kind_delay,
        };
        let claimed = match self.pool.acquire().await {
            Ok(mut conn) => store::claim(&mut conn, &claim).await,
            Err(error) => Err(error),
        };
        match claimed {
            Ok(jobs) => {
                work.answered();
                let is_full = jobs.len() == limit;
                jobs.into_iter().for_each(|job| self.start(work, job, stop));
                self.note(work).await;
                is_full
            }
            Err(error) => {
                work.away(&error);
                false
            }
        }
    }

    fn start(&self, work: &mut Work, job: Leased, stop: &CancellationToken) {
        let now = (self.clock)();
        let handler = self.registry.handler(&job.kind);
        let kind = handler.map_or("unknown", |handler| handler.kind);
        match handler {
            // The claim was on its way when the order to stop came.
            _ if stop.is_cancelled() => work.put_back(job, kind, now),
            Some(handler) => {
                work.leased.insert(job.id, job.attempt);
                let (handler, clock) = (handler.clone(), Arc::clone(&self.clock));
                work.running.spawn(run_once(handler, job, self.config.clone(), now, clock));
            }
            None => {
                tracing::warn!(job.id = %job.id, job.kind, "no such kind of job is known here; put back for others");
                work.put_back(job, kind, now + self.config.unknown_kind_delay);
            }
        }
    }

    /// Writes down what runs came to. What cannot be written stays for the next time.
    async fn note(&self, work: &mut Work) {
        if work.unnoted.is_empty() {
            return;
        }
        let verdict = |finished: &Finished| Verdict {
            id: finished.job.id,
            attempt: finished.job.attempt,
            next: finished.next.clone(),
        };
        let verdicts: Vec<_> = work.unnoted.iter().map(verdict).collect();
        let settled = match self.pool.acquire().await {
            Ok(mut conn) => store::settle(&mut conn, &self.worker, (self.clock)(), &verdicts).await,
            Err(error) => Err(error),
        };
        match settled {
            Ok(settled) => {
                work.answered();
                work.unnoted.drain(..).for_each(|finished| report(&finished, settled.contains(&finished.job.id)));
            }
            Err(error) => work.away(&error),
        }
    }

    async fn drain(&self, mut work: Work) -> Drained {
        let deadline = Instant::now() + self.config.drain_max.to_duration();
        while let Ok(Some(finished)) = tokio::time::timeout_at(deadline, work.running.join_next()).await {
            work.collect(finished);
            self.note(&mut work).await;
        }
        work.running.shutdown().await;
        let now = (self.clock)();
        let verdicts: Vec<_> = std::mem::take(&mut work.leased)
            .into_iter()
            .map(|(id, attempt)| Verdict { id, attempt, next: Next::PutBack { at: now } })
            .collect();
        self.note(&mut work).await;
        if !verdicts.is_empty() {
            tracing::warn!(jobs = verdicts.len(), "jobs did not end in time and are given back");
            let given_back = match self.pool.acquire().await {
                Ok(mut conn) => store::settle(&mut conn, &self.worker, now, &verdicts).await,
                Err(error) => Err(error),
            };
            if let Err(error) = given_back {
                tracing::warn!(error = %chain(&error), "leases could not be given back; they run out by themselves");
            }
        }
        Drained { given_back: verdicts.len() }
    }
}

impl Work {
    fn collect(&mut self, finished: Result<Finished, tokio::task::JoinError>) {
        let also = std::iter::from_fn(|| self.running.try_join_next()).collect::<Vec<_>>();
        // A task that was cancelled has no result; panics are caught inside the task.
        for finished in std::iter::once(finished).chain(also).flatten() {
            self.leased.remove(&finished.job.id);
            self.unnoted.push(finished);
        }
    }

    /// To be run later, by this process or another, without the attempt being counted.
    fn put_back(&mut self, job: Leased, kind: &'static str, at: Timestamp) {
        let (outcome, next) = (Outcome::PutBack, Next::PutBack { at });
        self.unnoted.push(Finished { job, kind, outcome, next, took: Duration::ZERO });
    }

    fn away(&mut self, error: &sqlx::Error) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(error = %chain(error), "the job queue's database does not answer; jobs wait");
        }
    }

    fn answered(&mut self) {
        if std::mem::replace(&mut self.is_away, false) {
            tracing::info!("the job queue's database answers again");
        }
    }
}

/// One run in its span and within its time; a panic is a failure of this run and of nothing else.
async fn run_once(handler: Handler, job: Leased, config: Config, now: Timestamp, clock: Clock) -> Finished {
    let span = tracing::info_span!("job", job.id = %job.id, kind = handler.kind, attempt = job.attempt,
        request_id = job.request_id.as_deref());
    let began = Instant::now();
    let context = Context {
        job_id: job.id,
        attempt: u16::try_from(job.attempt).unwrap_or(u16::MAX),
        request_id: job.request_id.clone(),
        now,
    };
    let (run, payload) = (handler.run, job.payload.clone());
    // The handler is called inside the future, so that a panic before its first await is caught as well.
    let run = AssertUnwindSafe(async move { run(payload, context).await }).catch_unwind();
    let time_max = run_time_max(handler.lease, config.lease_margin).to_duration();
    let result = match tokio::time::timeout(time_max, run).instrument(span).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Failure::retry("the handler panicked")),
        Err(_) => Err(Failure::retry("the run took longer than its lease allows")),
    };
    let (outcome, next) = judge(result, &job, &config, clock());
    Finished { job, kind: handler.kind, outcome, next, took: began.elapsed() }
}

/// A run ends before its lease does, so that in a healthy process no job ever runs twice at one time.
fn run_time_max(lease: Span, margin: Span) -> Span {
    Span::from_millis((lease.as_millis() - margin.as_millis()).max(lease.as_millis() / 2))
}

/// What happens to a job after a run with this result.
fn judge(result: Result<(), Failure>, job: &Leased, config: &Config, now: Timestamp) -> (Outcome, Next) {
    let shorten = |reason: &str| reason.chars().take(REASON_CHARS_MAX).collect();
    match result {
        Ok(()) => (Outcome::Done, Next::Done),
        Err(Failure::Retry { reason, after }) if job.attempt < job.attempts_max => {
            let wait = match after {
                Some(after) => after.min(config.retry_max),
                None => backoff(config.retry_base, config.retry_max, job.id, job.attempt.unsigned_abs()),
            };
            (Outcome::Retried, Next::Again { at: now + wait, reason: shorten(&reason) })
        }
        Err(Failure::Retry { reason, .. } | Failure::Dead { reason }) => {
            (Outcome::Dead, Next::Dead { reason: shorten(&reason) })
        }
    }
}

/// The one place where a run is logged and counted.
fn report(finished: &Finished, was_ours: bool) {
    let Finished { job, kind, outcome, next, took } = finished;
    let request_id = job.request_id.as_deref();
    if !was_ours {
        tracing::warn!(job.id = %job.id, kind, request_id, "a run outlived its lease; its result is not counted");
        metrics::counter!(names::JOBS_FINISHED_TOTAL, "kind" => *kind, "outcome" => "lease_lost").increment(1);
        return;
    }
    metrics::counter!(names::JOBS_FINISHED_TOTAL, "kind" => *kind, "outcome" => outcome.as_str()).increment(1);
    if *outcome != Outcome::PutBack {
        metrics::histogram!(names::JOBS_DURATION_SECONDS, "kind" => *kind).record(took.as_secs_f64());
    }
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match next {
        Next::Done => tracing::debug!(job.id = %job.id, kind, request_id, duration_ms, "job done"),
        Next::Again { at, reason } => tracing::warn!(job.id = %job.id, kind, request_id, attempt = job.attempt,
            attempts_max = job.attempts_max, duration_ms, reason, retry_at = %at, "job failed and will be tried again"),
        Next::Dead { reason } => {
            tracing::error!(job.id = %job.id, kind, request_id, attempt = job.attempt, duration_ms,
            reason, "job is dead")
        }
        Next::PutBack { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::tests::config;

    fn judged(result: Result<(), Failure>, attempt: i32) -> (Outcome, Next) {
        let job = Leased {
            id: JobId(Uuid::from_u128(7)),
            kind: "test.any".to_owned(),
            payload: serde_json::Value::Null,
            attempt,
            attempts_max: 3,
            request_id: None,
        };
        judge(result, &job, &config(), Timestamp::EPOCH)
    }

    #[test]
    fn a_failed_run_is_repeated_until_the_attempts_are_used_up() {
        assert_eq!(judged(Ok(()), 1).0, Outcome::Done);
        assert_eq!(judged(Err(Failure::retry("away")), 2).0, Outcome::Retried);
        assert_eq!(judged(Err(Failure::retry("away")), 3), (Outcome::Dead, Next::Dead { reason: "away".to_owned() }));
        assert_eq!(judged(Err(Failure::dead("refused")), 1).0, Outcome::Dead);
    }

    #[test]
    fn a_handler_may_name_the_wait_but_not_beyond_the_bound() {
        let at = |after| match judged(Err(Failure::retry_after("busy", after)), 1).1 {
            Next::Again { at, .. } => at.since(Timestamp::EPOCH),
            other => panic!("{other:?}"),
        };
        assert_eq!(at(Span::from_secs(7)), Span::from_secs(7));
        assert_eq!(at(Span::from_secs(1_000_000)), config().retry_max);
    }

    #[test]
    fn a_run_ends_before_its_lease_and_a_wide_margin_leaves_it_half() {
        assert_eq!(run_time_max(Span::from_secs(30), Span::from_secs(5)), Span::from_secs(25));
        assert_eq!(run_time_max(Span::from_secs(4), Span::from_secs(5)), Span::from_secs(2));
    }
}
