//! The pings of one driver: a place that moves at a motorcycle's pace, written into a frame of either dialect.
//!
//! Pure. Places really move: a server that sees the same place again and again does less than it would in a town.

use std::f64::consts::TAU;
use std::time::Instant;

use serde::Serialize;

use super::frame::{BINARY, TEXT, append_masked};
use crate::world::Point;

/// Which sub-protocol a phone speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `boda.v1.json`.
    Json,
    /// `boda.v1.bin`.
    Binary,
}

impl Dialect {
    /// Its name in the handshake.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "boda.v1.json",
            Self::Binary => "boda.v1.bin",
        }
    }
}

/// Metres a second; brisk, and within what a server takes for a motorcycle.
const SPEED_MPS: f64 = 6.0;
/// A driver rides a circle of this radius around home, where nothing else is asked for.
pub const RADIUS_M: f64 = 150.0;

/// Where a driver is, as a function of time: a circle, so that a run of any length stays where it was put.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    home: Point,
    phase: f64,
    radius_m: f64,
}

/// A place at a moment, as a phone measures it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fix {
    /// Milliseconds since 1970 by the phone's clock.
    pub t_ms: u64,
    /// Degrees north × 10⁷.
    pub lat_e7: i32,
    /// Degrees east × 10⁷.
    pub lng_e7: i32,
    /// Compass degrees, 0..=359.
    pub bearing_deg: u16,
}

impl Round {
    /// Around `home`; `phase` (0..1) is where on the circle it begins.
    pub fn new(home: Point, phase: f64, radius_m: f64) -> Self {
        Self { home, phase, radius_m }
    }

    /// Where the driver is at a moment. The same in every run, so that nobody jumps from one run to the next.
    pub fn at(&self, t_ms: u64) -> Fix {
        let angle = self.phase * TAU + t_ms as f64 / 1_000.0 * SPEED_MPS / self.radius_m;
        let (sin, cos) = angle.sin_cos();
        let place = self.home.moved(self.radius_m * cos, self.radius_m * sin);
        // Riding clockwise seen on a map: a quarter turn ahead of where it stands.
        let bearing = (angle.to_degrees() + 90.0).rem_euclid(360.0) as u16 % 360;
        Fix {
            t_ms,
            lat_e7: (place.lat * 1e7).round() as i32,
            lng_e7: (place.lng * 1e7).round() as i32,
            bearing_deg: bearing,
        }
    }
}

/// Appends the whole frame of a ping.
pub fn append(out: &mut Vec<u8>, scratch: &mut Vec<u8>, dialect: Dialect, fix: &Fix, wants_ack: bool) {
    scratch.clear();
    match dialect {
        Dialect::Json => {
            json(scratch, fix, wants_ack);
            append_masked(out, TEXT, scratch);
        }
        Dialect::Binary => {
            binary(scratch, fix, wants_ack);
            append_masked(out, BINARY, scratch);
        }
    }
}

