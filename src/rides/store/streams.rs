//! The city's stream as the timeline keeps it: its epoch, its last place, and the rides a restart tells of again.

use sqlx::PgPool;
use uuid::Uuid;

use super::RideRow;
use super::timelines::place;
use crate::error::Error;
use crate::ids::{Epoch, StreamSeq};
use crate::rides::ride::Ride;
use crate::vault::Vault;

/// Rows asked for by one statement: far from the statement timeout.
const ROWS_MAX: usize = 10_000;

/// The end of the stream.
#[derive(Debug)]
pub struct StreamEnd {
    /// Everything after this place is there.
    pub horizon: StreamSeq,
    /// The rides that something was decided about since.
    pub rides: Vec<Uuid>,
}

/// Which life of the stream this is.
pub async fn epoch(pool: &PgPool) -> Result<Epoch, Error> {
    Ok(Epoch(sqlx::query_scalar!("SELECT epoch FROM city_stream").fetch_one(pool).await?))
}

/// The last place that was given.
pub async fn last_seq(pool: &PgPool) -> Result<StreamSeq, Error> {
    let last = sqlx::query_scalar!(r#"SELECT max(stream_seq) AS "last" FROM ride_events"#).fetch_one(pool).await?;
    Ok(place(last.unwrap_or(0)))
}

/// What there is after a place; of more than `decisions_max` decisions the newest.
pub async fn stream_after(pool: &PgPool, after: StreamSeq, decisions_max: u32) -> Result<StreamEnd, Error> {
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mut rows = sqlx::query!(
        r#"SELECT ride_id, stream_seq AS "stream_seq!" FROM ride_events
           WHERE stream_seq > $1 AND kind <> 'requested' ORDER BY stream_seq DESC LIMIT $2"#,
        after,
        i64::from(decisions_max) + 1
    )
    .fetch_all(pool)
    .await?;
    let horizon = if rows.len() > usize::try_from(decisions_max).unwrap_or(usize::MAX) {
        rows.pop().map(|oldest| oldest.stream_seq)
    } else {
        // The last one before: who has that one has missed nothing, however long ago it was.
        sqlx::query_scalar!(r#"SELECT max(stream_seq) AS "last" FROM ride_events WHERE stream_seq <= $1"#, after)
            .fetch_one(pool)
            .await?
    };
    let mut rides: Vec<Uuid> = rows.into_iter().map(|row| row.ride_id).collect();
    rides.sort_unstable();
    rides.dedup();
    Ok(StreamEnd { horizon: place(horizon.unwrap_or(0)), rides })
}

/// Rides by their ids, in no order.
pub async fn rides_of(pool: &PgPool, vault: &Vault, ids: &[Uuid]) -> Result<Vec<Ride>, Error> {
    let mut rides = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let rows = sqlx::query_as!(RideRow, "SELECT * FROM rides WHERE id = ANY($1)", ids).fetch_all(pool).await?;
        for row in rows {
            rides.push(row.ride(vault)?);
        }
    }
    Ok(rides)
}
