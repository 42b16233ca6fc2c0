//! The ground of a town as a flat plane in metres, and who is near whom on it.
//!
//! Separate because it must be the same on every machine: it uses only operations that IEEE 754 fixes to the last bit
//! (the four kinds and the square root), where the sine of two systems may differ.

use crate::geo::{EARTH_RADIUS_M, LatLng};

const M_PER_DEG: f64 = EARTH_RADIUS_M * (std::f64::consts::PI / 180.0);

/// Metres east and north of the centre; also a vector.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    pub(super) const ORIGIN: Self = Self { x: 0.0, y: 0.0 };

    pub(super) const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }

    pub(super) fn times(self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }

    pub(super) fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    /// Positive when `other` lies to the left.
    pub(super) fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }

    pub(super) fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(super) fn distance(self, other: Self) -> f64 {
        self.minus(other).length()
    }

    /// The same direction, one metre long; east when there is no direction.
    pub(super) fn unit(self) -> Self {
        let length = self.length();
        if length > 1e-9 { self.times(1.0 / length) } else { Self::new(1.0, 0.0) }
    }

    /// A quarter turn to the left.
    pub(super) fn left(self) -> Self {
        Self::new(-self.y, self.x)
    }

    pub(super) fn middle(self, other: Self) -> Self {
        Self::new((self.x + other.x) / 2.0, (self.y + other.y) / 2.0)
    }

    /// Grows with the direction, anticlockwise from east, from 0 to 4: an angle without trigonometry.
    pub(super) fn direction(self) -> f64 {
        let part = self.y / (self.x.abs() + self.y.abs()).max(1e-12);
        match (self.x < 0.0, self.y < 0.0) {
            (true, _) => 2.0 - part,
            (false, true) => 4.0 + part,
            (false, false) => part,
        }
    }
}

/// Whether two straight lines cross between their ends; to touch is not to cross.
pub(super) fn cross(a: (Point, Point), b: (Point, Point)) -> bool {
    let side = |line: (Point, Point), point: Point| line.1.minus(line.0).cross(point.minus(line.0));
    let (b0, b1) = (side(a, b.0), side(a, b.1));
    let (a0, a1) = (side(b, a.0), side(b, a.1));
    b0 * b1 < 0.0 && a0 * a1 < 0.0
}

/// Where the plane lies on the globe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    centre: LatLng,
    m_per_deg_lng: f64,
}

impl Plane {
    pub(super) fn new(centre: LatLng) -> Self {
        Self { centre, m_per_deg_lng: M_PER_DEG * cosine(centre.lat()) }
    }

    pub(super) fn point(&self, place: LatLng) -> Point {
        let east = (place.lng() - self.centre.lng()) * self.m_per_deg_lng;
        Point::new(east, (place.lat() - self.centre.lat()) * M_PER_DEG)
    }

    /// The place on the globe; the centre for a point that is on none.
    pub(super) fn place(&self, point: Point) -> LatLng {
        let lat = self.centre.lat() + point.y / M_PER_DEG;
        LatLng::new(lat, self.centre.lng() + point.x / self.m_per_deg_lng).unwrap_or(self.centre)
    }
}

/// By its series, which is exact enough up to a right angle: the error is below 1e-9.
fn cosine(degrees: f64) -> f64 {
    let square = (degrees * (std::f64::consts::PI / 180.0)) * (degrees * (std::f64::consts::PI / 180.0));
    let (mut term, mut sum) = (1.0, 1.0);
    for step in 1..10 {
        term = -term * square / f64::from((2 * step - 1) * (2 * step));
        sum += term;
    }
    sum.max(0.01)
}

/// Things on the plane by the squares of a grid that they touch.
#[derive(Debug)]
pub(super) struct Grid {
    half: Point,
    cell_m: f64,
    columns: usize,
    rows: usize,
    cells: Vec<Vec<u32>>,
}

impl Grid {
    pub(super) fn new(half: Point, cell_m: f64) -> Self {
        let count = |half: f64| (2.0 * half / cell_m) as usize + 1;
        let (columns, rows) = (count(half.x), count(half.y));
        Self { half, cell_m, columns, rows, cells: vec![Vec::new(); columns * rows] }
    }

    /// The squares from corner to corner; what lies outside counts to the edge.
    fn squares(&self, a: Point, b: Point) -> impl Iterator<Item = usize> + use<> {
        let along = |at: f64, half: f64, end: usize| (((at + half) / self.cell_m).max(0.0) as usize).min(end - 1);
        let columns = along(a.x.min(b.x), self.half.x, self.columns)..=along(a.x.max(b.x), self.half.x, self.columns);
        let rows = along(a.y.min(b.y), self.half.y, self.rows)..=along(a.y.max(b.y), self.half.y, self.rows);
        let width = self.columns;
        rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
    }

    pub(super) fn insert(&mut self, a: Point, b: Point, id: u32) {
        for square in self.squares(a, b) {
            self.cells[square].push(id);
        }
    }

    /// Everything in the squares of a box; some of it more than once.
    pub(super) fn touching(&self, a: Point, b: Point) -> impl Iterator<Item = u32> + '_ {
        self.squares(a, b).flat_map(|square| self.cells[square].iter().copied())
    }

    /// Everything in the squares around a point.
    pub(super) fn around(&self, point: Point, radius_m: f64) -> impl Iterator<Item = u32> + '_ {
        let reach = Point::new(radius_m, radius_m);
        self.touching(point.minus(reach), point.plus(reach))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_measures_as_the_globe_does() {
        let centre = LatLng::new(-1.9438, 30.0569).expect("on the globe");
        let plane = Plane::new(centre);
        for (x, y) in [(0.0, 0.0), (5_000.0, 0.0), (-3_000.0, 8_000.0)] {
            let point = Point::new(x, y);
            let place = plane.place(point);
            assert!((centre.distance_m(place) - point.length()).abs() < 5.0, "{place}");
            assert!(plane.point(place).distance(point) < 0.02);
        }
        for degrees in [0.0, 1.95, 45.0, 60.0, 89.0] {
            assert!((cosine(degrees) - f64::to_radians(degrees).cos().max(0.01)).abs() < 1e-7, "{degrees}");
        }
    }

    #[test]
    fn directions_grow_anticlockwise() {
        let round =
            [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (-1.0, 0.0), (-1.0, -1.0), (0.0, -1.0), (1.0, -0.1)];
        let directions = round.map(|(x, y)| Point::new(x, y).direction());
        assert!(directions.is_sorted(), "{directions:?}");
    }
}
