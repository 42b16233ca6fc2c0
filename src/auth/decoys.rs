//! What is answered about a phone that nobody registered: the same as about one that somebody did. Pure.
//!
//! Without this, the answers to "send a code" and to wrong guesses would tell who has an account. A decoy goes through
//! the same states as a real challenge (sent, repeated, used up, expired); its code is never sent and never right.

use uuid::Uuid;

use crate::auth::Config;
use crate::auth::code::{Challenge, History, Plan, plan};
use crate::auth::recent::Recent;
use crate::phone::Phone;
use crate::time::{Span, Timestamp};

const HOUR: Span = Span::from_minutes(60);

/// Challenges of phones without an account.
pub struct Decoys {
    decoys: Recent<Phone, Decoy>,
}

#[derive(Clone)]
struct Decoy {
    newest: Challenge,
    /// When each message of the last hour would have been sent; at most as many as are allowed in an hour.
    sent: Vec<Timestamp>,
}

impl Decoys {
    /// For up to twice `phones_max` phones.
    pub fn new(phones_max: usize) -> Self {
        Self { decoys: Recent::new(phones_max, HOUR) }
    }

    /// Pretends to send a code.
    ///
    /// # Errors
    /// How long to wait, when it is too soon.
    pub fn send(&mut self, phone: Phone, now: Timestamp, config: &Config) -> Result<Challenge, Span> {
        let known = self.decoys.look_up(&phone, now).cloned();
        let mut sent = known.as_ref().map_or_else(Vec::new, |decoy| decoy.sent.clone());
        sent.retain(|at| now.since(*at) < HOUR);
        let history = known.map(|decoy| History {
            newest: decoy.newest,
            sent_in_hour: i64::try_from(sent.len()).unwrap_or(i64::MAX),
            oldest_in_hour: sent.first().copied().unwrap_or(now),
        });
        let newest = match (plan(history.as_ref(), now, config), history) {
            (Plan::Refuse { retry_after }, _) => return Err(retry_after),
            (Plan::Repeat, Some(history)) => Challenge { last_sent_at: now, ..history.newest },
            (Plan::Fresh | Plan::Repeat, _) => Challenge::fresh(Uuid::nil(), now, config),
        };
        sent.push(now);
        self.decoys.remember(phone, Decoy { newest, sent }, now);
        Ok(newest)
    }

    /// Counts a guess; what is wrong with it, as [`Challenge::refusal`] would say.
    pub fn guess(&mut self, phone: Phone, now: Timestamp, config: &Config) -> Refusal {
        let Some(decoy) = self.decoys.look_up(&phone, now) else { return Refusal::Wrong };
        let mut decoy = decoy.clone();
        let refusal = decoy.newest.refusal(now, config);
        decoy.newest.attempts += 1;
        self.decoys.remember(phone, decoy, now);
        refusal
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

impl Challenge {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tests::config;

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn after_s(s: i64) -> Timestamp {
        T0 + Span::from_secs(s)
    }

    #[test]
    fn a_decoy_behaves_like_a_code_that_nobody_guesses() {
        let mut decoys = Decoys::new(100);
        let phone = Phone::parse("0788123456").expect("valid");
        assert_eq!(decoys.guess(phone, T0, &config()), Refusal::Wrong);
        let first = decoys.send(phone, T0, &config()).expect("the first");
        assert_eq!(decoys.send(phone, after_s(44), &config()), Err(Span::from_secs(1)));
        let second = decoys.send(phone, after_s(45), &config()).expect("after the cooldown");
        assert_eq!(second.expires_at, first.expires_at, "the same code again");
        for _ in 0..5 {
            assert_eq!(decoys.guess(phone, after_s(50), &config()), Refusal::Wrong);
        }
        assert_eq!(decoys.guess(phone, after_s(50), &config()), Refusal::Exhausted);
        assert_eq!(decoys.guess(phone, after_s(300), &config()), Refusal::Expired);
        for n in 2..5 {
            decoys.send(phone, after_s(100 * n), &config()).expect("within the hour's number");
        }
        assert_eq!(decoys.send(phone, after_s(600), &config()), Err(Span::from_secs(3_000)));
    }
}
