//! Drivers: shifts, and connections that break and come back.

use super::{Dispatch, Driver, Due, OfferOutcome, Output, Refusal};
use crate::ids::{DriverId, OfferId};
use crate::matching::record::Record;
use crate::time::Timestamp;

impl Dispatch {
    pub(super) fn go_online(
        &mut self,
        now: Timestamp,
        id: DriverId,
        record: Record,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        if self.drivers.contains_key(&id) {
            self.driver_back(now, id);
            return Ok(());
        }
        self.drivers.insert(id, Driver::new(now, record));
        out.push(Output::ShiftOpened { driver: id, at: now });
        self.show(id, out);
        self.hurry_all(now);
        Ok(())
    }

    pub(super) fn go_offline(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) -> Result<(), Refusal> {
        match self.drivers.get(&id) {
            None => Ok(()),
            Some(driver) if driver.ride.is_some() => Err(Refusal::DriverOnRide),
            Some(_) => {
                self.leave_shift(now, id, OfferOutcome::Declined, out);
                Ok(())
            }
        }
    }

    pub(super) fn shift_lapses(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) {
        // Mid-ride a phone may be dead for long; the shift goes on, and the clock starts anew when the ride ends.
        if self.drivers.get(&id).is_some_and(|driver| driver.ride.is_none()) {
            self.leave_shift(now, id, OfferOutcome::DriverLost, out);
        }
    }

    fn leave_shift(&mut self, now: Timestamp, id: DriverId, outcome: OfferOutcome, out: &mut Vec<Output>) {
        self.mark_found(id);
        let offer = self.drivers.remove(&id).and_then(|driver| driver.offer);
        out.push(Output::ShiftClosed { driver: id, at: now });
        out.push(Output::Availability { driver: id, availability: super::Availability::Off });
        if let Some(offer) = offer {
            self.pass_on(now, offer, outcome, out);
        }
    }

    pub(super) fn driver_lost(&mut self, now: Timestamp, id: DriverId) {
        let Some(offer) = self.drivers.get(&id).map(|driver| driver.offer) else { return };
        self.mark_lost(now, id);
        self.arm_dark(now, id);
        if let Some(offer) = offer {
            let grace_ends_at = now + self.config.lost_grace;
            self.move_lapse(offer, |deadline| deadline.min(grace_ends_at));
        }
    }

    pub(super) fn driver_back(&mut self, now: Timestamp, id: DriverId) {
        self.mark_found(id);
        self.disarm_dark(id);
        let Some(driver) = self.drivers.get(&id) else { return };
        match driver.offer {
            Some(offer) => self.move_lapse(offer, |deadline| deadline),
            None if driver.ride.is_none() => self.hurry_all(now),
            None => {}
        }
    }

    /// When an offer really lapses, by its deadline.
    fn move_lapse(&mut self, offer: OfferId, lapse: impl Fn(Timestamp) -> Timestamp) {
        let Some(ride) = self.rides.get_mut(&offer.ride) else { return };
        if let Some(live) = ride.offers.iter_mut().find(|live| live.id == offer) {
            self.deadlines.disarm(live.lapses_at, Due::OfferLapses(offer));
            live.lapses_at = lapse(live.deadline);
            self.deadlines.arm(live.lapses_at, Due::OfferLapses(offer));
        }
    }

    /// The driver waits for work again; one whose connection is broken has from now on the usual time to come back.
    pub(super) fn set_free(&mut self, now: Timestamp, id: DriverId, out: &mut Vec<Output>) {
        self.show(id, out);
        match self.drivers.get(&id).map(|driver| driver.lost_since) {
            Some(Some(_)) => self.mark_lost(now, id),
            Some(None) => self.hurry_all(now),
            None => {}
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
