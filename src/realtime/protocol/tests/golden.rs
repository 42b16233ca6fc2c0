//! The golden vectors of the binary frames, out of `docs/PROTOCOL.md`; and what is refused of a binary frame.

use std::collections::BTreeSet;

use super::super::client::{ClientMessage, HEARTBEAT_FRAME, decode, decode_binary};
use super::super::server::{self, ServerMessage};
use super::super::{Encoding, FrameKind};
use super::{blocks, type_of};

/// Pairs of a message and its frame, those from the app first.
fn vectors() -> [Vec<(&'static str, Vec<u8>)>; 2] {
    let read = |block: &'static str| {
        let lines: Vec<_> = block.lines().collect();
        lines.chunks(2).map(|pair| (pair[0], bytes(pair[1]))).collect::<Vec<_>>()
    };
    let groups: Vec<_> = blocks("## Binary frames", "golden").into_iter().map(read).collect();
    groups.try_into().expect("two groups of golden vectors")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    assert!(digits.len().is_multiple_of(2), "half a byte: {hex}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal")).collect()
}

#[test]
fn the_golden_vectors_from_the_app_mean_their_messages_and_the_other_way_round() {
    let [from_app, _] = vectors();
    let mut seen = BTreeSet::new();
    for (json, frame) in from_app {
        let message = decode_binary(&frame).unwrap_or_else(|error| panic!("{error:?}: {json}"));
        assert_eq!(Ok(&message), decode(json).as_ref(), "{json}");
        let written = match message {
            ClientMessage::Ping(ping) => ping.to_binary().to_vec(),
            ClientMessage::Heartbeat => HEARTBEAT_FRAME.to_vec(),
            ClientMessage::Hello { .. } | ClientMessage::Command { .. } => panic!("has no binary form: {json}"),
        };
        assert_eq!(written, frame, "{json}");
        seen.insert(type_of(json));
    }
    assert!(seen.iter().eq(["heartbeat", "ping"]), "{seen:?}");
}

#[test]
fn the_golden_vectors_from_the_server_are_what_the_code_writes_and_reads() {
    let [_, from_server] = vectors();
    let mut seen = BTreeSet::new();
    for (json, frame) in from_server {
        let message: ServerMessage = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        let mut written = vec![0xaa];
        assert_eq!(message.encode_into(Encoding::Binary, &mut written), FrameKind::Binary);
        assert_eq!(written[1..], frame, "{json}");
        assert_eq!(written[0], 0xaa, "what was in the buffer stays");
        assert_eq!(server::decode_binary(&frame), Some(message), "{json}");
        for length in 0..frame.len() {
            assert_eq!(server::decode_binary(&frame[..length]), None, "{json} is cut to {length}");
        }
        seen.insert(type_of(json));
    }
    assert!(seen.iter().eq(["ack", "driver_position", "drivers_nearby", "heartbeat"]), "{seen:?}");
}

#[test]
fn a_binary_frame_that_is_not_one_is_refused_with_its_reason() {
    let [from_app, _] = vectors();
    let ping = from_app.into_iter().next().expect("the first is a ping").1;
    let with = |at: usize, bytes: &[u8]| {
        let mut frame = ping.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    for (frame, code, message) in [
        (vec![], "invalid_frame", "the frame is empty"),
        (vec![0], "invalid_frame", "unknown binary type 0x00"),
        (with(0, &[0x81]), "invalid_frame", "unknown binary type 0x81"),
        (b"{}".to_vec(), "invalid_frame", "unknown binary type 0x7b"),
        (ping[..21].to_vec(), "invalid_frame", "a ping has 22 bytes, not 21"),
        (vec![2, 0], "invalid_frame", "a heartbeat has 1 byte, not 2"),
        (with(1, &[0x4e]), "invalid_frame", "unknown flags 0x40"),
        (with(1, &[0x0c]), "invalid_frame", "an absent field is not zero"),
        (with(8, &900_000_001_i32.to_be_bytes()), "invalid_value", "lat \"90.0000001\" is out of range -90..=90"),
        (with(12, &i32::MIN.to_be_bytes()), "invalid_value", "lng \"-214.7483648\" is out of range -180..=180"),
        (with(16, &10_001_u16.to_be_bytes()), "invalid_value", "speed_mps \"100.01\" is out of range 0..=100"),
        (with(18, &36_001_u16.to_be_bytes()), "invalid_value", "bearing_deg \"360.01\" is out of range 0..=360"),
    ] {
        let error = decode_binary(&frame).expect_err(message);
        assert_eq!((error.code, error.message.as_str()), (code, message));
    }
}

#[test]
fn what_does_not_fit_a_binary_frame_becomes_the_nearest_that_does() {
    let frame = |json: &str| {
        let message: ServerMessage = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        let mut frame = Vec::new();
        assert_eq!(message.encode_into(Encoding::Binary, &mut frame), FrameKind::Binary);
        frame
    };
    let late = r#"{"type":"driver_position","ride_id":"8f1b2c3d-0000-8000-8000-000000000001","lat":-1.9,"lng":30,"bearing_deg":0,"t_ms":1,"eta_s":90000}"#;
    assert_eq!(frame(late)[34..], [0xff, 0xff]);
    assert_eq!(frame(&late.replace("90000", "-5"))[34..], [0, 0]);
    assert_eq!(frame(r#"{"type":"ack","t_ms":-1}"#)[1..], [0; 6]);
    assert_eq!(frame(r#"{"type":"ack","t_ms":9223372036854775807}"#)[1..], [0xff; 6]);
}
