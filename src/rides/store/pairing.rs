//! What is stored of a meeting at the roadside: rides of the two around that time.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::error::Error;
use crate::ids::{DriverId, RideId, RiderId};
use crate::time::{Span, Timestamp};

/// A meeting.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// Who rides.
    pub rider: RiderId,
    /// Who drives.
    pub driver: DriverId,
    /// When.
    pub at: Timestamp,
    /// A ride that was handed in later than this after its meeting ended by then, as far as is known.
    pub now_within: Span,
}

/// A ride of one of the two.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    /// Which.
    pub id: RideId,
    /// Who rode.
    pub rider: RiderId,
    /// Who drove.
    pub driver: DriverId,
    /// When they met, if they met so.
    pub paired_at: Option<Timestamp>,
    /// Whether it was under way at the time of the meeting.
    pub is_under_way_at: bool,
}

/// The rides of either of the two within a day of a meeting. Bounded: nobody rides more in two days.
pub async fn rides_around(pool: &PgPool, around: &Around) -> Result<Vec<Other>, Error> {
    let day = Span::from_minutes(24 * 60);
    let rows = sqlx::query!(
        r#"SELECT id, rider_id, driver_id AS "driver_id!", paired_at,
                  coalesce(paired_at, started_at) <= $3::timestamptz
                  -- What was shown is known to half a minute; a ride that ended in it made room.
                  AND $3 + interval '30 seconds' < CASE
                      -- Handed in later: it lasted as long as the router thinks, and however short it was, codes of
                      -- neighbouring half minutes are of one meeting.
                      WHEN assigned_at > paired_at + $6::integer * interval '1 second'
                          THEN paired_at + greatest(estimated_duration_s, 90) * interval '1 second'
                      ELSE coalesce(ended_at, 'infinity') END AS "is_under_way_at!"
           FROM rides
           WHERE (driver_id = $1 OR rider_id = $2) AND started_at IS NOT NULL
             AND requested_at BETWEEN $4 AND $5
           ORDER BY requested_at LIMIT 200"#,
        around.driver.0,
        around.rider.0,
        DateTime::<Utc>::from(around.at),
        DateTime::<Utc>::from(around.at - day),
        DateTime::<Utc>::from(around.at + day),
        i32::try_from(around.now_within.as_secs()).unwrap_or(i32::MAX),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Other {
            id: row.id.into(),
            rider: row.rider_id.into(),
            driver: row.driver_id.into(),
            paired_at: row.paired_at.map(Timestamp::from),
            is_under_way_at: row.is_under_way_at,
        })
        .collect())
}
