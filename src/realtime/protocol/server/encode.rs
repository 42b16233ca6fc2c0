//! How the server's messages are written: JSON text, or a binary frame for what is sent often.
//!
//! A message is appended to a buffer that the caller owns and reuses, so that writing one costs no allocation. Encoding
//! cannot fail: there is no map with odd keys and no number that JSON lacks (positions come from checked coordinates).

use crate::realtime::protocol::server::{ServerMessage, binary};
use crate::realtime::protocol::{Encoding, FrameKind};

impl ServerMessage {
    /// Appends the payload to `out` and says which kind of frame it belongs into.
    pub fn encode_into(&self, encoding: Encoding, out: &mut Vec<u8>) -> FrameKind {
        if encoding == Encoding::Binary && binary::append(self, out) {
            return FrameKind::Binary;
        }
        serde_json::to_writer(out, self).expect("a server message has string keys and finite numbers only");
        FrameKind::Text
    }
}
