//! From a place to the street beside it.
//!
//! Separate from the network because it is an index over it, made anew whenever a map is loaded: an R-tree of short runs of
//! street, a few straight pieces each. Distances are exact on the flat map that touches the Earth at the place asked about,
//! which is the Earth itself as far as streets within reach are concerned. The 180th meridian is a wall: no street is found
//! across it.

use rstar::{AABB, RTree, RTreeObject};

use crate::geo::{EARTH_RADIUS_M, LatLng};
use crate::road::network::{ArcId, Directed, Network, SegmentId, Snap};

/// Straight pieces in one leaf of the tree: more make the tree smaller, fewer make its boxes tighter.
const PIECES: usize = 4;
/// The first square that is searched reaches this far; nearly always a street is in it.
const FIRST_REACH_M: f64 = 40.0;
/// Riding against a street's direction counts as being this much farther away from it, at a right angle half of it.
const HEADING_M: f64 = 30.0;
/// Ten-millionths of a degree in a metre of latitude.
const E7_PER_M: f64 = 1e7 * 180.0 / std::f64::consts::PI / EARTH_RADIUS_M;

/// A few consecutive straight pieces of one segment: 28 bytes, and 40 as a leaf of the tree, for up to four pieces.
#[derive(Clone, Copy, Debug)]
struct Run {
    lower: [i32; 2],
    upper: [i32; 2],
    segment: u32,
    /// The first of its points, counted from the segment's first.
    first: u32,
    /// Decimetres of the segment before that point.
    before_dm: f32,
}

impl RTreeObject for Run {
    type Envelope = AABB<[i32; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(self.lower, self.upper)
    }
}

/// Finds streets by place.
#[derive(Clone, Debug)]
pub struct Snapper {
    runs: RTree<Run>,
}

impl Snapper {
    /// The index of a network's streets.
    pub fn new(network: &Network) -> Self {
        let mut runs = Vec::new();
        for segment in 0..network.segment_count() as u32 {
            let points = network.points(SegmentId(segment));
            let lengths_m = || points.windows(2).map(|pair| pair[0].distance_m(pair[1]));
            // Whatever the rounding of the length: its end is the end of the street.
            let scale = f64::from(length_dm(network, segment)) / lengths_m().sum::<f64>().max(f64::MIN_POSITIVE);
            let mut before_m = 0.0;
            for (first, length_m) in lengths_m().enumerate() {
                if first % PIECES == 0 {
                    let end = (first + PIECES + 1).min(points.len());
                    let (lower, upper) = box_of(&points[first..end]);
                    let before_dm = (before_m * scale) as f32;
                    runs.push(Run { lower, upper, segment, first: first as u32, before_dm });
                }
                before_m += length_m;
            }
        }
        Self { runs: RTree::bulk_load(runs) }
    }

    /// The nearest street within `max_m` metres that may be ridden at all; where both directions may, it is the segment's own
    /// direction, and [`Network::twin`] knows the other. Of equally near ones the one with the lowest number.
    pub fn nearest(&self, network: &Network, at: LatLng, max_m: f64) -> Option<Snap> {
        self.best(at, max_m, |view, run| {
            let hit = view.nearest_of(network, run);
            let arc = arcs(network, run.segment).next()?;
            Some((hit.distance_m, arc, hit))
        })
        .map(|(arc, hit)| hit.on(network, arc))
    }

    /// The nearest street, where one that is ridden in the direction of `bearing_deg` (degrees clockwise from north) counts
    /// as nearer than one that crosses it or runs against it. Without a direction: [`nearest`](Self::nearest).
    pub fn nearest_heading(&self, network: &Network, at: LatLng, bearing_deg: Option<f64>, max_m: f64) -> Option<Snap> {
        let Some(bearing_deg) = bearing_deg.filter(|bearing_deg| bearing_deg.is_finite()) else {
            return self.nearest(network, at, max_m);
        };
        let (east, north) = bearing_deg.to_radians().sin_cos();
        self.best(at, max_m, |view, run| {
            let best = view.pieces(network, run).flat_map(|hit| {
                let along = (hit.direction[0] * east + hit.direction[1] * north).clamp(-1.0, 1.0);
                arcs(network, run.segment).map(move |arc| {
                    let fits = if network.directed(arc).is_forward { along } else { -along };
                    (hit.distance_m + HEADING_M * (1.0 - fits) / 2.0, arc, hit)
                })
            });
            best.filter(|(_, _, hit)| hit.distance_m <= max_m)
                .min_by(|(one, a, _), (other, b, _)| one.total_cmp(other).then(a.cmp(b)))
        })
        .map(|(arc, hit)| hit.on(network, arc))
    }

