//! A town as it is being drawn: points, streets between them, nothing legal or timed yet.
//!
//! Separate from the network because it changes all the time, and lies on a plane.

use super::plane::{Grid, Point, cross};
use crate::road::network::RoadClass;

/// A stretch between two points of the sketch.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) a: u32,
    pub(super) b: u32,
    /// Between the two.
    pub(super) shape: Vec<Point>,
    pub(super) class: RoadClass,
    /// Stretches of the same street have the same number.
    pub(super) street: Option<u32>,
    /// Only from `a` to `b`.
    pub(super) is_one_way: bool,
    pub(super) is_roundabout: bool,
}

impl Stretch {
    pub(super) fn new(a: u32, b: u32, class: RoadClass, street: Option<u32>) -> Self {
        Self { a, b, shape: Vec::new(), class, street, is_one_way: false, is_roundabout: false }
    }

    pub(super) fn touches(&self, point: u32) -> bool {
        self.a == point || self.b == point
    }

    /// The other end.
    pub(super) fn across(&self, point: u32) -> u32 {
        if self.a == point { self.b } else { self.a }
    }

    pub(super) fn is_arterial(&self) -> bool {
        self.class <= RoadClass::Secondary
    }
}

/// Points and stretches, found by where they are.
#[derive(Debug)]
pub(super) struct Sketch {
    pub(super) points: Vec<Point>,
    pub(super) stretches: Vec<Stretch>,
    /// Of each point, the stretches that end there.
    pub(super) at: Vec<Vec<u32>>,
    pub(super) streets: u32,
    point_grid: Grid,
    stretch_grid: Grid,
}

impl Sketch {
    pub(super) fn new(half: Point) -> Self {
        let (points, stretches, at) = Default::default();
        Self {
            points,
            stretches,
            at,
            streets: 0,
            point_grid: Grid::new(half, 150.0),
            stretch_grid: Grid::new(half, 250.0),
        }
    }

    pub(super) fn new_street(&mut self) -> u32 {
        self.streets += 1;
        self.streets - 1
    }

    pub(super) fn add_point(&mut self, point: Point) -> u32 {
        let index = self.points.len() as u32;
        self.points.push(point);
        self.at.push(Vec::new());
        self.point_grid.insert(point, point, index);
        index
    }

    pub(super) fn add(&mut self, stretch: Stretch) {
        let index = self.stretches.len() as u32;
        let (a, b) = (self.point(stretch.a), self.point(stretch.b));
        self.at[stretch.a as usize].push(index);
        self.at[stretch.b as usize].push(index);
        let mut from = a;
        for to in stretch.shape.iter().copied().chain([b]) {
            self.stretch_grid.insert(from, to, index);
            from = to;
        }
        self.stretches.push(stretch);
    }

    pub(super) fn point(&self, index: u32) -> Point {
        self.points[index as usize]
    }

    /// All the points of a stretch, ends included.
    pub(super) fn line(&self, stretch: &Stretch) -> impl Iterator<Item = Point> {
        [self.point(stretch.a)].into_iter().chain(stretch.shape.iter().copied()).chain([self.point(stretch.b)])
    }

    pub(super) fn length_m(&self, stretch: &Stretch) -> f64 {
        self.line(stretch).zip(self.line(stretch).skip(1)).map(|(from, to)| from.distance(to)).sum()
    }

    /// Points within a radius, with their distance, in the order of their numbers for each square.
    pub(super) fn near(&self, point: Point, radius_m: f64) -> impl Iterator<Item = (u32, f64)> + '_ {
        let found = self.point_grid.around(point, radius_m);
        found.map(move |index| (index, self.point(index).distance(point))).filter(move |(_, away)| *away < radius_m)
    }

    /// The nearest point within a radius that is not one of `but`.
    pub(super) fn nearest(&self, point: Point, radius_m: f64, but: &[u32]) -> Option<u32> {
        let near = self.near(point, radius_m).filter(|(index, _)| !but.contains(index));
        near.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).map(|(index, _)| index)
    }

    /// Whether a straight line would cross a stretch that is there.
    pub(super) fn is_crossed(&self, from: Point, to: Point) -> bool {
        self.stretch_grid.touching(from, to).any(|index| {
            let stretch = &self.stretches[index as usize];
            self.line(stretch).zip(self.line(stretch).skip(1)).any(|piece| cross((from, to), piece))
        })
    }

    /// Whether two points are the ends of one stretch.
    pub(super) fn is_joined(&self, a: u32, b: u32) -> bool {
        self.at[a as usize].iter().any(|index| self.stretches[*index as usize].touches(b))
    }

    /// Whether a point is no junction: one street goes through it, unchanged.
    pub(super) fn is_bend(&self, point: u32) -> bool {
        let [one, other] = self.at[point as usize].as_slice() else {
            return false;
        };
        let (one, other) = (&self.stretches[*one as usize], &self.stretches[*other as usize]);
        (one.class, one.street) == (other.class, other.street) && one.across(point) != other.across(point)
    }

    /// The cosine of the sharpest corner that a line from `point` towards `to` would make with what is there; below -1
    /// where nothing is there.
    pub(super) fn sharpest(&self, point: u32, to: Point) -> f64 {
        let (at, towards) = (self.point(point), to.minus(self.point(point)).unit());
        let corner = |index: &u32| self.heading(*index, point, at).dot(towards);
        self.at[point as usize].iter().map(corner).fold(-2.0, f64::max)
    }

    /// The direction in which a stretch leaves one of its ends.
    fn heading(&self, stretch: u32, point: u32, at: Point) -> Point {
        let stretch = &self.stretches[stretch as usize];
        let next = if stretch.a == point { stretch.shape.first() } else { stretch.shape.last() };
        next.copied().unwrap_or_else(|| self.point(stretch.across(point))).minus(at).unit()
    }

    /// The direction in which a stretch leaves one of its ends.
    pub(super) fn leaving(&self, stretch: u32, point: u32) -> Point {
        self.heading(stretch, point, self.point(point))
    }
}
