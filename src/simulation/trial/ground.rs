//! What the city of a trial stands on: streets, or straight lines.
//!
//! Separate because it is the only thing here that knows of roads. Places carry the street they are on, so nothing is
//! looked up twice; a drive knows where on its way one is at any moment, so nobody is moved second by second.

use std::sync::Arc;

use rand::Rng;

use crate::geo::{Area, LatLng};
use crate::road::network::{ArcId, Network, NodeId, Snap};
use crate::road::router::{RoutePath, Router, Snapped};
use crate::road::{StraightLine, TravelTime};

/// Draws before a place is given up.
const DRAWS_MAX: usize = 64;

/// Where people are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) at: LatLng,
    street: Option<Snapped>,
}

/// The ground.
#[derive(Clone, Debug)]
pub enum Ground {
    /// The streets that a router knows.
    Streets(Arc<Router>),
    /// Straight lines within an area.
    Straight {
        /// How fast one is.
        line: StraightLine,
        /// Where the city is.
        area: Area,
    },
}

/// From one place to another.
#[derive(Clone, Debug)]
pub(super) struct Drive {
    from: Place,
    to: Place,
    way: Option<RoutePath>,
    /// As the map has it.
    pub(super) duration_ms: u32,
    pub(super) distance_m: u32,
}

impl Ground {
    /// Where the city is.
    pub fn area(&self) -> Area {
        match self {
            Self::Straight { area, .. } => *area,
            Self::Streets(router) => bounds(router.network()),
        }
    }

    /// The place on a street that is nearest to a place; none where no street is near, or outside of the area.
    pub(super) fn place(&self, at: LatLng) -> Option<Place> {
        match self {
            Self::Straight { area, .. } => area.contains(at).then_some(Place { at, street: None }),
            Self::Streets(router) => {
                let snap = router.snap_place(at)?;
                // On the street, not beside it: what lies off the road is the same for every driver.
                let snap = Snap { distance_m: 0.0, ..snap };
                Some(on_street(snap))
            }
        }
    }

    /// Anywhere within: at any junction, or on any spot.
    pub(super) fn anywhere(&self, rng: &mut impl Rng, within: Area) -> Place {
        for _ in 0..DRAWS_MAX {
            let at = match self {
                Self::Streets(router) => {
                    let network = router.network();
                    network.node(NodeId(rng.random_range(0..network.node_count() as u32)))
                }
                Self::Straight { .. } => {
                    let (low, high) = (within.south_west(), within.north_east());
                    let between = |low: i32, high: i32, share: f64| low + (f64::from(high - low) * share) as i32;
                    let lat = between(low.lat_e7(), high.lat_e7(), rng.random());
                    let lng = between(low.lng_e7(), high.lng_e7(), rng.random());
                    LatLng::from_e7(lat, lng).unwrap_or(low)
                }
            };
            if let Some(place) = self.place(at).filter(|place| within.contains(place.at)) {
                return place;
            }
        }
        self.place(within.centre()).unwrap_or(Place { at: within.centre(), street: None })
    }

    /// Riding times in milliseconds from many places to one.
    pub(super) fn durations(&self, froms: &[Place], to: &Place, out: &mut Vec<Option<u32>>) {
        out.clear();
        match self {
            Self::Straight { line, .. } => {
                let time = |from: &Place| line.duration(from.at.into(), to.at).ok().map(|span| span.as_millis() as u32);
                out.extend(froms.iter().map(time));
            }
            Self::Streets(router) => {
                let Some(target) = to.street else { return out.resize(froms.len(), None) };
                let snapped: Vec<Snapped> = froms.iter().filter_map(|from| from.street).collect();
                let mut times = Vec::with_capacity(snapped.len());
                router.durations_to(&snapped, target.snap, &mut times);
                let mut times = times.into_iter();
                out.extend(froms.iter().map(|from| from.street.and_then(|_| times.next().flatten())));
            }
        }
    }

    /// The way from one place to another.
    pub(super) fn drive(&self, from: Place, to: Place) -> Option<Drive> {
        match self {
            Self::Straight { line, .. } => {
                let leg = line.route(from.at.into(), to.at).ok()?;
                let duration_ms = leg.duration.as_millis() as u32;
                Some(Drive { from, to, way: None, duration_ms, distance_m: leg.distance_m })
            }
            Self::Streets(router) => {
                let way = router.path_between(from.street?, to.street?.snap)?;
                let (duration_ms, distance_m) = (way.duration_ms, way.distance_dm / 10);
                Some(Drive { from, to, way: Some(way), duration_ms, distance_m })
            }
        }
    }

    /// Where one is after a share of a drive.
    pub(super) fn along(&self, drive: &Drive, share: f64) -> Place {
        let share = share.clamp(0.0, 1.0);
        match (self, &drive.way) {
            (Self::Streets(router), Some(way)) => {
                let done_dm = (f64::from(way.distance_dm) * share) as u32;
                on_street(spot(router.network(), way, done_dm))
            }
            _ => {
                let between = |from: i32, to: i32| from + (f64::from(to - from) * share) as i32;
                let lat = between(drive.from.at.lat_e7(), drive.to.at.lat_e7());
                let lng = between(drive.from.at.lng_e7(), drive.to.at.lng_e7());
                Place { at: LatLng::from_e7(lat, lng).unwrap_or(drive.to.at), street: None }
            }
        }
    }
}

