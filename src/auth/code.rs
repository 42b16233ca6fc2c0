//! Sign-in codes: how one is made, and when one is sent. Pure.
//!
//! A code is never stored. It is derived from the challenge's id with a key that only the server has, so it can be sent
//! again and compared at any time, and a stolen table tells nothing. When to send is decided here for people with and
//! without an account alike, so that the answers cannot be told apart.

use ring::hmac;
use uuid::Uuid;

use crate::auth::Config;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};

/// A code this near to its end is not sent again: it would arrive dead.
const REPEAT_LIFE_MIN: Span = Span::from_secs(60);

const DIGITS: u32 = 6;

/// Derives and checks codes.
pub struct CodeKey(hmac::Key);

impl CodeKey {
    /// With the server's key.
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// A key for one purpose: whoever learns it learns nothing of the others.
    pub fn derive(&self, purpose: &str) -> Secret<[u8; 32]> {
        let tag = hmac::sign(&self.0, format!("a key for {purpose}").as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(tag.as_ref());
        Secret::new(key)
    }

    /// What a value is found or compared by without being stored; the same value for another purpose is another.
    pub fn pseudonym(&self, purpose: &str, value: &[u8]) -> Vec<u8> {
        let text = [b"a pseudonym for ", purpose.as_bytes(), &[0], value].concat();
        hmac::sign(&self.0, &text).as_ref().to_vec()
    }

    /// The six digits of a challenge.
    pub fn code(&self, challenge: Uuid) -> Secret<String> {
        let tag = hmac::sign(&self.0, challenge.as_bytes());
        let head = tag.as_ref().first_chunk::<8>().expect("a SHA-256 tag has 32 bytes");
        let number = u64::from_be_bytes(*head) % 10_u64.pow(DIGITS);
        Secret::new(format!("{number:0width$}", width = DIGITS as usize))
    }

    /// Whether a guess is the code of a challenge, in a time that does not depend on where they differ.
    pub fn is_right(&self, challenge: Uuid, guess: &str) -> bool {
        // Both sides are hashed with the key before they are compared, so the comparison reveals nothing of either.
        let expected = hmac::sign(&self.0, self.code(challenge).expose().as_bytes());
        hmac::verify(&self.0, guess.as_bytes(), expected.as_ref()).is_ok()
    }
}

/// Whether a text can be a code at all.
pub fn is_code_shaped(text: &str) -> bool {
    text.len() == DIGITS as usize && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is known of the codes of one phone when another is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The newest challenge.
    pub newest: Challenge,
    /// Messages sent in the last hour.
    pub sent_in_hour: i64,
    /// When the oldest challenge of that hour was made.
    pub oldest_in_hour: Timestamp,
}

/// A code that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What the code is derived from.
    pub id: Uuid,
    /// No longer good from here on.
    pub expires_at: Timestamp,
    /// When a message with it was last sent.
    pub last_sent_at: Timestamp,
    /// Guesses so far.
    pub attempts: i32,
    /// Whether somebody signed in with it.
    pub is_used: bool,
}

impl Challenge {
    /// A new one, sent now.
    pub fn fresh(id: Uuid, now: Timestamp, config: &Config) -> Self {
        Self { id, expires_at: now + config.code_lifetime, last_sent_at: now, attempts: 0, is_used: false }
    }

    /// Why a wrong guess, or one too late, is refused.
    pub fn refusal(&self, now: Timestamp, config: &Config) -> Refusal {
        if self.is_used {
            Refusal::Wrong
        } else if now >= self.expires_at {
            Refusal::Expired
        } else if self.attempts >= config.code_attempts_max {
            Refusal::Exhausted
        } else {
            Refusal::Wrong
        }
    }
}

/// Why a code does not sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not the code, or there is none.
    Wrong,
    /// It was tried too often.
    Exhausted,
    /// Its time is over.
    Expired,
}

/// What to do when a code is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Make a new challenge.
    Fresh,
    /// Send the same code again.
    Repeat,
    /// Too soon.
    Refuse {
        /// When it is worth asking again.
        retry_after: Span,
    },
}

/// Decides what to do when a code is asked for.
pub fn plan(history: Option<&History>, now: Timestamp, config: &Config) -> Plan {
    let Some(history) = history else { return Plan::Fresh };
    let newest = &history.newest;
    let since_last = now.since(newest.last_sent_at);
    if since_last < config.resend_cooldown {
        let retry_after = Span::from_millis(config.resend_cooldown.as_millis() - since_last.as_millis());
        return Plan::Refuse { retry_after };
    }
    if history.sent_in_hour >= i64::from(config.codes_per_hour_max) {
        let free_at = history.oldest_in_hour + Span::from_minutes(60);
        return Plan::Refuse { retry_after: free_at.since(now).max(Span::from_secs(1)) };
    }
    let is_live = !newest.is_used && newest.attempts < config.code_attempts_max;
    if is_live && newest.expires_at.since(now) >= REPEAT_LIFE_MIN { Plan::Repeat } else { Plan::Fresh }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tests::config;

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn key(byte: u8) -> CodeKey {
        CodeKey::new(&Secret::new([byte; 32]))
    }

    #[test]
    fn a_code_is_six_digits_that_only_this_key_and_challenge_give() {
        let mut codes = std::collections::BTreeSet::new();
        for n in 0..1_000 {
            let code = key(1).code(Uuid::from_u128(n)).into_exposed();
            assert!(is_code_shaped(&code), "{code}");
            codes.insert(code);
        }
        assert!(codes.len() > 990, "{} different codes", codes.len());
        assert_eq!(key(1).code(Uuid::nil()).expose(), key(1).code(Uuid::nil()).expose());
        assert_ne!(key(1).code(Uuid::nil()).expose(), key(2).code(Uuid::nil()).expose());
    }

    #[test]
    fn only_the_whole_code_is_right() {
        let code = key(1).code(Uuid::nil()).into_exposed();
        assert!(key(1).is_right(Uuid::nil(), &code));
        for wrong in ["", "000000", &code[..5], &format!("{code}0"), &format!(" {code}")] {
            assert_eq!(key(1).is_right(Uuid::nil(), wrong), code == wrong, "{wrong:?}");
        }
    }

    #[test]
    fn a_live_code_is_repeated_a_dying_or_dead_one_replaced_and_a_hurry_refused() {
        let fresh = Challenge::fresh(Uuid::nil(), T0, &config());
        let check = |after_s: i64, change: fn(&mut History), expected: Plan| {
            let mut history = History { newest: fresh, sent_in_hour: 1, oldest_in_hour: T0 };
            change(&mut history);
            assert_eq!(plan(Some(&history), T0 + Span::from_secs(after_s), &config()), expected, "{after_s} s");
        };
        let refuse = |s| Plan::Refuse { retry_after: Span::from_secs(s) };
        assert_eq!(plan(None, T0, &config()), Plan::Fresh);
        check(0, |_| {}, refuse(45));
        check(44, |_| {}, refuse(1));
        check(45, |_| {}, Plan::Repeat);
        check(45, |history| history.newest.attempts = 5, Plan::Fresh);
        check(45, |history| history.newest.is_used = true, Plan::Fresh);
        check(240, |_| {}, Plan::Repeat);
        check(241, |_| {}, Plan::Fresh);
        check(600, |_| {}, Plan::Fresh);
        check(600, |history| history.sent_in_hour = 5, refuse(3_000));
        check(3_600, |history| history.sent_in_hour = 5, refuse(1));
    }
}
