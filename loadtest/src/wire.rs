//! The messages of the public API as a client needs them: only the fields that are used, unknown ones ignored.
//!
//! Written from the published protocol, not shared with the server: a change that breaks phones must break here too.

use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::world::Point;

/// State of a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub enum Status {
    /// Looking for a driver.
    Requested,
    /// A driver is on the way.
    DriverAssigned,
    /// The driver waits at the pickup.
    DriverArrived,
    /// Rider on board.
    InProgress,
    /// Ended at the destination.
    Completed,
    /// Ended by the rider.
    CancelledByCustomer,
    /// Ended by the driver.
    CancelledByDriver,
    /// Ended by the engine.
    CancelledBySystem,
    /// Ended because nobody took it.
    NoDriverFound,
    /// A state this client does not know.
    Unknown,
}

impl Status {
    /// True when nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::CancelledByCustomer
                | Self::CancelledByDriver
                | Self::CancelledBySystem
                | Self::NoDriverFound
        )
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::DriverAssigned => "driver_assigned",
            Self::DriverArrived => "driver_arrived",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::CancelledByCustomer => "cancelled_by_customer",
            Self::CancelledByDriver => "cancelled_by_driver",
            Self::CancelledBySystem => "cancelled_by_system",
            Self::NoDriverFound => "no_driver_found",
            Self::Unknown => "unknown",
        }
    }
}

impl From<String> for Status {
    fn from(name: String) -> Self {
        const ALL: [Status; 9] = [
            Status::Requested,
            Status::DriverAssigned,
            Status::DriverArrived,
            Status::InProgress,
            Status::Completed,
            Status::CancelledByCustomer,
            Status::CancelledByDriver,
            Status::CancelledBySystem,
            Status::NoDriverFound,
        ];
        ALL.into_iter().find(|status| status.name() == name).unwrap_or(Self::Unknown)
    }
}

/// A ride as REST answers and socket frames show it. Times are RFC 3339 UTC with fixed width, so they compare as text.
#[derive(Clone, Debug, Deserialize)]
pub struct RideView {
    /// The ride.
    pub id: Uuid,
    /// Its state.
    pub status: Status,
    /// Where the rider waits.
    pub pickup: Point,
    /// Where the rider goes.
    pub destination: Point,
    /// Shown to the rider until the ride starts.
    #[serde(default)]
    pub pin: Option<String>,
    /// Absent before assignment.
    #[serde(default)]
    pub driver: Option<Party>,
    /// When a driver accepted.
    #[serde(default)]
    pub assigned_at: Option<String>,
    /// When the driver stood at the pickup.
    #[serde(default)]
    pub arrived_at: Option<String>,
    /// When the rider got on.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it was over, one way or another.
    #[serde(default)]
    pub ended_at: Option<String>,
}

/// The other person of a ride.
#[derive(Clone, Debug, Deserialize)]
pub struct Party {
    /// Their id.
    pub id: Uuid,
}

/// An offer as a driver sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct OfferView {
    /// `{ride_id}.{ordinal}`.
    pub offer_id: String,
    /// The ride on offer.
    pub ride_id: Uuid,
}

/// What a frame from the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Kind {
    /// First frame of a session: the whole truth.
    Welcome,
    /// A command succeeded.
    Reply,
    /// A command or frame was refused.
    Error,
    /// A ping is searchable.
    Ack,
    /// A ride is offered.
    Offer,
    /// An offer ended otherwise.
    OfferWithdrawn,
    /// A ride changed.
    Ride,
    /// The ride goes to another driver.
    RideReleased,
    /// The driver is asked what is wrong.
    Nudge,
    /// Where the driver is.
    DriverPosition,
    /// Free drivers of a tile.
    DriversNearby,
    /// A notification.
    Notice,
    /// News of a payment.
    Payment,
    /// Answer to a heartbeat.
    Heartbeat,
    /// Something this client does not know and ignores.
    Other,
}

impl From<String> for Kind {
    fn from(name: String) -> Self {
        match name.as_str() {
            "welcome" => Self::Welcome,
            "reply" => Self::Reply,
            "error" => Self::Error,
            "ack" => Self::Ack,
            "offer" => Self::Offer,
            "offer_withdrawn" => Self::OfferWithdrawn,
            "ride" => Self::Ride,
            "ride_released" => Self::RideReleased,
            "nudge" => Self::Nudge,
            "driver_position" => Self::DriverPosition,
            "drivers_nearby" => Self::DriversNearby,
            "notice" => Self::Notice,
            "payment" => Self::Payment,
            "heartbeat" => Self::Heartbeat,
            _ => Self::Other,
        }
    }
}

impl Kind {
    /// Whether it has a place in its user's stream.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Offer | Self::OfferWithdrawn | Self::Ride | Self::RideReleased | Self::Nudge)
    }
}

