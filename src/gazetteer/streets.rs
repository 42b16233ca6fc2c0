//! Pieces of streets put together: one entry for each street and not for each way of the map.
//!
//! Separate because the map knows pieces only. Pieces of one name belong to one street when a chain of pieces leads from one
//! to the other in which neighbours are near; the same name in another part of the country is another street.

use std::collections::BTreeMap;

use super::Kind;
use super::source::{Names, Place, Street};
use crate::geo::LatLng;

/// How far apart the middles of neighbouring pieces may be.
const NEIGHBOURS_M: f64 = 1_500.0;

/// The streets of some pieces, each at the piece nearest to its middle.
pub fn joined(pieces: Vec<Street>) -> Vec<Place> {
    let mut by_name: BTreeMap<Names, Vec<(LatLng, u8)>> = BTreeMap::new();
    for piece in pieces {
        by_name.entry(piece.names).or_default().push((piece.point, piece.importance));
    }
    let mut streets = Vec::new();
    for (names, mut pieces) in by_name {
        pieces.sort_unstable();
        while let Some(first) = pieces.pop() {
            let street = chain(first, &mut pieces);
            let importance = street.iter().map(|(_, importance)| *importance).max().unwrap_or_default();
            let point = middle(&street);
            streets.push(Place { names: names.clone(), kind: Kind::Street, point, importance });
        }
    }
    streets
}

/// Takes all pieces that a chain connects with the first.
fn chain(first: (LatLng, u8), pieces: &mut Vec<(LatLng, u8)>) -> Vec<(LatLng, u8)> {
    let mut street = vec![first];
    let mut looked_at = 0;
    while looked_at < street.len() {
        let here = street[looked_at].0;
        let near = pieces.extract_if(.., |(point, _)| here.flat_distance_m(*point) <= NEIGHBOURS_M);
        street.extend(near);
        looked_at += 1;
    }
    street
}

fn middle(street: &[(LatLng, u8)]) -> LatLng {
    let count = street.len() as i64;
    let mean = |of: fn(LatLng) -> i32| street.iter().map(|(point, _)| i64::from(of(*point))).sum::<i64>() / count;
    let (lat, lng) = (mean(LatLng::lat_e7), mean(LatLng::lng_e7));
    let away = |point: LatLng| {
        let (north, east) = (i64::from(point.lat_e7()) - lat, i64::from(point.lng_e7()) - lng);
        (north.saturating_pow(2).saturating_add(east.saturating_pow(2)), point)
    };
    street.iter().map(|(point, _)| *point).min_by_key(|point| away(*point)).unwrap_or(street[0].0)
}
