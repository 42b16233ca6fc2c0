//! The router as the rest of the house asks it: places, not streets.
//!
//! Separate because here the last metres are reckoned in. A place is not on a street but beside one, and the way between
//! the two is pushed, not ridden: so a driver in a yard is later than one at the gate, and no way is quicker than straight
//! there at the best speed there is, which is what a search for the nearest relies on.

use super::super::{Leg, NoRoute, Origin, TravelTime};
use super::{RoutePath, Router, Snapped};
use crate::geo::LatLng;
use crate::road::network::Snap;
use crate::time::Span;

/// Off the road one gets on at some 15 km/h, in metres a second; never better than on it.
const OFF_ROAD_MPS: f64 = 4.0;

/// Times are whole milliseconds: a bound leaves room for what was cut off at either end of a way.
const CUT_OFF_MS: i64 = 2;
/// How far back from a place it is worth looking street by street to see who could be there in time. Where nobody is nearer
/// than that drivers are few, and the bound by the best speed of any street lets in no more than the city has.
const SPREAD_MS_MAX: i64 = 120_000;

/// What it takes from a place to the street, in milliseconds.
fn access_ms(distance_m: f32) -> i64 {
    (f64::from(distance_m) / OFF_ROAD_MPS * 1_000.0) as i64
}

/// A way with what it takes to get from the one place to the street, and from the street to the other.
fn leg(path: &RoutePath, from: &Snap, to: &Snap) -> Leg {
    let access_ms = access_ms(from.distance_m) + access_ms(to.distance_m);
    let duration = Span::from_millis(i64::from(path.duration_ms) + access_ms);
    Leg { distance_m: (path.distance_dm + 5) / 10, duration }
}

impl TravelTime for Router {
    fn route(&self, from: Origin, to: LatLng) -> Result<Leg, NoRoute> {
        let from = self.snap(from).ok_or(NoRoute::FromOffRoad)?;
        let to = self.snap_place(to).ok_or(NoRoute::ToOffRoad)?;
        let path = self.path_between(from, to).ok_or(NoRoute::Unconnected)?;
        Ok(leg(&path, &from.snap, &to))
    }

    fn duration(&self, from: Origin, to: LatLng) -> Result<Span, NoRoute> {
        let from = self.snap(from).ok_or(NoRoute::FromOffRoad)?;
        let to = self.snap_place(to).ok_or(NoRoute::ToOffRoad)?;
        let mut times = Vec::with_capacity(1);
        self.durations_to(&[from], to, &mut times);
        let riding_ms = times.first().copied().flatten().ok_or(NoRoute::Unconnected)?;
        Ok(Span::from_millis(i64::from(riding_ms) + access_ms(from.snap.distance_m) + access_ms(to.distance_m)))
    }

    fn to_pickup(&self, froms: &[Origin], pickup: LatLng, out: &mut Vec<Option<Span>>) {
        out.clear();
        let snapped: Vec<_> = froms.iter().map(|from| self.snap(*from)).collect();
        let Some(to) = self.snap_place(pickup) else {
            out.resize(froms.len(), None);
            return;
        };
        let on_streets: Vec<_> = snapped.iter().flatten().copied().collect();
        let mut times = Vec::with_capacity(on_streets.len());
        self.durations_to(&on_streets, to, &mut times);
        let mut times = times.into_iter();
        out.extend(snapped.iter().map(|from| {
            let from = from.as_ref()?;
            let riding_ms = times.next().flatten()?;
            Some(Span::from_millis(i64::from(riding_ms) + access_ms(from.snap.distance_m) + access_ms(to.distance_m)))
        }));
    }

    fn legs_to_pickup(&self, froms: &[Origin], pickup: LatLng, out: &mut Vec<Option<Leg>>) {
        out.clear();
        let Some(to) = self.snap_place(pickup) else {
            out.resize(froms.len(), None);
            return;
        };
        let snapped: Vec<_> = froms.iter().map(|from| self.snap(*from)).collect();
        let mut paths = Vec::with_capacity(froms.len());
        self.paths_to(snapped.iter().flatten().copied(), to, &mut paths);
        let mut paths = paths.into_iter();
        let leg = |from: &Option<Snapped>| from.as_ref().and_then(|from| Some(leg(&paths.next()??, &from.snap, &to)));
        out.extend(snapped.iter().map(leg));
    }

    fn farthest_m(&self, within: Span, to: LatLng) -> f64 {
        let within_ms = within.as_millis() + CUT_OFF_MS;
        if within_ms <= SPREAD_MS_MAX
            && let Some(to_snap) = self.snap_place(to)
        {
            let riding_ms = (within_ms - access_ms(to_snap.distance_m)).max(0) as u32;
            return self.reach_m(to, to_snap, riding_ms, OFF_ROAD_MPS);
        }
        // Decimetres a millisecond are a hundred metres a second.
        let fastest_mps = f64::from(self.live.load().fastest_dm_per_ms()) * 100.0;
        fastest_mps.max(OFF_ROAD_MPS) * within_ms as f64 / 1_000.0
    }
}