/// A frame from the server: one flat shape for all kinds, so that it is decoded in a single pass.
#[derive(Clone, Debug, Deserialize)]
pub struct Frame {
    /// Which kind it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The command it answers.
    #[serde(default)]
    pub id: Option<String>,
    /// In an `offer`, `offer_withdrawn` or `ride`: its stream position. In a `welcome`: where the stream goes on.
    #[serde(default)]
    pub seq: Option<u64>,
    /// The position of the control message before it in this person's stream; 0 when none is known.
    #[serde(default)]
    pub prev: Option<u64>,
    /// In a `welcome`: which city the positions belong to.
    #[serde(default)]
    pub epoch: Option<Uuid>,
    /// In a `welcome`: whether exactly the missed control messages follow. Absent when no resume was asked.
    #[serde(default)]
    pub recovered: Option<bool>,
    /// Why a command was refused.
    #[serde(default)]
    pub code: Option<String>,
    /// The ride of a `ride`, `reply` or `welcome` frame.
    #[serde(default)]
    pub ride: Option<RideView>,
    /// The offer of an `offer` frame.
    #[serde(default)]
    pub offer: Option<OfferView>,
    /// The live offers of a `welcome` frame.
    #[serde(default)]
    pub offers: Option<Vec<OfferView>>,
    /// The offer of an `offer_withdrawn` frame.
    #[serde(default)]
    pub offer_id: Option<String>,
    /// The ping an `ack` or `driver_position` frame is about.
    #[serde(default)]
    pub t_ms: Option<u64>,
    /// The ride of a `driver_position`.
    #[serde(default)]
    pub ride_id: Option<Uuid>,
    /// The drivers of a `drivers_nearby`.
    #[serde(default)]
    pub drivers: Option<Vec<IgnoredAny>>,
    /// In a driver's `welcome`: on shift or not.
    #[serde(default)]
    pub online: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        serde_json::from_str(text).expect("the example of the protocol decodes")
    }

    const RIDE: &str = r#"{"id":"8f1b2c3d-0000-8000-8000-000000000001","status":"driver_assigned","ride_type":"boda",
        "pickup":{"lat":-1.94,"lng":30.06,"address":"Nyabugogo","landmark":null},
        "destination":{"lat":-1.95,"lng":30.09,"address":null,"landmark":null},"notes":null,"fare_rwf":658,
        "pin":"4821","rider":{"id":"0190f3b4-0000-7000-8000-000000000001","first_name":"Aline"},
        "driver":{"id":"0190f3b4-0000-7000-8000-000000000002","first_name":"Eric","plate":"RC123B"},
        "cancellation":null,"requested_at":"2026-11-23T07:00:00.000Z","assigned_at":"2026-11-23T07:00:04.120Z",
        "arrived_at":null,"started_at":null,"ended_at":null}"#;

    #[test]
    fn the_protocols_examples_decode() {
        let welcome = frame(
            r#"{"type":"welcome","session_id":"x","user_id":"y","role":"driver","server_time_ms":1790000000000,
                "heartbeat_s":30,"online":true,"ride":null,"offers":[],
                "epoch":"0190f3b4-0000-7000-8000-00000000000e","seq":1832960000000000,"recovered":null}"#,
        );
        assert_eq!((welcome.seq, welcome.recovered), (Some(1_832_960_000_000_000), None));
        assert!(welcome.epoch.is_some());
        assert_eq!(
            (welcome.kind, welcome.online, welcome.offers.map(|offers| offers.len())),
            (Kind::Welcome, Some(true), Some(0))
        );
        let offer = frame(
            r#"{"type":"offer","seq":1832960000000001,"prev":0,"offer":{"offer_id":"8f1b2c3d-0000-8000-8000-000000000001.1",
                "ride_id":"8f1b2c3d-0000-8000-8000-000000000001","pickup":{"lat":-1.94,"lng":30.06},
                "pickup_eta_s":120,"fare_rwf":658,"deadline_ms":1790000015000}}"#,
        );
        assert_eq!((offer.kind, offer.seq, offer.prev), (Kind::Offer, Some(1_832_960_000_000_001), Some(0)));
        let refused = frame(r#"{"type":"error","id":"6","code":"wrong_pin","message":"4 attempts left"}"#);
        assert_eq!((refused.id.as_deref(), refused.code.as_deref()), (Some("6"), Some("wrong_pin")));
        assert_eq!(frame(r#"{"type":"from_the_future","x":1}"#).kind, Kind::Other);
    }

    #[test]
    fn a_ride_view_decodes_with_all_that_is_checked() {
        let ride = frame(&format!(r#"{{"type":"ride","seq":2,"ride":{RIDE}}}"#)).ride.expect("carries the ride");
        assert_eq!((ride.status, ride.pin.as_deref()), (Status::DriverAssigned, Some("4821")));
        assert_eq!(ride.assigned_at.as_deref(), Some("2026-11-23T07:00:04.120Z"));
        assert!(ride.driver.is_some() && ride.started_at.is_none());
    }

    #[test]
    fn an_unknown_state_is_kept_as_unknown() {
        assert_eq!(Status::from("paused".to_owned()), Status::Unknown);
        assert_eq!(Status::from("no_driver_found".to_owned()), Status::NoDriverFound);
    }
}
