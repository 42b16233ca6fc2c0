//! The common shape of a JSON ping, read without a general JSON reader.
//!
//! Separate because it is only a shortcut: a flat object of a ping's own keys in any order, plain numbers, no escapes. For
//! everything else, and for whatever would be refused, it says nothing and the general reader decides; so nobody can tell
//! from an answer which of the two read a frame. That equality is held by a property test and by fuzzing.

use crate::geo::LatLng;
use crate::realtime::protocol::client::{ACCURACY_M_MAX, BEARING_DEG_MAX, Ping, SPEED_MPS_MAX};
use crate::time::Timestamp;

/// Digits that a 64-bit integer holds whatever they are.
const DIGITS_MAX: u32 = 19;
/// As many decimals make an integer of a [`LatLng`]'s own unit.
const DECIMALS_E7: u32 = 7;

/// Powers of ten up to [`DIGITS_MAX`], all of them exact.
const POWERS_OF_TEN: [f64; 20] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];

/// The ping, when the frame has the common shape and nothing in it is to be refused.
pub fn decode_plain_ping(frame: &str) -> Option<Ping> {
    let mut reader = Reader { rest: frame.as_bytes() };
    let mut fields = Fields::default();
    reader.expect(b'{')?;
    loop {
        reader.field(&mut fields)?;
        match reader.next_token()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    reader.skip_whitespace();
    if reader.rest.is_empty() { fields.ping() } else { None }
}

/// A number as it is written: `-1.94407` is minus 194407 with 5 decimals.
#[derive(Clone, Copy)]
struct Number {
    is_negative: bool,
    digits: u64,
    decimals: u32,
}

impl Number {
    /// The same `f64` as the general reader's, which divides the digits by a power of ten too.
    #[expect(clippy::cast_precision_loss, reason = "the general reader rounds here as well")]
    fn to_f64(self) -> f64 {
        let magnitude = match self.decimals {
            0 => self.digits as f64,
            decimals => self.digits as f64 / POWERS_OF_TEN[decimals as usize],
        };
        if self.is_negative { -magnitude } else { magnitude }
    }

    /// Ten-millionths of a degree, when there are not more decimals than those. Exact; through an `f64` it would be the same,
    /// because its error is far below one half of this unit.
    fn to_e7(self) -> Option<i32> {
        let factor = 10_u64.pow(DECIMALS_E7.checked_sub(self.decimals)?);
        let magnitude = i32::try_from(self.digits.checked_mul(factor)?).ok()?;
        Some(if self.is_negative { -magnitude } else { magnitude })
    }
}

#[derive(Default)]
struct Fields {
    is_ping: bool,
    t_ms: Option<i64>,
    lat: Option<Number>,
    lng: Option<Number>,
    speed_mps: Option<Number>,
    bearing_deg: Option<Number>,
    accuracy_m: Option<Number>,
    ack: Option<bool>,
}

impl Fields {
    fn ping(self) -> Option<Ping> {
        if !self.is_ping {
            return None;
        }
        let (lat, lng) = (self.lat?, self.lng?);
        let place = match (lat.to_e7(), lng.to_e7()) {
            (Some(lat_e7), Some(lng_e7)) => LatLng::from_e7(lat_e7, lng_e7),
            _ => LatLng::new(lat.to_f64(), lng.to_f64()),
        };
        Some(Ping {
            at: Timestamp::from_millis(self.t_ms?),
            place: place.ok()?,
            speed_mps: measure(self.speed_mps, SPEED_MPS_MAX)?,
            bearing_deg: measure(self.bearing_deg, BEARING_DEG_MAX)?,
            accuracy_m: measure(self.accuracy_m, ACCURACY_M_MAX)?,
            ack: self.ack == Some(true),
        })
    }
}

/// An optional measure; nothing at all when it is out of range.
#[expect(clippy::cast_possible_truncation, reason = "sensor readings have nowhere near 24 significant bits")]
fn measure(number: Option<Number>, max: f64) -> Option<Option<f32>> {
    match number.map(Number::to_f64) {
        None => Some(None),
        Some(value) if (0.0..=max).contains(&value) => Some(Some(value as f32)),
        Some(_) => None,
    }
}

/// Whether the slot was empty and is filled now: a field given twice is for the general reader to refuse.
fn fill<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value?);
    Some(())
}

