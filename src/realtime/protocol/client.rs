//! What an app says to the server, and how it is read.
//!
//! A frame is read straight into one flat struct that borrows from the frame; a ping, which is nearly all of the traffic,
//! costs no allocation. Nothing here trusts a byte: types, ranges and lengths are checked before a message exists, and a
//! refusal names field, value and reason. What needs the world (service area, clock, ownership) is checked further in.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::error::Fault;
use crate::geo::LatLng;
use crate::ids::{OfferId, RideId};
use crate::realtime::protocol::locate;
use crate::time::Timestamp;

/// Longest `id` of a command.
pub const COMMAND_ID_CHARS_MAX: usize = 64;
/// Longest `reason`.
pub const REASON_CHARS_MAX: usize = 64;
/// Longest `note`.
pub const NOTE_CHARS_MAX: usize = 500;
/// Fastest motorcycle that is believed.
const SPEED_MPS_MAX: f64 = 100.0;
/// Worst accuracy that is worth sending.
const ACCURACY_M_MAX: f64 = 100_000.0;

/// A frame from an app.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage<'a> {
    /// Who this is, when the handshake did not say.
    Hello {
        /// The access token.
        token: Token<'a>,
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
    /// The rider is at the destination.
    Complete {
        /// Which ride.
        ride: RideId,
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
            Self::Complete { .. } => "complete",
            Self::Cancel { .. } => "cancel",
        }
    }

    /// Whether only drivers may send it.
    pub const fn is_drivers_only(&self) -> bool {
        !matches!(self, Self::Cancel { .. })
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

/// Reads one text frame.
///
/// # Errors
/// [`DecodeError`] when it is not an object of a known type with right fields.
pub fn decode(frame: &str) -> Result<ClientMessage<'_>, DecodeError> {
    // The derived reader would take an array in field order for the object.
    if !frame.trim_start().starts_with('{') {
        return Err(DecodeError::frame("the frame is not a JSON object"));
    }
    let flat: Flat<'_> = serde_json::from_str(frame).map_err(|error| explain(frame, &error))?;
    match &*flat.kind.0 {
        "ping" => flat.ping().map(ClientMessage::Ping),
        "heartbeat" => Ok(ClientMessage::Heartbeat),
        "hello" => match flat.token {
            Some(token) if !token.0.is_empty() => Ok(ClientMessage::Hello { token: Token(token.0) }),
            _ => Err(DecodeError::values(None, vec![Fault::without_value("token", "is missing")])),
        },
        "go_online" | "go_offline" | "accept_offer" | "decline_offer" | "arrive" | "start" | "complete" | "cancel" => {
            flat.command()
        }
        unknown => {
            let shown: String = unknown.chars().take(COMMAND_ID_CHARS_MAX).collect();
            let id = flat.id.as_ref().map(|id| id.0.chars().take(COMMAND_ID_CHARS_MAX).collect());
            Err(DecodeError { id, ..DecodeError::frame(format!("unknown type {shown:?}")) })
        }
    }
}

/// Every field of every message: which of them count depends on `kind`.
#[derive(serde::Deserialize)]
struct Flat<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    t_ms: Option<i64>,
    lat: Option<f64>,
    lng: Option<f64>,
    speed_mps: Option<f64>,
    bearing_deg: Option<f64>,
    accuracy_m: Option<f64>,
    ack: Option<bool>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    token: Option<Text<'a>>,
    #[serde(borrow)]
    offer_id: Option<Text<'a>>,
    #[serde(borrow)]
    ride_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    note: Option<Text<'a>>,
    #[serde(borrow)]
    pin: Option<Text<'a>>,
}

/// A string that borrows from the frame unless it has escapes. (`Option<Cow<str>>` would always copy.)
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

