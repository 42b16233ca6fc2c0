//! Travel times as they are promised: by road, times what was learned.
//!
//! Separate from the router, whose answers are exact and can be checked against a textbook, and from what is learned, which
//! is a matter of experience. Only times are corrected: a road is as long as it is.

use std::sync::Arc;

use super::Maps;
use crate::clock;
use crate::geo::LatLng;
use crate::road::{Leg, NoRoute, Origin, TravelTime};
use crate::time::Span;

/// Corrects another's travel times.
pub struct Corrected {
    by_road: Arc<dyn TravelTime>,
    maps: Maps,
}

impl Corrected {
    /// Corrects the times of `by_road` by what `maps` learned.
    pub fn new(by_road: Arc<dyn TravelTime>, maps: Maps) -> Self {
        Self { by_road, maps }
    }

    fn factor(&self, to: LatLng) -> f64 {
        self.maps.factor(to, clock::now())
    }
}

fn times(span: Span, factor: f64) -> Span {
    Span::from_millis((span.as_millis() as f64 * factor).round() as i64)
}

impl TravelTime for Corrected {
    fn route(&self, from: Origin, to: LatLng) -> Result<Leg, NoRoute> {
        let leg = self.by_road.route(from, to)?;
        Ok(Leg { duration: times(leg.duration, self.factor(to)), ..leg })
    }

    fn duration(&self, from: Origin, to: LatLng) -> Result<Span, NoRoute> {
        Ok(times(self.by_road.duration(from, to)?, self.factor(to)))
    }

    fn to_pickup(&self, froms: &[Origin], pickup: LatLng, out: &mut Vec<Option<Span>>) {
        self.by_road.to_pickup(froms, pickup, out);
        let factor = self.factor(pickup);
        for time in out.iter_mut().flatten() {
            *time = times(*time, factor);
        }
    }

    fn legs_to_pickup(&self, froms: &[Origin], pickup: LatLng, out: &mut Vec<Option<Leg>>) {
        self.by_road.legs_to_pickup(froms, pickup, out);
        let factor = self.factor(pickup);
        for leg in out.iter_mut().flatten() {
            leg.duration = times(leg.duration, factor);
        }
    }

    fn farthest_m(&self, within: Span, to: LatLng) -> f64 {
        // Rounded up, and one more: what is learned between two questions is a matter of milliseconds.
        let by_road_ms = within.as_millis() as f64 / self.factor(to).max(f64::MIN_POSITIVE);
        self.by_road.farthest_m(Span::from_millis(by_road_ms.ceil() as i64 + 1), to)
    }
}
