//! Amounts as providers write them: in decimals, with or without a fraction.
//!
//! Separate from the engine's francs, since MTN's own sandbox counts in euros and cents.

use std::fmt;

use serde::{Serialize, Serializer};

/// Nobody has more; below this nothing overflows.
const HUNDREDTHS_MAX: i64 = 100_000_000_000_000;

/// Hundredths of a unit of some currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i64);

impl Amount {
    /// Whole units.
    pub const fn whole(units: i64) -> Self {
        Self(units * 100)
    }

    /// Reads `"1500"`, `"5.0"`, `"0.25"`: at most two decimals that are not zero, no sign, no exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (units, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(units) || !are_digits(fraction) || units.len() > 13 {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let hundredths = match fraction.len() {
            0 => 0,
            1 => fraction.parse::<i64>().ok()? * 10,
            2 => fraction.parse::<i64>().ok()?,
            _ => return None,
        };
        let hundredths = units.parse::<i64>().ok()?.checked_mul(100)?.checked_add(hundredths)?;
        (hundredths <= HUNDREDTHS_MAX).then_some(Self(hundredths))
    }

    /// Whether there is no fraction.
    pub const fn is_whole(self) -> bool {
        self.0 % 100 == 0
    }

    /// A share in hundredths of a percent, rounded down to whole units.
    pub const fn share(self, basis_points: u32) -> Self {
        Self(self.0 / 100 * basis_points as i64 / 10_000 * 100)
    }
}

/// Without a fraction that is zero: `1500`, `0.5`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (units, hundredths) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        match (hundredths, hundredths % 10) {
            (0, _) => write!(f, "{sign}{units}"),
            (_, 0) => write!(f, "{sign}{units}.{}", hundredths / 10),
            _ => write!(f, "{sign}{units}.{hundredths:02}"),
        }
    }
}

/// A number in JSON, whole where it can be.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_whole() {
            serializer.serialize_i64(self.0 / 100)
        } else {
            // Far below the 2^53 up to which a double counts exactly.
            serializer.serialize_f64(self.0 as f64 / 100.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_normalised() {
        for (text, expected) in [
            ("1500", Some("1500")),
            ("5.0", Some("5")),
            ("5.00", Some("5")),
            ("0.25", Some("0.25")),
            ("7.5", Some("7.5")),
            ("0", Some("0")),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("1,5", None),
            (".5", None),
            ("5.", None),
            ("0.001", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(Amount::parse(text).map(|amount| amount.to_string()).as_deref(), expected, "{text:?}");
        }
        assert_eq!(Amount::whole(1_550).share(100), Amount::whole(15));
    }
}
