//! Quoting and booking.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use super::desk::{Actor, Details};
use super::product::request::{
    Limits, ProductRequest, StopRequest, check as check_product, check_pickup_at, check_spot, check_stops,
};
use super::product::{Product, Stop};
use super::quote::{Priced, Pricing, Quote, Way, Wish};
use super::ride::{Price, Ride, Spot};
use super::view::Viewer;
use super::words::RideType;
use super::{NOTE_CHARS_MAX, Rides, Unanswered, store};
use crate::clock;
use crate::dispatch::{Input, Order, Pin, Refusal};
use crate::error::{Checks, Error, Fault};
use crate::geo::LatLng;
use crate::ids::{QuoteId, RideId, RiderId, UserId};
use crate::money::BasisPoints;
use crate::payments::{PaymentMethod, Plan, Sold};
use crate::phone::Phone;
use crate::realtime::protocol::view::RideView;
use crate::time::{Span, Timestamp};
use crate::web::IdempotencyKey;

/// Longest promotion code.
const PROMO_CODE_CHARS_MAX: usize = 40;

/// A place as a client names it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceRequest {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lng: f64,
    /// Address in the rider's words.
    pub address: Option<String>,
    /// What to look out for.
    pub landmark: Option<String>,
}

/// A question for a price as a client sends it.
#[derive(Clone)]
pub struct AskPrice {
    /// From.
    pub pickup: PlaceRequest,
    /// To.
    pub destination: PlaceRequest,
    /// `boda` when left out.
    pub ride_type: Option<String>,
    /// Places on the way, in order.
    pub stops: Vec<PlaceRequest>,
    /// When, of a scheduled ride.
    pub pickup_at: Option<String>,
    /// To be served first.
    pub express: bool,
    /// A promotion.
    pub promo_code: Option<String>,
}

/// How a ride is to be paid, besides the method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentChoice {
    /// One of the rider's saved methods.
    pub saved_method: Option<Uuid>,
    /// Whether credit is used first; true when left out.
    pub uses_credit: Option<bool>,
    /// A promotion.
    pub promo_code: Option<String>,
}

/// A booking as a client sends it.
#[derive(Clone)]
pub struct BookRide {
    /// From.
    pub pickup: PlaceRequest,
    /// To.
    pub destination: PlaceRequest,
    /// `boda` when left out.
    pub ride_type: Option<String>,
    /// `cash` when left out.
    pub payment_method: Option<String>,
    /// What else decides how it is paid.
    pub payment: PaymentChoice,
    /// What was shown before, to be kept to.
    pub quote_id: Option<QuoteId>,
    /// For the driver.
    pub notes: Option<String>,
    /// What it is beyond a ride now from here to there.
    pub product: ProductRequest,
}

/// Every field but the product, which holds telephones, and what came later than that.
impl fmt::Debug for BookRide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BookRide")
            .field("pickup", &self.pickup)
            .field("destination", &self.destination)
            .field("ride_type", &self.ride_type)
            .field("payment_method", &self.payment_method)
            .field("quote_id", &self.quote_id)
            .field("notes", &self.notes)
            .finish()
    }
}

/// A booking that holds.
#[derive(Debug)]
pub struct Booked {
    /// The ride.
    pub ride: RideView,
    /// Whether it was booked by an earlier request with the same key.
    pub replayed: bool,
}

/// Who books.
#[derive(Clone, Copy, Debug)]
pub(super) enum Booker {
    /// Who rides.
    Rider,
    /// Somebody on behalf of who rides.
    Agent(UserId),
}

/// What a ride that is about to be requested is known by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    /// Which.
    pub(super) id: RideId,
    /// Whose.
    pub(super) rider: RiderId,
    /// Of what was asked for.
    pub(super) request_hash: [u8; 32],
}

/// A booking whose fields are in order.
pub(super) struct Checked {
    pub(super) pickup: Spot,
    destination: Spot,
    ride_type: RideType,
    payment_method: PaymentMethod,
    promo_code: Option<String>,
    notes: Option<String>,
    product: Product,
}

