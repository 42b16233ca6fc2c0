//! What a phone shows as a QR code at the roadside, also without a network. Pure.
//!
//! A phone is given a *kit* while it is connected: a token that says whose phone it is and for how long, and a secret that
//! belongs to that token. Every half minute it shows `BODA1.TOKEN.WINDOW.PROOF`: the number of the half minute since 1970,
//! and the secret's signature of it. Whoever photographs the code can use it for that half minute only, and it pairs one
//! ride; the time of the meeting is in the code, so the other phone may hand it in hours later. Nothing is stored: the
//! server derives the secret again from the token.

use std::fmt::Write as _;

use ring::hmac;
use uuid::Uuid;

use crate::ids::UserId;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};

/// How long a code is shown before the next one.
pub const WINDOW: Span = Span::from_secs(30);
const PREFIX: &str = "BODA1";
const BODY_BYTES: usize = 25;
const MAC_BYTES: usize = 16;
const PROOF_BYTES: usize = 12;

/// Whose phone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shower {
    /// A driver's, for a shift.
    Driver,
    /// A rider's.
    Rider,
}

/// Who shows, and from when until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Driver or rider.
    pub shower: Shower,
    /// Who.
    pub user: UserId,
    /// Not before.
    pub issued_at: Timestamp,
    /// Not after.
    pub expires_at: Timestamp,
}

/// What a phone needs to show codes by itself.
#[derive(Clone, Debug)]
pub struct Kit {
    /// To be shown as it is.
    pub token: String,
    /// In hexadecimal; it never leaves the phone.
    pub secret: Secret<String>,
}

/// A code that was genuine when it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// By whom.
    pub token: Token,
    /// When: the beginning of its half minute, by the clock of the phone that showed it.
    pub at: Timestamp,
}

/// A code that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// Not one of ours, or damaged.
    #[error("is not a pairing code")]
    Malformed,
    /// Made by somebody else.
    #[error("is not genuine")]
    Forged,
    /// Shown outside of the time for which the phone had its kit.
    #[error("was shown before its token was issued or after it expired")]
    OutOfTime,
}

/// Makes kits and checks codes.
pub struct Keys(hmac::Key);

impl Keys {
    /// With a key of the server's that is used for nothing else.
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// What the phone of `token` is given.
    pub fn kit(&self, token: &Token) -> Kit {
        let body = body_of(token);
        let mac = self.sign(b"token", &body);
        let text = format!("{}{}", hex(&body), hex(&mac.as_ref()[..MAC_BYTES]));
        Kit { token: text, secret: Secret::new(hex(self.sign(b"secret", &body).as_ref())) }
    }

    /// What the phone shows at an instant. Phones do this by themselves; here for those that are asked to show it now.
    pub fn show(&self, token: &Token, at: Timestamp) -> String {
        let window = at.as_millis().div_euclid(WINDOW.as_millis());
        let proof = self.proof(&body_of(token), window);
        format!("{PREFIX}.{}.{window}.{}", self.kit(token).token, hex(&proof.as_ref()[..PROOF_BYTES]))
    }

    /// Who showed a code, and when.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn read(&self, code: &str) -> Result<Shown, NotShown> {
        let mut parts = code.trim().split('.');
        let (Some(PREFIX), Some(token), Some(window), Some(proof), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotShown::Malformed);
        };
        let token = bytes::<{ BODY_BYTES + MAC_BYTES }>(token).ok_or(NotShown::Malformed)?;
        let proof = bytes::<PROOF_BYTES>(proof).ok_or(NotShown::Malformed)?;
        let window: i64 = window.parse().map_err(|_| NotShown::Malformed)?;
        let at_ms = window.checked_mul(WINDOW.as_millis()).ok_or(NotShown::Malformed)?;
        let (body, mac) = token.split_at(BODY_BYTES);
        let is_genuine = is_start_of(&self.sign(b"token", body), mac) && is_start_of(&self.proof(body, window), &proof);
        if !is_genuine {
            return Err(NotShown::Forged);
        }
        let token = token_of(body).ok_or(NotShown::Malformed)?;
        let at = Timestamp::from_millis(at_ms);
        // The half minute in which the kit was given began before it.
        if at + WINDOW <= token.issued_at || at >= token.expires_at {
            return Err(NotShown::OutOfTime);
        }
        Ok(Shown { token, at })
    }

    fn sign(&self, purpose: &[u8], body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose);
        context.update(&[0]);
        context.update(body);
        context.sign()
    }

    /// As a phone makes it: HMAC-SHA-256 of the window's number in decimal, keyed with the 32 bytes of its secret.
    fn proof(&self, body: &[u8], window: i64) -> hmac::Tag {
        let secret = self.sign(b"secret", body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
        hmac::sign(&key, window.to_string().as_bytes())
    }
}

