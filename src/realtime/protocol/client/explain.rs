//! How a refusal of the JSON reader is told to an app author: with the field, its value and the reason.

use crate::error::Fault;
use crate::realtime::protocol::client::locate;
use crate::realtime::protocol::client::{COMMAND_ID_CHARS_MAX, DecodeError};

/// Turns the reader's complaint into one that names the field, the value and the reason.
pub fn explain(frame: &str, error: &serde_json::Error) -> DecodeError {
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
    ) || matches!(field, "ride_id" | "reason" | "note" | "pin" | "stop" | "epoch" | "after")
}

/// What a field of that name must be, as a predicate of the value that is not.
fn expected(field: &str) -> &'static str {
    match field {
        "t_ms" => "is not a whole number of milliseconds",
        "lat" | "lng" | "speed_mps" | "bearing_deg" | "accuracy_m" => "is not a finite number",
        "after" => "is not a position in the stream",
        "stop" => "is not the number of a stop",
        "ack" => "is neither true nor false",
        _ => "is not a string",
    }
}

/// The byte that line and column (both from 1, columns in bytes) of the reader's complaint mean.
fn byte_position(frame: &str, line: usize, column: usize) -> usize {
    let line_start: usize = frame.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (line_start + column.saturating_sub(1)).min(frame.len())
}
