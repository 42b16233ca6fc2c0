//! What one may not do in a town: one-way streets in the centre, roundabouts, forbidden turns.
//!
//! Separate because streets are drawn for people on foot as well; these are for who drives. Whatever is forbidden, every
//! street can still be reached from every other.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::plane::Point;
use super::sketch::{Sketch, Stretch};
use super::tidy::rebuild;
use crate::road::network::{Directed, RoadClass, SegmentId};

const ROUNDABOUT_RADIUS_M: f64 = 22.0;
const ROUNDABOUTS_MAX: usize = 5;
/// Roundabouts are at least so far from each other.
const ROUNDABOUTS_APART_M: f64 = 900.0;
/// The shortest street that ends in a roundabout.
const ARM_MIN_M: f64 = 60.0;
/// How far from the centre streets are one-way, and how many of them.
const ONE_WAY_RADIUS_M: f64 = 1_100.0;
const ONE_WAY_SHARE: f64 = 0.5;
const RESTRICTIONS_MAX: usize = 14;
/// Of them by way of a street between.
const BY_WAY_MAX: usize = 3;

/// Makes roundabouts of the busiest junctions.
pub(super) fn build_roundabouts(mut sketch: Sketch, half: Point) -> Sketch {
    let arterials = |point: &u32| {
        sketch.at[*point as usize].iter().filter(|index| sketch.stretches[**index as usize].is_arterial()).count()
    };
    let mut candidates: Vec<(usize, u32)> = (0..sketch.points.len() as u32)
        .map(|point| (arterials(&point), point))
        .filter(|(count, point)| *count >= 3 && has_room(&sketch, *point))
        .collect();
    candidates.sort_by_key(|(count, point)| (usize::MAX - count, sketch.point(*point).length() as u64, *point));
    let mut built: Vec<u32> = Vec::new();
    for (_, point) in candidates {
        let away = |other: &u32| sketch.point(*other).distance(sketch.point(point));
        if built.len() < ROUNDABOUTS_MAX && built.iter().all(|other| away(other) >= ROUNDABOUTS_APART_M) {
            built.push(point);
        }
    }
    for point in &built {
        build_roundabout(&mut sketch, *point);
    }
    let stretches = sketch.stretches.clone();
    rebuild(&sketch, stretches, |point| !built.contains(&point), half)
}

fn has_room(sketch: &Sketch, point: u32) -> bool {
    let arms = &sketch.at[point as usize];
    let heading = |index: &u32| sketch.leaving(*index, point);
    let is_wide = |(nth, one): (usize, &u32)| arms[..nth].iter().all(|other| heading(one).dot(heading(other)) < 0.85);
    let is_long = |index: &u32| sketch.length_m(&sketch.stretches[*index as usize]) > ARM_MIN_M;
    arms.iter().all(is_long) && arms.iter().enumerate().all(is_wide)
}

fn build_roundabout(sketch: &mut Sketch, point: u32) {
    let (centre, mut arms) = (sketch.point(point), sketch.at[point as usize].clone());
    arms.sort_by(|a, b| sketch.leaving(*a, point).direction().total_cmp(&sketch.leaving(*b, point).direction()));
    let class = arms.iter().map(|arm| sketch.stretches[*arm as usize].class).min().unwrap_or(RoadClass::Secondary);
    let headings: Vec<Point> = arms.iter().map(|arm| sketch.leaving(*arm, point)).collect();
    let on_ring = |heading: Point| centre.plus(heading.times(ROUNDABOUT_RADIUS_M));
    let corners: Vec<u32> = headings.iter().map(|heading| sketch.add_point(on_ring(*heading))).collect();
    for (arm, corner) in arms.iter().zip(&corners) {
        let stretch = &mut sketch.stretches[*arm as usize];
        stretch.shape.retain(|at| at.distance(centre) > ROUNDABOUT_RADIUS_M * 1.3);
        if stretch.a == point { stretch.a = *corner } else { stretch.b = *corner }
    }
    for nth in 0..corners.len() {
        let next = (nth + 1) % corners.len();
        // Anticlockwise, as one drives round where one drives on the right.
        let middle = between(headings[nth], headings[next]);
        let shape = [between(headings[nth], middle), middle, between(middle, headings[next])].map(on_ring).to_vec();
        let ring = Stretch::new(corners[nth], corners[next], class, None);
        sketch.add(Stretch { shape, is_one_way: true, is_roundabout: true, ..ring });
    }
}

/// The direction in the middle between two, going anticlockwise from the first.
fn between(from: Point, to: Point) -> Point {
    let sum = from.plus(to);
    match (sum.length() < 1e-6, from.cross(to) < 0.0) {
        (true, _) => from.left(),
        (false, true) => sum.unit().times(-1.0),
        (false, false) => sum.unit(),
    }
}

/// Makes some of the streets around the centre one-way.
pub(super) fn choose_one_ways(sketch: &mut Sketch, centre: Point, chance: &mut Chance) {
    let mut streets: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (index, stretch) in sketch.stretches.iter().enumerate() {
        let is_central = sketch.point(stretch.a).middle(sketch.point(stretch.b)).distance(centre) < ONE_WAY_RADIUS_M;
        if let Some(street) = stretch.street.filter(|_| is_central && !stretch.is_arterial()) {
            streets.entry(street).or_default().push(index as u32);
        }
    }
    for pieces in streets.into_values() {
        if !chance.happens(ONE_WAY_SHARE) {
            continue;
        }
        let before: Vec<Stretch> = pieces.iter().map(|piece| sketch.stretches[*piece as usize].clone()).collect();
        if make_one_way(sketch, &pieces, chance.happens(0.5)) && is_strongly_connected(sketch) {
            continue;
        }
        for (piece, stretch) in pieces.iter().zip(before) {
            sketch.stretches[*piece as usize] = stretch;
        }
    }
}

