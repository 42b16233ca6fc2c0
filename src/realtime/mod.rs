//! Sockets: the door, the sessions, the hub of who is connected, and the wire protocol.
//!
//! The machine room's half of everything live. It knows no service: `app` hands it a [`Handler`] for pings and commands,
//! services tell users things through the [`Hub`]. Sockets live in *reactors*, threads that own thousands of them; see
//! `reactor`. Invariants: no task, timer or buffer for each connection; every queue is bounded and its overflow closes that
//! one socket with a code that says "reconnect"; a panic ends the socket it happened on and no other; nothing is logged,
//! allocated or locked across threads for a ping, except the index itself.

mod admission;
mod browse;
mod event;
pub mod frame;
mod handler;
mod handshake;
mod hub;
mod limit;
mod mailbox;
mod membership;
mod metrics;
pub mod protocol;
mod reactor;
mod session;
mod stream;
mod upgrade;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::Rng;

pub use admission::Bounds as AdmissionBounds;
pub use browse::Picture;
pub use event::{Event, Notice, RestoredStreams, Told};
pub use handler::{Handler, PingRefused, Reply, Snapshot};
pub use hub::{Delivery, Hub, HubCounters};
pub use limit::Rate;
pub use protocol::server::PaymentNews;
pub use upgrade::{SOCKET_PATH, router};
pub use watch::Position;

use crate::clock;
use crate::time::Span;
use admission::Admission;
use protocol::close::CloseCode;
use reactor::{Inbox, Note};

/// The bounds of the sockets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that own sockets; at least one.
    pub reactors: usize,
    /// For how long pings may wait for company; zero when each is to be read at once.
    pub coalesce: Span,
    /// For how long after a control message a driver's socket is served at once.
    pub prompt_for: Span,
    /// Most authenticated sockets on this node; the next one is closed with 4003.
    pub connections_max: usize,
    /// Most sockets between handshake and proof of identity; the next handshake is answered 503.
    pub pending_max: usize,
    /// Who may open a socket now.
    pub admission: AdmissionBounds,
    /// How long a socket may take from the handshake to `hello`.
    pub hello_within: Span,
    /// How often an app must be heard at least; after twice that in silence its socket is closed with 4001.
    pub heartbeat: Span,
    /// How long an app may leave unread what it was sent; then its socket is closed with 4002.
    pub stall_max: Span,
    /// Largest frame from an app, and largest message when it comes in fragments.
    pub frame_bytes_max: usize,
    /// The kernel's buffer for what an app sent.
    pub receive_buffer_bytes: usize,
    /// The kernel's buffer for what an app has not read; more than that of positions would be old ones.
    pub send_buffer_bytes: usize,
    /// Most bytes that wait for a slow socket behind the kernel's buffer; beyond that it is closed with 4002.
    pub write_buffer_bytes_max: usize,
    /// Most state events that wait for one app; the next one closes its socket with 4002.
    pub events_max: usize,
    /// For how long control messages are kept for an app that comes back.
    pub resume_window: Span,
    /// Most control messages that are kept for one user.
    pub resume_messages_max: usize,
    /// Over how long apps are asked to spread their return after a stop.
    pub return_spread: Span,
    /// Most commands of one app that wait behind the one being carried out; the next one is refused.
    pub commands_max: usize,
    /// How many frames that are not of the protocol close a socket with 4500.
    pub bad_frames_max: u32,
    /// Frames a socket may send; those beyond are dropped.
    pub frames: Rate,
    /// How long a closing socket may take to read its close code.
    pub close_within: Span,
}

#[cfg(test)]
impl Config {
    /// Bounds with room, for tests; a test shortens the one it is about.
    pub fn for_tests() -> Self {
        Self {
            reactors: 1,
            coalesce: Span::from_millis(2),
            prompt_for: Span::from_secs(20),
            connections_max: 100,
            pending_max: 100,
            admission: AdmissionBounds {
                handshakes_per_s: 1_000,
                handshakes_per_address_per_s: 1_000,
                connections_per_address_max: 1_000,
            },
            hello_within: Span::from_secs(5),
            heartbeat: Span::from_secs(30),
            stall_max: Span::from_secs(30),
            frame_bytes_max: 4_096,
            receive_buffer_bytes: 16_384,
            send_buffer_bytes: 16_384,
            write_buffer_bytes_max: 64 * 1_024,
            events_max: 64,
            resume_window: Span::from_secs(180),
            resume_messages_max: 64,
            return_spread: Span::from_secs(5),
            commands_max: 8,
            bad_frames_max: 3,
            frames: Rate { per_s: 10_000, burst_max: 10_000 },
            close_within: Span::from_secs(2),
        }
    }
}