impl Checked {
    fn way(&self) -> Way {
        way(self.pickup.at, &self.product.stops, self.destination.at)
    }

    fn wish(&self) -> Wish {
        let is_express = self.product.express.is_some();
        Wish { ride_type: self.ride_type, is_express, pickup_at: self.product.pickup_at() }
    }
}

fn way(pickup: LatLng, stops: &[Stop], destination: LatLng) -> Way {
    Way { pickup, stops: stops.iter().map(|stop| stop.spot.at).collect(), destination }
}

impl Rides {
    /// What a ride would cost, good for a few minutes.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field.
    pub async fn quote(&self, rider: RiderId, request: &AskPrice) -> Result<Quote, Error> {
        let now = clock::now();
        let limits = self.limits(now);
        let mut checks = Checks::new();
        let pickup = check_spot(&mut checks, "pickup", &request.pickup, limits.area);
        let destination = check_spot(&mut checks, "destination", &request.destination, limits.area);
        let ride_type = RideType::check(&mut checks, "ride_type", request.ride_type.as_deref().unwrap_or("boda"));
        let stop = |place: &PlaceRequest| StopRequest { place: place.clone(), contact: None, note: None };
        let stops = check_stops(&mut checks, &request.stops.iter().map(stop).collect::<Vec<_>>(), limits);
        let schedule = request.pickup_at.as_deref().map(|text| check_pickup_at(&mut checks, text, limits));
        let promo_code = checks.optional_text("promo_code", request.promo_code.as_deref(), PROMO_CODE_CHARS_MAX);
        checks.finish()?;
        let (Some(pickup), Some(destination), Some(ride_type)) = (pickup, destination, ride_type) else {
            return Err(Error::internal("checked above"));
        };
        let way = way(pickup.at, &stops, destination.at);
        let pickup_at = schedule.flatten().map(|schedule| schedule.pickup_at);
        let wish = Wish { ride_type, is_express: request.express, pickup_at };
        self.refuse_no_go(&way)?;
        let Priced { price, fare, express } = self.price(&way, wish, now)?;
        let promotion = match promo_code {
            Some(code) => {
                let sold = Sold { rider, ride_type: ride_type.as_str(), price: price.to_pay(), at: now };
                Some(self.inner.payments.promised(&code, &sold).await?)
            }
            None => None,
        };
        let quote = Quote {
            promotion,
            id: QuoteId(Uuid::now_v7()),
            rider,
            way,
            wish,
            express,
            price,
            fare: Some(fare),
            created_at: now,
            expires_at: now + self.inner.config.quote_lifetime,
        };
        store::save_quote(&self.inner.pool, &quote).await?;
        Ok(quote)
    }

    /// Books a ride. With a key, a repeated request meets the same ride: its id is derived from rider and key.
    ///
    /// # Errors
    /// [`Error::Invalid`]; `idempotency_key_reused`, `ride_in_progress`, `too_many_scheduled`, `quote_expired`, `quote_differs`,
    /// `payment_method_unavailable`, `payment_outstanding`, `processing_restricted`; [`Error::Unavailable`] when the city takes
    /// no bookings now.
    pub async fn book(
        &self,
        rider: RiderId,
        key: Option<&IdempotencyKey>,
        request: &BookRide,
    ) -> Result<Booked, Error> {
        let id = key.map(|key| derived_id(rider.into(), key));
        let request_hash = hash_of(request);
        // Before the checks: a time of pickup that was in order then may be in the past by now.
        if let Some(id) = id
            && let Some(replayed) = self.replay(id, request_hash, |ride| ride.rider == rider).await?
        {
            return Ok(replayed);
        }
        self.book_as(rider, Booker::Rider, id, request_hash, request).await
    }

