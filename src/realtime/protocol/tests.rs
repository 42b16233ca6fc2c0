//! The examples of `docs/PROTOCOL.md`, read out of the document and through the code; and bad bytes.

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::Index;
use serde_json::Value;

use super::client::{ClientMessage, Command, decode};
use super::close::CloseCode;
use super::server::ServerMessage;
use super::view::{RideStatus, RideView};

const DOCUMENT: &str = include_str!("../../../docs/PROTOCOL.md");

/// The JSON objects of the document's `json` blocks that follow the heading, up to the next heading.
fn examples(heading: &str) -> Vec<String> {
    let (_, after) = DOCUMENT.split_once(&format!("{heading}\n")).expect("the document has this heading");
    let section = after.split("\n#").next().expect("split yields at least one part");
    let mut objects = Vec::new();
    for block in section.split("```json\n").skip(1) {
        let block = block.split("```").next().expect("split yields at least one part");
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
        "complete",
        "cancel",
        "heartbeat",
    ];
    assert_eq!(seen, all);
}

#[test]
fn the_hello_and_welcome_examples_are_true() {
    let [hello, welcome] = examples("## Authentication").try_into().expect("two examples");
    let Ok(ClientMessage::Hello { token, .. }) = decode(&hello) else { panic!("not a hello: {hello}") };
    assert_eq!(token.0, "ACCESS_TOKEN");
    assert!(matches!(check_round_trip(&welcome), ServerMessage::Welcome(_)));
}

#[test]
fn every_server_example_of_the_document_is_what_the_code_writes() {
    let ride = ride_view_example();
    let mut seen = Vec::new();
    for example in examples("## From the server") {
        let example = example.replace("{…}", &ride);
        let message: ServerMessage = check_round_trip(&example);
        assert_eq!(type_of(&message.encode()), type_of(&example));
        seen.push(type_of(&example));
    }
    seen.dedup();
    let all = ["reply", "error", "ack", "offer", "offer_withdrawn", "ride", "driver_position", "notice", "heartbeat"];
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
        let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {} |", code.code())));
        let row = row.unwrap_or_else(|| panic!("{code} has no row"));
        let reconnect = row.rsplit('|').nth(1).expect("a row has cells").trim();
        assert_eq!(reconnect.starts_with("yes"), code.reconnect(), "{row}");
    }
}

#[test]
fn a_refused_frame_is_told_without_empty_fields() {
    let error = decode("{").expect_err("not an object");
    let frame = ServerMessage::Error(Box::new(error.into())).encode();
    let keys: Value = serde_json::from_str(&frame).expect("valid JSON");
    assert_eq!(keys.as_object().expect("an object").keys().collect::<Vec<_>>(), ["code", "message", "type"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,300}") {
        let _ = decode(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_frame_is_read_or_refused_and_never_out_of_range(
        which in any::<Index>(), cuts in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<Index>()), 1..4),
    ) {
        const SPLINTERS: &[&str] = &[
            "", "\"", "{", "}", "[", "]", ",", ":", "\\", "null", "NaN", "-1e999", "1e308", "-0.0", "99999999999999999999", "\\ud800",
            "é", "\u{0}", "true", "\"lat\":91,", "\"id\":\"\",", "{\"a\":", "[[[[[[[[", " ",
        ];
        let frames = examples("## From the app");
        let mut frame: Vec<char> = which.get(&frames).chars().collect();
        for (start, length, splinter) in cuts {
            let start = start.index(frame.len() + 1);
            let end = (start + length.index(6)).min(frame.len());
            frame.splice(start..end, splinter.get(SPLINTERS).chars());
        }
        let frame: String = frame.into_iter().collect();
        match decode(&frame) {
            Ok(ClientMessage::Ping(ping)) => {
                let measures = [ping.speed_mps, ping.bearing_deg, ping.accuracy_m];
                assert!(measures.iter().flatten().all(|measure| measure.is_finite() && *measure >= 0.0), "{frame}");
            }
            Ok(_) => {}
            Err(error) => assert!(!error.message.is_empty() && (error.code == "invalid_frame" || !error.faults.is_empty()), "{frame}"),
        }
    }
}