/// Whether these bytes are how a tag begins, in a time that does not depend on where they differ.
fn is_start_of(tag: &hmac::Tag, start: &[u8]) -> bool {
    let differs = tag.as_ref().iter().zip(start).fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs));
    differs == 0
}

fn body_of(token: &Token) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    body[0] = match token.shower {
        Shower::Driver => 1,
        Shower::Rider => 2,
    };
    body[1..17].copy_from_slice(token.user.0.as_bytes());
    body[17..21].copy_from_slice(&seconds(token.issued_at).to_be_bytes());
    body[21..25].copy_from_slice(&seconds(token.expires_at).to_be_bytes());
    body
}

fn token_of(body: &[u8]) -> Option<Token> {
    let shower = match body.first()? {
        1 => Shower::Driver,
        2 => Shower::Rider,
        _ => return None,
    };
    let instant = |bytes: &[u8]| -> Option<Timestamp> {
        let seconds = u32::from_be_bytes(bytes.try_into().ok()?);
        Some(Timestamp::from_millis(i64::from(seconds) * 1_000))
    };
    let user = UserId(Uuid::from_slice(body.get(1..17)?).ok()?);
    Some(Token { shower, user, issued_at: instant(body.get(17..21)?)?, expires_at: instant(body.get(21..25)?)? })
}

/// Whole seconds since 1970: enough until 2106.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / 1_000).unwrap_or(0)
}

/// In capitals: such a text makes a small QR code.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    if hex.len() != 2 * N || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..hex.len()).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_796_000_010_000);

    fn keys(n: u8) -> Keys {
        Keys::new(&Secret::new([n; 32]))
    }

    fn token() -> Token {
        let user = UserId(Uuid::from_u128(0x0123_4567_89AB));
        Token { shower: Shower::Driver, user, issued_at: T0, expires_at: T0 + Span::from_minutes(16 * 60) }
    }

    #[test]
    fn a_code_says_who_showed_it_and_when() {
        for shower in [Shower::Driver, Shower::Rider] {
            let token = Token { shower, ..token() };
            for ms in [0, 1_000, 29_999, 3_600_000, 16 * 3_600_000 - 40_000] {
                let at = T0 + Span::from_millis(ms);
                let shown = keys(1).read(&keys(1).show(&token, at)).expect("genuine");
                assert_eq!(shown.token, token);
                assert!(shown.at <= at && at < shown.at + WINDOW, "{shown:?} at {at}");
            }
        }
    }

    #[test]
    fn a_phone_makes_the_same_code_out_of_its_kit() {
        let kit = keys(1).kit(&token());
        let secret = bytes::<32>(kit.secret.expose()).expect("64 digits");
        let window = T0.as_millis() / 30_000;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let proof = hmac::sign(&key, window.to_string().as_bytes());
        let made = format!("BODA1.{}.{window}.{}", kit.token, &hex(proof.as_ref())[..24]);
        assert_eq!(made, keys(1).show(&token(), T0));
        assert!(made.len() < 140, "{made} fits a small QR code");
    }

    #[test]
    fn what_was_not_shown_is_refused() {
        let genuine = keys(1).show(&token(), T0);
        let check = |code: &str, expected| assert_eq!(keys(1).read(code), Err(expected), "{code}");
        for malformed in
            ["", "BODA1", "BODA2.00.1.00", "é.é.é.é", &genuine[..genuine.len() - 1], &format!("{genuine}.0")]
        {
            check(malformed, NotShown::Malformed);
        }
        check(&keys(2).show(&token(), T0), NotShown::Forged);
        // Any digit changed.
        for at in [7, 20, 80, genuine.len() - 1] {
            let digit = if genuine.as_bytes()[at] == b'0' { "1" } else { "0" };
            let changed = format!("{}{digit}{}", &genuine[..at], &genuine[at + 1..]);
            check(&changed, NotShown::Forged);
        }
        // Another half minute with the proof of this one.
        let window = (T0.as_millis() / 30_000).to_string();
        check(&genuine.replace(&window, &(T0.as_millis() / 30_000 + 1).to_string()), NotShown::Forged);
        check(&keys(1).show(&token(), T0 - Span::from_secs(60)), NotShown::OutOfTime);
        check(&keys(1).show(&token(), T0 + Span::from_minutes(16 * 60 + 1)), NotShown::OutOfTime);
    }
}