impl Flat<'_> {
    fn ping(&self) -> Result<Ping, DecodeError> {
        let mut fields = Fields::default();
        let at = fields.present("t_ms", self.t_ms).map(Timestamp::from_millis);
        let place = self.place(&mut fields);
        let speed_mps = fields.measure("speed_mps", self.speed_mps, SPEED_MPS_MAX);
        let bearing_deg = fields.measure("bearing_deg", self.bearing_deg, 360.0);
        let accuracy_m = fields.measure("accuracy_m", self.accuracy_m, ACCURACY_M_MAX);
        match (at, place) {
            (Some(at), Some(place)) if fields.faults.is_empty() => {
                Ok(Ping { at, place, speed_mps, bearing_deg, accuracy_m, ack: self.ack == Some(true) })
            }
            _ => Err(DecodeError::values(None, fields.faults)),
        }
    }

    fn command(&self) -> Result<ClientMessage<'static>, DecodeError> {
        let mut fields = Fields::default();
        let id = fields.text("id", self.id.as_ref(), COMMAND_ID_CHARS_MAX);
        let command = match &*self.kind.0 {
            "go_online" => self.place(&mut fields).map(|place| Command::GoOnline { place }),
            "go_offline" => Some(Command::GoOffline),
            "accept_offer" => self.offer(&mut fields).map(|offer| Command::AcceptOffer { offer }),
            "decline_offer" => {
                let reason = fields.optional_text("reason", self.reason.as_ref(), REASON_CHARS_MAX);
                self.offer(&mut fields).map(|offer| Command::DeclineOffer { offer, reason })
            }
            "arrive" => self.ride(&mut fields).map(|ride| Command::Arrive { ride }),
            "start" => {
                let pin = fields.pin(self.pin.as_ref());
                self.ride(&mut fields).zip(pin).map(|(ride, pin)| Command::Start { ride, pin })
            }
            "complete" => self.ride(&mut fields).map(|ride| Command::Complete { ride }),
            _cancel => {
                let reason = fields.text("reason", self.reason.as_ref(), REASON_CHARS_MAX);
                let note = fields.optional_text("note", self.note.as_ref(), NOTE_CHARS_MAX);
                self.ride(&mut fields).zip(reason).map(|(ride, reason)| Command::Cancel { ride, reason, note })
            }
        };
        match (id, command) {
            (Some(id), Some(command)) if fields.faults.is_empty() => Ok(ClientMessage::Command { id, command }),
            (id, _) => Err(DecodeError::values(id.as_deref(), fields.faults)),
        }
    }

    fn place(&self, fields: &mut Fields) -> Option<LatLng> {
        let lat = fields.degrees("lat", self.lat, 90.0);
        let lng = fields.degrees("lng", self.lng, 180.0);
        LatLng::new(lat?, lng?).ok()
    }

    fn offer(&self, fields: &mut Fields) -> Option<OfferId> {
        let text = fields.present("offer_id", self.offer_id.as_ref())?;
        fields.accept("offer_id", &text.0, text.0.parse())
    }

    fn ride(&self, fields: &mut Fields) -> Option<RideId> {
        let text = fields.present("ride_id", self.ride_id.as_ref())?;
        fields.accept("ride_id", &text.0, text.0.parse().map_err(|_| "is not a UUID"))
    }
}

/// The faults of one frame, and the checks that find them.
#[derive(Default)]
struct Fields {
    faults: Vec<Fault>,
}

impl Fields {
    fn present<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.faults.push(Fault::without_value(field, "is missing"));
        }
        value
    }

    fn accept<T, E: fmt::Display>(&mut self, field: &str, value: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|reason| self.faults.push(Fault::new(field, value, reason))).ok()
    }

    fn degrees(&mut self, field: &str, value: Option<f64>, limit: f64) -> Option<f64> {
        let value = self.present(field, value)?;
        self.within(field, value, -limit, limit)
    }

    /// An optional measure from zero up. Rounding to `f32` cannot leave the range: its bounds are exact in both.
    #[expect(clippy::cast_possible_truncation, reason = "sensor readings have nowhere near 24 significant bits")]
    fn measure(&mut self, field: &str, value: Option<f64>, max: f64) -> Option<f32> {
        value.and_then(|value| self.within(field, value, 0.0, max)).map(|value| value as f32)
    }

    fn within(&mut self, field: &str, value: f64, min: f64, max: f64) -> Option<f64> {
        if (min..=max).contains(&value) {
            return Some(value);
        }
        self.faults.push(Fault::new(field, value, format_args!("is out of range {min}..={max}")));
        None
    }

    fn text(&mut self, field: &str, value: Option<&Text<'_>>, chars_max: usize) -> Option<String> {
        let text = self.present(field, value)?;
        if text.0.is_empty() {
            self.faults.push(Fault::new(field, "", "is empty"));
            return None;
        }
        if text.0.chars().count() > chars_max {
            self.faults.push(Fault::new(field, &text.0, format_args!("is longer than {chars_max} characters")));
            return None;
        }
        Some(text.0.clone().into_owned())
    }

    /// As [`Fields::text`], for a field that may be left out; empty text counts as left out.
    fn optional_text(&mut self, field: &str, value: Option<&Text<'_>>, chars_max: usize) -> Option<String> {
        let value = value.filter(|text| !text.0.is_empty())?;
        self.text(field, Some(value), chars_max)
    }

    fn pin(&mut self, value: Option<&Text<'_>>) -> Option<String> {
        let pin = self.present("pin", value)?;
        if pin.0.len() == 4 && pin.0.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(pin.0.clone().into_owned());
        }
        self.faults.push(Fault::without_value("pin", "is not four digits"));
        None
    }
}

