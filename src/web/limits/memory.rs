//! What callers have taken, in this process: a bounded map in pieces, each behind a lock of its own.
//!
//! Separate because it is the part that always works: the shared count may be away. A caller is remembered only until
//! everything is paid back, so memory follows the rate of requests rather than the number of people. When there is no
//! room all the same, those who are new share one bucket: a flood from everywhere is slowed down, never let through.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Who;
use super::bucket::{Bucket, Rate, Verdict};
use super::class::Class;
use crate::time::{Span, Timestamp};

/// Locks: more than there are threads that ask at once.
const PIECES: usize = 64;

/// A piece that is full is looked through for callers who owe nothing, but not more often than this.
const SWEEP_EVERY: Span = Span::from_secs(1);

/// The buckets of this process.
pub struct Memory {
    pieces: Vec<Mutex<Piece>>,
    callers_max: usize,
}

struct Piece {
    buckets: FxHashMap<(Who, Class), Bucket>,
    /// Shared by those for whom there was no room.
    crowd: Bucket,
    swept: Timestamp,
}

impl Memory {
    /// Empty, with room for about this many callers.
    pub fn new(callers_max: usize, now: Timestamp) -> Self {
        let piece = || Mutex::new(Piece { buckets: FxHashMap::default(), crowd: Bucket::full(now), swept: now });
        Self { pieces: (0..PIECES).map(|_| piece()).collect(), callers_max: callers_max.div_ceil(PIECES) }
    }

    /// Takes one from a caller's bucket.
    pub fn take(&self, who: Who, class: Class, rate: Rate, now: Timestamp) -> Verdict {
        let key = (who, class);
        let hash = FxBuildHasher.hash_one(key);
        // The upper bits: the map below goes by the lower ones.
        let place = usize::try_from(hash >> 48).unwrap_or_default() % PIECES;
        let mut piece = self.pieces[place].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = piece.buckets.get_mut(&key) {
            return bucket.take(rate, now);
        }
        if piece.buckets.len() >= self.callers_max {
            piece.sweep_if_due(now);
            if piece.buckets.len() >= self.callers_max {
                return piece.crowd.take(rate, now);
            }
        }
        piece.buckets.entry(key).or_insert_with(|| Bucket::full(now)).take(rate, now)
    }
}

impl Piece {
    /// Forgets those who owe nothing, unless that was done just now.
    fn sweep_if_due(&mut self, now: Timestamp) {
        // A clock that was set back must not keep it from being done.
        if now.since(self.swept) >= SWEEP_EVERY || now < self.swept {
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        self.swept = now;
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        self.buckets.shrink_to(self.buckets.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 60, burst_max: 2 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// How many callers owe something.
    fn remembered(memory: &Memory, now: Timestamp) -> usize {
        let counts = memory.pieces.iter().map(|piece| {
            let mut piece = piece.lock().expect("nobody panicked");
            piece.sweep(now);
            piece.buckets.len()
        });
        counts.sum()
    }

    fn stranger(number: u32) -> Who {
        Who::Address(std::net::IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn callers_and_kinds_do_not_pay_for_each_other() {
        let memory = Memory::new(1_000, at(0));
        let take = |who, class| memory.take(who, class, RATE, at(0)).is_allowed;
        assert_eq!([(); 3].map(|()| take(stranger(1), Class::Read)), [true, true, false]);
        assert!(take(stranger(2), Class::Read) && take(stranger(1), Class::Write));
    }

    #[test]
    fn memory_is_bounded_and_a_flood_from_everywhere_is_not_let_through() {
        let memory = Memory::new(PIECES * 10, at(0));
        let flood = (0..100_000).filter(|n| memory.take(stranger(*n), Class::Read, RATE, at(0)).is_allowed).count();
        // One for each caller there is room for, and what the crowds may.
        assert!((PIECES * 10..=PIECES * 12).contains(&flood), "{flood}");
        assert_eq!(remembered(&memory, at(0)), PIECES * 10);
        // A second later all is paid back, and newcomers have room without anybody's sweeping.
        assert!((200_000..200_100).all(|n| memory.take(stranger(n), Class::Read, RATE, at(1_000)).is_allowed));
        assert_eq!(remembered(&memory, at(10_000)), 0);
    }
}
