//! All SQL on the `jobs` table.
//!
//! Separate because it is the one door to that table. Every change of a leased row names the worker and the attempt it
//! was leased for, which is the fence against a slow run.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::enqueue::NewJob;
use super::operators::{Count, Cursor, JobView, Listing, State};
use crate::ids::JobId;
use crate::time::{Span, Timestamp};

/// A job that a worker may run until its lease ends.
#[derive(Clone, Debug)]
pub struct Leased {
    pub id: JobId,
    pub kind: String,
    pub payload: serde_json::Value,
    /// Counting from 1; with the worker's name it identifies this run.
    pub attempt: i32,
    pub attempts_max: i32,
    pub request_id: Option<String>,
}

/// What is to be claimed.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub now: Timestamp,
    pub worker: &'a str,
    pub limit: usize,
    /// Known kinds, and beside each its lease in milliseconds.
    pub kinds: &'a [String],
    pub leases_ms: &'a [i64],
    /// For kinds that are not known: long enough to put them back.
    pub lease_otherwise: Span,
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub id: JobId,
    /// Of the run that is closed.
    pub attempt: i32,
    pub next: Next,
}

/// What happens to the job next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is done.
    Done,
    /// It runs again.
    Again { at: Timestamp, reason: String },
    /// It failed for good.
    Dead { reason: String },
    /// It was not run, or not to the end, for a cause outside the job: this attempt does not count.
    PutBack { at: Timestamp },
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that could run now.
    pub ready: i64,
    /// Since when the oldest of them could.
    pub oldest: Option<Timestamp>,
}

/// Writes jobs; answers which of them are new.
pub async fn insert(conn: &mut PgConnection, jobs: &[NewJob]) -> Result<BTreeSet<JobId>, sqlx::Error> {
    let ids: Vec<_> = jobs.iter().map(|job| job.id.0).collect();
    let kinds: Vec<_> = jobs.iter().map(|job| job.kind.to_owned()).collect();
    let payloads: Vec<_> = jobs.iter().map(|job| job.payload.clone()).collect();
    let dedupe_keys: Vec<_> = jobs.iter().map(|job| job.new.dedupe_key.clone()).collect();
    let run_ats: Vec<DateTime<Utc>> = jobs.iter().map(|job| job.new.run_at.into()).collect();
    let attempts_max: Vec<_> = jobs.iter().map(|job| i32::from(job.attempts_max)).collect();
    let request_ids: Vec<_> = jobs.iter().map(|job| job.new.request_id.clone()).collect();
    let created_ats: Vec<DateTime<Utc>> = jobs.iter().map(|job| job.new.now.into()).collect();
    let created = sqlx::query_scalar!(
        r#"INSERT INTO jobs (id, kind, payload, dedupe_key, run_at, attempts_max, request_id, created_at)
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::text[], $5::timestamptz[], $6::int[], $7::text[],
                                $8::timestamptz[])
           ON CONFLICT ON CONSTRAINT jobs_dedupe DO NOTHING
           RETURNING id"#,
        &ids,
        &kinds,
        &payloads,
        &dedupe_keys as &[Option<String>],
        &run_ats,
        &attempts_max,
        &request_ids as &[Option<String>],
        &created_ats,
    )
    .fetch_all(conn)
    .await?;
    Ok(created.into_iter().map(JobId).collect())
}

