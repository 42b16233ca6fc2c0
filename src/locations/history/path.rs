//! From recorded points to what is shown of a way: put together, measured, thinned.
//!
//! Separate because it is pure arithmetic on points, whatever they come from. Invariants: a path is in order of time and
//! has no instant twice, however often its points were stored; its first and last point are the recorded ones.

use super::segment::Point;
use crate::time::Timestamp;

/// A step shorter than this is the phone's measurement straying rather than the motorcycle moving: a driver who waits ten
/// minutes at a pickup would otherwise ride half a kilometre there.
const STEP_M_MIN: f64 = 5.0;

/// A driver's way between two instants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// In order of time; thinned where there were more than are shown.
    pub points: Vec<Point>,
    /// How many were recorded.
    pub recorded: usize,
    /// Along all that were recorded, in whole metres.
    pub distance_m: u32,
}

impl Path {
    /// Puts points together, in any order and from sources that may overlap: those from `from` to `to`, both included, to
    /// the hundredth of a second in which they lie.
    pub fn new(mut points: Vec<Point>, from: Timestamp, to: Timestamp, points_max: usize) -> Self {
        let from = Point::rounded_down(from);
        points.retain(|point| (from..=to).contains(&point.at()));
        points.sort_unstable();
        points.dedup_by_key(|point| point.at());
        Self { recorded: points.len(), distance_m: distance_m(&points), points: thinned(points, points_max) }
    }

    /// Whether points were left out of [`points`](Self::points).
    pub fn is_thinned(&self) -> bool {
        self.points.len() < self.recorded
    }
}

fn distance_m(points: &[Point]) -> u32 {
    let Some((first, rest)) = points.split_first() else { return 0 };
    let (mut from, mut metres) = (first.position(), 0.0);
    for point in rest {
        let step_m = from.distance_m(point.position());
        if step_m >= STEP_M_MIN {
            metres += step_m;
            from = point.position();
        }
    }
    // A float becomes the nearest number of the type.
    metres.round() as u32
}

/// Evenly by number, the first and the last among them.
fn thinned(points: Vec<Point>, points_max: usize) -> Vec<Point> {
    let count = points.len();
    if count <= points_max || points_max < 2 {
        return points;
    }
    (0..points_max).map(|index| points[index * (count - 1) / (points_max - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::LatLng;

    const START: i64 = 1_800_000_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(START + second * 1_000)
    }

    /// One ten-thousandth of a degree (11.1 m) further north every second.
    fn north(second: i64) -> Point {
        Point::new(at(second), LatLng::new(-1.95 + 1e-4 * second as f64, 30.06).expect("on the globe"))
    }

    #[test]
    fn points_of_two_sources_make_one_way() {
        let stored = (0..40).map(north);
        let in_memory = (30..70).map(north);
        let path = Path::new(in_memory.chain(stored).collect(), at(10), at(60), 1_000);
        assert_eq!(path.points, (10..=60).map(north).collect::<Vec<_>>());
        assert_eq!((path.recorded, path.distance_m, path.is_thinned()), (51, 556, false));
    }

    #[test]
    fn thinning_is_even_and_keeps_the_ends_and_the_distance() {
        let path = Path::new((0..1_001).map(north).collect(), at(0), at(2_000), 11);
        assert_eq!(path.points, (0..=10).map(|index| north(index * 100)).collect::<Vec<_>>());
        assert_eq!((path.recorded, path.distance_m, path.is_thinned()), (1_001, 11_120, true));
        for max in [2, 3, 7, 999] {
            let points = thinned((0..1_000).map(north).collect(), max);
            assert_eq!((points.len(), points[0], points[max - 1]), (max, north(0), north(999)));
            assert!(points.is_sorted());
        }
    }

    #[test]
    fn who_stands_rides_nowhere() {
        let shaking = |second: i64| {
            let metres = [0.0, 2.0, 3.5, 1.0][second as usize % 4];
            let place = LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0 * second as f64, metres);
            Point::new(at(second), place)
        };
        assert_eq!(Path::new((0..600).map(shaking).collect(), at(0), at(600), 10).distance_m, 0);
        assert_eq!(Path::new(Vec::new(), at(0), at(600), 10), Path::default());
        assert_eq!(Path::new(vec![north(1)], at(0), at(600), 10).distance_m, 0);
    }
}
