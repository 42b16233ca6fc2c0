//! How fast a provider may be asked: its own limit, shared by everybody who asks in this process.

use std::sync::{Mutex, PoisonError};

use crate::time::{Span, Timestamp};

/// Places are given out one after the other, evenly spaced.
#[derive(Debug)]
pub struct Limiter {
    per_s: f64,
    /// Milliseconds since the epoch of the next free place.
    next: Mutex<f64>,
}

impl Limiter {
    /// At most as many each second.
    pub fn new(per_s: u32) -> Self {
        Self { per_s: f64::from(per_s.max(1)), next: Mutex::new(0.0) }
    }

    /// Takes the next place, if it is not further away than `most`: how long to wait for it.
    ///
    /// # Errors
    /// How far away it is; no place was taken then.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "milliseconds of this age")]
    pub fn take(&self, now: Timestamp, most: Span) -> Result<Span, Span> {
        let now_ms = now.as_millis() as f64;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let place = next.max(now_ms);
        let wait = Span::from_millis((place - now_ms).ceil() as i64);
        if wait > most {
            return Err(wait);
        }
        *next = place + 1_000.0 / self.per_s;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_tenth_of_a_second_apart_and_not_saved_up() {
        let limiter = Limiter::new(10);
        let now = Timestamp::from_millis(1_000_000);
        let most = Span::from_millis(250);
        let waits: Vec<_> = (0..4).map(|_| limiter.take(now, most).map_err(Span::as_millis)).collect();
        let ms = Span::from_millis;
        assert_eq!(waits, [Ok(ms(0)), Ok(ms(100)), Ok(ms(200)), Err(300)]);
        assert_eq!(limiter.take(now + Span::from_secs(5), most), Ok(ms(0)));
        assert_eq!(limiter.take(now + Span::from_secs(5), most), Ok(ms(100)));
    }
}
