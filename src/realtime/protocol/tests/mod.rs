//! The examples of `docs/PROTOCOL.md`, read out of the document and through the code. Beside it: the golden vectors of
//! the binary frames, and bad bytes.

mod described;
mod golden;
mod hostile;

use serde_json::Value;

use super::client::{ClientMessage, Command, Resume, decode};
use super::close::CloseCode;
use super::server::ServerMessage;
use super::view::{RideStatus, RideView};
use super::{Encoding, FrameKind};

const DOCUMENT: &str = include_str!("../../../../docs/PROTOCOL.md");

/// The blocks of that language that follow the heading, up to the next heading.
fn blocks(heading: &str, language: &str) -> Vec<&'static str> {
    let (_, after) = DOCUMENT.split_once(&format!("{heading}\n")).expect("the document has this heading");
    let section = after.split("\n#").next().expect("split yields at least one part");
    let fence = format!("```{language}\n");
    section
        .split(&fence)
        .skip(1)
        .map(|block| block.split("```").next().expect("split yields at least one part"))
        .collect()
}

/// The JSON objects of the document's `json` blocks that follow the heading, up to the next heading.
fn examples(heading: &str) -> Vec<String> {
    let mut objects = Vec::new();
    for block in blocks(heading, "json") {
        // An object may run over several lines; every continuation is indented.
        for line in block.lines() {
            match objects.last_mut() {
                Some(last) if line.starts_with(' ') => *last = format!("{last}{line}"),
                _ => objects.push(line.to_owned()),
            }
        }
    }
    objects
}

fn ride_view_example() -> String {
    examples("### The ride view").pop().expect("the section has one example")
}

/// The same value, where 87 and 87.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// Decodes, encodes again and compares: no key of the example is unknown to the code, and none of the code's is missing.
fn check_round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(example: &str) -> T {
    let decoded: T = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
    let written: Value = serde_json::to_value(&decoded).expect("encodes");
    let documented: Value = serde_json::from_str(example).expect("valid JSON");
    assert!(same(&written, &documented), "the code writes\n{written}\nthe document shows\n{documented}");
    decoded
}

fn type_of(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    value["type"].as_str().expect("every message has a type").to_owned()
}

#[test]
fn every_client_example_of_the_document_is_read_as_what_it_says() {
    let mut seen = Vec::new();
    for example in examples("## From the app") {
        let name = match decode(&example).unwrap_or_else(|error| panic!("{error:?}: {example}")) {
            ClientMessage::Ping(ping) => {
                assert_eq!(
                    (ping.at.as_millis(), ping.place.lat_e7(), ping.place.lng_e7()),
                    (1_790_000_000_000, -19_440_700, 300_618_800)
                );
                assert_eq!(
                    (ping.speed_mps, ping.bearing_deg, ping.accuracy_m, ping.ack),
                    (Some(6.1), Some(87.0), Some(8.0), false)
                );
                "ping"
            }
            ClientMessage::Heartbeat => "heartbeat",
            ClientMessage::Hello { .. } => "hello",
            ClientMessage::Command { id, command } => {
                assert!(example.contains(&format!(r#""id":"{id}""#)));
                if let Command::Cancel { reason, note, .. } = &command {
                    assert_eq!((reason.as_str(), note.as_deref()), ("rider_no_show", Some("waited 10 minutes")));
                }
                command.name()
            }
        };
        assert_eq!(name, type_of(&example));
        seen.push(name);
    }
    let all = [
        "ping",
        "go_online",
        "go_offline",
        "accept_offer",
        "decline_offer",
        "arrive",
        "start",
        "reach_stop",
        "complete",
        "complete",
        "cancel",
        "browse",
        "stop_browsing",
        "heartbeat",
    ];
    assert_eq!(seen, all);
}

#[test]
fn the_hello_and_welcome_examples_are_true() {
    let [hello, resuming, welcome] = examples("## Authentication").try_into().expect("three examples");
    let Ok(ClientMessage::Hello { token, resume: None }) = decode(&hello) else { panic!("not a hello: {hello}") };
    assert_eq!(token.0, "ACCESS_TOKEN");
    let ServerMessage::Welcome(welcome) = check_round_trip(&welcome) else { panic!("not a welcome: {welcome}") };
    let Ok(ClientMessage::Hello { resume, .. }) = decode(&resuming) else { panic!("not a hello: {resuming}") };
    assert_eq!(resume, Some(Resume { epoch: welcome.epoch, after: welcome.seq }));
}

#[test]
fn every_server_example_of_the_document_is_what_the_code_writes() {
    let ride = ride_view_example();
    let mut seen = Vec::new();
    for example in examples("## From the server") {
        let example = example.replace("{…}", &ride);
        let message: ServerMessage = check_round_trip(&example);
        let mut text = Vec::new();
        assert_eq!(message.encode_into(Encoding::Json, &mut text), FrameKind::Text);
        assert_eq!(type_of(&String::from_utf8(text).expect("JSON is UTF-8")), type_of(&example));
        seen.push(type_of(&example));
    }
    seen.dedup();
    let all = [
        "reply",
        "error",
        "ack",
        "offer",
        "offer_withdrawn",
        "ride",
        "ride_released",
        "nudge",
        "driver_position",
        "drivers_nearby",
        "stage",
        "hint",
        "ride_queue",
        "notice",
        "payment",
        "heartbeat",
    ];
    assert_eq!(seen, all);
}

#[test]
fn the_ride_view_example_has_every_key_of_the_code_and_no_other() {
    let view: RideView = check_round_trip(&ride_view_example());
    assert_eq!(view.status, RideStatus::DriverAssigned);
}

#[test]
fn every_status_and_every_close_code_is_in_the_document() {
    for status in RideStatus::ALL {
        assert!(DOCUMENT.contains(&format!("`{status}`")), "{status}");
    }
    for code in CloseCode::ALL {
        let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {} | `{}` |", code.code(), code.reason())));
        let row = row.unwrap_or_else(|| panic!("{code} has no row"));
        let reconnect = row.rsplit('|').nth(1).expect("a row has cells").trim();
        assert_eq!(reconnect.starts_with("yes"), code.reconnect(), "{row}");
    }
}

#[test]
fn a_refused_frame_is_told_without_empty_fields() {
    let error = decode("{").expect_err("not an object");
    let mut frame = Vec::new();
    ServerMessage::Error(Box::new(error.into())).encode_into(Encoding::Binary, &mut frame);
    let keys: Value = serde_json::from_slice(&frame).expect("valid JSON");
    assert_eq!(keys.as_object().expect("an object").keys().collect::<Vec<_>>(), ["code", "message", "type"]);
}

#[test]
fn the_sub_protocol_that_costs_less_is_chosen_whatever_the_order() {
    for (offered, chosen) in [
        (vec!["boda.v1.json"], Some(Encoding::Json)),
        (vec!["boda.v1.bin"], Some(Encoding::Binary)),
        (vec![" boda.v1.json", " Boda.v1.Bin "], Some(Encoding::Binary)),
        (vec!["boda.v1.bin", "boda.v1.json"], Some(Encoding::Binary)),
        (vec!["chat", "boda.v1.json"], Some(Encoding::Json)),
        (vec!["chat", "boda.v1", "boda.v2.bin", ""], None),
        (vec![], None),
    ] {
        assert_eq!(Encoding::choose(offered.iter().copied()), chosen, "{offered:?}");
    }
}
