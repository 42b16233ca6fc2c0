//! One driver's cache line.
//!
//! Separate because the rules of who reads what without which lock live here, and nowhere else.
//!
//! - All writes to a slot are made by the holder of its [`Turn`], except that of [`place`](Record::place), which is written
//!   by whoever holds the turn of the cell that lists the slot. All stores release and all readers acquire, so who sees
//!   one store sees those before it.
//! - [`Record::snapshot`] shows all of a slot as it was at one instant; it is tried again when a writer came between.
//! - [`Record::sight`], for searches, waits for nobody. The *tag* (generation, state, ride types) changes when the driver's
//!   work changes, not with a ping: when it is the same before and after, then what was read between belongs to one driver
//!   who was free meanwhile. The position may be newer than the instant, never older: the instant is written last and
//!   read first. So an age is at worst overstated, and no search takes an old position for a young one.
//! - The driver of a slot changes only while the tag says vacant, and every driver has another generation.

use uuid::Uuid;

use super::sync::{AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering, fence, spin_loop, yield_now};
use super::turn::{Held, Turn};
use super::{DriverState, Fix, RideClasses};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::Timestamp;

const BEARING_UNKNOWN: u16 = u16::MAX;

/// How often a reader of all of a slot looks again before another thread is let run instead.
const LOOKS: u32 = 16;

/// One driver, in one cache line of its own, so that two drivers' pings never contend for the same line.
#[repr(align(64))]
pub(super) struct Record {
    /// Latitude in the upper half, longitude in the lower, both in ten-millionths of a degree.
    position: AtomicU64,
    at_ms: AtomicI64,
    driver_high: AtomicU64,
    driver_low: AtomicU64,
    tag: AtomicU64,
    turn: Turn,
    /// The cell whose list has this slot; of a driver who is not free, any.
    cell: AtomicU32,
    /// Where in that list.
    place: AtomicU32,
    /// The bits of a float that is not a number when the speed is unknown.
    speed_mps: AtomicU32,
    bearing_deg: AtomicU16,
}

/// Who has a slot and what for: what a ping does not change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// Counts the drivers who had this slot: a handle of an earlier one is refused.
    pub(super) generation: u32,
    /// `None` in a vacant slot.
    pub(super) state: Option<DriverState>,
    pub(super) classes: RideClasses,
}

/// All of a slot at one instant.
#[derive(Clone, Copy)]
pub(super) struct Snapshot {
    pub(super) tag: Tag,
    pub(super) driver: DriverId,
    pub(super) fix: Fix,
}

/// A free driver as a search sees one.
#[derive(Clone, Copy)]
pub(super) struct Sighting {
    pub(super) driver: DriverId,
    pub(super) position: LatLng,
    pub(super) at: Timestamp,
    pub(super) bearing_deg: Option<u16>,
    pub(super) classes: RideClasses,
}

impl Tag {
    fn word(self) -> u64 {
        let state = match self.state {
            None => 0,
            Some(DriverState::Free) => 1,
            Some(DriverState::Offered) => 2,
            Some(DriverState::ToPickup) => 3,
            Some(DriverState::AtPickup) => 4,
            Some(DriverState::OnTrip) => 5,
        };
        u64::from(self.generation) << 32 | u64::from(self.classes.0) << 8 | state
    }

    #[inline]
    fn of(word: u64) -> Self {
        let state = match word & 0xFF {
            1 => Some(DriverState::Free),
            2 => Some(DriverState::Offered),
            3 => Some(DriverState::ToPickup),
            4 => Some(DriverState::AtPickup),
            5 => Some(DriverState::OnTrip),
            _ => None,
        };
        Self { generation: (word >> 32) as u32, state, classes: RideClasses((word >> 8) as u8) }
    }

    pub(super) fn is_free(self) -> bool {
        self.state == Some(DriverState::Free)
    }
}

impl Record {
    /// A vacant slot.
    pub(super) fn new() -> Self {
        Self {
            position: AtomicU64::new(0),
            at_ms: AtomicI64::new(0),
            driver_high: AtomicU64::new(0),
            driver_low: AtomicU64::new(0),
            tag: AtomicU64::new(0),
            turn: Turn::new(),
            cell: AtomicU32::new(0),
            place: AtomicU32::new(0),
            speed_mps: AtomicU32::new(0),
            bearing_deg: AtomicU16::new(0),
        }
    }

