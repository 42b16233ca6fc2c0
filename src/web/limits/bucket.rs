//! How often somebody may ask: the generic cell rate algorithm, handed the time.
//!
//! Separate because it is plain arithmetic. A caller's whole history is one number: the moment at which everything that was
//! taken will have been paid back at the steady rate. That is as good as a bucket that is refilled, in half the memory,
//! and whoever has paid everything back needs no memory at all.

use crate::time::Timestamp;

/// How often: so many at once after a silence, and so many a minute in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// A minute, on average.
    pub per_minute: u32,
    /// At once.
    pub burst_max: u32,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may go on.
    pub is_allowed: bool,
    /// How many more may follow at once.
    pub left: u32,
    /// Until all of them may again.
    pub full_in_us: i64,
    /// When the next may come, of one that may not go on.
    pub retry_in_us: i64,
}

const US_PER_MINUTE: i64 = 60_000_000;

impl Rate {
    /// What one costs: the time in which it is paid back.
    pub fn interval_us(self) -> i64 {
        US_PER_MINUTE / i64::from(self.per_minute.max(1))
    }

    fn burst_us(self) -> i64 {
        self.interval_us().saturating_mul(i64::from(self.burst_max.max(1)))
    }

    /// The time in which a whole burst is paid back, in seconds, rounded up.
    pub fn window_s(self) -> i64 {
        (self.burst_us() + 999_999) / 1_000_000
    }

    /// A verdict from how long it takes to pay back what is taken, this request included if it was.
    pub fn verdict(self, is_allowed: bool, owed_us: i64) -> Verdict {
        let free_us = (self.burst_us() - owed_us).max(0);
        let left = u32::try_from(free_us / self.interval_us()).unwrap_or(u32::MAX).min(self.burst_max);
        let retry_in_us = if is_allowed { 0 } else { (owed_us + self.interval_us() - self.burst_us()).max(1) };
        Verdict { is_allowed, left: if is_allowed { left } else { 0 }, full_in_us: owed_us, retry_in_us }
    }
}

/// What one caller has taken and not paid back.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    paid_at_us: i64,
}

fn micros(now: Timestamp) -> i64 {
    now.as_millis().saturating_mul(1_000)
}

impl Bucket {
    /// Of somebody who has taken nothing.
    pub fn full(now: Timestamp) -> Self {
        Self { paid_at_us: micros(now) }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Verdict {
        let now_us = micros(now);
        // A clock that was set back must not lock anybody out for longer than a whole burst.
        let owed_us = self.paid_at_us.saturating_sub(now_us).clamp(0, rate.burst_us());
        let is_allowed = owed_us + rate.interval_us() <= rate.burst_us();
        let owed_us = if is_allowed { owed_us + rate.interval_us() } else { owed_us };
        self.paid_at_us = now_us.saturating_add(owed_us);
        rate.verdict(is_allowed, owed_us)
    }

    /// Whether it is as if this caller had never come.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.paid_at_us <= micros(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, proptest};

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_burst_passes_and_then_the_average_holds() {
        let rate = Rate { per_minute: 60, burst_max: 3 };
        let mut bucket = Bucket::full(at(0));
        let lefts: Vec<_> =
            (0..3).map(|_| bucket.take(rate, at(0))).map(|verdict| (verdict.is_allowed, verdict.left)).collect();
        assert_eq!(lefts, [(true, 2), (true, 1), (true, 0)]);
        let refused = bucket.take(rate, at(0));
        assert_eq!((refused.is_allowed, refused.retry_in_us, refused.full_in_us), (false, 1_000_000, 3_000_000));
        assert_eq!(bucket.take(rate, at(999)).retry_in_us, 1_000);
        assert!(bucket.take(rate, at(1_000)).is_allowed);
        assert!(!bucket.is_full(at(3_999)) && bucket.is_full(at(4_000)));
    }

    #[test]
    fn a_clock_that_jumps_neither_locks_anybody_out_nor_overflows() {
        let rate = Rate { per_minute: 60, burst_max: 2 };
        let mut bucket = Bucket::full(at(i64::MAX));
        assert!(bucket.take(rate, at(i64::MAX)).is_allowed);
        // Back by ages: what is owed is a burst at most.
        assert!(!bucket.take(rate, at(0)).is_allowed);
        assert!(bucket.take(rate, at(1_000)).is_allowed);
        assert!(bucket.take(rate, at(i64::MIN)).retry_in_us <= 2_000_000);
    }

    proptest! {
        #[test]
        fn never_more_than_a_burst_and_the_average(
            per_minute in 1..6_000_u32, burst_max in 1..50_u32, waits in prop::collection::vec(0..2_000_i64, 1..300),
        ) {
            let rate = Rate { per_minute, burst_max };
            let (mut bucket, mut now, mut allowed) = (Bucket::full(at(0)), 0, 0_i64);
            for wait in waits {
                now += wait;
                let verdict = bucket.take(rate, at(now));
                allowed += i64::from(verdict.is_allowed);
                prop_assert!(verdict.is_allowed || verdict.retry_in_us > 0);
            }
            let earned = now * 1_000 / rate.interval_us();
            prop_assert!(allowed <= i64::from(burst_max) + earned, "{} of {} and {}", allowed, burst_max, earned);
        }
    }
}