/// Turns the pieces of a street into one direction; false when they are not in a row.
fn make_one_way(sketch: &mut Sketch, pieces: &[u32], is_turned: bool) -> bool {
    let touching = |point: u32| pieces.iter().filter(|piece| sketch.stretches[**piece as usize].touches(point)).count();
    let ends =
        pieces.iter().flat_map(|piece| [sketch.stretches[*piece as usize].a, sketch.stretches[*piece as usize].b]);
    let mut ends: Vec<u32> = ends.filter(|point| touching(*point) == 1).collect();
    ends.sort_unstable();
    let [mut at, far] = ends[..] else {
        return false;
    };
    if is_turned {
        at = far;
    }
    let mut left = pieces.to_vec();
    while let Some(nth) = left.iter().position(|piece| sketch.stretches[*piece as usize].touches(at)) {
        let stretch = &mut sketch.stretches[left.swap_remove(nth) as usize];
        if stretch.b == at {
            (stretch.a, stretch.b) = (stretch.b, stretch.a);
            stretch.shape.reverse();
        }
        stretch.is_one_way = true;
        at = stretch.b;
    }
    left.is_empty()
}

/// Whether every junction can be reached from every other.
pub(super) fn is_strongly_connected(sketch: &Sketch) -> bool {
    let reaches_all = |is_forward: bool| {
        let mut is_seen = vec![false; sketch.points.len()];
        let (mut open, mut seen) = (vec![0], 1);
        is_seen[0] = true;
        while let Some(point) = open.pop() {
            for index in &sketch.at[point as usize] {
                let stretch = &sketch.stretches[*index as usize];
                let (from, next) = (if is_forward { stretch.a } else { stretch.b }, stretch.across(point));
                if (!stretch.is_one_way || from == point) && !std::mem::replace(&mut is_seen[next as usize], true) {
                    seen += 1;
                    open.push(next);
                }
            }
        }
        seen == sketch.points.len()
    };
    !sketch.points.is_empty() && reaches_all(true) && reaches_all(false)
}

/// Ways that are forbidden: turns across a main street, and some by way of the street between two junctions. One at a
/// junction at most, and only where everything is two-way: who may not turn goes on, turns round, and comes back.
pub(super) fn restrictions(sketch: &Sketch, centre: Point, chance: &mut Chance) -> Vec<Vec<Directed>> {
    let mut points: Vec<u32> = (0..sketch.points.len() as u32).filter(|point| is_crossing(sketch, *point)).collect();
    points.sort_by(|a, b| {
        let away = |point: u32| sketch.point(point).distance(centre);
        away(*a).total_cmp(&away(*b)).then(a.cmp(b))
    });
    let mut chosen: Vec<u32> = Vec::new();
    let mut restrictions = Vec::new();
    for point in points {
        if restrictions.len() >= RESTRICTIONS_MAX || !chance.happens(0.6) {
            continue;
        }
        let wants_by_way = restrictions.len() < BY_WAY_MAX;
        let found = if wants_by_way { by_way(sketch, point) } else { across(sketch, point) };
        let Some((way, touched)) = found.filter(|(_, touched)| touched.iter().all(|at| !chosen.contains(at))) else {
            continue;
        };
        chosen.extend(touched);
        restrictions.push(way);
    }
    restrictions
}

type Forbidden = (Vec<Directed>, Vec<u32>);

/// A junction of a main street with local ones, all of them two-way.
fn is_crossing(sketch: &Sketch, point: u32) -> bool {
    let arms = || sketch.at[point as usize].iter().map(|index| &sketch.stretches[*index as usize]);
    let (main, local) =
        (arms().filter(|arm| arm.is_arterial()).count(), arms().filter(|arm| !arm.is_arterial()).count());
    main >= 2 && local >= 1 && arms().all(|arm| !arm.is_one_way)
}

fn directed(sketch: &Sketch, index: u32, from: u32) -> Directed {
    Directed { segment: SegmentId(index), is_forward: sketch.stretches[index as usize].a == from }
}

/// From a local street to the left into the main one.
fn across(sketch: &Sketch, point: u32) -> Option<Forbidden> {
    let arms = &sketch.at[point as usize];
    let from = *arms.iter().find(|index| !sketch.stretches[**index as usize].is_arterial())?;
    let arriving = sketch.leaving(from, point).times(-1.0);
    let is_left = |index: &&u32| arriving.cross(sketch.leaving(**index, point)) > 0.6;
    let to = *arms.iter().find(|index| sketch.stretches[**index as usize].is_arterial() && is_left(index))?;
    let begin = sketch.stretches[from as usize].across(point);
    (from != to).then(|| (vec![directed(sketch, from, begin), directed(sketch, to, point)], vec![point]))
}

/// From a local street over a stretch of the main one into another local street.
fn by_way(sketch: &Sketch, point: u32) -> Option<Forbidden> {
    let local = |at: u32| {
        let mut arms = sketch.at[at as usize].iter().copied();
        arms.find(|index| !sketch.stretches[*index as usize].is_arterial())
    };
    let first = local(point)?;
    let between = sketch.at[point as usize].iter().copied().find(|index| {
        let stretch = &sketch.stretches[*index as usize];
        stretch.is_arterial() && is_crossing(sketch, stretch.across(point))
    })?;
    let far = sketch.stretches[between as usize].across(point);
    let last = local(far).filter(|last| *last != first)?;
    let begin = sketch.stretches[first as usize].across(point);
    let way = vec![directed(sketch, first, begin), directed(sketch, between, point), directed(sketch, last, far)];
    Some((way, vec![point, far]))
}
