//! Whose turn it is to write, and whether anything was written since.
//!
//! Separate because slots and cells use the same four bytes: a lock between writers and, for readers who hold nothing, a
//! count of what was changed. It is a lock of our own because with half a million slots and cells its size counts, and
//! because giving it back is a plain store: a ping pays for one locked instruction instead of two. It is held for tens of
//! nanoseconds; who waits longer than that lets another thread run.
//!
//! Readers never write here, so they never make a writer wait.

use super::sync::{AtomicU32, Ordering, spin_loop, yield_now};

/// The lowest bit says that somebody writes; the others count the changes.
const HELD: u32 = 1;
const CHANGE: u32 = 2;

/// How often to look again before another thread is let run instead.
const SPINS: u32 = 64;

/// The lock and the count of one slot or cell.
pub(super) struct Turn(AtomicU32);

/// The right to write, given back when dropped.
pub(super) struct Held<'a> {
    turn: &'a Turn,
    word: u32,
}

/// What a reader saw at the beginning, to be compared with the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u32);

impl Turn {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Waits for the right to write.
    #[inline]
    pub(super) fn lock(&self) -> Held<'_> {
        let word = self.0.load(Ordering::Relaxed) & !HELD;
        // Nobody else wants it, nearly always.
        match self.0.compare_exchange(word, word | HELD, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Held { turn: self, word: word | HELD },
            Err(_) => self.wait(),
        }
    }

    #[cold]
    fn wait(&self) -> Held<'_> {
        let mut looks = 0;
        loop {
            let word = self.0.load(Ordering::Relaxed);
            if word & HELD == 0
                && self.0.compare_exchange(word, word | HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return Held { turn: self, word: word | HELD };
            }
            looks += 1;
            if looks < SPINS { spin_loop() } else { yield_now() }
        }
    }

    /// For readers, before they read. What they read next must be loaded after this.
    #[inline]
    pub(super) fn seen(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// For readers, after they have read and passed a fence that acquires: the same count and holder as before.
    #[inline]
    pub(super) fn is_still(&self, seen: Seen) -> bool {
        self.0.load(Ordering::Relaxed) == seen.0
    }

    /// As [`is_still`](Self::is_still), but a writer may have come or gone who made no [change](Held::change).
    #[inline]
    pub(super) fn is_unchanged(&self, seen: Seen) -> bool {
        (self.0.load(Ordering::Relaxed) ^ seen.0) & !HELD == 0
    }
}

impl Seen {
    /// Whether somebody was writing.
    #[inline]
    pub(super) fn is_held(self) -> bool {
        self.0 & HELD != 0
    }
}

impl Held<'_> {
    /// Counts a change: whoever sees a store that comes after this sees the new count.
    #[inline]
    pub(super) fn change(&mut self) {
        self.word = self.word.wrapping_add(CHANGE);
        self.turn.0.store(self.word, Ordering::Release);
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.turn.0.store(self.word & !HELD, Ordering::Release);
    }
}
