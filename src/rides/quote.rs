//! What a ride will cost: road distance by the router over all its stops, price by the tariff in force at its pickup.

use crate::error::{Checks, Error, Fault};
use crate::fares::{Factors, Fare, Metered};
use crate::geo::{Area, LatLng};
use crate::ids::{QuoteId, RiderId};
use crate::money::BasisPoints;
use crate::payments::Promised;
use crate::pricing::PriceBook;
use crate::rides::ride::Price;
use crate::rides::words::RideType;
use crate::road::{NoRoute, TravelTime};
use crate::time::{Span, Timestamp};

/// A ride shorter than this is a mistake: both ends are the same place.
const DISTANCE_M_MIN: u32 = 50;

/// Where a ride goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// From.
    pub pickup: LatLng,
    /// Over.
    pub stops: Vec<LatLng>,
    /// To.
    pub destination: LatLng,
}

/// What decides about a price besides the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What is carried.
    pub ride_type: RideType,
    /// Whether it is to be served first.
    pub is_express: bool,
    /// When, of a scheduled ride.
    pub pickup_at: Option<Timestamp>,
}

/// What a rider is shown before booking, good until it expires.
#[derive(Clone, Debug)]
pub struct Quote {
    /// Which.
    pub id: QuoteId,
    /// For whom.
    pub rider: RiderId,
    /// Where it goes.
    pub way: Way,
    /// What else was asked for.
    pub wish: Wish,
    /// What express costs of it.
    pub express: Option<BasisPoints>,
    /// The price and how it came about.
    pub price: Price,
    /// What the price is made of; `None` for a quote read back.
    pub fare: Option<Fare>,
    /// What a promotion would take over; `None` for a quote read back.
    pub promotion: Option<Promised>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be booked.
    pub expires_at: Timestamp,
}

/// What a ride costs, and how much of it for express.
#[derive(Clone, Debug)]
pub struct Priced {
    /// What is agreed.
    pub price: Price,
    /// What it is made of.
    pub fare: Fare,
    /// The supplement, of an express ride.
    pub express: Option<BasisPoints>,
}

/// What prices a ride.
pub struct Pricing<'a> {
    /// Distances and times.
    pub travel: &'a dyn TravelTime,
    /// Tariffs and terms by date.
    pub prices: &'a PriceBook,
    /// The longest ride that is sold, in metres by road.
    pub distance_m_max: u32,
    /// What the operator would like for express.
    pub express_supplement: BasisPoints,
    /// What demand asks for; the tariff's cap bounds it.
    pub surge: BasisPoints,
}

impl Pricing<'_> {
    /// The price of a ride requested at `now`, by the tariff in force at its pickup, over all its legs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a ride or a leg too short or too long, conflict `no_route` where no street leads there.
    pub fn price(&self, way: &Way, wish: Wish, now: Timestamp) -> Result<Priced, Error> {
        let begins_at = wish.pickup_at.unwrap_or(now);
        let (distance_m, duration) = self.legs(way)?;
        let tariff = self.prices.tariffs().at(begins_at).ok_or_else(|| Error::internal("no tariff is in force"))?;
        let express = wish.is_express.then(|| match wish.ride_type {
            RideType::Boda => tariff.supplement(self.express_supplement),
            // The regulator's tariff is for carrying people; for parcels it is our own price list.
            RideType::Delivery => self.express_supplement,
        });
        let metered = Metered { begins_at, distance_m, riding: duration, waiting: Span::ZERO };
        let factors = Factors { surge: self.surge, supplement: express.unwrap_or(BasisPoints(0)) };
        let fare = tariff.price(&metered, factors);
        let terms = self.prices.terms_at(wish.ride_type.as_str(), begins_at);
        let price = Price {
            quote: None,
            tariff: tariff.name.to_string(),
            begins_at,
            terms: terms.name.clone(),
            service_fee: terms.numbers.service_fee(),
            surge: fare.surge_basis_points,
            distance_m,
            duration,
            quoted: fare.total,
        };
        Ok(Priced { price, fare, express })
    }

    /// Length and riding time of all legs together.
    fn legs(&self, way: &Way) -> Result<(u32, Span), Error> {
        let mut checks = Checks::new();
        let (mut distance_m, mut riding_ms, mut from) = (0_u32, 0_i64, way.pickup);
        for (index, to) in way.stops.iter().chain([&way.destination]).enumerate() {
            let leg = self.travel.route(from.into(), *to).map_err(|reason| no_route(reason, way, index))?;
            if leg.distance_m < DISTANCE_M_MIN {
                let (field, before) = way.ends_of(index);
                let reason =
                    format_args!("is {} m from {before}; the shortest way is {DISTANCE_M_MIN} m", leg.distance_m);
                checks.fault(Fault::without_value(field, reason));
            }
            distance_m = distance_m.saturating_add(leg.distance_m);
            riding_ms += leg.duration.as_millis();
            from = *to;
        }
        if distance_m > self.distance_m_max {
            let over = if way.stops.is_empty() { "" } else { " over the stops" };
            let most = self.distance_m_max;
            let reason = format_args!("is {distance_m} m from the pickup{over}; the longest ride is {most} m");
            checks.fault(Fault::without_value("destination", reason));
        }
        checks.finish()?;
        Ok((distance_m, Span::from_millis(riding_ms)))
    }
}

impl Way {
    /// The place a leg leads to as a field of the request, and in words where it comes from.
    fn ends_of(&self, leg: usize) -> (String, String) {
        let to = if leg < self.stops.len() { format!("stops[{leg}]") } else { "destination".to_owned() };
        let from = leg.checked_sub(1).map_or_else(|| "the pickup".to_owned(), |before| format!("stops[{before}]"));
        (to, from)
    }
}