/// What every session shares: the bounds, the hub and the handler.
pub struct Shared<H> {
    config: Config,
    hub: Arc<Hub>,
    handler: H,
    admission: Admission,
    runtime: tokio::runtime::Handle,
    tick_length: Duration,
    patience: Patience,
}

/// How long sessions wait for things, in ticks of their reactor.
#[derive(Clone, Copy, Debug)]
struct Patience {
    hello: u32,
    silence: u32,
    stall: u32,
    close: u32,
    prompt: u32,
}

impl<H> Shared<H> {
    /// When an app that is closed with this code should come back: at a random moment, so that not all come at once.
    fn retry_hint_ms(&self, code: CloseCode) -> Option<u32> {
        let (from, to) = match code {
            _ if !code.reconnect() => return None,
            CloseCode::ShuttingDown => (RETURN_MIN_MS, self.config.return_spread.as_millis()),
            CloseCode::NodeFull => (FULL_RETURN_MIN_MS, 2 * FULL_RETURN_MIN_MS),
            _ => (RETURN_MIN_MS, 4 * RETURN_MIN_MS),
        };
        u32::try_from(rand::rng().random_range(from..=to.max(from))).ok()
    }
}

/// Nobody needs to come back sooner.
const RETURN_MIN_MS: i64 = 250;
/// A full node is full for longer.
const FULL_RETURN_MIN_MS: i64 = 5_000;

/// The sockets of one node; when this is dropped, every socket is closed with 4000 and the reactors end.
pub struct Sockets<H> {
    shared: Arc<Shared<H>>,
    reactors: Vec<Arc<Inbox>>,
    next: AtomicUsize,
}

impl<H: Handler> Sockets<H> {
    /// Starts the reactors of a node. The bounds are those that the hub was started with.
    ///
    /// # Errors
    /// When the system gives no more descriptors or threads.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(hub: Arc<Hub>, handler: H) -> io::Result<Arc<Self>> {
        let config = hub.config().clone();
        let tick_length = tick_length(&config);
        let ticks = |span: Span| {
            let count = span.to_duration().as_millis().div_ceil(tick_length.as_millis().max(1));
            u32::try_from(count).unwrap_or(u32::MAX / 2)
        };
        let patience = Patience {
            hello: ticks(config.hello_within),
            silence: ticks(config.heartbeat).saturating_mul(2),
            stall: ticks(config.stall_max),
            close: ticks(config.close_within),
            prompt: ticks(config.prompt_for),
        };
        let admission = Admission::new(config.admission, clock::now());
        let runtime = tokio::runtime::Handle::current();
        let count = config.reactors.max(1);
        let shared = Arc::new(Shared { config, hub, handler, admission, runtime, tick_length, patience });
        let mut reactors = Vec::new();
        for number in 0..count {
            let reactor = reactor::start(Arc::clone(&shared), number)?;
            shared.hub.add_reactor(Arc::clone(&reactor));
            reactors.push(reactor);
        }
        Ok(Arc::new(Self { shared, reactors, next: AtomicUsize::new(0) }))
    }

    /// Gives a connection to the next reactor.
    fn hand_over(&self, opening: session::Opening) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.reactors.len();
        self.reactors[next].put(Note::Open(Box::new(opening)));
    }
}

impl<H> Drop for Sockets<H> {
    fn drop(&mut self) {
        for reactor in &self.reactors {
            reactor.put(Note::Stop);
        }
    }
}

/// Four ticks to the shortest of the limits, but at most one a second: late by a quarter at worst.
fn tick_length(config: &Config) -> Duration {
    let shortest = config.hello_within.min(config.heartbeat).min(config.close_within).to_duration();
    (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
}
