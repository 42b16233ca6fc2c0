//! SQL on `personal_exports`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::UserId;
use crate::storage::{KEY_COLUMN, Stored};
use crate::time::Timestamp;
use crate::vault::Column;

/// The keys of files as rotation and checks know them.
pub const SEALED: Column =
    Column { place: KEY_COLUMN, table: "personal_exports", column: "sealed_key", key: "id", row: "id", index: None };

/// An export as whoever asked for it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Which; names the file too.
    pub id: Uuid,
    /// About whom.
    pub person: UserId,
    /// `waiting`, `ready`, `failed` or `expired`.
    pub state: String,
    /// Steps that are done,
    pub steps_done: i32,
    /// of these.
    pub steps: i32,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it was ready, or had failed.
    pub finished_at: Option<DateTime<Utc>>,
    /// After this the file is gone.
    pub expires_at: Option<DateTime<Utc>>,
    /// Of the file.
    pub size_bytes: Option<i64>,
}

macro_rules! export_query {
    ($tail:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            Export,
            r#"SELECT id, user_id AS "person", state, steps_done, steps, asked_at, finished_at, expires_at, size_bytes
               FROM personal_exports "# + $tail,
            $($argument),*
        )
    };
}

/// Who asks for whose data, and why.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub id: Uuid,
    pub person: UserId,
    pub by: UserId,
    pub reason: Option<&'a str>,
    pub steps: i32,
    pub at: Timestamp,
}

/// Notes that an export was asked for; false when one is being made.
pub async fn insert(conn: &mut PgConnection, asked: &Asked<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO personal_exports (id, user_id, asked_by, reason, state, steps, asked_at)
         VALUES ($1, $2, $3, $4, 'waiting', $5, $6)
         ON CONFLICT (user_id) WHERE state = 'waiting' DO NOTHING",
        asked.id,
        asked.person.0,
        asked.by.0,
        asked.reason,
        asked.steps,
        DateTime::<Utc>::from(asked.at)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives up exports whose job never came to an end.
pub async fn give_up(
    conn: &mut PgConnection,
    person: UserId,
    asked_before: Timestamp,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE personal_exports SET state = 'failed', finished_at = $3
         WHERE user_id = $1 AND state = 'waiting' AND asked_at < $2",
        person.0,
        DateTime::<Utc>::from(asked_before),
        DateTime::<Utc>::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many exports somebody asked for since, and when the first of these was.
pub async fn asked_since(
    conn: &mut PgConnection,
    by: UserId,
    since: Timestamp,
) -> sqlx::Result<(i64, Option<Timestamp>)> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", min(asked_at) AS first FROM personal_exports
           WHERE user_id = $1 AND asked_by = $1 AND asked_at > $2 AND state <> 'failed'"#,
        by.0,
        DateTime::<Utc>::from(since)
    )
    .fetch_one(conn)
    .await?;
    Ok((row.count, row.first.map(Timestamp::from)))
}

pub async fn find(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Export>> {
    export_query!("WHERE id = $1", id).fetch_optional(pool).await
}

/// A person's newest exports, first the last.
pub async fn of_person(pool: &PgPool, person: UserId, rows_max: i64) -> sqlx::Result<Vec<Export>> {
    export_query!("WHERE user_id = $1 ORDER BY asked_at DESC, id DESC LIMIT $2", person.0, rows_max)
        .fetch_all(pool)
        .await
}

/// Notes how far an export is.
pub async fn progress(pool: &PgPool, id: Uuid, steps_done: i32) -> sqlx::Result<()> {
    sqlx::query!("UPDATE personal_exports SET steps_done = $2 WHERE id = $1 AND state = 'waiting'", id, steps_done)
        .execute(pool)
        .await?;
    Ok(())
}

/// Notes that the file is there; false when nobody waits for it any more.
pub async fn ready(
    pool: &PgPool,
    file: &Stored,
    size_bytes: i64,
    (now, expires_at): (Timestamp, Timestamp),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE personal_exports
         SET state = 'ready', steps_done = steps, finished_at = $2, expires_at = $3, size_bytes = $4, sealed_key = $5
         WHERE id = $1 AND state = 'waiting'",
        file.id,
        DateTime::<Utc>::from(now),
        DateTime::<Utc>::from(expires_at),
        size_bytes,
        file.sealed_key
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn fail(pool: &PgPool, id: Uuid, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE personal_exports SET state = 'failed', finished_at = $2 WHERE id = $1 AND state = 'waiting'",
        id,
        DateTime::<Utc>::from(now)
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The file of an export that is ready and has not expired.
pub async fn file(pool: &PgPool, id: Uuid, now: Timestamp) -> sqlx::Result<Option<Stored>> {
    let key = sqlx::query_scalar!(
        r#"SELECT sealed_key AS "key!" FROM personal_exports
           WHERE id = $1 AND state = 'ready' AND expires_at > $2 AND sealed_key IS NOT NULL"#,
        id,
        DateTime::<Utc>::from(now)
    )
    .fetch_optional(pool)
    .await?;
    Ok(key.map(|sealed_key| Stored { id, sealed_key }))
}

/// Takes the keys of files whose time is up; which.
pub async fn expire(pool: &PgPool, now: Timestamp, rows_max: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "UPDATE personal_exports SET state = 'expired', sealed_key = NULL
         WHERE id IN (SELECT id FROM personal_exports WHERE state = 'ready' AND expires_at <= $1 LIMIT $2)
         RETURNING id",
        DateTime::<Utc>::from(now),
        rows_max
    )
    .fetch_all(pool)
    .await
}

/// How many files' time is up at `now`.
pub async fn count_expired(conn: &mut PgConnection, now: Timestamp) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM personal_exports WHERE state = 'ready' AND expires_at <= $1"#,
        DateTime::<Utc>::from(now)
    )
    .fetch_one(conn)
    .await
}

/// Takes all files of a person, and the reasons; which files.
pub async fn forget(conn: &mut PgConnection, person: UserId) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "UPDATE personal_exports SET state = CASE state WHEN 'failed' THEN state ELSE 'expired' END, sealed_key = NULL,
             reason = NULL
         WHERE user_id = $1 RETURNING id",
        person.0
    )
    .fetch_all(conn)
    .await
}
