//! Places by name and by point, for whoever is signed in.
//!
//! Separate from the gazetteer because a server may have no map, and because the nearest street comes from somebody else:
//! here the two are held together, or the lack of them.

use std::sync::Arc;

use crate::gazetteer::{Address, Asked, Gazetteer, Language, Query};
use crate::geo::LatLng;

/// Names the street nearest to a point, if there is one near enough.
pub type NearestStreet = Arc<dyn Fn(LatLng) -> Option<String> + Send + Sync>;

/// How far away a place may be whose name is said of a point: across a square, not around the block.
const PLACE_WITHIN_M: f64 = 75.0;

/// The gazetteer of the map, if there is one. Clones share it.
#[derive(Clone, Default)]
pub struct Places {
    map: Option<(Arc<Gazetteer>, NearestStreet)>,
}

/// A place that was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// In the language asked for.
    pub name: String,
    /// Word of its kind.
    pub kind: &'static str,
    /// Where.
    pub point: LatLng,
    /// From the point to be near to, in metres.
    pub distance_m: Option<u32>,
    /// Umurenge.
    pub sector: Option<String>,
    /// Akarere.
    pub district: Option<String>,
}

impl Places {
    /// Of a map.
    pub fn new(gazetteer: Arc<Gazetteer>, nearest_street: NearestStreet) -> Self {
        Self { map: Some((gazetteer, nearest_street)) }
    }

    /// Whether there is a map.
    pub fn has_map(&self) -> bool {
        self.map.is_some()
    }

    /// The places that fit, best first; none without a map.
    pub fn search(&self, query: &Query<'_>, language: Option<Language>) -> Vec<Found> {
        let Some((gazetteer, _)) = &self.map else { return Vec::new() };
        let show = |number| {
            let entry = gazetteer.entry(number, language);
            Found {
                name: entry.name.to_owned(),
                kind: entry.kind.as_str(),
                point: entry.point,
                distance_m: query.focus.map(|focus| focus.distance_m(entry.point).round() as u32),
                sector: entry.sector.map(str::to_owned),
                district: entry.district.map(str::to_owned),
            }
        };
        gazetteer.search(query).into_iter().map(|hit| show(hit.entry)).collect()
    }

    /// What is at a point; `None` without a map.
    pub fn address(&self, point: LatLng, language: Option<Language>) -> Option<Address> {
        let (gazetteer, nearest_street) = self.map.as_ref()?;
        let asked = Asked { language, within_m: PLACE_WITHIN_M, street: &|point| nearest_street(point) };
        Some(gazetteer.address(point, &asked))
    }
}
