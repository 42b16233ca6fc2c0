//! What a server frame says, in either dialect.
//!
//! Written from the published tables, not shared with the server.

use uuid::Uuid;

use crate::generator::frame::{self, Frame};
use crate::wire;

/// A message from the server.
#[derive(Debug)]
pub enum Heard {
    /// A ping is searchable.
    Ack {
        /// Which.
        t_ms: u64,
    },
    /// Where the driver of a ride is.
    Position {
        /// The ride.
        ride: Uuid,
        /// The ping behind it.
        t_ms: u64,
    },
    /// So many free drivers of a tile.
    Nearby {
        /// How many.
        drivers: usize,
    },
    /// The answer to a heartbeat.
    Heartbeat,
    /// Everything else.
    Message(Box<wire::Frame>),
    /// Not of the protocol.
    Nonsense(String),
}

/// Reads a frame.
pub fn read(frame: Frame<'_>) -> Heard {
    match frame.opcode {
        frame::TEXT => text(frame.payload),
        frame::BINARY => binary(frame.payload)
            .unwrap_or_else(|| Heard::Nonsense(format!("binary frame of {} bytes", frame.payload.len()))),
        opcode => Heard::Nonsense(format!("opcode {opcode}")),
    }
}

fn text(payload: &[u8]) -> Heard {
    let frame: wire::Frame = match serde_json::from_slice(payload) {
        Ok(frame) => frame,
        Err(err) => return Heard::Nonsense(err.to_string()),
    };
    match (frame.kind, frame.t_ms, frame.ride_id, &frame.drivers) {
        (wire::Kind::Ack, Some(t_ms), _, _) => Heard::Ack { t_ms },
        (wire::Kind::DriverPosition, Some(t_ms), Some(ride), _) => Heard::Position { ride, t_ms },
        (wire::Kind::DriversNearby, _, _, Some(drivers)) => Heard::Nearby { drivers: drivers.len() },
        (wire::Kind::Heartbeat, ..) => Heard::Heartbeat,
        _ => Heard::Message(Box::new(frame)),
    }
}

fn binary(payload: &[u8]) -> Option<Heard> {
    let (kind, rest) = payload.split_first()?;
    let u48 = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    match (kind, rest.len()) {
        (0x81, 6) => Some(Heard::Ack { t_ms: u48(rest) }),
        (0x82, 35) => {
            let ride = Uuid::from_slice(&rest[1..17]).ok()?;
            Some(Heard::Position { ride, t_ms: u48(&rest[17..23]) })
        }
        (0x83, 6..) => {
            let drivers = usize::from(u16::from_be_bytes([rest[4], rest[5]]));
            (rest.len() == 6 + drivers * 14).then_some(Heard::Nearby { drivers })
        }
        (0x84, 6) => Some(Heard::Heartbeat),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(opcode: u8, payload: &[u8]) -> Heard {
        read(Frame { opcode, payload })
    }

    #[test]
    fn both_dialects_say_the_same() {
        let ack = [0x81, 0x01, 0xa0, 0xc4, 0x50, 0x6c, 0x00];
        for heard in [of(frame::BINARY, &ack), of(frame::TEXT, br#"{"type":"ack","t_ms":1790000000000}"#)] {
            assert!(matches!(heard, Heard::Ack { t_ms: 1_790_000_000_000 }), "{heard:?}");
        }
        let ride = Uuid::from_u128(7);
        let mut position = vec![0x82, 3];
        position.extend_from_slice(ride.as_bytes());
        position.extend_from_slice(&[0, 0, 0, 0, 0, 9]);
        position.extend_from_slice(&[0; 12]);
        let json = format!(
            r#"{{"type":"driver_position","ride_id":"{ride}","lat":-1.9,"lng":30.0,"bearing_deg":1,"t_ms":9,"eta_s":5}}"#
        );
        for heard in [of(frame::BINARY, &position), of(frame::TEXT, json.as_bytes())] {
            assert!(matches!(heard, Heard::Position { ride: of, t_ms: 9 } if of == ride), "{heard:?}");
        }
        let mut nearby = vec![0x83, 0, 0, 0, 1, 0, 2];
        nearby.extend_from_slice(&[0; 28]);
        let json = br#"{"type":"drivers_nearby","tile":1,"drivers":[{"key":1,"lat":0,"lng":0,"bearing_deg":null},{}]}"#;
        for heard in [of(frame::BINARY, &nearby), of(frame::TEXT, json)] {
            assert!(matches!(heard, Heard::Nearby { drivers: 2 }), "{heard:?}");
        }
    }

    #[test]
    fn what_is_not_of_the_protocol_is_nonsense() {
        for payload in [&[0x81, 1][..], &[0x83, 0, 0, 0, 1, 0, 9, 1][..], &[0x85][..], &[][..]] {
            assert!(matches!(of(frame::BINARY, payload), Heard::Nonsense(_)), "{payload:?}");
        }
        assert!(matches!(of(frame::TEXT, b"{"), Heard::Nonsense(_)));
    }
}
