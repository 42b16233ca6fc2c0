//! Local streets: along the contours of the hills, with steeper links between them, as hillside towns have them.
//!
//! Separate from the main streets because they grow differently. A street starts where there is room and follows the
//! slope's contour until it meets another one (a T junction) or gives up (a dead end). Then links are cut across, the
//! easiest first, until there are as many as towns have. So no two blocks are alike, and nothing lies on a grid.

use super::chance::Chance;
use super::density::Density;
use super::hills::Hills;
use super::plane::Point;
use super::sketch::{Sketch, Stretch};
use crate::road::network::RoadClass;

/// Links are added until a junction has so many streets on average. Towns have 2.5 to 3.
const DEGREE: f64 = 2.72;
/// Two streets that leave a junction have at least 40 degrees between them.
const CORNER: f64 = 0.766;
/// A slope of this grade decides half of where a street goes.
const GRADE: f64 = 0.03;
/// Streets of so many stretches collect the traffic of their quarter.
const COLLECTOR: usize = 13;
/// The longest street, in stretches to each side.
const STEPS_MAX: usize = 12;

/// Draws the local streets.
pub(super) fn draw(sketch: &mut Sketch, hills: &Hills, density: &Density, half: Point, chance: &mut Chance) {
    for seed in seeds(density, half, chance) {
        let spacing_m = density.spacing_m(seed);
        if sketch.near(seed, spacing_m * 0.78).next().is_none() {
            let begin = sketch.add_point(seed);
            let uphill = hills.gradient(seed);
            let heading = if uphill.length() > 1e-6 { uphill.unit().left() } else { Point::new(1.0, 0.0) };
            let street = sketch.new_street();
            let first = sketch.stretches.len();
            for heading in [heading, heading.times(-1.0)] {
                let mut walker = Walker { hills, density, chance: &mut *chance, street };
                walker.walk(sketch, begin, heading);
            }
            let is_wide = spacing_m > 220.0;
            let is_long = sketch.stretches.len() - first >= COLLECTOR;
            let class = match (is_long, is_wide) {
                (true, _) => RoadClass::Tertiary,
                (false, true) if chance.happens(0.35) => RoadClass::Track,
                (false, true) => RoadClass::Unclassified,
                (false, false) => RoadClass::Residential,
            };
            sketch.stretches[first..].iter_mut().for_each(|stretch| stretch.class = class);
        }
    }
    link(sketch, hills, density, chance);
}

/// Where streets may begin, in random order.
fn seeds(density: &Density, half: Point, chance: &mut Chance) -> Vec<Point> {
    const STEP_M: f64 = 85.0;
    let mut seeds = Vec::new();
    for row in 1..(2.0 * half.y / STEP_M) as i32 {
        for column in 1..(2.0 * half.x / STEP_M) as i32 {
            let at = Point::new(f64::from(column), f64::from(row)).times(STEP_M).minus(half);
            if density.is_town(at) {
                seeds.push(at.plus(Point::new(chance.between(-30.0, 30.0), chance.between(-30.0, 30.0))));
            }
        }
    }
    chance.shuffle(&mut seeds);
    seeds
}

struct Walker<'t> {
    hills: &'t Hills,
    density: &'t Density,
    chance: &'t mut Chance,
    street: u32,
}

impl Walker<'_> {
    /// Draws a street from a point until it meets another or gives up.
    fn walk(&mut self, sketch: &mut Sketch, begin: u32, heading: Point) {
        let (mut here, mut before, mut heading) = (begin, begin, heading);
        for _ in 0..STEPS_MAX {
            let at = sketch.point(here);
            let spacing_m = self.density.spacing_m(at);
            heading = self.turn(at, heading);
            let to = at.plus(heading.times(spacing_m * self.chance.between(0.85, 1.2)));
            if !self.density.is_town(to) || self.chance.happens(0.06) {
                return;
            }
            if let Some(met) = sketch.nearest(to, spacing_m * 0.6, &[here, before]) {
                if self.chance.happens(0.92) && may_join(sketch, here, met) {
                    sketch.add(Stretch::new(here, met, RoadClass::Residential, Some(self.street)));
                }
                return;
            }
            if sketch.is_crossed(at, to) {
                return;
            }
            let point = sketch.add_point(to);
            sketch.add(Stretch::new(here, point, RoadClass::Residential, Some(self.street)));
            (before, here) = (here, point);
        }
    }

    /// Mostly along the contour, where there is one; else on, a little to this or that side.
    fn turn(&mut self, at: Point, heading: Point) -> Point {
        let uphill = self.hills.gradient(at);
        let along = uphill.unit().left();
        let along = if along.dot(heading) < 0.0 { along.times(-1.0) } else { along };
        let pull = uphill.length() / (uphill.length() + GRADE);
        let sway = heading.left().times(self.chance.between(-0.3, 0.3));
        along.times(pull).plus(heading.times(1.0 - pull)).plus(sway).unit()
    }
}

