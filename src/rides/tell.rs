//! Saying what was committed: to the apps over the hub, to other programs over the bus, to the counters.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bus::{Bus, Topic};
use crate::dispatch::{Decision, Fact, OfferOutcome, RideEnd};
use crate::ids::{DriverId, RideId, UserId};
use crate::realtime::protocol::server::Withdrawal;
use crate::realtime::{Event, Hub};
use crate::rides::live::Live;
use crate::rides::ride::{Offer, Ride, status_of};
use crate::rides::store::commit::{Closing, outcome_word};
use crate::rides::tally::Tally;
use crate::rides::view::{Cast, Viewer, offer_view, ride_view};
use crate::telemetry::names;

/// Everybody who hears of a decision.
#[derive(Clone)]
pub struct Teller {
    hub: Arc<Hub>,
    bus: Bus,
    live: Arc<Live>,
    tally: Arc<Tally>,
}

impl Teller {
    /// Tells these.
    pub fn new(hub: Arc<Hub>, bus: Bus, live: Arc<Live>, tally: Arc<Tally>) -> Self {
        Self { hub, bus, live, tally }
    }

    /// Whether a driver's app has a socket now.
    pub fn is_connected(&self, driver: DriverId) -> bool {
        self.hub.is_connected(driver.into())
    }

    /// The committed live state.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The counters.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Makes the committed state readable, before anybody is told to look at it.
    pub fn publish(&self, rides: &BTreeMap<RideId, Arc<Ride>>, offers: &[(Offer, Option<Closing>)]) {
        for ride in rides.values() {
            self.live.put_ride(ride);
        }
        for (offer, closing) in offers {
            match closing {
                None => self.live.put_offer(offer.clone()),
                Some(_) => self.live.end_offer(offer.driver, offer.id),
            }
        }
    }

    /// Whether rider and driver are shown the ride after such a fact.
    pub fn tells_parties(fact: &Fact) -> bool {
        matches!(fact, Fact::Assigned { .. } | Fact::Arrived | Fact::Started | Fact::Ended(_))
    }

    /// Tells everybody concerned of one decision. `ride` is the ride as committed with it, `cast` its people as far as
    /// they are known.
    pub fn tell(&self, decision: &Decision, ride: &Ride, cast: Option<&Cast>) {
        match &decision.fact {
            Fact::Requested { .. } => self.tally.requested(),
            Fact::OfferMade { driver, offer, .. } => {
                // Already answered or withdrawn in the same commit: the driver never hears of it.
                if let Some(live) = self.live.offer_of(*driver).filter(|live| live.id == *offer) {
                    self.hub.send((*driver).into(), Event::Offer(Box::new(offer_view(&live, ride))));
                }
            }
            Fact::OfferClosed { offer, driver, outcome } => {
                let label = outcome_word(*outcome);
                metrics::counter!(names::DISPATCH_OFFERS_TOTAL, "outcome" => label).increment(1);
                if let Some(reason) = withdrawal(*outcome) {
                    self.hub.send((*driver).into(), Event::OfferWithdrawn { offer_id: *offer, reason });
                }
            }
            Fact::Assigned { driver, .. } => {
                metrics::counter!(names::DISPATCH_OFFERS_TOTAL, "outcome" => "accepted").increment(1);
                self.tally.assigned();
                self.hub.watch(ride.rider, *driver, ride.id);
            }
            Fact::Arrived | Fact::Started => {}
            Fact::Ended(end) => {
                self.tally.ended(status_of(*end).as_str(), *end == RideEnd::Completed);
                self.hub.unwatch(ride.rider);
            }
        }
        if Self::tells_parties(&decision.fact) {
            self.tell_parties(ride, cast.unwrap_or(&Cast::default()));
        }
        self.announce(decision);
        if !matches!(decision.fact, Fact::OfferMade { .. } | Fact::OfferClosed { .. }) {
            tracing::info!(ride.id = %decision.ride, transition = event_name(&decision.fact), "ride");
        }
    }

    fn tell_parties(&self, ride: &Ride, cast: &Cast) {
        let view = |viewer| Event::Ride(Box::new(ride_view(ride, cast, viewer)));
        self.hub.send(ride.rider.into(), view(Viewer::Rider));
        if let Some(driver) = ride.driver {
            self.hub.send(UserId::from(driver), view(Viewer::Driver));
        }
    }

    /// For other programs: identifiers and the kind of event, nothing personal.
    fn announce(&self, decision: &Decision) {
        let event = serde_json::json!({
            "event": format!("ride.{}", event_name(&decision.fact)),
            "ride_id": decision.ride, "seq": decision.seq, "at": decision.at,
        });
        self.bus.publish(Topic::RideEvents, event.to_string());
    }
}

fn withdrawal(outcome: OfferOutcome) -> Option<Withdrawal> {
    match outcome {
        // The driver knows: it was the driver's own answer.
        OfferOutcome::Declined => None,
        OfferOutcome::Expired | OfferOutcome::DriverLost => Some(Withdrawal::Expired),
        OfferOutcome::Cancelled => Some(Withdrawal::Cancelled),
    }
}

fn event_name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Requested { .. } => "requested",
        Fact::OfferMade { .. } => "offer_made",
        Fact::OfferClosed { .. } => "offer_closed",
        Fact::Assigned { .. } => "driver_assigned",
        Fact::Arrived => "driver_arrived",
        Fact::Started => "started",
        Fact::Ended(end) => status_of(*end).as_str(),
    }
}
