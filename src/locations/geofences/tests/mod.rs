//! Tests of geofences: outlines and zones against slow ones, presence against a look back, the service against a real
//! database.

mod drivers;
mod outlines;
mod service;

use super::*;
use crate::geo::LatLng;
use crate::time::Span;

/// Numbers for tests.
pub(crate) fn fences() -> FencesConfig {
    let rules = Rules { enter_fixes: 3, exit_fixes: 3, exit_margin_m: 30.0, dwell: Span::from_secs(60) };
    FencesConfig { rules, events_waiting_max: 100, drivers_max: 10 }
}

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).expect("on the globe")
}

/// Where zones of tests are.
fn centre() -> LatLng {
    at(-1.95, 30.06)
}

/// A square around a place, of so many metres from its middle to its sides.
fn square(middle: LatLng, half_m: f64) -> Outline {
    let corner = |bearing| middle.destination(bearing, half_m * std::f64::consts::SQRT_2);
    Outline::new([45.0, 135.0, 225.0, 315.0].map(corner).into(), 500).expect("a square")
}

fn zone(number: u128, kind: ZoneKind, outline: Outline) -> Zone {
    Zone { id: ZoneId(Uuid::from_u128(number)), name: format!("Zone {number}"), kind, outline }
}
