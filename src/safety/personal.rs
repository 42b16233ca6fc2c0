//! What this service has about a person, and how it forgets one: the incidents they reported.
//!
//! What others reported is their account of what happened, and theirs to have erased.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{Due, ERASED, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;

/// The incidents a person reported.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, _vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let incidents = sqlx::query_scalar!(
        r#"SELECT to_jsonb(i) - 'reporter_id' AS "row!: Value" FROM (
               SELECT id, ride_id, kind, severity, state, description, lat, lng, created_at, updated_at
               FROM incidents WHERE reporter_id = $1 ORDER BY created_at DESC LIMIT $2) AS i"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![Part::list("incidents.json", incidents)])
}

/// Whether a person reported one of these incidents.
///
/// # Errors
/// When the database is away.
pub async fn reported_one_of(conn: &mut PgConnection, person: UserId, incidents: &[Uuid]) -> Result<bool, Error> {
    let reported = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM incidents WHERE reporter_id = $1 AND id = ANY($2)) AS "reported!""#,
        person.0,
        incidents
    )
    .fetch_one(conn)
    .await?;
    Ok(reported)
}

/// The rides that incidents are about: a hold of an incident keeps them too.
///
/// # Errors
/// When the database is away.
pub async fn rides_of(pool: &PgPool, incidents: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let rides = sqlx::query_scalar!(
        r#"SELECT DISTINCT ride_id AS "ride!" FROM incidents WHERE id = ANY($1) AND ride_id IS NOT NULL"#,
        incidents
    )
    .fetch_all(pool)
    .await?;
    Ok(rides)
}

/// Forgets words and place of what a person reported; that it happened, and how grave it was, stays.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<Progress, Error> {
    sqlx::query!(
        "UPDATE incidents SET description = $3, lat = NULL, lng = NULL, updated_at = $2
         WHERE reporter_id = $1 AND description <> $3",
        person.0,
        DateTime::<Utc>::from(now),
        ERASED
    )
    .execute(conn)
    .await?;
    Ok(Progress::Done)
}

/// How many incidents were over too long ago to keep their words.
///
/// # Errors
/// When the database is away.
pub async fn count_old(conn: &mut PgConnection, due: Due<'_>) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM incidents
           WHERE updated_at < $1 AND state IN ('resolved', 'closed') AND description <> $2
             AND NOT id = ANY($3) AND NOT reporter_id = ANY($4)"#,
        DateTime::<Utc>::from(due.before),
        ERASED,
        &due.held.incidents,
        &due.held.people
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Takes words and places of incidents that were over too long ago; how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old(conn: &mut PgConnection, due: Due<'_>) -> Result<u64, Error> {
    let forgotten = sqlx::query!(
        "UPDATE incidents SET description = $2, lat = NULL, lng = NULL WHERE id IN (
             SELECT id FROM incidents
             WHERE updated_at < $1 AND state IN ('resolved', 'closed') AND description <> $2
               AND NOT id = ANY($3) AND NOT reporter_id = ANY($4) LIMIT $5)",
        DateTime::<Utc>::from(due.before),
        ERASED,
        &due.held.incidents,
        &due.held.people,
        due.rows_max
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}
