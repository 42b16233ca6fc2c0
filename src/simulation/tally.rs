//! What the simulated city has done so far, counted by everybody in it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::simulation::socket::End;

/// Counters that only grow, apart from the two that say how many are there now.
#[derive(Debug, Default)]
pub struct Tally {
    /// Drivers on duty now.
    pub drivers_online: AtomicU64,
    /// Riders with the app open now.
    pub riders_active: AtomicU64,
    /// Rides that the server took.
    pub rides_booked: AtomicU64,
    /// Rides that ended at the destination, as their riders saw it.
    pub rides_completed: AtomicU64,
    /// Rides that ended in another way.
    pub rides_ended_otherwise: AtomicU64,
    /// Wishes that became no ride: no quote, no answer, nobody free to wish.
    pub wishes_dropped: AtomicU64,
    /// Sockets that broke or could not be opened.
    pub sockets_lost: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Drivers on duty.
    pub drivers_online: u64,
    /// Riders with the app open.
    pub riders_active: u64,
    /// Rides that the server took.
    pub rides_booked: u64,
    /// Rides that ended at the destination.
    pub rides_completed: u64,
    /// Rides that ended in another way.
    pub rides_ended_otherwise: u64,
    /// Wishes that became no ride.
    pub wishes_dropped: u64,
    /// Sockets that broke or could not be opened.
    pub sockets_lost: u64,
}

/// One more.
pub fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Somebody who is counted as being there until dropped.
#[derive(Debug)]
pub struct Presence<'a>(&'a AtomicU64);

impl<'a> Presence<'a> {
    /// One more is there.
    pub fn new(counter: &'a AtomicU64) -> Self {
        add(counter);
        Self(counter)
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tally {
    /// A socket was lost, unless this side gave it up.
    pub fn socket_ended(&self, end: &End) {
        if *end != End::Lost {
            add(&self.sockets_lost);
        }
    }

    /// The counters now.
    pub fn summary(&self) -> Summary {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            drivers_online: now(&self.drivers_online),
            riders_active: now(&self.riders_active),
            rides_booked: now(&self.rides_booked),
            rides_completed: now(&self.rides_completed),
            rides_ended_otherwise: now(&self.rides_ended_otherwise),
            wishes_dropped: now(&self.wishes_dropped),
            sockets_lost: now(&self.sockets_lost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_not_counted_as_there() {
        let tally = Tally::default();
        let here = Presence::new(&tally.drivers_online);
        assert_eq!(tally.summary().drivers_online, 1);
        drop(here);
        assert_eq!(tally.summary(), Summary::default());
    }
}
