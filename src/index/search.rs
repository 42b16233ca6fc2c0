//! The k nearest free drivers.
//!
//! Separate from the index because it only reads. Cells are visited in square rings around the place, each ring only as
//! far as the [`Horizon`] of the k-th driver found so far (at first: of the largest radius) reaches into it. When a whole
//! ring lies beyond, so does every later one: a cell of the next ring has a neighbour in this ring that is no farther
//! north or south and no farther east or west.
//!
//! Of a cell only its list is read, seven drivers to a cache line. Slots are visited of those few who may be among the
//! nearest, and the great-circle distance is computed at the very end, for about k. Nothing here takes a lock.

use super::grid::{Cell, Horizon};
use super::lists::{ENTRIES, Entry};
use super::{DriverIndex, RideClasses};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// How many more than 4 k drivers may be undecided (nearly as far as the k-th) before they are told apart by their true
/// distances: as if all drivers stood at one corner.
const UNDECIDED_MAX: usize = 64;

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
        let home = self.grid.cell_at(from);
        let mut search = Search {
            index: self,
            from,
            query,
            now,
            oldest: now - query.max_age,
            home,
            limit: horizon.far(query.radius_m_max),
            within: horizon.near(query.radius_m_max),
            horizon,
            found: out,
        };
        let (rows, cols) = (self.grid.rows(), self.grid.cols());
        let rings = [home.row, rows - 1 - home.row, home.col, cols - 1 - home.col].into_iter().max().unwrap_or(0);
        for ring in 0..=rings {
            if !search.visit_ring(ring) {
                break;
            }
        }
        search.decide();
    }
}

struct Search<'a> {
    index: &'a DriverIndex,
    from: LatLng,
    query: &'a Nearest<'a>,
    now: Timestamp,
    /// The instant before which a position is too old.
    oldest: Timestamp,
    /// The cell of `from`.
    home: Cell,
    horizon: Horizon,
    /// Who ranks above this is of no interest.
    limit: f64,
    /// Who ranks up to this is within the largest radius.
    within: f64,
    /// In order of rank, which stands in place of the distance until all is [decided](Search::decide): the k first, and
    /// those whom rank alone does not tell from them.
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
            if self.is_beyond(self.horizon.flat(lat_gap_e7 as f64, 0.0)) {
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
        if self.is_beyond(self.horizon.flat(lat_gap_e7 as f64, lng_gap_e7 as f64)) {
            return false;
        }
        let (lat_e7, lng_e7) = grid.corner_e7(cell);
        let corner = ((lat_e7 - i64::from(self.from.lat_e7())) as f64, (lng_e7 - i64::from(self.from.lng_e7())) as f64);
        let index = self.index;
        // A list that changed while it was read is read again; who was met before, is known.
        while !index.lists.scan(grid.number(cell), |entries| self.consider_some(entries, corner)) {}
        true
    }

    /// Considers those of a chunk who are near enough. `corner` is how far north and east of the place the cell begins.
    #[inline]
    fn consider_some(&mut self, entries: &[Entry], corner: (f64, f64)) {
        // All positions first, then the decisions: the processor does several at once as long as nothing branches.
        let mut flats = [0.0; ENTRIES as usize];
        for (flat, entry) in flats.iter_mut().zip(entries) {
            *flat = self.horizon.flat(corner.0 + f64::from(entry.lat_e7()), corner.1 + f64::from(entry.lng_e7()));
        }
        for (flat, entry) in flats.into_iter().zip(entries) {
            if !self.is_beyond(flat) || entry.is_unknown() {
                self.consider(entry.slot());
            }
        }
    }

    /// Whether what has this square sum at least is of no interest.
    #[inline]
    fn is_beyond(&self, flat: f64) -> bool {
        flat > self.limit && !self.horizon.is_blind()
    }

    /// Takes a driver in, if near enough, young enough and wanted.
    fn consider(&mut self, slot: u32) {
        // A vacant entry, met while a list was changed, names no slot.
        let Some(record) = self.index.records.get(slot as usize) else { return };
        let Some(seen) = record.sight(self.query.classes) else { return };
        let rank = self.horizon.rank(seen.position);
        if rank > self.limit || seen.at < self.oldest || self.query.exclude.contains(&seen.driver) {
            return;
        }
        if rank > self.within && self.from.distance_m(seen.position) > self.query.radius_m_max {
            return;
        }
        // A driver on the move between two cells is met in both.
        if self.found.iter().any(|other| other.driver == seen.driver) {
            return;
        }
        let place = self.found.partition_point(|other| other.distance_m <= rank);
        let age = self.now.since(seen.at);
        self.found.insert(place, Neighbour { driver: seen.driver, position: seen.position, distance_m: rank, age });
        self.narrow();
    }

    /// Sets the limit by the k-th driver found.
    fn narrow(&mut self) {
        let Some(last) = self.found.get(self.query.k - 1) else { return };
        self.limit = self.limit.min(self.horizon.spread(last.distance_m));
        while self.found.last().is_some_and(|other| other.distance_m > self.limit) {
            self.found.pop();
        }
        if self.found.len() > self.query.k.saturating_mul(4).saturating_add(UNDECIDED_MAX) {
            self.decide();
            let last_m = self.found[self.query.k - 1].distance_m;
            self.limit = self.limit.min(self.horizon.far(last_m));
            for neighbour in self.found.iter_mut() {
                neighbour.distance_m = self.horizon.rank(neighbour.position);
            }
            self.found.sort_unstable_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
        }
    }

    /// Leaves the k nearest, with their distances, in order.
    fn decide(&mut self) {
        for neighbour in self.found.iter_mut() {
            neighbour.distance_m = self.from.distance_m(neighbour.position);
        }
        self.found.sort_unstable_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.driver.cmp(&b.driver)));
        self.found.truncate(self.query.k);
    }
}
