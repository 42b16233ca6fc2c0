//! What the server says to an app.
//!
//! One enum for all of it, decodable as well as encodable, because the simulated city and the tests are clients of the
//! same protocol. How it is written is in `encode`, the layout of the binary frames in `binary`.

mod binary;
mod encode;
mod latest;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Fault};
use crate::ids::{ConnectionId, Epoch, OfferId, RideId, StreamSeq, UserId};
use crate::realtime::protocol::client::DecodeError;
use crate::realtime::protocol::view::{OfferView, RideView};
use crate::time::Timestamp;
use crate::web::Role;

pub use binary::decode_binary;
pub use latest::{HintView, LatestKind, RideQueueView, StagePlaceView};

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The whole truth at the start of a session.
    Welcome(Box<Welcome>),
    /// A command succeeded.
    Reply {
        /// The command's id.
        id: String,
        /// The ride after it, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        ride: Option<Box<RideView>>,
    },
    /// A command, or the last frame, was refused.
    Error(Box<ErrorFrame>),
    /// A ping is searchable.
    Ack {
        /// The ping's own time.
        t_ms: i64,
    },
    /// A ride is offered.
    Offer {
        /// Its place in the stream.
        #[schema(value_type = u64)]
        seq: StreamSeq,
        /// That of the control message before it in this user's stream; 0 when none is known.
        #[schema(value_type = u64)]
        prev: StreamSeq,
        /// The offer.
        offer: Box<OfferView>,
    },
    /// An offer ended otherwise than by this app.
    OfferWithdrawn {
        /// Its place in the stream.
        #[schema(value_type = u64)]
        seq: StreamSeq,
        /// That of the control message before it in this user's stream; 0 when none is known.
        #[schema(value_type = u64)]
        prev: StreamSeq,
        /// The offer.
        #[schema(value_type = String, example = "8f1b2c3d-0000-8000-8000-000000000001.1")]
        offer_id: OfferId,
        /// Why.
        reason: Withdrawal,
    },
    /// A ride changed state.
    Ride {
        /// Its place in the stream.
        #[schema(value_type = u64)]
        seq: StreamSeq,
        /// That of the control message before it in this user's stream; 0 when none is known.
        #[schema(value_type = u64)]
        prev: StreamSeq,
        /// The ride after it.
        ride: Box<RideView>,
    },
    /// The driver does not have the ride any more; it goes to another.
    RideReleased {
        /// Its place in the stream.
        #[schema(value_type = u64)]
        seq: StreamSeq,
        /// That of the control message before it in this user's stream; 0 when none is known.
        #[schema(value_type = u64)]
        prev: StreamSeq,
        /// The ride.
        #[schema(value_type = Uuid)]
        ride_id: RideId,
        /// Why.
        reason: Release,
    },
    /// Something seems wrong on the way to the pickup.
    Nudge {
        /// Its place in the stream.
        #[schema(value_type = u64)]
        seq: StreamSeq,
        /// That of the control message before it in this user's stream; 0 when none is known.
        #[schema(value_type = u64)]
        prev: StreamSeq,
        /// The ride.
        #[schema(value_type = Uuid)]
        ride_id: RideId,
        /// What.
        trouble: Concern,
    },
    /// Where the assigned driver is; only the newest.
    DriverPosition(DriverPosition),
    /// The free drivers of one tile around a rider who browses; replaces what was known of the tile.
    DriversNearby {
        /// Which tile.
        tile: u32,
        /// Those in it.
        drivers: Vec<NearbyDriver>,
    },
    /// Where a driver stands in the queue of a stage; only the newest.
    Stage {
        /// The place; null when there is none any more.
        place: Option<StagePlaceView>,
    },
    /// Where an idle driver is wanted; only the newest.
    Hint {
        /// Where; null when it is not meant any more.
        hint: Option<HintView>,
    },
    /// A searching rider's place where a whole area is short of drivers; only the newest.
    RideQueue {
        /// Of which ride.
        #[schema(value_type = Uuid)]
        ride_id: RideId,
        /// The place; null when a driver is in reach again.
        queue: Option<RideQueueView>,
    },
    /// A notification for the person.
    Notice {
        /// What it is about, stable for programs.
        key: String,
        /// For the person, in their language.
        text: String,
    },
    /// What is owed for a ride changed: it was asked for, paid, or not.
    Payment(PaymentNews),
    /// Answer to a heartbeat.
    Heartbeat {
        /// The server's clock.
        server_time_ms: i64,
    },
}

/// How the payment of a ride stands. Not kept: `GET /rides/{id}/payment` tells it at any time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentNews {
    /// Of which ride.
    #[schema(value_type = Uuid)]
    pub ride_id: RideId,
    /// `ride`, `cancellation` or `tip`.
    pub purpose: String,
    /// `requires_payment`, `processing`, `cash_due`, `succeeded` or `cancelled`.
    pub state: String,
    /// What is owed in all, in francs.
    pub amount_rwf: i64,
    /// What of it is paid, in francs.
    pub paid_rwf: i64,
    /// How it was last tried: `cash`, `mtn_momo`, `airtel_money` or `card`.
    pub method: String,
    /// Why the last try failed, in a word; null otherwise.
    pub failure: Option<String>,
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
}

