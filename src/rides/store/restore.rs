//! What a restart reads: every live ride and every open offer.

use rustc_hash::FxHashMap;
use sqlx::PgPool;

use super::RideRow;
use crate::error::Error;
use crate::ids::{OfferId, RideId};
use crate::rides::desk::{EndedOffer, LiveRide};
use crate::rides::ride::{Offer, Ride};
use crate::time::{Span, Timestamp};

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
    let mut ended: FxHashMap<_, Vec<EndedOffer>> = FxHashMap::default();
    for row in offers {
        let ordinal = u16::try_from(row.ordinal).map_err(Error::internal)?;
        let offer = EndedOffer { ordinal, driver: row.driver_id.into(), outcome: row.outcome };
        ended.entry(row.ride_id).or_default().push(offer);
    }
    rows.into_iter()
        .map(|row| {
            let id = row.id;
            Ok(LiveRide {
                ride: Ride::try_from(row)?,
                facts: facts.get(&id).copied().unwrap_or(0),
                offers: ended.remove(&id).unwrap_or_default(),
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
