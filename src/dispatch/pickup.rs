//! The driver who does not come: nudged first, then the ride is given to another.
//!
//! Who watches the positions says that the way to the pickup does not go well; what follows is decided here, by the clock:
//! once a nudge, and when it is said again after a grace, the release. A driver of whom nothing is heard cannot be nudged.

use super::{Dispatch, Due, Fact, Output, Refusal, ReleaseReason, RideEnd, Stage, Trouble};
use crate::ids::{DriverId, RideId};
use crate::time::Timestamp;

impl Dispatch {
    pub(super) fn pickup_trouble(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        trouble: Trouble,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let (grace, memory) = (self.config.nudge_grace, self.config.nudge_memory);
        let ride = self.ride_of(driver, id)?;
        if !ride.is_awaited() {
            return Err(Refusal::WrongState);
        }
        match ride.nudged_at.filter(|at| now < *at + memory) {
            Some(at) if now < at + grace => {}
            Some(_) => {
                let reason = match trouble {
                    Trouble::Stalled => ReleaseReason::Stalled,
                    Trouble::GoingAway => ReleaseReason::WentAway,
                    Trouble::Dark => ReleaseReason::WentDark,
                };
                self.release(now, id, reason, out);
            }
            None => {
                ride.nudged_at = Some(now);
                Self::record(id, ride, now, Fact::Nudged { driver, trouble }, out);
            }
        }
        Ok(())
    }

    /// Nothing was heard of a driver on the way to a pickup.
    pub(super) fn gone_dark(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) {
        let Some(driver) = self.drivers.get_mut(&id) else { return };
        driver.dark_at = None;
        if let Some(ride) = driver.ride {
            self.release(now, ride, ReleaseReason::WentDark, out);
        }
    }

    /// Starts the clock of a driver without a connection who is on the way to a pickup.
    pub(super) fn arm_dark(&mut self, now: Timestamp, id: DriverId) {
        let Some(driver) = self.drivers.get_mut(&id).filter(|driver| driver.lost_since.is_some()) else { return };
        let is_awaited = |ride| self.rides.get(&ride).is_some_and(super::state::Ride::is_awaited);
        if driver.dark_at.is_none() && driver.ride.is_some_and(is_awaited) {
            let at = now + self.config.dark_after;
            driver.dark_at = Some(at);
            self.deadlines.arm(at, Due::GoneDark(id));
        }
    }

    /// Stops that clock.
    pub(super) fn disarm_dark(&mut self, id: DriverId) {
        if let Some(at) = self.drivers.get_mut(&id).and_then(|driver| driver.dark_at.take()) {
            self.deadlines.disarm(at, Due::GoneDark(id));
        }
    }

    /// Takes the ride from its driver and looks for another. After too many drivers it ends.
    pub(super) fn release(&mut self, now: Timestamp, id: RideId, reason: ReleaseReason, out: &mut Vec<Output>) {
        self.take_from_driver(now, id, reason, out);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        // So that the end of the ride has no driver to free.
        ride.stage = Stage::Searching;
        if ride.released.len() > self.config.rematches_max {
            self.end(now, id, RideEnd::NoDriverFound, out);
        } else {
            self.search(now, id);
            self.hurry(now, id, out);
        }
    }

    /// The driver does not have the ride any more.
    pub(super) fn take_from_driver(
        &mut self,
        now: Timestamp,
        id: RideId,
        reason: ReleaseReason,
        out: &mut Vec<Output>,
    ) {
        self.disarm_lateness(id);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        let Some(driver) = ride.driver.take() else { return };
        let was_next = std::mem::take(&mut ride.is_next);
        (ride.accepted_offer, ride.nudged_at, ride.pins_wrong) = (None, None, 0);
        ride.released.push(driver);
        ride.pass(driver);
        Self::record(id, ride, now, Fact::Released { driver, reason }, out);
        if let Some(driver) = self.drivers.get_mut(&driver).filter(|_| is_broken_promise(reason)) {
            driver.record.break_off();
        }
        if was_next { self.drop_next(driver) } else { self.leave_ride(now, driver, out) }
    }
}

/// Whether it is the driver's doing.
const fn is_broken_promise(reason: ReleaseReason) -> bool {
    match reason {
        ReleaseReason::DriverCancelled | ReleaseReason::Stalled | ReleaseReason::WentAway | ReleaseReason::WentDark => {
            true
        }
        ReleaseReason::BetterDriver | ReleaseReason::Late => false,
    }
}
