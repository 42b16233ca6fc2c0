//! The layout of the apps' binary frames.
//!
//! Separate from the JSON, and both ways in one place, so that the tests and whoever plays a phone write what the server
//! reads. Every ping has exactly one form: unknown flags and values of absent fields are refused, so that what is free
//! today can be given a meaning tomorrow. Reading costs no allocation unless the frame is refused.

use std::fmt;

use crate::error::Fault;
use crate::geo::{LatLng, LatLngError};
use crate::realtime::protocol::client::{ClientMessage, DecodeError, Ping};
use crate::realtime::protocol::octets::{Octets, u48_bytes};
use crate::time::Timestamp;

/// Length of a ping.
pub const PING_BYTES: usize = 22;

const PING: u8 = 0x01;
const HEARTBEAT: u8 = 0x02;

const WANTS_ACK: u8 = 1;
const HAS_SPEED: u8 = 1 << 1;
const HAS_BEARING: u8 = 1 << 2;
const HAS_ACCURACY: u8 = 1 << 3;
const FLAGS_KNOWN: u8 = WANTS_ACK | HAS_SPEED | HAS_BEARING | HAS_ACCURACY;

/// Fastest motorcycle that is believed, as in JSON.
const SPEED_CM_S_MAX: u16 = 10_000;
const BEARING_CENTIDEG_MAX: u16 = 36_000;

/// Reads one binary frame.
///
/// # Errors
/// [`DecodeError`] when it is not a frame of a known type with the right length and right fields.
pub fn decode_binary(frame: &[u8]) -> Result<ClientMessage<'static>, DecodeError> {
    match *frame {
        [PING, ..] => match <&[u8; PING_BYTES]>::try_from(frame) {
            Ok(frame) => ping(frame).map(ClientMessage::Ping),
            Err(_) => Err(DecodeError::frame(format!("a ping has {PING_BYTES} bytes, not {}", frame.len()))),
        },
        [HEARTBEAT] => Ok(ClientMessage::Heartbeat),
        [HEARTBEAT, ..] => Err(DecodeError::frame(format!("a heartbeat has 1 byte, not {}", frame.len()))),
        [unknown, ..] => Err(DecodeError::frame(format!("unknown binary type 0x{unknown:02x}"))),
        [] => Err(DecodeError::frame("the frame is empty")),
    }
}

fn ping(frame: &[u8; PING_BYTES]) -> Result<Ping, DecodeError> {
    let fields = Fields::read(frame).ok_or_else(|| DecodeError::frame("the ping is not whole"))?;
    let has = |flag: u8| fields.flags & flag != 0;
    if fields.flags & !FLAGS_KNOWN != 0 {
        return Err(DecodeError::frame(format!("unknown flags 0x{:02x}", fields.flags & !FLAGS_KNOWN)));
    }
    let measures =
        [(HAS_SPEED, fields.speed_cm_s), (HAS_BEARING, fields.bearing_centideg), (HAS_ACCURACY, fields.accuracy_dm)];
    if measures.iter().any(|(flag, value)| !has(*flag) && *value != 0) {
        return Err(DecodeError::frame("an absent field is not zero"));
    }
    let place = LatLng::from_e7(fields.lat_e7, fields.lng_e7);
    let (Ok(place), 0..=SPEED_CM_S_MAX, 0..=BEARING_CENTIDEG_MAX) = (place, fields.speed_cm_s, fields.bearing_centideg)
    else {
        return Err(fields.faults());
    };
    Ok(Ping {
        at: Timestamp::from_millis(fields.t_ms),
        place,
        speed_mps: has(HAS_SPEED).then(|| f32::from(fields.speed_cm_s) / 100.0),
        bearing_deg: has(HAS_BEARING).then(|| f32::from(fields.bearing_centideg) / 100.0),
        accuracy_m: has(HAS_ACCURACY).then(|| f32::from(fields.accuracy_dm) / 10.0),
        ack: has(WANTS_ACK),
    })
}

/// A ping as it lies in the frame, not yet checked.
struct Fields {
    flags: u8,
    t_ms: i64,
    lat_e7: i32,
    lng_e7: i32,
    speed_cm_s: u16,
    bearing_centideg: u16,
    accuracy_dm: u16,
}

impl Fields {
    fn read(frame: &[u8; PING_BYTES]) -> Option<Self> {
        let mut octets = Octets::new(frame);
        let _kind = octets.byte()?;
        Some(Self {
            flags: octets.byte()?,
            t_ms: octets.u48()?,
            lat_e7: octets.i32()?,
            lng_e7: octets.i32()?,
            speed_cm_s: octets.u16()?,
            bearing_centideg: octets.u16()?,
            accuracy_dm: octets.u16()?,
        })
    }

    /// All that is out of range, named and in the units of the JSON form.
    fn faults(&self) -> DecodeError {
        let mut faults = Vec::new();
        let mut fault = |field: &str, value: f64, range: &dyn fmt::Display| {
            faults.push(Fault::new(field, value, format_args!("is out of range {range}")));
        };
        if let Err(LatLngError::Latitude(lat)) = LatLng::from_e7(self.lat_e7, 0) {
            fault("lat", lat, &"-90..=90");
        }
        if let Err(LatLngError::Longitude(lng)) = LatLng::from_e7(0, self.lng_e7) {
            fault("lng", lng, &"-180..=180");
        }
        if self.speed_cm_s > SPEED_CM_S_MAX {
            fault("speed_mps", f64::from(self.speed_cm_s) / 100.0, &"0..=100");
        }
        if self.bearing_centideg > BEARING_CENTIDEG_MAX {
            fault("bearing_deg", f64::from(self.bearing_centideg) / 100.0, &"0..=360");
        }
        DecodeError::values(None, faults)
    }
}

impl Ping {
    /// The binary frame of it, as an app writes it. What does not fit becomes the nearest that does.
    pub fn to_binary(&self) -> [u8; PING_BYTES] {
        let flag = |present: bool, bit: u8| if present { bit } else { 0 };
        let scaled = |measure: Option<f32>, factor: f32| measure.map_or(0, |measure| to_u16(measure * factor));
        let mut frame = [0; PING_BYTES];
        frame[0] = PING;
        frame[1] = flag(self.ack, WANTS_ACK)
            | flag(self.speed_mps.is_some(), HAS_SPEED)
            | flag(self.bearing_deg.is_some(), HAS_BEARING)
            | flag(self.accuracy_m.is_some(), HAS_ACCURACY);
        frame[2..8].copy_from_slice(&u48_bytes(self.at.as_millis()));
        frame[8..12].copy_from_slice(&self.place.lat_e7().to_be_bytes());
        frame[12..16].copy_from_slice(&self.place.lng_e7().to_be_bytes());
        frame[16..18].copy_from_slice(&scaled(self.speed_mps, 100.0).to_be_bytes());
        frame[18..20].copy_from_slice(&scaled(self.bearing_deg, 100.0).to_be_bytes());
        frame[20..22].copy_from_slice(&scaled(self.accuracy_m, 10.0).to_be_bytes());
        frame
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest of the type")]
fn to_u16(value: f32) -> u16 {
    value.round() as u16
}

/// The frame of a heartbeat, as an app writes it.
pub const HEARTBEAT_FRAME: [u8; 1] = [HEARTBEAT];
