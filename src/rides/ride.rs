//! A ride as this service keeps it: everything about it besides what the core needs to decide.
//!
//! Separate from the core's own state, which knows neither places nor money. A record changes only by a fact the core
//! decided ([`Ride::apply`]), so record and core cannot disagree.

use std::fmt;

use crate::dispatch::{Decision, Fact, Order, Pin, RideEnd};
use crate::fares::cancellation::Cause;
use crate::geo::LatLng;
use crate::ids::{DriverId, OfferId, QuoteId, RideId, RiderId, UserId};
use crate::money::{BasisPoints, Francs};
use crate::payments::{PaymentMethod, Plan};
use crate::pricing::PriceBook;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::fare_proof::FareProof;
use crate::rides::product::Product;
use crate::rides::words::{CancelReason, RideType};
use crate::time::{Span, Timestamp};

/// A place a rider named.
#[derive(Clone, PartialEq)]
pub struct Spot {
    /// Where.
    pub at: LatLng,
    /// Address in the rider's words.
    pub address: Option<String>,
    /// What to look out for.
    pub landmark: Option<String>,
}

/// How a ride was called off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// `customer`, `driver` or `system`.
    pub by: &'static str,
    /// Why.
    pub reason: CancelReason,
    /// In the person's own words.
    pub note: Option<String>,
    /// What the rider owes for it.
    pub fee: Francs,
    /// What the driver gets of that.
    pub compensation: Francs,
    /// Why it costs what it costs; `None` of rides that are older than the rules.
    pub cause: Option<Cause>,
}

/// What the rider agreed to pay, and by which tariff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The quote shown before booking, where there was one.
    pub quote: Option<QuoteId>,
    /// Name of the tariff in the [`PriceBook`].
    pub tariff: String,
    /// What counts as its beginning: the pickup that was asked for, or the question for the price.
    pub begins_at: Timestamp,
    /// Name of the platform's terms; empty of rides that are older than these.
    pub terms: String,
    /// What the rider pays the platform beyond the fare.
    pub service_fee: Francs,
    /// Surge factor.
    pub surge: BasisPoints,
    /// Length by the router.
    pub distance_m: u32,
    /// Riding time by the router.
    pub duration: Span,
    /// What was promised.
    pub quoted: Francs,
}

impl Price {
    /// What is to be paid if it stays at the quote: with the service fee. It saturates.
    pub fn to_pay(&self) -> Francs {
        Francs(self.quoted.amount().saturating_add(self.service_fee.amount()))
    }
}

/// A ride.
#[derive(Clone, PartialEq)]
pub struct Ride {
    /// Which.
    pub id: RideId,
    /// Whose.
    pub rider: RiderId,
    /// Who drives it.
    pub driver: Option<DriverId>,
    /// The driver finishes another ride first.
    pub is_next: bool,
    /// Where it stands.
    pub status: RideStatus,
    /// Kind of vehicle.
    pub ride_type: RideType,
    /// What it is beyond a ride now from here to there.
    pub product: Product,
    /// How the rider pays.
    pub payment_method: PaymentMethod,
    /// What the rider chose besides the method.
    pub payment_plan: Plan,
    /// From.
    pub pickup: Spot,
    /// To.
    pub destination: Spot,
    /// From the rider to the driver.
    pub notes: Option<String>,
    /// Of the booking, to recognise a repeated request.
    pub request_hash: [u8; 32],
    /// The agreed price.
    pub price: Price,
    /// What is charged: the quote until the ride is completed.
    pub fare: Francs,
    /// Length of the completed ride along the streets it took, where a map is loaded and saw it.
    pub matched_distance_m: Option<u32>,
    /// Time the driver waited at the pickup.
    pub waiting: Span,
    /// What the rider tells the driver.
    pub pin: Pin,
    /// How it was called off.
    pub cancellation: Option<Cancellation>,
    /// The agent who booked it on behalf of the rider.
    pub booked_by: Option<UserId>,
    /// When rider and driver met at the roadside, for a ride that began so.
    pub paired_at: Option<Timestamp>,
    /// Offers made so far.
    pub offers_made: u16,
    /// When it was booked.
    pub requested_at: Timestamp,
    /// When a driver accepted.
    pub assigned_at: Option<Timestamp>,
    /// When the driver reached the pickup.
    pub arrived_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl fmt::Debug for Ride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ride").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Of an offer, what the driver is shown and the table keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub id: OfferId,
    /// To whom.
    pub driver: DriverId,
    /// Travel time to the pickup.
    pub pickup_eta: Span,
    /// Distance to the pickup.
    pub pickup_distance_m: u32,
    /// When.
    pub offered_at: Timestamp,
    /// Until when.
    pub deadline: Timestamp,
}