/// Leases jobs that are due, and those whose lease ran out, oldest first; no two workers ever get the same one.
pub async fn claim(conn: &mut PgConnection, claim: &Claim<'_>) -> Result<Vec<Leased>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH due AS (
               SELECT id, coalesce(lease.ms, $6) AS lease_ms
               FROM jobs LEFT JOIN unnest($4::text[], $5::bigint[]) AS lease (kind, ms) USING (kind)
               WHERE state IN ('ready', 'leased') AND run_at <= $1 AND (state = 'ready' OR leased_until <= $1)
                     AND attempts < attempts_max
               ORDER BY run_at
               LIMIT $3
               FOR UPDATE OF jobs SKIP LOCKED)
           UPDATE jobs
           SET state = 'leased', attempts = attempts + 1, leased_by = $2,
               leased_until = $1 + due.lease_ms * interval '1 millisecond'
           FROM due
           WHERE jobs.id = due.id
           RETURNING jobs.id, kind, payload, attempts, attempts_max, request_id"#,
        DateTime::<Utc>::from(claim.now),
        claim.worker,
        i64::try_from(claim.limit).unwrap_or(i64::MAX),
        claim.kinds,
        claim.leases_ms,
        claim.lease_otherwise.as_millis(),
    )
    .fetch_all(conn)
    .await?;
    let leased = rows.into_iter().map(|row| Leased {
        id: JobId(row.id),
        kind: row.kind,
        payload: row.payload,
        attempt: row.attempts,
        attempts_max: row.attempts_max,
        request_id: row.request_id,
    });
    Ok(leased.collect())
}

/// Closes runs with one statement; answers which of them were still this worker's to close.
pub async fn settle(
    conn: &mut PgConnection,
    worker: &str,
    now: Timestamp,
    verdicts: &[Verdict],
) -> Result<BTreeSet<JobId>, sqlx::Error> {
    let ids: Vec<_> = verdicts.iter().map(|verdict| verdict.id.0).collect();
    let attempts: Vec<_> = verdicts.iter().map(|verdict| verdict.attempt).collect();
    let (mut attempts_after, mut states) = (attempts.clone(), Vec::new());
    let (mut run_ats, mut reasons) = (Vec::<Option<DateTime<Utc>>>::new(), Vec::new());
    for (verdict, attempts_after) in verdicts.iter().zip(&mut attempts_after) {
        let (state, run_at, reason) = match &verdict.next {
            Next::Done => (State::Done, None, None),
            Next::Again { at, reason } => (State::Ready, Some(*at), Some(reason.clone())),
            Next::Dead { reason } => (State::Dead, None, Some(reason.clone())),
            Next::PutBack { at } => {
                *attempts_after -= 1;
                (State::Ready, Some(*at), None)
            }
        };
        states.push(state.as_str().to_owned());
        run_ats.push(run_at.map(Into::into));
        reasons.push(reason);
    }
    let settled = sqlx::query_scalar!(
        r#"UPDATE jobs
           SET state = verdict.state, attempts = verdict.attempts_after, run_at = coalesce(verdict.run_at, jobs.run_at),
               payload = CASE WHEN verdict.state = 'done' THEN '{}' ELSE jobs.payload END,
               last_error = coalesce(verdict.reason, jobs.last_error), leased_by = NULL, leased_until = NULL,
               finished_at = CASE WHEN verdict.state IN ('done', 'dead') THEN $2::timestamptz END
           FROM unnest($3::uuid[], $4::int[], $5::int[], $6::text[], $7::timestamptz[], $8::text[])
                AS verdict (id, attempt, attempts_after, state, run_at, reason)
           WHERE jobs.id = verdict.id AND jobs.state = 'leased' AND jobs.leased_by = $1 AND jobs.attempts = verdict.attempt
           RETURNING jobs.id"#,
        worker,
        DateTime::<Utc>::from(now),
        &ids,
        &attempts,
        &attempts_after,
        &states,
        &run_ats as &[Option<DateTime<Utc>>],
        &reasons as &[Option<String>],
    )
    .fetch_all(conn)
    .await?;
    Ok(settled.into_iter().map(JobId).collect())
}

/// Jobs whose last allowed run never came back become dead; answers id and kind of each.
pub async fn bury_exhausted(
    conn: &mut PgConnection,
    now: Timestamp,
    reason: &str,
) -> Result<Vec<(JobId, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"UPDATE jobs
           SET state = 'dead', last_error = $2, leased_by = NULL, leased_until = NULL, finished_at = $1
           WHERE state = 'leased' AND leased_until <= $1 AND attempts >= attempts_max
           RETURNING id, kind"#,
        DateTime::<Utc>::from(now),
        reason,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (JobId(row.id), row.kind)).collect())
}

