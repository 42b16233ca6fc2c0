//! Drivers: shifts, and connections that break and come back.

use super::{Availability, Dispatch, Driver, Due, Duty, OfferOutcome, Output, Refusal};
use crate::ids::DriverId;
use crate::time::Timestamp;

impl Dispatch {
    pub(super) fn go_online(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) -> Result<(), Refusal> {
        if self.drivers.contains_key(&id) {
            self.driver_back(id);
            return Ok(());
        }
        self.drivers.insert(id, Driver { duty: Duty::Free, lost_since: None });
        out.push(Output::ShiftOpened { driver: id, at: now });
        out.push(Output::Availability { driver: id, availability: Availability::Free });
        Ok(())
    }

    pub(super) fn go_offline(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) -> Result<(), Refusal> {
        match self.drivers.get(&id).map(|driver| driver.duty) {
            None => Ok(()),
            Some(Duty::OnRide(_)) => Err(Refusal::DriverOnRide),
            Some(duty) => {
                self.leave_shift(now, id, duty, OfferOutcome::Declined, out);
                Ok(())
            }
        }
    }

    pub(super) fn shift_lapses(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) {
        let Some(driver) = self.drivers.get_mut(&id) else { return };
        match driver.duty {
            // Mid-ride a phone may be dead for long; the shift goes on, and the clock starts anew when the ride ends.
            Duty::OnRide(_) => {}
            duty => self.leave_shift(now, id, duty, OfferOutcome::DriverLost, out),
        }
    }

    fn leave_shift(&mut self, now: Timestamp, id: DriverId, duty: Duty, outcome: OfferOutcome, out: &mut Vec<Output>) {
        self.mark_found(id);
        self.drivers.remove(&id);
        out.push(Output::ShiftClosed { driver: id, at: now });
        out.push(Output::Availability { driver: id, availability: Availability::Off });
        if let Duty::Offered(offer) = duty {
            self.pass_on(now, offer.ride, outcome, out);
        }
    }

    pub(super) fn driver_lost(&mut self, now: Timestamp, id: DriverId) {
        let Some(driver) = self.drivers.get(&id) else { return };
        let duty = driver.duty;
        self.mark_lost(now, id);
        if let Duty::Offered(offer) = duty {
            let grace_ends_at = now + self.config.lost_grace;
            if let Some(live) = self.rides.get_mut(&offer.ride).and_then(|ride| ride.offer.as_mut()) {
                let lapses_at = live.deadline.min(grace_ends_at);
                self.deadlines.disarm(live.lapses_at, Due::OfferLapses(offer));
                live.lapses_at = lapses_at;
                self.deadlines.arm(lapses_at, Due::OfferLapses(offer));
            }
        }
    }

    pub(super) fn driver_back(&mut self, id: DriverId) {
        self.mark_found(id);
        if let Some(Duty::Offered(offer)) = self.drivers.get(&id).map(|driver| driver.duty)
            && let Some(live) = self.rides.get_mut(&offer.ride).and_then(|ride| ride.offer.as_mut())
        {
            self.deadlines.disarm(live.lapses_at, Due::OfferLapses(offer));
            live.lapses_at = live.deadline;
            self.deadlines.arm(live.deadline, Due::OfferLapses(offer));
        }
    }
}