/// The state at the start of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Welcome {
    /// This connection.
    #[schema(value_type = Uuid)]
    pub session_id: ConnectionId,
    /// Who is connected.
    #[schema(value_type = Uuid)]
    pub user_id: UserId,
    /// As what: `driver` or `customer`, the roles that have a socket.
    pub role: Role,
    /// The life of the city's stream that `seq` belongs to.
    #[schema(value_type = Uuid)]
    pub epoch: Epoch,
    /// The stream goes on after this position.
    #[schema(value_type = u64)]
    pub seq: StreamSeq,
    /// Whether exactly the missed control messages follow; null when no resume was asked for.
    pub recovered: Option<bool>,
    /// The server's clock.
    pub server_time_ms: i64,
    /// The longest an app may be silent is twice this.
    pub heartbeat_s: i64,
    /// Whether the driver is on shift; null for riders.
    pub online: Option<bool>,
    /// The live ride; a driver's is the one under way.
    pub ride: Option<RideView>,
    /// The ride that the driver has taken for after it; null for riders.
    pub next_ride: Option<RideView>,
    /// The live offers.
    pub offers: Vec<OfferView>,
}

/// Why an offer ended without this driver's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// Its deadline passed.
    Expired,
    /// The ride was cancelled.
    Cancelled,
    /// Somebody else has the ride, or it was offered anew.
    Superseded,
}

/// Why a driver does not have a ride any more that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// The driver called it off.
    DriverCancelled,
    /// The driver did not move.
    Stalled,
    /// The driver went elsewhere.
    WentAway,
    /// Nothing was heard of the driver.
    WentDark,
    /// Another driver will be there much sooner.
    BetterDriver,
    /// The ride before it took too long.
    Late,
}

/// What seems wrong with a driver on the way to a pickup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// The driver does not move.
    Stalled,
    /// The driver moves, and not towards the pickup.
    GoingAway,
    /// Nothing is heard of the driver.
    Dark,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorFrame {
    /// The command; absent when the last frame was not a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// The wrong fields, where that is the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultView>,
    /// When it is worth trying again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<i64>,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultView {
    /// The field.
    pub field: String,
    /// Its value, shortened; null where it is missing or secret.
    pub value: Option<String>,
    /// Why it is refused.
    pub reason: String,
}

impl From<Fault> for FaultView {
    fn from(fault: Fault) -> Self {
        Self { field: fault.field, value: fault.value, reason: fault.reason }
    }
}

/// Where an assigned driver is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriverPosition {
    /// The ride the position belongs to.
    #[schema(value_type = Uuid)]
    pub ride_id: RideId,
    /// Degrees north, rounded to six places (0.1 m).
    pub lat: f64,
    /// Degrees east, rounded to six places.
    pub lng: f64,
    /// Direction of travel, clockwise from north.
    pub bearing_deg: Option<u16>,
    /// When the driver was there, milliseconds since 1970 UTC.
    pub t_ms: i64,
    /// Until the next stop (the pickup, then the destination), where it is known.
    pub eta_s: Option<i64>,
}

/// A free driver as somebody who browses sees them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NearbyDriver {
    /// Stands for the driver while the server's process runs, and says nothing about who it is.
    pub key: u32,
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lng: f64,
    /// Direction of travel, clockwise from north.
    pub bearing_deg: Option<u16>,
}

impl ErrorFrame {
    /// A refusal with a code and nothing else.
    pub fn new(id: Option<String>, code: &str, message: impl Into<String>) -> Self {
        Self { id, code: code.to_owned(), message: message.into(), faults: Vec::new(), retry_after_s: None }
    }

    /// The one mapping of a use case's error to the socket. A fault of ours is told as constant text: whoever calls this
    /// logs its cause.
    pub fn from_error(id: Option<String>, error: &Error) -> Self {
        let code = error.code();
        let (faults, retry_after) = match error {
            Error::Invalid(faults) => (faults.clone(), None),
            Error::RateLimited { retry_after }
            | Error::TooMany { retry_after, .. }
            | Error::Unavailable { retry_after, .. } => (Vec::new(), Some(*retry_after)),
            Error::NotFound { .. }
            | Error::Conflict { .. }
            | Error::Unauthenticated { .. }
            | Error::Forbidden { .. }
            | Error::Internal(_) => (Vec::new(), None),
        };
        Self {
            faults: faults.into_iter().map(FaultView::from).collect(),
            retry_after_s: retry_after.map(|span| span.as_secs_up()),
            ..Self::new(id, code, error.to_string())
        }
    }
}

impl From<DecodeError> for ErrorFrame {
    fn from(error: DecodeError) -> Self {
        let DecodeError { id, code, message, faults } = error;
        Self { faults: faults.into_iter().map(FaultView::from).collect(), ..Self::new(id, code, message) }
    }
}
