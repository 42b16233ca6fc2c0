//! A plausible hilly town out of nothing but a seed: streets, names, places, sectors.
//!
//! Separate so that a city without a map still has roads: a fresh clone, the tests, the demo. First come hills, then the
//! main streets between hubs where the hills allow it, then local streets along the contours and links between them,
//! then what drivers must heed: one-ways, roundabouts, forbidden turns. The same seed is the same town on every machine
//! and for ever, so nothing here depends on the order of a hash map, on a library's random numbers, or on a sine.

mod arterials;
mod chance;
mod density;
mod hills;
mod hubs;
mod names;
mod plane;
mod quarters;
mod rules;
mod sketch;
mod streets;
#[cfg(test)]
mod tests;
mod tidy;

use std::collections::BTreeMap;

pub use hubs::Hub;
pub use quarters::{TownPlace, TownSector};

use crate::geo::LatLng;
use crate::road::network::{NodeId, Parts, RoadClass, Segment};
use chance::Chance;
use density::Density;
use hills::Hills;
use names::Namer;
use plane::{Plane, Point};
use sketch::{Sketch, Stretch};

/// How far town and hills go on around the outermost hubs of Kigali.
const MARGIN_M: f64 = 3_600.0;
/// The smallest and the largest town that makes sense.
const RADIUS_M: (f64, f64) = (800.0, 20_000.0);

/// A generated town.
#[derive(Clone, Debug)]
pub struct Town {
    /// Its streets, for [`Network::new`](crate::road::network::Network::new).
    pub parts: Parts,
    /// Named places.
    pub places: Vec<TownPlace>,
    /// Sectors, which cover the town's box.
    pub sectors: Vec<TownSector>,
}

impl Town {
    /// A town of chance in a square of twice `radius_m` around a centre. A radius that makes no town is taken as the
    /// nearest that does, 800 metres to 20 kilometres. One of 3 kilometres has about 900 junctions.
    pub fn generate(seed: u64, centre: LatLng, radius_m: f64) -> Self {
        let mut chance = Chance::new(seed);
        let radius_m = radius_m.clamp(RADIUS_M.0, RADIUS_M.1);
        let hubs = hubs::scattered(&mut chance, centre, radius_m);
        Self::draw(chance, &Plane::new(centre), Point::new(radius_m, radius_m), &hubs)
    }

    /// A town whose hubs are where those of Kigali are, with other streets: what a house without a map runs on.
    pub fn kigali(seed: u64) -> Self {
        let hubs = hubs::kigali();
        let ends = |degrees: fn(&Hub) -> f64| {
            let all = || hubs.iter().map(degrees);
            (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max))
        };
        let (south, north) = ends(|hub| hub.at.lat());
        let (west, east) = ends(|hub| hub.at.lng());
        let centre = LatLng::new((south + north) / 2.0, (west + east) / 2.0).unwrap_or(hubs[0].at);
        let plane = Plane::new(centre);
        let corner = LatLng::new(north, east).map_or(Point::ORIGIN, |corner| plane.point(corner));
        Self::draw(Chance::new(seed), &plane, corner.plus(Point::new(MARGIN_M, MARGIN_M)), &hubs)
    }

    fn draw(mut chance: Chance, plane: &Plane, half: Point, hubs: &[Hub]) -> Self {
        let hubs: Vec<(Point, &Hub)> = hubs.iter().map(|hub| (plane.point(hub.at), hub)).collect();
        let hills = Hills::new(&mut chance, half);
        let density = Density::new(&hubs, half);
        let mut sketch = Sketch::new(half);
        arterials::draw(&mut sketch, &hills, &density, &hubs, half, &mut chance);
        streets::draw(&mut sketch, &hills, &density, half, &mut chance);
        let mut sketch = rules::build_roundabouts(tidy::tidy(sketch, &hills, half), half);
        let centre = hubs.first().map_or(Point::ORIGIN, |(at, _)| *at);
        rules::choose_one_ways(&mut sketch, centre, &mut chance);
        let restrictions = rules::restrictions(&sketch, centre, &mut chance);
        let places = quarters::places(&sketch, plane, &hubs, &mut chance);
        let sectors = quarters::sectors(plane, &hubs, half);
        let (names, street_names) = street_names(&sketch, &hubs, &mut chance);
        let segment = |stretch: &Stretch| segment(&sketch, stretch, plane, &hills, &street_names);
        let segments = sketch.stretches.iter().map(segment).collect();
        let nodes = sketch.points.iter().map(|point| plane.place(*point)).collect();
        Self { parts: Parts { nodes, segments, names, restrictions }, places, sectors }
    }
}

