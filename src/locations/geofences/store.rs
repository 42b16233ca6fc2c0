//! All SQL on zones, their changes and their events.
//!
//! Separate because here alone is known that a zone's ring is a JSON array and that a change writes two rows. Every change is
//! one transaction with its entry in `geofence_changes`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::fences::Event;
use super::presence::Step;
use super::zone::{EventKind, Outline, Zone, ZoneKind};
use super::{Draft, Stored, StoredEvent};
use crate::error::Error;
use crate::geo::LatLng;
use crate::ids::{DriverId, UserId, ZoneId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// A ring as GeoJSON writes it.
type Ring = Vec<[f64; 2]>;

struct Row {
    id: Uuid,
    name: String,
    kind: String,
    outline: Json<Ring>,
    data: Json<Map<String, Value>>,
    version: i32,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    changed_by: Uuid,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let unreadable =
            |what: &str| Error::internal(format!("the geofence {} has no {what} that can be read", row.id));
        let corners: Result<Vec<LatLng>, _> = row.outline.0.iter().map(|[lng, lat]| LatLng::new(*lat, *lng)).collect();
        let corners = corners.map_err(|_| unreadable("corners"))?;
        // What was allowed when it was drawn stays allowed.
        let outline = Outline::new(corners, usize::MAX).map_err(|_| unreadable("outline"))?;
        let kind = ZoneKind::parse(&row.kind).ok_or_else(|| unreadable("kind"))?;
        Ok(Self {
            zone: Zone { id: ZoneId(row.id), name: row.name, kind, outline },
            data: row.data.0,
            version: row.version,
            created_at: row.created_at.into(),
            changed_at: row.changed_at.into(),
            changed_by: UserId(row.changed_by),
        })
    }
}

/// The ring of an outline, closed.
pub fn ring(outline: &Outline) -> Ring {
    let corners = outline.polygon().corners();
    corners.iter().chain(corners.first()).map(|corner| [corner.lng(), corner.lat()]).collect()
}

/// Every zone in force.
///
/// # Errors
/// When the database does not answer.
pub async fn all(pool: &PgPool) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, kind, outline AS "outline: Json<Ring>", data AS "data: Json<Map<String, Value>>", version,
                  created_at, changed_at, changed_by
           FROM geofences WHERE removed_at IS NULL ORDER BY created_at, id"#
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// What changes with every change of a zone by anybody.
///
/// # Errors
/// When the database does not answer.
pub async fn state(pool: &PgPool) -> Result<(i64, Option<DateTime<Utc>>), Error> {
    let row = sqlx::query!(r#"SELECT sum(version) AS "sum: i64", max(changed_at) AS newest FROM geofences"#);
    let row = row.fetch_one(pool).await?;
    Ok((row.sum.unwrap_or_default(), row.newest))
}

/// How many zones are in force.
///
/// # Errors
/// When the database does not answer.
pub async fn count(pool: &PgPool) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM geofences WHERE removed_at IS NULL"#);
    Ok(count.fetch_one(pool).await?)
}

/// A page of zones in force, newest first, one more than asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn page(pool: &PgPool, page: &PageRequest) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, kind, outline AS "outline: Json<Ring>", data AS "data: Json<Map<String, Value>>", version,
                  created_at, changed_at, changed_by
           FROM geofences
           WHERE removed_at IS NULL AND ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2))
           ORDER BY created_at DESC, id DESC LIMIT $3"#,
        page.before.map(|position| DateTime::<Utc>::from(position.at)),
        page.before.map(|position| position.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// A zone in force.
///
/// # Errors
/// When the database does not answer.
pub async fn find(pool: &PgPool, id: ZoneId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, name, kind, outline AS "outline: Json<Ring>", data AS "data: Json<Map<String, Value>>", version,
                  created_at, changed_at, changed_by
           FROM geofences WHERE id = $1 AND removed_at IS NULL"#,
        id.0
    )
    .fetch_optional(pool)
    .await?;
    row.map(Stored::try_from).transpose()
}

/// Whether there is or was such a zone.
///
/// # Errors
/// When the database does not answer.
pub async fn was_there(pool: &PgPool, id: ZoneId) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM geofences WHERE id = $1) AS "found!""#, id.0);
    Ok(found.fetch_one(pool).await?)
}

