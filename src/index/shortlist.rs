//! The fast sieve: the best few by what the lists say, in a fixed array, and slots only at the end.
//!
//! Separate from the thorough one because it gives up where it cannot be certain. A slot is a cache miss; by judging only
//! those who were the nearest in the end instead of everyone who was so for a while, two of three are spared, and the
//! rest are waited for together. It keeps as many more than k as are excluded by name, and some for those whom the
//! filters will refuse. When that was not enough, the thorough sieve searches again.

use super::grid::Horizon;
use super::lists::Entry;
use super::rings::Sieve;
use super::search::{Judge, Neighbour, decide};

/// How many refused drivers, beside the excluded ones, do not spoil the list.
const REFUSED_MAX: usize = 2;

/// Room for the list and for those whom rank does not tell from its last.
const ROOM: usize = 32;

pub(super) struct Shortlist<'a> {
    judge: &'a Judge<'a>,
    horizon: &'a Horizon,
    /// How many to keep.
    wanted: usize,
    limit: f64,
    /// Whether anybody within the largest radius may have been left out.
    is_full: bool,
    /// In order of rank.
    ranks: [f64; ROOM],
    slots: [u32; ROOM],
    len: usize,
}

impl<'a> Shortlist<'a> {
    /// `None` when so many cannot be kept, or where ranks do not come from lists.
    pub(super) fn new(judge: &'a Judge<'a>, horizon: &'a Horizon) -> Option<Self> {
        let wanted = judge.query.k.saturating_add(judge.query.exclude.len()).saturating_add(REFUSED_MAX);
        (wanted <= ROOM / 2 + ROOM / 4 && !horizon.is_blind()).then(|| Self {
            judge,
            horizon,
            wanted,
            limit: judge.limit,
            is_full: false,
            ranks: [0.0; ROOM],
            slots: [0; ROOM],
            len: 0,
        })
    }

    /// Fills `out` with the k nearest, in order; false when they are not certainly these.
    pub(super) fn pick(&self, out: &mut Vec<Neighbour>) -> bool {
        let k = self.judge.query.k;
        let slots = &self.slots[..self.len];
        // All lines are asked for before the first is waited for.
        slots.iter().for_each(|slot| self.judge.touch(*slot));
        for (number, slot) in slots.iter().enumerate() {
            // A driver on the move between two cells is met in both.
            if slots[..number].contains(slot) {
                continue;
            }
            if let Some(neighbour) = self.judge.admit(*slot) {
                let place = out.partition_point(|other| other.distance_m <= neighbour.distance_m);
                out.insert(place, neighbour);
            }
        }
        // Who was left out ranks above the limit.
        let last = out.get(k - 1).map(|neighbour| self.horizon.spread(neighbour.distance_m));
        if self.is_full && last.is_none_or(|last| last > self.limit) {
            return false;
        }
        while last.is_some_and(|last| out.last().is_some_and(|other| other.distance_m > last)) {
            out.pop();
        }
        decide(self.judge, out);
        true
    }
}

impl Sieve for Shortlist<'_> {
    #[inline]
    fn limit(&self) -> f64 {
        self.limit
    }

    #[inline]
    fn consider(&mut self, entry: Entry, flat: f64) {
        let rank = if entry.is_unknown() { self.judge.rank(entry.slot()) } else { flat };
        if rank > self.limit {
            return;
        }
        if self.len == ROOM {
            // As if all stood at one corner. Nothing is within this limit, so the walk ends, and `pick` will say no.
            (self.is_full, self.limit) = (true, -1.0);
            return;
        }
        let mut place = self.len;
        while place > 0 && self.ranks[place - 1] > rank {
            (self.ranks[place], self.slots[place]) = (self.ranks[place - 1], self.slots[place - 1]);
            place -= 1;
        }
        (self.ranks[place], self.slots[place]) = (rank, entry.slot());
        self.len += 1;
        if self.len >= self.wanted {
            self.is_full = true;
            self.limit = self.limit.min(self.horizon.spread(self.ranks[self.wanted - 1]));
            while self.ranks[self.len - 1] > self.limit {
                self.len -= 1;
            }
        }
    }
}