    /// The streets within `radius_m` metres, each direction for itself, nearest first, at most `limit`: `out` is cleared
    /// first. Of an arc only its nearest point.
    pub fn within(&self, network: &Network, at: LatLng, radius_m: f64, limit: usize, out: &mut Vec<Snap>) {
        out.clear();
        let view = View::new(at);
        let Some(window) = view.window(radius_m) else { return };
        for run in self.runs.locate_in_envelope_intersecting(window) {
            let hit = view.nearest_of(network, run);
            if hit.distance_m > radius_m {
                continue;
            }
            let Some(arc) = arcs(network, run.segment).next() else { continue };
            match out.iter_mut().find(|snap| snap.arc == arc) {
                Some(snap) if f64::from(snap.distance_m) <= hit.distance_m => {}
                Some(snap) => *snap = hit.on(network, arc),
                None => out.push(hit.on(network, arc)),
            }
        }
        for index in 0..out.len() {
            let snap = out[index];
            if let Some(twin) = network.twin(snap.arc) {
                out.push(Snap { arc: twin, along_dm: network.length_dm(twin) - snap.along_dm, ..snap });
            }
        }
        out.sort_unstable_by(|one, other| one.distance_m.total_cmp(&other.distance_m).then(one.arc.cmp(&other.arc)));
        out.truncate(limit);
    }

    /// The arc and point of the lowest cost, which is never below the distance: squares that grow until the best that was
    /// found is nearer than their sides.
    fn best(
        &self,
        at: LatLng,
        max_m: f64,
        cost: impl Fn(&View, &Run) -> Option<(f64, ArcId, Hit)>,
    ) -> Option<(ArcId, Hit)> {
        let view = View::new(at);
        // A reach that is no number would never be reached.
        let max_m = if max_m.is_nan() { -1.0 } else { max_m };
        let mut reach_m = FIRST_REACH_M.min(max_m);
        loop {
            let mut best: Option<(f64, ArcId, Hit)> = None;
            for run in self.runs.locate_in_envelope_intersecting(view.window(reach_m)?) {
                let Some(found) = cost(&view, run).filter(|(_, _, hit)| hit.distance_m <= max_m) else { continue };
                let is_better = best
                    .as_ref()
                    .is_none_or(|(least, arc, _)| found.0 < *least || (found.0 == *least && found.1 < *arc));
                if is_better {
                    best = Some(found);
                }
            }
            let is_sure = best.as_ref().is_some_and(|(least, _, _)| *least <= reach_m);
            if is_sure || reach_m >= max_m {
                return best.map(|(_, arc, hit)| (arc, hit));
            }
            reach_m = (reach_m * 4.0).min(max_m);
        }
    }
}

/// The legal directions of a segment, its own first.
fn arcs(network: &Network, segment: u32) -> impl Iterator<Item = ArcId> + '_ {
    [true, false]
        .into_iter()
        .filter_map(move |is_forward| network.arc(Directed { segment: SegmentId(segment), is_forward }))
}

fn length_dm(network: &Network, segment: u32) -> u32 {
    arcs(network, segment).next().map_or(0, |arc| network.length_dm(arc))
}

/// Half the usual units, so that the sum of two fits; rounded outwards.
fn box_of(points: &[LatLng]) -> ([i32; 2], [i32; 2]) {
    let mut corners = ([i32::MAX; 2], [i32::MIN; 2]);
    for point in points {
        for (axis, e7) in [point.lng_e7(), point.lat_e7()].into_iter().enumerate() {
            corners.0[axis] = corners.0[axis].min(e7.div_euclid(2));
            corners.1[axis] = corners.1[axis].max((e7 + 1).div_euclid(2));
        }
    }
    corners
}

/// The flat map around a place, in metres east and north of it.
struct View {
    at: LatLng,
    /// Metres in a ten-millionth of a degree.
    scale: [f64; 2],
}

