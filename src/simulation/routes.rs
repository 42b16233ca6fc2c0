//! The ways that simulated drivers know: the streets, where they have a map, else straight lines.
//!
//! Separate from the drivers because it is the only thing of theirs that knows of a map. How fast a street is comes from
//! the map as built, not from what the server has learned: the simulation is the world that the server learns about.

use std::fmt;
use std::sync::Arc;

use super::motion::{Motion, Way};
use crate::geo::LatLng;
use crate::road::Origin;
use crate::road::network::{ArcId, Network, Snap};
use crate::road::router::{RoutePath, Router};

/// Between a street and a place beside it: across a yard.
const BESIDE_MPS: f64 = 4.0;
/// Nobody leaves the street for less.
const BESIDE_MIN_M: f64 = 4.0;

/// The streets, or none.
#[derive(Clone, Default)]
pub struct Routes(Option<Arc<Router>>);

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "along streets" } else { "straight" })
    }
}

impl Routes {
    /// Straight lines.
    pub const STRAIGHT: Self = Self(None);

    /// Along the streets that a router knows; straight only to and from places that no street is near.
    pub fn along(router: Arc<Router>) -> Self {
        Self(Some(router))
    }

    /// The way to a place, up to its door.
    pub fn to_door(&self, motion: &Motion, target: LatLng) -> Way {
        self.way(motion, target, true)
    }

    /// The way to the street that a place is at.
    pub fn to_street(&self, motion: &Motion, target: LatLng) -> Way {
        self.way(motion, target, false)
    }

    /// The nearest place on a street; the place itself when none is near.
    pub fn on_street(&self, place: LatLng) -> LatLng {
        let snap = self.0.as_ref().and_then(|router| router.snap_place(place));
        snap.map_or(place, |snap| snap.point)
    }

    /// Whether a street is near; without streets everything is.
    pub fn reaches(&self, place: LatLng) -> bool {
        self.0.as_ref().is_none_or(|router| router.snap_place(place).is_some())
    }

    fn way(&self, motion: &Motion, target: LatLng, is_to_door: bool) -> Way {
        let Some(router) = &self.0 else { return Way::straight(target) };
        // Who stands may turn round; who rides goes on first.
        let bearing_deg = (motion.speed_mps > 0.0).then(|| (motion.bearing_deg.round() as u16) % 360);
        let path = router.path(Origin { place: motion.at, bearing_deg }, target);
        let path = path.or_else(|_| router.path(motion.at.into(), target));
        let Ok(path) = path else { return Way::straight(target) };
        let mut points = Vec::with_capacity(path.arcs.len() * 4);
        if motion.at.distance_m(path.from.point) > BESIDE_MIN_M {
            points.push((path.from.point, BESIDE_MPS));
        }
        for index in 0..path.arcs.len() {
            push_arc(router.network(), &path, index, &mut points);
        }
        if is_to_door && path.to.point.distance_m(target) > BESIDE_MIN_M {
            points.push((target, BESIDE_MPS));
        }
        Way::over(target, points)
    }
}

/// Adds the points of one arc of a path, without its first.
fn push_arc(network: &Network, path: &RoutePath, index: usize, points: &mut Vec<(LatLng, f64)>) {
    let arc = path.arcs[index];
    let from = if index == 0 { path.from } else { end(network, arc, false) };
    let to = if index + 1 == path.arcs.len() { path.to } else { end(network, arc, true) };
    let duration_ms = network.durations_ms()[arc.0 as usize];
    let mps = f64::from(network.length_dm(arc)) * 100.0 / f64::from(duration_ms);
    let piece = RoutePath { arcs: vec![arc], from, to, distance_dm: 0, duration_ms: 0 };
    points.extend(piece.points(network).into_iter().skip(1).map(|point| (point, mps)));
}

