//! All SQL on places and on what operators did with them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Override;
use super::queue::Place;
use crate::error::Error;
use crate::ids::{DriverId, UserId, ZoneId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// Every queue as it was written down last.
///
/// # Errors
/// When the database does not answer.
pub async fn places(pool: &PgPool) -> Result<BTreeMap<ZoneId, Vec<Place>>, Error> {
    let rows =
        sqlx::query!("SELECT stage_id, driver_id, joined_at, declines FROM stage_places ORDER BY stage_id, place")
            .fetch_all(pool)
            .await?;
    let mut queues: BTreeMap<ZoneId, Vec<Place>> = BTreeMap::new();
    for row in rows {
        let declines = u8::try_from(row.declines).unwrap_or(u8::MAX);
        let place = Place {
            driver: DriverId(row.driver_id),
            joined_at: Timestamp::from(row.joined_at),
            declines,
            away_until: None,
        };
        queues.entry(ZoneId(row.stage_id)).or_default().push(place);
    }
    Ok(queues)
}

/// Writes these queues as they are, in place of what was written of them.
///
/// # Errors
/// When the database does not answer.
pub async fn write(pool: &PgPool, queues: &[(ZoneId, Vec<Place>)]) -> Result<(), Error> {
    let changed: Vec<Uuid> = queues.iter().map(|(stage, _)| stage.0).collect();
    let (mut stages, mut numbers, mut drivers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut joined, mut declines): (Vec<DateTime<Utc>>, Vec<i16>) = (Vec::new(), Vec::new());
    for (stage, places) in queues {
        for (number, place) in (0_i32..).zip(places) {
            stages.push(stage.0);
            numbers.push(number);
            drivers.push(place.driver.0);
            joined.push(place.joined_at.into());
            declines.push(place.declines.into());
        }
    }
    let mut tx = pool.begin().await?;
    sqlx::query!("DELETE FROM stage_places WHERE stage_id = ANY($1)", &changed).execute(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO stage_places (stage_id, place, driver_id, joined_at, declines)
         SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::timestamptz[], $5::smallint[])",
        &stages,
        &numbers,
        &drivers,
        &joined,
        &declines,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Notes what an operator is about to do.
///
/// # Errors
/// When the database does not answer.
pub async fn insert_override(conn: &mut PgConnection, stage: ZoneId, noted: &Override) -> Result<(), Error> {
    let number = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
    sqlx::query!(
        "INSERT INTO stage_overrides (id, stage_id, driver_id, from_place, to_place, reason, by_user, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        noted.id,
        stage.0,
        noted.driver.0,
        number(noted.from),
        noted.to.map(number),
        noted.reason,
        noted.by.0,
        DateTime::<Utc>::from(noted.at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What operators did with a queue, newest first, one more than asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn overrides(pool: &PgPool, stage: ZoneId, page: &PageRequest) -> Result<Vec<Override>, Error> {
    let rows = sqlx::query!(
        "SELECT id, driver_id, from_place, to_place, reason, by_user, at FROM stage_overrides
         WHERE stage_id = $1 AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3))
         ORDER BY at DESC, id DESC LIMIT $4",
        stage.0,
        page.before.map(|position| DateTime::<Utc>::from(position.at)),
        page.before.map(|position| position.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let number = |at: i32| usize::try_from(at).unwrap_or_default();
    let noted = rows.into_iter().map(|row| Override {
        id: row.id,
        driver: DriverId(row.driver_id),
        from: number(row.from_place),
        to: row.to_place.map(number),
        reason: row.reason,
        by: UserId(row.by_user),
        at: row.at.into(),
    });
    Ok(noted.collect())
}
