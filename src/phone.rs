//! Rwandan mobile numbers: what people type, and the one form that is stored.
//!
//! Separate because the number is an account's name: two spellings of one number must be one account. A [`Phone`] is
//! always E.164 and always in a mobile range (`+2507` then 2, 3, 8 or 9, then seven digits). It has no `Display` on
//! purpose: say [`Phone::as_str`] where the number itself is needed and [`Phone::masked`] everywhere else. Neither
//! `Debug` nor an error ever shows a whole number.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nobody types a phone number longer than this, however many blanks and brackets go into it.
const TYPED_CHARS_MAX: usize = 40;

/// `+250` and nine digits.
const E164_LEN: usize = 13;

/// Digits of a Rwandan number after the country code.
const NATIONAL_DIGITS: usize = 9;

/// A Rwandan mobile number in E.164.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone([u8; E164_LEN]);

/// A mobile network, and thereby the wallet a number most likely has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operator {
    /// MTN Rwanda: MTN MoMo. Ranges 78 and 79.
    Mtn,
    /// Airtel Rwanda: Airtel Money. Ranges 72 and 73.
    Airtel,
}

impl Phone {
    /// Reads what a person or a provider wrote: with or without the country code, the trunk zero, `+`, `00` or `000`,
    /// blanks, dots, dashes and brackets, in ASCII, full-width or Arabic digits.
    pub fn parse(typed: &str) -> Result<Self, PhoneError> {
        let number = || -> Result<Self, PhoneFault> {
            let (international, digits) = digits_of(typed)?;
            let national = national_part(international, &digits)?;
            let mut e164 = *b"+250000000000";
            for (place, digit) in e164[E164_LEN - NATIONAL_DIGITS..].iter_mut().zip(national) {
                *place = *digit;
            }
            Ok(Self(e164))
        };
        number().map_err(|fault| PhoneError { masked: mask(typed), fault })
    }

    /// The number in E.164: `+250788123456`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a phone is made of ASCII digits and a plus")
    }

    /// The number as it may be logged and shown to others: `+25078****456`.
    pub fn masked(&self) -> String {
        let e164 = self.as_str();
        format!("{}****{}", &e164[..6], &e164[E164_LEN - 3..])
    }

    /// The network that the number range was given to. Numbers can be carried to another network, so this is the
    /// *default* wallet; what the user chose is stored with the user.
    pub fn operator(&self) -> Operator {
        match self.0[5] {
            b'8' | b'9' => Operator::Mtn,
            _ => Operator::Airtel,
        }
    }
}

/// Whether the number began with a plus, and its digits in ASCII, at most [`TYPED_CHARS_MAX`] of them.
fn digits_of(typed: &str) -> Result<(bool, Vec<u8>), PhoneFault> {
    let mut plus = false;
    let mut digits = Vec::with_capacity(16);
    for (count, c) in typed.chars().enumerate() {
        if count == TYPED_CHARS_MAX {
            return Err(PhoneFault::Length { digits: digits.len() });
        }
        if let Some(digit) = ascii_digit(c) {
            digits.push(digit);
        } else if matches!(c, '+' | '\u{ff0b}') && !plus && digits.is_empty() {
            plus = true;
        } else if !is_punctuation(c) {
            return Err(PhoneFault::Character);
        }
    }
    if digits.is_empty() { Err(PhoneFault::Empty) } else { Ok((plus, digits)) }
}

fn ascii_digit(c: char) -> Option<u8> {
    // ASCII, Arabic-Indic, Persian and full-width zero: keyboards send them all.
    let digit = ['0', '\u{0660}', '\u{06f0}', '\u{ff10}'].into_iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(zero))?;
        u8::try_from(value).ok().filter(|value| *value < 10)
    })?;
    Some(b'0' + digit)
}

fn is_punctuation(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '.' | '-' | '(' | ')' | '[' | ']' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff08}' | '\u{ff09}')
        // Invisible marks that come along when a number is copied from a contact card.
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The nine digits after the country code.
fn national_part(plus: bool, digits: &[u8]) -> Result<&[u8], PhoneFault> {
    // Older pages give 000 as the international prefix; the numbering plan says 00.
    let exit_code = [b"000".as_slice(), b"00"].into_iter().find_map(|code| digits.strip_prefix(code));
    let national = match exit_code.filter(|_| !plus) {
        Some(international) => after_country_code(international)?,
        None if plus => after_country_code(digits)?,
        // Without a prefix, 250 can only be the country code: no national number begins with 25 and is mobile.
        None if digits.len() > NATIONAL_DIGITS && digits.starts_with(b"250") => after_country_code(digits)?,
        None => digits.strip_prefix(b"0").unwrap_or(digits),
    };
    if national.len() != NATIONAL_DIGITS {
        return Err(PhoneFault::Length { digits: national.len() });
    }
    match national {
        [b'7', b'2' | b'3' | b'8' | b'9', ..] => Ok(national),
        _ => Err(PhoneFault::Range),
    }
}

fn after_country_code(digits: &[u8]) -> Result<&[u8], PhoneFault> {
    let national = digits.strip_prefix(b"250").ok_or(PhoneFault::Country)?;
    // "+250 (0)788…": the trunk zero was written along.
    Ok(national.strip_prefix(b"0").unwrap_or(national))
}

/// What may be shown of something that turned out not to be a phone number, but could be somebody's with a slip in it.
fn mask(typed: &str) -> String {
    let shown: String = typed.chars().filter(|c| ascii_digit(*c).is_some() || *c == '+').take(5).collect();
    // Of a short text even the beginning would be most of it.
    if typed.chars().count() < 9 { "****".to_owned() } else { format!("{shown}****") }
}

