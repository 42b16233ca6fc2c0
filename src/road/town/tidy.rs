//! From a raw sketch to one that is a town: one piece, curved streets, junctions only where streets meet, streets that go on.
//!
//! Separate because it adds nothing new: it drops, joins and bends what is there.

use std::collections::BTreeMap;

use super::hills::Hills;
use super::plane::Point;
use super::sketch::{Sketch, Stretch};
use super::streets::Groups;

/// How far a stretch may bulge, as a share of its length: less than half keeps it clear of its neighbours.
const BULGE: f64 = 0.12;
/// A street goes on over a junction when it bends no more than 45 degrees there.
const STRAIGHT: f64 = -0.7;

/// Tidies.
pub(super) fn tidy(mut sketch: Sketch, hills: &Hills, half: Point) -> Sketch {
    bend(&mut sketch, hills);
    let sketch = merge(&largest_piece(sketch, half), half);
    name_links(sketch)
}

/// Keeps what hangs together with most of the town.
fn largest_piece(sketch: Sketch, half: Point) -> Sketch {
    let mut groups = Groups::new(&sketch);
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    for point in 0..sketch.points.len() as u32 {
        *sizes.entry(groups.find(point)).or_default() += 1;
    }
    let largest = sizes.iter().max_by_key(|(group, size)| (**size, u32::MAX - **group)).map(|(group, _)| *group);
    let kept = |point: u32| Some(groups.find(point)) == largest;
    rebuild(&sketch, sketch.stretches.clone(), kept, half)
}

/// A sketch of some of the stretches, with the points that `kept` lets through.
pub(super) fn rebuild(old: &Sketch, stretches: Vec<Stretch>, mut kept: impl FnMut(u32) -> bool, half: Point) -> Sketch {
    let mut new = Sketch::new(half);
    let mut numbers = BTreeMap::new();
    for (point, at) in old.points.iter().enumerate() {
        if kept(point as u32) {
            numbers.insert(point as u32, new.add_point(*at));
        }
    }
    for stretch in stretches {
        if let (Some(a), Some(b)) = (numbers.get(&stretch.a), numbers.get(&stretch.b)) {
            new.add(Stretch { a: *a, b: *b, ..stretch });
        }
    }
    new.streets = old.streets;
    new
}

/// Local stretches bulge to where their middle is as high as their ends: they follow the contour.
fn bend(sketch: &mut Sketch, hills: &Hills) {
    for index in 0..sketch.stretches.len() {
        let stretch = &sketch.stretches[index];
        if stretch.is_arterial() || !stretch.shape.is_empty() {
            continue;
        }
        let (a, b) = (sketch.point(stretch.a), sketch.point(stretch.b));
        let (middle, side) = (a.middle(b), b.minus(a).unit().left());
        let slope = hills.gradient(middle);
        let uphill = slope.dot(side);
        let wanted_m = (hills.height_m(a) + hills.height_m(b)) / 2.0 - hills.height_m(middle);
        let most_m = a.distance(b) * BULGE;
        let bulge_m =
            if uphill.abs() > slope.length() * 0.7 { (wanted_m / uphill).clamp(-most_m, most_m) } else { 0.0 };
        if bulge_m.abs() > 2.0 {
            let peak = middle.plus(side.times(bulge_m));
            let quarter = |end: Point| end.middle(middle).plus(side.times(bulge_m * 0.75));
            sketch.stretches[index].shape = vec![quarter(a), peak, quarter(b)];
        }
    }
}

/// Makes one stretch of two where nothing meets them.
fn merge(sketch: &Sketch, half: Point) -> Sketch {
    let mut is_used = vec![false; sketch.stretches.len()];
    let mut merged = Vec::new();
    // From junctions first; what is left then are rings without one.
    let begins = (0..sketch.points.len() as u32).filter(|point| !sketch.is_bend(*point));
    for begin in begins {
        for first in &sketch.at[begin as usize] {
            if !std::mem::replace(&mut is_used[*first as usize], true) {
                merged.push(follow(sketch, begin, *first, &mut is_used));
            }
        }
    }
    let mut is_kept = vec![false; sketch.points.len()];
    for stretch in &merged {
        is_kept[stretch.a as usize] = true;
        is_kept[stretch.b as usize] = true;
    }
    rebuild(sketch, merged, |point| is_kept[point as usize], half)
}

fn follow(sketch: &Sketch, begin: u32, first: u32, is_used: &mut [bool]) -> Stretch {
    let mut stretch = oriented(&sketch.stretches[first as usize], begin);
    let mut last = first;
    while sketch.is_bend(stretch.b) {
        let at = &sketch.at[stretch.b as usize];
        let next = if at[0] == last { at[1] } else { at[0] };
        let piece = oriented(&sketch.stretches[next as usize], stretch.b);
        // A street that comes back to where it began keeps a point on the way.
        if piece.b == begin || std::mem::replace(&mut is_used[next as usize], true) {
            break;
        }
        stretch.shape.push(sketch.point(stretch.b));
        stretch.shape.extend(&piece.shape);
        (stretch.b, last) = (piece.b, next);
    }
    stretch
}

/// A stretch that begins at one of its ends.
fn oriented(stretch: &Stretch, from: u32) -> Stretch {
    let mut stretch = stretch.clone();
    if stretch.a != from {
        (stretch.a, stretch.b) = (stretch.b, stretch.a);
        stretch.shape.reverse();
    }
    stretch
}

/// Links that go on straight over junctions are one street; a single short one has no name of its own.
fn name_links(mut sketch: Sketch) -> Sketch {
    for index in 0..sketch.stretches.len() as u32 {
        if sketch.stretches[index as usize].street.is_some() {
            continue;
        }
        let mut links = vec![index];
        for end in [sketch.stretches[index as usize].a, sketch.stretches[index as usize].b] {
            let (mut at, mut last) = (end, index);
            while let Some(next) = straight_on(&sketch, at, last).filter(|next| !links.contains(next)) {
                links.push(next);
                (at, last) = (sketch.stretches[next as usize].across(at), next);
            }
        }
        let length_m: f64 = links.iter().map(|link| sketch.length_m(&sketch.stretches[*link as usize])).sum();
        if length_m > 170.0 {
            let street = sketch.new_street();
            links.iter().for_each(|link| sketch.stretches[*link as usize].street = Some(street));
        }
    }
    sketch
}

fn straight_on(sketch: &Sketch, at: u32, from: u32) -> Option<u32> {
    let arriving = sketch.leaving(from, at);
    let links = sketch.at[at as usize]
        .iter()
        .filter(|next| **next != from && sketch.stretches[**next as usize].street.is_none());
    let bent = links.map(|next| (sketch.leaving(*next, at).dot(arriving), *next)).filter(|(bend, _)| *bend < STRAIGHT);
    bent.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, next)| next)
}
