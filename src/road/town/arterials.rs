//! The main streets of a town: from hub to hub by the ways that the hills allow, a ring around the centre, and the roads out.
//!
//! Separate because they are laid first, by shortest paths over a rough lattice on which a steep step costs more. A
//! step that is a street already costs less, so ways join in the valleys and on the ridges as they do where people built
//! them one after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Hub;
use super::chance::Chance;
use super::density::Density;
use super::hills::Hills;
use super::plane::Point;
use super::sketch::{Sketch, Stretch};
use crate::road::network::RoadClass;

/// Side of the lattice.
const STEP_M: f64 = 330.0;
/// A step of this grade costs twice.
const GRADE: f64 = 0.06;
/// What a step costs where there is a street already.
const REUSE: f64 = 0.45;
/// Eight directions, round.
const ROUND: [(f64, f64); 8] = [
    (1.0, 0.0),
    (0.707, 0.707),
    (0.0, 1.0),
    (-0.707, 0.707),
    (-1.0, 0.0),
    (-0.707, -0.707),
    (0.0, -1.0),
    (0.707, -0.707),
];
/// The ring's radius over the town's half width.
const RING: f64 = 0.22;
const RING_MAX_M: f64 = 2_300.0;
/// Neighbours of a lattice point.
const NEIGHBOURS: [(i32, i32); 8] = [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)];

/// Rough ground to find ways over.
struct Lattice<'t> {
    columns: i32,
    rows: i32,
    points: Vec<Point>,
    heights_m: Vec<f64>,
    hills: &'t Hills,
    /// Steps that are streets, from the lower number to the higher.
    built: BTreeMap<(u32, u32), (RoadClass, u32)>,
    /// Costs of the way that is being looked for.
    cost: Vec<u64>,
    before: Vec<u32>,
}

/// Draws the arterials.
pub(super) fn draw(
    sketch: &mut Sketch,
    hills: &Hills,
    density: &Density,
    hubs: &[(Point, &Hub)],
    half: Point,
    chance: &mut Chance,
) {
    let mut lattice = Lattice::new(hills, half, chance);
    let stops: Vec<u32> = hubs.iter().map(|(at, _)| lattice.pin(*at)).collect();
    for (a, b, class) in links(hubs) {
        let street = sketch.new_street();
        lattice.build(stops[a], stops[b], class, street);
    }
    let centre = hubs.first().map_or(Point::ORIGIN, |(at, _)| *at);
    lattice.build_ring(sketch, centre, half);
    let out = lattice.build_ways_out(sketch, hubs, &stops, half);
    lattice.prune(&stops, &out);
    lattice.lay(sketch, &stops, density);
}

/// Which hubs have a road between them: the shortest tree, and what spares a long way round.
fn links(hubs: &[(Point, &Hub)]) -> Vec<(usize, usize, RoadClass)> {
    let mut pairs = Vec::new();
    for a in 0..hubs.len() {
        for b in a + 1..hubs.len() {
            let (middle, reach) = (hubs[a].0.middle(hubs[b].0), hubs[a].0.distance(hubs[b].0) / 2.0);
            // Gabriel's test: nobody lives in between.
            if hubs.iter().all(|(at, _)| at.distance(middle) >= reach * 0.86) {
                let class = if hubs[a].1.weight.min(hubs[b].1.weight) >= 4.0 {
                    RoadClass::Primary
                } else {
                    RoadClass::Secondary
                };
                pairs.push((a, b, class));
            }
        }
    }
    // Important roads first: others join them.
    pairs.sort_by(|a, b| {
        a.2.cmp(&b.2).then(hubs[a.0].0.distance(hubs[a.1].0).total_cmp(&hubs[b.0].0.distance(hubs[b.1].0)))
    });
    pairs
}

impl<'t> Lattice<'t> {
    fn new(hills: &'t Hills, half: Point, chance: &mut Chance) -> Self {
        let count = |half: f64| (2.0 * half / STEP_M) as i32 - 1;
        let (columns, rows) = (count(half.x).max(2), count(half.y).max(2));
        let mut points = Vec::with_capacity((columns * rows) as usize);
        for row in 0..rows {
            for column in 0..columns {
                let jitter = Point::new(chance.between(-0.28, 0.28), chance.between(-0.28, 0.28));
                let at = Point::new(f64::from(column + 1), f64::from(row + 1)).plus(jitter).times(STEP_M);
                points.push(at.minus(half));
            }
        }
        let heights_m = points.iter().map(|at| hills.height_m(*at)).collect();
        let (cost, before) = (vec![u64::MAX; points.len()], vec![0; points.len()]);
        Self { columns, rows, points, heights_m, hills, built: BTreeMap::new(), cost, before }
    }