/// Writes a new zone.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(
    conn: &mut PgConnection,
    id: ZoneId,
    draft: &Draft,
    by: UserId,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO geofences (id, name, kind, outline, data, version, created_at, changed_at, changed_by)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7)",
        id.0,
        draft.name,
        draft.kind.as_str(),
        Json(ring(&draft.outline)) as _,
        Json(&draft.data) as _,
        DateTime::<Utc>::from(at),
        by.0,
    )
    .execute(&mut *conn)
    .await?;
    note(conn, id, "created").await?;
    Ok(())
}

/// Changes a zone in force, of this version if one is given. Whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn update(
    conn: &mut PgConnection,
    (id, version): (ZoneId, Option<i32>),
    draft: &Draft,
    by: UserId,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = sqlx::query!(
        "UPDATE geofences SET name = $3, kind = $4, outline = $5, data = $6, version = version + 1, changed_at = $7,
             changed_by = $8
         WHERE id = $1 AND removed_at IS NULL AND ($2::integer IS NULL OR version = $2)",
        id.0,
        version,
        draft.name,
        draft.kind.as_str(),
        Json(ring(&draft.outline)) as _,
        Json(&draft.data) as _,
        DateTime::<Utc>::from(at),
        by.0,
    )
    .execute(&mut *conn)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    note(conn, id, "changed").await?;
    Ok(true)
}

/// Takes a zone out of force. Whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn remove(conn: &mut PgConnection, id: ZoneId, by: UserId, at: Timestamp) -> Result<bool, Error> {
    let removed = sqlx::query!(
        "UPDATE geofences SET version = version + 1, changed_at = $2, changed_by = $3, removed_at = $2
         WHERE id = $1 AND removed_at IS NULL",
        id.0,
        DateTime::<Utc>::from(at),
        by.0,
    )
    .execute(&mut *conn)
    .await?;
    if removed.rows_affected() == 0 {
        return Ok(false);
    }
    note(conn, id, "removed").await?;
    Ok(true)
}

/// Keeps the row as it is now, with who made it so.
async fn note(connection: &mut PgConnection, id: ZoneId, what: &str) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO geofence_changes (geofence_id, version, what, by_user, at, name, kind, outline, data)
         SELECT id, version, $2, changed_by, changed_at, name, kind, outline, data FROM geofences WHERE id = $1",
        id.0,
        what
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes events, all or none.
///
/// # Errors
/// When the database does not answer.
pub async fn insert_events(pool: &PgPool, events: &[Event]) -> Result<(), Error> {
    let ids: Vec<Uuid> = events.iter().map(|_| Uuid::now_v7()).collect();
    let zones: Vec<Uuid> = events.iter().map(|event| event.step.zone.0).collect();
    let drivers: Vec<Uuid> = events.iter().map(|event| event.driver.0).collect();
    let kinds: Vec<String> = events.iter().map(|event| event.step.kind.as_str().to_owned()).collect();
    let ats: Vec<DateTime<Utc>> = events.iter().map(|event| event.step.at.into()).collect();
    sqlx::query!(
        "INSERT INTO geofence_events (id, geofence_id, driver_id, kind, at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])",
        &ids,
        &zones,
        &drivers,
        &kinds,
        &ats,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A page of a zone's events, newest first, one more than asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn events(pool: &PgPool, zone: ZoneId, page: &PageRequest) -> Result<Vec<StoredEvent>, Error> {
    let rows = sqlx::query!(
        "SELECT id, driver_id, kind, at FROM geofence_events
         WHERE geofence_id = $1 AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3))
         ORDER BY at DESC, id DESC LIMIT $4",
        zone.0,
        page.before.map(|position| DateTime::<Utc>::from(position.at)),
        page.before.map(|position| position.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let event = |(id, driver, kind, at): (Uuid, Uuid, String, DateTime<Utc>)| {
        let kind = EventKind::parse(&kind).ok_or_else(|| Error::internal("an event of an unknown kind"))?;
        Ok(StoredEvent { id, event: Event { driver: DriverId(driver), step: Step { zone, kind, at: at.into() } } })
    };
    rows.into_iter().map(|row| event((row.id, row.driver_id, row.kind, row.at))).collect()
}

/// Forgets events from before an instant, so many at most. How many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_events(pool: &PgPool, before: Timestamp, rows_max: i64) -> Result<u64, Error> {
    let gone = sqlx::query!(
        "DELETE FROM geofence_events WHERE ctid IN (SELECT ctid FROM geofence_events WHERE at < $1 LIMIT $2)",
        DateTime::<Utc>::from(before),
        rows_max
    );
    Ok(gone.execute(pool).await?.rows_affected())
}