const fn on_street(snap: Snap) -> Place {
    Place { at: snap.point, street: Some(Snapped { snap, is_either_way: true }) }
}

/// The place on a way after so many decimetres of it.
fn spot(network: &Network, way: &RoutePath, done_dm: u32) -> Snap {
    let mut left_dm = done_dm;
    let last = way.arcs.len() - 1;
    for (index, arc) in way.arcs.iter().enumerate() {
        let from_dm = if index == 0 { way.from.along_dm } else { 0 };
        let to_dm = if index == last { way.to.along_dm } else { network.length_dm(*arc) };
        let here_dm = to_dm.saturating_sub(from_dm);
        if left_dm <= here_dm {
            let along_dm = from_dm + left_dm;
            return Snap { arc: *arc, along_dm, point: point_on(network, *arc, along_dm), distance_m: 0.0 };
        }
        left_dm -= here_dm;
    }
    Snap { distance_m: 0.0, ..way.to }
}

/// The point of an arc at so many decimetres from its beginning.
fn point_on(network: &Network, arc: ArcId, along_dm: u32) -> LatLng {
    let directed = network.directed(arc);
    let points = network.points(directed.segment);
    let count = points.len();
    let at = |index: usize| if directed.is_forward { points[index] } else { points[count - 1 - index] };
    let mut left_m = f64::from(along_dm) / 10.0;
    for index in 1..count {
        let (from, to) = (at(index - 1), at(index));
        let piece_m = from.distance_m(to);
        if left_m <= piece_m && piece_m > 0.0 {
            let share = left_m / piece_m;
            let between = |from: i32, to: i32| from + (f64::from(to - from) * share) as i32;
            let point = LatLng::from_e7(between(from.lat_e7(), to.lat_e7()), between(from.lng_e7(), to.lng_e7()));
            return point.unwrap_or(to);
        }
        left_m -= piece_m;
    }
    at(count - 1)
}

/// The box around all junctions.
fn bounds(network: &Network) -> Area {
    let nodes = || (0..network.node_count() as u32).map(|node| network.node(NodeId(node)));
    let (mut low, mut high) = ((i32::MAX, i32::MAX), (i32::MIN, i32::MIN));
    for node in nodes() {
        low = (low.0.min(node.lat_e7()), low.1.min(node.lng_e7()));
        high = (high.0.max(node.lat_e7()), high.1.max(node.lng_e7()));
    }
    let corner = |(lat, lng)| LatLng::from_e7(lat, lng);
    let area = corner(low).ok().zip(corner(high).ok()).and_then(|(low, high)| Area::new(low, high).ok());
    area.unwrap_or(crate::geo::RWANDA)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::road::router::contract;
    use crate::road::snap::Snapper;
    use crate::road::town::Town;
    use crate::road::turns::{TurnCosts, TurnGraph};

    pub(in super::super) fn small_town() -> Ground {
        let centre = LatLng::new(-1.9438, 30.0569).expect("on the globe");
        let town = Town::generate(2, centre, 1_500.0);
        let (network, restrictions) = Network::new(town.parts).expect("a network");
        let turns = TurnGraph::new(&network, &restrictions, &TurnCosts::FREE);
        let hierarchy = contract(&network, &turns).expect("a hierarchy");
        let snapper = Snapper::new(&network);
        let (network, turns) = (Arc::new(network), Arc::new(turns));
        let router = Router::new(network, turns, Arc::new(hierarchy), Arc::new(snapper), 300.0).expect("a router");
        Ground::Streets(Arc::new(router))
    }

    pub(in super::super) fn square(side_m: f64) -> Ground {
        let centre = LatLng::new(-1.95, 30.08).expect("on the globe");
        let half = side_m / 2.0_f64.sqrt();
        let area = Area::new(centre.destination(225.0, half), centre.destination(45.0, half)).expect("a box");
        Ground::Straight { line: StraightLine::new(1.0, 21.6).expect("plausible"), area }
    }

    #[test]
    fn a_drive_leads_from_its_beginning_to_its_end_without_a_jump() {
        for ground in [small_town(), square(3_000.0)] {
            let mut rng = super::super::chance::chance(3, super::super::chance::About::Drift, 0, 0);
            for _ in 0..20 {
                let (from, to) = (ground.anywhere(&mut rng, ground.area()), ground.anywhere(&mut rng, ground.area()));
                let drive = ground.drive(from, to).expect("a way");
                assert!(ground.along(&drive, 0.0).at.distance_m(from.at) < 1.0);
                assert!(ground.along(&drive, 1.0).at.distance_m(to.at) < 1.0);
                let hundredth_m = f64::from(drive.distance_m) / 100.0;
                for share in 0..100 {
                    let at = |share: i32| ground.along(&drive, f64::from(share) / 100.0).at;
                    let jump_m = at(share).distance_m(at(share + 1));
                    assert!(jump_m <= hundredth_m * 1.05 + 1.0, "{jump_m} m of {hundredth_m}");
                }
                let mut times = Vec::new();
                ground.durations(&[from], &to, &mut times);
                assert_eq!(times, [Some(drive.duration_ms)]);
            }
        }
    }
}
