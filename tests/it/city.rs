//! Places in the service area, so that tests that share a city do not meet.

use serde_json::{Value, json};

/// Metres of a degree of latitude.
const METRES_PER_DEGREE: f64 = 111_195.0;
/// Between two corners: several times as far as a search of the shared houses reaches.
const SPACING_M: f64 = 1_500.0;

/// The service area as the server shows it.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    lat_min: f64,
    lat_max: f64,
    lng_min: f64,
    lng_max: f64,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub lat: f64,
    pub lng: f64,
}

/// A neighbourhood of one test.
#[derive(Clone, Copy, Debug)]
pub struct Corner {
    pub pickup: Place,
    /// About two kilometres away.
    pub destination: Place,
}

impl Area {
    /// From `service_area` of `GET /server`.
    pub fn from_view(view: &Value) -> Self {
        let number = |key: &str| view[key].as_f64().unwrap_or_else(|| panic!("{key} is missing in {view}"));
        Self {
            lat_min: number("lat_min"),
            lat_max: number("lat_max"),
            lng_min: number("lng_min"),
            lng_max: number("lng_max"),
        }
    }

    /// The corner of that number; they come round again when the city is full.
    pub fn corner(self, number: u32) -> Corner {
        let south_west = Place { lat: self.lat_min, lng: self.lng_min }.north(SPACING_M).east(SPACING_M);
        let metres = |degrees: f64| degrees * METRES_PER_DEGREE;
        let columns = (metres(self.lng_max - self.lng_min) / SPACING_M).floor() - 3.0;
        let rows = (metres(self.lat_max - self.lat_min) / SPACING_M).floor() - 4.0;
        let number = f64::from(number) % (columns * rows);
        let (row, column) = ((number / columns).floor(), number % columns);
        let pickup = south_west.north(row * SPACING_M).east(column * SPACING_M);
        Corner { pickup, destination: pickup.north(2_000.0) }
    }
}

impl Place {
    /// So many metres further north.
    pub fn north(self, metres: f64) -> Self {
        Self { lat: self.lat + metres / METRES_PER_DEGREE, ..self }
    }

    /// So many metres further east.
    pub fn east(self, metres: f64) -> Self {
        Self { lng: self.lng + metres / (METRES_PER_DEGREE * self.lat.to_radians().cos()), ..self }
    }

    /// `{"lat", "lng"}`.
    pub fn json(self) -> Value {
        json!({"lat": self.lat, "lng": self.lng})
    }
}

impl Corner {
    /// The body of a booking (and, without `payment_method`, of a quote).
    pub fn booking(self) -> Value {
        json!({
            "pickup": self.pickup.json(), "destination": self.destination.json(),
            "ride_type": "boda", "payment_method": "cash",
        })
    }

    /// The body of a question for the price.
    pub fn question(self) -> Value {
        json!({"pickup": self.pickup.json(), "destination": self.destination.json(), "ride_type": "boda"})
    }
}
