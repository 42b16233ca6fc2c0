//! What happened in each cell in each of the last sixty minutes.
//!
//! Separate because memory is bounded here: a ring of sixty minutes for each cell in which anything happened, and so many
//! cells at most. A minute that comes round again is cleared by the first who writes to it, and a reader takes no minute
//! that is older than was asked for, so that nobody has to tidy up in time.

use std::collections::BTreeMap;

use super::cell::Cell;
use crate::time::Timestamp;

/// Minutes that are kept.
pub const MINUTES: usize = 60;
const MS_PER_MINUTE: i64 = 60_000;

/// Something that happened in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A ride was requested.
    Requested,
    /// A driver took one.
    Served,
    /// One ended before a driver was found.
    Unserved,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rides requested.
    pub requested: u32,
    /// Rides that a driver took.
    pub served: u32,
    /// Rides that ended before a driver was found.
    pub unserved: u32,
    /// Free drivers, summed over the samples.
    pub free: u32,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.requested = self.requested.saturating_add(other.requested);
        self.served = self.served.saturating_add(other.served);
        self.unserved = self.unserved.saturating_add(other.unserved);
        self.free = self.free.saturating_add(other.free);
    }
}

/// A value for each of the last minutes.
#[derive(Clone, Debug)]
struct Ring<T> {
    /// The newest minute that was written; the slots of those before it hold values or the default.
    newest: i64,
    slots: [T; MINUTES],
}

impl<T: Copy + Default> Ring<T> {
    fn new(minute: i64) -> Self {
        Self { newest: minute, slots: [T::default(); MINUTES] }
    }

    /// The slot of a minute; `None` when it is too old. A newer one clears those in between.
    fn slot(&mut self, minute: i64) -> Option<&mut T> {
        let behind = self.newest.saturating_sub(minute);
        if behind >= MINUTES as i64 {
            return None;
        }
        if behind < 0 {
            let ahead = behind.unsigned_abs().min(MINUTES as u64) as i64;
            for step in 0..ahead {
                self.slots[at(minute - step)] = T::default();
            }
            self.newest = minute;
        }
        Some(&mut self.slots[at(minute)])
    }

    /// The values of so many minutes up to and with this one.
    fn last(&self, minute: i64, minutes: usize) -> impl Iterator<Item = &T> {
        let first = minute.saturating_sub(minutes.min(MINUTES) as i64 - 1).max(self.newest - (MINUTES as i64 - 1));
        (first..=minute.min(self.newest)).map(|minute| &self.slots[at(minute)])
    }
}

/// Where a minute stands in a ring.
fn at(minute: i64) -> usize {
    minute.rem_euclid(MINUTES as i64) as usize
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MS_PER_MINUTE)
}

/// The counts of all cells.
#[derive(Debug)]
pub struct Counts {
    cells: BTreeMap<Cell, Ring<Totals>>,
    cells_max: usize,
    /// How often drivers were counted in each minute.
    samples: Ring<u32>,
    dropped: u64,
}

impl Counts {
    /// None yet, of so many cells at most.
    pub fn new(cells_max: usize) -> Self {
        Self { cells: BTreeMap::new(), cells_max, samples: Ring::new(0), dropped: 0 }
    }

    /// Something happened. Dropped, and counted as such, when it is too old or there are too many cells.
    pub fn note(&mut self, cell: Cell, what: Happening, now: Timestamp) {
        self.write(cell, now, |totals| {
            let count = match what {
                Happening::Requested => &mut totals.requested,
                Happening::Served => &mut totals.served,
                Happening::Unserved => &mut totals.unserved,
            };
            *count = count.saturating_add(1);
        });
    }

    /// So many free drivers are in these cells, and in no others.
    pub fn sample(&mut self, free: &BTreeMap<Cell, u32>, now: Timestamp) {
        if let Some(samples) = self.samples.slot(minute_of(now)) {
            *samples = samples.saturating_add(1);
        }
        for (cell, drivers) in free {
            self.write(*cell, now, |totals| totals.free = totals.free.saturating_add(*drivers));
        }
    }

    /// What happened in each cell in the last so many minutes, cells without anything left out.
    pub fn totals(&self, now: Timestamp, minutes: usize) -> BTreeMap<Cell, Totals> {
        let minute = minute_of(now);
        let sum = |ring: &Ring<Totals>| {
            let mut sum = Totals::default();
            ring.last(minute, minutes).for_each(|totals| sum.add(totals));
            sum
        };
        let summed = self.cells.iter().map(|(cell, ring)| (*cell, sum(ring)));
        summed.filter(|(_, totals)| *totals != Totals::default()).collect()
    }

    /// How often drivers were counted in the last so many minutes.
    pub fn samples(&self, now: Timestamp, minutes: usize) -> u32 {
        self.samples.last(minute_of(now), minutes).fold(0, |sum, samples| sum.saturating_add(*samples))
    }

    /// Cells in memory.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether nothing is in memory.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// What was dropped since this was asked last.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn write(&mut self, cell: Cell, now: Timestamp, write: impl FnOnce(&mut Totals)) {
        let minute = minute_of(now);
        if !self.cells.contains_key(&cell) {
            if self.cells.len() >= self.cells_max {
                // Where nothing happened for an hour there is nothing to lose.
                self.cells.retain(|_, ring| minute - ring.newest < MINUTES as i64);
            }
            if self.cells.len() >= self.cells_max {
                self.dropped += 1;
                return;
            }
        }
        match self.cells.entry(cell).or_insert_with(|| Ring::new(minute)).slot(minute) {
            Some(totals) => write(totals),
            None => self.dropped += 1,
        }
    }
}
