//! Where things are: points, distances and the shape of the played city.
//!
//! Pure, and apart from the engine's own geometry on purpose: the harness speaks the public API only and must not
//! share a mistake with the code it checks. A city of a few kilometres is flat enough for a local projection.

use rand::Rng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

/// Metres of one degree of latitude (and of longitude at the equator).
const METRES_PER_DEGREE: f64 = 111_195.0;
/// The centre of Kigali.
pub const KIGALI: Point = Point { lat: -1.9441, lng: 30.0605 };
/// Radius of the synthetic city for 500 drivers: compact, so that rides are short and a run sees many of them.
const CITY_RADIUS_M: f64 = 3_000.0;
/// Shortest and longest ride of the synthetic city.
const RIDE_M: (f64, f64) = (150.0, 400.0);

/// A position in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lng: f64,
}

impl Point {
    /// Straight distance in metres.
    pub fn distance_m(self, other: Self) -> f64 {
        let (north, east) = self.offset_to(other);
        north.hypot(east)
    }

    /// The point that lies this many metres north and east of here.
    pub fn moved(self, north_m: f64, east_m: f64) -> Self {
        Self {
            lat: self.lat + north_m / METRES_PER_DEGREE,
            lng: self.lng + east_m / (METRES_PER_DEGREE * self.lat.to_radians().cos()),
        }
    }

    /// One step of at most `step_m` metres towards `target`; never past it.
    pub fn stepped(self, target: Self, step_m: f64) -> Self {
        let (north, east) = self.offset_to(target);
        let distance = north.hypot(east);
        if distance <= step_m {
            return target;
        }
        self.moved(north * step_m / distance, east * step_m / distance)
    }

    /// Compass direction towards `other`, whole degrees 0..=359.
    pub fn bearing_deg(self, other: Self) -> u16 {
        let (north, east) = self.offset_to(other);
        (east.atan2(north).to_degrees().rem_euclid(360.0) as u16) % 360
    }

    fn offset_to(self, other: Self) -> (f64, f64) {
        let north = (other.lat - self.lat) * METRES_PER_DEGREE;
        let east = (other.lng - self.lng) * METRES_PER_DEGREE * self.lat.to_radians().cos();
        (north, east)
    }
}

/// The rectangle the server serves, as `GET /api/v1/server` tells it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Area {
    /// Southern edge, degrees.
    pub lat_min: f64,
    /// Northern edge, degrees.
    pub lat_max: f64,
    /// Western edge, degrees.
    pub lng_min: f64,
    /// Eastern edge, degrees.
    pub lng_max: f64,
}

impl Area {
    /// The nearest point that is safely inside (about 100 m from the edge), so that rounding never puts it outside.
    pub fn clamped(&self, point: Point) -> Point {
        const MARGIN: f64 = 0.001;
        Point {
            lat: point.lat.clamp(self.lat_min + MARGIN, self.lat_max - MARGIN),
            lng: point.lng.clamp(self.lng_min + MARGIN, self.lng_max - MARGIN),
        }
    }
}

/// Where a ride goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Journey {
    /// Where the rider waits.
    pub pickup: Point,
    /// Where the rider wants to go.
    pub destination: Point,
}

/// The synthetic city.
#[derive(Clone, Copy, Debug)]
pub struct Disc {
    area: Area,
    radius_m: f64,
}

impl Disc {
    /// A city of the usual density for this many drivers.
    pub fn for_drivers(area: Area, drivers: usize) -> Self {
        Self { area, radius_m: (CITY_RADIUS_M * (drivers as f64 / 500.0).sqrt()).clamp(500.0, 8_000.0) }
    }

    /// A journey: the pickup anywhere in the disc, the destination a short ride away.
    pub fn journey(&self, rng: &mut SmallRng) -> Journey {
        let pickup = self.point(rng);
        let angle = rng.random_range(0.0..std::f64::consts::TAU);
        let length = rng.random_range(RIDE_M.0..RIDE_M.1);
        let destination = self.area.clamped(pickup.moved(length * angle.cos(), length * angle.sin()));
        Journey { pickup, destination }
    }

    fn point(&self, rng: &mut SmallRng) -> Point {
        self.area.clamped(in_disc(KIGALI, self.radius_m, rng))
    }
}

/// The played city: where drivers wait and roam.
#[derive(Clone, Debug)]
pub enum World {
    /// A disc around the centre of Kigali.
    Disc(Disc),
    /// Drivers keep near the pickups of real demand.
    Demand {
        /// The served rectangle.
        area: Area,
        /// Every pickup of the run; never empty.
        pickups: Vec<Point>,
    },
}

impl World {
    /// A place for a free driver to stand or roam to.
    pub fn roam_point(&self, rng: &mut SmallRng) -> Point {
        match self {
            Self::Disc(disc) => disc.point(rng),
            Self::Demand { area, pickups } => {
                let near = pickups[rng.random_range(0..pickups.len())];
                area.clamped(in_disc(near, 400.0, rng))
            }
        }
    }
}

/// Uniform in a disc: the square root keeps the centre from being crowded.
fn in_disc(centre: Point, radius_m: f64, rng: &mut SmallRng) -> Point {
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let distance = radius_m * rng.random_range(0.0_f64..1.0).sqrt();
    centre.moved(distance * angle.cos(), distance * angle.sin())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const AREA: Area = Area { lat_min: -2.1, lat_max: -1.8, lng_min: 29.9, lng_max: 30.3 };

    #[test]
    fn a_known_distance_comes_out_right() {
        // Convention Centre to Nyabugogo, straight line.
        let metres = Point { lat: -1.9541, lng: 30.0938 }.distance_m(Point { lat: -1.9397, lng: 30.0446 });
        assert!((5_600.0..5_800.0).contains(&metres), "{metres}");
    }

    #[test]
    fn a_step_never_passes_its_target() {
        let target = KIGALI.moved(100.0, 0.0);
        assert_eq!(KIGALI.stepped(target, 150.0), target);
        let half = KIGALI.stepped(target, 50.0);
        assert!((half.distance_m(target) - 50.0).abs() < 0.1);
        assert_eq!(KIGALI.stepped(KIGALI, 10.0), KIGALI);
    }

    #[test]
    fn bearings_are_compass_degrees() {
        assert_eq!(KIGALI.bearing_deg(KIGALI.moved(100.0, 0.0)), 0);
        assert_eq!(KIGALI.bearing_deg(KIGALI.moved(0.0, 100.0)), 90);
        assert_eq!(KIGALI.bearing_deg(KIGALI.moved(0.0, -100.0)), 270);
    }

    #[test]
    fn synthetic_journeys_are_short_and_inside() {
        let (disc, mut rng) = (Disc::for_drivers(AREA, 500), SmallRng::seed_from_u64(1));
        for _ in 0..1_000 {
            let journey = disc.journey(&mut rng);
            let length = journey.pickup.distance_m(journey.destination);
            assert!((149.0..=401.0).contains(&length), "{length}");
            assert!(journey.pickup.distance_m(KIGALI) <= CITY_RADIUS_M + 1.0);
        }
    }

    #[test]
    fn clamping_moves_an_outside_point_just_inside() {
        let point = AREA.clamped(Point { lat: -3.0, lng: 31.0 });
        assert!(point.lat > AREA.lat_min && point.lng < AREA.lng_max);
    }
}
