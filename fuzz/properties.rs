//! What is true of the decoders, whatever bytes they are given.
//!
//! Separate from the fuzzing targets so that `cargo test` replays the corpus with the same checks (`tests/corpus`), on a
//! plain compiler. A property that does not hold panics.

use boda::realtime::protocol::Encoding;
use boda::realtime::protocol::client::{
    ClientMessage, HEARTBEAT_FRAME, Ping, decode, decode_binary, decode_general, decode_plain_ping,
};
use boda::realtime::protocol::server;

/// Of a text frame: it is read or refused with a reason, and the shortcut for pings changes nothing.
pub fn decode_json(bytes: &[u8]) {
    let Ok(frame) = std::str::from_utf8(bytes) else { return };
    let general = decode_general(frame);
    if let Some(ping) = decode_plain_ping(frame) {
        assert_eq!(general, Ok(ClientMessage::Ping(ping)), "the shortcut and the general reader differ");
    }
    assert_eq!(decode(frame), general, "with and without the shortcut differ");
    match general {
        Ok(ClientMessage::Ping(ping)) => check_ping(&ping),
        Ok(ClientMessage::Command { id, command }) => {
            assert!((1..=64).contains(&id.chars().count()), "an id of {} characters", id.chars().count());
            assert!(!(command.is_drivers_only() && command.is_riders_only()), "{command:?} is for nobody");
        }
        Ok(ClientMessage::Hello { token, .. }) => assert!(!token.0.is_empty(), "an empty token"),
        Ok(ClientMessage::Heartbeat) => {}
        Err(error) => {
            assert!(!error.message.is_empty(), "refused without a reason");
            assert_eq!(error.code == "invalid_value", !error.faults.is_empty(), "faults and code do not agree");
            // A refusal goes out again: it must not carry back what came in.
            assert!(error.message.len() < 4_096, "a refusal of {} bytes", error.message.len());
        }
    }
}

/// Of a binary frame: what the server reads has exactly one form, and what it writes is read as what it was.
pub fn decode_binary_frame(bytes: &[u8]) {
    match decode_binary(bytes) {
        Ok(ClientMessage::Ping(ping)) => {
            check_ping(&ping);
            assert_eq!(ping.to_binary().as_slice(), bytes, "a ping has a second form");
        }
        Ok(ClientMessage::Heartbeat) => assert_eq!(bytes, HEARTBEAT_FRAME),
        Ok(other) => panic!("{other:?} has no binary form"),
        Err(error) => assert!(!error.message.is_empty(), "refused without a reason"),
    }
    if let Some(message) = server::decode_binary(bytes) {
        let mut written = Vec::new();
        message.encode_into(Encoding::Binary, &mut written);
        assert_eq!(server::decode_binary(&written), Some(message), "written and read again it is another message");
    }
}

fn check_ping(ping: &Ping) {
    let measures = [(ping.speed_mps, 100.0), (ping.bearing_deg, 360.0), (ping.accuracy_m, 100_000.0)];
    for (measure, max) in measures {
        assert!(measure.is_none_or(|measure| (0.0..=max).contains(&measure)), "out of range: {measure:?}");
    }
    assert!(ping.place.lat().abs() <= 90.0 && ping.place.lng().abs() <= 180.0, "off the globe");
}