/// A point on a straight piece of street.
#[derive(Clone, Copy, Debug)]
struct Hit {
    distance_m: f64,
    point: LatLng,
    /// Decimetres from the beginning of the segment.
    along_dm: f64,
    /// Of the piece, from its first end to its second: east and north, of length one, or nothing where it has no length.
    direction: [f64; 2],
}

impl View {
    fn new(at: LatLng) -> Self {
        let north = 1.0 / E7_PER_M;
        Self { at, scale: [north * at.lat().to_radians().cos(), north] }
    }

    /// The square around the place; `None` for what is no radius.
    fn window(&self, radius_m: f64) -> Option<AABB<[i32; 2]>> {
        if radius_m.is_nan() || radius_m < 0.0 {
            return None;
        }
        // Half units, as in the tree, and one more for the rounding of both. The numbers saturate.
        let reach = self.scale.map(|scale| (radius_m / scale / 2.0).min(1e9).ceil() as i32 + 1);
        let middle = [self.at.lng_e7() / 2, self.at.lat_e7() / 2];
        Some(AABB::from_corners(
            [middle[0].saturating_sub(reach[0]), middle[1].saturating_sub(reach[1])],
            [middle[0].saturating_add(reach[0]), middle[1].saturating_add(reach[1])],
        ))
    }

    fn metres(&self, point: LatLng) -> [f64; 2] {
        [
            (f64::from(point.lng_e7()) - f64::from(self.at.lng_e7())) * self.scale[0],
            (f64::from(point.lat_e7()) - f64::from(self.at.lat_e7())) * self.scale[1],
        ]
    }

    /// Of each piece of a run its nearest point.
    fn pieces<'a>(&'a self, network: &'a Network, run: &'a Run) -> impl Iterator<Item = Hit> + 'a {
        let points = network.points(SegmentId(run.segment));
        let first = run.first as usize;
        let end = (first + PIECES + 1).min(points.len());
        let mut before_dm = f64::from(run.before_dm);
        points[first..end].windows(2).map(move |pair| {
            let (from, to) = (self.metres(pair[0]), self.metres(pair[1]));
            let along = [to[0] - from[0], to[1] - from[1]];
            let square = along[0] * along[0] + along[1] * along[1];
            let part = if square > 0.0 { -(from[0] * along[0] + from[1] * along[1]) / square } else { 0.0 };
            let part = part.clamp(0.0, 1.0);
            let (east, north) = (from[0] + part * along[0], from[1] + part * along[1]);
            let length_m = square.sqrt();
            let along_dm = before_dm + part * length_m * 10.0;
            before_dm += length_m * 10.0;
            let direction = if length_m > 0.0 { along.map(|metres| metres / length_m) } else { [0.0; 2] };
            Hit {
                distance_m: (east * east + north * north).sqrt(),
                point: between(pair[0], pair[1], part),
                along_dm,
                direction,
            }
        })
    }

    /// The nearest point of a run.
    fn nearest_of(&self, network: &Network, run: &Run) -> Hit {
        let nearest = self.pieces(network, run).min_by(|one, other| one.distance_m.total_cmp(&other.distance_m));
        nearest.expect("a run has a piece")
    }
}

impl Hit {
    fn on(&self, network: &Network, arc: ArcId) -> Snap {
        let length_dm = network.length_dm(arc);
        let along_dm = (self.along_dm.round() as u32).min(length_dm);
        Snap {
            arc,
            along_dm: if network.directed(arc).is_forward { along_dm } else { length_dm - along_dm },
            point: self.point,
            distance_m: self.distance_m as f32,
        }
    }
}

