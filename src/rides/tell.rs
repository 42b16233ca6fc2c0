//! Saying what was committed: to the apps over the hub, to other programs over the bus, to the counters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::bus::{Bus, Topic};
use crate::dispatch::{Decision, Fact, RideEnd};
use crate::ids::{OfferId, RideId};
use crate::realtime::{Hub, Told};
use crate::rides::desk::{Closing, outcome_word};
use crate::rides::live::Live;
use crate::rides::pressure::Pressure;
use crate::rides::ride::{Offer, Ride, status_of};
use crate::rides::said::Said;
use crate::rides::tally::Tally;
use crate::rides::view::Cast;
use crate::telemetry::names;

/// Everybody who hears of a decision.
#[derive(Clone)]
pub struct Teller {
    hub: Arc<Hub>,
    bus: Bus,
    live: Arc<Live>,
    tally: Arc<Tally>,
    pressure: Pressure,
}

impl Teller {
    /// Tells these.
    pub fn new(hub: Arc<Hub>, bus: Bus, live: Arc<Live>, tally: Arc<Tally>, pressure: Pressure) -> Self {
        Self { hub, bus, live, tally, pressure }
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
    pub fn publish(
        &self,
        rides: &BTreeMap<RideId, Arc<Ride>>,
        casts: &FxHashMap<RideId, Arc<Cast>>,
        offers: &BTreeMap<OfferId, (Offer, Option<Closing>)>,
    ) {
        for ride in rides.values() {
            self.live.put_ride(ride, casts.get(&ride.id));
        }
        for (offer, closing) in offers.values() {
            match closing {
                None => self.live.put_offer(offer.clone()),
                Some(_) => self.live.end_offer(offer.driver, offer.id),
            }
        }
    }

    /// Tells everybody concerned of one decision, made at `decided`. `cast` is the people of its ride as far as they are
    /// known.
    pub fn tell(&self, said: &Said, decided: Instant, cast: &Cast) {
        let (decision, ride) = (&said.decision, &said.ride);
        // An offer that nobody heard of was let pass by nobody.
        if said.is_heard {
            self.pressure.hear(decision, ride);
        }
        match &decision.fact {
            Fact::Requested { .. } => self.tally.requested(),
            Fact::Rescheduled { .. }
            | Fact::SearchBegan
            | Fact::OfferMade { .. }
            | Fact::Nudged { .. }
            | Fact::Arrived
            | Fact::StopReached { .. }
            | Fact::Started => {}
            Fact::OnTheWay => {
                if let Some(driver) = ride.driver {
                    self.hub.watch(ride.rider, driver, ride.id);
                }
            }
            Fact::Released { .. } => self.hub.unwatch(ride.rider),
            Fact::OfferClosed { outcome, .. } => {
                let label = outcome_word(*outcome);
                metrics::counter!(names::DISPATCH_OFFERS_TOTAL, "outcome" => label).increment(1);
            }
            Fact::Assigned { driver, is_next, .. } => {
                metrics::counter!(names::DISPATCH_OFFERS_TOTAL, "outcome" => "accepted").increment(1);
                self.tally.assigned();
                // Whoever brings another rider home first is not shown to this one yet.
                if !is_next {
                    self.hub.watch(ride.rider, *driver, ride.id);
                }
            }
            Fact::Ended(end) => {
                self.tally.ended(status_of(*end).as_str(), *end == RideEnd::Completed);
                // Of a ride without a driver nobody was watched, and its rider may be on another one.
                if ride.driver.is_some() {
                    self.hub.unwatch(ride.rider);
                }
            }
        }
        for (user, event) in said.messages(cast) {
            self.hub.tell(user, Told { seq: said.seq, decided }, event);
        }
        self.announce(decision);
        if !matches!(decision.fact, Fact::OfferMade { .. } | Fact::OfferClosed { .. }) {
            tracing::info!(ride.id = %decision.ride, transition = event_name(&decision.fact), "ride");
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

fn event_name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Requested { .. } => "requested",
        Fact::Rescheduled { .. } => "rescheduled",
        Fact::SearchBegan => "search_began",
        Fact::OfferMade { .. } => "offer_made",
        Fact::OfferClosed { .. } => "offer_closed",
        Fact::Assigned { .. } => "driver_assigned",
        Fact::OnTheWay => "driver_on_the_way",
        Fact::Nudged { .. } => "driver_nudged",
        Fact::Released { .. } => "driver_released",
        Fact::Arrived => "driver_arrived",
        Fact::StopReached { .. } => "stop_reached",
        Fact::Started => "started",
        Fact::Ended(end) => status_of(*end).as_str(),
    }
}
