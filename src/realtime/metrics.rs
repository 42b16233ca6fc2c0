//! What the sockets count. Handles are made once, so that counting is one atomic addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::realtime::admission;
use crate::realtime::handler::PingRefused;
use crate::realtime::protocol::close::CloseCode;
use crate::telemetry::names;
use crate::web::Role;

/// The counters of the sockets of one node.
pub struct Metrics {
    open_drivers: Gauge,
    open_customers: Gauge,
    queue_depth: Gauge,
    streams_kept: Gauge,
    offer_written: Histogram,
    offer_delivered: Histogram,
    /// In the order of the cases in [`Metrics::joined`].
    joined: [Counter; 3],
    /// In the order of [`admission::Refused::LABELS`].
    handshakes_refused: Vec<Counter>,
    /// In the order of [`CloseCode::ALL`].
    closed: Vec<Counter>,
    /// Sockets that the other side closed or that broke.
    closed_by_peer: Counter,
    pings: Counter,
    /// In the order of [`PingRefused::LABELS`].
    pings_refused: Vec<Counter>,
    /// Positions that a newer one replaced before they were written.
    pub dropped_positions: Counter,
    /// Frames over a socket's limit.
    pub dropped_frames: Counter,
    /// Commands that found too many before them.
    pub dropped_commands: Counter,
    /// Sockets closed because their queue of state events was full.
    pub queue_full: Counter,
    /// Sessions and commands that panicked.
    pub panics: Counter,
}

impl Metrics {
    /// Handles at the recorder that is installed now.
    pub fn new() -> Self {
        let closed = |code: CloseCode| counter!(names::SOCKETS_CLOSED_TOTAL, "code" => code.code().to_string());
        let refused = |reason: &'static str| counter!(names::PINGS_REFUSED_TOTAL, "reason" => reason);
        let handshake_refused = |reason: &'static str| counter!(names::HANDSHAKES_REFUSED_TOTAL, "reason" => reason);
        Self {
            open_drivers: gauge!(names::SOCKETS_OPEN, "role" => Role::Driver.as_str()),
            open_customers: gauge!(names::SOCKETS_OPEN, "role" => Role::Customer.as_str()),
            queue_depth: gauge!(names::HUB_QUEUE_DEPTH),
            streams_kept: gauge!(names::HUB_STREAM_MESSAGES),
            offer_written: histogram!(names::DISPATCH_OFFER_WRITTEN_SECONDS),
            offer_delivered: histogram!(names::HUB_OFFER_DELIVERED_SECONDS),
            joined: ["fresh", "recovered", "not_recovered"]
                .map(|how| counter!(names::SOCKETS_OPENED_TOTAL, "how" => how)),
            handshakes_refused: admission::Refused::LABELS.into_iter().map(handshake_refused).collect(),
            closed: CloseCode::ALL.into_iter().map(closed).collect(),
            closed_by_peer: counter!(names::SOCKETS_CLOSED_TOTAL, "code" => "peer"),
            pings: counter!(names::PINGS_TOTAL),
            pings_refused: PingRefused::LABELS.into_iter().map(refused).collect(),
            dropped_positions: counter!(names::HUB_DROPPED_TOTAL, "queue" => "positions"),
            dropped_frames: counter!(names::HUB_DROPPED_TOTAL, "queue" => "frames"),
            dropped_commands: counter!(names::HUB_DROPPED_TOTAL, "queue" => "commands"),
            queue_full: counter!(names::HUB_QUEUE_FULL_TOTAL),
            panics: counter!(names::SOCKET_PANICS_TOTAL),
        }
    }

    /// Sets how many sockets are open.
    #[expect(clippy::cast_precision_loss, reason = "no node holds 2^53 sockets")]
    pub fn open(&self, drivers: usize, customers: usize) {
        self.open_drivers.set(drivers as f64);
        self.open_customers.set(customers as f64);
    }

    /// Sets how many state events wait for sockets that do not read.
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    pub fn queue_depth(&self, events: u64) {
        self.queue_depth.set(events as f64);
    }

    /// Sets how many control messages are kept for apps that come back.
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    pub fn streams_kept(&self, messages: usize) {
        self.streams_kept.set(messages as f64);
    }

    /// Notes how long an offer took to the wire: from the decision, and from the commit.
    pub fn offer_written(&self, since_decided: Duration, since_told: Duration) {
        self.offer_written.record(since_decided);
        self.offer_delivered.record(since_told);
    }

    /// Counts a socket that signed on: whether it asked to go on somewhere, and whether it could.
    pub fn joined(&self, recovered: Option<bool>) {
        let [fresh, there, lost] = &self.joined;
        match recovered {
            None => fresh.increment(1),
            Some(true) => there.increment(1),
            Some(false) => lost.increment(1),
        }
    }

    /// Counts a handshake that was refused.
    pub fn handshake_refused(&self, refused: admission::Refused) {
        if let Some(counter) = self.handshakes_refused.get(refused as usize) {
            counter.increment(1);
        }
    }

    /// Counts a socket that ended; without a code, by the other side.
    pub fn closed(&self, code: Option<CloseCode>) {
        let counter = code.and_then(|code| {
            let index = CloseCode::ALL.iter().position(|known| *known == code)?;
            self.closed.get(index)
        });
        counter.unwrap_or(&self.closed_by_peer).increment(1);
    }

    /// Adds pings that were counted elsewhere.
    pub fn pings(&self, more: u64) {
        self.pings.increment(more);
    }

    /// Counts a ping that was refused.
    pub fn ping_refused(&self, refused: PingRefused) {
        if let Some(counter) = self.pings_refused.get(refused.label_index()) {
            counter.increment(1);
        }
    }
}

const STRIPES: usize = 16;

/// A counter that many threads increase at once without sharing a cache line.
#[derive(Default)]
pub struct Striped([Stripe; STRIPES]);

#[derive(Default)]
#[repr(align(64))]
struct Stripe(AtomicU64);

impl Striped {
    /// Adds one; callers with different `lane`s do not disturb each other.
    pub fn increment(&self, lane: usize) {
        self.0[lane % STRIPES].0.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets a lane's value, for figures that are not counts.
    pub fn set(&self, lane: usize, value: u64) {
        self.0[lane % STRIPES].0.store(value, Ordering::Relaxed);
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}
