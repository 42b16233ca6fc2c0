//! Bad frames and what is said about them.

use std::borrow::Cow;

use super::{ClientMessage, Command, DecodeError, Resume, Token, decode};
use crate::error::Fault;
use crate::ids::StreamSeq;

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
fn a_resume_has_an_epoch_and_a_position_or_neither() {
    let hello = |fields: &str| format!(r#"{{"type":"hello","token":"t"{fields}}}"#);
    let epoch = r#","epoch":"5b0c9d7e-2f41-4c8a-9a53-1e6f0d2b7c84""#;
    check_fault(&hello(epoch), "after", None, "is missing");
    check_fault(&hello(r#","after":7"#), "epoch", None, "is missing");
    check_fault(&hello(r#","epoch":"x","after":7"#), "epoch", Some("x"), "is not a UUID");
    let too_far = format!(r#"{epoch},"after":9007199254740992"#);
    check_fault(&hello(&too_far), "after", Some("9007199254740992"), "is out of range 0..=9007199254740991");
    check_fault(&hello(&format!("{epoch},\"after\":-1")), "after", Some("-1"), "is not a position in the stream");
    check_fault(&hello(&format!("{epoch},\"after\":\"7\"")), "after", Some("\"7\""), "is not a position in the stream");
    let read = hello(&format!("{epoch},\"after\":7"));
    assert!(
        matches!(decode(&read), Ok(ClientMessage::Hello { resume: Some(Resume { after: StreamSeq(7), .. }), .. })),
        "{read}"
    );
}

#[test]
fn a_token_is_borrowed_from_the_frame_and_hidden_in_debug_output() {
    let message = decode(r#"{"type":"hello","token":"secret"}"#).expect("a good hello");
    assert!(matches!(&message, ClientMessage::Hello { token: Token(Cow::Borrowed("secret")), resume: None }));
    assert!(!format!("{message:?}").contains("secret"));
}
