//! What an app sends, described by hand: the server reads it into checked values, not into types with these fields.

use serde_json::{Map, Value, json};

use super::Message;
use crate::realtime::protocol::client::{
    ACCURACY_M_MAX, BEARING_DEG_MAX, COMMAND_ID_CHARS_MAX, NOTE_CHARS_MAX, REASON_CHARS_MAX, SEQ_MAX, SPEED_MPS_MAX,
};

/// The epoch of a resume.
pub fn epoch() -> Value {
    json!({ "type": "string", "format": "uuid", "description": "The epoch of the welcome under which the last control message came." })
}

/// The position of a resume.
pub fn after() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": SEQ_MAX, "description": "seq of the last control message dealt with, or of the welcome." })
}

/// Whether a field has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

use Need::{Optional, Required};

/// Every message, in the order of PROTOCOL.md.
pub fn messages() -> Vec<Message> {
    let place = || [("lat", Required, degrees(90)), ("lng", Required, degrees(180))];
    let ride = || [("ride_id", Required, uuid("The ride."))];
    let offer = || [("offer_id", Required, json!({ "type": "string", "description": "The offer: RIDE_ID.NUMBER." }))];
    vec![
        message(
            "hello",
            "Any app: who this is, as the first frame, when the handshake did not say.",
            [
                ("token", Required, text("The access token.", None)),
                ("epoch", Optional, epoch()),
                ("after", Optional, after()),
            ],
        ),
        message("ping", "Driver: where the driver is.", ping()),
        command("go_online", "Driver: start the shift here.", place()),
        command("go_offline", "Driver: end the shift.", []),
        command("accept_offer", "Driver: take the ride on offer.", offer()),
        command(
            "decline_offer",
            "Driver: do not take it.",
            offer().into_iter().chain([("reason", Optional, text("Why, in a word.", Some(REASON_CHARS_MAX)))]),
        ),
        command("arrive", "Driver: at the pickup.", ride()),
        command(
            "start",
            "Driver: the rider is on.",
            ride().into_iter().chain([("pin", Required, pin("What the rider said."))]),
        ),
        command(
            "reach_stop",
            "Driver: at a stop between pickup and destination.",
            ride().into_iter().chain([(
                "stop",
                Required,
                json!({ "type": "integer", "minimum": 1, "maximum": u8::MAX, "description": "Which, from 1." }),
            )]),
        ),
        command(
            "complete",
            "Driver: at the destination.",
            ride().into_iter().chain([("pin", Optional, pin("What the receiver of a parcel said."))]),
        ),
        command(
            "cancel",
            "Driver or rider: end the ride early.",
            ride().into_iter().chain([
                ("reason", Required, text("Why, in a word.", Some(REASON_CHARS_MAX))),
                ("note", Optional, text("Why, in the person's own words.", Some(NOTE_CHARS_MAX))),
            ]),
        ),
        command("browse", "Rider: be told of the free drivers around this place; again is to move.", place()),
        command("stop_browsing", "Rider: no more of that.", []),
        message("heartbeat", "Any app: alive.", []),
    ]
}

type Field = (&'static str, Need, Value);

fn ping() -> Vec<Field> {
    let measure = |description: &str, max: f64| json!({ "type": "number", "minimum": 0, "maximum": max, "description": description });
    vec![
        (
            "t_ms",
            Required,
            json!({ "type": "integer", "description": "When, by the phone's clock, milliseconds since 1970 UTC." }),
        ),
        ("lat", Required, degrees(90)),
        ("lng", Required, degrees(180)),
        ("speed_mps", Optional, measure("Over ground.", SPEED_MPS_MAX)),
        ("bearing_deg", Optional, measure("Clockwise from north.", BEARING_DEG_MAX)),
        ("accuracy_m", Optional, measure("Radius of 68 % confidence.", ACCURACY_M_MAX)),
        ("ack", Optional, json!({ "type": "boolean", "description": "Whether to say when the ping is searchable." })),
    ]
}

fn pin(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}$", "description": description })
}

fn command(name: &str, summary: &str, fields: impl IntoIterator<Item = Field>) -> Message {
    let id = ("id", Required, text("Chosen by the app; comes back in the answer.", Some(COMMAND_ID_CHARS_MAX)));
    message(name, summary, [id].into_iter().chain(fields))
}

fn message(name: &str, summary: &str, fields: impl IntoIterator<Item = Field>) -> Message {
    let mut properties = Map::from_iter([("type".to_owned(), json!({ "type": "string", "enum": [name] }))]);
    let mut required = vec!["type"];
    for (field, need, schema) in fields {
        properties.insert(field.to_owned(), schema);
        if need == Required {
            required.push(field);
        }
    }
    let payload = json!({ "type": "object", "required": required, "properties": properties });
    Message { name: name.to_owned(), summary: summary.to_owned(), payload }
}

fn degrees(max: i32) -> Value {
    json!({ "type": "number", "minimum": -max, "maximum": max, "description": "Degrees, WGS 84." })
}

fn uuid(description: &str) -> Value {
    json!({ "type": "string", "format": "uuid", "description": description })
}

fn text(description: &str, chars_max: Option<usize>) -> Value {
    let mut schema = json!({ "type": "string", "minLength": 1, "description": description });
    if let Some(chars_max) = chars_max {
        schema["maxLength"] = chars_max.into();
    }
    schema
}
