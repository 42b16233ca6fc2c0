//! What makes a ride more than "now, from here to there": a time of pickup, stops on the way, a parcel, express.
//!
//! Separate from [`Ride`](crate::rides::ride::Ride), which every ride needs: this is what only some have, and what they
//! have of it is data, not another kind of ride. So they combine as they like (an express delivery with two stops, on
//! Friday). Invariants: a delivery has a parcel and nothing else has one; a stop that was reached comes before every stop
//! that was not; telephones are here for the driver of a live ride and print as nothing.

pub mod record;
pub mod request;
pub mod waits;

use std::fmt;

use crate::dispatch::Pin;
use crate::money::BasisPoints;
use crate::phone::Phone;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::ride::Spot;
use crate::rides::words::ParcelSize;
use crate::time::{Span, Timestamp};

/// Numbers of the products. Every one has its reason in `config/default.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How long before its pickup a scheduled ride must be booked.
    pub lead_min: Span,
    /// How far ahead a ride can be scheduled.
    pub horizon: Span,
    /// Scheduled rides that one rider may have waiting.
    pub scheduled_max: u16,
    /// How long before the pickup a driver is looked for.
    pub search_lead: Span,
    /// How much earlier or later than asked the driver may come and still be on time.
    pub promise: Span,
    /// How long before the pickup the rider is reminded.
    pub reminder_lead: Span,
    /// Stops between pickup and destination.
    pub stops_max: u8,
    /// A driver farther than this from a stop has left it.
    pub stop_left_m: f64,
    /// What express costs beyond the fare, where the tariff allows it.
    pub express_supplement: BasisPoints,
    /// How long the names and telephones of people without an account are kept after the ride.
    pub contacts_kept: Span,
}

impl Config {
    /// What is promised of a pickup at this time.
    pub fn schedule(&self, pickup_at: Timestamp) -> Schedule {
        Schedule {
            pickup_at,
            search_from: pickup_at - self.search_lead,
            promised_from: pickup_at - self.promise,
            promised_to: pickup_at + self.promise,
        }
    }
}

/// What this ride is beyond an ordinary one; nothing by default.
#[derive(Clone, PartialEq, Default)]
pub struct Product {
    /// When the rider wants to be picked up, of a scheduled ride.
    pub schedule: Option<Schedule>,
    /// Places between pickup and destination, in order.
    pub stops: Vec<Stop>,
    /// What a delivery carries.
    pub parcel: Option<Parcel>,
    /// What is paid for being served first, of an express ride.
    pub express: Option<BasisPoints>,
}

/// The time of a scheduled ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When the rider wants to be picked up.
    pub pickup_at: Timestamp,
    /// From when on a driver is looked for. This and what follows as promised at booking, whatever the configuration says
    /// later.
    pub search_from: Timestamp,
    /// The driver is promised to come not before this,
    pub promised_from: Timestamp,
    /// and not after this.
    pub promised_to: Timestamp,
}

/// A place between pickup and destination.
#[derive(Clone, PartialEq)]
pub struct Stop {
    /// Where.
    pub spot: Spot,
    /// Who is there.
    pub contact: Option<Contact>,
    /// What to do there.
    pub note: Option<String>,
    /// When the driver was there.
    pub reached_at: Option<Timestamp>,
    /// How long the driver stood there.
    pub waiting: Span,
}

/// Somebody without an account: a sender, a receiver, who waits at a stop.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// What to call them.
    pub name: String,
    /// Their telephone.
    pub phone: Phone,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact([redacted])")
    }
}

/// What a delivery carries, from whom, to whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parcel {
    /// Who hands it to the driver, where that is not the rider. Forgotten some days after the ride.
    pub sender: Option<Contact>,
    /// Who gets it. Forgotten some days after the ride.
    pub receiver: Option<Contact>,
    /// What it is.
    pub description: String,
    /// How big.
    pub size: ParcelSize,
    /// What the receiver tells the driver when the parcel is handed over.
    pub handover: Pin,
}

impl Product {
    /// Where a ride stands when it is booked.
    pub fn first_status(&self) -> RideStatus {
        if self.schedule.is_some() { RideStatus::Scheduled } else { RideStatus::Requested }
    }

    /// When the driver is wanted, of a scheduled ride.
    pub fn pickup_at(&self) -> Option<Timestamp> {
        self.schedule.map(|schedule| schedule.pickup_at)
    }

    /// How many stops were reached.
    fn reached_so_far(&self) -> u8 {
        let reached = self.stops.iter().filter(|stop| stop.reached_at.is_some()).count();
        u8::try_from(reached).unwrap_or(u8::MAX)
    }

