//! Where the drivers are now.
//!
//! Separate from dispatch because it is the one structure that every socket writes to and every search reads: it must
//! cost nanoseconds a ping, and it alone is shared between threads. It holds no ride, no name, no history.
//!
//! # Shape
//! - A driver online has a *slot*: a cache line in a dense table, updated in place, found by a [`Slot`] handle without
//!   hashing. A handle outlives its driver harmlessly: it carries the generation of the slot.
//! - A uniform grid lies over the service area. Each cell lists the slots of its *free* drivers. Busy
//!   drivers are in no list at all: a search never meets them, and who wants one has its id.
//!
//! # Threads
//! Everything is `&self`. Locks are taken in the order directory, slot, cell, one of each kind at a time:
//! - A ping takes its own driver's slot lock, which nobody else wants, and, only when the cell changed, the locks of the
//!   new and the old cell one after the other: a moving driver is in both lists for a moment, never in none.
//! - A search takes cell locks only, one at a time. It reads positions as atomics, so it never waits for a ping.
//! - Going online and offline takes the directory's lock: rare.
//!
//! # Promises
//! - When nothing is being written, [`nearest`](DriverIndex::nearest) is exact: it equals a linear scan.
//! - Always: what was returned was online, free and young enough at some instant of the search, and no driver comes
//!   twice. A driver who crosses into a cell already searched, out of one that was not yet, can be missed by that search.
//! - A position outside the area is kept and found like any other; it counts to the nearest cell of the border.

mod grid;
mod search;
mod slot;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use rustc_hash::FxHashMap;

pub use search::{Nearest, Neighbour};

use crate::geo::{Area, LatLng};
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};
use grid::Grid;
use slot::{Record, SlotCell};

/// What fits in memory without a thought: a cell costs 36 bytes, a slot 64.
const CELLS_MAX: u64 = 4_000_000;
const DRIVERS_MAX: u32 = 4_000_000;

/// What an index is built for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Where the drivers are.
    pub area: Area,
    /// Side of a grid cell in metres; 250 suits a city.
    pub cell_m: f64,
    /// How many drivers can be online at once.
    pub drivers_max: u32,
}

impl Config {
    /// Whether an index can be built for this.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(10.0..=100_000.0).contains(&self.cell_m) {
            return Err(ConfigError::CellSide(self.cell_m));
        }
        if !(1..=DRIVERS_MAX).contains(&self.drivers_max) {
            return Err(ConfigError::Drivers(self.drivers_max));
        }
        let cells = Grid::new(self.area, self.cell_m).cells();
        if cells > CELLS_MAX { Err(ConfigError::Cells(cells)) } else { Ok(()) }
    }
}

/// An index that cannot be built.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// The side of a cell, in metres.
    #[error("cell side {0} m is out of range 10..=100000")]
    CellSide(f64),
    /// The area is too large for cells so small.
    #[error("the area has {0} cells of this side, more than 4000000")]
    Cells(u64),
    /// The number of drivers.
    #[error("{0} drivers are out of range 1..=4000000")]
    Drivers(u32),
}

/// One position of a driver.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fix {
    /// Where.
    pub position: LatLng,
    /// When.
    pub at: Timestamp,
    /// Direction of travel in whole degrees clockwise from north.
    pub bearing_deg: Option<u16>,
    /// Speed in metres per second.
    pub speed_mps: Option<f32>,
}

impl Fix {
    /// A position of which nothing else is known.
    pub const fn new(position: LatLng, at: Timestamp) -> Self {
        Self { position, at, bearing_deg: None, speed_mps: None }
    }
}

/// What a driver online is doing. Only [`Free`](Self::Free) drivers are found by a search.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DriverState {
    /// Waiting for work.
    Free,
    /// Holding an offer.
    Offered,
    /// Riding to the pickup.
    ToPickup,
    /// Waiting for the rider.
    AtPickup,
    /// Carrying the rider.
    OnTrip,
}

/// A set of ride types that a driver serves or a search asks for: one bit each, given out by the caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RideClasses(pub u8);

impl RideClasses {
    /// Every ride type.
    pub const ANY: Self = Self(u8::MAX);

    /// Whether the two sets have a ride type in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A handle to a driver online, good until the driver goes offline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    index: u32,
    generation: u32,
}

/// What became of a fix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// It is the driver's position now.
    Moved,
    /// It is older than the one held, and was ignored.
    Stale,
    /// The driver is not online (any more), and it was ignored.
    Offline,
}

