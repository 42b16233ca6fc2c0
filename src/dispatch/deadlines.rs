//! Everything that happens by time passing, in one ordered set.
//!
//! Ordered by time, then by what it is, so that two deadlines of one millisecond always fire in the same order: what ends
//! comes before what begins, so that a round sees every driver who is free.

use std::collections::BTreeSet;

use crate::ids::{DriverId, OfferId, RideId};
use crate::time::Timestamp;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// An offer goes unanswered.
    OfferLapses(OfferId),
    /// Nothing was heard for long of a driver who is on the way to a pickup.
    GoneDark(DriverId),
    /// A driver is too late for a next ride.
    NextLate(RideId),
    /// A ride has searched long enough.
    GiveUp(RideId),
    /// A driver without a connection leaves the shift.
    ShiftLapses(DriverId),
    /// The time of a scheduled ride has come.
    SearchBegins(RideId),
    /// Rides that wait are matched.
    Round,
    /// Better drivers are looked for.
    StandBy,
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