/// The point that lies `part` (0 to 1) of the way from one to the other.
pub(super) fn between(from: LatLng, to: LatLng, part: f64) -> LatLng {
    let mix = |from: i32, to: i32| {
        let (from, to) = (f64::from(from), f64::from(to));
        (from + (to - from) * part).round() as i32
    };
    let point = LatLng::from_e7(mix(from.lat_e7(), to.lat_e7()), mix(from.lng_e7(), to.lng_e7()));
    point.unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::road::network::{NodeId, Parts, RoadClass, Segment};

    fn at(east_m: f64, north_m: f64) -> LatLng {
        LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, east_m).destination(0.0, north_m)
    }

    fn segment(from: u32, to: u32, shape: Vec<LatLng>, ways: [bool; 2]) -> Segment {
        Segment {
            from: NodeId(from),
            to: NodeId(to),
            shape,
            class: RoadClass::Residential,
            name: None,
            is_roundabout: false,
            forward_ms: ways[0].then_some(10_000),
            backward_ms: ways[1].then_some(10_000),
        }
    }

    /// Streets of every form from a seed: one-way and two-way, straight and winding, long and of no length.
    fn tangle(seed: u64) -> Network {
        let mut state = seed;
        let mut draw = |range: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % range
        };
        let nodes: Vec<_> = (0..12).map(|_| at(draw(3_000) as f64, draw(3_000) as f64)).collect();
        let segments = (0..30).map(|_| {
            let shape = (0..draw(12)).map(|_| at(draw(3_000) as f64, draw(3_000) as f64)).collect();
            let ways = [[true, true], [true, false], [false, true], [false, false]][draw(4) as usize];
            segment(draw(12) as u32, draw(12) as u32, shape, ways)
        });
        let parts = Parts { segments: segments.collect(), nodes, ..Parts::default() };
        Network::new(parts).expect("a network").0
    }

    /// Every piece of every legal arc: distance and direction, sampled by nothing but the formulas of a flat map.
    fn by_looking_at_all(network: &Network, from: LatLng) -> Vec<(f64, ArcId, f64)> {
        let cosine = from.lat().to_radians().cos();
        let flat = |point: LatLng| {
            let metres = EARTH_RADIUS_M.to_radians();
            [(point.lng() - from.lng()) * metres * cosine, (point.lat() - from.lat()) * metres]
        };
        let mut found = Vec::new();
        for arc in (0..network.arc_count() as u32).map(ArcId) {
            let Directed { segment, is_forward } = network.directed(arc);
            let mut points: Vec<_> = network.points(segment).iter().map(|point| flat(*point)).collect();
            if !is_forward {
                points.reverse();
            }
            for pair in points.windows(2) {
                let [[ax, ay], [bx, by]] = [pair[0], pair[1]];
                let square = (bx - ax).powi(2) + (by - ay).powi(2);
                let part = ((-ax * (bx - ax) - ay * (by - ay)) / square).clamp(0.0, 1.0);
                let part = if part.is_nan() { 0.0 } else { part };
                let distance_m = (ax + part * (bx - ax)).hypot(ay + part * (by - ay));
                found.push((distance_m, arc, (bx - ax).atan2(by - ay).to_degrees()));
            }
        }
        found
    }

    /// Where an arc is after so many decimetres, by walking it.
    fn walked(network: &Network, arc: ArcId, along_dm: u32) -> LatLng {
        let Directed { segment, is_forward } = network.directed(arc);
        let mut points = network.points(segment).to_vec();
        if !is_forward {
            points.reverse();
        }
        let mut left_m = f64::from(along_dm) / 10.0;
        for pair in points.windows(2) {
            let length_m = pair[0].distance_m(pair[1]);
            if left_m <= length_m {
                return between(pair[0], pair[1], left_m / length_m.max(1e-9));
            }
            left_m -= length_m;
        }
        points[points.len() - 1]
    }

    proptest! {
        #[test]
        fn the_nearest_street_is_the_one_that_looking_at_all_finds(seed in 0..500_u64, east in -4_000.0..7_000.0_f64, north in -4_000.0..7_000.0_f64, max in 0.0..5_000.0_f64) {
            let network = tangle(seed);
            let snapper = Snapper::new(&network);
            let from = at(east, north);
            let least = by_looking_at_all(&network, from).into_iter().map(|(distance_m, ..)| distance_m).min_by(f64::total_cmp).expect("a street");
            let snap = snapper.nearest(&network, from, max);
            prop_assert_eq!(snap.is_some(), least <= max, "{} of {}", least, max);
            if let Some(snap) = snap {
                prop_assert!((f64::from(snap.distance_m) - least).abs() < 1e-3);
                prop_assert!((snap.point.distance_m(from) - least).abs() < 0.02 + least * 1e-4);
                prop_assert!(walked(&network, snap.arc, snap.along_dm).distance_m(snap.point) < 0.5, "along");
            }
        }

        #[test]
        fn a_heading_weighs_as_it_says(seed in 0..500_u64, east in 0.0..3_000.0_f64, north in 0.0..3_000.0_f64, bearing in 0.0..360.0_f64) {
            let network = tangle(seed);
            let snap = Snapper::new(&network).nearest_heading(&network, at(east, north), Some(bearing), 1_000.0);
            let cost = |(distance_m, arc, direction): (f64, ArcId, f64)| (distance_m + HEADING_M * (1.0 - (direction - bearing).to_radians().cos()) / 2.0, arc);
            let all = by_looking_at_all(&network, at(east, north)).into_iter().filter(|hit| hit.0 <= 1_000.0);
            let costs: Vec<_> = all.map(cost).collect();
            let least = costs.iter().map(|(cost, _)| *cost).min_by(f64::total_cmp);
            prop_assert_eq!(snap.is_some(), least.is_some());
            if let (Some(snap), Some(least)) = (snap, least) {
                let own = costs.iter().filter(|(_, arc)| *arc == snap.arc).map(|(cost, _)| *cost).min_by(f64::total_cmp);
                prop_assert!(own.is_some_and(|own| own - least < 1e-3), "{own:?} against {least}");
            }
        }

        #[test]
        fn all_streets_within_reach_are_found_each_once_nearest_first(seed in 0..500_u64, east in 0.0..3_000.0_f64, north in 0.0..3_000.0_f64, radius in 0.0..800.0_f64) {
            let network = tangle(seed);
            let mut out = Vec::new();
            Snapper::new(&network).within(&network, at(east, north), radius, usize::MAX, &mut out);
            let mut expected = std::collections::BTreeMap::new();
            for (distance_m, arc, _) in by_looking_at_all(&network, at(east, north)) {
                if distance_m <= radius {
                    let least = expected.entry(arc).or_insert(distance_m);
                    *least = least.min(distance_m);
                }
            }
            prop_assert!(out.is_sorted_by(|one, other| one.distance_m <= other.distance_m));
            prop_assert_eq!(out.len(), expected.len());
            for snap in &out {
                prop_assert!(expected.get(&snap.arc).is_some_and(|least| (f64::from(snap.distance_m) - least).abs() < 1e-3));
                prop_assert!(walked(&network, snap.arc, snap.along_dm).distance_m(snap.point) < 0.5, "along");
            }
            let all = out.clone();
            Snapper::new(&network).within(&network, at(east, north), radius, 3, &mut out);
            prop_assert_eq!(&out[..], &all[..all.len().min(3)]);
        }
    }

    #[test]
    fn far_away_and_senseless_reaches_find_nothing() {
        let network = tangle(1);
        let snapper = Snapper::new(&network);
        for (lat, lng) in [(48.1, 11.5), (90.0, 0.0), (-90.0, 180.0), (0.0, -180.0)] {
            let place = LatLng::new(lat, lng).expect("on the globe");
            assert_eq!(snapper.nearest(&network, place, 1_000.0), None, "{place}");
        }
        for max_m in [f64::NAN, -1.0] {
            assert_eq!(snapper.nearest(&network, at(0.0, 0.0), max_m), None, "{max_m}");
        }
        assert!(snapper.nearest(&network, at(100_000.0, 0.0), f64::INFINITY).is_some(), "however far");
    }

    #[test]
    fn a_two_way_street_gives_its_own_direction_and_with_a_heading_the_one_that_is_ridden() {
        let nodes = vec![at(0.0, 0.0), at(1_000.0, 0.0)];
        let parts = Parts { nodes, segments: vec![segment(0, 1, vec![], [true, true])], ..Parts::default() };
        let network = Network::new(parts).expect("a network").0;
        let snapper = Snapper::new(&network);
        for (bearing_deg, along_dm) in [(None, 3_000), (Some(80.0), 3_000), (Some(275.0), 7_000)] {
            let snap = snapper.nearest_heading(&network, at(300.0, 12.0), bearing_deg, 50.0).expect("a street");
            assert!(snap.along_dm.abs_diff(along_dm) < 20, "{bearing_deg:?}: {snap:?}");
            assert!((snap.distance_m - 12.0).abs() < 0.1, "{snap:?}");
        }
    }

    #[test]
    fn a_leaf_holds_four_pieces_in_forty_bytes() {
        assert_eq!(size_of::<Run>(), 28);
        assert!(size_of::<rstar::RTreeNode<Run>>() <= 40);
    }
}
