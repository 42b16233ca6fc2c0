//! What a driver wishes to be asked for: on the way home, not too far, not too cheap, not every kind of ride. Pure.
//!
//! Separate so that the rule is one function that can be tested as a table: dispatch asks it for every candidate, out of
//! memory (`board`). A wish only ever narrows what a driver is asked for; a driver without wishes takes everything.

pub(super) mod board;
mod request;

use crate::geo::LatLng;
use crate::money::Francs;
use crate::time::Timestamp;

pub use request::WishesRequest;

/// What a driver wishes for. Whatever is `None` is not wished for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// Only rides on the way there.
    pub home: Option<Home>,
    /// The farthest pickup, in metres by road.
    pub pickup_distance_m_max: Option<u32>,
    /// The least fare, as quoted.
    pub fare_min: Option<Francs>,
    /// The kinds of ride, as words.
    pub ride_types: Option<Vec<String>>,
}

/// A place to end up at.
#[derive(Clone, Debug, PartialEq)]
pub struct Home {
    /// Where.
    pub place: LatLng,
    /// What the driver calls it.
    pub label: Option<String>,
    /// Until when it is wished for.
    pub until: Timestamp,
}

/// What a driver would be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked<'a> {
    /// To where.
    pub destination: LatLng,
    /// For how much, as quoted.
    pub fare: Francs,
    /// Which kind of ride.
    pub ride_type: &'a str,
    /// Where the driver is now, or will be after the ride before.
    pub from: LatLng,
    /// From there to the pickup, in metres by road.
    pub pickup_distance_m: u32,
}

/// Which wish is against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unwished {
    /// The pickup is farther than the driver wants to go.
    PickupTooFar,
    /// The fare is less than the driver wants.
    FareTooLow,
    /// The driver does not want this kind of ride.
    RideType,
    /// It does not lead home.
    NotHomeward,
}

impl Unwished {
    /// The word on the wire and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PickupTooFar => "pickup_too_far",
            Self::FareTooLow => "fare_too_low",
            Self::RideType => "ride_type",
            Self::NotHomeward => "not_homeward",
        }
    }
}

impl Wishes {
    /// Whether the driver is to be asked. A ride leads home when its end is nearer to it than the driver is now, in a
    /// straight line, by at least `home_nearer_min_percent` of that distance.
    ///
    /// # Errors
    /// The first wish that is against it.
    pub fn allows(&self, asked: &Asked<'_>, home_nearer_min_percent: u32, now: Timestamp) -> Result<(), Unwished> {
        if self.ride_types.as_ref().is_some_and(|wanted| !wanted.iter().any(|word| word == asked.ride_type)) {
            return Err(Unwished::RideType);
        }
        if self.pickup_distance_m_max.is_some_and(|most| asked.pickup_distance_m > most) {
            return Err(Unwished::PickupTooFar);
        }
        if self.fare_min.is_some_and(|least| asked.fare < least) {
            return Err(Unwished::FareTooLow);
        }
        match self.home.as_ref().filter(|home| now < home.until) {
            Some(home) if !home.is_homeward(asked, home_nearer_min_percent) => Err(Unwished::NotHomeward),
            _ => Ok(()),
        }
    }

    /// Whether nothing is wished for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Without a way home that has lapsed.
    #[must_use]
    pub fn in_force(mut self, now: Timestamp) -> Self {
        self.home = self.home.filter(|home| now < home.until);
        self
    }
}

impl Home {
    fn is_homeward(&self, asked: &Asked<'_>, nearer_min_percent: u32) -> bool {
        let (before_m, after_m) = (asked.from.distance_m(self.place), asked.destination.distance_m(self.place));
        after_m * 100.0 <= before_m * f64::from(100_u32.saturating_sub(nearer_min_percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Timestamp = Timestamp::from_millis(1_796_000_000_000);

    /// Kigali, and so many metres east of it.
    fn east(metres: f64) -> LatLng {
        LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, metres)
    }

    fn asked() -> Asked<'static> {
        Asked {
            destination: east(4_000.0),
            fare: Francs(751),
            ride_type: "boda",
            from: east(0.0),
            pickup_distance_m: 900,
        }
    }

    fn home(metres_east: f64) -> Wishes {
        let home = Home { place: east(metres_east), label: None, until: NOW + Span::from_minutes(60) };
        Wishes { home: Some(home), ..Wishes::default() }
    }

    #[test]
    fn each_wish_is_kept_and_no_more() {
        let far = |most| Wishes { pickup_distance_m_max: Some(most), ..Wishes::default() };
        let fare = |least| Wishes { fare_min: Some(Francs(least)), ..Wishes::default() };
        let types = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            Wishes { ride_types: Some(words), ..Wishes::default() }
        };
        for (wishes, expected) in [
            (Wishes::default(), Ok(())),
            (far(900), Ok(())),
            (far(899), Err(Unwished::PickupTooFar)),
            (fare(751), Ok(())),
            (fare(752), Err(Unwished::FareTooLow)),
            (types(&["parcel", "boda"]), Ok(())),
            (types(&["parcel"]), Err(Unwished::RideType)),
            // The ride ends 4 km east: half-way home, all the way, beyond, and the wrong way.
            (home(8_000.0), Ok(())),
            (home(4_000.0), Ok(())),
            (home(3_000.0), Ok(())),
            (home(2_000.0), Err(Unwished::NotHomeward)),
            (home(-1_000.0), Err(Unwished::NotHomeward)),
            // Nearer, but by 29 % only.
            (home(13_800.0), Err(Unwished::NotHomeward)),
            (home(13_200.0), Ok(())),
            // Who is home already goes nowhere.
            (home(0.0), Err(Unwished::NotHomeward)),
        ] {
            assert_eq!(wishes.allows(&asked(), 30, NOW), expected, "{wishes:?}");
        }
    }

    #[test]
    fn the_way_home_lapses() {
        let wishes = home(-1_000.0);
        assert_eq!(wishes.allows(&asked(), 30, NOW + Span::from_minutes(59)), Err(Unwished::NotHomeward));
        assert_eq!(wishes.allows(&asked(), 30, NOW + Span::from_minutes(60)), Ok(()));
        assert_eq!(wishes.clone().in_force(NOW), wishes);
        assert!(wishes.in_force(NOW + Span::from_minutes(60)).is_empty());
    }

    #[test]
    fn what_counts_is_where_the_driver_is_and_not_where_the_pickup_is() {
        // Fetching the rider 2 km in the wrong direction and bringing them back brings nobody home.
        let asked = Asked { destination: east(100.0), from: east(0.0), ..asked() };
        assert_eq!(home(5_000.0).allows(&asked, 30, NOW), Err(Unwished::NotHomeward));
    }
}
