//! A zone with any outline: an airport queue, a city limit, a street that is closed today.
//!
//! Separate from [`Area`] because zones are drawn by people and checked now and then. Containment is exact integer
//! arithmetic by ray casting on the flat map of degrees, which is how such outlines are drawn. The outline includes its
//! southern and western edges as a ray sees them, so two zones that share an edge never both hold a point of it. A
//! polygon does not cross the 180th meridian.

use super::{Area, AreaError, LatLng};

/// More corners than any zone needs, fewer than an outline pasted by mistake has.
const CORNERS_MAX: usize = 10_000;

/// A simple outline: corners in order, either way round; the last is joined to the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polygon {
    corners: Vec<LatLng>,
    bounds: Area,
}

impl Polygon {
    /// An outline of at least three corners. A last corner equal to the first (as GeoJSON writes it) is dropped.
    pub fn new(mut corners: Vec<LatLng>) -> Result<Self, PolygonError> {
        if corners.len() > 1 && corners.first() == corners.last() {
            corners.pop();
        }
        if !(3..=CORNERS_MAX).contains(&corners.len()) {
            return Err(PolygonError::Corners(corners.len()));
        }
        let low = |of: fn(LatLng) -> i32| corners.iter().map(|corner| of(*corner)).min().unwrap_or_default();
        let high = |of: fn(LatLng) -> i32| corners.iter().map(|corner| of(*corner)).max().unwrap_or_default();
        let south_west = LatLng { lat_e7: low(LatLng::lat_e7), lng_e7: low(LatLng::lng_e7) };
        let north_east = LatLng { lat_e7: high(LatLng::lat_e7), lng_e7: high(LatLng::lng_e7) };
        let bounds = Area::new(south_west, north_east).map_err(PolygonError::Flat)?;
        Ok(Self { corners, bounds })
    }

    /// Whether the place is inside.
    pub fn contains(&self, place: LatLng) -> bool {
        if !self.bounds.contains(place) {
            return false;
        }
        let mut inside = false;
        let mut previous = self.corners[self.corners.len() - 1];
        for &corner in &self.corners {
            // Does the edge pass the ray that runs east from the place?
            if (previous.lat_e7 > place.lat_e7) != (corner.lat_e7 > place.lat_e7) && is_east(previous, corner, place) {
                inside = !inside;
            }
            previous = corner;
        }
        inside
    }

    /// The corners in their order; the last is joined to the first and not repeated.
    pub fn corners(&self) -> &[LatLng] {
        &self.corners
    }

    /// The smallest box around the outline.
    pub const fn bounds(&self) -> Area {
        self.bounds
    }
}

/// Whether the edge crosses the latitude of the place strictly to the east of it.
fn is_east(a: LatLng, b: LatLng, place: LatLng) -> bool {
    let (low, high) = if a.lat_e7 < b.lat_e7 { (a, b) } else { (b, a) };
    let wide = |e7: i32| i64::from(e7);
    // The products stay below 1.8e9 × 3.6e9 and so fit: the sign is exact.
    let run = (wide(high.lng_e7) - wide(low.lng_e7)) * (wide(place.lat_e7) - wide(low.lat_e7));
    let rise = (wide(place.lng_e7) - wide(low.lng_e7)) * (wide(high.lat_e7) - wide(low.lat_e7));
    rise < run
}

/// An outline that is not one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolygonError {
    /// Too few corners, or far too many.
    #[error("a polygon of {0} corners is out of range 3..=10000")]
    Corners(usize),
    /// All corners lie on one parallel or one meridian.
    #[error("the polygon has no inside")]
    Flat(#[source] AreaError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(corners: &[(f64, f64)]) -> Result<Polygon, PolygonError> {
        Polygon::new(corners.iter().map(|(lat, lng)| LatLng::new(*lat, *lng).expect("on the globe")).collect())
    }

    #[test]
    fn a_bent_outline_holds_what_it_surrounds() {
        // The letter L.
        let zone =
            outline(&[(0.0, 0.0), (0.0, 3.0), (1.0, 3.0), (1.0, 1.0), (3.0, 1.0), (3.0, 0.0)]).expect("an outline");
        for (lat, lng, inside) in [
            (0.5, 0.5, true),
            (0.5, 2.5, true),
            (2.5, 0.5, true),
            (1.0, 0.5, true),
            (2.0, 2.0, false),
            (0.5, 3.5, false),
            (0.5, -0.5, false),
            (3.5, 0.5, false),
        ] {
            let place = LatLng::new(lat, lng).expect("on the globe");
            assert_eq!(zone.contains(place), inside, "{lat},{lng}");
        }
        assert_eq!(zone.bounds().north_east(), LatLng::new(3.0, 3.0).expect("on the globe"));
    }

    #[test]
    fn zones_that_share_an_edge_never_share_a_point() {
        let west = outline(&[(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)]).expect("an outline");
        let east = outline(&[(0.0, 1.0), (0.0, 2.0), (2.0, 2.0), (2.0, 1.0), (0.0, 1.0)]).expect("a closed outline");
        for tenth in 0..20 {
            let on_the_edge = LatLng::new(f64::from(tenth) / 10.0, 1.0).expect("on the globe");
            assert!(west.contains(on_the_edge) != east.contains(on_the_edge), "{on_the_edge}");
        }
    }

    #[test]
    fn an_outline_without_an_inside_is_refused() {
        assert_eq!(outline(&[(0.0, 0.0), (1.0, 1.0), (0.0, 0.0)]), Err(PolygonError::Corners(2)));
        assert_eq!(outline(&[]), Err(PolygonError::Corners(0)));
        assert!(matches!(outline(&[(0.0, 0.0), (0.0, 1.0), (0.0, 2.0)]), Err(PolygonError::Flat(_))));
    }

    #[test]
    fn corners_at_opposite_ends_of_the_globe_do_not_overflow() {
        let world = outline(&[(-90.0, -180.0), (-90.0, 180.0), (90.0, 180.0), (90.0, -180.0)]).expect("an outline");
        assert!(world.contains(LatLng::new(-1.95, 30.06).expect("on the globe")));
    }
}
