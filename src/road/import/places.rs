//! Places with a name: what they are, and those that are areas.
//!
//! Separate because nodes, ways, relations and tables all become the same list.

use std::io::Read;

use super::boundaries::rings;
use super::nodes::Nodes;
use super::relations::{Area, Relations};
use super::tags::Tags;
use super::ways::Ways;
use super::{ExtraError, ImportedPlace, Names};
use crate::geo::LatLng;

/// Keys that make something a place, the most telling first.
const KEYS: [&str; 18] = [
    "amenity",
    "shop",
    "tourism",
    "healthcare",
    "aeroway",
    "public_transport",
    "railway",
    "office",
    "leisure",
    "craft",
    "historic",
    "place",
    "emergency",
    "military",
    "man_made",
    "landuse",
    "natural",
    "building",
];

/// What a place is; `None` where it is none.
pub fn kind(tags: &Tags<'_>) -> Option<String> {
    if tags.is("highway", "bus_stop") {
        return Some("bus_stop".to_owned());
    }
    let (key, value) = KEYS.iter().find_map(|key| Some((*key, tags.get(key).filter(|value| *value != "no")?)))?;
    // `building=yes` says no more than its key.
    Some(if value == "yes" { key } else { value.split(';').next().unwrap_or(value) }.to_owned())
}

/// Places that are areas: their middle, where all or part of their outline is known.
pub fn of_areas(relations: &Relations, ways: &Ways, nodes: &Nodes) -> Vec<ImportedPlace> {
    let mut places = Vec::new();
    for outline in &ways.outlines {
        let points: Vec<LatLng> = outline.nodes.iter().filter_map(|node| nodes.point(*node)).collect();
        if let Some(point) = middle(&points) {
            places.push(ImportedPlace { names: outline.names.clone(), kind: outline.kind.clone(), point });
        }
    }
    for area in &relations.areas {
        let Area::Place { kind } = &area.what else { continue };
        let Some(rings) = rings(&area.ways, ways, nodes) else { continue };
        if let Some(point) = middle(&rings.concat()) {
            places.push(ImportedPlace { names: area.names.clone(), kind: kind.clone(), point });
        }
    }
    places
}

/// The middle of the box around points.
fn middle(points: &[LatLng]) -> Option<LatLng> {
    let between = |of: fn(LatLng) -> i32| {
        let values = || points.iter().map(|point| of(*point));
        Some(values().min()?.midpoint(values().max()?))
    };
    LatLng::from_e7(between(LatLng::lat_e7)?, between(LatLng::lng_e7)?).ok()
}

/// Places from a table with a header. Columns `name`, `lat` and `lon` must be there; `name_rw`, `name_en`, `name_fr`,
/// `alt_name`, `key` and `value` may be. Rows without a name are skipped.
///
/// # Errors
/// [`ExtraError`], with the row.
pub fn places_from_csv(table: impl Read) -> Result<Vec<ImportedPlace>, ExtraError> {
    let mut rows = csv::Reader::from_reader(table);
    let wrong = |error: csv::Error| ExtraError::Csv(error.to_string());
    let header = rows.headers().map_err(wrong)?.clone();
    let column = |name: &str| header.iter().position(|known| known.trim() == name);
    let needed = |name: &str| column(name).ok_or_else(|| ExtraError::Csv(format!("it has no column {name:?}")));
    let (name, lat, lng) = (needed("name")?, needed("lat")?, needed("lon")?);
    let others = [("rw", "name_rw"), ("en", "name_en"), ("fr", "name_fr"), ("", "alt_name")];
    let others = others.map(|(language, name)| (language, column(name)));
    let (key, value) = (column("key"), column("value"));
    let mut places = Vec::new();
    for (index, row) in rows.records().enumerate() {
        let row = row.map_err(wrong)?;
        let text = |column: Option<usize>| column.and_then(|column| row.get(column)).map(str::trim).unwrap_or_default();
        let mut names: Names = Vec::new();
        for (language, column) in [("", Some(name))].into_iter().chain(others) {
            for part in text(column).split(';').map(str::trim).filter(|part| !part.is_empty()) {
                if names.iter().all(|(_, known)| known != part) {
                    names.push((language.to_owned(), part.to_owned()));
                }
            }
        }
        if names.is_empty() {
            continue;
        }
        let degrees = |column: usize, what: &str| {
            let typed = text(Some(column));
            // The header is the first line.
            typed
                .parse::<f64>()
                .map_err(|_| ExtraError::Csv(format!("row {}: {what} {typed:?} is no number", index + 2)))
        };
        let point = LatLng::new(degrees(lat, "lat")?, degrees(lng, "lon")?);
        let point = point.map_err(|source| ExtraError::Place { at: format!("row {}", index + 2), source })?;
        let kind = match text(value) {
            "" | "yes" => text(key),
            value => value,
        };
        places.push(ImportedPlace { names, kind: kind.to_owned(), point });
    }
    Ok(places)
}
