//! What a town is called where: its sectors, and its schools, markets and hotels.
//!
//! Separate because nobody drives on it. It is there so that a search for places, and the name of where one is, have
//! something to find without a map.

use super::Hub;
use super::chance::Chance;
use super::plane::{Plane, Point};
use super::sketch::Sketch;
use crate::geo::LatLng;
use crate::road::network::RoadClass;

/// A named place.
#[derive(Clone, PartialEq, Debug)]
pub struct TownPlace {
    /// Its name.
    pub name: String,
    /// What it is, as OpenStreetMap says: `school`, `marketplace`, `suburb`, ….
    pub kind: &'static str,
    /// Where it is.
    pub point: LatLng,
}

/// A sector, as far as it is town.
#[derive(Clone, PartialEq, Debug)]
pub struct TownSector {
    /// Its name.
    pub name: String,
    /// The district it is in.
    pub district: String,
    /// Its border, anticlockwise, closed: the last point is the first. Sectors do not overlap and leave nothing out.
    pub ring: Vec<LatLng>,
}

/// One street in so many has a place at it.
const PLACE_SHARE: f64 = 0.12;

/// What a place is, and its name in Kinyarwanda, English or French; `*` stands for the quarter.
const KINDS: [(&str, &[&str]); 12] = [
    ("school", &["Ishuri rya *", "* Primary School", "École de *"]),
    ("marketplace", &["Isoko rya *", "* Market", "Marché de *"]),
    ("pharmacy", &["Farumasi ya *", "* Pharmacy", "Pharmacie de *"]),
    ("place_of_worship", &["Kiliziya ya *", "* Community Church", "Paroisse de *"]),
    ("clinic", &["Ikigo nderabuzima cya *", "* Health Centre", "Centre de santé de *"]),
    ("hotel", &["Hoteli *", "* Hotel", "Hôtel de *"]),
    ("restaurant", &["Resitora *", "* Restaurant", "Chez *"]),
    ("bank", &["Banki ya *", "* Bank"]),
    ("fuel", &["* Petrol Station", "Station *"]),
    ("bus_stop", &["Stage ya *", "* Stop", "Arrêt *"]),
    ("townhall", &["Akagari ka *", "* Cell Office"]),
    ("bar", &["Akabari *", "* Bar", "Bar de *"]),
];

/// Words that tell two places of a kind from each other.
const GIVEN: [&str; 20] = [
    "Amahoro",
    "Umubano",
    "Ubumwe",
    "Icyizere",
    "Urukundo",
    "Inshuti",
    "Isonga",
    "Umucyo",
    "Agaseke",
    "Inyange",
    "Hope",
    "Good Shepherd",
    "Green Hills",
    "Sunrise",
    "New Life",
    "Saint Michel",
    "La Colombe",
    "Le Printemps",
    "La Source",
    "Bon Accueil",
];

/// The hubs, their quarters, and places along the streets.
pub(super) fn places(sketch: &Sketch, plane: &Plane, hubs: &[(Point, &Hub)], chance: &mut Chance) -> Vec<TownPlace> {
    let mut places: Vec<TownPlace> = Vec::new();
    for (at, hub) in hubs {
        places.push(TownPlace { name: hub.name.clone(), kind: hub.kind, point: hub.at });
        let is_new = places.iter().all(|place| place.kind != "suburb" || place.name != hub.sector.0);
        if is_new {
            let beside = plane.place(at.plus(Point::new(60.0, 40.0)));
            places.push(TownPlace { name: hub.sector.0.clone(), kind: "suburb", point: beside });
        }
    }
    for stretch in &sketch.stretches {
        if stretch.is_roundabout || stretch.class == RoadClass::Track || !chance.happens(PLACE_SHARE) {
            continue;
        }
        let (a, b) = (sketch.point(stretch.a), sketch.point(stretch.b));
        let beside = a.middle(b).plus(b.minus(a).unit().left().times(12.0));
        let (kind, patterns) = KINDS[chance.below(KINDS.len())];
        let Some(nearest) = hub_near(hubs, beside) else {
            continue;
        };
        let quarter = if chance.happens(0.35) { hubs[nearest].1.sector.0.as_str() } else { chance.one_of(&GIVEN) };
        let name = chance.one_of(patterns).replace('*', quarter);
        places.push(TownPlace { name, kind, point: plane.place(beside) });
    }
    places
}

/// The nearest hub.
pub(super) fn hub_near(hubs: &[(Point, &Hub)], at: Point) -> Option<usize> {
    (0..hubs.len()).min_by(|a, b| hubs[*a].0.distance(at).total_cmp(&hubs[*b].0.distance(at)))
}

/// Each sector is the ground that is nearest to the first of its hubs.
pub(super) fn sectors(plane: &Plane, hubs: &[(Point, &Hub)], half: Point) -> Vec<TownSector> {
    let mut seeds: Vec<(Point, &Hub)> = Vec::new();
    for (at, hub) in hubs {
        if seeds.iter().all(|(_, other)| other.sector != hub.sector) {
            seeds.push((*at, hub));
        }
    }
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| Point::new(half.x * x, half.y * y));
    let sector = |(nth, (at, hub)): (usize, &(Point, &Hub))| {
        let others = seeds.iter().enumerate().filter(|(other, _)| *other != nth);
        let cell = others.fold(corners.to_vec(), |cell, (_, (other, _))| clip(&cell, *at, *other));
        let mut ring: Vec<LatLng> = cell.into_iter().map(|corner| plane.place(corner)).collect();
        ring.dedup();
        ring.extend(ring.first().copied());
        TownSector { name: hub.sector.0.clone(), district: hub.sector.1.clone(), ring }
    };
    seeds.iter().enumerate().map(sector).collect()
}

/// The part of a convex ring that is nearer to one point than to another.
fn clip(ring: &[Point], own: Point, other: Point) -> Vec<Point> {
    let (middle, towards) = (own.middle(other), other.minus(own));
    let beyond = |point: Point| point.minus(middle).dot(towards);
    let mut kept = Vec::with_capacity(ring.len() + 1);
    for (nth, from) in ring.iter().enumerate() {
        let to = ring[(nth + 1) % ring.len()];
        let (here, there) = (beyond(*from), beyond(to));
        if here <= 0.0 {
            kept.push(*from);
        }
        if here * there < 0.0 {
            kept.push(from.plus(to.minus(*from).times(here / (here - there))));
        }
    }
    kept
}
