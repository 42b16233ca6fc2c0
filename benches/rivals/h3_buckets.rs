//! Buckets by H3 cell (crate `h3o`, resolution 9: about 200 m from centre to corner) in a hash map.
//!
//! Separate: see `mod.rs`. A search looks at growing disks of cells until the k-th driver found is nearer than anything
//! outside of the disk can be.

use h3o::{CellIndex, LatLng, Resolution};
use rustc_hash::FxHashMap;

use super::{Driver, Question, flat_m};

/// Whatever lies outside of a disk of k rings is at least about this many metres times k away: the width of a cell of
/// resolution 9 across its flats, with a margin for the smallest cells.
const RING_M: f64 = 250.0;

/// The buckets, and each driver's cell.
pub struct H3Index {
    buckets: FxHashMap<CellIndex, Vec<Driver>>,
    cells: Vec<CellIndex>,
}

impl H3Index {
    /// With the free ones of these drivers.
    pub fn new(drivers: &[Driver]) -> Self {
        let mut index = Self { buckets: FxHashMap::default(), cells: Vec::new() };
        for driver in drivers {
            let cell = cell(driver.position);
            index.cells.push(cell);
            if driver.is_free {
                index.buckets.entry(cell).or_default().push(*driver);
            }
        }
        index
    }

    /// A ping.
    pub fn update(&mut self, driver: Driver) {
        let (cell, held) = (cell(driver.position), self.cells[driver.number as usize]);
        let bucket = self.buckets.entry(held).or_default();
        let place = bucket.iter().position(|other| other.number == driver.number);
        let Some(place) = place else { return };
        if cell == held {
            bucket[place] = driver;
        } else {
            bucket.swap_remove(place);
            self.buckets.entry(cell).or_default().push(driver);
            self.cells[driver.number as usize] = cell;
        }
    }

    /// The nearest, by number, with their distances in metres.
    pub fn nearest(&self, from: boda::geo::LatLng, question: &Question<'_>, out: &mut Vec<(u32, f64)>) {
        let (home, here) = (cell(from), flat_m(from));
        out.clear();
        for ring in 0_u32.. {
            // Never a pentagon in Africa.
            for cell in home.grid_ring_fast(ring).flatten() {
                for driver in self.buckets.get(&cell).into_iter().flatten() {
                    let there = flat_m(driver.position);
                    let square = (there[0] - here[0]).powi(2) + (there[1] - here[1]).powi(2);
                    let worst = out.get(question.k - 1).map_or(question.radius_m_max, |other| other.1);
                    if square <= worst * worst && question.admits(driver) {
                        let place = out.partition_point(|other| other.1 <= square.sqrt());
                        out.insert(place, (driver.number, square.sqrt()));
                        out.truncate(question.k);
                    }
                }
            }
            let beyond_m = f64::from(ring) * RING_M;
            if beyond_m > out.get(question.k - 1).map_or(question.radius_m_max, |other| other.1) {
                break;
            }
        }
    }
}

fn cell(place: boda::geo::LatLng) -> CellIndex {
    LatLng::new(place.lat(), place.lng()).expect("on the globe").to_cell(Resolution::Nine)
}
