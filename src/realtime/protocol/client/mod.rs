//! What an app says to the server.
//!
//! Reading is in `decode` (JSON, with a shortcut in `fast`) and `binary`, the wording of refusals in `explain`. What is written down here is already checked: types, ranges
//! and lengths are right, a place is on the globe. What needs the world (service area, clock, ownership) is checked
//! further in. The `Debug` forms hide tokens, PINs and places.

mod binary;
mod decode;
mod explain;
mod fast;
mod locate;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub use binary::{HEARTBEAT_FRAME, PING_BYTES, decode_binary};
pub use decode::{decode, decode_general};
pub use fast::decode_plain_ping;

use crate::error::Fault;
use crate::geo::LatLng;
use crate::ids::{Epoch, OfferId, RideId, StreamSeq};
use crate::time::Timestamp;

/// Longest `id` of a command.
pub const COMMAND_ID_CHARS_MAX: usize = 64;
/// Longest `reason`.
pub const REASON_CHARS_MAX: usize = 64;
/// Longest `note`.
pub const NOTE_CHARS_MAX: usize = 500;

/// Fastest motorcycle that is believed.
pub(super) const SPEED_MPS_MAX: f64 = 100.0;
/// A full turn.
pub(super) const BEARING_DEG_MAX: f64 = 360.0;
/// Worst accuracy that is worth sending.
pub(super) const ACCURACY_M_MAX: f64 = 100_000.0;
/// Largest position in a stream: what a JavaScript number holds exactly.
pub(super) const SEQ_MAX: u64 = (1 << 53) - 1;

/// A frame from an app.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage<'a> {
    /// Who this is, when the handshake did not say.
    Hello {
        /// The access token.
        token: Token<'a>,
        /// Where the app's stream of control messages broke off, when it wants the rest.
        resume: Option<Resume>,
    },
    /// Where a driver is.
    Ping(Ping),
    /// The app is alive.
    Heartbeat,
    /// Something to do, answered by `reply` or `error` with the same id.
    Command {
        /// Chosen by the app.
        id: String,
        /// What to do.
        command: Command,
    },
}

/// The last control message an app has, so that the server can send what came after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The epoch of the session in which it came.
    pub epoch: Epoch,
    /// Its `seq`, or that of the welcome when none came after it.
    pub after: StreamSeq,
}

/// An access token as it came in; its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token<'a>(pub Cow<'a, str>);

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// Where a driver is: on the globe, not yet compared with the service area or the clock.
#[derive(Clone, Copy, PartialEq)]
pub struct Ping {
    /// When the driver was there, by the phone's clock.
    pub at: Timestamp,
    /// The place itself.
    pub place: LatLng,
    /// Speed over ground.
    pub speed_mps: Option<f32>,
    /// Direction of travel, clockwise from north, 0 to 360.
    pub bearing_deg: Option<f32>,
    /// Radius of 68 % confidence.
    pub accuracy_m: Option<f32>,
    /// Whether the app wants to hear that the ping is searchable.
    pub ack: bool,
}

impl fmt::Debug for Ping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ping").field("at", &self.at).finish_non_exhaustive()
    }
}

/// What an app can ask for over the socket.
#[derive(Clone, PartialEq)]
pub enum Command {
    /// Start the shift here.
    GoOnline {
        /// Where the driver is.
        place: LatLng,
    },
    /// End the shift.
    GoOffline,
    /// Take the ride on offer.
    AcceptOffer {
        /// Which.
        offer: OfferId,
    },
    /// Do not take it.
    DeclineOffer {
        /// Which.
        offer: OfferId,
        /// Why, in a word.
        reason: Option<String>,
    },
    /// The driver is at the pickup.
    Arrive {
        /// Which ride.
        ride: RideId,
    },
    /// The rider is on.
    Start {
        /// Which ride.
        ride: RideId,
        /// What the rider said: four digits.
        pin: String,
    },
    /// The driver is at a stop between pickup and destination.
    ReachStop {
        /// Which ride.
        ride: RideId,
        /// Which stop, from 1.
        stop: u8,
    },
    /// The rider is at the destination.
    Complete {
        /// Which ride.
        ride: RideId,
        /// What the receiver of a parcel said: four digits.
        pin: Option<String>,
    },
    /// End the ride early.
    Cancel {
        /// Which ride.
        ride: RideId,
        /// Why, in a word.
        reason: String,
        /// Why, in the person's own words.
        note: Option<String>,
    },
    /// Be told of the free drivers around this place, until told otherwise; again is to move.
    Browse {
        /// The middle.
        place: LatLng,
    },
    /// No more of that.
    StopBrowsing,
}

impl Command {
    /// The word on the wire, which is also the label in logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::GoOnline { .. } => "go_online",
            Self::GoOffline => "go_offline",
            Self::AcceptOffer { .. } => "accept_offer",
            Self::DeclineOffer { .. } => "decline_offer",
            Self::Arrive { .. } => "arrive",
            Self::Start { .. } => "start",
            Self::ReachStop { .. } => "reach_stop",
            Self::Complete { .. } => "complete",
            Self::Cancel { .. } => "cancel",
            Self::Browse { .. } => "browse",
            Self::StopBrowsing => "stop_browsing",
        }
    }

    /// Whether only drivers may send it.
    pub const fn is_drivers_only(&self) -> bool {
        !matches!(self, Self::Cancel { .. }) && !self.is_riders_only()
    }

    /// Whether only riders may send it.
    pub const fn is_riders_only(&self) -> bool {
        matches!(self, Self::Browse { .. } | Self::StopBrowsing)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a frame was refused. Becomes an `error` frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The command's id, where it could be read.
    pub id: Option<String>,
    /// `invalid_frame` or `invalid_value`.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// The wrong fields, where that is the reason.
    pub faults: Vec<Fault>,
}

impl DecodeError {
    /// The frame as a whole is not one of ours.
    pub fn frame(message: impl Into<String>) -> Self {
        Self { id: None, code: "invalid_frame", message: message.into(), faults: Vec::new() }
    }

    fn values(id: Option<&str>, faults: Vec<Fault>) -> Self {
        let message = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ");
        Self { id: id.map(str::to_owned), code: "invalid_value", message, faults }
    }
}
