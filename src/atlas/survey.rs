//! Where an atlas comes from: an import, or the imagination.
//!
//! Separate because importer, town and gazetteer do not know each other; here their words are translated.

use super::{Source, Survey};
use crate::gazetteer::{Boundary, Kind, Language, Level, Names, Place, Street};
use crate::geo::Polygon;
use crate::road::import::{Imported, ImportedBoundary, ImportedPlace};
use crate::road::town::{Town, TownPlace, TownSector};
use crate::road::turns::TurnCosts;

/// `admin_level` of districts and sectors in Rwanda.
const DISTRICT_LEVEL: u8 = 6;
const SECTOR_LEVEL: u8 = 8;

impl Survey {
    /// What an extract of OpenStreetMap says.
    pub fn of_import(imported: Imported, turn_costs: TurnCosts) -> Self {
        let Imported { parts, places, boundaries, streets, .. } = imported;
        let mut named = Vec::new();
        for street in &streets {
            // The first is the name that the network has.
            for (_, name) in street.names.iter().skip(1) {
                named.extend(street.segments.iter().filter_map(|segment| {
                    let segment = parts.segments.get(segment.0 as usize)?;
                    let point = *segment.shape.get(segment.shape.len() / 2).or(parts.nodes.get(segment.from.0 as usize))?;
                    Some(Street { name: name.clone(), point, importance: Kind::Street.importance() })
                }));
            }
        }
        Self {
            source: Source::OpenStreetMap,
            parts,
            turn_costs,
            places: places.into_iter().map(place).collect(),
            streets: named,
            boundaries: boundaries.into_iter().filter_map(boundary).collect(),
        }
    }

    /// A generated town.
    pub fn of_town(town: Town, turn_costs: TurnCosts) -> Self {
        let places = town.places.into_iter().map(town_place).collect();
        let mut boundaries: Vec<Boundary> = Vec::new();
        for sector in town.sectors {
            boundaries.extend(town_boundaries(sector));
        }
        Self { source: Source::Generated, parts: town.parts, turn_costs, places, streets: Vec::new(), boundaries }
    }
}

fn names(imported: Vec<(String, String)>) -> Names {
    let mut all = imported.into_iter();
    let mut names = Names::local(all.next().map(|(_, name)| name).unwrap_or_default());
    for (language, name) in all {
        match Language::parse(&language) {
            Some(language) => names.translated.push((language, name)),
            None => names.others.push(name),
        }
    }
    names
}

fn place(imported: ImportedPlace) -> Place {
    let kind = Kind::of_word(&imported.kind);
    Place { names: names(imported.names), kind, point: imported.point, importance: kind.importance() }
}

fn boundary(imported: ImportedBoundary) -> Option<Boundary> {
    let level = match imported.level {
        DISTRICT_LEVEL => Level::District,
        SECTOR_LEVEL => Level::Sector,
        _ => return None,
    };
    let rings = imported.rings.into_iter().filter_map(|ring| Polygon::new(ring).ok()).collect();
    Some(Boundary { level, name: imported.name, rings })
}

fn town_place(place: TownPlace) -> Place {
    let kind = Kind::of_word(place.kind);
    Place { names: Names::local(place.name), kind, point: place.point, importance: kind.importance() }
}

/// A sector, and its piece of the district: pieces of one district are found by the same name.
fn town_boundaries(sector: TownSector) -> impl Iterator<Item = Boundary> {
    let ring = Polygon::new(sector.ring).ok();
    let area = |level, name| ring.clone().map(|ring| Boundary { level, name, rings: vec![ring] });
    [area(Level::Sector, sector.name), area(Level::District, sector.district)].into_iter().flatten()
}
