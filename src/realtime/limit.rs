//! How many frames a socket may send: a token bucket in plain arithmetic, handed the time.

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

/// The frames that one socket may still send.
#[derive(Clone, Copy, Debug)]
pub struct FrameBudget {
    /// In thousandths of a frame, so that a refill needs no fractions.
    left_milli: u64,
    burst_milli: u64,
    per_s: u32,
    refilled: Timestamp,
    told: Option<Timestamp>,
}

/// The app is told once in this time that it sends too much.
const TELL_EVERY: Span = Span::from_secs(1);

impl FrameBudget {
    /// A full budget of `burst_max` frames that refills with `per_s`.
    pub fn new(per_s: u32, burst_max: u32, now: Timestamp) -> Self {
        let burst_milli = u64::from(burst_max) * 1_000;
        Self { left_milli: burst_milli, burst_milli, per_s, refilled: now, told: None }
    }

    /// Takes one frame out. A clock that steps back refills nothing until it moves forward again.
    pub fn take(&mut self, now: Timestamp) -> Verdict {
        let elapsed_ms = now.since(self.refilled).as_millis().unsigned_abs();
        let refill = elapsed_ms.saturating_mul(u64::from(self.per_s));
        self.left_milli = self.left_milli.saturating_add(refill).min(self.burst_milli);
        self.refilled = now;
        if self.left_milli >= 1_000 {
            self.left_milli -= 1_000;
            return Verdict::Allowed;
        }
        if self.told.is_some_and(|told| now.since(told) < TELL_EVERY) {
            return Verdict::Refused;
        }
        self.told = Some(now);
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
        let mut budget = FrameBudget::new(10, 3, at(0));
        let verdicts: Vec<_> = (0..5).map(|_| budget.take(at(0))).collect();
        assert_eq!(verdicts, [Allowed, Allowed, Allowed, RefusedAndTold, Refused]);
        assert_eq!(budget.take(at(99)), Refused);
        assert_eq!(budget.take(at(100)), Allowed);
        let allowed = (0..100_000).filter(|step| budget.take(at(100 + step / 10)) == Allowed).count();
        assert!((99..=103).contains(&allowed), "ten seconds at ten a second: {allowed}");
    }

    #[test]
    fn a_clock_that_jumps_neither_locks_a_phone_out_nor_overflows() {
        let mut budget = FrameBudget::new(u32::MAX, u32::MAX, at(0));
        assert_eq!(budget.take(at(i64::MAX)), Verdict::Allowed);
        let mut budget = FrameBudget::new(1, 1, at(1_000_000));
        assert_eq!(budget.take(at(0)), Verdict::Allowed);
        assert_eq!(budget.take(at(1_000)), Verdict::Allowed, "time runs on from where the clock was set");
    }
}
