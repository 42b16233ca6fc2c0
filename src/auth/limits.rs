//! Counting attempts per phone in bounded memory. Pure.
//!
//! A sliding window out of two fixed ones: the window before counts by the share of it that still lies within the last
//! span. Precise enough to stop guessing, and two small maps are all it needs. When a window holds its maximum of
//! phones it is closed early, which drops the oldest counts first.
//!
//! Counts are per node; with several nodes the limit is that many times higher.

use rustc_hash::FxHashMap;

use crate::phone::Phone;
use crate::time::{Span, Timestamp};

/// Counts attempts.
#[derive(Debug)]
pub struct Attempts {
    attempts_max: u32,
    window: Span,
    phones_max: usize,
    began: Timestamp,
    current: FxHashMap<Phone, u32>,
    before: FxHashMap<Phone, u32>,
}

impl Attempts {
    /// At most `attempts_max` in any `window`, for up to twice `phones_max` phones at a time.
    pub fn new(attempts_max: u32, window: Span, phones_max: usize) -> Self {
        let began = Timestamp::EPOCH;
        Self { attempts_max, window, phones_max, began, current: FxHashMap::default(), before: FxHashMap::default() }
    }

    /// Counts an attempt before it is made, so that many at once cannot slip through together.
    ///
    /// # Errors
    /// When it is one too many: how long to wait.
    pub fn begin(&mut self, phone: Phone, now: Timestamp) -> Result<(), Span> {
        self.advance(now);
        let elapsed = now.since(self.began);
        let left_ms = self.window.as_millis() - elapsed.as_millis();
        let before = i64::from(self.before.get(&phone).copied().unwrap_or(0));
        let current = i64::from(self.current.get(&phone).copied().unwrap_or(0));
        let weighted = current + before * left_ms / self.window.as_millis().max(1);
        if weighted >= i64::from(self.attempts_max) {
            return Err(Span::from_millis(left_ms.max(1_000)));
        }
        *self.current.entry(phone).or_default() += 1;
        Ok(())
    }

    /// Takes back the attempts of a phone that proved itself.
    pub fn forgive(&mut self, phone: Phone) {
        self.current.remove(&phone);
        self.before.remove(&phone);
    }

    fn advance(&mut self, now: Timestamp) {
        let elapsed_ms = now.since(self.began).as_millis();
        let window_ms = self.window.as_millis();
        if elapsed_ms >= window_ms || self.current.len() >= self.phones_max {
            self.before = std::mem::take(&mut self.current);
            if elapsed_ms >= 2 * window_ms {
                self.before.clear();
            }
            self.began = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn phone(n: u32) -> Phone {
        Phone::parse(&format!("078{n:07}")).expect("valid")
    }

    fn minutes(n: i64) -> Timestamp {
        T0 + Span::from_minutes(n)
    }

    #[test]
    fn one_too_many_waits_and_others_do_not() {
        let mut attempts = Attempts::new(3, Span::from_minutes(15), 100);
        for _ in 0..3 {
            assert_eq!(attempts.begin(phone(1), minutes(0)), Ok(()));
        }
        assert_eq!(attempts.begin(phone(1), minutes(5)), Err(Span::from_minutes(10)));
        assert_eq!(attempts.begin(phone(2), minutes(5)), Ok(()));
        assert!(attempts.begin(phone(1), minutes(15)).is_err(), "the window before still counts");
        assert_eq!(attempts.begin(phone(1), minutes(21)), Ok(()));
        assert_eq!(attempts.begin(phone(1), minutes(60)), Ok(()));
    }

    #[test]
    fn who_proves_to_be_right_starts_again() {
        let mut attempts = Attempts::new(1, Span::from_minutes(15), 100);
        assert_eq!(attempts.begin(phone(1), minutes(0)), Ok(()));
        attempts.forgive(phone(1));
        assert_eq!(attempts.begin(phone(1), minutes(0)), Ok(()));
        assert!(attempts.begin(phone(1), minutes(0)).is_err());
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut attempts = Attempts::new(3, Span::from_minutes(15), 100);
        for n in 0..10_000 {
            assert_eq!(attempts.begin(phone(n), minutes(0)), Ok(()));
            assert!(attempts.current.len() + attempts.before.len() <= 200);
        }
    }
}
