//! The hills that a town lies on: smooth bumps, added up.
//!
//! Separate because streets ask two things of it only: how high, and which way is up.

use super::chance::Chance;
use super::plane::{Grid, Point};

/// Ground for each hill, in square metres.
const GROUND_M2: f64 = 1.6e6;
const RADIUS_M: (f64, f64) = (900.0, 2_600.0);
/// Height over radius: Kigali's hills rise 200 to 300 metres over their valleys.
const STEEPNESS: (f64, f64) = (0.03, 0.09);

#[derive(Clone, Copy, Debug)]
struct Bump {
    at: Point,
    radius_m: f64,
    height_m: f64,
}

#[derive(Debug)]
pub(super) struct Hills {
    bumps: Vec<Bump>,
    grid: Grid,
}

impl Hills {
    pub(super) fn new(chance: &mut Chance, half: Point) -> Self {
        let count = (4.0 * half.x * half.y / GROUND_M2) as usize + 6;
        let mut grid = Grid::new(half, 500.0);
        let mut bumps = Vec::with_capacity(count);
        for _ in 0..count {
            let at = Point::new(chance.between(-half.x, half.x), chance.between(-half.y, half.y));
            let radius_m = chance.between(RADIUS_M.0, RADIUS_M.1);
            let bump = Bump { at, radius_m, height_m: radius_m * chance.between(STEEPNESS.0, STEEPNESS.1) };
            let reach = Point::new(radius_m, radius_m);
            grid.insert(at.minus(reach), at.plus(reach), bumps.len() as u32);
            bumps.push(bump);
        }
        Self { bumps, grid }
    }

    fn near(&self, point: Point) -> impl Iterator<Item = (&Bump, f64)> {
        self.grid.touching(point, point).filter_map(move |index| {
            let bump = &self.bumps[index as usize];
            let way = point.minus(bump.at);
            let inside = 1.0 - way.dot(way) / (bump.radius_m * bump.radius_m);
            (inside > 0.0).then_some((bump, inside))
        })
    }

    /// Metres over the lowest valley.
    pub(super) fn height_m(&self, point: Point) -> f64 {
        self.near(point).map(|(bump, inside)| bump.height_m * inside * inside).sum()
    }

    /// Straight up the slope, as long as it is steep.
    pub(super) fn gradient(&self, point: Point) -> Point {
        self.near(point).fold(Point::ORIGIN, |sum, (bump, inside)| {
            let steep = -4.0 * bump.height_m * inside / (bump.radius_m * bump.radius_m);
            sum.plus(point.minus(bump.at).times(steep))
        })
    }

    /// Rise over way between two points; negative downhill.
    pub(super) fn grade(&self, from: Point, to: Point) -> f64 {
        (self.height_m(to) - self.height_m(from)) / from.distance(to).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_heights() {
        let hills = Hills::new(&mut Chance::new(5), Point::new(4_000.0, 4_000.0));
        for (x, y) in [(0.0, 0.0), (1_200.0, -900.0), (-2_500.0, 3_100.0)] {
            let (at, up) = (Point::new(x, y), hills.gradient(Point::new(x, y)));
            let east = hills.height_m(at.plus(Point::new(0.5, 0.0))) - hills.height_m(at.minus(Point::new(0.5, 0.0)));
            let north = hills.height_m(at.plus(Point::new(0.0, 0.5))) - hills.height_m(at.minus(Point::new(0.0, 0.5)));
            assert!(up.distance(Point::new(east, north)) < 1e-3, "{up:?} {east} {north}");
        }
    }

    #[test]
    fn streets_can_climb_these_hills() {
        let hills = Hills::new(&mut Chance::new(8), Point::new(6_000.0, 6_000.0));
        let steps = || (-58..58).map(|step| f64::from(step) * 100.0);
        let slopes: Vec<f64> = steps()
            .flat_map(|x| steps().map(move |y| Point::new(x, y)))
            .map(|at| hills.gradient(at).length())
            .collect();
        let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
        assert!((0.03..0.2).contains(&mean), "{mean}");
        assert!(slopes.iter().all(|slope| *slope < 0.8));
    }
}
