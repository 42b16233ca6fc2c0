//! Forward dispatch: a driver about to finish a ride may take the next one already.
//!
//! A driver has one next ride at most, and only while a rider is on the bike: before that nobody knows when the ride ends.
//! When the ride before takes much longer than it was to, the next one is given to another.

use super::{Dispatch, Due, Fact, Output, ReleaseReason, Stage};
use crate::ids::{DriverId, RideId};
use crate::time::Timestamp;

impl Dispatch {
    /// The driver's ride is over: the next one begins, or the driver is free.
    pub(super) fn leave_ride(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) {
        self.disarm_dark(id);
        let Some(driver) = self.drivers.get_mut(&id) else { return };
        driver.idle_since = now;
        driver.price = 0;
        driver.ride = driver.next.take();
        match driver.ride {
            Some(next) => self.set_out(now, id, next, out),
            None => self.set_free(now, id, out),
        }
    }

    /// The driver is on the way to the next ride now.
    fn set_out(&mut self, now: Timestamp, id: DriverId, next: RideId, out: &mut Vec<Output>) {
        self.disarm_lateness(next);
        if let Some(ride) = self.rides.get_mut(&next) {
            ride.is_next = false;
            Self::record(next, ride, now, Fact::OnTheWay, out);
        }
        self.arm_dark(now, id);
        self.show(id, out);
    }

    /// The driver's next ride is nobody's, or another's.
    pub(super) fn drop_next(&mut self, id: DriverId) {
        if let Some(driver) = self.drivers.get_mut(&id) {
            driver.next = None;
        }
    }

    pub(super) fn arm_lateness(&mut self, id: RideId) {
        if let Some(ride) = self.rides.get(&id).filter(|ride| ride.is_next) {
            self.deadlines.arm(ride.pickup_due + self.config.next_late_max, Due::NextLate(id));
        }
    }

    pub(super) fn disarm_lateness(&mut self, id: RideId) {
        if let Some(ride) = self.rides.get(&id) {
            self.deadlines.disarm(ride.pickup_due + self.config.next_late_max, Due::NextLate(id));
        }
    }

    /// The ride before takes too long.
    pub(super) fn next_late(&mut self, now: Timestamp, id: RideId, out: &mut Vec<Output>) {
        if self.rides.get(&id).is_some_and(|ride| ride.stage == Stage::Assigned && ride.is_next) {
            self.release(now, id, ReleaseReason::Late, out);
        }
    }
}
