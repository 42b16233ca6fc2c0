//! Everything that happens by time passing, in one ordered set.
//!
//! Ordered by time, then by what it is, so that two deadlines of one millisecond always fire in the same order.

use std::collections::BTreeSet;

use crate::ids::{DriverId, OfferId, RideId};
use crate::time::Timestamp;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// An offer goes unanswered.
    OfferLapses(OfferId),
    /// A ride looks for candidates again.
    LookAgain(RideId),
    /// A ride has searched long enough.
    GiveUp(RideId),
    /// A driver without a connection leaves the shift.
    ShiftLapses(DriverId),
    /// An ended ride is forgotten.
    Forget(RideId),
}

/// The armed deadlines.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    armed: BTreeSet<(Timestamp, Due)>,
}

impl Deadlines {
    pub(super) fn arm(&mut self, at: Timestamp, due: Due) {
        self.armed.insert((at, due));
    }

    pub(super) fn disarm(&mut self, at: Timestamp, due: Due) {
        self.armed.remove(&(at, due));
    }

    pub(super) fn is_armed(&self, at: Timestamp, due: Due) -> bool {
        self.armed.contains(&(at, due))
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.armed.first().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.armed.pop_first().map(|(_, due)| due)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, Due)> + '_ {
        self.armed.iter().copied()
    }
}
