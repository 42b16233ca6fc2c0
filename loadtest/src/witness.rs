//! What the whole crowd saw: latencies, counters and the evidence for the checks at the end.
//!
//! One lock, held for a map operation at a time. Pings do not touch it: they count in atomics.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use rustc_hash::FxHashMap;
use tokio::time::Instant;
use uuid::Uuid;

use crate::checks::{Command, Evidence};
use crate::schedule::LATE_AFTER;
use crate::wire::{RideView, Status};

/// Latencies up to ten minutes are recorded, to three digits.
const LATENCY_US_MAX: u64 = 600_000_000;

/// A latency histogram in microseconds.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// An empty histogram.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("the bounds are constant and valid"))
    }

    /// One more.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX).max(1));
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Milliseconds at this quantile, 0.0..=1.0.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// The longest, milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }
}

/// Counters of the hot paths.
#[derive(Debug, Default)]
pub struct Counters {
    /// Pings written to a socket.
    pub pings_sent: AtomicU64,
    /// Everything that was sent at an intended moment.
    pub scheduled_sends: AtomicU64,
    /// Those of them that left too late.
    pub late_sends: AtomicU64,
    /// Drivers on shift, as they were told.
    pub online: AtomicUsize,
    /// Sockets opened again.
    pub reconnects: AtomicU64,
    /// Bookings the schedule asked for.
    pub bookings_due: AtomicU64,
    /// Bookings that found no rider at home: the pool was too small.
    pub bookings_without_rider: AtomicU64,
    /// Bookings never answered or refused.
    pub bookings_failed: AtomicU64,
    /// Bookings sent a second time with the same key on purpose.
    pub replays: AtomicU64,
    /// Rides a rider saw end.
    pub rides_ended: AtomicU64,
    /// Rides a rider saw completed.
    pub rides_completed: AtomicU64,
}

impl Counters {
    /// Counts a send that was meant for `intended`, and whether it was late.
    pub fn sent(&self, intended: Instant) {
        self.scheduled_sends.fetch_add(1, Ordering::Relaxed);
        if intended.elapsed() > LATE_AFTER {
            self.late_sends.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A booking that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Booking {
    /// The rider's number.
    pub rider: usize,
    /// When the request was meant to be sent.
    pub intended: Instant,
}

/// What was measured and told, ready for the report.
#[derive(Debug)]
pub struct Findings {
    /// Everything told to clients.
    pub evidence: Evidence,
    /// Acknowledged bookings by ride.
    pub bookings: FxHashMap<Uuid, Booking>,
    /// Intended `POST /rides` to its answer.
    pub booking: Latency,
    /// Intended accept to the rider hearing of it.
    pub accept_to_told: Latency,
    /// Ping to its acknowledgement.
    pub ping_ack: Latency,
    first_offers: FxHashMap<Uuid, Instant>,
    accepts: FxHashMap<Uuid, Instant>,
}

impl Findings {
    /// Intended `POST /rides` to the first offer on a driver's socket, over all rides that were offered.
    pub fn request_to_offer(&self) -> Latency {
        let mut latency = Latency::new();
        for (ride, booking) in &self.bookings {
            if let Some(offered) = self.first_offers.get(ride) {
                latency.record(offered.saturating_duration_since(booking.intended));
            }
        }
        latency
    }
}

/// Shared by all simulated people.
#[derive(Debug)]
pub struct Witness {
    /// Counters of the hot paths.
    pub counters: Counters,
    findings: Mutex<Findings>,
}

impl Witness {
    /// A witness who has seen nothing.
    pub fn new() -> Self {
        let findings = Findings {
            evidence: Evidence::default(),
            bookings: FxHashMap::default(),
            booking: Latency::new(),
            accept_to_told: Latency::new(),
            ping_ack: Latency::new(),
            first_offers: FxHashMap::default(),
            accepts: FxHashMap::default(),
        };
        Self { counters: Counters::default(), findings: Mutex::new(findings) }
    }

    /// The findings so far.
    pub fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An offer for this ride arrived at a driver.
    pub fn offered(&self, ride: Uuid) {
        let now = Instant::now();
        self.findings().first_offers.entry(ride).or_insert(now);
    }

    /// A driver's accept was due at `intended`.
    pub fn accepting(&self, ride: Uuid, intended: Instant) {
        self.findings().accepts.entry(ride).or_insert(intended);
    }

    /// A booking was answered.
    pub fn booked(&self, key: Uuid, booking: Booking, view: &RideView) {
        let now = Instant::now();
        let mut findings = self.findings();
        if findings.bookings.insert(view.id, booking).is_none() {
            findings.booking.record(now.saturating_duration_since(booking.intended));
        }
        findings.evidence.booked(key, view);
    }

    /// A rider saw this view of their ride.
    pub fn rider_saw(&self, view: &RideView) {
        let mut findings = self.findings();
        findings.evidence.saw(view);
        if view.status == Status::DriverAssigned
            && let Some(accepted) = findings.accepts.remove(&view.id)
        {
            findings.accept_to_told.record(accepted.elapsed());
        }
    }

    /// A driver saw this view of their ride.
    pub fn driver_saw(&self, driver: usize, view: &RideView) {
        let mut findings = self.findings();
        findings.evidence.saw(view);
        if view.status != Status::Requested && view.driver.is_some() {
            findings.evidence.taken(driver, view.id);
        }
    }

    /// A command was answered with success.
    pub fn acknowledged(&self, command: Command, view: &RideView) {
        self.findings().evidence.acknowledged(command, view);
    }

    /// A ping was acknowledged.
    pub fn ping_acknowledged(&self, sent: Instant) {
        self.findings().ping_ack.record(sent.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds() {
        let mut latency = Latency::new();
        for ms in 1..=100 {
            latency.record(Duration::from_millis(ms));
        }
        assert_eq!(latency.count(), 100);
        assert!((latency.quantile_ms(0.5) - 50.0).abs() < 0.1);
        assert!((latency.quantile_ms(0.99) - 99.0).abs() < 0.2);
        assert!((latency.max_ms() - 100.0).abs() < 0.2);
    }

    #[test]
    fn a_latency_past_the_range_counts_as_the_longest() {
        let mut latency = Latency::new();
        latency.record(Duration::from_secs(10_000));
        assert!(latency.max_ms() >= 600_000.0);
    }

    #[test]
    fn late_sends_are_those_past_the_tolerance() {
        let counters = Counters::default();
        counters.sent(Instant::now() + Duration::from_secs(1));
        counters.sent(Instant::now() - Duration::from_millis(50));
        assert_eq!(counters.scheduled_sends.load(Ordering::Relaxed), 2);
        assert_eq!(counters.late_sends.load(Ordering::Relaxed), 1);
    }
}
