//! Rides for later: they wait for their time, then search like any other.
//!
//! A scheduled ride is not yet its rider's live ride: who goes to work tomorrow may go to market today. When its time comes
//! while the rider is still on another ride, it waits for that one to end, for as long as a search may take.

use super::{Dispatch, Due, Fact, Output, Ride, RideEnd, Stage};
use crate::ids::RideId;
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
        self.live_by_rider.insert(ride.rider, id);
        Self::record(id, ride, now, Fact::SearchBegan, out);
        self.scheduled -= 1;
        self.search(now, id);
        self.ask_alone(id, out);
    }
}
