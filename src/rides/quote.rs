//! What a ride will cost: road distance by the router, price by the tariff of the day.

use crate::error::{Checks, Error, Fault};
use crate::fares::{Fare, Metered, TariffBook};
use crate::geo::{Area, LatLng};
use crate::ids::{QuoteId, RiderId};
use crate::money::BasisPoints;
use crate::rides::ride::Price;
use crate::rides::words::RideType;
use crate::road::{NoRoute, TravelTime};
use crate::time::{Span, Timestamp};

/// A ride shorter than this is a mistake: both ends are the same place.
const DISTANCE_M_MIN: u32 = 50;

/// What a rider is shown before booking, good until it expires.
#[derive(Clone, Debug)]
pub struct Quote {
    /// Which.
    pub id: QuoteId,
    /// For whom.
    pub rider: RiderId,
    /// From.
    pub pickup: LatLng,
    /// To.
    pub destination: LatLng,
    /// Kind of vehicle.
    pub ride_type: RideType,
    /// The price and how it came about.
    pub price: Price,
    /// What the price is made of; `None` for a quote read back.
    pub fare: Option<Fare>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be booked.
    pub expires_at: Timestamp,
}

/// What prices a ride.
pub struct Pricing<'a> {
    /// Distances and times.
    pub travel: &'a dyn TravelTime,
    /// Tariffs by date.
    pub tariffs: &'a TariffBook,
    /// The longest ride that is sold, in metres by road.
    pub distance_m_max: u32,
    /// What demand asks for; the tariff's cap bounds it.
    pub surge: BasisPoints,
}

impl Pricing<'_> {
    /// The price of a ride requested at `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a ride too short or too long, conflict `no_route` where no street leads there.
    pub fn price(&self, pickup: LatLng, destination: LatLng, now: Timestamp) -> Result<(Price, Fare), Error> {
        let leg = self.travel.route(pickup.into(), destination).map_err(no_route)?;
        let mut checks = Checks::new();
        let distance_m = leg.distance_m;
        if distance_m < DISTANCE_M_MIN {
            checks.fault(Fault::without_value(
                "destination",
                format_args!("is {distance_m} m from the pickup; the shortest ride is {DISTANCE_M_MIN} m"),
            ));
        }
        if distance_m > self.distance_m_max {
            let reason =
                format_args!("is {distance_m} m from the pickup; the longest ride is {} m", self.distance_m_max);
            checks.fault(Fault::without_value("destination", reason));
        }
        checks.finish()?;
        let tariff = self.tariffs.at(now).ok_or_else(|| Error::internal("no tariff is in force"))?;
        let metered = Metered { begins_at: now, distance_m, riding: leg.duration, waiting: Span::ZERO };
        let fare = tariff.quote(&metered, self.surge);
        let price = Price {
            quote: None,
            tariff: tariff.name.to_string(),
            surge: fare.surge_basis_points,
            distance_m,
            duration: leg.duration,
            quoted: fare.total,
        };
        Ok((price, fare))
    }
}

/// No ride can be sold where nobody can ride: which end is the trouble.
fn no_route(reason: NoRoute) -> Error {
    let text = match reason {
        NoRoute::FromOffRoad => "no street is near the pickup; move it to a street",
        NoRoute::ToOffRoad => "no street is near the destination; move it to a street",
        NoRoute::Unconnected => "no street leads from the pickup to the destination",
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
