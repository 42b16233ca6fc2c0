//! What a restart reads: every live ride and every open offer.

use rustc_hash::FxHashMap;
use sqlx::PgPool;
use uuid::Uuid;

use super::RideRow;
use super::timelines::timelines;
use crate::error::Error;
use crate::ids::{DriverId, OfferId, RideId};
use crate::rides::desk::LiveRide;
use crate::rides::ride::{Offer, Ride};
use crate::time::{Span, Timestamp};
use crate::vault::Vault;

/// Every ride that has not ended, oldest first.
pub async fn live_rides(pool: &PgPool, vault: &Vault) -> Result<Vec<LiveRide>, Error> {
    let rows = sqlx::query_as!(
        RideRow,
        "SELECT * FROM rides
         WHERE status IN ('scheduled', 'requested', 'driver_assigned', 'driver_arrived', 'in_progress')
         ORDER BY requested_at, id"
    )
    .fetch_all(pool)
    .await?;
    let rides = rows.into_iter().map(|row| row.ride(vault)).collect::<Result<Vec<_>, _>>()?;
    let mut timelines = timelines(pool, rides.iter()).await?;
    let live = |ride: Ride| LiveRide { timeline: timelines.remove(&ride.id).unwrap_or_default(), ride };
    Ok(rides.into_iter().map(live).collect())
}

/// When each of these drivers ended a ride last, where they ever did.
pub async fn last_ended(pool: &PgPool, drivers: &[Uuid]) -> Result<FxHashMap<DriverId, Timestamp>, Error> {
    let rows = sqlx::query!(
        r#"SELECT driver_id AS "driver_id!", max(ended_at) AS "ended_at!" FROM rides
           WHERE driver_id = ANY($1) AND ended_at IS NOT NULL GROUP BY driver_id"#,
        drivers
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.driver_id.into(), row.ended_at.into())).collect())
}

/// Every offer that waits for an answer.
pub async fn open_offers(pool: &PgPool) -> Result<Vec<Offer>, Error> {
    let rows = sqlx::query!(
        "SELECT ride_id, ordinal, driver_id, pickup_eta_s, pickup_distance_m, offered_at, deadline
         FROM offers WHERE outcome IS NULL ORDER BY ride_id, ordinal"
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let ordinal = u16::try_from(row.ordinal).map_err(Error::internal)?;
            Ok(Offer {
                id: OfferId { ride: RideId(row.ride_id), ordinal },
                driver: row.driver_id.into(),
                pickup_eta: Span::from_secs(i64::from(row.pickup_eta_s)),
                pickup_distance_m: row.pickup_distance_m.unsigned_abs(),
                offered_at: Timestamp::from(row.offered_at),
                deadline: Timestamp::from(row.deadline),
            })
        })
        .collect()
}
