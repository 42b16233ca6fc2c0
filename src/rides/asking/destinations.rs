//! Where drivers with a rider on board are going: who will be free near a place. Pure.
//!
//! Separate from the index, which knows where drivers are and lists the free ones only. Whoever asks for drivers about to
//! finish near a pickup asks by the place where they will be, and that is known before they get there. Cells of a size
//! are a map from a cell to the few rides that end in it: an ask looks at those that its circle touches, and a ride
//! moves nothing but its own entry.

use rustc_hash::FxHashMap;

use crate::geo::{EARTH_RADIUS_M, LatLng};
use crate::ids::{DriverId, RideId};

/// A ride on its way to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// Who drives it.
    pub driver: DriverId,
    /// Which.
    pub ride: RideId,
    /// Where it ends.
    pub destination: LatLng,
}

/// Column and row.
type Cell = (i32, i32);

/// The rides under way by where they end.
#[derive(Debug)]
pub struct Destinations {
    /// Side of a cell, in ten-millionths of a degree.
    side_e7: i32,
    cells: FxHashMap<Cell, Vec<Ending>>,
    by_driver: FxHashMap<DriverId, Cell>,
}

/// Ten-millionths of a degree in one metre along a meridian.
fn e7_per_m() -> f64 {
    1e7 / (EARTH_RADIUS_M * std::f64::consts::PI / 180.0)
}

impl Destinations {
    /// None yet. Cells of about `cell_m` metres: about the radius of the circles that are asked about.
    pub fn new(cell_m: f64) -> Self {
        let side_e7 = (cell_m * e7_per_m()).round().max(1.0) as i32;
        Self { side_e7, cells: FxHashMap::default(), by_driver: FxHashMap::default() }
    }

    /// A ride is under way; a driver has one at most, and an earlier one is over.
    pub fn put(&mut self, ending: Ending) {
        self.remove(ending.driver);
        let cell = self.cell(ending.destination.lat_e7(), ending.destination.lng_e7());
        self.cells.entry(cell).or_default().push(ending);
        self.by_driver.insert(ending.driver, cell);
    }

    /// The driver's ride is over.
    pub fn remove(&mut self, driver: DriverId) {
        let Some(cell) = self.by_driver.remove(&driver) else { return };
        if let Some(endings) = self.cells.get_mut(&cell) {
            endings.retain(|ending| ending.driver != driver);
            if endings.is_empty() {
                self.cells.remove(&cell);
            }
        }
    }

    /// The rides that end within a circle, nearest end first.
    pub fn near(&self, place: LatLng, radius_m: f64) -> Vec<(f64, Ending)> {
        let north_e7 = radius_m * e7_per_m();
        // Towards the poles a degree of longitude is short; none is shorter than this where anybody rides.
        let east_e7 = north_e7 / place.lat().to_radians().cos().max(0.01);
        let (lat_e7, lng_e7) = (f64::from(place.lat_e7()), f64::from(place.lng_e7()));
        // A float becomes the nearest integer of the type.
        let (low_col, low_row) = self.cell((lat_e7 - north_e7).floor() as i32, (lng_e7 - east_e7).floor() as i32);
        let (high_col, high_row) = self.cell((lat_e7 + north_e7).ceil() as i32, (lng_e7 + east_e7).ceil() as i32);
        let mut found = Vec::new();
        for row in low_row..=high_row {
            for col in low_col..=high_col {
                let endings = self.cells.get(&(col, row)).into_iter().flatten();
                let far = endings.map(|ending| (ending.destination.distance_m(place), *ending));
                found.extend(far.filter(|(distance_m, _)| *distance_m <= radius_m));
            }
        }
        found.sort_unstable_by(|(a_m, a), (b_m, b)| a_m.total_cmp(b_m).then(a.driver.cmp(&b.driver)));
        found
    }

    /// The ride that a driver is on the way with.
    pub fn of(&self, driver: DriverId) -> Option<Ending> {
        let endings = self.cells.get(self.by_driver.get(&driver)?)?;
        endings.iter().find(|ending| ending.driver == driver).copied()
    }

    fn cell(&self, lat_e7: i32, lng_e7: i32) -> Cell {
        (lng_e7.div_euclid(self.side_e7), lat_e7.div_euclid(self.side_e7))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn place(north_e7: i32, east_e7: i32) -> LatLng {
        LatLng::from_e7(-19_500_000 + north_e7, 300_600_000 + east_e7).expect("on the globe")
    }

    fn ending(number: u128, destination: LatLng) -> Ending {
        Ending { driver: DriverId(Uuid::from_u128(number % 40)), ride: RideId(Uuid::from_u128(number)), destination }
    }

    proptest! {
        #[test]
        fn what_ends_in_a_circle_is_what_a_look_at_all_of_them_finds(
            steps in prop::collection::vec((0..40_u128, prop::bool::ANY, -400_000..400_000_i32, -400_000..400_000_i32), 0..120),
            from in (-400_000..400_000_i32, -400_000..400_000_i32),
            radius_m in 0.0..5_000.0_f64,
        ) {
            let mut destinations = Destinations::new(1_000.0);
            let mut plain: Vec<Ending> = Vec::new();
            for (number, (driver, goes_on, north, east)) in (0..).zip(steps) {
                let ending = ending(number * 40 + driver, place(north, east));
                plain.retain(|other| other.driver != ending.driver);
                if goes_on {
                    destinations.put(ending);
                    plain.push(ending);
                } else {
                    destinations.remove(ending.driver);
                }
            }
            let here = place(from.0, from.1);
            let mut expected: Vec<(f64, Ending)> = plain.iter().map(|ending| (ending.destination.distance_m(here), *ending))
                .filter(|(distance_m, _)| *distance_m <= radius_m).collect();
            expected.sort_by(|(a_m, a), (b_m, b)| a_m.total_cmp(b_m).then(a.driver.cmp(&b.driver)));
            prop_assert_eq!(destinations.near(here, radius_m), expected);
            prop_assert_eq!(destinations.by_driver.len(), plain.len());
            for ending in plain {
                prop_assert_eq!(destinations.of(ending.driver), Some(ending));
                destinations.remove(ending.driver);
            }
            prop_assert!(destinations.cells.is_empty(), "nothing is left of rides that are over");
        }
    }

    #[test]
    fn far_from_the_equator_a_circle_is_as_wide() {
        let mut destinations = Destinations::new(1_000.0);
        let north = LatLng::new(60.0, 10.0).expect("on the globe");
        let east = ending(1, north.destination(90.0, 990.0));
        destinations.put(east);
        assert_eq!(destinations.near(north, 1_000.0).len(), 1);
        assert!(destinations.near(north, 980.0).is_empty());
    }
}
