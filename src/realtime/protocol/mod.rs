//! The socket protocol, version 1: messages of both directions, the views inside them, how they are written, and the
//! close codes.
//!
//! Separate from the session that carries them, so that the wire can be read and tested without a socket. There are two
//! sub-protocols with one meaning: JSON only, and JSON with binary frames for what is sent often. `docs/PROTOCOL.md` is
//! the description for app authors; the tests below read its examples, so the two cannot drift.

pub mod asyncapi;
pub mod client;
pub mod close;
mod octets;
pub mod server;
pub mod view;

/// The name in `Sec-WebSocket-Protocol` of the protocol that is JSON throughout.
pub const SUBPROTOCOL_JSON: &str = "boda.v1.json";
/// The name of the protocol with binary frames for what is sent often.
pub const SUBPROTOCOL_BINARY: &str = "boda.v1.bin";

/// How a session's messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Everything as JSON text.
    Json,
    /// Positions, acknowledgements and heartbeats in binary frames, the rest as JSON text.
    Binary,
}

impl Encoding {
    /// The one to speak with an app that offers these sub-protocols (the items of its `Sec-WebSocket-Protocol` headers,
    /// in any order): the cheaper for its data bundle. None when it offers neither.
    pub fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        offered.into_iter().filter_map(Self::from_subprotocol).max()
    }

    /// The encoding of that sub-protocol, if it is one of ours.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        let name = name.trim();
        [Self::Json, Self::Binary].into_iter().find(|known| known.subprotocol().eq_ignore_ascii_case(name))
    }

    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => SUBPROTOCOL_JSON,
            Self::Binary => SUBPROTOCOL_BINARY,
        }
    }
}

/// Which kind of WebSocket frame a payload belongs into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A text frame.
    Text,
    /// A binary frame.
    Binary,
}

#[cfg(test)]
mod tests;
