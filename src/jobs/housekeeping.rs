//! What the queue needs beside running jobs: burying, forgetting and measuring.
//!
//! Separate because nothing here is urgent, and every statement is bounded so that it never holds up a claim.

use sqlx::PgPool;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::runner::Clock;
use super::{Config, store};
use crate::telemetry::{chain, names};
use crate::time::Timestamp;

/// Batches deleted in one round at most; the rest waits for the next round.
const DELETE_BATCHES_MAX: usize = 20;

/// Keeps house at the configured interval until `stop`.
pub async fn run(pool: &PgPool, config: &Config, clock: &Clock, stop: &CancellationToken) {
    let mut interval = tokio::time::interval(config.housekeeping_interval.to_duration());
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        // The workers say when the database is away; here it is only put off.
        if let Err(error) = round(pool, config, clock()).await {
            tracing::debug!(error = %chain(&error), "job housekeeping is put off");
        }
    }
}

/// One round: bury, delete, measure. The same at any `now`, however often.
pub async fn round(pool: &PgPool, config: &Config, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut conn = pool.acquire().await?;
    for (id, kind) in store::bury_exhausted(&mut conn, now, "the last run never came back").await? {
        tracing::error!(job.id = %id, kind, "job is dead: its last run never came back");
        // The kind is a database value here; as a label only the kinds of this program are allowed.
        metrics::counter!(names::JOBS_FINISHED_TOTAL, "kind" => "any", "outcome" => "never_came_back").increment(1);
    }
    for _ in 0..DELETE_BATCHES_MAX {
        let deleted = store::delete_done(&mut conn, now - config.done_retention, config.delete_batch_max).await?;
        if usize::try_from(deleted).unwrap_or(usize::MAX) < config.delete_batch_max {
            break;
        }
    }
    let backlog = store::backlog(&mut conn, now).await?;
    metrics::gauge!(names::JOBS_READY).set(approximately(backlog.ready));
    let oldest_ms = backlog.oldest.map_or(0, |oldest| now.since(oldest).as_millis());
    metrics::gauge!(names::JOBS_OLDEST_READY_SECONDS).set(approximately(oldest_ms) / 1_000.0);
    Ok(())
}

/// A gauge is a float; beyond 2^53 its last digits do not matter.
fn approximately(value: i64) -> f64 {
    value as f64
}
