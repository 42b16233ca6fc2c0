//! The walk of a search over the cells around a place.
//!
//! Separate because two sieves are led along it: a fast one and a thorough one. Cells are visited in square rings around
//! the place, each ring only as far as the sieve's limit reaches into it. When a whole ring lies beyond, so does
//! every later one: a cell of the next ring has a neighbour in this ring that is no farther north or south and no farther
//! east or west.
//!
//! Of a cell only its list is read, seven drivers to a cache line. Memory is slow beside all else here, so the first lines
//! of a ring are asked for before the ring within is looked at.

use super::DriverIndex;
use super::grid::{Cell, Horizon};
use super::lists::{ENTRIES, Entry};
use crate::geo::LatLng;

/// Who keeps what a walk comes across.
pub(super) trait Sieve {
    /// What ranks above this is of no interest (any more).
    fn limit(&self) -> f64;

    /// Looks at a driver whose square sum is within the limit, or whose place is unknown. May come more than once.
    fn consider(&mut self, entry: Entry, flat: f64);
}

/// The rings around a place.
pub(super) struct Rings<'a> {
    index: &'a DriverIndex,
    horizon: &'a Horizon,
    from: LatLng,
    /// The cell of `from`.
    home: Cell,
}

impl<'a> Rings<'a> {
    pub(super) fn new(index: &'a DriverIndex, horizon: &'a Horizon, from: LatLng) -> Self {
        Self { index, horizon, from, home: index.grid.cell_at(from) }
    }

    /// Shows the sieve everybody within its limit.
    pub(super) fn walk(&self, sieve: &mut impl Sieve) {
        let (home, rows, cols) = (self.home, self.index.grid.rows(), self.index.grid.cols());
        let rings = [home.row, rows - 1 - home.row, home.col, cols - 1 - home.col].into_iter().max().unwrap_or(0);
        let mut around = [(0.0, home, 0); 8];
        let count = self.first_ring(&mut around);
        let next = &mut around[..count];
        next.iter().for_each(|(_, cell, _)| self.index.lists.touch(self.index.grid.number(*cell)));
        self.visit(home, 0, sieve);
        // Nearest first, so that the limit has come down before the far corners.
        next.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut within = false;
        next.iter().for_each(|(_, cell, lat_gap_e7)| within |= self.visit(*cell, *lat_gap_e7, sieve));
        let mut ring = 2;
        while within && ring <= rings {
            within = false;
            self.each_cell(ring, |cell, lat_gap_e7| within |= self.visit(cell, lat_gap_e7, sieve));
            ring += 1;
        }
    }

    /// Notes the cells around the middle one (the square sum of the gap to each, the cell, and its gap in latitude), and
    /// how many there are.
    fn first_ring(&self, around: &mut [(f64, Cell, i64); 8]) -> usize {
        let mut count = 0;
        self.each_cell(1, |cell, lat_gap_e7| {
            let lng_gap_e7 = self.index.grid.lng_gap_e7(self.from, self.home.col, cell.col);
            around[count] = (self.horizon.flat(lat_gap_e7 as f64, lng_gap_e7 as f64), cell, lat_gap_e7);
            count += 1;
        });
        count
    }

    /// The cells of a ring, each with the least difference in latitude between it and the place.
    #[inline]
    fn each_cell(&self, ring: u32, mut show: impl FnMut(Cell, i64)) {
        let (home, rows, cols) = (self.home, self.index.grid.rows(), self.index.grid.cols());
        let (left, right) = (home.col.checked_sub(ring), Some(home.col + ring).filter(|col| *col < cols));
        for row in home.row.saturating_sub(ring)..=(home.row + ring).min(rows - 1) {
            let lat_gap_e7 = self.index.grid.lat_gap_e7(self.from, home.row, row);
            if row.abs_diff(home.row) == ring {
                for col in left.unwrap_or(0)..=right.unwrap_or(cols - 1) {
                    show(Cell { row, col }, lat_gap_e7);
                }
            } else {
                for col in [left, right].into_iter().flatten() {
                    show(Cell { row, col }, lat_gap_e7);
                }
            }
        }
    }

    /// Looks at the drivers of one cell; false when the cell is too far.
    #[inline]
    fn visit(&self, cell: Cell, lat_gap_e7: i64, sieve: &mut impl Sieve) -> bool {
        let grid = &self.index.grid;
        let lng_gap_e7 = grid.lng_gap_e7(self.from, self.home.col, cell.col);
        if self.horizon.flat(lat_gap_e7 as f64, lng_gap_e7 as f64) > self.limit(sieve) {
            return false;
        }
        // How far north and east of the place the cell begins.
        if self.index.lists.len(grid.number(cell)) == 0 {
            return true;
        }
        let (lat_e7, lng_e7) = grid.corner_e7(cell);
        let north_e7 = (lat_e7 - i64::from(self.from.lat_e7())) as f64;
        let east_e7 = (lng_e7 - i64::from(self.from.lng_e7())) as f64;
        // A list that changed while it was read is read again: the sieve knows whom it met before.
        while !self.index.lists.scan(grid.number(cell), |entries, count| {
            // All of the chunk first, then the decisions: the processor does several at once as long as nothing branches.
            let limit = self.limit(sieve);
            let mut flats = [0.0; ENTRIES as usize];
            let mut chosen = 0_u32;
            for (number, (flat, entry)) in flats.iter_mut().zip(entries).enumerate() {
                *flat = self.horizon.flat(north_e7 + f64::from(entry.lat_e7()), east_e7 + f64::from(entry.lng_e7()));
                chosen |= u32::from(*flat <= limit || entry.is_unknown()) << number;
            }
            chosen &= (1 << count) - 1;
            while chosen != 0 {
                let number = chosen.trailing_zeros() as usize;
                sieve.consider(entries[number], flats[number]);
                chosen &= chosen - 1;
            }
        }) {}
        true
    }

    /// What has a larger square sum is of no interest.
    #[inline]
    fn limit(&self, sieve: &impl Sieve) -> f64 {
        if self.horizon.is_blind() { f64::INFINITY } else { sieve.limit() }
    }
}
