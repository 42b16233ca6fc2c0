//! The live rides as last committed: what sockets and polls are answered from without asking the database.
//!
//! Written by the shard alone, after each commit and before anybody is told; read by everybody. So a reader never sees
//! what was not persisted, and never less than what it was told.

use std::sync::Arc;

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::ids::{DriverId, OfferId, RideId, UserId};
use crate::realtime::protocol::view::RideStatus;
use crate::rides::ride::{Offer, Ride};
use crate::rides::view::Cast;

/// A live ride with its people as they were last told of.
struct Entry {
    ride: Arc<Ride>,
    /// Kept here, so that showing the ride to an app that comes back reads no database.
    cast: Option<Arc<Cast>>,
}

/// The committed live state.
#[derive(Default)]
pub struct Live {
    rides: DashMap<RideId, Entry, FxBuildHasher>,
    /// Of a driver the ride under way.
    by_party: DashMap<UserId, RideId, FxBuildHasher>,
    /// What drivers have taken for after the ride under way.
    next: DashMap<DriverId, RideId, FxBuildHasher>,
    offers: DashMap<DriverId, Arc<Offer>, FxBuildHasher>,
}

impl Live {
    /// Takes over a ride as committed, and its people where they could be found; an ended one leaves.
    pub fn put_ride(&self, ride: &Arc<Ride>, cast: Option<&Arc<Cast>>) {
        let before = if ride.status.is_live() {
            self.rides.insert(ride.id, Entry { ride: Arc::clone(ride), cast: cast.cloned() })
        } else {
            self.rides.remove(&ride.id).map(|(_, entry)| entry)
        };
        if ride.status.is_live() {
            self.join(ride);
        }
        // Who drove it may not any more, and what was a driver's next ride may be under way.
        for was in before.iter().map(|entry| &entry.ride).chain([ride]) {
            self.part(was, ride);
        }
    }

    fn join(&self, ride: &Ride) {
        // A ride for later is not what its rider is shown as the live one.
        if ride.status != RideStatus::Scheduled {
            self.by_party.insert(ride.rider.into(), ride.id);
        }
        if let Some(driver) = ride.driver {
            if ride.is_next {
                self.next.insert(driver, ride.id);
            } else {
                self.by_party.insert(driver.into(), ride.id);
            }
        }
    }

    /// Takes out what held of the ride as it was and does not any more; what still holds is there at every moment.
    fn part(&self, was: &Ride, now: &Ride) {
        let is_live = now.status.is_live();
        if !is_live {
            self.by_party.remove_if(&was.rider.into(), |_, id| *id == was.id);
        }
        if let Some(driver) = was.driver {
            let is_next = (is_live && now.driver == Some(driver)).then_some(now.is_next);
            if is_next != Some(false) {
                self.by_party.remove_if(&driver.into(), |_, id| *id == was.id);
            }
            if is_next != Some(true) {
                self.next.remove_if(&driver, |_, id| *id == was.id);
            }
        }
    }

    /// Takes over an offer as committed.
    pub fn put_offer(&self, offer: Offer) {
        self.offers.insert(offer.driver, Arc::new(offer));
    }

    /// An offer ended.
    pub fn end_offer(&self, driver: DriverId, id: OfferId) {
        self.offers.remove_if(&driver, |_, offer| offer.id == id);
    }

    /// A live ride.
    pub fn ride(&self, id: RideId) -> Option<Arc<Ride>> {
        self.rides.get(&id).map(|entry| Arc::clone(&entry.ride))
    }

    /// The live ride of a rider or a driver, and its people where they are known.
    pub fn shown_to(&self, party: UserId) -> Option<(Arc<Ride>, Option<Arc<Cast>>)> {
        let id = *self.by_party.get(&party)?;
        self.rides.get(&id).map(|entry| (Arc::clone(&entry.ride), entry.cast.clone()))
    }

    /// What a driver has taken for after the ride under way, and its people where they are known.
    pub fn next_of(&self, driver: DriverId) -> Option<(Arc<Ride>, Option<Arc<Cast>>)> {
        let id = *self.next.get(&driver)?;
        self.rides.get(&id).map(|entry| (Arc::clone(&entry.ride), entry.cast.clone()))
    }

    /// The offer a driver has to answer.
    pub fn offer_of(&self, driver: DriverId) -> Option<Arc<Offer>> {
        self.offers.get(&driver).map(|offer| Arc::clone(&offer))
    }

    /// Every live ride, in no order.
    pub fn for_each(&self, mut show: impl FnMut(&Ride)) {
        for entry in &self.rides {
            show(&entry.ride);
        }
    }

    /// Every offer that waits for an answer, in no order.
    pub fn for_each_offer(&self, mut show: impl FnMut(&Offer)) {
        for offer in &self.offers {
            show(&offer);
        }
    }

    /// How many rides are live.
    pub fn count(&self) -> usize {
        self.rides.len()
    }
}
