//! Offers: made, accepted, declined, lapsed, withdrawn, and what follows from each.
//!
//! A ride is offered to one driver at a time. Only where many refused may it be offered to a few at once: the first who
//! accepts has it, and the others hear that before anybody hears of the winner.

use super::{Candidate, Dispatch, Due, Fact, LiveOffer, OfferOutcome, Output, Refusal, ReleaseReason, RideEnd, Stage};
use crate::ids::{DriverId, OfferId, RideId};
use crate::time::Timestamp;

impl Dispatch {
    pub(super) fn make_offer(
        &mut self,
        now: Timestamp,
        id: RideId,
        candidate: &Candidate,
        out: &mut Vec<Output>,
    ) -> Option<OfferId> {
        let &Candidate { driver, pickup_eta, pickup_distance_m, .. } = candidate;
        let (ride, on_shift) = (self.rides.get_mut(&id)?, self.drivers.get_mut(&driver)?);
        ride.offers_made = ride.offers_made.checked_add(1)?;
        let offer = OfferId { ride: id, ordinal: ride.offers_made };
        let deadline = now + self.config.offer_ttl;
        let pickup_due = now + pickup_eta;
        ride.offers.push(LiveOffer { id: offer, driver, deadline, lapses_at: deadline, pickup_due });
        on_shift.offer = Some(offer);
        self.deadlines.arm(deadline, Due::OfferLapses(offer));
        Self::record(id, ride, now, Fact::OfferMade { offer, driver, pickup_eta, pickup_distance_m, deadline }, out);
        self.show(driver, out);
        self.review(now, id);
        Some(offer)
    }

    pub(super) fn accept_offer(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        offer: OfferId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get(&offer.ride).ok_or(Refusal::OfferGone)?;
        if ride.accepted_offer == Some(offer) && ride.driver == Some(driver) {
            return Ok(());
        }
        let live = ride.live_offer(offer, driver).ok_or(Refusal::OfferGone)?;
        // The deadline counts even when the clock that fires it is late.
        if now >= live.deadline {
            return Err(Refusal::OfferGone);
        }
        let losers: Vec<OfferId> = ride.offers.iter().map(|live| live.id).filter(|id| *id != offer).collect();
        for loser in losers {
            self.close_offer(now, loser, OfferOutcome::Taken, out);
        }
        self.take_over(now, offer.ride, out);
        self.assign(now, live, out);
        Ok(())
    }

    /// The offer was accepted: the ride is the driver's.
    fn assign(&mut self, now: Timestamp, live: LiveOffer, out: &mut Vec<Output>) {
        let LiveOffer { id: offer, driver, lapses_at, pickup_due, .. } = live;
        let (Some(ride), Some(on_shift)) = (self.rides.get_mut(&offer.ride), self.drivers.get_mut(&driver)) else {
            return;
        };
        self.deadlines.disarm(lapses_at, Due::OfferLapses(offer));
        self.deadlines.disarm(ride.gives_up_at, Due::GiveUp(offer.ride));
        let is_next = on_shift.ride.is_some();
        if is_next {
            on_shift.next = Some(offer.ride);
        } else {
            on_shift.ride = Some(offer.ride);
        }
        (on_shift.offer, on_shift.price) = (None, 0);
        on_shift.record.keep();
        ride.offers.clear();
        (ride.stage, ride.driver, ride.accepted_offer) = (Stage::Assigned, Some(driver), Some(offer));
        (ride.is_next, ride.pickup_due) = (is_next, pickup_due);
        Self::record(offer.ride, ride, now, Fact::Assigned { driver, offer, is_next }, out);
        self.review(now, offer.ride);
        self.arm_lateness(offer.ride);
        self.arm_dark(now, driver);
        self.show(driver, out);
    }

    /// Of a ride that has a driver already: a better one takes it over. The one who loses it hears that first.
    fn take_over(&mut self, now: Timestamp, id: RideId, out: &mut Vec<Output>) {
        if self.rides.get(&id).is_some_and(|ride| ride.stage == Stage::Assigned) {
            self.take_from_driver(now, id, ReleaseReason::BetterDriver, out);
            if let Some(ride) = self.rides.get_mut(&id) {
                ride.is_taken_over = true;
            }
        }
    }

