//! Passwords: argon2id, on threads of their own, a few at a time.
//!
//! Separate because hashing is slow and hungry on purpose (19 MiB and tens of milliseconds each): without a bound, a
//! handful of log-ins would take every core from the city. Who waits for a turn waits in a short queue and not for long; one
//! more is told to come back, so that a flood of log-ins costs memory and connections to nobody else. Where there is no account, or one without a password, a
//! password is checked against a hash that nothing matches, so the time tells nothing.

use std::sync::Arc;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::auth::hashing::Hashers;
use crate::error::{Checks, Error};
use crate::redact::Secret;
use crate::time::Span;

/// OWASP's second choice: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Shortest password, in characters.
pub const CHARS_MIN: usize = 8;
/// Longest password, in characters: more costs time and adds nothing.
pub const CHARS_MAX: usize = 128;

/// Notes a fault of a password that is too short or too long. Its value is never repeated.
pub fn check(checks: &mut Checks, field: &str, password: &Secret<String>) {
    let chars = password.expose().chars().count();
    if !(CHARS_MIN..=CHARS_MAX).contains(&chars) {
        let reason = format!("must have {CHARS_MIN} to {CHARS_MAX} characters");
        checks.fault(crate::error::Fault::without_value(field, reason));
    }
}

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// One for everybody who hashes or waits.
    places: Arc<Semaphore>,
    wait_max: Span,
    hashers: Arc<Hashers>,
    /// A hash of random bytes.
    decoy: Arc<str>,
}

impl Passwords {
    /// At most `hashing_max` at a time; at most `queue_max` callers wait for a turn, at most `wait_max` each.
    ///
    /// # Errors
    /// When the system gives no random numbers or no threads.
    pub fn new(hashing_max: usize, queue_max: usize, wait_max: Span) -> Result<Self, Error> {
        let mut noise = [0; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut noise)
            .map_err(|_| Error::internal("the system gives no random numbers"))?;
        let decoy = hash_now(&noise).map_err(Error::internal)?;
        let (permits, places) = (Semaphore::new(hashing_max), Semaphore::new(hashing_max + queue_max));
        let hashers = Arc::new(Hashers::start(hashing_max).map_err(Error::internal)?);
        Ok(Self { permits: Arc::new(permits), places: Arc::new(places), wait_max, hashers, decoy: decoy.into() })
    }

    /// The hash to store, as a PHC string.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, Error> {
        self.run(move || hash_now(password.expose().as_bytes())).await?.map_err(Error::internal)
    }

    /// Whether the password is that of the hash; without a hash it takes as long and is never right.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait.
    pub async fn is_right(&self, password: Secret<String>, hash: Option<String>) -> Result<bool, Error> {
        let decoy = self.decoy.clone();
        let verified = self
            .run(move || {
                let stored = PasswordHash::new(hash.as_deref().unwrap_or(&decoy))?;
                let verdict = hasher().verify_password(password.expose().as_bytes(), &stored);
                verdict.map(|()| hash.is_some())
            })
            .await?;
        match verified {
            Ok(has_account) => Ok(has_account),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(Error::internal(error)),
        }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let full = || Error::Unavailable { retry_after: Span::from_secs(2), cause: None };
        let place = self.places.clone().try_acquire_owned().map_err(|_| full())?;
        let turn = self.permits.clone().acquire_owned();
        let permit = tokio::time::timeout(self.wait_max.to_duration(), turn)
            .await
            .map_err(|_| full())?
            .map_err(Error::internal)?;
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.hashers.hand_over(Box::new(move || {
            // Held by the work, not by the caller: one who hangs up must not let the next one in early.
            let _held = (permit, place);
            let _ = answer.send(work());
        }));
        answered.await.map_err(|_| Error::internal("hashing a password panicked"))
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constants within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &[u8]) -> password_hash::Result<String> {
    Ok(hasher().hash_password(password)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_right_only_for_its_own_hash() {
        let passwords = Passwords::new(1, 8, Span::from_secs(60)).expect("random");
        let hash = passwords.hash(secret("moto kigali 2026")).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.is_right(secret("moto kigali 2026"), Some(hash.clone())).await.expect("checked"));
        assert!(!passwords.is_right(secret("moto kigali 2027"), Some(hash)).await.expect("checked"));
        assert!(!passwords.is_right(secret("moto kigali 2026"), None).await.expect("checked"));
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_told_to_come_back() {
        let passwords = Passwords::new(0, 8, Span::from_millis(10)).expect("random");
        let error = passwords.hash(secret("moto kigali 2026")).await.expect_err("no turn ever");
        assert_eq!(error.code(), "unavailable");
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_sent_away_at_once() {
        let passwords = Passwords::new(0, 3, Span::from_millis(200)).expect("random");
        let tries = (0..10).map(|_| passwords.hash(secret("moto kigali 2026")));
        let began = tokio::time::Instant::now();
        let at_once = async {
            let all = futures_util::future::join_all(tries).await;
            assert!(all.iter().all(|one| one.as_ref().is_err_and(|error| error.code() == "unavailable")));
        };
        at_once.await;
        assert!(began.elapsed() < std::time::Duration::from_secs(5));
        assert_eq!(passwords.places.available_permits(), 3, "every place is given back");
    }

    #[test]
    fn length_is_checked_in_characters_and_the_password_is_not_repeated() {
        let faults = |text: &str| {
            let mut checks = Checks::new();
            check(&mut checks, "password", &secret(text));
            checks.finish().err().map(|error| error.to_string())
        };
        assert_eq!(faults("12345678"), None);
        assert_eq!(faults("éééééééé"), None);
        assert_eq!(faults("1234567").as_deref(), Some("password must have 8 to 128 characters"));
        assert!(faults(&"x".repeat(129)).is_some());
    }
}
