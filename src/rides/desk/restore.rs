//! The desk after a restart: rebuilt from what was persisted, whoever persisted it.

use rustc_hash::FxHashMap;

use super::{Desk, Terms};
use crate::dispatch::{Availability, Dispatch, Order, Output, Restored};
use crate::dispatch::{RestoredDriver, RestoredOffer, RestoredRide, RestoredShift};
use crate::ids::{DriverId, OfferId, RideId, StreamSeq};
use crate::matching::record::Record;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::decisions::Keeper;
use crate::rides::ride::{Offer, Ride};
use crate::rides::said::Sequence;
use crate::time::Timestamp;

/// Everything a restart reads.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Every ride that has not ended, oldest first.
    pub rides: Vec<LiveRide>,
    /// Every offer that waits for an answer.
    pub offers: Vec<Offer>,
    /// Drivers on shift.
    pub on_shift: Vec<DriverId>,
    /// The last place in the city's stream that was given.
    pub last_seq: StreamSeq,
    /// How many rounds of live rides are kept, where any are.
    pub rounds: FxHashMap<RideId, u16>,
}

/// A live ride with what the core needs besides the record.
#[derive(Clone, Debug)]
pub struct LiveRide {
    /// The record.
    pub ride: Ride,
    /// Facts recorded so far.
    pub facts: u32,
    /// Its offers that ended, in order.
    pub offers: Vec<EndedOffer>,
}

/// Of an offer that ended, what matters later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedOffer {
    /// Which of its ride.
    pub ordinal: u16,
    /// Whose it was.
    pub driver: DriverId,
    /// How it ended, in the word of the table.
    pub outcome: String,
}

impl Desk {
    /// A desk that goes on where the persisted one stopped, and what each driver on shift is available for.
    pub fn restore(terms: Terms, now: Timestamp, stored: Stored) -> (Self, Vec<(DriverId, Availability)>) {
        let Stored { rides, offers, on_shift, last_seq, rounds } = stored;
        let shift = |driver| RestoredShift { driver, record: Record::default(), idle_since: now };
        let mut restored = Restored { rides: Vec::new(), drivers: on_shift.into_iter().map(shift).collect() };
        let mut records = FxHashMap::default();
        for live in rides {
            let open = offers.iter().find(|offer| offer.id.ride == live.ride.id);
            restored.rides.push(restored_ride(&live, open));
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

fn restored_ride(live: &LiveRide, open: Option<&Offer>) -> RestoredRide {
    let ride: &Ride = &live.ride;
    let availability = match ride.status {
        RideStatus::DriverArrived => Availability::AtPickup,
        RideStatus::InProgress => Availability::OnTrip,
        _ => Availability::ToPickup,
    };
    let (accepted, passed): (Vec<_>, Vec<_>) = live.offers.iter().partition(|offer| offer.outcome == "accepted");
    RestoredRide {
        ride: ride.id,
        rider: ride.rider,
        pin: ride.pin,
        order: Order::default(),
        searching_since: Some(ride.requested_at),
        driver: ride.driver.map(|driver| RestoredDriver { driver, availability }),
        is_next: false,
        accepted_offer: accepted.last().map(|offer| OfferId { ride: ride.id, ordinal: offer.ordinal }),
        pickup_due: None,
        nudged_at: None,
        offers: open.map(restored_offer).into_iter().collect(),
        passed: passed.iter().map(|offer| offer.driver).collect(),
        released: Vec::new(),
        is_taken_over: false,
        offers_made: ride.offers_made,
        refusals: u16::try_from(passed.len()).unwrap_or(u16::MAX),
        stops_reached: 0,
        facts: live.facts,
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
