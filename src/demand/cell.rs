//! Pieces of the city: H3 cells of one size.
//!
//! Separate because the size is a decision that all numbers of demand hang on. Resolution 8 has cells of 0.74 km² with sides
//! of 530 m: a moto crosses one in two minutes, so "go there" is a short way, and a cell with its ring (5 km²) is about as
//! far as a rider's call reaches when drivers are scarce. One size finer, a cell of Kigali sees less than a request in ten
//! minutes and says nothing; one coarser, two quarters on either side of a valley become one.

use h3o::{CellIndex, Resolution};

use crate::geo::LatLng;

/// See above.
const RESOLUTION: Resolution = Resolution::Eight;

/// From the middle of a cell to that of its neighbour at most: H3's cells differ in size by a third.
const STEP_M_MIN: f64 = 700.0;

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell(CellIndex);

impl Cell {
    /// The cell of a place.
    pub fn of(place: LatLng) -> Self {
        let place = h3o::LatLng::new(place.lat(), place.lng()).expect("a place on the globe has finite degrees");
        Self(place.to_cell(RESOLUTION))
    }

    /// As H3 writes it, such as `886ad36a31fffff`.
    pub fn name(self) -> String {
        self.0.to_string()
    }

    /// The middle.
    pub fn centre(self) -> LatLng {
        let place = h3o::LatLng::from(self.0);
        LatLng::new(place.lat(), place.lng()).expect("the middle of a cell is on the globe")
    }

    /// The corners, in order.
    pub fn corners(self) -> Vec<LatLng> {
        self.0.boundary().iter().filter_map(|corner| LatLng::new(corner.lat(), corner.lng()).ok()).collect()
    }

    /// The cell and all within so many steps, ascending.
    pub fn disk(self, steps: u32) -> Vec<Self> {
        let mut cells: Vec<Self> = self.0.grid_disk_safe(steps).map(Self).collect();
        cells.sort_unstable();
        cells
    }

    /// The cells around it, ascending; six, but for the twelve pentagons of the globe.
    pub fn neighbours(self) -> Vec<Self> {
        self.disk(1).into_iter().filter(|cell| *cell != self).collect()
    }
}

/// So many steps reach everything within a distance of a place of the cell.
pub fn steps_of(distance_m: f64) -> u32 {
    // One more, since a place is not the middle of its cell.
    (distance_m / STEP_M_MIN).ceil().clamp(0.0, 50.0) as u32 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everything_within_a_distance_is_within_its_steps(
            lat in -2.1..-1.8_f64, lng in 29.9..30.3_f64, bearing in 0.0..360.0_f64, metres in 0.0..8_000.0_f64,
        ) {
            let place = LatLng::new(lat, lng).expect("on the globe");
            let other = place.destination(bearing, metres);
            let disk = Cell::of(place).disk(steps_of(metres));
            prop_assert!(disk.contains(&Cell::of(other)), "{metres} m");
        }
    }

    #[test]
    fn a_cell_of_kigali_is_as_large_as_is_said() {
        let cell = Cell::of(LatLng::new(-1.9441, 30.0619).expect("on the globe"));
        assert_eq!(Cell::of(cell.centre()), cell);
        assert_eq!((cell.corners().len(), cell.neighbours().len()), (6, 6));
        for corner in cell.corners() {
            let side_m = cell.centre().distance_m(corner);
            assert!((400.0..700.0).contains(&side_m), "{side_m} m");
        }
        for neighbour in cell.neighbours() {
            let step_m = cell.centre().distance_m(neighbour.centre());
            assert!(step_m >= STEP_M_MIN, "{step_m} m");
        }
    }
}
