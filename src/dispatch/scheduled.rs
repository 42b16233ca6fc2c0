//! Rides for later: they wait for their time, then search like any other.
//!
//! A scheduled ride is not yet its rider's live ride: who goes to work tomorrow may go to market today. When its time comes
//! while the rider is still on another ride, it waits for that one to end, for as long as a search may take.

use super::{Dispatch, Due, Fact, Output, Refusal, Ride, RideEnd, Stage};
use crate::ids::{RideId, RiderId};
use crate::time::{Span, Timestamp};

/// How often it is looked whether the rider's other ride is over: the driver of a scheduled ride is on the way for minutes
/// anyway.
const BUSY_RETRY: Span = Span::from_secs(15);

impl Dispatch {
    pub(super) fn schedule(
        &mut self,
        now: Timestamp,
        id: RideId,
        mut ride: Ride,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let rider = ride.rider;
        let waiting = self.scheduled.get(&rider).copied().unwrap_or(0);
        if let Some(most) = ride.order.scheduled_max.filter(|most| waiting >= *most) {
            return Err(Refusal::TooManyScheduled { most });
        }
        Self::record(id, &mut ride, now, Fact::Requested { rider }, out);
        self.keep_scheduled(id, ride);
        Ok(())
    }

    /// Keeps a ride until its time has come.
    pub(super) fn keep_scheduled(&mut self, id: RideId, ride: Ride) {
        self.deadlines.arm(ride.searching_since, Due::SearchBegins(id));
        let count = self.scheduled.entry(ride.rider).or_default();
        *count = count.saturating_add(1);
        self.scheduled_count += 1;
        self.rides.insert(id, ride);
    }

    /// One of the rider's rides does not wait for its time any more.
    pub(super) fn count_down_scheduled(&mut self, rider: RiderId) {
        self.scheduled_count = self.scheduled_count.saturating_sub(1);
        if let Some(count) = self.scheduled.get_mut(&rider) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.scheduled.remove(&rider);
            }
        }
    }

    /// Moves a ride to another time; what was promised moves with it.
    pub(super) fn reschedule(
        &mut self,
        now: Timestamp,
        id: RideId,
        (rider, search_from): (RiderId, Timestamp),
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get_mut(&id).ok_or(Refusal::UnknownRide)?;
        if ride.rider != rider {
            return Err(Refusal::NotYours);
        }
        if ride.order.search_from == Some(search_from) && ride.stage == Stage::Scheduled {
            return Ok(());
        }
        if ride.stage != Stage::Scheduled {
            return Err(Refusal::WrongState);
        }
        let before = ride.order.search_from.replace(search_from).unwrap_or(search_from);
        ride.order.search_until = ride.order.search_until.map(|until| search_from + until.since(before));
        self.deadlines.disarm(ride.searching_since, Due::SearchBegins(id));
        ride.searching_since = search_from.max(now);
        self.deadlines.arm(ride.searching_since, Due::SearchBegins(id));
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
            if now >= from + self.config.search_max {
                self.end(now, id, RideEnd::CancelledBySystem, out);
            }
            return;
        }
        let rider = ride.rider;
        self.live_by_rider.insert(rider, id);
        Self::record(id, ride, now, Fact::SearchBegan, out);
        self.count_down_scheduled(rider);
        self.search(now, id);
        self.ask_alone(id, out);
    }
}
