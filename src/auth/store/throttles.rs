//! SQL on `throttles`.

use chrono::DateTime;
use sqlx::{PgConnection, PgPool};

use crate::auth::throttle::{Counted, Rule};
use crate::time::{Span, Timestamp};

/// Counts an attempt, unless it has to wait: then until when. Counting is one statement, so that attempts at once are
/// counted one after the other.
pub async fn begin_attempt(
    conn: &mut PgConnection,
    counted: &Counted,
    rule: Rule,
    now: Timestamp,
) -> sqlx::Result<Option<Timestamp>> {
    // After the last free attempt each further one waits, twice as long as the one before.
    let counted_as = sqlx::query_scalar!(
        r#"INSERT INTO throttles AS t (kind, subject, attempts, free_at, forget_at)
           VALUES ($1, $2, 1,
                   CASE WHEN $5::integer <= 1 THEN $3::timestamptz + $6::float8 * interval '1 ms' ELSE $3 END,
                   $3::timestamptz + $4::float8 * interval '1 ms')
           ON CONFLICT (kind, subject) DO UPDATE
           SET attempts = CASE WHEN t.forget_at <= $3 THEN 1 ELSE t.attempts + 1 END,
               free_at = CASE
                   WHEN t.forget_at <= $3 AND $5 > 1 OR t.attempts + 1 < $5 THEN $3
                   WHEN t.forget_at <= $3 THEN $3 + $6 * interval '1 ms'
                   ELSE $3 + least($7::float8, $6 * power(2, least(t.attempts + 1 - $5, 30))) * interval '1 ms'
               END,
               forget_at = CASE
                   WHEN t.forget_at <= $3 THEN $3 + $4 * interval '1 ms'
                   WHEN t.attempts + 1 < $5 THEN t.forget_at
                   ELSE $3 + ($4 + $7) * interval '1 ms'
               END
           WHERE t.free_at <= $3 OR t.forget_at <= $3
           RETURNING attempts"#,
        counted.guard.as_str(),
        counted.subject,
        DateTime::from(now),
        ms(rule.window),
        rule.free,
        ms(rule.delay_min),
        ms(rule.delay_max),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if counted_as.is_some() {
        return Ok(None);
    }
    // Another one may have been forgiven in between: then the wait is short.
    let free_at = sqlx::query_scalar!(
        "SELECT free_at FROM throttles WHERE kind = $1 AND subject = $2",
        counted.guard.as_str(),
        counted.subject
    )
    .fetch_optional(conn)
    .await?;
    Ok(Some(free_at.map_or(now, Timestamp::from)))
}

/// Until when the next attempt has to wait, if it has to.
pub async fn waits_until(pool: &PgPool, counted: &Counted, now: Timestamp) -> sqlx::Result<Option<Timestamp>> {
    let free_at = sqlx::query_scalar!(
        "SELECT free_at FROM throttles WHERE kind = $1 AND subject = $2 AND free_at > $3 AND forget_at > $3",
        counted.guard.as_str(),
        counted.subject,
        DateTime::from(now),
    )
    .fetch_optional(pool)
    .await?;
    Ok(free_at.map(Timestamp::from))
}

/// Takes back an attempt that was counted and not made.
pub async fn take_attempt_back(pool: &PgPool, counted: &Counted, free: i32, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE throttles
         SET attempts = attempts - 1, free_at = CASE WHEN attempts - 1 < $3 THEN least(free_at, $4) ELSE free_at END
         WHERE kind = $1 AND subject = $2 AND attempts > 0",
        counted.guard.as_str(),
        counted.subject,
        free,
        DateTime::from(now),
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn forgive_attempts(pool: &PgPool, counted: &Counted) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM throttles WHERE kind = $1 AND subject = $2", counted.guard.as_str(), counted.subject)
        .execute(pool)
        .await?;
    Ok(())
}

/// Deletes what does not count any more; how many.
pub async fn delete_throttles(conn: &mut PgConnection, now: Timestamp, rows_max: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "DELETE FROM throttles WHERE (kind, subject) IN (
             SELECT kind, subject FROM throttles WHERE forget_at <= $1 LIMIT $2)",
        DateTime::from(now),
        rows_max,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

#[expect(clippy::cast_precision_loss, reason = "delays are hours: far below 2^53 milliseconds")]
fn ms(span: Span) -> f64 {
    span.as_millis() as f64
}
