//! The city's stream as the timeline keeps it: its epoch, its last place, and the decisions a restart tells again.

use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::RideRow;
use super::commit::{ended_by, outcome_of, release_of, trouble_of};
use crate::dispatch::{Decision, Fact};
use crate::error::Error;
use crate::ids::{DriverId, Epoch, OfferId, RideId, StreamSeq};
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

/// Rows asked for by one statement: far from the statement timeout.
const ROWS_MAX: usize = 10_000;

/// A decision as persisted.
#[derive(Debug)]
pub struct StoredDecision {
    /// What was decided.
    pub decision: Decision,
    /// Its place.
    pub seq: StreamSeq,
    /// False of an offer that was made and ended in one commit.
    pub is_heard: bool,
}

/// The end of the stream, in order.
#[derive(Debug)]
pub struct StoredStream {
    /// Everything after this place is there.
    pub horizon: StreamSeq,
    /// The decisions that parties heard of.
    pub decisions: Vec<StoredDecision>,
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

/// The decisions after a place that parties hear of; of more than `decisions_max` the newest.
pub async fn stream_after(pool: &PgPool, after: StreamSeq, decisions_max: u32) -> Result<StoredStream, Error> {
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mut rows = sqlx::query!(
        r#"SELECT ride_id, seq, at, kind, data, stream_seq AS "stream_seq!" FROM ride_events
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
    let decision = |row: _| -> Result<StoredDecision, Error> {
        let Row { ride_id, seq, at, kind, data, stream_seq } = row;
        let data = Data::deserialize(data).map_err(Error::internal)?;
        let is_heard = !data.unheard;
        let decision = Decision { ride: RideId(ride_id), seq, at, fact: data.fact(&kind)? };
        Ok(StoredDecision { decision, seq: place(stream_seq), is_heard })
    };
    let rows = rows.into_iter().rev().map(|row| Row {
        ride_id: row.ride_id,
        seq: row.seq.unsigned_abs(),
        at: row.at.into(),
        kind: row.kind,
        data: row.data,
        stream_seq: row.stream_seq,
    });
    Ok(StoredStream { horizon: place(horizon.unwrap_or(0)), decisions: rows.map(decision).collect::<Result<_, _>>()? })
}

/// Rides by their ids, in no order.
pub async fn rides_of(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Ride>, Error> {
    let mut rides = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let rows = sqlx::query_as!(RideRow, "SELECT * FROM rides WHERE id = ANY($1)", ids).fetch_all(pool).await?;
        for row in rows {
            rides.push(Ride::try_from(row)?);
        }
    }
    Ok(rides)
}

struct Row {
    ride_id: Uuid,
    seq: u32,
    at: Timestamp,
    kind: String,
    data: Value,
    stream_seq: i64,
}

/// The details of an event, of whichever kind; see [`super::commit`] for how they are written.
#[derive(Deserialize)]
struct Data {
    offer_id: Option<OfferId>,
    driver_id: Option<DriverId>,
    pickup_eta_s: Option<i64>,
    pickup_distance_m: Option<u32>,
    deadline: Option<Timestamp>,
    outcome: Option<String>,
    trouble: Option<String>,
    reason: Option<String>,
    stop: Option<u8>,
    #[serde(default)]
    is_next: bool,
    #[serde(default)]
    unheard: bool,
}

impl Data {
    /// What `commit::describe` wrote.
    fn fact(self, kind: &str) -> Result<Fact, Error> {
        let fact = match kind {
            "offer_made" => self.offer_made(),
            "offer_closed" => self.offer_closed(),
            "driver_assigned" => {
                let is_next = self.is_next;
                self.offer_id.zip(self.driver_id).map(|(offer, driver)| Fact::Assigned { driver, offer, is_next })
            }
            "search_began" => Some(Fact::SearchBegan),
            "driver_on_the_way" => Some(Fact::OnTheWay),
            "driver_nudged" => self.nudged(),
            "driver_released" => self.released(),
            "stop_reached" => self.stop.map(|stop| Fact::StopReached { stop }),
            "driver_arrived" => Some(Fact::Arrived),
            "started" => Some(Fact::Started),
            other => ended_by(other).map(Fact::Ended),
        };
        fact.ok_or_else(|| Error::internal(format!("ride_events holds a {kind} that is not known")))
    }

    fn offer_made(&self) -> Option<Fact> {
        Some(Fact::OfferMade {
            offer: self.offer_id?,
            driver: self.driver_id?,
            pickup_eta: Span::from_secs(self.pickup_eta_s?),
            pickup_distance_m: self.pickup_distance_m?,
            deadline: self.deadline?,
        })
    }

    fn nudged(&self) -> Option<Fact> {
        Some(Fact::Nudged { driver: self.driver_id?, trouble: trouble_of(self.trouble.as_deref()?)? })
    }

    fn released(&self) -> Option<Fact> {
        Some(Fact::Released { driver: self.driver_id?, reason: release_of(self.reason.as_deref()?)? })
    }

    fn offer_closed(&self) -> Option<Fact> {
        let outcome = outcome_of(self.outcome.as_deref()?)?;
        Some(Fact::OfferClosed { offer: self.offer_id?, driver: self.driver_id?, outcome })
    }
}

fn place(stream_seq: i64) -> StreamSeq {
    StreamSeq(stream_seq.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{OfferOutcome, ReleaseReason, RideEnd, Trouble};
    use crate::rides::desk::Remark;
    use crate::rides::store::commit::describe;

    #[test]
    fn every_fact_that_is_told_can_be_read_from_its_event() {
        let ride = RideId(Uuid::from_u128(1));
        let (offer, driver) = (OfferId { ride, ordinal: 3 }, DriverId(Uuid::from_u128(2)));
        let deadline = Timestamp::from_millis(1_790_000_000_123);
        let pickup_eta = Span::from_secs(95);
        let mut facts = vec![
            Fact::OfferMade { offer, driver, pickup_eta, pickup_distance_m: 700, deadline },
            Fact::SearchBegan,
            Fact::Assigned { driver, offer, is_next: true },
            Fact::OnTheWay,
            Fact::Nudged { driver, trouble: Trouble::Stalled },
            Fact::Released { driver, reason: ReleaseReason::WentAway },
            Fact::StopReached { stop: 2 },
            Fact::Arrived,
            Fact::Started,
        ];
        let outcomes = [
            OfferOutcome::Declined,
            OfferOutcome::Expired,
            OfferOutcome::DriverLost,
            OfferOutcome::Cancelled,
            OfferOutcome::Withdrawn,
            OfferOutcome::Taken,
        ];
        facts.extend(outcomes.map(|outcome| Fact::OfferClosed { offer, driver, outcome }));
        let ends = [
            RideEnd::Completed,
            RideEnd::CancelledByCustomer,
            RideEnd::CancelledByDriver,
            RideEnd::CancelledBySystem,
            RideEnd::NoDriverFound,
        ];
        facts.extend(ends.map(Fact::Ended));
        for fact in facts {
            let (kind, data) = describe(ride, &fact, &Remark::None);
            let read = Data::deserialize(data).expect("the shape of every event").fact(kind);
            assert_eq!(read.expect("a known kind"), fact);
        }
    }
}