    /// As [`Rides::book`], by the rider or on their behalf; with the id that a key stands for, which the caller has looked
    /// for.
    pub(super) async fn book_as(
        &self,
        rider: RiderId,
        booker: Booker,
        id: Option<RideId>,
        request_hash: [u8; 32],
        request: &BookRide,
    ) -> Result<Booked, Error> {
        let id = id.unwrap_or_else(|| RideId(Uuid::now_v7()));
        let now = clock::now();
        let checked = self.check_booking(request, now)?;
        // The store would refuse the ride of somebody who is not there, and with it everybody's of the same commit.
        // And it remembers the name, so that dispatch finds it in memory when there is something to tell.
        if !self.inner.people.knows(rider).await? {
            return Err(Error::unauthenticated("unauthenticated", "this account does not exist any more"));
        }
        self.inner.people.refuse_restricted(rider).await?;
        self.inner.payments.refuse_indebted(rider).await?;
        let ride = self.new_ride(Named { id, rider, request_hash }, request, checked, now).await?;
        let (booked_by, actor) = match booker {
            Booker::Rider => (None, Actor { role: "customer", id: Some(rider.into()) }),
            Booker::Agent(agent) => (Some(agent), Actor { role: "agent", id: Some(agent) }),
        };
        let ride = Ride { booked_by, ..ride };
        let has_promotion = ride.payment_plan.promotion.is_some();
        let order = Order { scheduled_max: Some(self.inner.config.products.scheduled_max), ..ride.order() };
        let order = self.standing_of(rider, now).await?.on(order);
        let input = Input::RequestRide { ride: id, rider, pin: ride.pin, order };
        match self.command(actor, input, Details::Booking(Box::new(ride))).await {
            Ok(Some(ride)) => Ok(Booked { ride: self.view(&ride, Viewer::Rider).await, replayed: false }),
            Ok(None) => Err(Error::internal("a booked ride is not there")),
            // Two requests with one key at once: the other one won.
            Err(Unanswered::Refused(Refusal::AlreadyRequested)) => {
                let is_theirs = |ride: &Ride| match booker {
                    Booker::Rider => ride.rider == rider,
                    Booker::Agent(agent) => ride.booked_by == Some(agent),
                };
                let replayed = self.replay(id, request_hash, is_theirs).await?;
                replayed.ok_or_else(|| Error::internal("a requested ride is not there"))
            }
            Err(Unanswered::Refused(refusal)) => {
                // Where nobody knows whether it was booked, a sweep gives back what was kept for a ride that is not there.
                if has_promotion {
                    self.inner.payments.release_promotion(id, now).await?;
                }
                Err(self.refusal(refusal))
            }
            Err(refused) => Err(self.refused(refused)),
        }
    }

    /// The record of a ride that is about to be requested: priced, and allowed where it begins and ends.
    pub(super) async fn new_ride(
        &self,
        named: Named,
        request: &BookRide,
        mut checked: Checked,
        now: Timestamp,
    ) -> Result<Ride, Error> {
        let Named { id, rider, request_hash } = named;
        self.refuse_no_go(&checked.way())?;
        let (price, express) = match request.quote_id {
            Some(quote) => self.quoted_price(rider, quote, &checked, now).await?,
            None => {
                let Priced { price, express, .. } = self.price(&checked.way(), checked.wish(), now)?;
                (price, express)
            }
        };
        checked.product.express = express;
        let payment_plan = self.plan(named, &request.payment, &checked, &price, now).await?;
        Ok(Ride {
            id,
            rider,
            driver: None,
            is_next: false,
            status: checked.product.first_status(),
            ride_type: checked.ride_type,
            product: checked.product,
            payment_method: checked.payment_method,
            payment_plan,
            pickup: checked.pickup,
            destination: checked.destination,
            notes: checked.notes,
            request_hash,
            fare: price.quoted,
            price,
            matched_distance_m: None,
            waiting: Span::ZERO,
            pin: random_pin()?,
            cancellation: None,
            booked_by: None,
            paired_at: None,
            offers_made: 0,
            requested_at: now,
            assigned_at: None,
            arrived_at: None,
            started_at: None,
            ended_at: None,
        })
    }

