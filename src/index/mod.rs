//! Where the drivers are now.
//!
//! Separate from dispatch because it is the one structure that every socket writes to and every search reads: it must
//! cost nanoseconds a ping, and it alone is shared between threads. It holds no ride, no name, no history.
//!
//! # Shape
//! - A driver online has a *slot*: a cache line in a dense table, updated in place, found by a [`Slot`] handle without
//!   hashing. A handle outlives its driver harmlessly: it carries the generation of the slot.
//! - A uniform grid lies over the service area. Each cell lists its *free* drivers, with their positions packed beside
//!   each other. Busy drivers are in no list at all: nobody searches for them, so their pings write one line, a search
//!   never passes over them, and who wants one has its id.
//!
//! # Threads
//! Everything is `&self`. Searches and walks take no lock: they never make a ping wait, and a thread that is put to sleep
//! in the middle of a ping never makes a search wait. How that is done is told where it is done: in `slot` and `lists`.
//! Writers take locks in the order directory, slot, cells (the lower number first):
//! - A ping takes its own driver's slot, which nobody else wants, and only when a free driver changed cells, the
//!   turns of both: a moving driver is in both lists for a moment, never in none.
//! - Going online and offline takes the directory's lock: rare.
//!
//! # Promises
//! - When nothing is being written, [`nearest`](DriverIndex::nearest) is exact: it equals a linear scan.
//! - Always: what was returned was online, free and young enough at some instant of the search, and no driver comes
//!   twice. A driver who crosses into a cell already searched, out of one that was not yet, can be missed by that search;
//!   one who stays cannot, whatever the others do.
//! - A position outside the area is kept and found like any other; it counts to the nearest cell of the border.

mod browse;
mod directory;
mod grid;
mod lists;
mod rings;
mod search;
mod shortlist;
mod slot;
mod sync;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use browse::Online;
pub use search::{Nearest, Neighbour};

use crate::geo::{Area, LatLng};
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};
use directory::Directory;
use grid::Grid;
use lists::{Entry, Lists};
use slot::{Record, Tag};
use turn::Held;

/// What fits in memory without a thought: a cell costs 16 bytes, a slot 64, and the part of a list that one driver can need
/// all alone another 64.
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

impl Slot {
    /// The number of the slot: below the largest number of drivers, and the next driver's after this one.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Which driver of the slot this is.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// What became of a fix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// It is the position of the driver, who does this now. (Nobody but a search looks at free drivers.)
    Moved(DriverState),
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
    /// The slots.
    records: Vec<Record>,
    /// The free drivers in each cell.
    lists: Lists,
    directory: RwLock<Directory>,
    free: AtomicUsize,
}

