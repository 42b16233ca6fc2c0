//! One-time passwords by time (RFC 6238), as authenticator apps make them. Pure.
//!
//! Separate from the use cases because the simulated administrator makes codes in the same way, and because the arithmetic
//! is checked against the standard's own examples. SHA-1, six digits, thirty seconds: other choices are silently ignored by
//! common apps.

use totp_rs::{Algorithm, Builder, Totp};

use crate::redact::Secret;
use crate::time::{Span, Timestamp};

/// Length of a secret: as long as the hash, as RFC 4226 asks.
pub const SECRET_BYTES: usize = 20;
/// How long a code is shown.
pub const STEP: Span = Span::from_secs(30);
const DIGITS: u8 = 6;
/// Steps before and after the current one that are taken, for clocks that differ.
const SKEW_STEPS: u16 = 1;
const ISSUER: &str = "boda";

/// A secret that cannot be one: of a wrong length, or not base32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a second factor's secret is not 16 or more bytes in base32")]
pub struct BadSecret;

/// The authenticator of a secret.
pub struct Authenticator(Totp);

impl Authenticator {
    /// Of the secret's bytes.
    ///
    /// # Errors
    /// [`BadSecret`] for fewer than 16.
    pub fn new(secret: &[u8]) -> Result<Self, BadSecret> {
        let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS);
        let builder = builder.with_skew(SKEW_STEPS).with_step_duration(STEP.as_secs().unsigned_abs());
        builder.with_secret(secret.to_vec()).build().map(Self).map_err(|_| BadSecret)
    }

    /// Of the secret as people type it.
    ///
    /// # Errors
    /// [`BadSecret`].
    pub fn from_base32(text: &Secret<String>) -> Result<Self, BadSecret> {
        Self::new(bytes(text)?.expose())
    }

    /// The code of an instant.
    pub fn code(&self, at: Timestamp) -> Secret<String> {
        Secret::new(self.0.generate(seconds(at)).to_string())
    }

    /// The step of a right code, in a time that does not depend on where it differs.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        self.0.check(code, seconds(now)).and_then(|step| i64::try_from(step).ok())
    }
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis() / 1_000).unwrap_or(0)
}

/// The bytes of a secret as people type it.
///
/// # Errors
/// [`BadSecret`] for fewer than 16, or what is not base32.
pub fn bytes(text: &Secret<String>) -> Result<Secret<Vec<u8>>, BadSecret> {
    let secret = totp_rs::Secret::try_from_base32(text.expose().trim()).map_err(|_| BadSecret)?;
    Authenticator::new(secret.as_bytes())?;
    Ok(Secret::new(secret.as_bytes().to_vec()))
}

/// A secret as people type it.
pub fn base32(secret: &[u8]) -> Secret<String> {
    Secret::new(totp_rs::Secret::from(secret).to_base32())
}

/// What an authenticator app reads from a picture. `account` is shown there; it must not be personal.
pub fn uri(secret: &[u8], account: &str) -> Secret<String> {
    let plain: String = account.chars().filter(char::is_ascii_alphanumeric).collect();
    let secret = base32(secret).into_exposed();
    Secret::new(format!(
        "otpauth://totp/{ISSUER}:{plain}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period={}",
        STEP.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn standard() -> Authenticator {
        Authenticator::new(b"12345678901234567890").expect("twenty bytes")
    }

    /// RFC 6238, appendix B, the last six of the eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(standard().code(at(seconds)).expose(), code, "at {seconds} s");
            assert_eq!(standard().step_of(code, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn a_neighbouring_step_is_taken_and_no_other() {
        let code = standard().code(at(3_000)).into_exposed();
        for (seconds, expected) in
            [(2_969, None), (2_970, Some(100)), (3_029, Some(100)), (3_059, Some(100)), (3_060, None)]
        {
            assert_eq!(standard().step_of(&code, at(seconds)), expected, "at {seconds} s");
        }
        for wrong in ["", "12345", "+12345", "1234567", "12 456", "١٢٣٤٥٦", "abcdef"] {
            assert_eq!(standard().step_of(wrong, at(3_000)), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_is_typed_as_it_is_shown() {
        let shown = base32(b"12345678901234567890");
        assert_eq!(shown.expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let typed = Authenticator::from_base32(&shown).expect("the same");
        assert_eq!(typed.code(at(59)).expose(), "287082");
        assert!(Authenticator::from_base32(&Secret::new("GEZD".into())).is_err());
        assert!(Authenticator::from_base32(&Secret::new("1".repeat(32))).is_err());
        let uri = uri(b"12345678901234567890", "a1:b2/../?x=").into_exposed();
        assert!(
            uri.starts_with("otpauth://totp/boda:a1b2x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=boda"),
            "{uri}"
        );
    }
}
