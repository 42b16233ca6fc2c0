//! The area to which an import is clipped.
//!
//! Separate from [`crate::geo::Polygon`], which has one ring and few corners: the outline of a country has holes, islands
//! and ten thousand corners, and is asked about a million nodes. Edges are kept in bands of latitude; containment is by ray
//! casting over the band, odd is inside.

use super::ExtraError;
use super::geojson::features;
use crate::geo::LatLng;

/// An edge has to be looked for among some ten others, not ten thousand.
const BANDS: usize = 1_024;

/// Any number of areas, with holes.
#[derive(Clone, Debug)]
pub struct Outline {
    south_e7: i64,
    /// Height of a band, at least 1.
    band_e7: i64,
    /// Edges that touch each band.
    bands: Vec<Vec<(LatLng, LatLng)>>,
}

impl Outline {
    /// Reads GeoJSON: a Polygon, a MultiPolygon, a Feature or a FeatureCollection. Areas that overlap are inside once.
    ///
    /// # Errors
    /// [`ExtraError`].
    pub fn from_geojson(text: &str) -> Result<Self, ExtraError> {
        let rings: Vec<Vec<LatLng>> = features(text)?.into_iter().flat_map(|feature| feature.rings).collect();
        Ok(Self::new(&rings))
    }

    fn new(rings: &[Vec<LatLng>]) -> Self {
        let latitudes = || rings.iter().flatten().map(|corner| i64::from(corner.lat_e7()));
        let (south_e7, north_e7) = (latitudes().min().unwrap_or(0), latitudes().max().unwrap_or(0));
        let band_e7 = (north_e7 - south_e7) / BANDS as i64 + 1;
        let mut outline = Self { south_e7, band_e7, bands: vec![Vec::new(); BANDS] };
        for ring in rings {
            for (index, corner) in ring.iter().enumerate() {
                let edge = (*corner, ring[(index + 1) % ring.len()]);
                let [low, high] = [edge.0.lat_e7().min(edge.1.lat_e7()), edge.0.lat_e7().max(edge.1.lat_e7())];
                let range = outline.band(low).unwrap_or(0)..=outline.band(high).unwrap_or(BANDS - 1);
                outline.bands[range].iter_mut().for_each(|band| band.push(edge));
            }
        }
        outline
    }

    fn band(&self, lat_e7: i32) -> Option<usize> {
        let band = (i64::from(lat_e7) - self.south_e7).div_euclid(self.band_e7);
        usize::try_from(band).ok().filter(|band| *band < BANDS)
    }

    /// Whether a place is inside.
    pub fn contains(&self, place: LatLng) -> bool {
        let Some(band) = self.band(place.lat_e7()) else { return false };
        let crossings = self.bands[band].iter().filter(|(a, b)| {
            let passes = (a.lat_e7() > place.lat_e7()) != (b.lat_e7() > place.lat_e7());
            passes && is_east(*a, *b, place)
        });
        crossings.count() % 2 == 1
    }
}

/// Whether the edge crosses the latitude of the place strictly to the east of it; exact, as in [`crate::geo::Polygon`].
fn is_east(a: LatLng, b: LatLng, place: LatLng) -> bool {
    let (low, high) = if a.lat_e7() < b.lat_e7() { (a, b) } else { (b, a) };
    let wide = |e7: i32| i64::from(e7);
    let run = (wide(high.lng_e7()) - wide(low.lng_e7())) * (wide(place.lat_e7()) - wide(low.lat_e7()));
    let rise = (wide(place.lng_e7()) - wide(low.lng_e7())) * (wide(high.lat_e7()) - wide(low.lat_e7()));
    rise < run
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geo::Polygon;

    fn place(lat_e7: i32, lng_e7: i32) -> LatLng {
        LatLng::from_e7(lat_e7, lng_e7).expect("on the globe")
    }

    #[test]
    fn an_area_may_have_a_hole_and_a_second_part() {
        let text = r#"{"type":"Feature","properties":null,"geometry":{"type":"MultiPolygon","coordinates":[
            [[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]],
            [[[20,0],[30,0],[30,10],[20,10],[20,0]]]]}}"#;
        let outline = Outline::from_geojson(text).expect("an area");
        for (lat, lng, is_inside) in
            [(1.0, 1.0, true), (5.0, 5.0, false), (5.0, 25.0, true), (5.0, 15.0, false), (11.0, 5.0, false)]
        {
            assert_eq!(outline.contains(LatLng::new(lat, lng).expect("on the globe")), is_inside, "{lat},{lng}");
        }
    }

    #[test]
    fn what_is_no_area_is_refused_with_the_reason() {
        for (text, message) in [
            ("{", "is not JSON: EOF while parsing an object at line 1 column 1"),
            ("{}", "is not usable GeoJSON: it has no type"),
            (r#"{"type":"Point","coordinates":[0,0]}"#, "is not usable GeoJSON: \"Point\" is no area"),
            (r#"{"type":"FeatureCollection","features":[]}"#, "is not usable GeoJSON: it holds no area"),
            (
                r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}"#,
                "is not usable GeoJSON: a ring has 2 corners",
            ),
            (
                r#"{"type":"Polygon","coordinates":[[[0,0],[1,"x"],[0,1]]]}"#,
                "is not usable GeoJSON: corner 1, [1,\"x\"], is not [longitude, latitude]",
            ),
            (
                r#"{"type":"Polygon","coordinates":[[[0,0],[30,-191.0],[0,1]]]}"#,
                "corner 1: latitude -191 is out of range -90..=90",
            ),
        ] {
            assert_eq!(Outline::from_geojson(text).expect_err(message).to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn bands_change_nothing(
            corners in prop::collection::vec((-5_000_i32..5_000, -5_000_i32..5_000), 3..12),
            at in prop::collection::vec((-6_000_i32..6_000, -6_000_i32..6_000), 20),
        ) {
            let corners: Vec<LatLng> = corners.into_iter().map(|(lat, lng)| place(lat, lng)).collect();
            if let Ok(polygon) = Polygon::new(corners.clone()) {
                let outline = Outline::new(&[corners]);
                for (lat, lng) in at {
                    prop_assert_eq!(outline.contains(place(lat, lng)), polygon.contains(place(lat, lng)));
                }
            }
        }
    }
}
