//! Rides for later: they wait for their time, then search like any other.
//!
//! A scheduled ride is not yet its rider's live ride: who goes to work tomorrow may go to market today. When its time comes
//! while the rider is still on another ride, it waits for that one to end, for as long as a search may take. A search lasts as
//! long as any, or until the time that was promised, whichever is later.

use super::{Dispatch, Due, Fact, Order, Output, Refusal, Ride, RideEnd, Stage};
use crate::ids::{RideId, RiderId};
use crate::time::{Span, Timestamp};

/// How often it is looked whether the rider's other ride is over: the driver of a scheduled ride is on the way for minutes
/// anyway.
const BUSY_RETRY: Span = Span::from_secs(15);

impl Dispatch {
    pub(super) fn schedule(&mut self, now: Timestamp, id: RideId, mut ride: Ride, out: &mut Vec<Output>) {
        let rider = ride.rider;
        Self::record(id, &mut ride, now, Fact::Requested { rider }, out);
        self.deadlines.arm(ride.searching_since, Due::SearchBegins(id));
        self.rides.insert(id, ride);
        self.scheduled += 1;
    }

    /// Whether the rider may have one more waiting. Counted, because only who books ahead asks.
    pub(super) fn refuse_too_many(&self, rider: RiderId, order: &Order) -> Result<(), Refusal> {
        let Some(most) = order.scheduled_max else { return Ok(()) };
        let waiting = self.rides.values().filter(|ride| ride.stage == Stage::Scheduled && ride.rider == rider).count();
        if waiting < usize::from(most) { Ok(()) } else { Err(Refusal::TooManyScheduled { most }) }
    }

    /// Another time, while none has come.
    pub(super) fn reschedule(
        &mut self,
        now: Timestamp,
        id: RideId,
        rider: RiderId,
        order: &Order,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get_mut(&id).ok_or(Refusal::UnknownRide)?;
        if ride.rider != rider {
            return Err(Refusal::NotYours);
        }
        let search_from = order.search_from.filter(|from| *from > now).ok_or(Refusal::WrongState)?;
        if ride.stage != Stage::Scheduled {
            return Err(Refusal::WrongState);
        }
        let before = (ride.order.search_from, ride.order.search_until);
        if before == (order.search_from, order.search_until) {
            return Ok(());
        }
        (ride.order.search_from, ride.order.search_until) = (order.search_from, order.search_until);
        self.deadlines.disarm(ride.searching_since, Due::SearchBegins(id));
        ride.searching_since = search_from;
        self.deadlines.arm(search_from, Due::SearchBegins(id));
        Self::record(id, ride, now, Fact::Rescheduled { search_from }, out);
        Ok(())
    }

    /// The time has come.
    pub(super) fn search_begins(&mut self, now: Timestamp, id: RideId, out: &mut Vec<Output>) {
        let Some(ride) = self.rides.get_mut(&id).filter(|ride| ride.stage == Stage::Scheduled) else { return };
        let from = ride.order.search_from.unwrap_or(ride.searching_since);
        if self.live_by_rider.contains_key(&ride.rider) {
            // So that ending it has nothing to disarm that has fired.
            ride.searching_since = now + BUSY_RETRY;
            self.deadlines.arm(ride.searching_since, Due::SearchBegins(id));
            if now >= ride.searched_until(from + self.config.search_max) {
                self.end(now, id, RideEnd::CancelledBySystem, out);
            }
            return;
        }
        self.live_by_rider.insert(ride.rider, id);
        Self::record(id, ride, now, Fact::SearchBegan, out);
        self.scheduled -= 1;
        self.search(now, id);
        self.ask_alone(id, out);
    }
}

impl Ride {
    /// Until when it is searched for, when an ordinary search would end at `usual`.
    pub(super) fn searched_until(&self, usual: Timestamp) -> Timestamp {
        self.order.search_until.map_or(usual, |until| until.max(usual))
    }
}
