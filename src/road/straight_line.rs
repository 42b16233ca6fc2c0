//! Travel times without a map: the great circle, made longer by a detour factor, at one speed.
//!
//! Separate from the trait because it is one of its two answers. For Kigali a factor of 1.33 fits the one ride whose
//! road length and end points were published (10.87 km by road over 8.17 km, Nyabugogo to Kicukiro), and 20 to 25 km/h
//! is what motos average.

use super::{Leg, NoRoute, Origin, TravelTime};
use crate::geo::LatLng;
use crate::time::Span;

/// Straight lines × a detour factor, at a constant speed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StraightLine {
    detour_factor: f64,
    speed_kmh: f64,
}

impl StraightLine {
    /// `detour_factor` is road length over straight length (1 or more), `speed_kmh` the average speed along the road.
    pub fn new(detour_factor: f64, speed_kmh: f64) -> Result<Self, StraightLineError> {
        if !(1.0..=10.0).contains(&detour_factor) {
            return Err(StraightLineError::DetourFactor(detour_factor));
        }
        if !(1.0..=150.0).contains(&speed_kmh) {
            return Err(StraightLineError::Speed(speed_kmh));
        }
        Ok(Self { detour_factor, speed_kmh })
    }
}

impl TravelTime for StraightLine {
    fn route(&self, from: Origin, to: LatLng) -> Result<Leg, NoRoute> {
        let distance_m = from.place.distance_m(to) * self.detour_factor;
        let duration_ms = distance_m * 3_600.0 / self.speed_kmh;
        // Half the globe ten times over at walking pace fits both types.
        Ok(Leg { distance_m: distance_m.round() as u32, duration: Span::from_millis(duration_ms.round() as i64) })
    }

    fn farthest_m(&self, within: Span, _: LatLng) -> f64 {
        // A millisecond more: times are rounded.
        (within.as_millis() + 1) as f64 * self.speed_kmh / 3_600.0 / self.detour_factor
    }
}

/// A number that no road network has.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum StraightLineError {
    /// Road length over straight length.
    #[error("detour factor {0} is out of range 1..=10")]
    DetourFactor(f64),
    /// In km/h.
    #[error("speed {0} km/h is out of range 1..=150")]
    Speed(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    #[test]
    fn the_published_ride_across_kigali_has_its_published_length() {
        let kigali = StraightLine::new(1.33, 22.0).expect("plausible numbers");
        let leg = kigali.route(place(-1.940645, 30.044477).into(), place(-1.983847, 30.103971)).expect("a way");
        assert!((10_865..=10_875).contains(&leg.distance_m), "{} m", leg.distance_m);
        // 10.87 km at 22 km/h is 29 minutes and 39 seconds.
        assert_eq!(leg.duration.as_secs() / 60, 29);
        let nowhere = kigali.route(place(-1.95, 30.06).into(), place(-1.95, 30.06));
        assert_eq!(nowhere, Ok(Leg { distance_m: 0, duration: Span::ZERO }));
    }

    #[test]
    fn many_to_one_is_each_to_one_in_order() {
        let kigali = StraightLine::new(1.33, 22.0).expect("plausible numbers");
        let pickup = place(-1.95, 30.06);
        let froms = [place(-1.96, 30.07), pickup, place(-1.90, 30.10)].map(Origin::from);
        let mut times = vec![None];
        kigali.to_pickup(&froms, pickup, &mut times);
        assert_eq!(times, froms.map(|from| kigali.route(from, pickup).ok().map(|leg| leg.duration)));
    }

    #[test]
    fn half_the_globe_fits() {
        let slow = StraightLine::new(10.0, 1.0).expect("plausible numbers");
        let leg = slow.route(place(0.0, 0.0).into(), place(0.0, 180.0)).expect("a way");
        assert_eq!(leg.distance_m / 1_000, 200_151);
        assert!(leg.duration > Span::from_secs(200_000 * 3_600));
    }

    #[test]
    fn implausible_numbers_are_refused() {
        for (detour, speed, message) in [
            (0.9, 22.0, "detour factor 0.9 is out of range 1..=10"),
            (f64::NAN, 22.0, "detour factor NaN is out of range 1..=10"),
            (1.33, 0.0, "speed 0 km/h is out of range 1..=150"),
            (1.33, f64::INFINITY, "speed inf km/h is out of range 1..=150"),
        ] {
            assert_eq!(StraightLine::new(detour, speed).expect_err(message).to_string(), message);
        }
    }
}
