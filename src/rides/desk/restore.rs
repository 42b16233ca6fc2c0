//! The desk after a restart: rebuilt from what was persisted, whoever persisted it.

use rustc_hash::FxHashMap;

use super::{Desk, Terms};
use crate::dispatch::{Availability, Decision, Dispatch, Fact, OfferOutcome, Output, ReleaseReason, Restored};
use crate::dispatch::{RestoredDriver, RestoredOffer, RestoredRide, RestoredShift};
use crate::ids::{DriverId, OfferId, RideId, RiderId, StreamSeq};
use crate::realtime::protocol::view::RideStatus;
use crate::rides::decisions::Keeper;
use crate::rides::ride::{Offer, Ride};
use crate::rides::said::Sequence;
use crate::rides::standing::Standing;
use crate::time::Timestamp;

/// Everything a restart reads.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Every ride that has not ended, oldest first.
    pub rides: Vec<LiveRide>,
    /// Every offer that waits for an answer.
    pub offers: Vec<Offer>,
    /// Drivers on shift.
    pub on_shift: Vec<RestoredShift>,
    /// What is known of the riders who wait for a driver.
    pub standings: FxHashMap<RiderId, Standing>,
    /// The last place in the city's stream that was given.
    pub last_seq: StreamSeq,
    /// How many rounds of live rides are kept, where any are.
    pub rounds: FxHashMap<RideId, u16>,
}

/// A live ride with all that was decided about it: what the core remembers follows from that.
#[derive(Clone, Debug)]
pub struct LiveRide {
    /// The record.
    pub ride: Ride,
    /// From its first fact on.
    pub timeline: Vec<Recorded>,
}

/// A decision as persisted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was decided.
    pub decision: Decision,
    /// Its place in the city's stream.
    pub seq: StreamSeq,
    /// False of an offer that was made and ended in one commit: its driver heard of neither.
    pub is_heard: bool,
}

impl Desk {
    /// A desk that goes on where the persisted one stopped, and what each driver on shift is available for.
    pub fn restore(terms: Terms, now: Timestamp, stored: Stored) -> (Self, Vec<(DriverId, Availability)>) {
        let Stored { rides, offers, on_shift, standings, last_seq, rounds } = stored;
        let mut restored = Restored { rides: Vec::new(), drivers: on_shift };
        let mut records = FxHashMap::default();
        for live in rides {
            // A rider may have several: one under way, others for later.
            let standing = standings.get(&live.ride.rider).cloned().unwrap_or_default();
            restored.rides.push(restored_ride(&live, &offers, standing));
            records.insert(live.ride.id, live.ride);
        }
        let mut out = Vec::new();
        let core = Dispatch::restore(terms.dispatch.clone(), now, restored, &mut out);
        let availability = |output| match output {
            Output::Availability { driver, availability } => Some((driver, availability)),
            _ => None,
        };
        let offers = offers.into_iter().map(|offer| (offer.id, offer)).collect();
        let mut keeper = Keeper::new(terms.decisions);
        for (ride, rounds) in rounds {
            keeper.restore(ride, rounds);
        }
        let desk = Self { core, terms, rides: records, offers, sequence: Sequence::after(last_seq), keeper };
        (desk, out.into_iter().filter_map(availability).collect())
    }
}

fn restored_ride(live: &LiveRide, offers: &[Offer], standing: Standing) -> RestoredRide {
    let LiveRide { ride, timeline } = live;
    let availability = match ride.status {
        RideStatus::DriverArrived => Availability::AtPickup,
        RideStatus::InProgress => Availability::OnTrip,
        _ => Availability::ToPickup,
    };
    let past = Past::of(timeline.iter().map(|recorded| &recorded.decision));
    let open = offers.iter().filter(|offer| offer.id.ride == ride.id);
    RestoredRide {
        ride: ride.id,
        rider: ride.rider,
        pin: ride.pin,
        order: standing.on(ride.order()),
        searching_since: past.searching_since.filter(|_| ride.status != RideStatus::Scheduled),
        driver: ride.driver.map(|driver| RestoredDriver { driver, availability }),
        is_next: ride.is_next,
        accepted_offer: past.accepted,
        pickup_due: past.pickup_due,
        nudged_at: past.nudged_at,
        offers: open.map(restored_offer).collect(),
        passed: past.passed,
        released: past.released,
        is_taken_over: past.is_taken_over,
        offers_made: ride.offers_made,
        refusals: past.refusals,
        stops_reached: past.stops_reached,
        facts: u32::try_from(timeline.len()).unwrap_or(u32::MAX),
    }
}

/// What the facts of a ride add up to.
#[derive(Default)]
struct Past {
    searching_since: Option<Timestamp>,
    accepted: Option<OfferId>,
    pickup_due: Option<Timestamp>,
    nudged_at: Option<Timestamp>,
    /// When the drivers with an offer would be at the pickup.
    due: FxHashMap<OfferId, Timestamp>,
    passed: Vec<DriverId>,
    released: Vec<DriverId>,
    is_taken_over: bool,
    refusals: u16,
    stops_reached: u8,
}

impl Past {
    fn of<'a>(timeline: impl Iterator<Item = &'a Decision>) -> Self {
        let mut past = Self::default();
        for decision in timeline {
            past.follow(decision);
        }
        past
    }

    fn follow(&mut self, decision: &Decision) {
        let at = decision.at;
        match decision.fact {
            Fact::Requested { .. } | Fact::SearchBegan => self.begin_search(at),
            Fact::OfferMade { offer, pickup_eta, .. } => {
                self.due.insert(offer, at + pickup_eta);
            }
            Fact::OfferClosed { driver, outcome, .. } => match outcome {
                OfferOutcome::Declined | OfferOutcome::Expired | OfferOutcome::DriverLost => {
                    self.passed.push(driver);
                    self.refusals = self.refusals.saturating_add(1);
                }
                // None of the driver's doing.
                OfferOutcome::Cancelled | OfferOutcome::Withdrawn | OfferOutcome::Taken => {}
            },
            Fact::Assigned { offer, .. } => {
                self.accepted = Some(offer);
                self.pickup_due = self.due.get(&offer).copied();
                self.nudged_at = None;
            }
            Fact::Nudged { .. } => self.nudged_at = Some(at),
            Fact::Released { driver, reason } => {
                self.passed.push(driver);
                self.released.push(driver);
                self.is_taken_over |= reason == ReleaseReason::BetterDriver;
                (self.accepted, self.pickup_due, self.nudged_at) = (None, None, None);
                self.begin_search(at);
            }
            Fact::StopReached { stop } => self.stops_reached = stop,
            Fact::Rescheduled { .. } | Fact::OnTheWay | Fact::Arrived | Fact::Started | Fact::Ended(_) => {}
        }
    }

    fn begin_search(&mut self, at: Timestamp) {
        self.searching_since = Some(at);
        self.refusals = 0;
    }
}

fn restored_offer(offer: &Offer) -> RestoredOffer {
    RestoredOffer {
        offer: offer.id,
        driver: offer.driver,
        deadline: offer.deadline,
        pickup_due: offer.offered_at + offer.pickup_eta,
    }
}
