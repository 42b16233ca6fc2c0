//! Areas of a GeoJSON text.
//!
//! Separate because a service area and boundaries are both drawn this way (RFC 7946): Polygon, MultiPolygon, and features
//! and collections of them.

use serde_json::{Map, Value};

use super::ExtraError;
use crate::geo::LatLng;

/// An area and what is said of it.
pub struct Feature {
    pub properties: Map<String, Value>,
    /// Outlines and holes alike, first corner not repeated.
    pub rings: Vec<Vec<LatLng>>,
}

/// All areas of a text.
pub fn features(text: &str) -> Result<Vec<Feature>, ExtraError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ExtraError::Json(error.to_string()))?;
    let mut features = Vec::new();
    gather(&value, Map::new(), &mut features)?;
    if features.is_empty() { Err(wrong("it holds no area")) } else { Ok(features) }
}

fn gather(value: &Value, properties: Map<String, Value>, features: &mut Vec<Feature>) -> Result<(), ExtraError> {
    let list = |key: &str| value.get(key).and_then(Value::as_array).ok_or_else(|| wrong(format!("{key} is no list")));
    match value.get("type").and_then(Value::as_str) {
        Some("FeatureCollection") => {
            list("features")?.iter().try_for_each(|feature| gather(feature, Map::new(), features))
        }
        Some("Feature") => {
            let own = value.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let geometry = value.get("geometry").ok_or_else(|| wrong("a feature has no geometry"))?;
            gather(geometry, own, features)
        }
        Some("GeometryCollection") => {
            list("geometries")?.iter().try_for_each(|geometry| gather(geometry, properties.clone(), features))
        }
        Some("Polygon") => {
            let rings = rings(list("coordinates")?)?;
            features.push(Feature { properties, rings });
            Ok(())
        }
        Some("MultiPolygon") => {
            let mut all = Vec::new();
            for polygon in list("coordinates")? {
                all.extend(rings(polygon.as_array().ok_or_else(|| wrong("a polygon is no list"))?)?);
            }
            features.push(Feature { properties, rings: all });
            Ok(())
        }
        Some(other) => Err(wrong(format!("{other:?} is no area"))),
        None => Err(wrong("it has no type")),
    }
}

fn rings(rings: &[Value]) -> Result<Vec<Vec<LatLng>>, ExtraError> {
    rings.iter().map(|ring| corners(ring.as_array().ok_or_else(|| wrong("a ring is no list"))?)).collect()
}

fn corners(ring: &[Value]) -> Result<Vec<LatLng>, ExtraError> {
    let mut corners = Vec::with_capacity(ring.len());
    for (index, corner) in ring.iter().enumerate() {
        let number = |axis: usize| corner.get(axis).and_then(Value::as_f64);
        let (Some(lng), Some(lat)) = (number(0), number(1)) else {
            return Err(wrong(format!("corner {index}, {corner}, is not [longitude, latitude]")));
        };
        let place = LatLng::new(lat, lng);
        corners.push(place.map_err(|source| ExtraError::Place { at: format!("corner {index}"), source })?);
    }
    if corners.len() > 1 && corners.first() == corners.last() {
        corners.pop();
    }
    if corners.len() < 3 { Err(wrong(format!("a ring has {} corners", corners.len()))) } else { Ok(corners) }
}

fn wrong(reason: impl ToString) -> ExtraError {
    ExtraError::GeoJson(reason.to_string())
}
