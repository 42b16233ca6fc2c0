//! Tokens that providers hand out for a while, one for each place, product and pair of credentials.
//!
//! Separate because minting is rationed: a token is minted once however many calls want it, kept until a sixth of its life is
//! left (at most ten minutes), and thrown away when the provider says no to it.
//!
//! Invariants: one minting at a time for each key; who was refused at the same moment hears the same refusal; a token that
//! was replaced meanwhile is not thrown away again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::StatusCode;
use ring::digest;

use super::lenient;
use super::outgoing::{Fault, Reply};
use crate::jobs::Clock;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};

/// Renewed so long before its end, unless it lives for less than an hour.
const RENEWED_BEFORE: Span = Span::from_minutes(10);

/// Within this time a refused minting is not tried again: the crowd that waited for it hears the same.
const REFUSAL_LASTS: Span = Span::from_secs(1);

/// Longest life that is believed.
const LIFE_MAX: Span = Span::from_minutes(24 * 60);

/// What a token is good for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    base_url: String,
    product: &'static str,
    credentials: Vec<u8>,
}

impl Key {
    /// The key of a product at a place, for these credentials.
    pub fn new(base_url: &str, product: &'static str, credentials: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in credentials {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        Self { base_url: base_url.to_owned(), product, credentials: context.finish().as_ref().to_vec() }
    }
}

/// A token.
#[derive(Clone)]
pub struct Token {
    value: Arc<Secret<String>>,
    renew_at: Timestamp,
}

impl Token {
    /// For the header.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.value.expose())
    }
}

/// As minted.
pub struct Minted {
    /// The token.
    pub value: String,
    /// How long it lives.
    pub lives: Span,
}

impl Minted {
    /// Out of the answer of a call for a token.
    ///
    /// # Errors
    /// [`Fault`] when there is none in it.
    pub fn read(reply: &Reply) -> Result<Self, Fault> {
        match (reply.status, reply.json()) {
            (StatusCode::OK, Some(body)) => {
                let lives = lenient::text(&body, &["expires_in"]).and_then(|text| text.trim().parse().ok());
                match lenient::text(&body, &["access_token"]).filter(|token| !token.is_empty()) {
                    Some(value) => Ok(Self { value, lives: Span::from_secs(lives.unwrap_or(0).max(0)) }),
                    None => Err(Fault::away("the token was not understood")),
                }
            }
            (StatusCode::OK, None) => Err(Fault::away("a page in place of a token")),
            (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Err(Fault::Denied("token_refused"))
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => Err(Fault::NotSent {
                reason: "asked too often for tokens",
                retry_after: reply.retry_after,
                is_trouble: false,
            }),
            _ => Err(Fault::away("no token")),
        }
    }
}

#[derive(Default)]
struct Shelf {
    token: Option<Token>,
    refused: Option<(Timestamp, Fault)>,
}

/// Those that are kept.
pub struct Tokens {
    clock: Clock,
    shelves: Mutex<BTreeMap<Key, Arc<tokio::sync::Mutex<Shelf>>>>,
}

impl Tokens {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, shelves: Mutex::default() }
    }

    fn shelf(&self, key: &Key) -> Arc<tokio::sync::Mutex<Shelf>> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shelves.entry(key.clone()).or_default())
    }

    /// The token, minted when there is none that is good for a while.
    ///
    /// # Errors
    /// As the minting.
    pub async fn get<F>(&self, key: &Key, mint: impl FnOnce() -> F) -> Result<Token, Fault>
    where
        F: Future<Output = Result<Minted, Fault>>,
    {
        let shelf = self.shelf(key);
        let mut shelf = shelf.lock().await;
        let now = (self.clock)();
        if let Some(token) = shelf.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.clone());
        }
        if let Some((at, fault)) = &shelf.refused
            && now.since(*at) < REFUSAL_LASTS
        {
            return Err(fault.clone());
        }
        match mint().await {
            Ok(Minted { value, lives }) => {
                let lives = lives.min(LIFE_MAX).as_millis();
                let kept = lives - (lives / 6).min(RENEWED_BEFORE.as_millis());
                let renew_at = Timestamp::from_millis(now.as_millis().saturating_add(kept));
                let token = Token { value: Arc::new(Secret::new(value)), renew_at };
                *shelf = Shelf { token: Some(token.clone()), refused: None };
                Ok(token)
            }
            Err(fault) => {
                shelf.refused = Some(((self.clock)(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// The provider says no to it.
    pub async fn drop(&self, key: &Key, token: &Token) {
        let shelf = self.shelf(key);
        let mut shelf = shelf.lock().await;
        if shelf.token.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.value, &token.value)) {
            shelf.token = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_hundred_calls_mint_one_token_in_its_life() {
        let time = Arc::new(AtomicI64::new(0));
        let clock_time = Arc::clone(&time);
        let tokens = Tokens::new(Arc::new(move || Timestamp::from_millis(clock_time.load(Ordering::Relaxed))));
        let key = Key::new("https://momo.example", "collection", &["user", "key"]);
        let minted = AtomicUsize::new(0);
        let mint = || async {
            tokio::task::yield_now().await;
            let number = minted.fetch_add(1, Ordering::Relaxed);
            Ok(Minted { value: number.to_string(), lives: Span::from_secs(3_600) })
        };
        let crowd = || futures_util::future::join_all((0..100).map(|_| tokens.get(&key, mint)));
        for (at_s, expected) in [(0, 1), (2_999, 1), (3_000, 2), (5_999, 2), (6_000, 3)] {
            time.store(at_s * 1_000, Ordering::Relaxed);
            let got = crowd().await;
            assert!(got.iter().all(Result::is_ok));
            assert_eq!(minted.load(Ordering::Relaxed), expected, "at {at_s} s");
        }
        // Everybody is told no with the same token: one new one.
        let old = tokens.get(&key, mint).await.unwrap_or_else(|_| panic!("a token"));
        for _ in 0..100 {
            tokens.drop(&key, &old).await;
            assert!(tokens.get(&key, mint).await.is_ok());
        }
        assert_eq!(minted.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_refusal_is_shared_by_those_who_waited() {
        let tokens = Tokens::new(Arc::new(|| Timestamp::from_millis(0)));
        let key = Key::new("https://momo.example", "collection", &["user", "key"]);
        let asked = AtomicUsize::new(0);
        let mint = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Err(Fault::away("no connection"))
        };
        for _ in 0..100 {
            assert_eq!(tokens.get(&key, mint).await.err(), Some(Fault::away("no connection")));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let other = Key::new("https://momo.example", "collection", &["user", "other key"]);
        assert!(key != other && tokens.get(&other, mint).await.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
