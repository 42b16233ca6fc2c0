//! Places on Earth: a checked coordinate, distances, bearings, and areas.
//!
//! Separate because every floor above speaks of places, and they must all mean the same thing: one Earth radius, one
//! resolution, one definition of distance. A [`LatLng`] holds whole ten-millionths of a degree (1.1 cm), the resolution
//! that maps and phones exchange: two equal places are equal bit for bit, and a place fits in one machine word.

mod area;
mod distance;
mod plane;
mod polygon;

use std::fmt;

pub use area::{Area, AreaError, KIGALI, RWANDA};
pub use distance::EARTH_RADIUS_M;
pub use plane::{Metres, Plane, distance_to_piece_m};
pub use polygon::{Polygon, PolygonError};

/// Units of a [`LatLng`] in one degree.
const E7: f64 = 1e7;
const LAT_E7_MAX: i32 = 900_000_000;
const LNG_E7_MAX: i32 = 1_800_000_000;

/// A point on the Earth (WGS 84), to a ten-millionth of a degree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LatLng {
    lat_e7: i32,
    lng_e7: i32,
}

impl LatLng {
    /// A point from degrees, north and east positive, rounded to the nearest ten-millionth. Refuses what is not finite
    /// or not on the globe.
    pub fn new(lat: f64, lng: f64) -> Result<Self, LatLngError> {
        // A NaN is in no range, so these two lines refuse it too.
        if !(-90.0..=90.0).contains(&lat) {
            return Err(LatLngError::Latitude(lat));
        }
        if !(-180.0..=180.0).contains(&lng) {
            return Err(LatLngError::Longitude(lng));
        }
        Ok(Self::rounded(lat, lng))
    }

    /// A point from ten-millionths of a degree.
    pub fn from_e7(lat_e7: i32, lng_e7: i32) -> Result<Self, LatLngError> {
        if !(-LAT_E7_MAX..=LAT_E7_MAX).contains(&lat_e7) {
            return Err(LatLngError::Latitude(f64::from(lat_e7) / E7));
        }
        if !(-LNG_E7_MAX..=LNG_E7_MAX).contains(&lng_e7) {
            return Err(LatLngError::Longitude(f64::from(lng_e7) / E7));
        }
        Ok(Self { lat_e7, lng_e7 })
    }

    /// A point known to be on the globe when the program is compiled.
    const fn constant(lat_e7: i32, lng_e7: i32) -> Self {
        assert!(lat_e7.abs() <= LAT_E7_MAX && lng_e7.abs() <= LNG_E7_MAX);
        Self { lat_e7, lng_e7 }
    }

    /// A point from degrees already known to be on the globe.
    fn rounded(lat: f64, lng: f64) -> Self {
        // A float becomes the nearest integer of the type: no wrap-around is possible here.
        Self { lat_e7: (lat * E7).round() as i32, lng_e7: (lng * E7).round() as i32 }
    }

    /// Latitude in degrees, north positive.
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) / E7
    }

    /// Longitude in degrees, east positive.
    pub fn lng(self) -> f64 {
        f64::from(self.lng_e7) / E7
    }

    /// Latitude in ten-millionths of a degree.
    pub const fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in ten-millionths of a degree.
    pub const fn lng_e7(self) -> i32 {
        self.lng_e7
    }
}

/// "-1.9438380,30.0569370": for people and for URLs; never for logs, where exact positions do not belong.
impl fmt::Display for LatLng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.7},{:.7}", self.lat(), self.lng())
    }
}

impl fmt::Debug for LatLng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LatLng({self})")
    }
}

/// A number that is no coordinate.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum LatLngError {
    /// The latitude, in degrees.
    #[error("latitude {0} is out of range -90..=90")]
    Latitude(f64),
    /// The longitude, in degrees.
    #[error("longitude {0} is out of range -180..=180")]
    Longitude(f64),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn what_is_not_on_the_globe_is_refused_with_value_and_range() {
        for (lat, lng, message) in [
            (91.2, 30.0, "latitude 91.2 is out of range -90..=90"),
            (-90.000_000_1, 30.0, "latitude -90.0000001 is out of range -90..=90"),
            (f64::NAN, 30.0, "latitude NaN is out of range -90..=90"),
            (f64::NEG_INFINITY, 30.0, "latitude -inf is out of range -90..=90"),
            (-1.9, 180.5, "longitude 180.5 is out of range -180..=180"),
            (-1.9, f64::INFINITY, "longitude inf is out of range -180..=180"),
            (-1.9, f64::NAN, "longitude NaN is out of range -180..=180"),
        ] {
            let error = LatLng::new(lat, lng).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
        assert!(LatLng::from_e7(900_000_001, 0).is_err());
        assert!(LatLng::from_e7(0, i32::MIN).is_err());
    }

    #[test]
    fn the_edges_of_the_globe_are_on_it() {
        for (lat, lng) in [(90.0, 180.0), (-90.0, -180.0), (-0.0, 0.0)] {
            assert!(LatLng::new(lat, lng).is_ok(), "{lat},{lng}");
        }
    }

    proptest! {
        #[test]
        fn degrees_survive_to_half_a_ten_millionth(lat in -90.0..=90.0_f64, lng in -180.0..=180.0_f64) {
            let place = LatLng::new(lat, lng).expect("on the globe");
            prop_assert!((place.lat() - lat).abs() <= 0.500_001e-7);
            prop_assert!((place.lng() - lng).abs() <= 0.500_001e-7);
            prop_assert_eq!(LatLng::new(place.lat(), place.lng()), Ok(place));
            prop_assert_eq!(LatLng::from_e7(place.lat_e7(), place.lng_e7()), Ok(place));
        }

        #[test]
        fn no_number_whatever_makes_a_place_off_the_globe(lat in any::<f64>(), lng in any::<f64>()) {
            if let Ok(place) = LatLng::new(lat, lng) {
                prop_assert!(place.lat().abs() <= 90.0 && place.lng().abs() <= 180.0);
            }
        }
    }
}
