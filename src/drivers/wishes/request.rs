//! Wishes as a driver's app sends them, and what is wrong with them. Pure.

use serde::Deserialize;

use super::Home;
use crate::error::{Checks, Error, Fault};
use crate::geo::{LatLng, RWANDA};
use crate::money::Francs;

const LABEL_CHARS_MAX: usize = 60;
/// Nearer than the length of a street would be no work at all; farther than a city is no wish.
const PICKUP_DISTANCE_M: std::ops::RangeInclusive<u32> = 200..=50_000;
/// From a coin to what the longest ride costs.
const FARE_RWF: std::ops::RangeInclusive<i64> = 100..=50_000;

/// What a driver wishes to be asked for. What is left out or null is not wished for.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "home": {"lat": -1.9706, "lng": 30.1044, "label": "Kicukiro"}, "pickup_distance_m_max": 3000, "fare_rwf_min": 600,
    "ride_types": ["boda"]
}))]
pub struct WishesRequest {
    /// Only rides on the way there, for a while and so many times a day.
    home: Option<HomeRequest>,
    /// The farthest pickup by road, 200 to 50,000.
    pickup_distance_m_max: Option<u32>,
    /// The least fare as quoted, 100 to 50,000.
    fare_rwf_min: Option<i64>,
    /// The kinds of ride, out of those of the papers.
    ride_types: Option<Vec<String>>,
}

/// Where home is.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct HomeRequest {
    /// Degrees north.
    lat: f64,
    /// Degrees east.
    lng: f64,
    /// At most 60 characters.
    label: Option<String>,
}

/// Wishes in order; for how long home is wished for is not the driver's to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Home.
    pub home: Option<WantedHome>,
    /// As [`super::Wishes`].
    pub pickup_distance_m_max: Option<u32>,
    /// As [`super::Wishes`].
    pub fare_min: Option<Francs>,
    /// As [`super::Wishes`].
    pub ride_types: Option<Vec<String>>,
}

/// Home as wished for.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedHome {
    /// Where.
    pub place: LatLng,
    /// What the driver calls it.
    pub label: Option<String>,
}

impl WantedHome {
    /// Whether it is the one that is wished for already.
    pub fn is_at(&self, home: &Home) -> bool {
        self.place == home.place
    }
}

impl WishesRequest {
    /// Checks every field. `driven` are the kinds of ride of the driver's papers.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong.
    pub fn check(&self, driven: &[String]) -> Result<Wanted, Error> {
        let mut checks = Checks::new();
        let home = self.home.as_ref().and_then(|home| home.check(&mut checks));
        if let Some(most) = self.pickup_distance_m_max {
            within(&mut checks, "pickup_distance_m_max", &most, &PICKUP_DISTANCE_M);
        }
        if let Some(least) = self.fare_rwf_min {
            within(&mut checks, "fare_rwf_min", &least, &FARE_RWF);
        }
        if let Some(wanted) = &self.ride_types {
            checks.require(!wanted.is_empty(), "ride_types", "[]", "is empty; leave it out to take all");
            for word in wanted.iter().filter(|word| !driven.contains(word)) {
                let reason = format_args!("is not one of those of your papers: {}", driven.join(", "));
                checks.fault(Fault::new("ride_types", word, reason));
            }
        }
        checks.finish()?;
        let mut ride_types = self.ride_types.clone();
        if let Some(words) = &mut ride_types {
            words.sort_unstable();
            words.dedup();
        }
        Ok(Wanted {
            home,
            pickup_distance_m_max: self.pickup_distance_m_max,
            fare_min: self.fare_rwf_min.map(Francs),
            ride_types,
        })
    }
}

impl HomeRequest {
    fn check(&self, checks: &mut Checks) -> Option<WantedHome> {
        let place = checks.place("home.", self.lat, self.lng);
        let label = checks.optional_text("home.label", self.label.as_deref(), LABEL_CHARS_MAX);
        let place = place?;
        let at = format_args!("{},{}", self.lat, self.lng);
        checks.require(RWANDA.contains(place), "home", at, "is not in Rwanda");
        Some(WantedHome { place, label })
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    checks: &mut Checks,
    field: &str,
    value: &T,
    range: &std::ops::RangeInclusive<T>,
) {
    let reason = format_args!("is out of range {}..={}", range.start(), range.end());
    checks.require(range.contains(value), field, value, reason);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(body: Value) -> Vec<String> {
        let request: WishesRequest = serde_json::from_value(body).expect("of the right form");
        match request.check(&["boda".to_owned()]) {
            Ok(_) => Vec::new(),
            Err(error) => error.faults().iter().map(|fault| fault.field.clone()).collect(),
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let none: [&str; 0] = [];
        assert_eq!(faults(json!({})), none);
        assert_eq!(faults(json!({"ride_types": ["boda", "boda"], "fare_rwf_min": 100})), none);
        assert_eq!(faults(json!({"pickup_distance_m_max": 199, "fare_rwf_min": 50_001})).len(), 2);
        assert_eq!(faults(json!({"ride_types": []})), ["ride_types"]);
        assert_eq!(faults(json!({"ride_types": ["car"]})), ["ride_types"]);
        assert_eq!(faults(json!({"home": {"lat": 95, "lng": 30}})), ["home.lat"]);
        assert_eq!(faults(json!({"home": {"lat": -4.05, "lng": 39.66}})), ["home"]);
        assert_eq!(faults(json!({"home": {"lat": -1.9, "lng": 30.1, "label": "x".repeat(61)}})), ["home.label"]);
    }
}
