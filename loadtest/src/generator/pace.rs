//! Intended moments of sends: one line of evenly spaced ticks over all connections.
//!
//! Pure. Ticks are spread, never bunched: a generator that sends a batch at every timer tick lets the server read many
//! frames for one wake-up and flatters it up to four times.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::measure::figures::{Latency, histogram};
use crate::schedule::{LATE_AFTER, LATE_SHARE_MAX};

/// An endless even stream of sends: tick `k` is due at `start + k / rate` and belongs to connection `k % connections`.
#[derive(Clone, Debug)]
pub struct Ticks {
    start: Instant,
    interval_ns: f64,
    connections: usize,
    next: u64,
}

/// One send of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Position in the list of senders.
    pub sender: usize,
    /// When it is meant to be sent.
    pub due: Instant,
}

impl Ticks {
    /// `per_s` sends a second over all of `connections`, the first at `start`.
    pub fn new(start: Instant, per_s: f64, connections: usize) -> Self {
        Self { start, interval_ns: 1e9 / per_s.max(1e-6), connections: connections.max(1), next: 0 }
    }

    /// The next send, without taking it.
    pub fn peek(&self) -> Tick {
        // Multiplied, not added up: rounding must not make a long run drift.
        let after_ns = (self.next as f64 * self.interval_ns) as u64;
        let sender = usize::try_from(self.next % self.connections as u64).unwrap_or(0);
        Tick { sender, due: self.start + Duration::from_nanos(after_ns) }
    }

    /// Takes the next send if it is due.
    pub fn pop(&mut self, now: Instant) -> Option<Tick> {
        let tick = self.peek();
        (tick.due <= now).then(|| {
            self.next += 1;
            tick
        })
    }
}

/// How well a generator kept its schedule.
#[derive(Clone, Debug)]
pub struct Punctuality {
    sends: u64,
    late: u64,
    lateness: Histogram<u64>,
}

impl Default for Punctuality {
    fn default() -> Self {
        Self { sends: 0, late: 0, lateness: histogram() }
    }
}

/// The same for a report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OnTime {
    /// Sends made.
    pub sends: u64,
    /// Of those, more than 5 ms after their moment, percent.
    pub late_percent: f64,
    /// How late sends were, milliseconds.
    pub lateness_ms: Latency,
    /// True when so many were late that the run says more about the generator than about the server.
    pub void: bool,
}

impl Punctuality {
    /// Notes a send.
    pub fn sent(&mut self, due: Instant, now: Instant) {
        let late = now.saturating_duration_since(due);
        self.sends += 1;
        self.late += u64::from(late > LATE_AFTER);
        self.lateness.saturating_record(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
    }

    /// For the report.
    pub fn report(&self) -> OnTime {
        let share = self.late as f64 / self.sends.max(1) as f64;
        OnTime {
            sends: self.sends,
            late_percent: (share * 1e6).round() / 1e4,
            lateness_ms: Latency { curve: Vec::new(), ..Latency::from(&self.lateness) },
            void: share > LATE_SHARE_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_spread_evenly_and_take_turns() {
        let start = Instant::now();
        let mut ticks = Ticks::new(start, 9_000.0, 9_000);
        let all: Vec<_> = std::iter::from_fn(|| ticks.pop(start + Duration::from_secs(2))).collect();
        assert!((18_000..=18_001).contains(&all.len()), "{}", all.len());
        assert_eq!((all[0].sender, all[8_999].sender, all[9_000].sender), (0, 8_999, 0));
        let gaps: Vec<_> = all.windows(2).map(|pair| (pair[1].due - pair[0].due).as_nanos()).collect();
        assert!(gaps.iter().all(|gap| (111_110..=111_113).contains(gap)), "{:?}", gaps.iter().max());
        assert_eq!(all[9_000].due - all[0].due, Duration::from_secs(1), "each connection sends once a second");
    }

    #[test]
    fn a_tick_is_not_taken_before_it_is_due() {
        let start = Instant::now() + Duration::from_secs(1);
        let mut ticks = Ticks::new(start, 10.0, 2);
        assert_eq!(ticks.pop(start - Duration::from_nanos(1)), None);
        assert_eq!(ticks.pop(start), Some(Tick { sender: 0, due: start }));
        assert_eq!(ticks.pop(start), None);
    }

    #[test]
    fn a_run_with_many_late_sends_is_void() {
        let due = Instant::now();
        let mut kept = Punctuality::default();
        (0..1_999).for_each(|_| kept.sent(due, due + Duration::from_micros(20)));
        kept.sent(due, due + Duration::from_millis(6));
        assert!(!kept.report().void, "one in two thousand is fine");
        kept.sent(due, due + Duration::from_millis(6));
        kept.sent(due, due + Duration::from_millis(6));
        let report = kept.report();
        assert!(report.void && report.sends == 2_002, "{report:?}");
    }
}