/// Why a text is not a Rwandan mobile number.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("phone number {masked} {fault}")]
pub struct PhoneError {
    masked: String,
    fault: PhoneFault,
}

impl PhoneError {
    /// What was typed, masked: safe to answer and to log.
    pub fn masked(&self) -> &str {
        &self.masked
    }

    /// The reason alone.
    pub fn fault(&self) -> PhoneFault {
        self.fault
    }
}

/// The reason in a [`PhoneError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhoneFault {
    /// There is no digit in it.
    #[error("is empty")]
    Empty,
    /// There is a letter or another sign in it.
    #[error("holds a character that no phone number has")]
    Character,
    /// It has a country code that is not 250.
    #[error("is not a Rwandan number (+250)")]
    Country,
    /// It is too long or too short; counted after the country code.
    #[error("has {digits} digits after +250, not 9")]
    Length {
        /// How many digits there are.
        digits: usize,
    },
    /// It is a fixed line, a service number or a range that nobody holds.
    #[error("is not in a mobile range (72, 73, 78 or 79)")]
    Range,
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({})", self.masked())
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&typed).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn every_spelling_of_a_number_is_one_number() {
        for typed in [
            "0788123456",
            "788123456",
            "250788123456",
            "+250788123456",
            "+250 788 123 456",
            "00250788123456",
            "000250788123456",
            "+250(0)788123456",
            "2500788123456",
            "0788-123-456",
            "0788.123.456",
            " (0788) 123\u{a0}456 ",
            "+250\u{2011}788\u{2011}123\u{2011}456",
            "\u{202a}+250788123456\u{202c}",
            "\u{ff0b}\u{ff12}\u{ff15}\u{ff10}788123456",
            "\u{0660}\u{0667}\u{0668}\u{0668}123456",
        ] {
            let phone = Phone::parse(typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
            assert_eq!(phone.as_str(), "+250788123456", "{typed:?}");
        }
    }

    #[test]
    fn the_range_tells_the_default_wallet() {
        for (typed, operator) in [
            ("0788123456", Operator::Mtn),
            ("0791234567", Operator::Mtn),
            ("0721234567", Operator::Airtel),
            ("0731234567", Operator::Airtel),
        ] {
            assert_eq!(Phone::parse(typed).map(|phone| phone.operator()), Ok(operator), "{typed}");
        }
    }

    #[test]
    fn what_is_not_a_mobile_number_is_refused_with_its_reason() {
        for (typed, fault) in [
            ("", PhoneFault::Empty),
            (" +() ", PhoneFault::Empty),
            ("0751234567", PhoneFault::Range),
            ("0761234567", PhoneFault::Range),
            ("0771234567", PhoneFault::Range),
            ("0252123456", PhoneFault::Range),
            ("252123456", PhoneFault::Range),
            ("800123456", PhoneFault::Range),
            ("+250252123456", PhoneFault::Range),
            ("+256781234567", PhoneFault::Country),
            ("0025678123456", PhoneFault::Country),
            ("+0788123456", PhoneFault::Country),
            ("07881234567", PhoneFault::Length { digits: 10 }),
            ("078812345", PhoneFault::Length { digits: 8 }),
            ("+25078812345", PhoneFault::Length { digits: 8 }),
            ("+250 00788123456", PhoneFault::Length { digits: 10 }),
            ("112", PhoneFault::Length { digits: 3 }),
            ("078812345x", PhoneFault::Character),
            ("0788+123456", PhoneFault::Character),
            ("++250788123456", PhoneFault::Character),
        ] {
            let error = Phone::parse(typed).expect_err(typed);
            assert_eq!(error.fault(), fault, "{typed:?}");
        }
    }

    #[test]
    fn a_long_text_is_refused_without_being_read_to_its_end() {
        assert!(Phone::parse(&"0".repeat(1_000_000)).is_err());
        assert!(Phone::parse(&" ".repeat(1_000_000)).is_err());
    }

    #[test]
    fn neither_debug_nor_an_error_shows_the_number() {
        let phone = Phone::parse("0788123456").expect("a mobile number");
        assert_eq!(phone.masked(), "+25078****456");
        assert_eq!(format!("{phone:?}"), "Phone(+25078****456)");
        let error = Phone::parse("0788123456789").expect_err("too long");
        assert_eq!(error.to_string(), "phone number 07881**** has 12 digits after +250, not 9");
        assert_eq!(Phone::parse("112").expect_err("too short").masked(), "****");
    }

    #[test]
    fn a_number_survives_the_trip_through_json() {
        let phone = Phone::parse("0731234567").expect("a mobile number");
        let json = serde_json::to_string(&phone).expect("a string");
        assert_eq!(json, "\"+250731234567\"");
        assert_eq!(serde_json::from_str::<Phone>(&json).expect("the same number"), phone);
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_the_parser_panic_or_talk(typed in any::<String>()) {
            match Phone::parse(&typed) {
                Ok(phone) => prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone)),
                Err(error) => prop_assert!(error.masked().len() <= 9),
            }
        }

        #[test]
        fn every_mobile_number_is_read_from_its_local_spelling(range in 0_usize..4, rest in 0_u32..10_000_000) {
            let local = format!("0{}{rest:07}", ["72", "73", "78", "79"][range]);
            let phone = Phone::parse(&local).expect("mobile");
            prop_assert_eq!(phone.as_str(), format!("+25{local}"));
        }
    }
}