/// As many drivers are online as the index was built for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("all {drivers_max} places for drivers are taken")]
pub struct Full {
    /// How many there are.
    pub drivers_max: u32,
}

/// The live positions of the drivers of one area.
pub struct DriverIndex {
    grid: Grid,
    slots: Vec<SlotCell>,
    /// The slots of the free drivers in each cell.
    cells: Vec<Mutex<Vec<u32>>>,
    /// The length of each cell's list, so that a search passes empty ground without taking locks. Written under the
    /// cell's lock.
    occupied: Vec<AtomicU32>,
    directory: RwLock<Directory>,
    free: AtomicUsize,
}

/// Who has which slot.
#[derive(Default)]
struct Directory {
    by_driver: FxHashMap<DriverId, u32>,
    /// Slots given back.
    vacant: Vec<u32>,
    /// Slots below this have been used at least once.
    used: u32,
}

impl DriverIndex {
    /// An empty index.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let grid = Grid::new(config.area, config.cell_m);
        let cells = grid.cells();
        Ok(Self {
            grid,
            slots: (0..config.drivers_max).map(|_| SlotCell::default()).collect(),
            cells: (0..cells).map(|_| Mutex::default()).collect(),
            occupied: (0..cells).map(|_| AtomicU32::new(0)).collect(),
            directory: RwLock::default(),
            free: AtomicUsize::new(0),
        })
    }

    /// Makes a driver findable, free. For a driver already online (a phone that reconnects) the slot and the state stay,
    /// the ride types are replaced, and the position counts as an [update](Self::update).
    pub fn go_online(
        &self,
        driver: DriverId,
        position: LatLng,
        at: Timestamp,
        classes: RideClasses,
    ) -> Result<Slot, Full> {
        let fix = Fix::new(position, at);
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&index) = directory.by_driver.get(&driver) {
            let slot = self.slot(index);
            let mut record = lock(&slot.record);
            slot.set_classes(classes);
            if at >= slot.at() {
                self.move_to(index, &mut record, fix);
            }
            return Ok(Slot { index, generation: record.generation });
        }
        let index = directory.take_slot(self.slots.len()).ok_or(Full { drivers_max: self.slots.len() as u32 })?;
        directory.by_driver.insert(driver, index);
        let slot = self.slot(index);
        let mut record = lock(&slot.record);
        // Not in any list yet, so no search can see a half-written slot.
        slot.set_driver(driver);
        slot.set_classes(classes);
        slot.set_fix(&mut record, fix);
        record.cell = self.grid.cell_of(position);
        record.state = Some(DriverState::Free);
        self.list(index, record.cell);
        self.free.fetch_add(1, Ordering::Relaxed);
        Ok(Slot { index, generation: record.generation })
    }

    /// Takes a driver off at once: no search that begins after this returns finds the driver. False when the driver was
    /// not online.
    pub fn go_offline(&self, driver: DriverId) -> bool {
        self.remove_if(driver, |_, _| true)
    }

    /// The handle of a driver online.
    pub fn slot_of(&self, driver: DriverId) -> Option<Slot> {
        self.with_record(driver, |index, _, record| Slot { index, generation: record.generation })
    }

    /// Takes in a ping. A fix older than the newest held is ignored; one of the same instant replaces it.
    pub fn update(&self, slot: Slot, fix: Fix) -> Update {
        let Some(cell) = self.slots.get(slot.index as usize) else { return Update::Offline };
        let mut record = lock(&cell.record);
        if record.generation != slot.generation || record.state.is_none() {
            return Update::Offline;
        }
        if fix.at < cell.at() {
            return Update::Stale;
        }
        self.move_to(slot.index, &mut record, fix);
        Update::Moved
    }

    /// Says what a driver does now; the answer is what the driver did before, or `None` when offline. No search that
    /// begins after this returns finds a driver who is no longer free.
    pub fn set_state(&self, driver: DriverId, state: DriverState) -> Option<DriverState> {
        self.with_record(driver, |index, _, record| {
            let before = record.state.replace(state);
            match (before == Some(DriverState::Free), state == DriverState::Free) {
                (true, false) => {
                    self.unlist(index, record.cell);
                    self.free.fetch_sub(1, Ordering::Relaxed);
                }
                (false, true) => {
                    self.list(index, record.cell);
                    self.free.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
            before
        })?
    }

    /// The newest fix of a driver online.
    pub fn position_of(&self, driver: DriverId) -> Option<Fix> {
        self.with_record(driver, |_, slot, record| slot.fix(record))
    }

    /// What a driver does; `None` when offline.
    pub fn state_of(&self, driver: DriverId) -> Option<DriverState> {
        self.with_record(driver, |_, _, record| record.state)?
    }

    /// How many drivers are online.
    pub fn len(&self) -> usize {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).by_driver.len()
    }

    /// Whether nobody is online.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many drivers are free, whatever the age of their position.
    pub fn free_len(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    /// Shows every driver online, whatever the age of the position, in no particular order. Each is shown as it is at
    /// one instant; the whole is not a snapshot of one instant. No lock is held while `show` runs.
    pub fn for_each(&self, mut show: impl FnMut(DriverId, Fix, DriverState)) {
        let used = self.directory.read().unwrap_or_else(PoisonError::into_inner).used;
        for slot in &self.slots[..used as usize] {
            let seen = {
                let record = lock(&slot.record);
                record.state.map(|state| (slot.driver(), slot.fix(&record), state))
            };
            if let Some((driver, fix, state)) = seen {
                show(driver, fix, state);
            }
        }
    }

    /// Takes off the *free* drivers who have been silent for longer than `silence_max`, and names them: phones that died
    /// without a word. Searches do not need this (they have an age limit of their own); memory and counts do. Who is busy
    /// is left alone: a lost driver with a rider is for dispatch to judge.
    pub fn expire(&self, now: Timestamp, silence_max: Span) -> Vec<DriverId> {
        let silent =
            |slot: &SlotCell, record: &Record| record.state == Some(DriverState::Free) && slot.at() < now - silence_max;
        let used = self.directory.read().unwrap_or_else(PoisonError::into_inner).used;
        let mut expired = Vec::new();
        for slot in &self.slots[..used as usize] {
            let record = lock(&slot.record);
            if silent(slot, &record) {
                expired.push(slot.driver());
            }
        }
        // A ping may have come since: judge again, now with the right to remove.
        expired.retain(|driver| self.remove_if(*driver, silent));
        expired
    }

    fn remove_if(&self, driver: DriverId, condition: impl FnOnce(&SlotCell, &Record) -> bool) -> bool {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        let Some(&index) = directory.by_driver.get(&driver) else { return false };
        let slot = self.slot(index);
        let mut record = lock(&slot.record);
        if !condition(slot, &record) {
            return false;
        }
        if record.state.take() == Some(DriverState::Free) {
            self.unlist(index, record.cell);
            self.free.fetch_sub(1, Ordering::Relaxed);
        }
        record.generation = record.generation.wrapping_add(1);
        directory.by_driver.remove(&driver);
        directory.vacant.push(index);
        true
    }

    fn with_record<T>(&self, driver: DriverId, then: impl FnOnce(u32, &SlotCell, &mut Record) -> T) -> Option<T> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        let index = *directory.by_driver.get(&driver)?;
        let slot = self.slot(index);
        let mut record = lock(&slot.record);
        Some(then(index, slot, &mut record))
    }

    /// Writes a fix, and changes lists when it lies in another cell. The new list comes first: see the promises above.
    fn move_to(&self, index: u32, record: &mut Record, fix: Fix) {
        self.slot(index).set_fix(record, fix);
        let cell = self.grid.cell_of(fix.position);
        if cell != record.cell {
            if record.state == Some(DriverState::Free) {
                self.list(index, cell);
                self.unlist(index, record.cell);
            }
            record.cell = cell;
        }
    }

    fn list(&self, index: u32, cell: u32) {
        let mut list = lock(&self.cells[cell as usize]);
        list.push(index);
        self.occupied[cell as usize].store(list.len() as u32, Ordering::Relaxed);
    }

    fn unlist(&self, index: u32, cell: u32) {
        let mut list = lock(&self.cells[cell as usize]);
        // Tens of entries in a row: looking is faster than keeping every slot's place in its list up to date.
        if let Some(place) = list.iter().position(|listed| *listed == index) {
            list.swap_remove(place);
            self.occupied[cell as usize].store(list.len() as u32, Ordering::Relaxed);
        }
    }

    fn slot(&self, index: u32) -> &SlotCell {
        &self.slots[index as usize]
    }
}

impl Directory {
    fn take_slot(&mut self, slots: usize) -> Option<u32> {
        self.vacant.pop().or_else(|| {
            let index = self.used;
            ((index as usize) < slots).then(|| {
                self.used += 1;
                index
            })
        })
    }
}

/// Locks, whatever became of the last holder: no code that runs under these locks can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
