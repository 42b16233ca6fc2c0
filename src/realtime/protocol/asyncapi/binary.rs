//! The binary frames, field by field.

use serde_json::{Value, json};

/// A binary frame as a list of fields.
pub struct Frame {
    pub name: &'static str,
    pub is_from_app: bool,
    /// Name and kind: `u8`, `u16`, `u32`, `u48`, `i32` or `uuid`.
    pub fields: &'static [(&'static str, &'static str)],
    /// Fields that follow as often as the last of `fields` says.
    pub repeated: &'static [(&'static str, &'static str)],
}

/// All of them.
pub const FRAMES: &[Frame] = &[
    Frame {
        name: "ping",
        is_from_app: true,
        fields: &[
            ("type 0x01", "u8"),
            ("flags: 1 ack wanted, 2 speed known, 4 bearing known, 8 accuracy known", "u8"),
            ("t_ms", "u48"),
            ("lat, 1e-7 degree", "i32"),
            ("lng, 1e-7 degree", "i32"),
            ("speed, cm/s", "u16"),
            ("bearing, 1/100 degree", "u16"),
            ("accuracy, decimetres", "u16"),
        ],
        repeated: &[],
    },
    Frame { name: "heartbeat", is_from_app: true, fields: &[("type 0x02", "u8")], repeated: &[] },
    Frame { name: "ack", is_from_app: false, fields: &[("type 0x81", "u8"), ("t_ms", "u48")], repeated: &[] },
    Frame {
        name: "driver_position",
        is_from_app: false,
        fields: &[
            ("type 0x82", "u8"),
            ("flags: 1 bearing known, 2 eta known", "u8"),
            ("ride_id", "uuid"),
            ("t_ms", "u48"),
            ("lat, 1e-7 degree", "i32"),
            ("lng, 1e-7 degree", "i32"),
            ("bearing_deg", "u16"),
            ("eta_s", "u16"),
        ],
        repeated: &[],
    },
    Frame {
        name: "drivers_nearby",
        is_from_app: false,
        fields: &[("type 0x83", "u8"), ("tile", "u32"), ("how many drivers", "u16")],
        repeated: &[
            ("key", "u32"),
            ("lat, 1e-7 degree", "i32"),
            ("lng, 1e-7 degree", "i32"),
            ("bearing_deg, 65535 when unknown", "u16"),
        ],
    },
    Frame {
        name: "heartbeat",
        is_from_app: false,
        fields: &[("type 0x84", "u8"), ("server_time_ms", "u48")],
        repeated: &[],
    },
];

impl Frame {
    /// Its entry in the document.
    pub fn message(&self) -> Value {
        let bytes = bytes(self.fields);
        let mut payload = json!({ "type": "string", "format": "binary", "minLength": bytes });
        if self.repeated.is_empty() {
            payload["maxLength"] = bytes.into();
        }
        json!({
            "name": self.name,
            "title": format!("{}, binary", self.name),
            "summary": "The same as the JSON message of that name, big-endian.",
            "contentType": "application/octet-stream",
            "payload": payload,
            "x-fields": fields(self.fields),
            "x-repeated-fields": fields(self.repeated),
        })
    }
}

/// How long such fields are together.
pub fn bytes(fields: &[(&str, &str)]) -> usize {
    let length = |kind: &str| match kind {
        "u8" => 1,
        "u16" => 2,
        "u32" | "i32" => 4,
        "u48" => 6,
        _uuid => 16,
    };
    fields.iter().map(|(_, kind)| length(kind)).sum()
}

fn fields(fields: &[(&str, &str)]) -> Vec<Value> {
    fields.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect()
}
