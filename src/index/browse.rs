//! Everybody in a small box, and everybody at all: for maps and for records.
//!
//! Separate from the search because nothing is sorted or chosen here. Both walks take no lock and make nobody wait.

use super::grid::Cell;
use super::{DriverIndex, DriverState, Fix, RideClasses, Slot};
use crate::geo::{Area, LatLng};
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// A driver online, as found by [`DriverIndex::visit`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Online {
    /// The handle.
    pub slot: Slot,
    /// Who.
    pub driver: DriverId,
    /// The newest fix.
    pub fix: Fix,
    /// What the driver does.
    pub state: DriverState,
}

impl DriverIndex {
    /// Shows every free driver inside a box (edges included) who serves a ride type and whose position is no older than
    /// `max_age`: the number of the slot, the position, and the bearing in whole degrees. The cost is that of the cells
    /// which the box touches.
    ///
    /// A driver who crosses from one of those cells to another meanwhile may be shown twice or not at all.
    pub fn free_in(&self, area: Area, max_age: Span, now: Timestamp, mut visit: impl FnMut(u32, LatLng, Option<u16>)) {
        let oldest = now - max_age;
        let (low, high) = (self.grid.cell_at(area.south_west()), self.grid.cell_at(area.north_east()));
        let mut slots = Vec::new();
        for row in low.row..=high.row {
            for col in low.col..=high.col {
                let cell = self.grid.number(Cell { row, col });
                if self.lists.len(cell) == 0 {
                    continue;
                }
                // A list that changed while it was read is read again before anybody of it is shown.
                let mut whole = false;
                while !whole {
                    slots.clear();
                    whole = self.lists.scan(cell, |entries, count| {
                        slots.extend(entries[..count].iter().map(|entry| entry.slot()));
                    });
                }
                for slot in &slots {
                    let Some(record) = self.records.get(*slot as usize) else { continue };
                    let Some(seen) = record.sight() else { continue };
                    if seen.at >= oldest && seen.classes.meets(RideClasses::ANY) && area.contains(seen.position) {
                        visit(*slot, seen.position, seen.bearing_deg);
                    }
                }
            }
        }
    }

    /// Shows every driver online, whatever the age of the position, in the order of their slots. Each is shown as it is
    /// at one instant; the whole is not a snapshot of one instant.
    pub fn visit(&self, mut visit: impl FnMut(&Online)) {
        for (index, record) in self.in_use().iter().enumerate() {
            let seen = record.snapshot();
            if let Some(state) = seen.tag.state {
                let slot = Slot { index: index as u32, generation: seen.tag.generation };
                visit(&Online { slot, driver: seen.driver, fix: seen.fix, state });
            }
        }
    }

    /// As [`visit`](Self::visit), without the handles.
    pub fn for_each(&self, mut show: impl FnMut(DriverId, Fix, DriverState)) {
        self.visit(|online| show(online.driver, online.fix, online.state));
    }
}
