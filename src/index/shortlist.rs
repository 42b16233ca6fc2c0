//! The fast sieve: the best few by what the lists say, in a fixed array, and slots only at the end.
//!
//! Separate from the thorough one because it gives up where it cannot be certain. A slot is a cache miss; by judging only
//! those who are the nearest in the end instead of everyone who is so for a while, half are spared, and the rest are
//! waited for together. It keeps as many more than k as are excluded by name, and some for those whom the filters will
//! refuse. When that was not enough, the thorough sieve searches again.
//!
//! A *key* is a rank and a slot in one float: the lowest 22 bits of the rank give way to the number of the slot. So a
//! key goes to its place among the sorted ones without a branch, by minimum and maximum alone. The rank loses less than
//! 2⁻³⁰ of itself by that, for which the limit allows.

use super::grid::Horizon;
use super::lists::Entry;
use super::rings::{Rings, Sieve};
use super::search::{Judge, Nearest, Neighbour, decide};

/// How many refused drivers, beside the excluded ones, do not spoil the list.
const REFUSED_MAX: usize = 2;

/// The lengths that lists are made for; each has room for one or two more, whom rank does not tell from its last.
pub(super) const SMALL: usize = 15;
pub(super) const LARGE: usize = 30;

/// The bits of a key that are the slot.
const SLOT: u64 = (1 << 22) - 1;

/// What a rank can lose by becoming a key.
const LOSS: f64 = 1.0 / (1 << 30) as f64;

/// Above all keys of rank zero, below all others.
const ZERO: f64 = 1e-300;

/// How many must be kept for a query.
pub(super) fn wanted(query: &Nearest<'_>) -> usize {
    query.k.saturating_add(query.exclude.len()).saturating_add(REFUSED_MAX)
}

pub(super) struct Shortlist<'a, const ROOM: usize> {
    judge: &'a Judge<'a>,
    horizon: &'a Horizon,
    /// How many to keep.
    wanted: usize,
    limit: f64,
    /// Sorted; infinite where nobody is.
    keys: [f64; ROOM],
    /// The lowest key for which there was no room.
    lost: f64,
}

impl<'a, const ROOM: usize> Shortlist<'a, ROOM> {
    pub(super) fn new(judge: &'a Judge<'a>, horizon: &'a Horizon, wanted: usize) -> Self {
        Self { judge, horizon, wanted, limit: judge.limit, keys: [f64::INFINITY; ROOM], lost: f64::INFINITY }
    }

    /// Fills `out` with the k nearest, in order; false when they are not certainly these.
    pub(super) fn fill(mut self, rings: &Rings<'_>, out: &mut Vec<Neighbour>) -> bool {
        rings.walk(&mut self);
        if self.lost <= self.limit {
            // As if all stood at one corner.
            return false;
        }
        // All lines are asked for before the first is waited for.
        self.keys.iter().take_while(|key| **key <= self.limit).for_each(|key| self.judge.touch(slot(*key)));
        let mut seen = [0; ROOM];
        let mut count = 0;
        for key in self.keys.iter().take_while(|key| **key <= self.limit) {
            let slot = slot(*key);
            // A driver on the move between two cells is met in both.
            if seen[..count].contains(&slot) {
                continue;
            }
            (seen[count], count) = (slot, count + 1);
            if let Some(neighbour) = self.judge.admit(slot) {
                let place = out.partition_point(|other| other.distance_m <= neighbour.distance_m);
                out.insert(place, neighbour);
            }
        }
        // Who was left out has a key above the limit, so the rank is above nearly that.
        let last = out.get(self.judge.query.k - 1).map(|neighbour| self.horizon.spread(neighbour.distance_m));
        let is_full = self.keys[self.wanted - 1].is_finite();
        if is_full && last.is_none_or(|last| last * (1.0 + LOSS) > self.limit) {
            return false;
        }
        while last.is_some_and(|last| out.last().is_some_and(|other| other.distance_m > last)) {
            out.pop();
        }
        decide(self.judge, out);
        true
    }
}

impl<const ROOM: usize> Sieve for Shortlist<'_, ROOM> {
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
        let key = f64::from_bits(rank.to_bits() & !SLOT | u64::from(entry.slot()));
        let before = self.keys;
        self.keys[0] = lesser(before[0], key);
        for place in 1..ROOM {
            self.keys[place] = lesser(before[place], greater(before[place - 1], key));
        }
        self.lost = lesser(self.lost, greater(before[ROOM - 1], key));
        let last = self.horizon.spread(self.keys[self.wanted - 1]) * (1.0 + 4.0 * LOSS);
        self.limit = lesser(self.limit, greater(last, ZERO));
    }
}

#[inline]
fn slot(key: f64) -> u32 {
    (key.to_bits() & SLOT) as u32
}

/// As the processor compares, which does not ask about what is not a number.
#[inline]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline]
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}
