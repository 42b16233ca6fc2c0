//! One driver's cache line.
//!
//! Separate because the rules of who reads what without which lock live here, and nowhere else. A slot has two halves:
//! - [`Record`], behind the slot's own lock: for whoever changes the driver. All writes to a slot are made under it.
//! - the atomics, also read by searches that hold no slot lock. A search may see a position newer than the instant that
//!   it read, never an older one: the instant is written last and read first. So an age is at worst overstated, and no
//!   search ever takes an old position for a young one.
//!
//! The driver of a slot changes only while the slot is in no cell's list, and a search reads the driver only while it
//! holds the lock of a list that has the slot: what it reads belongs together.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use uuid::Uuid;

use super::{DriverState, Fix, RideClasses};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::Timestamp;

const BEARING_UNKNOWN: u16 = u16::MAX;

/// One driver, in one cache line of its own, so that two drivers' pings never contend for the same line.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct SlotCell {
    /// Latitude in the upper half, longitude in the lower, both in ten-millionths of a degree.
    position: AtomicU64,
    at_ms: AtomicI64,
    driver_high: AtomicU64,
    driver_low: AtomicU64,
    classes: AtomicU8,
    pub(super) record: Mutex<Record>,
}

/// What only the holder of the slot's lock sees.
pub(super) struct Record {
    /// `None` in a vacant slot.
    pub(super) state: Option<DriverState>,
    /// Counts the drivers who had this slot: a handle of an earlier one is refused.
    pub(super) generation: u32,
    /// The cell of the position; the list of that cell has the slot exactly when the state is free.
    pub(super) cell: u32,
    bearing_deg: u16,
    /// Not a number when unknown.
    speed_mps: f32,
}

impl Default for Record {
    fn default() -> Self {
        Self { state: None, generation: 0, cell: 0, bearing_deg: BEARING_UNKNOWN, speed_mps: f32::NAN }
    }
}

impl SlotCell {
    /// When the driver was where [`position`](Self::position) says. Read this first.
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms.load(Ordering::Acquire))
    }

    /// Where the driver was at [`at`](Self::at) or later.
    pub(super) fn position(&self) -> LatLng {
        let word = self.position.load(Ordering::Relaxed);
        // Each half goes back to the integer that it was made of.
        let (lat_e7, lng_e7) = ((word >> 32) as u32 as i32, word as u32 as i32);
        LatLng::from_e7(lat_e7, lng_e7).expect("only positions on the globe are stored")
    }

    pub(super) fn driver(&self) -> DriverId {
        let (high, low) = (self.driver_high.load(Ordering::Relaxed), self.driver_low.load(Ordering::Relaxed));
        DriverId(Uuid::from_u64_pair(high, low))
    }

    pub(super) fn classes(&self) -> RideClasses {
        RideClasses(self.classes.load(Ordering::Relaxed))
    }

    pub(super) fn set_driver(&self, driver: DriverId) {
        let (high, low) = driver.0.as_u64_pair();
        self.driver_high.store(high, Ordering::Relaxed);
        self.driver_low.store(low, Ordering::Relaxed);
    }

    pub(super) fn set_classes(&self, classes: RideClasses) {
        self.classes.store(classes.0, Ordering::Relaxed);
    }

    /// The record is an argument as proof that the caller holds the slot's lock.
    pub(super) fn set_fix(&self, record: &mut Record, fix: Fix) {
        let word =
            u64::from(fix.position.lat_e7().cast_unsigned()) << 32 | u64::from(fix.position.lng_e7().cast_unsigned());
        self.position.store(word, Ordering::Relaxed);
        self.at_ms.store(fix.at.as_millis(), Ordering::Release);
        record.bearing_deg = fix.bearing_deg.unwrap_or(BEARING_UNKNOWN);
        record.speed_mps = fix.speed_mps.unwrap_or(f32::NAN);
    }

    pub(super) fn fix(&self, record: &Record) -> Fix {
        Fix {
            position: self.position(),
            at: self.at(),
            bearing_deg: Some(record.bearing_deg).filter(|deg| *deg != BEARING_UNKNOWN),
            speed_mps: Some(record.speed_mps).filter(|mps| !mps.is_nan()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::lock;

    #[test]
    fn a_slot_is_one_cache_line() {
        assert_eq!(size_of::<SlotCell>(), 64);
    }

    #[test]
    fn a_fix_comes_out_as_it_went_in() {
        let slot = SlotCell::default();
        for (lat, lng, bearing_deg, speed_mps) in [
            (-1.95, 30.06, Some(359), Some(6.1)),
            (90.0, -180.0, None, None),
            (-90.0, 180.0, Some(0), Some(0.0)),
            (0.0, 0.0, None, Some(1.0)),
        ] {
            let position = LatLng::new(lat, lng).expect("on the globe");
            let fix = Fix { position, at: Timestamp::from_millis(-7), bearing_deg, speed_mps };
            let mut record = lock(&slot.record);
            slot.set_fix(&mut record, fix);
            assert_eq!(slot.fix(&record), fix);
        }
    }
}