/// Whether a straight stretch between two points would look like a street.
fn may_join(sketch: &Sketch, a: u32, b: u32) -> bool {
    let (from, to) = (sketch.point(a), sketch.point(b));
    let fits = sketch.sharpest(a, to) < CORNER && sketch.sharpest(b, from) < CORNER;
    fits && !sketch.is_joined(a, b) && !sketch.is_crossed(from, to)
}

/// Cuts links between streets.
fn link(sketch: &mut Sketch, hills: &Hills, density: &Density, chance: &mut Chance) {
    let mut links = Vec::new();
    for a in 0..sketch.points.len() as u32 {
        let at = sketch.point(a);
        let near: Vec<_> = sketch.near(at, density.spacing_m(at) * 1.8).collect();
        for (b, away_m) in near.iter().copied().filter(|(b, _)| *b > a) {
            let (to, middle) = (sketch.point(b), at.middle(sketch.point(b)));
            let is_between =
                |other: u32| other != a && other != b && sketch.point(other).distance(middle) < away_m * 0.45;
            if !near.iter().any(|(other, _)| is_between(*other)) && !sketch.is_joined(a, b) {
                let grade = hills.grade(at, to) / 0.12;
                links.push((away_m / density.spacing_m(at) * (1.0 + grade * grade) * chance.between(0.6, 1.6), a, b));
            }
        }
    }
    links.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut groups = Groups::new(sketch);
    let mut spare = Vec::new();
    // First those without which a street could not be reached.
    for (_, a, b) in links {
        if groups.find(a) == groups.find(b) {
            spare.push((a, b));
        } else if may_join(sketch, a, b) {
            groups.join(a, b);
            cut(sketch, density, (a, b));
        }
    }
    add_spare(sketch, density, &spare, chance);
}

/// Adds links that spare a way round, spread out: first those that make a new junction at both of their ends.
fn add_spare(sketch: &mut Sketch, density: &Density, spare: &[(u32, u32)], chance: &mut Chance) {
    let mut count = Degrees::new(sketch);
    for streets_max in [2, 3] {
        for (a, b) in spare {
            if count.mean() >= DEGREE {
                return;
            }
            let streets = [a, b].map(|end| sketch.at[*end as usize].len());
            // Some dead ends stay dead ends.
            let keeps_quiet = streets.contains(&1) && chance.happens(0.6);
            if !keeps_quiet && streets.iter().all(|count| *count <= streets_max) && may_join(sketch, *a, *b) {
                count.add(sketch, *a, *b);
                cut(sketch, density, (*a, *b));
            }
        }
    }
}

fn cut(sketch: &mut Sketch, density: &Density, (a, b): (u32, u32)) {
    let is_wide = density.spacing_m(sketch.point(a)) > 220.0;
    let class = if is_wide { RoadClass::Unclassified } else { RoadClass::Residential };
    sketch.add(Stretch::new(a, b, class, None));
}

/// What hangs together.
pub(super) struct Groups(Vec<u32>);

impl Groups {
    pub(super) fn new(sketch: &Sketch) -> Self {
        let mut groups = Self((0..sketch.points.len() as u32).collect());
        for stretch in &sketch.stretches {
            groups.join(stretch.a, stretch.b);
        }
        groups
    }

    pub(super) fn find(&mut self, point: u32) -> u32 {
        let mut at = point;
        while self.0[at as usize] != at {
            self.0[at as usize] = self.0[self.0[at as usize] as usize];
            at = self.0[at as usize];
        }
        at
    }

    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

/// Streets at a junction, on average, not counting bends that will be none.
struct Degrees {
    points: usize,
    ends: usize,
}

impl Degrees {
    fn new(sketch: &Sketch) -> Self {
        let mut count = Self { points: 0, ends: 0 };
        for point in 0..sketch.points.len() as u32 {
            if !sketch.is_bend(point) {
                count.points += 1;
                count.ends += sketch.at[point as usize].len();
            }
        }
        count
    }

    /// A stretch between two points is about to be added.
    fn add(&mut self, sketch: &Sketch, a: u32, b: u32) {
        for point in [a, b] {
            let was_bend = usize::from(sketch.is_bend(point));
            self.points += was_bend;
            self.ends += 1 + 2 * was_bend;
        }
    }

    fn mean(&self) -> f64 {
        self.ends as f64 / self.points.max(1) as f64
    }
}