    /// How the ride is to be paid: refused, as long as the rider can choose otherwise, where it could not be.
    async fn plan(
        &self,
        Named { id, rider, .. }: Named,
        choice: &PaymentChoice,
        checked: &Checked,
        price: &Price,
        now: Timestamp,
    ) -> Result<Plan, Error> {
        let (payments, method) = (&self.inner.payments, checked.payment_method);
        payments.refuse_unavailable(method, now)?;
        if let Some(saved) = choice.saved_method {
            payments.check_saved_method(rider, saved, method).await?;
        }
        let promotion = match &checked.promo_code {
            Some(code) => {
                let sold = Sold { rider, ride_type: checked.ride_type.as_str(), price: price.to_pay(), at: now };
                payments.reserve(code, id, &sold).await?
            }
            None => None,
        };
        Ok(Plan { saved_method: choice.saved_method, uses_credit: choice.uses_credit.unwrap_or(true), promotion })
    }

    /// The ride an earlier request with the same key booked, if there is one: of whoever sends it again.
    pub(super) async fn replay(
        &self,
        id: RideId,
        request_hash: [u8; 32],
        is_theirs: impl FnOnce(&Ride) -> bool,
    ) -> Result<Option<Booked>, Error> {
        let ride = match self.inner.live.ride(id) {
            Some(ride) => ride,
            None => match store::find(&self.inner.pool, self.inner.people.vault(), id).await? {
                Some(ride) => ride.into(),
                None => return Ok(None),
            },
        };
        if !is_theirs(&ride) || ride.request_hash != request_hash {
            let message = "this Idempotency-Key was used for another booking; use a new key for a new ride";
            return Err(Error::conflict("idempotency_key_reused", message));
        }
        Ok(Some(Booked { ride: self.view(&ride, Viewer::Rider).await, replayed: true }))
    }

    /// No ride begins, stops or ends in a no-go zone, not even one that was quoted before it was drawn.
    fn refuse_no_go(&self, way: &Way) -> Result<(), Error> {
        let stops = way.stops.iter().enumerate().map(|(index, place)| (format!("place of stops[{index}]"), *place));
        let ends = [("pickup".to_owned(), way.pickup), ("destination".to_owned(), way.destination)];
        for (end, place) in ends.into_iter().chain(stops) {
            if let Some(zone) = self.inner.locations.zone_refusing(place) {
                let text =
                    format!("the {end} is in a zone where no ride begins or ends ({}); choose another", zone.name);
                return Err(Error::conflict("no_go_zone", text));
            }
        }
        Ok(())
    }

    /// What a way costs that is asked for at `now`.
    pub(super) fn price(&self, way: &Way, wish: Wish, now: Timestamp) -> Result<Priced, Error> {
        let pricing = Pricing {
            travel: self.inner.locations.travel(),
            prices: &self.inner.prices.book(),
            distance_m_max: self.inner.config.ride_distance_m_max,
            express_supplement: self.inner.config.products.express_supplement,
            // What is asked of now says nothing about a time to come.
            surge: if wish.pickup_at.is_some() { BasisPoints::WHOLE } else { self.inner.steering.surge_at(way.pickup) },
        };
        pricing.price(way, wish, now)
    }

