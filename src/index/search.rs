//! The k nearest free drivers.
//!
//! Separate from the index because it only reads. Cells are visited in square rings around the place, each ring only as
//! far as the [`Horizon`] of the k-th driver found so far (at first: of the largest radius) reaches into it. When a whole
//! ring lies beyond, so does every later one: a cell of the next ring has a neighbour in this ring that is no farther
//! north or south and no farther east or west.

use std::sync::atomic::Ordering;

use super::grid::{Cell, Horizon};
use super::{DriverIndex, RideClasses, lock};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// How many drivers of a cell are looked at together.
const BATCH: usize = 16;

/// What to look for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Nearest<'a> {
    /// How many drivers at most.
    pub k: usize,
    /// The age of a position beyond which it is not trusted.
    pub max_age: Span,
    /// How far away a driver may be, in metres along the great circle.
    pub radius_m_max: f64,
    /// The driver must serve one of these ride types.
    pub classes: RideClasses,
    /// Drivers not wanted: those who were asked already.
    pub exclude: &'a [DriverId],
}

/// A driver found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Neighbour {
    /// Who.
    pub driver: DriverId,
    /// Where.
    pub position: LatLng,
    /// How far, in metres along the great circle.
    pub distance_m: f64,
    /// How long ago.
    pub age: Span,
}

impl DriverIndex {
    /// Fills `out` with the nearest free drivers, nearest first, by great-circle distance and, where that is equal, by
    /// id. `out` is cleared first.
    pub fn nearest(&self, from: LatLng, query: &Nearest<'_>, now: Timestamp, out: &mut Vec<Neighbour>) {
        out.clear();
        if query.k == 0 || query.radius_m_max.is_nan() || query.radius_m_max < 0.0 {
            return;
        }
        let horizon = Horizon::new(from, query.radius_m_max);
        let limit = horizon.limit(query.radius_m_max);
        let home = self.grid.cell_at(from);
        let mut search = Search { index: self, from, query, now, home, horizon, limit, found: out };
        let (rows, cols) = (self.grid.rows(), self.grid.cols());
        let rings = [home.row, rows - 1 - home.row, home.col, cols - 1 - home.col].into_iter().max().unwrap_or(0);
        for ring in 0..=rings {
            if !search.visit_ring(ring) {
                break;
            }
        }
    }
}

struct Search<'a> {
    index: &'a DriverIndex,
    from: LatLng,
    query: &'a Nearest<'a>,
    now: Timestamp,
    /// The cell of `from`.
    home: Cell,
    horizon: Horizon,
    /// What has a larger square sum than this is of no interest.
    limit: f64,
    /// In order of distance and id, never more than k.
    found: &'a mut Vec<Neighbour>,
}

impl Search<'_> {
    /// Visits the cells of one ring; false when all of it was too far.
    fn visit_ring(&mut self, ring: u32) -> bool {
        let (home, rows, cols) = (self.home, self.index.grid.rows(), self.index.grid.cols());
        let (left, right) = (home.col.checked_sub(ring), Some(home.col + ring).filter(|col| *col < cols));
        let mut within = false;
        for row in home.row.saturating_sub(ring)..=(home.row + ring).min(rows - 1) {
            let lat_gap_e7 = self.index.grid.lat_gap_e7(self.from, home.row, row);
            if self.horizon.flat(lat_gap_e7, 0) > self.limit {
                continue;
            }
            if row.abs_diff(home.row) == ring {
                for col in left.unwrap_or(0)..=right.unwrap_or(cols - 1) {
                    within |= self.visit(Cell { row, col }, lat_gap_e7);
                }
            } else {
                for col in [left, right].into_iter().flatten() {
                    within |= self.visit(Cell { row, col }, lat_gap_e7);
                }
            }
        }
        within
    }

    /// Looks at the drivers of one cell; false when the cell is too far.
    fn visit(&mut self, cell: Cell, lat_gap_e7: i64) -> bool {
        let grid = &self.index.grid;
        let lng_gap_e7 = grid.lng_gap_e7(self.from, self.home.col, cell.col);
        if self.horizon.flat(lat_gap_e7, lng_gap_e7) > self.limit {
            return false;
        }
        let number = grid.number(cell) as usize;
        if self.index.occupied[number].load(Ordering::Relaxed) > 0 {
            let list = lock(&self.index.cells[number]);
            for some in list.chunks(BATCH) {
                // All positions first, then the decisions: cache misses overlap as long as no branch depends on them.
                let mut flats = [0.0; BATCH];
                for (flat, index) in flats.iter_mut().zip(some) {
                    *flat = self.horizon.flat_to(self.index.slot(*index).position());
                }
                for (flat, index) in flats.into_iter().zip(some) {
                    if flat <= self.limit {
                        self.consider(*index);
                    }
                }
            }
        }
        true
    }

    /// Takes a driver in, if near enough, young enough and wanted. The caller holds the lock of a list with this slot.
    fn consider(&mut self, index: u32) {
        let slot = self.index.slot(index);
        let at = slot.at();
        let position = slot.position();
        if self.horizon.flat_to(position) > self.limit
            || at < self.now - self.query.max_age
            || !slot.classes().meets(self.query.classes)
        {
            return;
        }
        let driver = slot.driver();
        let distance_m = self.from.distance_m(position);
        if distance_m > self.query.radius_m_max || self.query.exclude.contains(&driver) {
            return;
        }
        let nearer =
            |other: &Neighbour| other.distance_m.total_cmp(&distance_m).then(other.driver.cmp(&driver)).is_lt();
        let place = self.found.partition_point(nearer);
        // A driver on the move between two cells is met in both.
        if place == self.query.k || self.found.iter().any(|other| other.driver == driver) {
            return;
        }
        if self.found.len() == self.query.k {
            self.found.pop();
        }
        self.found.insert(place, Neighbour { driver, position, distance_m, age: self.now.since(at) });
        if self.found.len() == self.query.k {
            self.limit = self.horizon.limit(self.found[self.query.k - 1].distance_m);
        }
    }
}
