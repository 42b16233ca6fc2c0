//! Boundaries: ways are put together to rings, or rings are taken from GeoJSON.
//!
//! Separate because a boundary relation lists its ways in any order and direction, and an extract may lack some of them:
//! an outline with a gap would hold the wrong half of the world, so it is left out and counted.

use serde_json::{Map, Value};

use super::geojson::features;
use super::nodes::Nodes;
use super::relations::{Area, Relations};
use super::ways::Ways;
use super::{ExtraError, ImportedBoundary};
use crate::geo::LatLng;

/// `admin_level` of a district of Rwanda.
const DISTRICT: u8 = 6;
/// `admin_level` of a sector of Rwanda.
const SECTOR: u8 = 8;
/// `admin_level` of a province, or of the City of Kigali.
const PROVINCE: u8 = 4;

/// The boundaries whose rings are closed, and how many are not.
pub fn assemble(relations: &Relations, ways: &Ways, nodes: &Nodes) -> (Vec<ImportedBoundary>, u32) {
    let (mut boundaries, mut incomplete) = (Vec::new(), 0);
    for area in &relations.areas {
        let Area::Boundary { level } = area.what else { continue };
        let Some((_, name)) = area.names.first() else { continue };
        match rings(&area.ways, ways, nodes) {
            Some(rings) => boundaries.push(ImportedBoundary { name: name.clone(), level, rings }),
            None => incomplete += 1,
        }
    }
    (boundaries, incomplete)
}

/// The rings that ways make; `None` where there is a gap.
pub fn rings(members: &[i64], ways: &Ways, nodes: &Nodes) -> Option<Vec<Vec<LatLng>>> {
    let mut open: Vec<&[i64]> =
        members.iter().map(|way| ways.area_ways.get(way).map(Vec::as_slice)).collect::<Option<_>>()?;
    let mut rings = Vec::new();
    while let Some(first) = open.pop() {
        let mut ring = first.to_vec();
        while ring.first() != ring.last() {
            let end = ring.last().copied();
            let next = open.iter().position(|way| way.first().copied() == end || way.last().copied() == end)?;
            let way = open.swap_remove(next);
            if way.first().copied() == end {
                ring.extend(&way[1..]);
            } else {
                ring.extend(way[..way.len() - 1].iter().rev());
            }
        }
        ring.pop();
        if ring.len() < 3 {
            return None;
        }
        rings.push(ring.iter().map(|node| nodes.point(*node)).collect::<Option<_>>()?);
    }
    (!rings.is_empty()).then_some(rings)
}

/// Boundaries from GeoJSON. A feature with a `sector` is a sector, one with a `district` a district; others have a `name`,
/// and an `admin_level` or are provinces.
///
/// # Errors
/// [`ExtraError`].
pub fn boundaries_from_geojson(text: &str) -> Result<Vec<ImportedBoundary>, ExtraError> {
    let mut boundaries = Vec::new();
    for (index, feature) in features(text)?.into_iter().enumerate() {
        let (name, level) = name_and_level(&feature.properties)
            .ok_or_else(|| ExtraError::GeoJson(format!("feature {index} has no sector, district or name")))?;
        boundaries.push(ImportedBoundary { name: name.to_owned(), level, rings: feature.rings });
    }
    Ok(boundaries)
}

fn name_and_level(properties: &Map<String, Value>) -> Option<(&str, u8)> {
    let text = |key: &str| properties.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    if let Some(sector) = text("sector") {
        return Some((sector, SECTOR));
    }
    if let Some(district) = text("district") {
        return Some((district, DISTRICT));
    }
    let level = properties.get("admin_level");
    let level = level.and_then(|level| level.as_u64().or_else(|| level.as_str()?.parse().ok()));
    Some((text("name")?, level.and_then(|level| u8::try_from(level).ok()).unwrap_or(PROVINCE)))
}
