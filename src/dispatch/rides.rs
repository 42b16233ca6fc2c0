//! The life of a ride: requested, arrived, started, completed, cancelled.
//!
//! Every command is idempotent: sent again after a lost answer it is answered as the first time, for as long as the
//! ended ride is remembered.

use super::{Availability, Canceller, Dispatch, Driver, Due, Duty, Fact, OfferOutcome, Output, Pin, Refusal, Ride};
use super::{RideEnd, Stage};
use crate::ids::{DriverId, RideId, RiderId};
use crate::time::Timestamp;

impl Dispatch {
    pub(super) fn request_ride(
        &mut self,
        now: Timestamp,
        id: RideId,
        rider: RiderId,
        pin: Pin,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        if self.rides.contains_key(&id) {
            return Err(Refusal::AlreadyRequested);
        }
        if let Some(&ride) = self.live_by_rider.get(&rider) {
            return Err(Refusal::RiderBusy { ride });
        }
        let gives_up_at = now + self.config.search_max;
        let mut ride = Ride {
            rider,
            pin,
            stage: Stage::Searching,
            gives_up_at,
            looks_again_at: None,
            passed: Vec::new(),
            offers_made: 0,
            offer: None,
            driver: None,
            accepted_offer: None,
            facts: 0,
            pins_wrong: 0,
            pin_locked_until: Timestamp::EPOCH,
        };
        Self::record(id, &mut ride, now, Fact::Requested { rider }, out);
        self.rides.insert(id, ride);
        self.live_by_rider.insert(rider, id);
        self.deadlines.arm(gives_up_at, Due::GiveUp(id));
        self.ask_candidates(id, out);
        Ok(())
    }

    pub(super) fn arrive(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.ride_of(driver, id)?;
        match ride.stage {
            Stage::Assigned => {
                ride.stage = Stage::Arrived;
                Self::record(id, ride, now, Fact::Arrived, out);
                out.push(Output::Availability { driver, availability: Availability::AtPickup });
                Ok(())
            }
            Stage::Arrived | Stage::InProgress | Stage::Ended(RideEnd::Completed) => Ok(()),
            Stage::Searching | Stage::Ended(_) => Err(Refusal::WrongState),
        }
    }

    pub(super) fn start(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        pin: Pin,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let (attempts_max, lock) = (self.config.pin_attempts_max, self.config.pin_lock);
        let ride = self.ride_of(driver, id)?;
        match ride.stage {
            Stage::Arrived if now < ride.pin_locked_until => Err(Refusal::PinLocked { until: ride.pin_locked_until }),
            Stage::Arrived if pin != ride.pin => {
                ride.pins_wrong += 1;
                if ride.pins_wrong < attempts_max {
                    return Err(Refusal::WrongPin { attempts_left: attempts_max - ride.pins_wrong });
                }
                ride.pins_wrong = 0;
                ride.pin_locked_until = now + lock;
                Err(Refusal::PinLocked { until: ride.pin_locked_until })
            }
            Stage::Arrived => {
                ride.stage = Stage::InProgress;
                Self::record(id, ride, now, Fact::Started, out);
                out.push(Output::Availability { driver, availability: Availability::OnTrip });
                Ok(())
            }
            Stage::InProgress | Stage::Ended(RideEnd::Completed) => Ok(()),
            Stage::Searching | Stage::Assigned | Stage::Ended(_) => Err(Refusal::WrongState),
        }
    }

    pub(super) fn complete(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        match self.ride_of(driver, id)?.stage {
            Stage::InProgress => {
                self.end(now, id, RideEnd::Completed, out);
                Ok(())
            }
            Stage::Ended(RideEnd::Completed) => Ok(()),
            Stage::Searching | Stage::Assigned | Stage::Arrived | Stage::Ended(_) => Err(Refusal::WrongState),
        }
    }

    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        id: RideId,
        by: Canceller,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get(&id).ok_or(Refusal::UnknownRide)?;
        let end = match by {
            Canceller::Rider(rider) if rider == ride.rider => RideEnd::CancelledByCustomer,
            Canceller::Driver { driver, .. } if ride.driver == Some(driver) => RideEnd::CancelledByDriver,
            Canceller::Rider(_) | Canceller::Driver { .. } => return Err(Refusal::NotYours),
            Canceller::System => RideEnd::CancelledBySystem,
        };
        match ride.stage {
            Stage::Ended(ended) if ended == end => Ok(()),
            // With the rider on the bike a ride is completed, not cancelled; an operator may still end it.
            Stage::InProgress if end != RideEnd::CancelledBySystem => Err(Refusal::WrongState),
            Stage::Ended(_) => Err(Refusal::WrongState),
            Stage::Searching | Stage::Assigned | Stage::Arrived | Stage::InProgress => {
                self.end(now, id, end, out);
                Ok(())
            }
        }
    }

    pub(super) fn give_up(&mut self, now: Timestamp, id: RideId, out: &mut Vec<Output>) {
        let Some(ride) = self.rides.get(&id) else { return };
        // With an offer still open the driver may yet accept; its end will find the time is up.
        if ride.stage == Stage::Searching && ride.offer.is_none() {
            self.end(now, id, RideEnd::NoDriverFound, out);
        }
    }

    /// Ends a live ride: closes its offer, frees its driver, disarms its deadlines.
    pub(super) fn end(&mut self, now: Timestamp, id: RideId, end: RideEnd, out: &mut Vec<Output>) {
        self.close_offer(now, id, OfferOutcome::Cancelled, out);
        let Some(ride) = self.rides.get_mut(&id) else { return };
        if let Some(at) = ride.looks_again_at.take() {
            self.deadlines.disarm(at, Due::LookAgain(id));
        }
        self.deadlines.disarm(ride.gives_up_at, Due::GiveUp(id));
        ride.stage = Stage::Ended(end);
        Self::record(id, ride, now, Fact::Ended(end), out);
        self.live_by_rider.remove(&ride.rider);
        self.deadlines.arm(now + self.config.remember_ended, Due::Forget(id));
        if let Some(driver) = ride.driver {
            self.set_free(now, driver, out);
        }
    }

    /// A ride of which `driver` is the assigned driver.
    fn ride_of(&mut self, driver: DriverId, id: RideId) -> Result<&mut Ride, Refusal> {
        let ride = self.rides.get_mut(&id).ok_or(Refusal::UnknownRide)?;
        if ride.driver == Some(driver) { Ok(ride) } else { Err(Refusal::NotYours) }
    }

    /// The driver waits for work again; one whose connection is broken has from now on the usual time to come back.
    pub(super) fn set_free(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) {
        let Some(driver) = self.drivers.get_mut(&id) else { return };
        driver.duty = Duty::Free;
        out.push(Output::Availability { driver: id, availability: Availability::Free });
        if driver.lost_since.is_some() {
            self.mark_lost(now, id);
        }
    }

    /// Starts the clock after which a driver without a connection leaves the shift.
    pub(super) fn mark_lost(&mut self, now: Timestamp, id: DriverId) {
        self.mark_found(id);
        if let Some(driver) = self.drivers.get_mut(&id) {
            driver.lost_since = Some(now);
            self.deadlines.arm(now + self.config.lost_shift_max, Due::ShiftLapses(id));
        }
    }

    /// Stops that clock.
    pub(super) fn mark_found(&mut self, id: DriverId) {
        if let Some(since) = self.drivers.get_mut(&id).and_then(|driver: &mut Driver| driver.lost_since.take()) {
            self.deadlines.disarm(since + self.config.lost_shift_max, Due::ShiftLapses(id));
        }
    }
}