/// All names, and which street has which.
fn street_names(sketch: &Sketch, hubs: &[(Point, &Hub)], chance: &mut Chance) -> (Vec<String>, BTreeMap<u32, u32>) {
    let mut streets: BTreeMap<u32, (RoadClass, Point)> = BTreeMap::new();
    for stretch in &sketch.stretches {
        let Some(street) = stretch.street else {
            continue;
        };
        let entry = streets.entry(street).or_insert((stretch.class, sketch.point(stretch.a)));
        entry.0 = entry.0.min(stretch.class);
    }
    let (mut names, mut by_street, mut namer) = (Vec::new(), BTreeMap::new(), Namer::default());
    for (street, (class, at)) in streets {
        let district = quarters::hub_near(hubs, at).map_or("", |nearest| hubs[nearest].1.sector.1.as_str());
        if let Some(name) = namer.name(class, district, chance) {
            by_street.insert(street, names.len() as u32);
            names.push(name);
        }
    }
    (names, by_street)
}

fn segment(sketch: &Sketch, stretch: &Stretch, plane: &Plane, hills: &Hills, names: &BTreeMap<u32, u32>) -> Segment {
    let line: Vec<Point> = sketch.line(stretch).collect();
    let duration_ms = |line: &mut dyn Iterator<Item = (Point, Point)>| {
        let speed_kmh = if stretch.is_roundabout { 20.0 } else { speed_kmh(stretch.class) };
        let pieces = line.map(|(from, to)| from.distance(to) * 3_600.0 / (speed_kmh * on_slope(hills.grade(from, to))));
        (pieces.sum::<f64>() + 0.5) as u32
    };
    let forward = duration_ms(&mut line.windows(2).map(|pair| (pair[0], pair[1])));
    let backward = duration_ms(&mut line.windows(2).rev().map(|pair| (pair[1], pair[0])));
    Segment {
        from: NodeId(stretch.a),
        to: NodeId(stretch.b),
        shape: stretch.shape.iter().map(|point| plane.place(*point)).collect(),
        class: stretch.class,
        name: stretch.street.and_then(|street| names.get(&street).copied()),
        is_roundabout: stretch.is_roundabout,
        forward_ms: Some(forward.max(1)),
        backward_ms: (!stretch.is_one_way).then_some(backward.max(1)),
    }
}

/// What a motorcycle taxi averages on flat ground, other traffic included.
fn speed_kmh(class: RoadClass) -> f64 {
    match class {
        RoadClass::Motorway | RoadClass::Trunk => 46.0,
        RoadClass::Primary => 36.0,
        RoadClass::Secondary => 32.0,
        RoadClass::Tertiary => 27.0,
        RoadClass::Residential | RoadClass::Unclassified => 22.0,
        RoadClass::Track | RoadClass::LivingStreet | RoadClass::Service => 14.0,
        RoadClass::Path | RoadClass::Ferry => 8.0,
    }
}

/// What a slope makes of a speed: 10 % up take a third of it, 10 % down a sixth.
fn on_slope(grade: f64) -> f64 {
    if grade > 0.0 { 1.0 / (1.0 + 5.0 * grade) } else { 1.0 / (1.0 - 2.0 * grade) }
}
