//! Sockets: upgrade, sessions, the hub of who is connected, and the wire protocol.
//!
//! The machine room's half of everything live. It knows no service: `app` hands it the handlers for pings and commands,
//! services hand the hub events for a user.

pub mod protocol;
