//! What is asked of rides that are scheduled or carry parcels.

use sqlx::PgPool;

use super::RideRow;
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

/// A rider's rides whose search has not begun, soonest first.
pub async fn scheduled_of(pool: &PgPool, rider: RiderId, most: u16) -> Result<Vec<Ride>, Error> {
    let rows = sqlx::query_as!(
        RideRow,
        "SELECT * FROM rides WHERE rider_id = $1 AND status = 'scheduled' AND pickup_at IS NOT NULL AND ended_at IS NULL
         ORDER BY pickup_at, id LIMIT $2",
        rider.0,
        i64::from(most)
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Ride::try_from).collect()
}

/// How far away the driver was who accepted.
pub async fn accepted_eta(pool: &PgPool, id: RideId) -> Result<Option<Span>, Error> {
    let eta_s = sqlx::query_scalar!(
        "SELECT pickup_eta_s FROM offers WHERE ride_id = $1 AND outcome = 'accepted' ORDER BY ordinal DESC LIMIT 1",
        id.0
    )
    .fetch_optional(pool)
    .await?;
    Ok(eta_s.map(|eta_s| Span::from_secs(i64::from(eta_s))))
}

/// Takes names and telephones of people without an account out of rides that ended before; how many rides.
pub async fn forget_contacts(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"UPDATE rides SET
               parcel = parcel || '{"sender": null, "receiver": null}',
               stops = (SELECT coalesce(jsonb_agg(stop || '{"contact": null}' ORDER BY position), '[]')
                        FROM jsonb_array_elements(stops) WITH ORDINALITY AS listed (stop, position)),
               has_contacts = false
           WHERE id IN (SELECT id FROM rides WHERE has_contacts AND ended_at < $1 LIMIT $2)"#,
        chrono::DateTime::<chrono::Utc>::from(before),
        limit
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
