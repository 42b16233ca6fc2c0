//! What was promised and seen of a driver's way to a pickup: what a cancellation is judged by.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::error::Error;
use crate::ids::{DriverId, RideId};
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

/// A driver's way to the pickup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Approach {
    /// When the driver was to be there, by the offer that was taken.
    pub promised_at: Option<Timestamp>,
    /// Whether the driver had to be asked what is wrong.
    pub strayed: bool,
}

/// The way of the ride's present driver; nothing is known of a ride without one.
pub async fn approach(pool: &PgPool, ride: &Ride) -> Result<Approach, Error> {
    let (Some(driver), Some(assigned_at)) = (ride.driver, ride.assigned_at) else { return Ok(Approach::default()) };
    let row = sqlx::query!(
        r#"SELECT (SELECT pickup_eta_s FROM offers WHERE ride_id = $1 AND driver_id = $2 AND outcome = 'accepted'
                   ORDER BY ordinal DESC LIMIT 1) AS pickup_eta_s,
                  EXISTS (SELECT FROM ride_events
                          WHERE ride_id = $1 AND kind = 'driver_nudged' AND at >= $3) AS "strayed!""#,
        ride.id.0,
        driver.0,
        DateTime::<Utc>::from(assigned_at),
    )
    .fetch_one(pool)
    .await?;
    let promised_at = row.pickup_eta_s.map(|eta_s| assigned_at + Span::from_secs(i64::from(eta_s)));
    Ok(Approach { promised_at, strayed: row.strayed })
}

/// Whether a driver had this ride and called it off, and another driver was looked for.
pub async fn gave_back(pool: &PgPool, ride: RideId, driver: DriverId) -> Result<bool, Error> {
    let gave_back = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM ride_events WHERE ride_id = $1 AND kind = 'driver_released' AND actor_id = $2)
                  AS "gave_back!""#,
        ride.0,
        driver.0
    )
    .fetch_one(pool)
    .await?;
    Ok(gave_back)
}
