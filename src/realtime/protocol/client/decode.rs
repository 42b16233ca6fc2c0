//! How a frame is read.
//!
//! A frame is read straight into one flat struct that borrows from the frame; a ping, which is nearly all of the traffic,
//! costs no allocation. Nothing here trusts a byte: a refusal names field, value and reason, all wrong fields at once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::error::Fault;
use crate::geo::LatLng;
use crate::ids::{OfferId, RideId, StreamSeq};
use crate::realtime::protocol::client::explain::explain;
use crate::realtime::protocol::client::{
    ACCURACY_M_MAX, BEARING_DEG_MAX, COMMAND_ID_CHARS_MAX, ClientMessage, Command, DecodeError, NOTE_CHARS_MAX, Ping,
    REASON_CHARS_MAX, Resume, SEQ_MAX, SPEED_MPS_MAX, Token, decode_plain_ping,
};
use crate::time::Timestamp;

/// Reads one text frame.
///
/// # Errors
/// [`DecodeError`] when it is not an object of a known type with right fields.
pub fn decode(frame: &str) -> Result<ClientMessage<'_>, DecodeError> {
    match decode_plain_ping(frame) {
        Some(ping) => Ok(ClientMessage::Ping(ping)),
        None => decode_general(frame),
    }
}

/// As [`decode`], without the shortcut for pings; with the same result for every frame.
///
/// # Errors
/// As [`decode`].
pub fn decode_general(frame: &str) -> Result<ClientMessage<'_>, DecodeError> {
    // The derived reader would take an array in field order for the object.
    if !frame.trim_start().starts_with('{') {
        return Err(DecodeError::frame("the frame is not a JSON object"));
    }
    let flat: Flat<'_> = serde_json::from_str(frame).map_err(|error| explain(frame, &error))?;
    match &*flat.kind.0 {
        "ping" => flat.ping().map(ClientMessage::Ping),
        "heartbeat" => Ok(ClientMessage::Heartbeat),
        "hello" => flat.hello(),
        "go_online" | "go_offline" | "accept_offer" | "decline_offer" | "arrive" | "start" | "reach_stop"
        | "complete" | "cancel" | "browse" | "stop_browsing" => flat.command(),
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
    stop: Option<u64>,
    #[serde(borrow)]
    epoch: Option<Text<'a>>,
    after: Option<u64>,
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

impl<'a> Flat<'a> {
    fn hello(self) -> Result<ClientMessage<'a>, DecodeError> {
        let mut fields = Fields::default();
        let token = fields.present("token", self.token.filter(|token| !token.0.is_empty()));
        let resume = fields.resume(self.epoch.as_ref(), self.after);
        match token {
            Some(token) if fields.faults.is_empty() => Ok(ClientMessage::Hello { token: Token(token.0), resume }),
            _ => Err(DecodeError::values(None, fields.faults)),
        }
    }

    fn ping(&self) -> Result<Ping, DecodeError> {
        let mut fields = Fields::default();
        let at = fields.present("t_ms", self.t_ms).map(Timestamp::from_millis);
        let place = self.place(&mut fields);
        let speed_mps = fields.measure("speed_mps", self.speed_mps, SPEED_MPS_MAX);
        let bearing_deg = fields.measure("bearing_deg", self.bearing_deg, BEARING_DEG_MAX);
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
            "reach_stop" => {
                let stop = fields.stop(self.stop);
                self.ride(&mut fields).zip(stop).map(|(ride, stop)| Command::ReachStop { ride, stop })
            }
            "complete" => {
                // Only who completes a delivery has one.
                let pin = self.pin.as_ref().and_then(|pin| fields.pin(Some(pin)));
                self.ride(&mut fields).map(|ride| Command::Complete { ride, pin })
            }
            "browse" => self.place(&mut fields).map(|place| Command::Browse { place }),
            "stop_browsing" => Some(Command::StopBrowsing),
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

    /// Both or neither: a position says nothing without its epoch.
    fn resume(&mut self, epoch: Option<&Text<'_>>, after: Option<u64>) -> Option<Resume> {
        if epoch.is_none() && after.is_none() {
            return None;
        }
        let epoch = self.present("epoch", epoch);
        let epoch = epoch.and_then(|text| self.accept("epoch", &text.0, text.0.parse().map_err(|_| "is not a UUID")));
        let after = self.present("after", after).and_then(|after| {
            let within = if after <= SEQ_MAX { Ok(after) } else { Err(format_args!("is out of range 0..={SEQ_MAX}")) };
            self.accept("after", &after.to_string(), within)
        });
        Some(Resume { epoch: epoch?, after: StreamSeq(after?) })
    }

    fn stop(&mut self, value: Option<u64>) -> Option<u8> {
        let stop = self.present("stop", value)?;
        let within = u8::try_from(stop).ok().filter(|stop| *stop > 0).ok_or("is out of range 1..=255");
        self.accept("stop", &stop.to_string(), within)
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
