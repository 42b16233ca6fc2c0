//! Streets that are shut: which arcs a drawn line, area or list of points means.
//!
//! Separate from learned speeds because a closure is somebody's word and not evidence, and from the snapper of positions
//! because a drawing has no receiver's noise and no heading, but an extent. Looked up by walking over all segments: that
//! takes milliseconds, and happens when somebody draws.

use crate::geo::{LatLng, Metres, Plane, Polygon, PolygonError, distance_to_piece_m};
use crate::road::network::{ArcId, Directed, Network, SegmentId};

/// Places of one drawing; more was not drawn by hand.
pub const PLACES_MAX: usize = 1_000;

/// Streets this near a drawn line are meant by it: half a wide street, and what a hand is off by.
const LINE_WITHIN_M: f64 = 20.0;
/// They run in its direction, up to this angle; a street that crosses the line does not.
const LINE_ANGLE_DEG_MAX: f64 = 35.0;
/// A street that a line follows for this long is shut, however much longer it is; a shorter street for half of its length.
const LINE_FOLLOWED_M: f64 = 30.0;
/// How far apart the points of a street are at which it is looked.
const STEP_M: f64 = 5.0;

/// What was drawn.
#[derive(Clone, PartialEq, Debug)]
pub enum Drawing {
    /// The street nearest to each of these places, in both directions.
    Points(Vec<LatLng>),
    /// The streets along a line.
    Line {
        /// Its points in order.
        points: Vec<LatLng>,
        /// Only in the direction of the line, or in both.
        is_one_way: bool,
    },
    /// The streets in an area, also those that only pass through it.
    Area {
        /// Its corners, as drawn.
        corners: Vec<LatLng>,
        /// The same as an area.
        polygon: Polygon,
    },
}

/// A drawing that means nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DrawingError {
    /// Too few places, or too many.
    #[error("{count} places are out of range {least}..={PLACES_MAX}")]
    Places {
        /// How many there are.
        count: usize,
        /// How many there must be.
        least: usize,
    },
    /// A line that does not move.
    #[error("the line has no length")]
    NoLength,
    /// No area.
    #[error(transparent)]
    Area(#[from] PolygonError),
}

impl Drawing {
    /// Places on streets.
    ///
    /// # Errors
    /// [`DrawingError`] unless there are 1 to [`PLACES_MAX`].
    pub fn points(points: Vec<LatLng>) -> Result<Self, DrawingError> {
        counted(&points, 1)?;
        Ok(Self::Points(points))
    }

    /// A line along streets.
    ///
    /// # Errors
    /// [`DrawingError`] unless there are 2 to [`PLACES_MAX`] points, not all the same.
    pub fn line(points: Vec<LatLng>, is_one_way: bool) -> Result<Self, DrawingError> {
        counted(&points, 2)?;
        if points.iter().all(|point| *point == points[0]) {
            return Err(DrawingError::NoLength);
        }
        Ok(Self::Line { points, is_one_way })
    }

    /// An area, by its corners; the last may be the first again.
    ///
    /// # Errors
    /// [`DrawingError`] unless there are 3 to [`PLACES_MAX`] corners with something between them.
    pub fn area(corners: Vec<LatLng>) -> Result<Self, DrawingError> {
        counted(&corners, 3)?;
        Ok(Self::Area { polygon: Polygon::new(corners.clone())?, corners })
    }

    /// The places it was made of.
    pub fn places(&self) -> &[LatLng] {
        match self {
            Self::Points(points) | Self::Line { points, .. } => points,
            Self::Area { corners, .. } => corners,
        }
    }