    fn nearest(&self, at: Point) -> u32 {
        let away = |index: &u32| self.points[*index as usize].distance(at);
        (0..self.points.len() as u32).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(0)
    }

    /// Moves the nearest lattice point to where a hub is.
    fn pin(&mut self, at: Point) -> u32 {
        let nearest = self.nearest(at);
        self.points[nearest as usize] = at;
        self.heights_m[nearest as usize] = self.hills.height_m(at);
        nearest
    }

    fn number(&self, column: i32, row: i32) -> Option<u32> {
        ((0..self.columns).contains(&column) && (0..self.rows).contains(&row))
            .then_some((row * self.columns + column) as u32)
    }

    /// What a step costs, in thousandths of a metre of flat way; `None` where it would cross another street.
    fn step(&self, from: u32, (east, north): (i32, i32)) -> Option<(u32, u64)> {
        let (column, row) = (from as i32 % self.columns, from as i32 / self.columns);
        let to = self.number(column + east, row + north)?;
        if east != 0 && north != 0 {
            let corner = (self.number(column + east, row)?, self.number(column, row + north)?);
            if self.built.contains_key(&(corner.0.min(corner.1), corner.0.max(corner.1))) {
                return None;
            }
        }
        let (here, there) = (self.points[from as usize], self.points[to as usize]);
        let rise_m = self.heights_m[to as usize] - self.heights_m[from as usize];
        let grade = rise_m / here.distance(there) / GRADE;
        let reuse = if self.built.contains_key(&(from.min(to), from.max(to))) { REUSE } else { 1.0 };
        Some((to, (here.distance(there) * (1.0 + grade * grade) * reuse * 1_000.0) as u64))
    }

    /// Finds the cheapest way and builds it.
    fn build(&mut self, from: u32, to: u32, class: RoadClass, street: u32) {
        self.cost.fill(u64::MAX);
        self.cost[from as usize] = 0;
        let mut queue = BinaryHeap::from([(Reverse(0), from)]);
        while let Some((Reverse(cost), here)) = queue.pop() {
            if here == to {
                break;
            }
            if cost > self.cost[here as usize] {
                continue;
            }
            for way in NEIGHBOURS {
                let Some((next, step)) = self.step(here, way) else { continue };
                if cost + step < self.cost[next as usize] {
                    (self.cost[next as usize], self.before[next as usize]) = (cost + step, here);
                    queue.push((Reverse(cost + step), next));
                }
            }
        }
        let mut at = to;
        while at != from && self.cost[at as usize] != u64::MAX {
            let before = self.before[at as usize];
            let built = self.built.entry((at.min(before), at.max(before))).or_insert((class, street));
            *built = (*built).min((class, street));
            at = before;
        }
    }

    fn build_ring(&mut self, sketch: &mut Sketch, centre: Point, half: Point) {
        let radius_m = (half.x.min(half.y) * RING).min(RING_MAX_M);
        if radius_m < 2.0 * STEP_M {
            return;
        }
        let street = sketch.new_street();
        let stops = ROUND.map(|(x, y)| self.nearest(centre.plus(Point::new(x, y).times(radius_m))));
        for (index, stop) in stops.into_iter().enumerate() {
            self.build(stop, stops[(index + 1) % stops.len()], RoadClass::Secondary, street);
        }
    }

    /// Roads to the edges, each from the hub that is nearest.
    fn build_ways_out(&mut self, sketch: &mut Sketch, hubs: &[(Point, &Hub)], stops: &[u32], half: Point) -> Vec<u32> {
        let mut ends = Vec::new();
        for (x, y) in [(1.0, 0.15), (-1.0, -0.25), (0.2, 1.0), (-0.3, -1.0)] {
            let edge = Point::new(half.x * x, half.y * y);
            let away = |index: &usize| hubs[*index].0.distance(edge);
            let Some(hub) = (0..hubs.len()).min_by(|a, b| away(a).total_cmp(&away(b))) else {
                continue;
            };
            let (end, street) = (self.nearest(edge), sketch.new_street());
            self.build(stops[hub], end, RoadClass::Trunk, street);
            ends.push(end);
        }
        ends
    }

