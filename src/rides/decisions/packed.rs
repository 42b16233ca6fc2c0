//! The weighed drivers of a round as bytes: some 35 for each instead of some 300 as JSON. Pure.
//!
//! Separate because the form outlives the program that wrote it: the first byte says which form it is. Numbers are
//! LEB128, signed ones zigzag. A driver's id stands as its sixteen bytes, so that the database finds the rounds in which
//! somebody was weighed without unpacking any.

use uuid::Uuid;

use super::round::{PARTS, Reason, Weighed};
use crate::ids::DriverId;
use crate::time::Span;

const FORM: u8 = 1;

/// Bytes that are no list of weighed drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by a later program.
    #[error("form {0} is not known")]
    Form(u8),
    /// Cut off, or something else.
    #[error("the bytes end too early, or a number is out of range")]
    Broken,
    /// More than a list.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
}

/// As bytes.
pub fn pack(considered: &[Weighed]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + considered.len() * 40);
    bytes.push(FORM);
    put(&mut bytes, considered.len() as u64);
    for weighed in considered {
        bytes.extend_from_slice(weighed.driver.0.as_bytes());
        put_signed(&mut bytes, weighed.pickup_eta.as_millis());
        put(&mut bytes, u64::from(weighed.pickup_distance_m));
        // Zero for none.
        let reason = weighed.excluded.and_then(|reason| Reason::ALL.iter().position(|known| *known == reason));
        put(&mut bytes, reason.map_or(0, |place| place as u64 + 1));
        for part in weighed.parts_ms {
            put_signed(&mut bytes, part);
        }
        put_signed(&mut bytes, weighed.cost_ms);
        put_signed(&mut bytes, weighed.price_ms);
    }
    bytes
}

/// From bytes.
///
/// # Errors
/// [`Unreadable`].
pub fn unpack(bytes: &[u8]) -> Result<Vec<Weighed>, Unreadable> {
    let mut rest = bytes;
    match take(&mut rest, 1)? {
        [FORM] => {}
        [form] => return Err(Unreadable::Form(*form)),
        _ => return Err(Unreadable::Broken),
    }
    let count = number(&mut rest)?;
    let mut considered = Vec::new();
    for _ in 0..count {
        considered.push(weighed(&mut rest)?);
    }
    if rest.is_empty() { Ok(considered) } else { Err(Unreadable::LeftOver(rest.len())) }
}

fn weighed(rest: &mut &[u8]) -> Result<Weighed, Unreadable> {
    let id = Uuid::from_slice(take(rest, 16)?).map_err(|_| Unreadable::Broken)?;
    let pickup_eta = Span::from_millis(signed(rest)?);
    let pickup_distance_m = u32::try_from(number(rest)?).map_err(|_| Unreadable::Broken)?;
    let excluded = match number(rest)? {
        0 => None,
        // A word of a later program is still a reason.
        place => Some(
            usize::try_from(place - 1).ok().and_then(|place| Reason::ALL.get(place).copied()).unwrap_or(Reason::Other),
        ),
    };
    let mut parts_ms = [0; PARTS];
    for part in &mut parts_ms {
        *part = signed(rest)?;
    }
    let (cost_ms, price_ms) = (signed(rest)?, signed(rest)?);
    Ok(Weighed { driver: DriverId(id), pickup_eta, pickup_distance_m, parts_ms, cost_ms, price_ms, excluded })
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        // The low seven bits, and that more follow.
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Unreadable> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Unreadable::Broken)?;
    *rest = left;
    Ok(taken)
}

fn number(rest: &mut &[u8]) -> Result<u64, Unreadable> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(Unreadable::Broken);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Unreadable::Broken)
}

fn signed(rest: &mut &[u8]) -> Result<i64, Unreadable> {
    let value = number(rest)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rides::decisions::round::tests::weighed as plain;

    fn any_weighed() -> impl Strategy<Value = Weighed> {
        let reason = prop::option::of(prop::sample::select(Reason::ALL.to_vec()));
        let numbers = (any::<i64>(), any::<u32>(), any::<[i64; PARTS]>(), any::<i64>(), any::<i64>());
        (any::<u128>(), numbers, reason).prop_map(
            |(id, (eta, pickup_distance_m, parts_ms, cost_ms, price_ms), excluded)| {
                let (driver, pickup_eta) = (DriverId(Uuid::from_u128(id)), Span::from_millis(eta));
                Weighed { driver, pickup_eta, pickup_distance_m, parts_ms, cost_ms, price_ms, excluded }
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(considered in prop::collection::vec(any_weighed(), 0..30)) {
            prop_assert_eq!(unpack(&pack(&considered)), Ok(considered));
        }

        #[test]
        fn bytes_of_any_origin_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(considered) = unpack(&bytes) {
                prop_assert_eq!(unpack(&pack(&considered)), Ok(considered));
            }
        }

        #[test]
        fn a_list_that_was_cut_off_is_refused(considered in prop::collection::vec(any_weighed(), 1..5), cut in 1..40_usize) {
            let bytes = pack(&considered);
            prop_assert!(unpack(&bytes[..bytes.len() - cut]).is_err());
        }
    }

    #[test]
    fn a_driver_takes_some_thirty_bytes_and_the_id_can_be_found_in_them() {
        let bytes = pack(&[plain(7, 130), plain(8, 250)]);
        assert!(bytes.len() < 2 * 40, "{} bytes", bytes.len());
        let id = Uuid::from_u128(8).into_bytes();
        assert!(bytes.windows(16).any(|window| window == id));
    }

    #[test]
    fn what_a_later_program_wrote_is_refused_by_name() {
        assert_eq!(unpack(&[2, 0]), Err(Unreadable::Form(2)));
        assert_eq!(unpack(&[FORM, 0, 0]), Err(Unreadable::LeftOver(1)));
        assert_eq!(unpack(&[]), Err(Unreadable::Broken));
    }
}
