//! Who has which slot.
//!
//! Separate because it is the one part of the index that is searched by driver. The table holds slot numbers only (five
//! bytes a driver instead of 21); the names are in the slots. It is made as large as it can become, so that nobody
//! waits for it to grow.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::slot::Record;
use crate::ids::DriverId;

/// Under the index's lock: whoever holds it may read the names of all slots in use.
pub(super) struct Directory {
    by_driver: HashTable<u32>,
    /// Slots given back.
    vacant: Vec<u32>,
    /// Slots below this have been used at least once.
    used: u32,
}

impl Directory {
    pub(super) fn new(drivers_max: u32) -> Self {
        Self { by_driver: HashTable::with_capacity(drivers_max as usize), vacant: Vec::new(), used: 0 }
    }

    /// The slot of a driver online.
    pub(super) fn find(&self, records: &[Record], driver: DriverId) -> Option<u32> {
        self.by_driver.find(hash(driver), |index| records[*index as usize].driver() == driver).copied()
    }

    /// A slot for the next driver; `None` when all are taken.
    pub(super) fn vacant(&mut self, records: &[Record]) -> Option<u32> {
        self.vacant.pop().or_else(|| {
            let index = self.used;
            ((index as usize) < records.len()).then(|| {
                self.used += 1;
                index
            })
        })
    }

    /// Notes a driver who is named in this slot now and is not in the directory yet.
    pub(super) fn enter(&mut self, records: &[Record], driver: DriverId, index: u32) {
        let rehash = |index: &u32| hash(records[*index as usize].driver());
        self.by_driver.insert_unique(hash(driver), index, rehash);
    }

    /// Forgets a driver and takes the slot back.
    pub(super) fn strike(&mut self, records: &[Record], driver: DriverId) {
        let entry = self.by_driver.find_entry(hash(driver), |index| records[*index as usize].driver() == driver);
        if let Ok(entry) = entry {
            let (index, _) = entry.remove();
            self.vacant.push(index);
        }
    }

    /// How many drivers there are.
    pub(super) fn len(&self) -> usize {
        self.by_driver.len()
    }

    /// How many slots were ever used.
    pub(super) fn used(&self) -> usize {
        self.used as usize
    }

    /// The memory held, in bytes, once every driver has left.
    pub(super) fn size_bytes(&self, drivers_max: usize) -> usize {
        self.by_driver.allocation_size() + drivers_max * size_of::<u32>()
    }
}

fn hash(driver: DriverId) -> u64 {
    FxBuildHasher.hash_one(driver)
}