    pub(super) fn decline_offer(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        offer: OfferId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get(&offer.ride).ok_or(Refusal::OfferGone)?;
        if ride.live_offer(offer, driver).is_some() {
            self.pass_on(now, offer, OfferOutcome::Declined, out);
            return Ok(());
        }
        // Declined twice, or declined just after it lapsed: the driver's wish is fulfilled either way.
        if ride.passed.contains(&driver) && ride.driver != Some(driver) { Ok(()) } else { Err(Refusal::OfferGone) }
    }

    pub(super) fn offer_lapses(&mut self, now: Timestamp, offer: OfferId, out: &mut Vec<Output>) {
        let live = self.rides.get(&offer.ride).and_then(|ride| ride.offers.iter().find(|live| live.id == offer));
        if let Some(live) = live {
            let lost = live.lapses_at < live.deadline;
            self.pass_on(now, offer, if lost { OfferOutcome::DriverLost } else { OfferOutcome::Expired }, out);
        }
    }

    /// Ends an offer that was not taken, and goes on to the next driver, or gives up.
    pub(super) fn pass_on(&mut self, now: Timestamp, offer: OfferId, outcome: OfferOutcome, out: &mut Vec<Output>) {
        self.close_offer(now, offer, outcome, out);
        let id = offer.ride;
        let Some(ride) = self.rides.get(&id).filter(|ride| ride.stage == Stage::Searching) else { return };
        if !ride.offers.is_empty() {
            self.hurry(now, id, out);
        // A time that was up stays up, also when the clock is set back meanwhile.
        } else if ride.refusals >= self.config.offers_max || ride.is_time_up || now >= ride.gives_up_at {
            self.end(now, id, RideEnd::NoDriverFound, out);
        } else {
            self.hurry(now, id, out);
        }
    }

    /// Ends a live offer, and frees the driver who held it.
    pub(super) fn close_offer(&mut self, now: Timestamp, offer: OfferId, outcome: OfferOutcome, out: &mut Vec<Output>) {
        let Some(ride) = self.rides.get_mut(&offer.ride) else { return };
        let Some(at) = ride.offers.iter().position(|live| live.id == offer) else { return };
        let live = ride.offers.remove(at);
        self.deadlines.disarm(live.lapses_at, Due::OfferLapses(offer));
        let driver = live.driver;
        if is_refusal(outcome) {
            ride.pass(driver);
            ride.refusals = ride.refusals.saturating_add(1);
        }
        Self::record(offer.ride, ride, now, Fact::OfferClosed { offer, driver, outcome }, out);
        self.review(now, offer.ride);
        let Some(on_shift) = self.drivers.get_mut(&driver) else { return };
        on_shift.offer = None;
        if matches!(outcome, OfferOutcome::Declined | OfferOutcome::Expired) {
            on_shift.record.break_off();
        }
        if on_shift.ride.is_none() {
            self.set_free(now, driver, out);
        }
    }

    /// Ends every live offer of a ride.
    pub(super) fn close_all_offers(
        &mut self,
        now: Timestamp,
        id: RideId,
        outcome: OfferOutcome,
        out: &mut Vec<Output>,
    ) {
        let live = self.rides.get(&id).map(|ride| ride.offers.iter().map(|live| live.id).collect::<Vec<_>>());
        for offer in live.unwrap_or_default() {
            self.close_offer(now, offer, outcome, out);
        }
    }
}

/// Whether the driver had the chance and did not take it.
const fn is_refusal(outcome: OfferOutcome) -> bool {
    match outcome {
        OfferOutcome::Declined | OfferOutcome::Expired | OfferOutcome::DriverLost => true,
        OfferOutcome::Cancelled | OfferOutcome::Withdrawn | OfferOutcome::Taken => false,
    }
}
