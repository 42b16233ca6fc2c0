//! Offers: asking for candidates, offering to the nearest, and what follows from each answer.

use super::Stage;
use super::{
    Availability, Candidate, Dispatch, Due, Duty, Fact, LiveOffer, OfferOutcome, Output, Refusal, RideEnd, Wanted,
};
use crate::ids::{DriverId, OfferId, RideId};
use crate::time::Timestamp;

impl Dispatch {
    /// Asks for candidates, unless the ride has an offer out already.
    pub(super) fn ask_candidates(&mut self, id: RideId, out: &mut Vec<Output>) {
        if let Some(ride) = self.rides.get(&id).filter(|ride| ride.stage == Stage::Searching && ride.offer.is_none()) {
            let wanted = vec![Wanted { ride: id, passed: ride.passed.clone(), holder: None }];
            out.push(Output::AskCandidates { wanted });
        }
    }

    pub(super) fn look_again(&mut self, id: RideId, out: &mut Vec<Output>) {
        if let Some(ride) = self.rides.get_mut(&id) {
            ride.looks_again_at = None;
        }
        self.ask_candidates(id, out);
    }

    /// Offers the ride to the first candidate who can take it, or waits a little and looks again.
    pub(super) fn take_candidates(
        &mut self,
        now: Timestamp,
        id: RideId,
        candidates: &[Candidate],
        out: &mut Vec<Output>,
    ) {
        let Some(ride) = self.rides.get(&id) else { return };
        // The world may have moved on since the question: the ride ended, or an earlier answer led to an offer.
        if ride.stage != Stage::Searching || ride.offer.is_some() {
            return;
        }
        let suitable = candidates.iter().find(|candidate| {
            let fit = self.drivers.get(&candidate.driver);
            let fit = fit.is_some_and(|driver| driver.duty == Duty::Free && driver.lost_since.is_none());
            fit && !ride.passed.contains(&candidate.driver)
        });
        match suitable.copied() {
            Some(candidate) => self.make_offer(now, id, candidate, out),
            None => self.look_later(now, id),
        }
    }

    fn look_later(&mut self, now: Timestamp, id: RideId) {
        let Some(ride) = self.rides.get_mut(&id) else { return };
        if let Some(at) = ride.looks_again_at.take() {
            self.deadlines.disarm(at, Due::LookAgain(id));
        }
        let at = now + self.config.search_interval;
        ride.looks_again_at = Some(at);
        self.deadlines.arm(at, Due::LookAgain(id));
    }

    fn make_offer(&mut self, now: Timestamp, id: RideId, candidate: Candidate, out: &mut Vec<Output>) {
        let Candidate { driver, pickup_eta, pickup_distance_m, .. } = candidate;
        let (Some(ride), Some(on_shift)) = (self.rides.get_mut(&id), self.drivers.get_mut(&driver)) else { return };
        if let Some(at) = ride.looks_again_at.take() {
            self.deadlines.disarm(at, Due::LookAgain(id));
        }
        ride.offers_made += 1;
        let offer = OfferId { ride: id, ordinal: ride.offers_made };
        let deadline = now + self.config.offer_ttl;
        ride.offer = Some(LiveOffer { id: offer, driver, deadline, lapses_at: deadline });
        on_shift.duty = Duty::Offered(offer);
        self.deadlines.arm(deadline, Due::OfferLapses(offer));
        Self::record(id, ride, now, Fact::OfferMade { offer, driver, pickup_eta, pickup_distance_m, deadline }, out);
        out.push(Output::Availability { driver, availability: Availability::Offered });
    }

    pub(super) fn accept_offer(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        offer: OfferId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get_mut(&offer.ride).ok_or(Refusal::OfferGone)?;
        if ride.accepted_offer == Some(offer) && ride.driver == Some(driver) {
            return Ok(());
        }
        let live = ride.offer.filter(|live| live.id == offer && live.driver == driver).ok_or(Refusal::OfferGone)?;
        // The deadline counts even when the clock that fires it is late.
        if now >= live.deadline {
            return Err(Refusal::OfferGone);
        }
        let on_shift = self.drivers.get_mut(&driver).ok_or(Refusal::NotOnShift)?;
        self.deadlines.disarm(live.lapses_at, Due::OfferLapses(offer));
        self.deadlines.disarm(ride.gives_up_at, Due::GiveUp(offer.ride));
        on_shift.duty = Duty::OnRide(offer.ride);
        ride.offer = None;
        ride.accepted_offer = Some(offer);
        ride.driver = Some(driver);
        ride.stage = Stage::Assigned;
        Self::record(offer.ride, ride, now, Fact::Assigned { driver, offer, is_next: false }, out);
        out.push(Output::Availability { driver, availability: Availability::ToPickup });
        Ok(())
    }

    pub(super) fn decline_offer(
        &mut self,
        now: Timestamp,
        driver: DriverId,
        offer: OfferId,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let ride = self.rides.get(&offer.ride).ok_or(Refusal::OfferGone)?;
        match ride.offer {
            Some(live) if live.id == offer && live.driver == driver => {
                self.pass_on(now, offer.ride, OfferOutcome::Declined, out);
                Ok(())
            }
            // Declined twice, or declined just after it lapsed: the driver's wish is fulfilled either way.
            _ if ride.passed.contains(&driver) => Ok(()),
            _ => Err(Refusal::OfferGone),
        }
    }

    pub(super) fn offer_lapses(&mut self, now: Timestamp, offer: OfferId, out: &mut Vec<Output>) {
        let live = self.rides.get(&offer.ride).and_then(|ride| ride.offer).filter(|live| live.id == offer);
        if let Some(live) = live {
            let lost = live.lapses_at < live.deadline;
            self.pass_on(now, offer.ride, if lost { OfferOutcome::DriverLost } else { OfferOutcome::Expired }, out);
        }
    }

    /// Ends the ride's offer and goes on to the next driver, or gives up.
    pub(super) fn pass_on(&mut self, now: Timestamp, id: RideId, outcome: OfferOutcome, out: &mut Vec<Output>) {
        self.close_offer(now, id, outcome, out);
        let Some(ride) = self.rides.get(&id) else { return };
        if ride.offers_made >= self.config.offers_max || now >= ride.gives_up_at {
            self.end(now, id, RideEnd::NoDriverFound, out);
        } else {
            self.ask_candidates(id, out);
        }
    }

    /// Ends the ride's live offer, if it has one, and frees the driver who held it.
    pub(super) fn close_offer(&mut self, now: Timestamp, id: RideId, outcome: OfferOutcome, out: &mut Vec<Output>) {
        let Some(ride) = self.rides.get_mut(&id) else { return };
        let Some(live) = ride.offer.take() else { return };
        self.deadlines.disarm(live.lapses_at, Due::OfferLapses(live.id));
        ride.passed.push(live.driver);
        Self::record(id, ride, now, Fact::OfferClosed { offer: live.id, driver: live.driver, outcome }, out);
        self.set_free(now, live.driver, out);
    }
}
