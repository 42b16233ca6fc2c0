//! The layout of the server's binary frames.
//!
//! Separate from the JSON, and both ways in one place: the simulated city and the tests read what the server writes. All
//! integers are big-endian, coordinates are ten-millionths of a degree. A number that does not fit becomes the nearest
//! that does; a bearing is below 360, so that 0xFFFF is free to say that there is none.

use uuid::Uuid;

use crate::geo::LatLng;
use crate::ids::RideId;
use crate::realtime::protocol::octets::{Octets, u48_bytes};
use crate::realtime::protocol::server::{DriverPosition, NearbyDriver, ServerMessage};

const ACK: u8 = 0x81;
const DRIVER_POSITION: u8 = 0x82;
const DRIVERS_NEARBY: u8 = 0x83;
const HEARTBEAT: u8 = 0x84;

const HAS_BEARING: u8 = 1;
const HAS_ETA: u8 = 1 << 1;
/// In the place of a bearing that is not known.
const NO_BEARING: u16 = u16::MAX;

/// Appends the message, if it is one of those that have a binary frame; whether it is.
pub fn append(message: &ServerMessage, out: &mut Vec<u8>) -> bool {
    match message {
        ServerMessage::Ack { t_ms } => append_time(ACK, *t_ms, out),
        ServerMessage::Heartbeat { server_time_ms } => append_time(HEARTBEAT, *server_time_ms, out),
        ServerMessage::DriverPosition(position) => append_position(position, out),
        ServerMessage::DriversNearby { tile, drivers } => append_nearby(*tile, drivers, out),
        ServerMessage::Welcome(_)
        | ServerMessage::Reply { .. }
        | ServerMessage::Error(_)
        | ServerMessage::Offer { .. }
        | ServerMessage::OfferWithdrawn { .. }
        | ServerMessage::Ride { .. }
        | ServerMessage::RideReleased { .. }
        | ServerMessage::Nudge { .. }
        | ServerMessage::Stage { .. }
        | ServerMessage::Hint { .. }
        | ServerMessage::RideQueue { .. }
        | ServerMessage::Notice { .. }
        | ServerMessage::Payment(_) => return false,
    }
    true
}

fn append_time(kind: u8, time_ms: i64, out: &mut Vec<u8>) {
    let [a, b, c, d, e, f] = u48_bytes(time_ms);
    out.extend_from_slice(&[kind, a, b, c, d, e, f]);
}

/// 36 bytes: type, flags, ride, time, latitude, longitude, bearing, seconds to the next stop.
fn append_position(position: &DriverPosition, out: &mut Vec<u8>) {
    let mut frame = [0; 36];
    let flag = |present: bool, bit: u8| if present { bit } else { 0 };
    let eta_s = position.eta_s.map_or(0, |eta_s| u16::try_from(eta_s.max(0)).unwrap_or(u16::MAX));
    frame[0] = DRIVER_POSITION;
    frame[1] = flag(position.bearing_deg.is_some(), HAS_BEARING) | flag(position.eta_s.is_some(), HAS_ETA);
    frame[2..18].copy_from_slice(position.ride_id.0.as_bytes());
    frame[18..24].copy_from_slice(&u48_bytes(position.t_ms));
    frame[24..28].copy_from_slice(&to_e7(position.lat).to_be_bytes());
    frame[28..32].copy_from_slice(&to_e7(position.lng).to_be_bytes());
    frame[32..34].copy_from_slice(&position.bearing_deg.unwrap_or(0).to_be_bytes());
    frame[34..36].copy_from_slice(&eta_s.to_be_bytes());
    out.extend_from_slice(&frame);
}

/// 7 bytes and 14 for each driver: type, tile, how many; key, latitude, longitude, bearing.
fn append_nearby(tile: u32, drivers: &[NearbyDriver], out: &mut Vec<u8>) {
    let count = u16::try_from(drivers.len()).unwrap_or(u16::MAX);
    out.reserve(7 + usize::from(count) * 14);
    out.push(DRIVERS_NEARBY);
    out.extend_from_slice(&tile.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    for driver in drivers.iter().take(usize::from(count)) {
        let mut entry = [0; 14];
        entry[..4].copy_from_slice(&driver.key.to_be_bytes());
        entry[4..8].copy_from_slice(&to_e7(driver.lat).to_be_bytes());
        entry[8..12].copy_from_slice(&to_e7(driver.lng).to_be_bytes());
        entry[12..].copy_from_slice(&driver.bearing_deg.unwrap_or(NO_BEARING).to_be_bytes());
        out.extend_from_slice(&entry);
    }
}

/// Ten-millionths of a degree; a number off the globe becomes the nearest the type holds.
#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest integer of the type")]
fn to_e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

/// Reads one of the server's binary frames, as an app does. None when it is not one, or not whole.
pub fn decode_binary(frame: &[u8]) -> Option<ServerMessage> {
    let mut octets = Octets::new(frame);
    let message = match octets.byte()? {
        ACK => ServerMessage::Ack { t_ms: octets.u48()? },
        HEARTBEAT => ServerMessage::Heartbeat { server_time_ms: octets.u48()? },
        DRIVER_POSITION => ServerMessage::DriverPosition(read_position(&mut octets)?),
        DRIVERS_NEARBY => {
            let (tile, count) = (octets.u32()?, octets.u16()?);
            let drivers = (0..count).map(|_| read_driver(&mut octets)).collect::<Option<_>>()?;
            ServerMessage::DriversNearby { tile, drivers }
        }
        _ => return None,
    };
    octets.is_empty().then_some(message)
}

fn read_position(octets: &mut Octets<'_>) -> Option<DriverPosition> {
    let flags = octets.byte()?;
    let ride_id = RideId(Uuid::from_bytes(octets.take()?));
    let t_ms = octets.u48()?;
    let place = LatLng::from_e7(octets.i32()?, octets.i32()?).ok()?;
    let (bearing_deg, eta_s) = (octets.u16()?, octets.u16()?);
    Some(DriverPosition {
        ride_id,
        lat: place.lat(),
        lng: place.lng(),
        bearing_deg: (flags & HAS_BEARING != 0).then_some(bearing_deg),
        t_ms,
        eta_s: (flags & HAS_ETA != 0).then_some(i64::from(eta_s)),
    })
}

fn read_driver(octets: &mut Octets<'_>) -> Option<NearbyDriver> {
    let key = octets.u32()?;
    let place = LatLng::from_e7(octets.i32()?, octets.i32()?).ok()?;
    let bearing_deg = octets.u16().map(|bearing| Some(bearing).filter(|bearing| *bearing != NO_BEARING))?;
    Some(NearbyDriver { key, lat: place.lat(), lng: place.lng(), bearing_deg })
}