/// Deletes at most `limit` jobs that were done before `before`; answers how many.
pub async fn delete_done(conn: &mut PgConnection, before: Timestamp, limit: usize) -> Result<u64, sqlx::Error> {
    let result = sqlx::query!(
        r#"DELETE FROM jobs WHERE id IN (
               SELECT id FROM jobs WHERE state = 'done' AND finished_at < $1 ORDER BY finished_at LIMIT $2
               FOR UPDATE SKIP LOCKED)"#,
        DateTime::<Utc>::from(before),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .execute(conn)
    .await?;
    Ok(result.rows_affected())
}

/// Jobs of these kinds that are not done and whose payload holds one of the words are done, with nothing in them.
pub async fn forget(
    conn: &mut PgConnection,
    kinds: &[&str],
    words: &[String],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let forgotten = sqlx::query!(
        r#"UPDATE jobs SET state = 'done', payload = '{}', finished_at = $3, leased_by = NULL, leased_until = NULL
           WHERE state IN ('ready', 'leased', 'dead') AND kind = ANY($1)
             AND EXISTS (SELECT FROM unnest($2::text[]) AS word WHERE strpos(payload::text, word) > 0)"#,
        &kinds,
        words,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}

/// What waits at `now`.
pub async fn backlog(conn: &mut PgConnection, now: Timestamp) -> Result<Backlog, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "ready!", min(run_at) AS oldest FROM jobs WHERE state = 'ready' AND run_at <= $1"#,
        DateTime::<Utc>::from(now),
    )
    .fetch_one(conn)
    .await?;
    Ok(Backlog { ready: row.ready, oldest: row.oldest.map(Into::into) })
}

/// One page of jobs, newest first; at most `limit` rows.
pub async fn list(conn: &mut PgConnection, listing: &Listing, limit: usize) -> Result<Vec<JobView>, sqlx::Error> {
    let after = listing.after;
    let rows = sqlx::query!(
        r#"SELECT id, kind, state, run_at, attempts, attempts_max, leased_until, last_error, request_id, created_at,
                  finished_at
           FROM jobs
           WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
                 AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
           ORDER BY created_at DESC, id DESC
           LIMIT $5"#,
        listing.state.map(State::as_str),
        listing.kind.as_deref(),
        after.map(|Cursor { created_at, .. }| DateTime::<Utc>::from(created_at)),
        after.map(|Cursor { id, .. }| id.0),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(conn)
    .await?;
    let views = rows.into_iter().map(|row| JobView {
        id: JobId(row.id),
        kind: row.kind,
        state: State::from_column(&row.state),
        run_at: row.run_at.into(),
        attempts: row.attempts.unsigned_abs(),
        attempts_max: row.attempts_max.unsigned_abs(),
        leased_until: row.leased_until.map(Into::into),
        last_error: row.last_error,
        request_id: row.request_id,
        created_at: row.created_at.into(),
        finished_at: row.finished_at.map(Into::into),
    });
    Ok(views.collect())
}

/// How many jobs of each kind are in each state.
pub async fn counts(conn: &mut PgConnection) -> Result<Vec<Count>, sqlx::Error> {
    let rows =
        sqlx::query!(r#"SELECT kind, state, count(*) AS "jobs!" FROM jobs GROUP BY kind, state ORDER BY kind, state"#)
            .fetch_all(conn)
            .await?;
    let counts = rows.into_iter().map(|row| Count {
        kind: row.kind,
        state: State::from_column(&row.state),
        jobs: row.jobs.unsigned_abs(),
    });
    Ok(counts.collect())
}

/// Makes a dead job ready again with all its attempts; false when there is no such dead job.
pub async fn retry_dead(conn: &mut PgConnection, id: JobId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let revived = sqlx::query_scalar!(
        r#"WITH revived AS (
               UPDATE jobs SET state = 'ready', attempts = 0, run_at = $2, finished_at = NULL
               WHERE id = $1 AND state = 'dead'
               RETURNING id)
           SELECT count(*) AS "revived!" FROM (SELECT pg_notify('boda_jobs', '') FROM revived) AS woken"#,
        id.0,
        DateTime::<Utc>::from(now),
    )
    .fetch_one(conn)
    .await?;
    Ok(revived > 0)
}
