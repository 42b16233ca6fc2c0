//! SQL on `erasures`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::UserId;
use crate::time::Timestamp;

/// An erasure as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Erasure {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub person: UserId,
    /// `waiting`, `running`, `done` or `cancelled`.
    pub state: String,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Until then it can be cancelled.
    pub due_at: Timestamp,
    /// Why it did not begin when it was due.
    pub obstacle: Option<String>,
    /// When it was done or cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// What was kept.
    pub kept: Option<Value>,
}

macro_rules! erasure_query {
    ($tail:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            Erasure,
            r#"SELECT id, user_id AS "person", state, asked_at, due_at, obstacle, finished_at, kept FROM erasures "# + $tail,
            $($argument),*
        )
    };
}

/// Who is to be forgotten, and since when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub id: Uuid,
    pub person: UserId,
    pub by: UserId,
    pub reason: Option<&'a str>,
    pub at: Timestamp,
    pub due_at: Timestamp,
}

/// Notes that an erasure was asked for; false when one is open.
pub async fn insert(conn: &mut PgConnection, asked: &Asked<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO erasures (id, user_id, asked_by, reason, state, asked_at, due_at)
         VALUES ($1, $2, $3, $4, 'waiting', $5, $6)
         ON CONFLICT (user_id) WHERE state IN ('waiting', 'running') DO NOTHING",
        asked.id,
        asked.person.0,
        asked.by.0,
        asked.reason,
        DateTime::<Utc>::from(asked.at),
        DateTime::<Utc>::from(asked.due_at)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn lock(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Erasure>> {
    erasure_query!("WHERE id = $1 FOR UPDATE", id).fetch_optional(conn).await
}

pub async fn find(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Erasure>> {
    erasure_query!("WHERE id = $1", id).fetch_optional(pool).await
}

/// The newest erasure of a person.
pub async fn of_person(pool: &PgPool, person: UserId) -> sqlx::Result<Option<Erasure>> {
    erasure_query!("WHERE user_id = $1 ORDER BY asked_at DESC, id DESC LIMIT 1", person.0).fetch_optional(pool).await
}

/// Calls off what has not begun; which.
pub async fn cancel(conn: &mut PgConnection, person: UserId, now: Timestamp) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "UPDATE erasures SET state = 'cancelled', finished_at = $2, obstacle = NULL
         WHERE user_id = $1 AND state = 'waiting' RETURNING id",
        person.0,
        DateTime::<Utc>::from(now)
    )
    .fetch_optional(conn)
    .await
}

pub async fn begin(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("UPDATE erasures SET state = 'running', obstacle = NULL WHERE id = $1 AND state = 'waiting'", id)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn note_obstacle(conn: &mut PgConnection, id: Uuid, obstacle: &str) -> sqlx::Result<()> {
    sqlx::query!("UPDATE erasures SET obstacle = $2 WHERE id = $1", id, obstacle).execute(conn).await?;
    Ok(())
}

pub async fn finish(conn: &mut PgConnection, id: Uuid, kept: &Value, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE erasures SET state = 'done', finished_at = $2, kept = $3 WHERE id = $1 AND state = 'running'",
        id,
        DateTime::<Utc>::from(now),
        kept
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The reasons may name the person.
pub async fn forget_reasons(conn: &mut PgConnection, person: UserId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE erasures SET reason = NULL WHERE user_id = $1 AND reason IS NOT NULL", person.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Those that should have been done by now: their job ended in an obstacle, or died.
pub async fn overdue(pool: &PgPool, due_before: Timestamp, rows_max: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM erasures WHERE state IN ('waiting', 'running') AND due_at < $1 ORDER BY due_at LIMIT $2",
        DateTime::<Utc>::from(due_before),
        rows_max
    )
    .fetch_all(pool)
    .await
}
