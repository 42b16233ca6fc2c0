//! Big-endian numbers in and out of a few bytes, for the binary frames of both directions.
//!
//! Separate so that the two layouts read as lists of fields. A reader that runs out of bytes says so once, at the end.

/// Times travel in 48 bits: enough until the year 10889.
pub const U48_MAX: i64 = (1 << 48) - 1;

/// Reads fields from the front of a frame.
pub struct Octets<'a> {
    rest: &'a [u8],
}

impl<'a> Octets<'a> {
    /// A reader at the front of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `N` bytes, unless fewer are left.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    /// 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    /// 32 bits, signed.
    pub fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    /// 48 bits.
    pub fn u48(&mut self) -> Option<i64> {
        let [a, b, c, d, e, f] = self.take()?;
        Some(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// The six bytes of a time; what does not fit becomes the nearest that does.
pub const fn u48_bytes(value: i64) -> [u8; 6] {
    let value = if value < 0 {
        0
    } else if value > U48_MAX {
        U48_MAX
    } else {
        value
    };
    let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
    [a, b, c, d, e, f]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_and_one_that_does_not_fit_becomes_the_nearest() {
        for (value, expected) in [
            (0, 0),
            (1_790_000_000_000, 1_790_000_000_000),
            (U48_MAX, U48_MAX),
            (-1, 0),
            (i64::MAX, U48_MAX),
            (i64::MIN, 0),
        ] {
            let bytes = u48_bytes(value);
            let mut octets = Octets::new(&bytes);
            assert_eq!((octets.u48(), octets.is_empty()), (Some(expected), true));
            assert_eq!(octets.byte(), None);
        }
    }
}