/// What is left of the frame. Its methods are inlined for good: as calls they pass the position through memory, and the
/// whole takes half as long again.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    #[inline(always)]
    fn skip_whitespace(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    #[inline(always)]
    fn next_token(&mut self) -> Option<u8> {
        self.skip_whitespace();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    #[inline(always)]
    fn expect(&mut self, token: u8) -> Option<()> {
        (self.next_token()? == token).then_some(())
    }

    /// `"name": value` of a field that a ping has.
    #[inline(always)]
    fn field(&mut self, fields: &mut Fields) -> Option<()> {
        self.expect(b'"')?;
        match self.rest {
            [b't', b'_', b'm', b's', b'"', rest @ ..] => {
                let millis = self.value_at(rest)?.whole_number();
                fill(&mut fields.t_ms, millis)
            }
            [b'l', b'a', b't', b'"', rest @ ..] => fill(&mut fields.lat, self.value_at(rest)?.number()),
            [b'l', b'n', b'g', b'"', rest @ ..] => fill(&mut fields.lng, self.value_at(rest)?.number()),
            [b't', b'y', b'p', b'e', b'"', rest @ ..] => {
                let reader = self.value_at(rest)?;
                reader.rest = reader.rest.strip_prefix(b"\"ping\"")?;
                (!std::mem::replace(&mut fields.is_ping, true)).then_some(())
            }
            [b's', b'p', b'e', b'e', b'd', b'_', b'm', b'p', b's', b'"', rest @ ..] => {
                fill(&mut fields.speed_mps, self.value_at(rest)?.number())
            }
            [b'b', b'e', b'a', b'r', b'i', b'n', b'g', b'_', b'd', b'e', b'g', b'"', rest @ ..] => {
                fill(&mut fields.bearing_deg, self.value_at(rest)?.number())
            }
            [b'a', b'c', b'c', b'u', b'r', b'a', b'c', b'y', b'_', b'm', b'"', rest @ ..] => {
                fill(&mut fields.accuracy_m, self.value_at(rest)?.number())
            }
            [b'a', b'c', b'k', b'"', rest @ ..] => fill(&mut fields.ack, self.value_at(rest)?.truth()),
            _ => None,
        }
    }
}

impl<'a> Reader<'a> {
    /// Goes on behind a name, up to its value.
    #[inline(always)]
    fn value_at(&mut self, behind_name: &'a [u8]) -> Option<&mut Self> {
        self.rest = behind_name;
        self.expect(b':')?;
        self.skip_whitespace();
        Some(self)
    }

    fn truth(&mut self) -> Option<bool> {
        let (truth, rest) = match self.rest {
            [b't', b'r', b'u', b'e', rest @ ..] => (true, rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => (false, rest),
            _ => return None,
        };
        self.rest = rest;
        Some(truth)
    }

    fn whole_number(&mut self) -> Option<i64> {
        match self.number()? {
            Number { is_negative: false, digits, decimals: 0 } => i64::try_from(digits).ok(),
            _ => None,
        }
    }

    /// What JSON allows, without an exponent and with at most [`DIGITS_MAX`] digits. What stands behind the number is looked
    /// at by whoever reads on.
    #[inline(always)]
    fn number(&mut self) -> Option<Number> {
        let mut number = Number { is_negative: false, digits: 0, decimals: 0 };
        if let [b'-', rest @ ..] = self.rest {
            (number.is_negative, self.rest) = (true, rest);
        }
        let leading_zero = self.rest.first() == Some(&b'0');
        let whole = self.digits(&mut number.digits);
        if whole == 0 || (whole > 1 && leading_zero) {
            return None;
        }
        if let [b'.', rest @ ..] = self.rest {
            self.rest = rest;
            number.decimals = self.digits(&mut number.digits);
            if number.decimals == 0 {
                return None;
            }
        }
        (whole + number.decimals <= DIGITS_MAX).then_some(number)
    }

    /// Appends digits to `value` and says how many there were. With too many the value is wrong, and not used.
    #[inline(always)]
    fn digits(&mut self, value: &mut u64) -> u32 {
        let mut count = 0;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            *value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.rest = rest;
            count += 1;
        }
        count
    }
}
