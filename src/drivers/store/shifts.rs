//! SQL on `shifts`. The rides service opens and closes them as part of its own decisions.

use chrono::{DateTime, NaiveDate};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// Opens a shift within the caller's transaction; a second one is the first.
///
/// # Errors
/// When the database refuses.
pub async fn open_shift(conn: &mut PgConnection, driver: DriverId, at: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO shifts (id, driver_id, started_at) VALUES ($1, $2, $3)
         ON CONFLICT (driver_id) WHERE ended_at IS NULL DO NOTHING",
        Uuid::now_v7(),
        driver.0,
        DateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes the open shift, if there is one, within the caller's transaction.
///
/// # Errors
/// When the database refuses.
pub async fn close_shift(conn: &mut PgConnection, driver: DriverId, at: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE shifts SET ended_at = greatest($2, started_at) WHERE driver_id = $1 AND ended_at IS NULL",
        driver.0,
        DateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a driver was on shift at an instant, give or take `about`.
///
/// # Errors
/// When the database is away.
pub async fn was_on_shift(pool: &PgPool, driver: DriverId, at: Timestamp, about: Span) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM shifts WHERE driver_id = $1 AND started_at <= $2
                          AND (ended_at IS NULL OR ended_at >= $3)) AS "was_on_shift!""#,
        driver.0,
        DateTime::from(at + about),
        DateTime::from(at - about),
    )
    .fetch_one(pool)
    .await
}

/// Who is on shift: what a restart begins from. Ordered by driver.
///
/// # Errors
/// When the database is away.
pub async fn on_shift(pool: &PgPool) -> sqlx::Result<Vec<(DriverId, Timestamp)>> {
    let rows = sqlx::query!("SELECT driver_id, started_at FROM shifts WHERE ended_at IS NULL ORDER BY driver_id")
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|row| (DriverId(row.driver_id), row.started_at.into())).collect())
}

/// Who is on shift without an approval or with a paper that has expired by `day`.
pub async fn on_shift_without_standing(pool: &PgPool, day: NaiveDate) -> sqlx::Result<Vec<DriverId>> {
    let ids = sqlx::query_scalar!(
        "SELECT user_id FROM shifts JOIN drivers ON user_id = driver_id
         WHERE ended_at IS NULL
           AND (status <> 'approved' OR least(licence_expires_on, insurance_expires_on, inspection_expires_on,
                                              authorisation_expires_on) < $1)
         ORDER BY user_id",
        day
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(DriverId).collect())
}

/// Shifts that touch a period, oldest first: beginning, and end unless it is open.
pub async fn shifts_between(
    pool: &PgPool,
    driver: DriverId,
    from: Timestamp,
    to: Timestamp,
) -> sqlx::Result<Vec<(Timestamp, Option<Timestamp>)>> {
    let rows = sqlx::query!(
        "SELECT started_at, ended_at FROM shifts
         WHERE driver_id = $1 AND started_at < $3 AND (ended_at IS NULL OR ended_at > $2) ORDER BY started_at",
        driver.0,
        DateTime::from(from),
        DateTime::from(to),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.started_at.into(), row.ended_at.map(Timestamp::from))).collect())
}