    /// The stop that comes next, counted from 0, if one is left.
    pub fn next_stop(&self) -> Option<usize> {
        self.stops.iter().position(|stop| stop.reached_at.is_none())
    }

    /// The driver is at a stop, counted from 1.
    pub fn reached(&mut self, stop: u8, at: Timestamp) {
        if let Some(stop) = usize::from(stop).checked_sub(1).and_then(|index| self.stops.get_mut(index)) {
            stop.reached_at = Some(at);
        }
    }

    /// The driver stood at a stop, counted from 1, for so long.
    pub fn waited(&mut self, stop: u8, span: Span) {
        if let Some(stop) = usize::from(stop).checked_sub(1).and_then(|index| self.stops.get_mut(index)) {
            stop.waiting = span;
        }
    }

    /// As it was before anything had happened.
    pub fn as_booked(&self) -> Self {
        let mut booked = self.clone();
        for stop in &mut booked.stops {
            (stop.reached_at, stop.waiting) = (None, Span::ZERO);
        }
        booked
    }

    /// Takes over how long the driver stood at stops from what was known later: of all that were reached but the last, where
    /// the driver still is.
    pub fn take_waits(&mut self, later: &Self) {
        let left = usize::from(self.reached_so_far()).saturating_sub(1);
        for (stop, later) in self.stops.iter_mut().zip(&later.stops).take(left) {
            stop.waiting = later.waiting;
        }
    }

    /// Whether people without an account are named in it.
    pub fn has_contacts(&self) -> bool {
        let of_parcel = |parcel: &Parcel| parcel.sender.is_some() || parcel.receiver.is_some();
        self.parcel.as_ref().is_some_and(of_parcel) || self.stops.iter().any(|stop| stop.contact.is_some())
    }

    /// How long the driver stood at all stops together.
    pub fn waiting(&self) -> Span {
        Span::from_millis(self.stops.iter().map(|stop| stop.waiting.as_millis()).sum())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::geo::LatLng;

    pub(crate) fn config() -> Config {
        Config {
            lead_min: Span::from_minutes(30),
            horizon: Span::from_minutes(7 * 24 * 60),
            scheduled_max: 3,
            search_lead: Span::from_minutes(15),
            promise: Span::from_minutes(5),
            reminder_lead: Span::from_minutes(60),
            stops_max: 3,
            stop_left_m: 60.0,
            express_supplement: BasisPoints(0),
            contacts_kept: Span::from_minutes(7 * 24 * 60),
        }
    }

    pub(crate) fn stop(lat: f64, lng: f64) -> Stop {
        let at = LatLng::new(lat, lng).expect("valid");
        Stop {
            spot: Spot { at, address: None, landmark: None },
            contact: None,
            note: None,
            reached_at: None,
            waiting: Span::ZERO,
        }
    }

    #[test]
    fn stops_are_reached_one_after_the_other_and_can_be_seen_as_they_were() {
        let mut product =
            Product { stops: vec![stop(-1.94, 30.06), stop(-1.95, 30.07), stop(-1.96, 30.08)], ..Product::default() };
        let at = Timestamp::from_millis;
        let mut states = vec![product.clone()];
        for number in 1..=3_u8 {
            assert_eq!(product.next_stop(), Some(usize::from(number) - 1));
            // How long the driver stood is known when the next one is reached.
            product.waited(number - 1, Span::from_minutes(i64::from(number - 1)));
            product.reached(number, at(i64::from(number) * 1_000));
            states.push(product.clone());
        }
        assert_eq!(product.next_stop(), None);
        product.waited(3, Span::from_minutes(7));
        assert_eq!(product.waiting(), Span::from_minutes(1 + 2 + 7));
        let mut then = product.as_booked();
        for (reached, state) in (0_u8..).zip(states) {
            then.reached(reached, at(i64::from(reached) * 1_000));
            then.take_waits(&product);
            assert!(then == state, "after {reached} stops");
        }
        product.reached(4, at(9));
        product.waited(0, Span::from_minutes(1));
        assert_eq!(product.waiting(), Span::from_minutes(10), "there are no such stops");
    }

    #[test]
    fn nothing_of_a_contact_is_printed() {
        let contact = Contact { name: "Keza".into(), phone: Phone::parse("0788123456").expect("valid") };
        let shown = format!("{contact:?}");
        assert!(!shown.contains("Keza") && !shown.contains("456"), "{shown}");
    }
}
