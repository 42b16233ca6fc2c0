//! SQL on `driver_standing`: every change of standing, append-only.

use chrono::DateTime;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::Status;
use crate::drivers::standing::{Cause, StandingChange};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// A change to be written.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub from: Option<Status>,
    pub to: Status,
    pub cause: Cause,
    pub reason: Option<&'a str>,
    pub by: Option<UserId>,
}

/// Writes a change; nothing when there is none. A suspension that an admin decides while another one lasts is one.
pub async fn record_change(
    conn: &mut PgConnection,
    driver: DriverId,
    change: Change<'_>,
    now: Timestamp,
) -> sqlx::Result<()> {
    let is_harder = change.to == Status::Suspended && change.cause == Cause::Decision;
    if change.from == Some(change.to) && !is_harder {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO driver_standing (id, driver_id, from_status, to_status, cause, reason, decided_by, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::now_v7(),
        driver.0,
        change.from.map(Status::as_str),
        change.to.as_str(),
        change.cause.as_str(),
        change.reason.map(str::trim),
        change.by.map(|by| by.0),
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Newest first, one more than the page holds.
pub async fn history(pool: &PgPool, driver: DriverId, page: &PageRequest) -> Result<Vec<StandingChange>, Error> {
    let rows = sqlx::query!(
        "SELECT id, from_status, to_status, cause, reason, decided_by, at FROM driver_standing
         WHERE driver_id = $1 AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::uuid))
         ORDER BY at DESC, id DESC LIMIT $4",
        driver.0,
        page.before.map(|before| DateTime::<chrono::Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1
    )
    .fetch_all(pool)
    .await?;
    let unknown = || Error::internal("unknown word in driver_standing");
    let changes = rows.into_iter().map(|row| {
        let from = row.from_status.as_deref().map(|name| Status::from_name(name).ok_or_else(unknown)).transpose()?;
        Ok(StandingChange {
            id: row.id,
            from,
            to: Status::from_name(&row.to_status).ok_or_else(unknown)?,
            cause: Cause::from_name(&row.cause).ok_or_else(unknown)?,
            reason: row.reason,
            by: row.decided_by.map(UserId),
            at: row.at.into(),
        })
    });
    changes.collect()
}
