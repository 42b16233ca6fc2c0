//! The wishes of all drivers in memory, so that dispatch asks no database when it looks for a driver.
//!
//! Written after the store, by the calls that change wishes and by those that read them anew (at a start, when a shift
//! begins); of two changes at once the later one stays, whichever arrives last.

use std::sync::Arc;

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use super::Wishes;
use crate::ids::DriverId;
use crate::time::Timestamp;

/// Wishes as they were stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// What is wished for.
    pub wishes: Wishes,
    /// Since when.
    pub changed_at: Timestamp,
}

/// The wishes of every driver who has some.
#[derive(Debug, Default)]
pub struct Board {
    all: DashMap<DriverId, Arc<Stored>, FxBuildHasher>,
}

impl Board {
    /// Takes over what is stored of a driver. Kept even when nothing is wished for any more, so that an older change
    /// that arrives later is known to be older.
    pub fn put(&self, driver: DriverId, stored: Stored) {
        let mut entry = self.all.entry(driver).or_insert_with(|| Arc::new(stored.clone()));
        if entry.changed_at <= stored.changed_at {
            *entry = Arc::new(stored);
        }
    }

    /// What a driver wishes for, if anything was ever said.
    pub fn of(&self, driver: DriverId) -> Option<Arc<Stored>> {
        self.all.get(&driver).map(|entry| Arc::clone(&entry))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_later_change_stays_whichever_comes_last() {
        let driver = DriverId(Uuid::from_u128(1));
        let stored = |most, ms| {
            let wishes = Wishes { pickup_distance_m_max: Some(most), ..Wishes::default() };
            Stored { wishes, changed_at: Timestamp::from_millis(ms) }
        };
        let board = Board::default();
        assert_eq!(board.of(driver), None);
        board.put(driver, stored(500, 20));
        board.put(driver, stored(900, 10));
        assert_eq!(board.of(driver).as_deref(), Some(&stored(500, 20)));
        board.put(driver, stored(700, 30));
        assert_eq!(board.of(driver).as_deref(), Some(&stored(700, 30)));
    }
}
