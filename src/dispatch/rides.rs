//! How a ride begins and ends: requested, searched for, called off, given up.
//!
//! Every command is idempotent: sent again after a lost answer it is answered as the first time, for as long as the
//! ended ride is remembered.

use super::Stage;
use super::{Canceller, Dispatch, Due, Fact, OfferOutcome, Order, Output, Pin, Refusal, ReleaseReason, Ride, RideEnd};
use crate::ids::{DriverId, RideId, RiderId};
use crate::time::Timestamp;

impl Dispatch {
    pub(super) fn request_ride(
        &mut self,
        now: Timestamp,
        id: RideId,
        (rider, pin, order): (RiderId, Pin, Order),
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        if self.rides.contains_key(&id) {
            return Err(Refusal::AlreadyRequested);
        }
        if let Some(search_from) = order.search_from.filter(|from| *from > now) {
            self.refuse_too_many(rider, &order)?;
            let ride = Ride::new(rider, pin, order, Stage::Scheduled, search_from);
            self.schedule(now, id, ride, out);
            return Ok(());
        }
        if let Some(&ride) = self.live_by_rider.get(&rider) {
            return Err(Refusal::RiderBusy { ride });
        }
        let mut ride = Ride::new(rider, pin, order, Stage::Searching, now);
        Self::record(id, &mut ride, now, Fact::Requested { rider }, out);
        if ride.order.search_from.is_some() {
            // Its time came between the booking and here; its record still says that it waits.
            Self::record(id, &mut ride, now, Fact::SearchBegan, out);
        }
        self.rides.insert(id, ride);
        self.live_by_rider.insert(rider, id);
        self.search(now, id);
        self.ask_alone(id, out);
        Ok(())
    }

    /// Begins a search: from now on the ride waits for a driver.
    pub(super) fn search(&mut self, now: Timestamp, id: RideId) {
        let Some(ride) = self.rides.get_mut(&id) else { return };
        ride.stage = Stage::Searching;
        ride.searching_since = now;
        ride.gives_up_at = ride.searched_until(now + self.config.search_max);
        (ride.refusals, ride.is_time_up) = (0, false);
        self.deadlines.arm(ride.gives_up_at, Due::GiveUp(id));
        self.review(now, id);
    }

    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        id: RideId,
        by: Canceller,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get(&id).ok_or(Refusal::UnknownRide)?;
        let (end, rematch) = match by {
            Canceller::Rider(rider) if rider == ride.rider => (RideEnd::CancelledByCustomer, false),
            Canceller::Driver { driver, rematch } if ride.driver == Some(driver) => {
                (RideEnd::CancelledByDriver, rematch)
            }
            // Called off before, and the ride went on to another.
            Canceller::Driver { driver, .. } if ride.released.contains(&driver) => return Ok(()),
            Canceller::Rider(_) | Canceller::Driver { .. } => return Err(Refusal::NotYours),
            Canceller::System => (RideEnd::CancelledBySystem, false),
        };
        match ride.stage {
            Stage::Ended(ended) if ended == end => Ok(()),
            // With the rider on the bike a ride is completed, not cancelled; an operator may still end it.
            Stage::InProgress if end != RideEnd::CancelledBySystem => Err(Refusal::WrongState),
            Stage::Ended(_) => Err(Refusal::WrongState),
            Stage::Assigned | Stage::Arrived if rematch && ride.released.len() < self.config.rematches_max => {
                self.release(now, id, ReleaseReason::DriverCancelled, out);
                Ok(())
            }
            Stage::Scheduled | Stage::Searching | Stage::Assigned | Stage::Arrived | Stage::InProgress => {
                self.blame_canceller(end, id);
                self.end(now, id, end, out);
                Ok(())
            }
        }
    }

    /// A driver who calls off a ride has broken a promise.
    fn blame_canceller(&mut self, end: RideEnd, id: RideId) {
        let driver = self.rides.get(&id).and_then(|ride| ride.driver).filter(|_| end == RideEnd::CancelledByDriver);
        if let Some(driver) = driver.and_then(|driver| self.drivers.get_mut(&driver)) {
            driver.record.break_off();
        }
    }

    pub(super) fn give_up(&mut self, now: Timestamp, id: RideId, out: &mut Vec<Output>) {
        let Some(ride) = self.rides.get_mut(&id).filter(|ride| ride.stage == Stage::Searching) else { return };
        if ride.offers.is_empty() {
            self.end(now, id, RideEnd::NoDriverFound, out);
        } else {
            // The driver may yet accept; the end of the offer will find the time is up.
            ride.is_time_up = true;
            self.review(now, id);
        }
    }

    /// Ends a live ride: closes its offers, frees its driver, disarms its deadlines.
    pub(super) fn end(&mut self, now: Timestamp, id: RideId, end: RideEnd, out: &mut Vec<Output>) {
        self.close_all_offers(now, id, OfferOutcome::Cancelled, out);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        let was_next = ride.is_next;
        self.deadlines.disarm(ride.gives_up_at, Due::GiveUp(id));
        if ride.stage == Stage::Scheduled {
            self.deadlines.disarm(ride.searching_since, Due::SearchBegins(id));
            self.scheduled -= 1;
        } else {
            self.live_by_rider.remove(&ride.rider);
        }
        self.disarm_lateness(id);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        ride.stage = Stage::Ended(end);
        ride.is_next = false;
        Self::record(id, ride, now, Fact::Ended(end), out);
        self.deadlines.arm(now + self.config.remember_ended, Due::Forget(id));
        let driver = ride.driver;
        self.review(now, id);
        match driver {
            Some(driver) if was_next => self.drop_next(driver),
            Some(driver) => self.leave_ride(now, driver, out),
            None => {}
        }
    }

    /// A ride of which `driver` is the assigned driver.
    pub(super) fn ride_of(&mut self, driver: DriverId, id: RideId) -> Result<&mut Ride, Refusal> {
        let ride = self.rides.get_mut(&id).ok_or(Refusal::UnknownRide)?;
        if ride.driver == Some(driver) { Ok(ride) } else { Err(Refusal::NotYours) }
    }
}
