//! The socket protocol, version 1, JSON: messages of both directions, the views inside them, and the close codes.
//!
//! Separate from the session that carries them, so that the wire can be read and tested without a socket.
//! `docs/PROTOCOL.md` is the description for app authors; the tests below read its examples, so the two cannot drift.

pub mod client;
pub mod close;
pub mod server;
pub mod view;

/// The name of this protocol in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "boda.v1.json";

#[cfg(test)]
mod tests;