impl Offer {
    /// The offer that a decision made, if it made one.
    pub fn made_by(decision: &Decision) -> Option<Self> {
        match decision.fact {
            Fact::OfferMade { offer: id, driver, pickup_eta, pickup_distance_m, deadline } => {
                Some(Self { id, driver, pickup_eta, pickup_distance_m, offered_at: decision.at, deadline })
            }
            _ => None,
        }
    }
}

/// How a completed ride is priced.
#[derive(Clone, Copy, Debug)]
pub struct Pricing<'a> {
    /// Prices.
    pub prices: &'a PriceBook,
    /// By how much more than the quoted distance may be charged, in percent of it.
    pub detour_charged_max_percent: u32,
}

impl Ride {
    /// Follows a fact. `pricing` prices the ride when it completes; then there is a proof of its fare.
    pub fn apply(&mut self, decision: &Decision, pricing: Pricing<'_>) -> Option<FareProof> {
        self.follow(decision);
        if decision.fact != Fact::Ended(RideEnd::Completed) {
            return None;
        }
        // The distance that is charged by the agreed tariff, plus what the driver's waiting cost. Never less than the quote.
        let proof = self.final_fare(pricing.prices, pricing.detour_charged_max_percent);
        self.fare = Francs(proof.fare_rwf);
        Some(proof)
    }

    /// What the rider is to pay: the fare and the service fee. It saturates.
    pub fn to_pay(&self) -> Francs {
        Francs(self.fare.amount().saturating_add(self.price.service_fee.amount()))
    }

    /// Follows a fact in everything but the price.
    fn follow(&mut self, decision: &Decision) {
        let at = decision.at;
        match &decision.fact {
            // Another time comes with the command: see `Ride::moved`.
            Fact::Rescheduled { .. } | Fact::OfferClosed { .. } | Fact::Nudged { .. } => {}
            // Its time may have come while it was under way to us: then it is searched for at once.
            Fact::Requested { .. } => {
                if self.product.schedule.is_some_and(|schedule| schedule.search_from <= at) {
                    self.status = RideStatus::Requested;
                }
            }
            Fact::StopReached { stop } => self.product.reached(*stop, at),
            Fact::SearchBegan => self.status = RideStatus::Requested,
            Fact::OfferMade { offer, .. } => self.offers_made = offer.ordinal,
            Fact::Assigned { driver, is_next, .. } => {
                self.driver = Some(*driver);
                self.is_next = *is_next;
                self.status = RideStatus::DriverAssigned;
                self.assigned_at = Some(at);
            }
            Fact::OnTheWay => self.is_next = false,
            Fact::Released { .. } => {
                self.driver = None;
                self.is_next = false;
                self.status = RideStatus::Requested;
                self.assigned_at = None;
                self.arrived_at = None;
            }
            Fact::Arrived => {
                self.status = RideStatus::DriverArrived;
                self.arrived_at = Some(at);
            }
            Fact::Started => {
                self.status = RideStatus::InProgress;
                self.started_at = Some(at);
                self.waiting = self.arrived_at.map_or(Span::ZERO, |arrived| at.since(arrived));
            }
            Fact::Ended(end) => {
                self.status = status_of(*end);
                self.is_next = false;
                self.ended_at = Some(at);
            }
        }
    }

