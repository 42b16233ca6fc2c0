//! How many frames a socket may send, and the bucket behind that and other limits: plain arithmetic, handed the time.

use crate::time::{Span, Timestamp};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read it.
    Allowed,
    /// Drop it and say so.
    RefusedAndTold,
    /// Drop it; the app was told within the last second.
    Refused,
}

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// A second, on average.
    pub per_s: u32,
    /// At once.
    pub burst_max: u32,
}

impl Rate {
    fn burst_milli(self) -> u64 {
        u64::from(self.burst_max) * 1_000
    }
}

/// What may still happen, by a rate that its owner remembers. Small, because every socket has one.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// In thousandths, so that a refill needs no fractions.
    left_milli: u64,
    refilled: Timestamp,
}

impl Bucket {
    /// Filled to the brim.
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self { left_milli: rate.burst_milli(), refilled: now }
    }

    /// Takes one out, if there is one. A clock that steps back refills nothing until it moves forward again.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.left_milli = self.left_at(rate, now);
        self.refilled = now;
        let has_one = self.left_milli >= 1_000;
        if has_one {
            self.left_milli -= 1_000;
        }
        has_one
    }

    /// Whether it is as if nothing had ever been taken out.
    pub fn is_full(&self, rate: Rate, now: Timestamp) -> bool {
        self.left_at(rate, now) == rate.burst_milli()
    }

    fn left_at(&self, rate: Rate, now: Timestamp) -> u64 {
        let elapsed_ms = now.since(self.refilled).as_millis().unsigned_abs();
        let refill = elapsed_ms.saturating_mul(u64::from(rate.per_s));
        self.left_milli.saturating_add(refill).min(rate.burst_milli())
    }
}

/// The frames that one socket may still send.
#[derive(Clone, Copy, Debug)]
pub struct FrameBudget {
    bucket: Bucket,
    /// When the app was told last.
    told: Timestamp,
}

/// The app is told once in this time that it sends too much.
const TELL_EVERY: Span = Span::from_secs(1);

impl FrameBudget {
    /// A full budget.
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        Self { bucket: Bucket::full(rate, now), told: now - TELL_EVERY }
    }

    /// Takes one frame out.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Verdict {
        if self.bucket.take(rate, now) {
            return Verdict::Allowed;
        }
        if now.since(self.told) < TELL_EVERY && now >= self.told {
            return Verdict::Refused;
        }
        self.told = now;
        Verdict::RefusedAndTold
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Allowed, Refused, RefusedAndTold};
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_burst_passes_and_then_the_average_holds() {
        let rate = Rate { per_s: 10, burst_max: 3 };
        let mut budget = FrameBudget::new(rate, at(0));
        let verdicts: Vec<_> = (0..5).map(|_| budget.take(rate, at(0))).collect();
        assert_eq!(verdicts, [Allowed, Allowed, Allowed, RefusedAndTold, Refused]);
        assert_eq!(budget.take(rate, at(99)), Refused);
        assert_eq!(budget.take(rate, at(100)), Allowed);
        let allowed = (0..100_000).filter(|step| budget.take(rate, at(100 + step / 10)) == Allowed).count();
        assert!((99..=103).contains(&allowed), "ten seconds at ten a second: {allowed}");
    }

    #[test]
    fn a_clock_that_jumps_neither_locks_a_phone_out_nor_overflows() {
        let rate = Rate { per_s: u32::MAX, burst_max: u32::MAX };
        let mut budget = FrameBudget::new(rate, at(0));
        assert_eq!(budget.take(rate, at(i64::MAX)), Verdict::Allowed);
        let rate = Rate { per_s: 1, burst_max: 1 };
        let mut budget = FrameBudget::new(rate, at(1_000_000));
        assert_eq!(budget.take(rate, at(0)), Verdict::Allowed);
        assert_eq!(budget.take(rate, at(1_000)), Verdict::Allowed, "time runs on from where the clock was set");
    }
}