    /// Takes away what leads nowhere: where the ring came to a place and went back the same way.
    fn prune(&mut self, stops: &[u32], out: &[u32]) {
        loop {
            let mut count: BTreeMap<u32, usize> = BTreeMap::new();
            for end in self.built.keys().flat_map(|(a, b)| [*a, *b]) {
                *count.entry(end).or_default() += 1;
            }
            let is_blind = |end: &u32| count[end] == 1 && !stops.contains(end) && !out.contains(end);
            let before = self.built.len();
            self.built.retain(|(a, b), _| !is_blind(a) && !is_blind(b));
            if self.built.len() == before {
                return;
            }
        }
    }

    /// Puts what is built into the sketch: rounded, with junctions as far apart as local streets will need them.
    fn lay(&self, sketch: &mut Sketch, stops: &[u32], density: &Density) {
        let mut next: BTreeMap<u32, Vec<(u32, RoadClass, u32)>> = BTreeMap::new();
        for ((a, b), (class, street)) in &self.built {
            next.entry(*a).or_default().push((*b, *class, *street));
            next.entry(*b).or_default().push((*a, *class, *street));
        }
        let is_end = |at: u32| stops.contains(&at) || next[&at].len() != 2 || next[&at][0].1 != next[&at][1].1;
        let mut ends = BTreeMap::new();
        for at in next.keys().filter(|at| is_end(**at)) {
            ends.insert(*at, sketch.add_point(self.points[*at as usize]));
        }
        for (begin, begin_point) in &ends {
            for (second, class, street) in &next[begin] {
                let (mut way, mut here) = (vec![*begin, *second], *second);
                while !ends.contains_key(&here) {
                    let before = way[way.len() - 2];
                    let Some((on, ..)) = next[&here].iter().find(|(on, ..)| *on != before) else {
                        break;
                    };
                    here = *on;
                    way.push(here);
                }
                // Each way is found from both of its ends.
                if (way[0], way[1]) > (here, way[way.len() - 2]) {
                    continue;
                }
                let Some(end_point) = ends.get(&here) else {
                    continue;
                };
                let line = round(&way.iter().map(|at| self.points[*at as usize]).collect::<Vec<_>>());
                lay_line(
                    sketch,
                    &line,
                    (*begin_point, *end_point),
                    &Stretch::new(0, 0, *class, Some(*street)),
                    density,
                );
            }
        }
    }
}

/// Pulls the corners of a line straight, then cuts them (Chaikin, 1974); its ends stay.
fn round(line: &[Point]) -> Vec<Point> {
    let mut line = line.to_vec();
    for _ in 0..2 {
        let before = line.clone();
        for index in 1..line.len() - 1 {
            line[index] = before[index - 1].middle(before[index + 1]).middle(before[index]);
        }
    }
    for _ in 0..2 {
        let mut cut = vec![line[0]];
        for pair in line.windows(2) {
            cut.push(pair[0].times(0.75).plus(pair[1].times(0.25)));
            cut.push(pair[0].times(0.25).plus(pair[1].times(0.75)));
        }
        cut.push(line[line.len() - 1]);
        line = cut;
    }
    line
}

/// Cuts a line into stretches of the length that the place asks for.
fn lay_line(sketch: &mut Sketch, line: &[Point], ends: (u32, u32), like: &Stretch, density: &Density) {
    let length_m: f64 = line.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let spacing_m = density.spacing_m(line[line.len() / 2]) * 1.25;
    let count = (length_m / spacing_m + 0.5) as usize;
    let step_m = length_m / count.max(1) as f64;
    let (mut from, mut shape, mut done_m) = (ends.0, Vec::new(), 0.0);
    for pair in line.windows(2) {
        let piece_m = pair[0].distance(pair[1]);
        // Not within a hair of the end, which has a point already.
        if done_m + piece_m >= step_m && piece_m > 0.0 && pair[1] != line[line.len() - 1] {
            let point = sketch.add_point(pair[1]);
            sketch.add(Stretch { a: from, b: point, shape: std::mem::take(&mut shape), ..like.clone() });
            (from, done_m) = (point, 0.0);
            continue;
        }
        done_m += piece_m;
        shape.push(pair[1]);
    }
    shape.pop();
    sketch.add(Stretch { a: from, b: ends.1, shape, ..like.clone() });
}
