//! SQL on `legal_holds`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// A hold, in force or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub id: Uuid,
    /// `person`, `ride` or `incident`.
    pub kind: String,
    /// What is held.
    pub subject: Uuid,
    /// Who asked for it, and for what.
    pub reason: String,
    /// Which admin noted it.
    pub by_user: UserId,
    /// Since when.
    pub since: Timestamp,
    /// When it ended.
    pub lifted_at: Option<DateTime<Utc>>,
}

/// Begins a hold; false when the subject is held already.
pub async fn insert(conn: &mut PgConnection, hold: &Hold) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO legal_holds (id, kind, subject, reason, by_user, since) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kind, subject) WHERE lifted_at IS NULL DO NOTHING",
        hold.id,
        hold.kind,
        hold.subject,
        hold.reason,
        hold.by_user.0,
        DateTime::<Utc>::from(hold.since)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a hold; the one that ended.
pub async fn lift(conn: &mut PgConnection, id: Uuid, by: UserId, now: Timestamp) -> sqlx::Result<Option<Hold>> {
    sqlx::query_as!(
        Hold,
        "UPDATE legal_holds SET lifted_at = $2, lifted_by = $3 WHERE id = $1 AND lifted_at IS NULL
         RETURNING id, kind, subject, reason, by_user, since, lifted_at",
        id,
        DateTime::<Utc>::from(now),
        by.0
    )
    .fetch_optional(conn)
    .await
}

/// Holds, newest first, one more than the page has.
pub async fn list(pool: &PgPool, page: &PageRequest) -> sqlx::Result<Vec<Hold>> {
    sqlx::query_as!(
        Hold,
        "SELECT id, kind, subject, reason, by_user, since, lifted_at FROM legal_holds
         WHERE $1::timestamptz IS NULL OR (since, id) < ($1, $2) ORDER BY since DESC, id DESC LIMIT $3",
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1
    )
    .fetch_all(pool)
    .await
}

/// What is held, of one kind.
pub async fn held(db: impl PgExecutor<'_>, kind: &str, rows_max: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT subject FROM legal_holds WHERE kind = $1 AND lifted_at IS NULL ORDER BY since LIMIT $2",
        kind,
        rows_max
    )
    .fetch_all(db)
    .await
}

/// Whether a person, one of their rides or incidents is held.
pub async fn touches(conn: &mut PgConnection, person: UserId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM legal_holds WHERE kind = 'person' AND subject = $1 AND lifted_at IS NULL)
               OR EXISTS (SELECT FROM legal_holds JOIN reporting.rides ON rides.id = subject
                          WHERE kind = 'ride' AND lifted_at IS NULL AND $1 IN (rider_id, driver_id))
               OR EXISTS (SELECT FROM legal_holds JOIN reporting.incidents ON incidents.id = subject
                          LEFT JOIN reporting.rides ON rides.id = incidents.ride_id
                          WHERE legal_holds.kind = 'incident' AND lifted_at IS NULL AND $1 IN (rider_id, driver_id))
           AS "held!""#,
        person.0
    )
    .fetch_one(conn)
    .await
}