    /// What the checks of a product need to know.
    pub(super) fn limits(&self, now: Timestamp) -> Limits<'_> {
        Limits { config: &self.inner.config.products, area: self.inner.locations.area(), now }
    }

    async fn quoted_price(
        &self,
        rider: RiderId,
        id: QuoteId,
        checked: &Checked,
        now: Timestamp,
    ) -> Result<(Price, Option<BasisPoints>), Error> {
        let unknown = || Error::invalid("quote_id", id, "is not a quote of yours");
        let quote = store::find_quote(&self.inner.pool, rider, id).await?.ok_or_else(unknown)?;
        if now >= quote.expires_at {
            return Err(Error::conflict(
                "quote_expired",
                format!("the quote expired at {}; ask for a new one", quote.expires_at),
            ));
        }
        if quote.way != checked.way() || quote.wish != checked.wish() {
            return Err(Error::conflict("quote_differs", "the quote is for another ride; ask for a new one"));
        }
        Ok((quote.price, quote.express))
    }

    pub(super) fn check_booking(&self, request: &BookRide, now: Timestamp) -> Result<Checked, Error> {
        let limits = self.limits(now);
        let mut checks = Checks::new();
        let pickup = check_spot(&mut checks, "pickup", &request.pickup, limits.area);
        let destination = check_spot(&mut checks, "destination", &request.destination, limits.area);
        let ride_type = RideType::check(&mut checks, "ride_type", request.ride_type.as_deref().unwrap_or("boda"));
        let word = request.payment_method.as_deref().unwrap_or("cash");
        let payment_method = PaymentMethod::from_name(word);
        if payment_method.is_none() {
            let names = PaymentMethod::ALL.map(PaymentMethod::as_str).join(", ");
            checks.fault(Fault::new("payment_method", word, format_args!("is not one of {names}")));
        }
        if let (Some(PaymentMethod::Cash), Some(id)) = (payment_method, request.payment.saved_method) {
            checks.fault(Fault::new("payment_method_id", id, "is not for cash"));
        }
        let code = request.payment.promo_code.as_deref();
        let promo_code = checks.optional_text("promo_code", code, PROMO_CODE_CHARS_MAX);
        let notes = checks.optional_text("notes", request.notes.as_deref(), NOTE_CHARS_MAX);
        let product = check_product(&mut checks, &request.product, ride_type, random_pin()?, limits);
        checks.finish()?;
        match (pickup, destination, ride_type, payment_method) {
            (Some(pickup), Some(destination), Some(ride_type), Some(payment_method)) => {
                Ok(Checked { pickup, destination, ride_type, payment_method, promo_code, notes, product })
            }
            _ => Err(Error::internal("checked above")),
        }
    }
}

/// The ride that the key of who books stands for. A retry can only ever meet the same row.
pub(super) fn derived_id(booker: UserId, key: &IdempotencyKey) -> RideId {
    let mut text = booker.0.as_bytes().to_vec();
    text.extend_from_slice(key.0.as_bytes());
    let hash = digest(&SHA256, &text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    RideId(Uuid::new_v8(bytes))
}

/// Recognises the same booking sent again, field by field, whatever its JSON looked like.
fn hash_of(request: &BookRide) -> [u8; 32] {
    hash_of_text(&text_of(request))
}

/// The same of a booking for who has this number.
pub(super) fn hash_for(phone: Phone, request: &BookRide) -> [u8; 32] {
    hash_of_text(&format!("{} {}", phone.as_str(), text_of(request)))
}

fn text_of(request: &BookRide) -> String {
    // The debug form names every field and tells absent from empty; it never leaves this file. An ordinary booking has
    // the text that it had before there were products, so that a retry over an upgrade is known.
    let mut text = format!("{request:?}");
    if !request.product.is_empty() {
        text.push_str(&request.product.canonical());
    }
    if request.payment != PaymentChoice::default() {
        text.push_str(&format!("{:?}", request.payment));
    }
    text
}

pub(super) fn hash_of_text(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

fn random_pin() -> Result<Pin, Error> {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the system has no randomness"))?;
    Ok(Pin::from_random(u32::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_one_ride_of_one_person() {
        let (aline, eric) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let key = |text: &str| IdempotencyKey(text.to_owned());
        assert_eq!(derived_id(aline, &key("a")), derived_id(aline, &key("a")));
        assert_ne!(derived_id(aline, &key("a")), derived_id(aline, &key("b")));
        assert_ne!(derived_id(aline, &key("a")), derived_id(eric, &key("a")));
        assert_eq!(derived_id(aline, &key("a")).0.get_version_num(), 8);
    }
}
