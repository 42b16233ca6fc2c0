//! All SQL on the `incidents` table, and the one question to the published view of rides.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Incident;
use super::incident::{Severity, State};
use crate::geo::LatLng;
use crate::ids::{RideId, UserId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// Which incidents to list; `None` is any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    pub reporter: Option<UserId>,
    pub state: Option<State>,
    pub severity: Option<Severity>,
}

struct Row {
    id: Uuid,
    reporter_id: Uuid,
    ride_id: Option<Uuid>,
    kind: String,
    severity: String,
    state: String,
    description: String,
    lat: Option<f64>,
    lng: Option<f64>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Incident {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        // The columns' checks admit the known words only.
        let unreadable = |error| sqlx::Error::Decode(Box::new(error));
        Ok(Self {
            id: row.id,
            reporter: Some(UserId(row.reporter_id)),
            ride: row.ride_id.map(RideId),
            kind: row.kind.parse().map_err(unreadable)?,
            severity: row.severity.parse().map_err(unreadable)?,
            state: row.state.parse().map_err(unreadable)?,
            description: Some(row.description),
            place: row.lat.zip(row.lng).and_then(|(lat, lng)| LatLng::new(lat, lng).ok()),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        })
    }
}

/// Whether there is such a ride, and `party` (when asked about one) rides or drives it.
pub(super) async fn has_ride(pool: &PgPool, ride: RideId, party: Option<UserId>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM reporting.rides
                          WHERE id = $1 AND ($2::uuid IS NULL OR $2 IN (rider_id, driver_id))) AS "found!""#,
        ride.0,
        party.map(Uuid::from),
    )
    .fetch_one(pool)
    .await
}

/// Writes a new incident.
pub(super) async fn insert(conn: &mut PgConnection, incident: &Incident) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO incidents (id, reporter_id, ride_id, kind, severity, state, description, lat, lng, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        incident.id,
        incident.reporter.map(Uuid::from),
        incident.ride.map(Uuid::from),
        incident.kind.as_str(),
        incident.severity.as_str(),
        incident.state.as_str(),
        incident.description,
        incident.place.map(LatLng::lat),
        incident.place.map(LatLng::lng),
        DateTime::<Utc>::from(incident.created_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of incidents, newest first, one more than the page holds.
pub(super) async fn list(
    pool: &PgPool,
    selection: &Selection,
    page: &PageRequest,
) -> Result<Vec<Incident>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, reporter_id, ride_id, kind, severity, state, description, lat, lng, created_at, updated_at
         FROM incidents
         WHERE ($1::uuid IS NULL OR reporter_id = $1) AND ($2::text IS NULL OR state = $2)
               AND ($3::text IS NULL OR severity = $3)
               AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
         ORDER BY created_at DESC, id DESC
         LIMIT $6",
        selection.reporter.map(Uuid::from),
        selection.state.map(State::as_str),
        selection.severity.map(Severity::as_str),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Incident::try_from).collect()
}

/// Reads an incident and keeps others from changing it until the transaction ends.
pub(super) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Incident>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, reporter_id, ride_id, kind, severity, state, description, lat, lng, created_at, updated_at
         FROM incidents WHERE id = $1 FOR UPDATE",
        id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Incident::try_from).transpose()
}

/// Writes a new state.
pub(super) async fn set_state(
    conn: &mut PgConnection,
    id: Uuid,
    state: State,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE incidents SET state = $2, updated_at = $3 WHERE id = $1",
        id,
        state.as_str(),
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}
