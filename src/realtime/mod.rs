//! Sockets: upgrade, sessions, the hub of who is connected, and the wire protocol.
//!
//! The machine room's half of everything live. It knows no service: `app` hands it a [`Handler`] for pings and commands,
//! services hand the [`Hub`] events for a user. Invariants: one task per connection and no timer per connection; every
//! queue is bounded and its overflow closes that one socket with a code that says "reconnect"; a panic ends the socket
//! it happened on and no other; nothing is logged per ping.

mod handler;
mod hub;
mod limit;
mod mailbox;
mod metrics;
pub mod protocol;
mod session;
mod upgrade;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use handler::{Handler, PingRefused, Reply, Snapshot};
pub use hub::{Delivery, Event, Hub, HubCounters, RestoredStreams, Told};
pub use upgrade::{SOCKET_PATH, router};
pub use watch::Position;

use crate::time::Span;

/// The bounds of the sockets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most authenticated sockets on this node; the next one is closed with 4003.
    pub connections_max: usize,
    /// Most sockets between handshake and proof of identity; the next handshake is answered 503.
    pub pending_max: usize,
    /// How long a socket may take from the handshake to `hello`.
    pub hello_within: Span,
    /// How often an app must be heard at least; after twice that in silence its socket is closed with 4001.
    pub heartbeat: Span,
    /// Largest frame from an app, and largest message when it comes in fragments.
    pub frame_bytes_max: usize,
    /// What a socket's read buffer begins with.
    pub read_buffer_bytes: usize,
    /// Most bytes that wait for a slow socket below the queue of events; beyond that it is closed with 4002.
    pub write_buffer_bytes_max: usize,
    /// Most state events that wait for one app; the next one closes its socket with 4002.
    pub events_max: usize,
    /// Most commands of one app that wait behind the one being carried out; the next one is refused.
    pub commands_max: usize,
    /// How many frames that are not of the protocol close a socket with 4500.
    pub bad_frames_max: u32,
    /// Frames a socket may send on average; those beyond are dropped.
    pub frames_per_s: u32,
    /// Frames a socket may send at once.
    pub frames_burst_max: u32,
    /// How long a closing socket may take to read its close code.
    pub close_within: Span,
    /// How long a control message is kept for an app that comes back, also over a restart.
    pub resume_window: Span,
}

/// What every session shares: the bounds, the hub and the handler.
pub struct Sockets<H> {
    config: Config,
    hub: Arc<Hub>,
    handler: H,
}

impl<H: Handler> Sockets<H> {
    /// The sockets of one node. `config` is the one the hub was started with.
    pub fn new(hub: Arc<Hub>, handler: H) -> Arc<Self> {
        Arc::new(Self { config: hub.config().clone(), hub, handler })
    }
}
