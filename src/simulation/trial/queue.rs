//! What is going to happen, in the order of virtual time.
//!
//! Separate because the order is a promise: by time, then by when it was planned, so that a run is the same every time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::people::Answer;
use crate::ids::OfferId;
use crate::time::Timestamp;

/// Something that will happen unless its driver or ride has gone on to something else: `plan` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A rider asks for a ride.
    Wish { ride: u32 },
    /// A rider has waited long enough for a driver to be found.
    GivesUp { ride: u32, plan: u32 },
    /// A rider does not want the driver who is coming.
    CallsOff { ride: u32, plan: u32 },
    /// A driver answers an offer.
    Answers { driver: u32, offer: OfferId, answer: Answer },
    /// A drive ends.
    GetsThere { driver: u32, plan: u32 },
    /// The rider sits on the bike.
    Boards { driver: u32, plan: u32 },
    /// The rider has paid.
    Paid { driver: u32, plan: u32 },
    /// A driver has stood about for long enough.
    Restless { driver: u32, plan: u32 },
    /// A driver who rides about without work tells where.
    Pings { driver: u32, plan: u32 },
    /// A driver wants to go home.
    ShiftEnds { driver: u32 },
    /// Somebody looks at the city as a whole.
    Looks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Timestamp,
    number: u64,
    event: Event,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

impl Queue {
    pub(super) fn plan(&mut self, at: Timestamp, event: Event) {
        self.planned += 1;
        self.heap.push(Reverse(Entry { at, number: self.planned, event }));
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn take(&mut self) -> Option<(Timestamp, Event)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_for_one_moment_happens_in_the_order_of_planning() {
        let mut queue = Queue::default();
        let at = Timestamp::from_millis;
        for (ms, ride) in [(5, 9), (3, 2), (5, 1), (3, 7)] {
            queue.plan(at(ms), Event::Wish { ride });
        }
        assert_eq!(queue.next_at(), Some(at(3)));
        let order: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        let wish = |ms, ride| (at(ms), Event::Wish { ride });
        assert_eq!(order, [wish(3, 2), wish(3, 7), wish(5, 9), wish(5, 1)]);
    }
}
