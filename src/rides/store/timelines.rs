//! Timelines read back as the facts they are: what a restart goes on from, and what it tells again.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use sqlx::PgPool;
use uuid::Uuid;

use super::commit::{ended_by, outcome_of, release_of, trouble_of};
use crate::dispatch::{Decision, Fact};
use crate::error::Error;
use crate::ids::{DriverId, OfferId, RideId, RiderId, StreamSeq};
use crate::rides::desk::Recorded;
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

/// Rides whose timelines one statement reads: a ride has tens of events, and this is far from the statement timeout.
const RIDES_MAX: usize = 1_000;

/// Everything that was decided about these rides, in order.
pub async fn timelines<'a>(
    pool: &PgPool,
    rides: impl Iterator<Item = &'a Ride>,
) -> Result<FxHashMap<RideId, Vec<Recorded>>, Error> {
    let riders: FxHashMap<RideId, RiderId> = rides.map(|ride| (ride.id, ride.rider)).collect();
    let mut ids: Vec<Uuid> = riders.keys().map(|id| id.0).collect();
    ids.sort_unstable();
    let mut timelines: FxHashMap<RideId, Vec<Recorded>> = FxHashMap::default();
    for ids in ids.chunks(RIDES_MAX) {
        let rows = sqlx::query!(
            "SELECT ride_id, seq, at, kind, data, stream_seq FROM ride_events WHERE ride_id = ANY($1) ORDER BY ride_id, seq",
            ids
        )
        .fetch_all(pool)
        .await?;
        for row in rows {
            let ride = RideId(row.ride_id);
            let rider = *riders.get(&ride).ok_or_else(|| Error::internal("an event of a ride not asked for"))?;
            let data = Data::deserialize(row.data).map_err(Error::internal)?;
            let is_heard = !data.unheard;
            let fact = data.fact(&row.kind, rider)?;
            let decision = Decision { ride, seq: row.seq.unsigned_abs(), at: row.at.into(), fact };
            // Older than the stream: told long ago.
            let seq = place(row.stream_seq.unwrap_or(0));
            timelines.entry(ride).or_default().push(Recorded { decision, seq, is_heard });
        }
    }
    Ok(timelines)
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
    search_from: Option<Timestamp>,
    #[serde(default)]
    is_next: bool,
    #[serde(default)]
    unheard: bool,
}

impl Data {
    /// What `commit::describe` wrote. `rider` is whose ride it is: that is in no event.
    fn fact(self, kind: &str, rider: RiderId) -> Result<Fact, Error> {
        let fact = match kind {
            "requested" => Some(Fact::Requested { rider }),
            "offer_made" => self.offer_made(),
            "offer_closed" => self.offer_closed(),
            "driver_assigned" => {
                let is_next = self.is_next;
                self.offer_id.zip(self.driver_id).map(|(offer, driver)| Fact::Assigned { driver, offer, is_next })
            }
            "rescheduled" => self.search_from.map(|search_from| Fact::Rescheduled { search_from }),
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

pub(super) fn place(stream_seq: i64) -> StreamSeq {
    StreamSeq(stream_seq.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{OfferOutcome, ReleaseReason, RideEnd, Trouble};
    use crate::rides::desk::Remark;
    use crate::rides::store::commit::describe;

    #[test]
    fn every_fact_can_be_read_from_its_event() {
        let ride = RideId(Uuid::from_u128(1));
        let (offer, driver) = (OfferId { ride, ordinal: 3 }, DriverId(Uuid::from_u128(2)));
        let deadline = Timestamp::from_millis(1_790_000_000_123);
        let pickup_eta = Span::from_secs(95);
        let rider = RiderId(Uuid::from_u128(3));
        let mut facts = vec![
            Fact::Requested { rider },
            Fact::OfferMade { offer, driver, pickup_eta, pickup_distance_m: 700, deadline },
            Fact::Rescheduled { search_from: deadline },
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
            let read = Data::deserialize(data).expect("the shape of every event").fact(kind, rider);
            assert_eq!(read.expect("a known kind"), fact);
        }
    }
}
