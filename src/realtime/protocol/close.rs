//! Why the server closes a socket, and whether the app should come back.
//!
//! The range says it without a table: 4000 to 4499 reconnect with back-off and jitter, 4500 to 4999 do not.

use std::fmt;

/// A close code that the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// A frame was larger than allowed.
    FrameTooLarge = 1009,
    /// The server is shutting down.
    ShuttingDown = 4000,
    /// Nothing was heard for twice the heartbeat interval.
    NoHeartbeat = 4001,
    /// The app did not read, and its queue of state events was full.
    TooSlow = 4002,
    /// The node holds as many sockets as it may.
    NodeFull = 4003,
    /// The state at sign-on could not be read just now.
    Unavailable = 4004,
    /// Too many bad frames, broken framing, or no `hello` in time.
    ProtocolViolation = 4500,
    /// The token is bad, expired or revoked.
    NotAuthenticated = 4501,
    /// The same user connected again.
    Replaced = 4502,
    /// The role has nothing to do on a socket.
    RoleWithoutSocket = 4503,
}

impl CloseCode {
    /// Every code, ascending.
    pub const ALL: [Self; 10] = [
        Self::FrameTooLarge,
        Self::ShuttingDown,
        Self::NoHeartbeat,
        Self::TooSlow,
        Self::NodeFull,
        Self::Unavailable,
        Self::ProtocolViolation,
        Self::NotAuthenticated,
        Self::Replaced,
        Self::RoleWithoutSocket,
    ];

    /// The number on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether the app should open a new socket by itself.
    pub const fn reconnect(self) -> bool {
        matches!(self.code(), 4000..=4499)
    }

    /// The name: the reason text on the wire (before the hint), and the label in the metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::FrameTooLarge => "frame_too_large",
            Self::ShuttingDown => "shutting_down",
            Self::NoHeartbeat => "no_heartbeat",
            Self::TooSlow => "too_slow",
            Self::NodeFull => "node_full",
            Self::Unavailable => "unavailable",
            Self::ProtocolViolation => "protocol_violation",
            Self::NotAuthenticated => "not_authenticated",
            Self::Replaced => "replaced",
            Self::RoleWithoutSocket => "role_without_socket",
        }
    }

    /// The reason text on the wire: the name, and for an app that should come back when it should (`NAME retry_ms=N`).
    pub fn reason_with_hint(self, retry_ms: Option<u32>) -> String {
        match retry_ms.filter(|_| self.reconnect()) {
            Some(retry_ms) => format!("{} retry_ms={retry_ms}", self.reason()),
            None => self.reason().to_owned(),
        }
    }

    /// The code of that number, if it is one of ours.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_says_whether_to_reconnect() {
        for code in CloseCode::ALL {
            assert_eq!(code.reconnect(), (4000..4500).contains(&code.code()), "{code}");
            assert_eq!(CloseCode::from_code(code.code()), Some(code));
        }
    }

    #[test]
    fn a_hint_is_given_to_those_who_should_come_back_only_and_fits_a_close_frame() {
        for code in CloseCode::ALL {
            let hinted = code.reason_with_hint(Some(u32::MAX));
            assert_eq!(hinted.contains(" retry_ms=4294967295"), code.reconnect(), "{code}");
            // A control frame carries 125 bytes, two of them the code.
            assert!(hinted.len() <= 123 && hinted.starts_with(code.reason()), "{hinted}");
            assert_eq!(code.reason_with_hint(None), code.reason());
        }
    }
}