impl DriverIndex {
    /// An empty index.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let grid = Grid::new(config.area, config.cell_m);
        Ok(Self {
            records: (0..config.drivers_max).map(|_| Record::new()).collect(),
            lists: Lists::new(grid.cells(), config.drivers_max),
            directory: RwLock::new(Directory::new(config.drivers_max)),
            free: AtomicUsize::new(0),
            grid,
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
        let mut directory = self.enter();
        if let Some(index) = directory.find(&self.records, driver) {
            let record = &self.records[index as usize];
            let mut held = record.lock();
            let tag = Tag { classes, ..record.tag() };
            record.set_tag(&mut held, tag);
            if at >= record.at() {
                self.put(index, &mut held, tag, fix);
            }
            return Ok(Slot { index, generation: tag.generation });
        }
        let full = Full { drivers_max: self.records.len() as u32 };
        let index = directory.vacant(&self.records).ok_or(full)?;
        let record = &self.records[index as usize];
        let mut held = record.lock();
        // Vacant so far, so no search takes a half-written slot for a driver.
        record.set_driver(&mut held, driver);
        record.set_fix(&mut held, fix);
        let tag = Tag { state: Some(DriverState::Free), classes, ..record.tag() };
        record.set_tag(&mut held, tag);
        directory.enter(&self.records, driver, index);
        self.list(index, &held);
        Ok(Slot { index, generation: tag.generation })
    }

    /// Takes a driver off at once: no search that begins after this returns finds the driver. False when the driver was
    /// not online.
    pub fn go_offline(&self, driver: DriverId) -> bool {
        self.remove_if(driver, |_| true)
    }

    /// The handle of a driver online.
    pub fn slot_of(&self, driver: DriverId) -> Option<Slot> {
        self.with_record(driver, |index, record| Slot { index, generation: record.tag().generation })
    }

    /// Takes in a ping. A fix older than the newest held is ignored; one of the same instant replaces it.
    pub fn update(&self, slot: Slot, fix: Fix) -> Update {
        let Some(record) = self.records.get(slot.index as usize) else { return Update::Offline };
        let mut held = record.lock();
        let tag = record.tag();
        match tag.state {
            Some(state) if tag.generation == slot.generation => {
                if fix.at < record.at() {
                    return Update::Stale;
                }
                self.put(slot.index, &mut held, tag, fix);
                Update::Moved(state)
            }
            _ => Update::Offline,
        }
    }

    /// Says what a driver does now; the answer is what the driver did before, or `None` when offline. No search that
    /// begins after this returns finds a driver who is no longer free.
    pub fn set_state(&self, driver: DriverId, state: DriverState) -> Option<DriverState> {
        self.with_record(driver, |index, record| {
            let mut held = record.lock();
            let before = record.tag();
            record.set_tag(&mut held, Tag { state: Some(state), ..before });
            match (before.is_free(), state == DriverState::Free) {
                (true, false) => self.unlist(index, &held),
                (false, true) => self.list(index, &held),
                _ => {}
            }
            before.state
        })?
    }

    /// The newest fix of a driver online.
    pub fn position_of(&self, driver: DriverId) -> Option<Fix> {
        self.with_record(driver, |_, record| record.snapshot().fix)
    }

    /// What a driver does; `None` when offline.
    pub fn state_of(&self, driver: DriverId) -> Option<DriverState> {
        self.with_record(driver, |_, record| record.tag().state)?
    }

    /// How many drivers are online.
    pub fn len(&self) -> usize {
        self.look_up().len()
    }

    /// Whether nobody is online.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many drivers are free, whatever the age of their position.
    pub fn free_len(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    /// The memory held, in bytes. All of it but four bytes a slot is taken at the beginning, none afterwards.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + self.records.capacity() * size_of::<Record>()
            + self.lists.size_bytes()
            + self.look_up().size_bytes(self.records.len())
    }

    /// Takes off the *free* drivers who have been silent for longer than `silence_max`, and names them: phones that died
    /// without a word. Searches do not need this (they have an age limit of their own); memory and counts do. Who is busy
    /// is left alone: a lost driver with a rider is for dispatch to judge.
    pub fn expire(&self, now: Timestamp, silence_max: Span) -> Vec<DriverId> {
        let oldest = now - silence_max;
        let mut expired = Vec::new();
        for record in self.in_use() {
            let seen = record.snapshot();
            if seen.tag.is_free() && seen.fix.at < oldest {
                expired.push(seen.driver);
            }
        }
        // A ping may have come since: judge again, now with the right to remove.
        expired.retain(|driver| self.remove_if(*driver, |record| record.tag().is_free() && record.at() < oldest));
        expired
    }

    /// The condition is judged, and acted upon, under the turn of the slot.
    fn remove_if(&self, driver: DriverId, condition: impl FnOnce(&Record) -> bool) -> bool {
        let mut directory = self.enter();
        let Some(index) = directory.find(&self.records, driver) else { return false };
        let record = &self.records[index as usize];
        let mut held = record.lock();
        if !condition(record) {
            return false;
        }
        let before = record.tag();
        record.set_tag(&mut held, Tag { state: None, generation: before.generation.wrapping_add(1), ..before });
        if before.is_free() {
            self.unlist(index, &held);
        }
        directory.strike(&self.records, driver);
        true
    }

    /// The slot of a driver, who cannot go offline meanwhile.
    fn with_record<T>(&self, driver: DriverId, then: impl FnOnce(u32, &Record) -> T) -> Option<T> {
        let directory = self.look_up();
        let index = directory.find(&self.records, driver)?;
        Some(then(index, &self.records[index as usize]))
    }

    /// Writes a fix. A free driver is moved within or between the lists; of a busy one nobody asks for the cell.
    #[inline]
    fn put(&self, index: u32, held: &mut Held<'_>, tag: Tag, fix: Fix) {
        let record = &self.records[index as usize];
        record.set_fix(held, fix);
        if !tag.is_free() {
            return;
        }
        let (spot, cell) = (self.grid.spot(fix.position), record.cell());
        let entry = Entry::new(index, spot.lat_e7, spot.lng_e7);
        if spot.cell == cell {
            self.lists.shift(&self.records, cell, entry);
        } else {
            self.lists.relist(&self.records, cell, spot.cell, entry);
            record.set_cell(held, spot.cell);
        }
    }

    fn list(&self, index: u32, held: &Held<'_>) {
        let record = &self.records[index as usize];
        let spot = self.grid.spot(record.position());
        self.lists.list(&self.records, spot.cell, Entry::new(index, spot.lat_e7, spot.lng_e7));
        record.set_cell(held, spot.cell);
        self.free.fetch_add(1, Ordering::Relaxed);
    }

    fn unlist(&self, index: u32, _held: &Held<'_>) {
        self.lists.unlist(&self.records, self.records[index as usize].cell(), index);
        self.free.fetch_sub(1, Ordering::Relaxed);
    }

    /// The slots that were ever used.
    fn in_use(&self) -> &[Record] {
        &self.records[..self.look_up().used()]
    }

    /// The directory, whatever became of the last holder: no code that runs under this lock can panic half-way through a
    /// change.
    fn look_up(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }
}
