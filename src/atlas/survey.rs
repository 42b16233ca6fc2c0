//! Where an atlas comes from: an import, or the imagination.
//!
//! Separate because importer, town and gazetteer do not know each other; here their words are translated.

use super::{Source, Survey, importance};
use crate::gazetteer::{Boundary, Kind, Level, Names, Place, Street};
use crate::geo::{LatLng, Polygon};
use crate::road::import::{Imported, ImportedStreet};
use crate::road::network::{Parts, SegmentId};
use crate::road::town::{Town, TownPlace, TownSector};
use crate::road::turns::TurnCosts;

impl Survey {
    /// What an extract of OpenStreetMap says, with a few words about it.
    pub fn of_import(imported: Imported, turn_costs: TurnCosts, about: Vec<(String, String)>) -> Self {
        let Imported { parts, places, boundaries, streets, .. } = imported;
        let places = places.iter().map(|place| Place::of_osm(&place.names, &place.kind, place.point)).collect();
        let boundaries = boundaries.into_iter().filter_map(|area| Boundary::of_osm(&area.name, area.level, area.rings));
        let boundaries = boundaries.collect();
        let streets = streets.iter().filter(|street| street.names.len() > 1).flat_map(|street| pieces(&parts, street));
        let streets = streets.collect();
        Self { source: Source::OpenStreetMap, about, parts, turn_costs, places, streets, boundaries }
    }

    /// A generated town.
    pub fn of_town(town: Town, turn_costs: TurnCosts) -> Self {
        let places = town.places.into_iter().map(town_place).collect();
        let boundaries = town.sectors.into_iter().flat_map(town_boundaries).collect();
        let about = Vec::new();
        let streets = Vec::new();
        Self { source: Source::Generated, about, parts: town.parts, turn_costs, places, streets, boundaries }
    }
}

/// A street of many names, piece by piece.
fn pieces(parts: &Parts, street: &ImportedStreet) -> Vec<Street> {
    let names = Names::of_osm(&street.names);
    let piece = |segment: &SegmentId| {
        let importance = importance(parts.segments[segment.0 as usize].class);
        Street { names: names.clone(), point: middle(parts, *segment), importance }
    };
    street.segments.iter().map(piece).collect()
}

/// A point of a segment, not at its end where it can be helped.
fn middle(parts: &Parts, segment: SegmentId) -> LatLng {
    let segment = &parts.segments[segment.0 as usize];
    let ends = [segment.from, segment.to].map(|node| parts.nodes[node.0 as usize]);
    let between = |of: fn(LatLng) -> i32| of(ends[0]).midpoint(of(ends[1]));
    let halfway = LatLng::from_e7(between(LatLng::lat_e7), between(LatLng::lng_e7)).unwrap_or(ends[0]);
    segment.shape.get(segment.shape.len() / 2).copied().unwrap_or(halfway)
}

fn town_place(place: TownPlace) -> Place {
    let kind = Kind::of_word(place.kind);
    Place { names: Names::local(place.name), kind, point: place.point, importance: kind.importance() }
}

/// A sector, and its piece of the district: pieces of one district are found by the same name.
fn town_boundaries(sector: TownSector) -> Vec<Boundary> {
    let Ok(ring) = Polygon::new(sector.ring) else { return Vec::new() };
    let area = |level, name| Boundary { level, name, rings: vec![ring.clone()] };
    vec![area(Level::Sector, sector.name), area(Level::District, sector.district)]
}