/// Turns the reader's complaint into one that names the field, the value and the reason.
fn explain(frame: &str, error: &serde_json::Error) -> DecodeError {
    let id = locate::plain_string(frame, "id").filter(|id| id.chars().count() <= COMMAND_ID_CHARS_MAX);
    let position = byte_position(frame, error.line(), error.column());
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    match locate::pair_at(frame, position) {
        Some(pair) if is_known(pair.name) && !pair.value.is_empty() && names_a_value(error, reason) => {
            let reason = match expected(pair.name) {
                _ if reason.starts_with("duplicate field") => "is given twice",
                _ if reason == "number out of range" => "is out of range",
                what => what,
            };
            let fault = match pair.name {
                "token" | "pin" => Fault::without_value(pair.name, reason),
                name => Fault::new(name, pair.value, reason),
            };
            DecodeError::values(id, vec![fault])
        }
        _ => DecodeError {
            id: id.map(str::to_owned),
            ..DecodeError::frame(format!("the frame cannot be read: {reason}"))
        },
    }
}

/// Whether the complaint is about one value rather than about the frame's braces and commas.
fn names_a_value(error: &serde_json::Error, reason: &str) -> bool {
    match error.classify() {
        serde_json::error::Category::Data => !reason.starts_with("missing field"),
        serde_json::error::Category::Syntax => matches!(
            reason,
            "number out of range" | "expected value" | "expected ident" | "invalid number" | "invalid escape"
        ),
        serde_json::error::Category::Eof | serde_json::error::Category::Io => false,
    }
}

fn is_known(field: &str) -> bool {
    matches!(
        field,
        "type"
            | "t_ms"
            | "lat"
            | "lng"
            | "speed_mps"
            | "bearing_deg"
            | "accuracy_m"
            | "ack"
            | "id"
            | "token"
            | "offer_id"
    ) || matches!(field, "ride_id" | "reason" | "note" | "pin")
}

/// What a field of that name must be, as a predicate of the value that is not.
fn expected(field: &str) -> &'static str {
    match field {
        "t_ms" => "is not a whole number of milliseconds",
        "lat" | "lng" | "speed_mps" | "bearing_deg" | "accuracy_m" => "is not a finite number",
        "ack" => "is neither true nor false",
        _ => "is not a string",
    }
}