/// An end of an arc as a place on it.
fn end(network: &Network, arc: ArcId, is_head: bool) -> Snap {
    let (node, along_dm) = if is_head { (network.head(arc), network.length_dm(arc)) } else { (network.tail(arc), 0) };
    Snap { arc, along_dm, point: network.node(node), distance_m: 0.0 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::road::network::Network;
    use crate::road::router::contract;
    use crate::road::snap::Snapper;
    use crate::road::town::Town;
    use crate::road::turns::{TurnCosts, TurnGraph};

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    fn router() -> Arc<Router> {
        let town = Town::generate(2, place(-1.9438, 30.0569), 1_500.0);
        let (network, restrictions) = Network::new(town.parts).expect("a network");
        let turns = TurnGraph::new(&network, &restrictions, &TurnCosts::FREE);
        let hierarchy = contract(&network, &turns).expect("a hierarchy");
        let snapper = Snapper::new(&network);
        let (network, turns) = (Arc::new(network), Arc::new(turns));
        Arc::new(Router::new(network, turns, Arc::new(hierarchy), Arc::new(snapper), 300.0).expect("a router"))
    }

    #[test]
    fn a_driver_stays_on_the_streets_and_takes_as_long_as_they_say() {
        let router = router();
        let (network, routes) = (router.network().clone(), Routes::along(router.clone()));
        let ends = [(-1.9400, 30.0530), (-1.9500, 30.0610), (-1.9380, 30.0640), (-1.9520, 30.0500)];
        let ends = ends.map(|(lat, lng)| routes.on_street(place(lat, lng)));
        for (from, to) in ends.into_iter().zip(ends.into_iter().cycle().skip(1)) {
            let path = router.path(from.into(), to).expect("a town is in one piece");
            let mut motion = Motion::standing(from, 0.0);
            let mut way = routes.to_door(&motion, to);
            let mut seconds = 0;
            while !motion.drive(&mut way, 1.0, Duration::from_secs(1)) {
                seconds += 1;
                let snap = router.snap_place(motion.at).expect("a street is near");
                assert!(snap.distance_m < 1.5, "{} m beside the street", snap.distance_m);
                assert!(motion.speed_mps < 16.0 && seconds < 3_600);
            }
            assert_eq!(motion.at, to);
            let free_ms: u32 = path.arcs.iter().map(|arc| network.durations_ms()[arc.0 as usize]).sum();
            let (most_s, least_s) = (free_ms / 1_000 + 2, path.duration_ms / 1_000 * 8 / 10);
            assert!((least_s..=most_s).contains(&seconds), "{seconds} s, {least_s} to {most_s} expected");
        }
    }

    #[test]
    fn a_door_beside_the_street_is_reached_and_a_street_is_enough_for_who_looks_for_riders() {
        let routes = Routes::along(router());
        let (from, door) = (routes.on_street(place(-1.9400, 30.0530)), place(-1.9462, 30.0588));
        let beside_m = routes.on_street(door).distance_m(door);
        assert!(beside_m > BESIDE_MIN_M && beside_m < 300.0, "{beside_m}");
        for (is_to_door, away_m) in [(true, 0.0), (false, beside_m)] {
            let mut motion = Motion::standing(from, 0.0);
            let mut way = if is_to_door { routes.to_door(&motion, door) } else { routes.to_street(&motion, door) };
            while !motion.drive(&mut way, 1.0, Duration::from_secs(3)) {}
            assert!((motion.at.distance_m(door) - away_m).abs() < 2.0);
        }
    }

    #[test]
    fn without_streets_lines_are_straight() {
        let (far, motion) = (place(-2.6053, 29.7402), Motion::standing(place(-1.9400, 30.0530), 0.0));
        for routes in [Routes::STRAIGHT, Routes::along(router())] {
            assert_eq!(routes.to_door(&motion, far), Way::straight(far));
            assert_eq!(routes.on_street(far), far);
            assert_eq!(routes.reaches(far), routes.0.is_none());
            assert!(routes.reaches(motion.at));
        }
    }
}
