//! SQL on `restrictions`, and what an export says of all that was asked here.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::UserId;
use crate::time::Timestamp;

/// A restriction in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// Since when.
    pub since: Timestamp,
}

/// Begins a restriction; false when one is in force.
pub async fn insert(
    conn: &mut PgConnection,
    person: UserId,
    (by, reason): (UserId, Option<&str>),
    now: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO restrictions (id, user_id, since, by_user, reason) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (user_id) WHERE lifted_at IS NULL DO NOTHING",
        Uuid::now_v7(),
        person.0,
        DateTime::<Utc>::from(now),
        by.0,
        reason
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends the restriction in force; false when there is none.
pub async fn lift(conn: &mut PgConnection, person: UserId, by: UserId, now: Timestamp) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE restrictions SET lifted_at = $2, lifted_by = $3 WHERE user_id = $1 AND lifted_at IS NULL",
        person.0,
        DateTime::<Utc>::from(now),
        by.0
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn in_force(pool: &PgPool, person: UserId) -> sqlx::Result<Option<Restriction>> {
    sqlx::query_as!(Restriction, "SELECT since FROM restrictions WHERE user_id = $1 AND lifted_at IS NULL", person.0)
        .fetch_optional(pool)
        .await
}

/// The reasons may name the person.
pub async fn forget_reasons(conn: &mut PgConnection, person: UserId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE restrictions SET reason = NULL WHERE user_id = $1 AND reason IS NOT NULL", person.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// What a person asked of us about their data: exports, erasures, restrictions.
pub async fn requests(pool: &PgPool, person: UserId, rows_max: i64) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT 'export' AS what, id, state, asked_at AS at, finished_at, asked_by <> user_id AS by_an_operator
               FROM personal_exports WHERE user_id = $1
               UNION ALL
               SELECT 'erasure', id, state, asked_at, finished_at, asked_by <> user_id FROM erasures WHERE user_id = $1
               UNION ALL
               SELECT 'restriction', id, CASE WHEN lifted_at IS NULL THEN 'in_force' ELSE 'lifted' END, since, lifted_at,
                      by_user <> user_id
               FROM restrictions WHERE user_id = $1
               ORDER BY at DESC LIMIT $2) AS r"#,
        person.0,
        rows_max
    )
    .fetch_all(pool)
    .await
}