    /// The ride as it stood right after each fact of its timeline, which is whole: from its first fact on.
    pub fn history<'a>(
        &'a self,
        timeline: impl Iterator<Item = &'a Decision> + Clone + 'a,
    ) -> impl Iterator<Item = Self> + 'a {
        let is_scheduled = timeline.clone().any(|decision| decision.fact == Fact::SearchBegan);
        let mut then = self.as_booked(is_scheduled);
        timeline.map(move |decision| {
            match decision.fact {
                // Nothing happens after it; what was charged is written in the record.
                Fact::Ended(_) => then = self.clone(),
                _ => then.follow(decision),
            }
            then.product.take_waits(&self.product);
            then.clone()
        })
    }

    /// The ride before anything had happened to it.
    fn as_booked(&self, is_scheduled: bool) -> Self {
        let is_scheduled = is_scheduled || self.status == RideStatus::Scheduled || self.product.schedule.is_some();
        Self {
            driver: None,
            is_next: false,
            status: if is_scheduled { RideStatus::Scheduled } else { RideStatus::Requested },
            product: self.product.as_booked(),
            fare: self.price.quoted,
            matched_distance_m: None,
            waiting: Span::ZERO,
            cancellation: None,
            offers_made: 0,
            assigned_at: None,
            arrived_at: None,
            started_at: None,
            ended_at: None,
            ..self.clone()
        }
    }
}

impl Ride {
    /// What is particular to it, for the core, as far as the ride itself tells.
    pub fn order(&self) -> Order {
        let product = &self.product;
        Order {
            search_from: product.schedule.map(|schedule| schedule.search_from),
            search_until: product.schedule.map(|schedule| schedule.promised_to),
            handover: product.parcel.as_ref().map(|parcel| parcel.handover),
            // Their number is bounded by `products.stops_max`, which is a `u8`.
            stops: u8::try_from(product.stops.len()).unwrap_or(u8::MAX),
            is_express: product.express.is_some(),
            ..Order::default()
        }
    }

    /// From the pickup over the stops to the destination.
    pub fn places(&self) -> impl Iterator<Item = LatLng> {
        let stops = self.product.stops.iter().map(|stop| stop.spot.at);
        std::iter::once(self.pickup.at).chain(stops).chain(std::iter::once(self.destination.at))
    }

    /// Where the driver of a started ride goes next: to the next stop, or to the destination.
    pub fn next_place(&self) -> LatLng {
        let next = self.product.next_stop().and_then(|index| self.product.stops.get(index));
        next.map_or(self.destination.at, |stop| stop.spot.at)
    }

    /// Where it goes from a stop, counted from 1.
    pub fn place_after(&self, stop: u8) -> LatLng {
        self.product.stops.get(usize::from(stop)).map_or(self.destination.at, |next| next.spot.at)
    }
}

