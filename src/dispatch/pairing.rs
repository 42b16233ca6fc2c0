//! A rider and a driver who met at the roadside. Nothing is to be matched, and everything else is as for any ride: it has a
//! timeline, a fare and an end.

use super::{Dispatch, Fact, OfferOutcome, Order, Output, Pin, Refusal, Ride, Stage};
use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::time::{Span, Timestamp};

impl Dispatch {
    pub(super) fn pair(
        &mut self,
        now: Timestamp,
        id: RideId,
        (rider, driver, pin): (RiderId, DriverId, Pin),
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        if self.rides.contains_key(&id) {
            return Err(Refusal::AlreadyRequested);
        }
        if let Some(&ride) = self.live_by_rider.get(&rider) {
            return Err(Refusal::RiderBusy { ride });
        }
        let on_shift = self.drivers.get(&driver).ok_or(Refusal::NotOnShift)?;
        if on_shift.ride.is_some() {
            return Err(Refusal::DriverOnRide);
        }
        // Who takes somebody aboard does not come for somebody else.
        if let Some(offer) = on_shift.offer {
            self.pass_on(now, offer, OfferOutcome::Declined, out);
        }
        let mut ride = Ride::new(rider, pin, Order::default(), Stage::InProgress, now);
        let offer = OfferId { ride: id, ordinal: 1 };
        (ride.driver, ride.accepted_offer, ride.offers_made) = (Some(driver), Some(offer), 1);
        let deadline = now + self.config.offer_ttl;
        let facts = [
            Fact::Requested { rider },
            Fact::OfferMade { offer, driver, pickup_eta: Span::ZERO, pickup_distance_m: 0, deadline },
            Fact::Assigned { driver, offer, is_next: false },
            Fact::Arrived,
            Fact::Started,
        ];
        for fact in facts {
            Self::record(id, &mut ride, now, fact, out);
        }
        self.rides.insert(id, ride);
        self.live_by_rider.insert(rider, id);
        if let Some(on_shift) = self.drivers.get_mut(&driver) {
            on_shift.ride = Some(id);
        }
        self.show(driver, out);
        Ok(())
    }
}