/// As an app writes it: every field, seven decimals.
fn json(out: &mut Vec<u8>, fix: &Fix, wants_ack: bool) {
    out.extend_from_slice(br#"{"type":"ping","t_ms":"#);
    digits(out, fix.t_ms, 1);
    out.extend_from_slice(br#","lat":"#);
    degrees(out, fix.lat_e7);
    out.extend_from_slice(br#","lng":"#);
    degrees(out, fix.lng_e7);
    out.extend_from_slice(br#","speed_mps":6.0,"bearing_deg":"#);
    digits(out, u64::from(fix.bearing_deg), 1);
    out.extend_from_slice(br#","accuracy_m":8"#);
    if wants_ack {
        out.extend_from_slice(br#","ack":true"#);
    }
    out.push(b'}');
}

/// 22 bytes: see the table of binary frames in the protocol.
fn binary(out: &mut Vec<u8>, fix: &Fix, wants_ack: bool) {
    const SPEED: u8 = 1 << 1;
    const BEARING: u8 = 1 << 2;
    const ACCURACY: u8 = 1 << 3;
    out.extend_from_slice(&[0x01, u8::from(wants_ack) | SPEED | BEARING | ACCURACY]);
    out.extend_from_slice(&fix.t_ms.to_be_bytes()[2..]);
    out.extend_from_slice(&fix.lat_e7.to_be_bytes());
    out.extend_from_slice(&fix.lng_e7.to_be_bytes());
    out.extend_from_slice(&600_u16.to_be_bytes());
    out.extend_from_slice(&(fix.bearing_deg * 100).to_be_bytes());
    out.extend_from_slice(&80_u16.to_be_bytes());
}

/// Degrees with seven decimals, without going through a float.
fn degrees(out: &mut Vec<u8>, e7: i32) {
    if e7 < 0 {
        out.push(b'-');
    }
    let e7 = u64::from(e7.unsigned_abs());
    digits(out, e7 / 10_000_000, 1);
    out.push(b'.');
    digits(out, e7 % 10_000_000, 7);
}

/// A number of at least `width` digits.
fn digits(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    let mut rest = number;
    while rest > 0 || text.len() - at < width {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text[at..]);
}

/// A phone's clock: the wall clock at one moment, carried on by the monotonic one, so that it never jumps in a run.
#[derive(Clone, Copy, Debug)]
pub struct PhoneClock {
    from: Instant,
    from_ms: u64,
}

impl PhoneClock {
    /// A clock that says `now_ms` at `now`.
    pub fn new(now: Instant, now_ms: u64) -> Self {
        Self { from: now, from_ms: now_ms }
    }

    /// Milliseconds since 1970 at `now`.
    pub fn ms_at(&self, now: Instant) -> u64 {
        self.from_ms + u64::try_from(now.saturating_duration_since(self.from).as_millis()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::KIGALI;

    const FIX: Fix = Fix { t_ms: 1_790_000_000_000, lat_e7: -19_440_700, lng_e7: 300_618_800, bearing_deg: 87 };

    #[test]
    fn a_json_ping_is_what_the_protocol_shows() {
        let mut out = Vec::new();
        json(&mut out, &FIX, true);
        let text = String::from_utf8(out).expect("ASCII");
        assert_eq!(
            text,
            r#"{"type":"ping","t_ms":1790000000000,"lat":-1.9440700,"lng":30.0618800,"speed_mps":6.0,"bearing_deg":87,"accuracy_m":8,"ack":true}"#
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_binary_ping_has_22_bytes_in_network_order() {
        let mut out = Vec::new();
        binary(&mut out, &FIX, false);
        let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        // type, flags, t_ms, lat, lng, speed 600 cm/s, bearing 8700 hundredths, accuracy 80 dm
        assert_eq!(hex, "010e01a0c4506c00fed75bc411eb1430025821fc0050");
        assert_eq!(out.len(), 22);
    }

    #[test]
    fn degrees_keep_their_leading_zeros() {
        for (e7, text) in
            [(0, "0.0000000"), (-5, "-0.0000005"), (300_600_001, "30.0600001"), (i32::MIN, "-214.7483648")]
        {
            let mut out = Vec::new();
            degrees(&mut out, e7);
            assert_eq!(String::from_utf8(out).expect("ASCII"), text);
        }
    }

    #[test]
    fn a_driver_moves_at_a_motorcycles_pace_and_stays_near_home() {
        let round = Round::new(KIGALI, 0.25, RADIUS_M);
        let place = |s: u64| {
            let fix = round.at(1_790_000_000_000 + s * 1_000);
            Point { lat: f64::from(fix.lat_e7) / 1e7, lng: f64::from(fix.lng_e7) / 1e7 }
        };
        for s in [0, 1, 30, 100_000] {
            let step = place(s).distance_m(place(s + 1));
            assert!((5.9..6.1).contains(&step), "{step}");
            assert!(place(s).distance_m(KIGALI) < RADIUS_M + 1.0);
        }
        let (bearing, way) = (round.at(1_790_000_000_000).bearing_deg, place(0).bearing_deg(place(1)));
        assert!(bearing.abs_diff(way) <= 3, "points the way it goes: {bearing} and {way}");
    }
}
