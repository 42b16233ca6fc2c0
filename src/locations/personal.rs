//! What this service has about a driver, and how it forgets one: where they were, which zones they entered, where they
//! waited, and what operators did with their place.
//!
//! The way of a driver is given a day at a time: ninety days of one are more than anybody holds in memory.

use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::history::segment::{Minute, Segment, decode};
use super::store::{Day, MINUTES_PER_DAY};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::personal::{ERASE_ROWS_MAX, ERASED, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;

/// Minutes of a driver's way that one piece of an erasure deletes: a week, 20,000 rows at most.
const ERASE_MINUTES: i32 = 7 * MINUTES_PER_DAY;
/// Twice as many as a day has minutes, because a minute can be there twice.
const SEGMENTS_PER_DAY_MAX: i64 = 2 * MINUTES_PER_DAY as i64;

/// Everything about a driver but the way itself.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, _vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let zones = sqlx::query_scalar!(
        r#"SELECT to_jsonb(e) AS "row!: Value" FROM (
               SELECT events.geofence_id, zones.name AS geofence, zones.kind AS geofence_kind, events.kind, events.at
               FROM geofence_events events LEFT JOIN geofences zones ON zones.id = events.geofence_id
               WHERE events.driver_id = $1 ORDER BY events.at DESC LIMIT $2) AS e"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let place = sqlx::query_scalar!(
        r#"SELECT to_jsonb(p) - 'driver_id' AS "row!: Value" FROM stage_places AS p WHERE driver_id = $1"#,
        person.0
    )
    .fetch_all(pool)
    .await?;
    let overrides = sqlx::query_scalar!(
        r#"SELECT to_jsonb(o) AS "row!: Value" FROM (
               SELECT stage_id, from_place, to_place, reason, at
               FROM stage_overrides WHERE driver_id = $1 ORDER BY at DESC LIMIT $2) AS o"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![
        Part::list("zones.json", zones),
        Part::new("stages.json", json!({"place": place, "moved_by_operators": overrides})),
    ])
}

/// The days on which a driver was somewhere, newest first.
///
/// # Errors
/// When the database is away.
pub async fn days(pool: &PgPool, person: UserId) -> Result<Vec<Day>, Error> {
    let days = sqlx::query_scalar!(
        r#"SELECT DISTINCT minute / $2 AS "day!" FROM position_segments WHERE driver_id = $1 ORDER BY 1 DESC"#,
        person.0,
        MINUTES_PER_DAY
    )
    .fetch_all(pool)
    .await?;
    Ok(days.into_iter().map(Day).collect())
}

/// Where a driver was on one day: times in milliseconds since 1970, degrees.
///
/// # Errors
/// When the database is away.
pub async fn way(pool: &PgPool, person: UserId, day: Day) -> Result<Part, Error> {
    let first = day.0.saturating_mul(MINUTES_PER_DAY);
    let minutes = (Minute(first), Minute(first.saturating_add(MINUTES_PER_DAY - 1)));
    let segments = super::store::segments(pool, DriverId::from(person), minutes, SEGMENTS_PER_DAY_MAX).await?;
    let points: Vec<Value> = segments.iter().flat_map(points).collect();
    let date = day.date()?;
    let content = json!({"day_utc": date, "columns": ["at_ms", "lat", "lng"], "points": points});
    Ok(Part::new(format!("positions/{date}.json"), content))
}

/// A minute that cannot be read is a hole in the way, as it is wherever the way is shown.
fn points(segment: &Segment) -> Vec<Value> {
    let points = decode(segment.minute, &segment.packed).unwrap_or_default();
    points.into_iter().map(|point| json!([point.at().as_millis(), point.lat(), point.lng()])).collect()
}

/// Forgets a driver.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, _now: Timestamp) -> Result<Progress, Error> {
    let way = sqlx::query!(
        "WITH oldest AS (SELECT min(minute) AS minute FROM position_segments WHERE driver_id = $1)
         DELETE FROM position_segments AS way USING oldest
         WHERE way.driver_id = $1 AND way.minute < oldest.minute + $2",
        person.0,
        ERASE_MINUTES
    )
    .execute(&mut *conn)
    .await?;
    let zones = sqlx::query!(
        "DELETE FROM geofence_events WHERE id IN (SELECT id FROM geofence_events WHERE driver_id = $1 LIMIT $2)",
        person.0,
        ERASE_ROWS_MAX
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM held_position_segments WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM stage_places WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    // The table is append-only but for this, and for this only within a transaction that says so.
    sqlx::query!(r#"SELECT set_config('boda.erasing', 'on', true)"#).fetch_one(&mut *conn).await?;
    sqlx::query!("UPDATE stage_overrides SET reason = $2 WHERE driver_id = $1 AND reason <> $2", person.0, ERASED)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(r#"SELECT set_config('boda.erasing', 'off', true)"#).fetch_one(conn).await?;
    if way.rows_affected() > 0 { Ok(Progress::More) } else { Ok(Progress::after(&[zones.rows_affected()])) }
}

/// Copies the positions of these drivers before a day to where no day is dropped. What nobody holds any more goes from
/// there.
///
/// # Errors
/// When the database refuses.
pub async fn keep_held(conn: &mut PgConnection, drivers: &[Uuid], before: Timestamp) -> Result<(), Error> {
    sqlx::query!("DELETE FROM held_position_segments WHERE NOT driver_id = ANY($1)", drivers)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "INSERT INTO held_position_segments (driver_id, minute, points)
         SELECT driver_id, minute, points FROM position_segments WHERE driver_id = ANY($1) AND minute < $2
         ON CONFLICT DO NOTHING",
        drivers,
        Minute::of(before).0
    )
    .execute(conn)
    .await?;
    Ok(())
}
