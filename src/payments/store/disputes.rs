//! SQL of fare disputes.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::{RideId, RiderId};
use crate::money::Francs;
use crate::payments::disputes::{Dispute, NewDispute};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

struct Row {
    id: Uuid,
    ride_id: Uuid,
    reason: String,
    comment: Option<String>,
    charged_rwf: i64,
    opened_at: DateTime<Utc>,
    state: String,
    resolution: Option<String>,
    resolved_at: Option<DateTime<Utc>>,
}

impl From<Row> for Dispute {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            ride: row.ride_id.into(),
            reason: row.reason,
            comment: row.comment,
            charged: Francs(row.charged_rwf),
            opened_at: row.opened_at.into(),
            state: row.state,
            resolution: row.resolution,
            resolved_at: row.resolved_at.map(Timestamp::from),
        }
    }
}

/// Writes a dispute; false when the ride has one.
pub async fn insert(conn: &mut PgConnection, new: &NewDispute, id: Uuid, now: Timestamp) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO fare_disputes (ride_id, id, rider_id, reason, comment, charged_rwf, opened_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (ride_id) DO NOTHING",
        new.ride.0,
        id,
        new.rider.0,
        new.reason,
        new.comment,
        new.charged.amount(),
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A rider's dispute of a ride.
pub async fn find(pool: &PgPool, rider: RiderId, ride: RideId) -> sqlx::Result<Option<Dispute>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT d.id, d.ride_id, d.reason, d.comment, d.charged_rwf, d.opened_at, c.state, c.resolution, c.resolved_at
         FROM fare_disputes d JOIN money_cases c ON c.cause = 'fare_dispute:' || d.ride_id::text
         WHERE d.ride_id = $1 AND d.rider_id = $2",
        ride.0,
        rider.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Dispute::from))
}

/// A rider's disputes, newest first, one more than the page holds.
pub async fn list(pool: &PgPool, rider: RiderId, page: &PageRequest) -> sqlx::Result<Vec<Dispute>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT d.id, d.ride_id, d.reason, d.comment, d.charged_rwf, d.opened_at, c.state, c.resolution, c.resolved_at
         FROM fare_disputes d JOIN money_cases c ON c.cause = 'fare_dispute:' || d.ride_id::text
         WHERE d.rider_id = $1 AND ($2::timestamptz IS NULL OR (d.opened_at, d.id) < ($2, $3))
         ORDER BY d.opened_at DESC, d.id DESC LIMIT $4",
        rider.0,
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Dispute::from).collect())
}