/// The status that an end means.
pub fn status_of(end: RideEnd) -> RideStatus {
    match end {
        RideEnd::Completed => RideStatus::Completed,
        RideEnd::CancelledByCustomer => RideStatus::CancelledByCustomer,
        RideEnd::CancelledByDriver => RideStatus::CancelledByDriver,
        RideEnd::CancelledBySystem => RideStatus::CancelledBySystem,
        RideEnd::NoDriverFound => RideStatus::NoDriverFound,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dispatch::{OfferOutcome, ReleaseReason, Trouble};

    pub(crate) fn ride() -> Ride {
        let spot = |lat, lng| Spot { at: LatLng::new(lat, lng).expect("valid"), address: None, landmark: None };
        Ride {
            id: RideId(Uuid::from_u128(1)),
            rider: RiderId(Uuid::from_u128(2)),
            driver: None,
            is_next: false,
            status: RideStatus::Requested,
            ride_type: RideType::Boda,
            product: Product::default(),
            payment_method: PaymentMethod::Cash,
            payment_plan: Plan::default(),
            pickup: spot(-1.94, 30.06),
            destination: spot(-1.95, 30.09),
            notes: None,
            request_hash: [7; 32],
            price: Price {
                quote: None,
                tariff: "RURA 2022-08-22".into(),
                begins_at: Timestamp::from_millis(1_790_000_000_000),
                terms: "built in".into(),
                service_fee: Francs::ZERO,
                surge: BasisPoints::WHOLE,
                distance_m: 8_000,
                duration: Span::from_minutes(22),
                quoted: Francs(1_102),
            },
            fare: Francs(1_102),
            matched_distance_m: None,
            waiting: Span::ZERO,
            pin: "0042".parse().expect("four digits"),
            cancellation: None,
            booked_by: None,
            paired_at: None,
            offers_made: 0,
            requested_at: Timestamp::from_millis(1_790_000_000_000),
            assigned_at: None,
            arrived_at: None,
            started_at: None,
            ended_at: None,
        }
    }

    fn pricing(prices: &PriceBook, detour_charged_max_percent: u32) -> Pricing<'_> {
        Pricing { prices, detour_charged_max_percent }
    }

    #[test]
    fn a_detour_is_charged_as_far_as_the_operator_allows_and_the_quote_is_the_least() {
        let tariffs = PriceBook::built_in(BasisPoints(900));
        let tariff = tariffs.tariffs().at(ride().requested_at).expect("a tariff is in force").name.to_string();
        let check = |matched_m: Option<u32>, percent: u32, charged_m: u32| {
            let mut ride = ride();
            ride.price.tariff = tariff.clone();
            ride.matched_distance_m = matched_m;
            let inputs = ride.fare_inputs(&tariffs, percent);
            assert_eq!(inputs.distance.charged().0, charged_m, "{matched_m:?} at {percent} %");
            let decision =
                Decision { ride: ride.id, seq: 9, at: ride.requested_at, fact: Fact::Ended(RideEnd::Completed) };
            ride.apply(&decision, pricing(&tariffs, percent));
            assert_eq!(ride.fare > ride.price.quoted, charged_m > 8_000, "{matched_m:?} at {percent} %");
        };
        // Quoted 8 km; 3.5 km in a straight line.
        check(None, 20, 8_000);
        check(Some(9_000), 0, 8_000);
        check(Some(9_000), 20, 9_000);
        check(Some(20_000), 20, 9_600);
        check(Some(5_000), 20, 8_000);
        // Seen in part only, and something else than the ride.
        check(Some(900), 20, 8_000);
        check(Some(40_000), 20, 8_000);
    }

    #[test]
    fn a_ride_can_be_seen_as_it_stood_after_each_of_its_facts() {
        let tariffs = PriceBook::built_in(BasisPoints(900));
        let driver = DriverId(Uuid::from_u128(9));
        let offer = |ordinal| OfferId { ride: ride().id, ordinal };
        let made = |ordinal| Fact::OfferMade {
            offer: offer(ordinal),
            driver,
            pickup_eta: Span::from_secs(60),
            pickup_distance_m: 300,
            deadline: Timestamp::EPOCH,
        };
        let closed = |ordinal, outcome| Fact::OfferClosed { offer: offer(ordinal), driver, outcome };
        let begin =
            || vec![Fact::Requested { rider: ride().rider }, made(1), closed(1, OfferOutcome::Expired), made(2)];
        let check = |facts: Vec<Fact>| {
            let mut ride = ride();
            ride.price.tariff = tariffs.tariffs().tariffs().last().expect("one is in force").name.to_string();
            let (mut stood, mut timeline) = (Vec::new(), Vec::new());
            if facts.contains(&Fact::SearchBegan) {
                ride.status = RideStatus::Scheduled;
            }
            for (fact, seq) in facts.into_iter().zip(1..) {
                let at = ride.requested_at + Span::from_minutes(9 * i64::from(seq - 1));
                let decision = Decision { ride: ride.id, seq, at, fact };
                ride.apply(&decision, pricing(&tariffs, 0));
                if let Fact::Ended(RideEnd::CancelledByCustomer) = decision.fact {
                    let (by, reason, fee) = ("customer", CancelReason::Other, Francs::ZERO);
                    ride.cancellation =
                        Some(Cancellation { by, reason, note: None, fee, compensation: fee, cause: None });
                }
                stood.push(ride.clone());
                timeline.push(decision);
            }
            for ((then, stood), decision) in ride.history(timeline.iter()).zip(stood).zip(&timeline) {
                assert!(then == stood, "after {:?}", decision.fact);
            }
        };
        let assigned = || Fact::Assigned { driver, offer: offer(2), is_next: false };
        check([begin(), vec![assigned(), Fact::Arrived, Fact::Started, Fact::Ended(RideEnd::Completed)]].concat());
        check([begin(), vec![assigned(), Fact::Arrived, Fact::Ended(RideEnd::CancelledByCustomer)]].concat());
        check([begin(), vec![assigned()]].concat());
        // Released, at last on the spot, and taken by another, who finishes a ride first.
        let other = DriverId(Uuid::from_u128(10));
        let released = |driver| Fact::Released { driver, reason: ReleaseReason::DriverCancelled };
        let next = || Fact::Assigned { driver: other, offer: offer(3), is_next: true };
        check([begin(), vec![assigned(), Fact::Arrived, released(driver), made(3), next(), Fact::OnTheWay]].concat());
        check([begin(), vec![assigned(), Fact::Arrived, released(driver), made(3), next()]].concat());
        check([begin(), vec![assigned(), released(driver), Fact::Ended(RideEnd::NoDriverFound)]].concat());
        let to_the_end = vec![Fact::OnTheWay, Fact::Arrived, Fact::Started, Fact::Ended(RideEnd::Completed)];
        let nudged = Fact::Nudged { driver, trouble: Trouble::Stalled };
        check([begin(), vec![assigned(), nudged, released(driver), made(3), next()], to_the_end].concat());
        // Scheduled.
        let later = || vec![Fact::Requested { rider: ride().rider }, Fact::SearchBegan, made(1)];
        check([later(), vec![closed(1, OfferOutcome::Withdrawn), made(2), assigned(), Fact::Arrived]].concat());
        check([begin(), vec![closed(2, OfferOutcome::Cancelled), Fact::Ended(RideEnd::CancelledByCustomer)]].concat());
        check([begin(), vec![closed(2, OfferOutcome::Declined), Fact::Ended(RideEnd::NoDriverFound)]].concat());
    }

    #[test]
    fn waiting_beyond_the_free_minutes_is_charged_at_completion() {
        let tariffs = PriceBook::built_in(BasisPoints(900));
        let tariff =
            tariffs.tariffs().at(Timestamp::from_millis(1_790_000_000_000)).expect("a tariff is in force").name.clone();
        let check = |waited: Span, expected: i64| {
            let mut ride = ride();
            ride.price.tariff = tariff.to_string();
            let mut at = ride.requested_at;
            let facts = [Fact::Arrived, Fact::Started, Fact::Ended(RideEnd::Completed)];
            for (fact, seq) in facts.into_iter().zip(2..) {
                ride.apply(&Decision { ride: ride.id, seq, at, fact }, pricing(&tariffs, 0));
                at = at + waited;
            }
            assert_eq!(ride.fare, Francs(expected), "waited {waited}");
        };
        check(Span::from_minutes(10), 1_102);
        // The regulator's own example: 8 km and 14 minutes of waiting cost 1,186 francs.
        check(Span::from_minutes(14), 1_186);
    }
}