    /// The arcs that are meant, in order. A place farther than `reach_m` from every street means none.
    pub fn arcs(&self, network: &Network, reach_m: f64) -> Vec<ArcId> {
        let segments = (0..network.segment_count() as u32).map(SegmentId);
        let mut found = Vec::new();
        match self {
            Self::Points(places) => {
                for place in places {
                    both(network, nearest(network, *place, reach_m), &mut found);
                }
            }
            Self::Line { points, is_one_way } => {
                let line = Line::new(points);
                for segment in segments {
                    let (along, against) = line.follows(network.points(segment));
                    let is_meant = |is_forward| {
                        let (with, back) = if is_forward { (along, against) } else { (against, along) };
                        with || (back && !is_one_way)
                    };
                    let directions = [true, false].into_iter().filter(|is_forward| is_meant(*is_forward));
                    found.extend(directions.filter_map(|is_forward| network.arc(Directed { segment, is_forward })));
                }
            }
            Self::Area { polygon, .. } => {
                let touched = segments.filter(|segment| {
                    let mut is_touched = false;
                    each_step(network.points(*segment), |point| is_touched |= polygon.contains(point));
                    is_touched
                });
                touched.for_each(|segment| both(network, Some(segment), &mut found));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn counted(places: &[LatLng], least: usize) -> Result<(), DrawingError> {
    let count = places.len();
    if (least..=PLACES_MAX).contains(&count) { Ok(()) } else { Err(DrawingError::Places { count, least }) }
}

fn both(network: &Network, segment: Option<SegmentId>, found: &mut Vec<ArcId>) {
    let Some(segment) = segment else { return };
    found.extend([true, false].into_iter().filter_map(|is_forward| network.arc(Directed { segment, is_forward })));
}

/// The segment nearest to a place, the first of equals.
fn nearest(network: &Network, place: LatLng, reach_m: f64) -> Option<SegmentId> {
    let flat = Plane::around(place);
    let mut best = (reach_m, None);
    for segment in (0..network.segment_count() as u32).map(SegmentId) {
        for pair in network.points(segment).windows(2) {
            let distance_m = distance_to_piece_m((0.0, 0.0), (flat.metres(pair[0]), flat.metres(pair[1])));
            if distance_m < best.0 {
                best = (distance_m, Some(segment));
            }
        }
    }
    best.1
}

/// Calls `see` with points of a street no farther apart than [`STEP_M`], its own among them.
fn each_step(points: &[LatLng], mut see: impl FnMut(LatLng)) {
    for pair in points.windows(2) {
        let steps = (pair[0].flat_distance_m(pair[1]) / STEP_M).ceil().max(1.0);
        for step in 0..steps as u32 {
            see(between(pair[0], pair[1], f64::from(step) / steps));
        }
    }
    points.last().copied().map(see);
}

/// The place at a share of the way; a place between two of the globe is on it.
fn between(a: LatLng, b: LatLng, share: f64) -> LatLng {
    let mix = |a: i32, b: i32| a + (f64::from(b - a) * share).round() as i32;
    LatLng::from_e7(mix(a.lat_e7(), b.lat_e7()), mix(a.lng_e7(), b.lng_e7())).unwrap_or(a)
}

/// A drawn line, on the plane.
struct Line {
    flat: Plane,
    stretches: Vec<(Metres, Metres)>,
    /// South-west and north-east corner of all that is near it.
    bounds: (Metres, Metres),
}

impl Line {
    fn new(points: &[LatLng]) -> Self {
        let flat = Plane::around(points[0]);
        let stretches: Vec<_> = points
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .map(|p| (flat.metres(p[0]), flat.metres(p[1])))
            .collect();
        let mut bounds = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
        for (x, y) in points.iter().map(|point| flat.metres(*point)) {
            bounds.0 = (bounds.0.0.min(x - LINE_WITHIN_M), bounds.0.1.min(y - LINE_WITHIN_M));
            bounds.1 = (bounds.1.0.max(x + LINE_WITHIN_M), bounds.1.1.max(y + LINE_WITHIN_M));
        }
        Self { flat, stretches, bounds }
    }

    /// Whether the line follows a street in the order of its points, and whether against it.
    fn follows(&self, points: &[LatLng]) -> (bool, bool) {
        let (mut length_m, mut along_m, mut against_m) = (0.0, 0.0, 0.0);
        for pair in points.windows(2) {
            let (a, b) = (self.flat.metres(pair[0]), self.flat.metres(pair[1]));
            let piece_m = (b.0 - a.0).hypot(b.1 - a.1);
            length_m += piece_m;
            if self.is_away(a, b) || piece_m == 0.0 {
                continue;
            }
            let steps = (piece_m / STEP_M).ceil().max(1.0);
            for step in 0..steps as u32 {
                let share = (f64::from(step) + 0.5) / steps;
                let point = (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
                match self.direction_at(point, (b.0 - a.0, b.1 - a.1)) {
                    Some(true) => along_m += piece_m / steps,
                    Some(false) => against_m += piece_m / steps,
                    None => {}
                }
            }
        }
        let enough_m = LINE_FOLLOWED_M.min(length_m / 2.0);
        (along_m >= enough_m && along_m >= against_m, against_m >= enough_m && against_m > along_m)
    }

    fn is_away(&self, a: Metres, b: Metres) -> bool {
        let (low, high) = self.bounds;
        a.0.max(b.0) < low.0 || a.0.min(b.0) > high.0 || a.1.max(b.1) < low.1 || a.1.min(b.1) > high.1
    }

    /// Whether the line runs here as the street does (`true`) or against it; none where it is away or crosses.
    fn direction_at(&self, point: Metres, street: Metres) -> Option<bool> {
        let near = self.stretches.iter().filter(|stretch| distance_to_piece_m(point, **stretch) <= LINE_WITHIN_M);
        let cosines = near.map(|(a, b)| {
            let line = (b.0 - a.0, b.1 - a.1);
            (line.0 * street.0 + line.1 * street.1) / (line.0.hypot(line.1) * street.0.hypot(street.1))
        });
        let least = LINE_ANGLE_DEG_MAX.to_radians().cos();
        cosines.filter(|cosine| cosine.abs() >= least).max_by(|a, b| a.abs().total_cmp(&b.abs())).map(|c| c > 0.0)
    }
}

/// The arcs that nobody may ride now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Closures {
    arcs: Vec<ArcId>,
}

impl Closures {
    /// Every street is open.
    pub const NONE: Self = Self { arcs: Vec::new() };

    /// The arcs, in order, each once.
    pub fn arcs(&self) -> &[ArcId] {
        &self.arcs
    }
}

impl FromIterator<ArcId> for Closures {
    fn from_iter<I: IntoIterator<Item = ArcId>>(arcs: I) -> Self {
        let mut arcs: Vec<ArcId> = arcs.into_iter().collect();
        arcs.sort_unstable();
        arcs.dedup();
        Self { arcs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::network::{NodeId, Parts, RoadClass, Segment};

    fn place(east_m: f64, north_m: f64) -> LatLng {
        let origin = LatLng::new(-1.95, 30.06).expect("on the globe");
        origin.destination(90.0, east_m).destination(0.0, north_m)
    }

    /// A cross of four streets of 200 m around a junction, and a lane of one way 150 m to the north of it:
    /// segments 0 west, 1 east, 2 south, 3 north (each away from the middle), 4 the lane, to the east.
    fn cross() -> Network {
        let nodes =
            [(0.0, 0.0), (-200.0, 0.0), (200.0, 0.0), (0.0, -200.0), (0.0, 200.0), (-100.0, 150.0), (100.0, 150.0)];
        let nodes = nodes.map(|(east_m, north_m)| place(east_m, north_m)).to_vec();
        let street = |from, to, backward_ms| Segment {
            from: NodeId(from),
            to: NodeId(to),
            shape: Vec::new(),
            class: RoadClass::Residential,
            name: None,
            is_roundabout: false,
            forward_ms: Some(20_000),
            backward_ms,
        };
        let both = Some(20_000);
        let segments =
            vec![street(0, 1, both), street(0, 2, both), street(0, 3, both), street(0, 4, both), street(5, 6, None)];
        Network::new(Parts { nodes, segments, ..Parts::default() }).expect("a network").0
    }

    /// Segment and direction of each arc that a drawing shuts.
    fn shut(drawing: Result<Drawing, DrawingError>) -> Vec<(u32, bool)> {
        let network = cross();
        let arcs = drawing.expect("a drawing").arcs(&network, 60.0);
        let mut shut: Vec<_> =
            arcs.iter().map(|arc| network.directed(*arc)).map(|d| (d.segment.0, d.is_forward)).collect();
        shut.sort_unstable();
        shut
    }

    #[test]
    fn a_point_shuts_the_nearest_street_both_ways() {
        assert_eq!(shut(Drawing::points(vec![place(-120.0, 15.0)])), [(0, false), (0, true)]);
        assert_eq!(shut(Drawing::points(vec![place(60.0, 140.0)])), [(4, true)], "a street of one way has one");
        assert_eq!(shut(Drawing::points(vec![place(400.0, 400.0)])), [], "out of reach");
        let two = Drawing::points(vec![place(-120.0, 0.0), place(0.0, -90.0)]);
        assert_eq!(shut(two), [(0, false), (0, true), (2, false), (2, true)]);
    }

    #[test]
    fn a_line_shuts_the_streets_it_follows_and_not_those_it_crosses() {
        let along =
            |is_one_way| Drawing::line(vec![place(-190.0, 8.0), place(0.0, -6.0), place(190.0, 8.0)], is_one_way);
        assert_eq!(shut(along(false)), [(0, false), (0, true), (1, false), (1, true)]);
        // The first street was drawn from the middle to the west, the line comes from there.
        assert_eq!(shut(along(true)), [(0, false), (1, true)]);
        let part = Drawing::line(vec![place(50.0, 0.0), place(90.0, 0.0)], false);
        assert_eq!(shut(part), [(1, false), (1, true)], "forty metres of it are shut, so nobody gets through");
        let beside = Drawing::line(vec![place(-190.0, 40.0), place(190.0, 40.0)], false);
        assert_eq!(shut(beside), [], "too far from any street that runs with it");
    }

    #[test]
    fn an_area_shuts_what_lies_in_it_and_what_passes_through() {
        let square = |west: f64, south: f64, side: f64| {
            let (east, north) = (west + side, south + side);
            Drawing::area(vec![place(west, south), place(east, south), place(east, north), place(west, north)])
        };
        assert_eq!(shut(square(-10.0, 100.0, 20.0)), [(3, false), (3, true)]);
        assert_eq!(shut(square(-300.0, -300.0, 600.0)).len(), 9, "everything");
        assert_eq!(shut(square(40.0, 40.0, 60.0)), [], "a field");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let here = place(0.0, 0.0);
        let message = |drawing: Result<Drawing, DrawingError>| drawing.expect_err("means nothing").to_string();
        assert_eq!(message(Drawing::points(vec![])), "0 places are out of range 1..=1000");
        assert_eq!(message(Drawing::points(vec![here; 1_001])), "1001 places are out of range 1..=1000");
        assert_eq!(message(Drawing::line(vec![here], false)), "1 places are out of range 2..=1000");
        assert_eq!(message(Drawing::line(vec![here, here], false)), "the line has no length");
        assert_eq!(message(Drawing::area(vec![here, here, here])), "a polygon of 2 corners is out of range 3..=10000");
        assert_eq!(message(Drawing::area(vec![here, place(9.0, 0.0), place(18.0, 0.0)])), "the polygon has no inside");
    }

    #[test]
    fn closures_name_each_arc_once() {
        let closures: Closures = [ArcId(4), ArcId(1), ArcId(4)].into_iter().collect();
        assert_eq!(closures.arcs(), [ArcId(1), ArcId(4)]);
    }
}
