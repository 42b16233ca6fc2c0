//! What the sockets ask of the services, as one trait that `app` implements.
//!
//! Separate because it is the whole border between the two. The ping is a plain function: it runs once or more a second
//! for every driver, inside a reactor, and must not wait, allocate or log. Everything else may wait.

use crate::error::{Error, Fault};
use crate::ids::DriverId;
use crate::realtime::protocol::client::{Command, Ping};
use crate::realtime::protocol::server::{ErrorFrame, FaultView};
use crate::realtime::protocol::view::{OfferView, RideView};
use crate::time::{Span, Timestamp};
use crate::web::Caller;

/// The services behind the sockets.
pub trait Handler: Send + Sync + 'static {
    /// What the services remember of a driver's socket from one ping to the next.
    type Track: Default + Send + 'static;

    /// Who an access token speaks for.
    ///
    /// # Errors
    /// Any error closes the socket with 4501. Callers in a role without a socket are closed with 4503 by the session.
    fn authenticate(&self, token: &str, now: Timestamp) -> Result<Caller, Error>;

    /// The caller's state for `welcome`. Events that are sent to the caller meanwhile follow it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] close with 4501 and 4503, anything else with 4004.
    fn welcome(&self, caller: Caller) -> impl Future<Output = Result<Snapshot, Error>> + Send;

    /// Takes in where a driver is. One older than the newest held is ignored, which is not an error.
    ///
    /// # Errors
    /// [`PingRefused`], which is told to the app and counted.
    fn ping(&self, driver: DriverId, track: &mut Self::Track, ping: &Ping, now: Timestamp) -> Result<(), PingRefused>;

    /// Carries out one command, to the end, even when the socket closes meanwhile. Idempotent: an app whose answer was
    /// lost sends it again. Drivers' commands only come from drivers.
    ///
    /// # Errors
    /// Becomes the `error` frame with the command's id.
    fn command(&self, caller: Caller, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send;

    /// The caller's socket is gone and no other has taken its place. A new one may open at any moment after: ask the hub
    /// when it matters.
    fn closed(&self, caller: Caller);
}

/// A caller's live state at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Whether the driver is on shift; `None` for riders.
    pub online: Option<bool>,
    /// The live ride; a driver's is the one under way.
    pub ride: Option<RideView>,
    /// The ride that the driver has taken for after it.
    pub next_ride: Option<RideView>,
    /// The live offers.
    pub offers: Vec<OfferView>,
}

/// What a command leads to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The ride after it, where there is one.
    pub ride: Option<RideView>,
}

/// Why a ping was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingRefused {
    /// It lies outside of the city that is served.
    OutsideServiceArea,
    /// It is older than a position may be.
    TooOld {
        /// By how much the server's clock is ahead of it.
        age: Span,
    },
    /// It lies further in the future than clocks may differ.
    FromTheFuture {
        /// By how much it is ahead of the server's clock.
        ahead: Span,
    },
    /// It lies where nobody can have got from the place before.
    Jumped {
        /// How far away from there, in metres.
        distance_m: u32,
        /// How long after.
        within: Span,
    },
    /// The driver is not on shift.
    NotOnline,
    /// The engine has no room for it now.
    Unavailable,
}

impl PingRefused {
    /// Every label, in the order of the variants.
    pub(super) const LABELS: [&'static str; 6] =
        ["outside_service_area", "too_old", "from_the_future", "impossible_jump", "not_online", "unavailable"];

    /// Which of [`Self::LABELS`] it is counted under.
    pub(super) const fn label_index(self) -> usize {
        match self {
            Self::OutsideServiceArea => 0,
            Self::TooOld { .. } => 1,
            Self::FromTheFuture { .. } => 2,
            Self::Jumped { .. } => 3,
            Self::NotOnline => 4,
            Self::Unavailable => 5,
        }
    }

    /// What the app is told.
    pub(super) fn frame(self, ping: &Ping) -> ErrorFrame {
        let invalid = |faults: Vec<Fault>| {
            let message = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ");
            let faults = faults.into_iter().map(FaultView::from).collect();
            ErrorFrame { faults, ..ErrorFrame::new(None, "invalid_value", message) }
        };
        let t_ms = ping.at.as_millis();
        match self {
            Self::OutsideServiceArea => {
                let reason = "is outside of the service area";
                invalid(vec![Fault::new("lat", ping.place.lat(), reason), Fault::new("lng", ping.place.lng(), reason)])
            }
            Self::TooOld { age } => invalid(vec![Fault::new("t_ms", t_ms, format_args!("is {age} old"))]),
            Self::FromTheFuture { ahead } => {
                invalid(vec![Fault::new("t_ms", t_ms, format_args!("is {ahead} ahead of the server's clock"))])
            }
            Self::Jumped { distance_m, within } => {
                let reason = format!("is {distance_m} m from where you were {within} before");
                let (lat, lng) = (ping.place.lat(), ping.place.lng());
                invalid(vec![Fault::new("lat", lat, &reason), Fault::new("lng", lng, &reason)])
            }
            Self::NotOnline => ErrorFrame::new(None, "not_online", "go online before you send positions"),
            Self::Unavailable => ErrorFrame::new(None, "unavailable", "the service cannot take positions now"),
        }
    }
}
