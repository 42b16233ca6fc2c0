//! What a restart reads: every live ride and every open offer.

use rustc_hash::FxHashMap;
use sqlx::PgPool;

use super::RideRow;
use crate::error::Error;
use crate::ids::{DriverId, OfferId, RideId};
use crate::rides::ride::{Offer, Ride};
use crate::time::{Span, Timestamp};

/// A live ride with what the core needs besides the record.
pub struct LiveRide {
    /// The record.
    pub ride: Ride,
    /// Facts recorded so far.
    pub facts: u32,
    /// Drivers who had it on offer and did not take it.
    pub passed: Vec<DriverId>,
    /// Ordinal of the accepted offer.
    pub accepted: Option<u16>,
}

/// Every ride that has not ended, oldest first.
pub async fn live_rides(pool: &PgPool) -> Result<Vec<LiveRide>, Error> {
    let rows = sqlx::query_as!(
        RideRow,
        "SELECT * FROM rides WHERE status IN ('requested', 'driver_assigned', 'driver_arrived', 'in_progress')
         ORDER BY requested_at, id"
    )
    .fetch_all(pool)
    .await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let facts = sqlx::query!(
        r#"SELECT ride_id, max(seq) AS "facts!" FROM ride_events WHERE ride_id = ANY($1) GROUP BY ride_id"#,
        &ids
    )
    .fetch_all(pool)
    .await?;
    let facts: FxHashMap<_, _> = facts.into_iter().map(|row| (row.ride_id, row.facts.unsigned_abs())).collect();
    let offers = sqlx::query!(
        r#"SELECT ride_id, ordinal, driver_id, outcome AS "outcome!" FROM offers
           WHERE ride_id = ANY($1) AND outcome IS NOT NULL ORDER BY ride_id, ordinal"#,
        &ids
    )
    .fetch_all(pool)
    .await?;
    let mut passed: FxHashMap<_, Vec<DriverId>> = FxHashMap::default();
    let mut accepted: FxHashMap<_, u16> = FxHashMap::default();
    for offer in offers {
        if offer.outcome == "accepted" {
            accepted.insert(offer.ride_id, u16::try_from(offer.ordinal).map_err(Error::internal)?);
        } else {
            passed.entry(offer.ride_id).or_default().push(offer.driver_id.into());
        }
    }
    rows.into_iter()
        .map(|row| {
            let id = row.id;
            Ok(LiveRide {
                ride: Ride::try_from(row)?,
                facts: facts.get(&id).copied().unwrap_or(0),
                passed: passed.remove(&id).unwrap_or_default(),
                accepted: accepted.get(&id).copied(),
            })
        })
        .collect()
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