    /// The right to write; the setters take it as proof.
    #[inline]
    pub(super) fn lock(&self) -> Held<'_> {
        self.turn.lock()
    }

    #[inline]
    pub(super) fn tag(&self) -> Tag {
        Tag::of(self.tag.load(Ordering::Acquire))
    }

    /// Says who has the slot and what for. Nobody must be able to find a vacant slot in a list.
    pub(super) fn set_tag(&self, held: &mut Held<'_>, tag: Tag) {
        held.change();
        self.tag.store(tag.word(), Ordering::Release);
    }

    /// When the driver was where the position says.
    #[inline]
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms.load(Ordering::Acquire))
    }

    #[inline]
    pub(super) fn position(&self) -> LatLng {
        let word = self.position.load(Ordering::Acquire);
        // Each half goes back to the integer that it was made of.
        let (lat_e7, lng_e7) = ((word >> 32) as u32 as i32, word as u32 as i32);
        LatLng::from_e7(lat_e7, lng_e7).expect("only positions on the globe are stored")
    }

    /// Whose slot it is; to be read under the slot's turn, or between two looks at the tag.
    #[inline]
    pub(super) fn driver(&self) -> DriverId {
        let (high, low) = (self.driver_high.load(Ordering::Acquire), self.driver_low.load(Ordering::Acquire));
        DriverId(Uuid::from_u64_pair(high, low))
    }

    /// Only in a vacant slot.
    pub(super) fn set_driver(&self, held: &mut Held<'_>, driver: DriverId) {
        held.change();
        let (high, low) = driver.0.as_u64_pair();
        self.driver_high.store(high, Ordering::Release);
        self.driver_low.store(low, Ordering::Release);
    }

    #[inline]
    pub(super) fn set_fix(&self, held: &mut Held<'_>, fix: Fix) {
        held.change();
        let word =
            u64::from(fix.position.lat_e7().cast_unsigned()) << 32 | u64::from(fix.position.lng_e7().cast_unsigned());
        self.position.store(word, Ordering::Release);
        self.bearing_deg.store(fix.bearing_deg.unwrap_or(BEARING_UNKNOWN), Ordering::Release);
        self.speed_mps.store(fix.speed_mps.unwrap_or(f32::NAN).to_bits(), Ordering::Release);
        self.at_ms.store(fix.at.as_millis(), Ordering::Release);
    }

    /// The newest fix; to be read under the slot's turn.
    pub(super) fn fix(&self) -> Fix {
        Fix {
            position: self.position(),
            at: self.at(),
            bearing_deg: self.bearing_deg(),
            speed_mps: Some(f32::from_bits(self.speed_mps.load(Ordering::Acquire))).filter(|mps| !mps.is_nan()),
        }
    }

    #[inline]
    fn bearing_deg(&self) -> Option<u16> {
        Some(self.bearing_deg.load(Ordering::Acquire)).filter(|deg| *deg != BEARING_UNKNOWN)
    }

    /// The cell whose list has the slot; to be read under the slot's turn.
    #[inline]
    pub(super) fn cell(&self) -> u32 {
        self.cell.load(Ordering::Relaxed)
    }

    pub(super) fn set_cell(&self, _held: &Held<'_>, cell: u32) {
        self.cell.store(cell, Ordering::Relaxed);
    }

    /// Where in its cell's list the slot is. Certain under the turn of that cell, a guess without.
    #[inline]
    pub(super) fn place(&self) -> u32 {
        self.place.load(Ordering::Relaxed)
    }

    /// For the holder of the turn of the cell.
    #[inline]
    pub(super) fn set_place(&self, place: u32) {
        self.place.store(place, Ordering::Relaxed);
    }

    /// All of the slot at one instant. Waits while somebody writes, and makes nobody wait.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut looks = 0;
        loop {
            let seen = self.turn.seen();
            if !seen.is_held() {
                let snapshot = Snapshot { tag: self.tag(), driver: self.driver(), fix: self.fix() };
                fence(Ordering::Acquire);
                if self.turn.is_still(seen) {
                    return snapshot;
                }
            }
            looks += 1;
            if looks < LOOKS { spin_loop() } else { yield_now() }
        }
    }

    /// The driver, if free. See the rules at the head of this file.
    #[inline]
    pub(super) fn sight(&self) -> Option<Sighting> {
        loop {
            let before = self.tag.load(Ordering::Acquire);
            let tag = Tag::of(before);
            if !tag.is_free() {
                return None;
            }
            let at = self.at();
            let sighting = Sighting {
                driver: self.driver(),
                position: self.position(),
                at,
                bearing_deg: self.bearing_deg(),
                classes: tag.classes,
            };
            fence(Ordering::Acquire);
            // Every further round means that the driver's work has changed in these few nanoseconds.
            if self.tag.load(Ordering::Relaxed) == before {
                return Some(sighting);
            }
        }
    }
}
