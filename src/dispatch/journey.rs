//! The way of a ride that has a driver: arrived, started, stop after stop, completed.
//!
//! Two PINs guard it: the rider's at the start, so that the right person sits on the bike, and of a parcel the
//! receiver's at its end, so that the right person has it. Both are locked for a while after too many wrong ones.

use super::{Dispatch, Fact, OfferOutcome, Output, Pin, Refusal, Ride, RideEnd, Stage};
use crate::ids::{DriverId, RideId};
use crate::time::Timestamp;

/// Why a PIN did not open.
enum Shut {
    Wrong { attempts_left: u8 },
    Locked { until: Timestamp },
}

impl Dispatch {
    pub(super) fn arrive(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.ride_of(driver, id)?;
        match ride.stage {
            // Nobody stands at two pickups: the ride before is not over.
            Stage::Assigned if ride.is_next => Err(Refusal::WrongState),
            Stage::Assigned => {
                // Whoever was asked to take over is not needed any more.
                self.close_all_offers(now, id, OfferOutcome::Withdrawn, out);
                let ride = self.ride_of(driver, id)?;
                ride.stage = Stage::Arrived;
                Self::record(id, ride, now, Fact::Arrived, out);
                self.review(now, id);
                self.disarm_dark(driver);
                self.show(driver, out);
                Ok(())
            }
            Stage::Arrived | Stage::InProgress | Stage::Ended(RideEnd::Completed) => Ok(()),
            Stage::Scheduled | Stage::Searching | Stage::Ended(_) => Err(Refusal::WrongState),
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
        let expected = self.ride_of(driver, id)?.pin;
        match self.ride_of(driver, id)?.stage {
            Stage::Arrived => {
                self.open(now, id, expected, pin).map_err(|shut| match shut {
                    Shut::Wrong { attempts_left } => Refusal::WrongPin { attempts_left },
                    Shut::Locked { until } => Refusal::PinLocked { until },
                })?;
                let ride = self.ride_of(driver, id)?;
                ride.stage = Stage::InProgress;
                Self::record(id, ride, now, Fact::Started, out);
                self.show(driver, out);
                Ok(())
            }
            Stage::InProgress | Stage::Ended(RideEnd::Completed) => Ok(()),
            Stage::Scheduled | Stage::Searching | Stage::Assigned | Stage::Ended(_) => Err(Refusal::WrongState),
        }
    }

    pub(super) fn reach_stop(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        stop: u8,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.ride_of(driver, id)?;
        let next = (ride.stops_reached < ride.order.stops).then_some(ride.stops_reached + 1);
        match ride.stage {
            Stage::InProgress | Stage::Ended(RideEnd::Completed) if (1..=ride.stops_reached).contains(&stop) => Ok(()),
            Stage::InProgress if next == Some(stop) => {
                ride.stops_reached = stop;
                Self::record(id, ride, now, Fact::StopReached { stop }, out);
                Ok(())
            }
            Stage::InProgress => Err(Refusal::StopOutOfOrder { next }),
            Stage::Scheduled | Stage::Searching | Stage::Assigned | Stage::Arrived | Stage::Ended(_) => {
                Err(Refusal::WrongState)
            }
        }
    }

    /// A rider may leave the bike before the last stop; a parcel goes to nobody without the PIN.
    pub(super) fn complete(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        id: RideId,
        pin: Option<Pin>,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.ride_of(driver, id)?;
        match ride.stage {
            Stage::InProgress => {
                if let Some(expected) = ride.order.handover {
                    let pin = pin.ok_or(Refusal::HandoverPinNeeded)?;
                    self.open(now, id, expected, pin).map_err(|shut| match shut {
                        Shut::Wrong { attempts_left } => Refusal::HandoverWrong { attempts_left },
                        Shut::Locked { until } => Refusal::PinLocked { until },
                    })?;
                }
                self.end(now, id, RideEnd::Completed, out);
                Ok(())
            }
            Stage::Ended(RideEnd::Completed) => Ok(()),
            Stage::Scheduled | Stage::Searching | Stage::Assigned | Stage::Arrived | Stage::Ended(_) => {
                Err(Refusal::WrongState)
            }
        }
    }

    /// Tries a PIN. Whoever guesses has a few attempts, then must wait.
    fn open(&mut self, now: Timestamp, id: RideId, expected: Pin, pin: Pin) -> Result<(), Shut> {
        let (attempts_max, lock) = (self.config.pin_attempts_max, self.config.pin_lock);
        let Some(ride): Option<&mut Ride> = self.rides.get_mut(&id) else { return Ok(()) };
        if now < ride.pin_locked_until {
            return Err(Shut::Locked { until: ride.pin_locked_until });
        }
        if pin == expected {
            ride.pins_wrong = 0;
            return Ok(());
        }
        ride.pins_wrong += 1;
        if ride.pins_wrong < attempts_max {
            return Err(Shut::Wrong { attempts_left: attempts_max - ride.pins_wrong });
        }
        ride.pins_wrong = 0;
        ride.pin_locked_until = now + lock;
        Err(Shut::Locked { until: ride.pin_locked_until })
    }
}
