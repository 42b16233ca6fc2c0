//! What the stages and steering hear of a committed decision: requests and what became of them, offers let pass.
//!
//! Separate from telling people, because nobody is told anything here; it is where a decision about a ride becomes a count of
//! its neighbourhood or a mark in a queue.

use super::ride::Ride;
use crate::demand::Happening;
use crate::dispatch::{Decision, Fact, OfferOutcome, RideEnd};
use crate::locations::Locations;
use crate::steering::Steering;

/// Who hears.
#[derive(Clone)]
pub struct Pressure {
    /// Supply and demand.
    pub steering: Steering,
    /// The queues of stages.
    pub locations: Locations,
}

impl Pressure {
    /// Takes in a committed decision, `ride` being the ride after it.
    pub fn hear(&self, decision: &Decision, ride: &Ride) {
        let pickup = ride.pickup.at;
        let happening = match &decision.fact {
            // Of a ride for later nobody is short yet.
            Fact::Requested { .. } if ride.status.is_searching() => Happening::Requested,
            Fact::SearchBegan => Happening::Requested,
            // Released, it was counted as served before; whoever takes it now is counted again, as the demand is there again.
            Fact::Released { .. } => Happening::Requested,
            Fact::Assigned { .. } => Happening::Served,
            Fact::Ended(RideEnd::NoDriverFound) => Happening::Unserved,
            Fact::Ended(_) if ride.driver.is_none() => Happening::Unserved,
            Fact::OfferClosed { driver, outcome: OfferOutcome::Declined | OfferOutcome::Expired, .. } => {
                self.locations.passed_at_stage(*driver, pickup);
                return;
            }
            Fact::Requested { .. }
            | Fact::Rescheduled { .. }
            | Fact::OfferMade { .. }
            | Fact::OfferClosed { .. }
            | Fact::OnTheWay
            | Fact::Nudged { .. }
            | Fact::Arrived
            | Fact::StopReached { .. }
            | Fact::Started
            | Fact::Ended(_) => return,
        };
        self.steering.note(pickup, happening, decision.at);
    }
}
