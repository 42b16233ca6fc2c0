//! A flat map around a place, in metres, and distances on it.
//!
//! Separate from the sphere because streets and the sides of zones are straight lines: what lies beside what is a matter of
//! plane geometry, and within a city the plane is exact to centimetres.

use super::{EARTH_RADIUS_M, LatLng};

/// Metres east and north on a plane.
pub type Metres = (f64, f64);

/// The plane that touches the Earth at a place.
#[derive(Clone, Copy, Debug)]
pub struct Plane {
    origin: LatLng,
    /// Metres in a degree of longitude and of latitude.
    scale: (f64, f64),
}

impl Plane {
    /// The plane around a place.
    pub fn around(origin: LatLng) -> Self {
        let degree_m = EARTH_RADIUS_M.to_radians();
        Self { origin, scale: (degree_m * origin.lat().to_radians().cos(), degree_m) }
    }

    /// Where a place is on it.
    pub fn metres(self, place: LatLng) -> Metres {
        let (east, north) = (place.lng() - self.origin.lng(), place.lat() - self.origin.lat());
        (east * self.scale.0, north * self.scale.1)
    }
}

/// The distance from a point to the piece of line between two others, all on one plane.
pub fn distance_to_piece_m((x, y): Metres, ((ax, ay), (bx, by)): (Metres, Metres)) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let share = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (ax + share * dx - x).hypot(ay + share * dy - y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_flat() {
        let here = LatLng::new(-1.95, 30.06).expect("on the globe");
        let there = here.destination(50.0, 5_000.0);
        let (east_m, north_m) = Plane::around(here).metres(there);
        assert!((east_m.hypot(north_m) - 5_000.0).abs() < 0.5, "{east_m} {north_m}");
        assert!((east_m.atan2(north_m).to_degrees() - 50.0).abs() < 0.01);
    }

    #[test]
    fn a_piece_of_line_is_nearest_beside_it_or_at_its_ends() {
        let piece = ((0.0, 0.0), (10.0, 0.0));
        for (point, distance_m) in [((4.0, 3.0), 3.0), ((-3.0, 4.0), 5.0), ((13.0, -4.0), 5.0), ((10.0, 0.0), 0.0)] {
            assert_eq!(distance_to_piece_m(point, piece), distance_m, "{point:?}");
        }
        assert_eq!(distance_to_piece_m((3.0, 4.0), ((0.0, 0.0), (0.0, 0.0))), 5.0, "a piece without length");
    }
}