/// No ride can be sold where nobody can ride: which end of which leg is the trouble.
fn no_route(reason: NoRoute, way: &Way, leg: usize) -> Error {
    let (to, from) = way.ends_of(leg);
    let to = if leg < way.stops.len() { to } else { "the destination".to_owned() };
    let text = match reason {
        NoRoute::FromOffRoad => format!("no street is near {from}; move it to a street"),
        NoRoute::ToOffRoad => format!("no street is near {to}; move it to a street"),
        NoRoute::Unconnected => format!("no street leads from {from} to {to}"),
    };
    Error::conflict("no_route", text)
}

/// A place a client sent: on the globe and inside the service area, or faults that name the field.
pub fn check_place(checks: &mut Checks, field: &str, lat: f64, lng: f64, area: Area) -> Option<LatLng> {
    let place = checks.place(&format!("{field}."), lat, lng)?;
    if !area.contains(place) {
        checks.fault(Fault::new(field, format_args!("{lat},{lng}"), "is outside of the service area"));
        return None;
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::StraightLine;

    fn pricing<'a>(travel: &'a StraightLine, prices: &'a PriceBook) -> Pricing<'a> {
        Pricing {
            travel,
            prices,
            distance_m_max: 100_000,
            express_supplement: BasisPoints(2_000),
            surge: BasisPoints::WHOLE,
        }
    }

    fn at(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("valid")
    }

    fn wish(ride_type: RideType, is_express: bool, pickup_at: Option<&str>) -> Wish {
        let pickup_at = pickup_at.map(|text| serde_json::from_value(text.into()).expect("RFC 3339"));
        Wish { ride_type, is_express, pickup_at }
    }

    fn way(stops: &[LatLng]) -> Way {
        Way { pickup: at(-1.943838, 30.056937), stops: stops.to_vec(), destination: at(-1.958409, 30.119131) }
    }

    #[test]
    fn the_price_is_that_of_all_legs_together() {
        let (travel, tariffs) =
            (StraightLine::new(1.33, 22.0).expect("plausible"), PriceBook::built_in(BasisPoints(900)));
        let pricing = pricing(&travel, &tariffs);
        let now = Timestamp::from_millis(1_790_000_000_000);
        let direct = pricing.price(&way(&[]), wish(RideType::Boda, false, None), now).expect("a price");
        assert_eq!(direct.fare.total.amount(), 1_271);
        let stop = at(-1.980121, 30.041981);
        let over = pricing.price(&way(&[stop]), wish(RideType::Boda, false, None), now).expect("a price");
        let leg = |from: LatLng, to| travel.route(from.into(), to).expect("a way").distance_m;
        assert_eq!(over.price.distance_m, leg(way(&[]).pickup, stop) + leg(stop, way(&[]).destination));
        assert!(over.fare.total > direct.fare.total && over.price.duration > direct.price.duration);
    }

    #[test]
    fn express_costs_people_nothing_and_parcels_what_the_operator_says() {
        let (travel, tariffs) =
            (StraightLine::new(1.33, 22.0).expect("plausible"), PriceBook::built_in(BasisPoints(900)));
        let pricing = pricing(&travel, &tariffs);
        let now = Timestamp::from_millis(1_790_000_000_000);
        for (ride_type, is_express, supplement, total) in [
            (RideType::Boda, false, None, 1_271),
            (RideType::Boda, true, Some(BasisPoints(0)), 1_271),
            (RideType::Delivery, false, None, 1_271),
            (RideType::Delivery, true, Some(BasisPoints(2_000)), 1_525),
        ] {
            let priced = pricing.price(&way(&[]), wish(ride_type, is_express, None), now).expect("a price");
            assert_eq!((priced.express, priced.fare.total.amount()), (supplement, total), "{ride_type} {is_express}");
        }
    }

    #[test]
    fn a_scheduled_ride_costs_what_holds_at_its_pickup() {
        let (travel, tariffs) =
            (StraightLine::new(1.33, 22.0).expect("plausible"), PriceBook::built_in(BasisPoints(900)));
        let now = serde_json::from_value("2022-08-20T08:00:00Z".into()).expect("RFC 3339");
        for (pickup_at, tariff) in [
            (None, "RURA 2022-01-07"),
            (Some("2022-08-21T23:59:59+02:00"), "RURA 2022-01-07"),
            (Some("2022-08-22T00:00:00+02:00"), "RURA 2022-08-22"),
        ] {
            let priced = pricing(&travel, &tariffs).price(&way(&[]), wish(RideType::Boda, false, pickup_at), now);
            assert_eq!(priced.expect("a price").price.tariff, tariff, "{pickup_at:?}");
        }
    }

    #[test]
    fn a_stop_that_is_no_way_off_is_named() {
        let (travel, tariffs) =
            (StraightLine::new(1.33, 22.0).expect("plausible"), PriceBook::built_in(BasisPoints(900)));
        let now = Timestamp::from_millis(1_790_000_000_000);
        let check = |stops: &[LatLng], expected: &str| {
            let refused = pricing(&travel, &tariffs).price(&way(stops), wish(RideType::Boda, false, None), now);
            assert_eq!(refused.err().map(|error| error.to_string()).as_deref(), Some(expected));
        };
        let stop = at(-1.980121, 30.041981);
        check(&[way(&[]).pickup], "stops[0] is 0 m from the pickup; the shortest way is 50 m");
        check(&[stop, stop], "stops[1] is 0 m from stops[0]; the shortest way is 50 m");
        check(&[way(&[]).destination], "destination is 0 m from stops[0]; the shortest way is 50 m");
    }
}