/// The byte that line and column (both from 1, columns in bytes) of the reader's complaint mean.
fn byte_position(frame: &str, line: usize, column: usize) -> usize {
    let line_start: usize = frame.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (line_start + column.saturating_sub(1)).min(frame.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(frame: &str) -> DecodeError {
        decode(frame).expect_err("a bad frame must be refused")
    }

    fn check_fault(frame: &str, field: &str, value: Option<&str>, reason: &str) {
        let error = refused(frame);
        let expected = Fault { field: field.into(), value: value.map(Into::into), reason: reason.into() };
        assert_eq!((error.code, error.faults), ("invalid_value", vec![expected]), "{frame}");
    }

    #[test]
    fn a_wrong_number_is_refused_with_field_value_and_reason() {
        let ping = |lat: &str| format!(r#"{{"type":"ping","t_ms":1,"lat":{lat},"lng":30.06}}"#);
        check_fault(&ping("91.2"), "lat", Some("91.2"), "is out of range -90..=90");
        check_fault(&ping("NaN"), "lat", Some("NaN"), "is not a finite number");
        check_fault(&ping("nan"), "lat", Some("nan"), "is not a finite number");
        check_fault(&ping("Infinity"), "lat", Some("Infinity"), "is not a finite number");
        check_fault(&ping("-Infinity"), "lat", Some("-Infinity"), "is not a finite number");
        check_fault(&ping("1e999"), "lat", Some("1e999"), "is out of range");
        check_fault(&ping("\"1.5\""), "lat", Some("\"1.5\""), "is not a finite number");
        check_fault(&ping("[1,2]"), "lat", Some("[1,2]"), "is not a finite number");
        check_fault(&ping("true"), "lat", Some("true"), "is not a finite number");
        check_fault(&ping("null"), "lat", None, "is missing");
        check_fault(
            r#"{"type":"ping","t_ms":1.5,"lat":1,"lng":2}"#,
            "t_ms",
            Some("1.5"),
            "is not a whole number of milliseconds",
        );
        check_fault(r#"{"type":"ping","t_ms":1,"lat":1,"lng":2,"lat":3}"#, "lat", Some("3"), "is given twice");
        check_fault(
            r#"{"type":"ping","t_ms":1,"lat":1,"lng":2,"speed_mps":-1}"#,
            "speed_mps",
            Some("-1"),
            "is out of range 0..=100",
        );
    }

    #[test]
    fn all_faults_of_a_frame_are_named_at_once() {
        let error = refused(r#"{"type":"ping","lat":-91,"lng":181,"bearing_deg":400}"#);
        let fields: Vec<_> = error.faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["t_ms", "lat", "lng", "bearing_deg"]);
    }

    #[test]
    fn a_refused_command_keeps_its_id_so_that_the_app_can_match_the_answer() {
        for frame in [
            r#"{"type":"arrive","id":"7","ride_id":"x"}"#,
            r#"{"type":"arrive","id":"7","ride_id":5}"#,
            r#"{"type":"arrive","id":"7","ride_id":5"#,
            r#"{"type":"dance","id":"7"}"#,
        ] {
            assert_eq!(refused(frame).id.as_deref(), Some("7"), "{frame}");
        }
    }

    #[test]
    fn a_secret_is_never_repeated() {
        for frame in [
            r#"{"type":"start","id":"7","ride_id":"8f1b2c3d-0000-8000-8000-000000000001","pin":"98765"}"#,
            r#"{"type":"start","id":"7","ride_id":"8f1b2c3d-0000-8000-8000-000000000001","pin":98765}"#,
            r#"{"type":"hello","token":98765}"#,
        ] {
            assert!(!format!("{:?}", refused(frame)).contains("98765"), "{frame}");
        }
    }

    #[test]
    fn what_is_not_an_object_of_ours_is_an_invalid_frame() {
        for frame in
            ["", "  ", "null", "[]", r#"["heartbeat"]"#, "{", "{}", r#"{"type":"pong"}"#, r#"{"type":"ping","#, "\u{0}"]
        {
            assert_eq!(refused(frame).code, "invalid_frame", "{frame:?}");
        }
        assert_eq!(refused(r#"{"type":"pong"}"#).message, r#"unknown type "pong""#);
    }

    #[test]
    fn unknown_fields_are_ignored_and_null_counts_as_left_out() {
        let frame = r#" {"type":"decline_offer","id":"4","offer_id":"8f1b2c3d-0000-8000-8000-000000000001.1","reason":null,"x":{"y":[1]}} "#;
        let Ok(ClientMessage::Command { id, command: Command::DeclineOffer { offer, reason: None } }) = decode(frame)
        else {
            panic!("not read: {:?}", decode(frame));
        };
        assert_eq!((id.as_str(), offer.ordinal), ("4", 1));
    }

    #[test]
    fn a_token_is_borrowed_from_the_frame_and_hidden_in_debug_output() {
        let message = decode(r#"{"type":"hello","token":"secret"}"#).expect("a good hello");
        assert!(matches!(&message, ClientMessage::Hello { token: Token(Cow::Borrowed("secret")) }));
        assert!(!format!("{message:?}").contains("secret"));
    }
}
