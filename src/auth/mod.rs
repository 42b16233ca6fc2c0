//! Accounts: who somebody is, and how they prove it.
//!
//! A phone number is an account's name. It is proven by a six-digit code sent by SMS; a password may be added. Proof
//! gives a session: a short-lived access token (checked without a database, see [`crate::web::TokenKeys`]) and a refresh
//! token that is good for one use. Where a second factor is enrolled, the session is good for nothing until it was given.
//!
//! Invariants:
//! - What a stranger can ask tells nobody who has an account: the answers to known and unknown phones are the same.
//! - A code is never stored and never in a job; guesses are counted before they are compared, so that guessing in
//!   parallel gains nothing; a code signs in once.
//! - A refresh token used twice ends its session: one of the two users is a thief, and we cannot know which. There is no
//!   period of grace, so an app must store the new token before it uses the new access token.
//! - An unproven account can do nothing, and whoever proves it takes it over: a password that somebody else may have set
//!   on it is dropped.
//! - Ending a session stops its refresh and its access tokens at once in this process, and in others as soon as they hear
//!   of it over the bus or read it in the store (seconds).
//! - Whatever can be guessed at is counted in the database before it is compared, by phone or person, so that the number of
//!   addresses and nodes does not matter; see `throttle`.

mod accounts;
mod agency;
mod code;
mod guests;
mod hashing;
pub mod http;
mod jobs;
pub mod keys;
mod names;
mod national_id;
mod partners;
mod password;
mod people;
pub mod personal;
mod phones;
mod profile;
mod proof;
mod proofs;
mod recent;
mod recovery;
mod sealing;
mod second_factor;
mod seed;
mod session;
mod sign_in;
mod store;
mod sweep;
mod throttle;
pub mod totp;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use sqlx::PgPool;
use tokio::sync::broadcast;

use crate::error::Error;
use crate::ids::UserId;
use crate::notifications::{Recipient, Recipients};
use crate::phone::Phone;
use crate::redact::Secret;
use crate::time::Span;
use crate::vault::{Column, Vault};
use crate::web::TokenKeys;

pub use accounts::NewUser;
pub use guests::Guest;
pub use jobs::register;
pub use national_id::{Disagreement, IdRequest, IdType, NationalId};
pub use partners::{NewPartner, Partner, PartnerToken};
pub use people::Person;
pub use profile::{Change, ChangeRequest, Gender, Profile};
pub use recent::Recent;
pub use sealing::seal_open_phones;
pub use second_factor::{Enrolled, Enrolment, FactorState};
pub use seed::{MadeUp, Seeded};
pub use session::{Device, EndedSession, SessionView, Tokens};
pub use sign_in::{CodeSent, Registration};
pub use store::record_rating;
pub use sweep::{CODES_KEPT, SESSIONS_KEPT, Swept};
pub use throttle::Config as ThrottleConfig;

/// What of this service's tables is sealed.
pub const SEALED: &[&Column] =
    &[&phones::SEALED, &national_id::SEALED, &proofs::SEALED, &second_factor::SEALED, &second_factor::PENDING_SEALED];

use code::CodeKey;
use password::Passwords;
use phones::PhoneIndex;

/// Ended sessions that wait to be told to other nodes; what does not fit they read in the store.
const ENDED_MAX: usize = 1_024;

/// Bounds of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a code is good for.
    pub code_lifetime: Span,
    /// Guesses at one code.
    pub code_attempts_max: i32,
    /// Between two messages to one phone.
    pub resend_cooldown: Span,
    /// Messages with codes to one phone in an hour.
    pub codes_per_hour_max: i32,
    /// How long a session lives without being refreshed.
    pub refresh_lifetime: Span,
    /// Live sessions of one person; a further one ends the oldest.
    pub sessions_per_user_max: i64,
    /// Passwords hashed at the same time (19 MiB and a core each).
    pub hashing_max: usize,
    /// Callers that wait for a turn at hashing.
    pub hashing_queue_max: usize,
    /// How long a caller waits for a turn at hashing.
    pub hashing_wait_max: Span,
    /// Free wrong passwords of one phone within `login_window`; further ones wait longer and longer.
    pub login_attempts_max: i32,
    /// After this time without a try too many, wrong passwords and codes are forgotten.
    pub login_window: Span,
    /// How long who signed in with one proof may take to give the second factor.
    pub second_factor_within: Span,
    /// Bounds of everything that is tried.
    pub throttle: ThrottleConfig,
    /// People whose names are remembered (twice as many at most).
    pub people_remembered_max: usize,
    /// How long a name is remembered; other nodes see a change after at most twice this.
    pub people_age_max: Span,
}

/// Looks up what a person is called; `None` for nobody.
pub type Names =
    Arc<dyn Fn(UserId) -> futures_util::future::BoxFuture<'static, Result<Option<String>, Error>> + Send + Sync>;

/// The service.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    config: Config,
    code_key: CodeKey,
    tokens: Arc<TokenKeys>,
    vault: Vault,
    passwords: Passwords,
    ended: broadcast::Sender<EndedSession>,
    people: Mutex<Recent<UserId, Person>>,
}

impl Auth {
    /// With the key that codes are derived with and the keys that sign access tokens (see [`keys::load_or_create`]).
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(
        pool: PgPool,
        config: Config,
        code_key: &Secret<[u8; 32]>,
        tokens: Arc<TokenKeys>,
        vault: Vault,
    ) -> Result<Self, Error> {
        let passwords = Passwords::new(config.hashing_max, config.hashing_queue_max, config.hashing_wait_max)?;
        let people = Mutex::new(Recent::new(config.people_remembered_max, config.people_age_max));
        let code_key = CodeKey::new(code_key);
        let ended = broadcast::Sender::new(ENDED_MAX);
        let inner = Inner { pool, config, code_key, tokens, vault, passwords, ended, people };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A key of the server's for another service, for one purpose, the same at every start.
    pub fn key_for(&self, purpose: &str) -> Secret<[u8; 32]> {
        self.inner.code_key.derive(purpose)
    }

    /// What this service seals with, for those that store of people what has no account.
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// What the account of a phone is found by.
    fn index_of(&self, phone: Phone) -> PhoneIndex {
        PhoneIndex::of(&self.inner.vault, phone)
    }

    /// The look-up that `payments` is given: what a person is called, given name first; `None` for nobody.
    pub fn names(&self) -> Names {
        let pool = self.inner.pool.clone();
        Arc::new(move |user| {
            let pool = pool.clone();
            async move { Ok(store::full_name(&pool, user).await?) }.boxed()
        })
    }

    /// The look-up that `notifications` is given: number and language of a person who may be written to.
    pub fn recipients(&self) -> Recipients {
        let auth = self.clone();
        Arc::new(move |user| {
            let auth = auth.clone();
            async move {
                let found = store::recipient(&auth.inner.pool, user).await?;
                let recipient = |row: store::RecipientRow| -> Result<Recipient, Error> {
                    let phone = phones::open(&auth.inner.vault, user, &row.phone_sealed)?;
                    Ok(Recipient { phone, language: store::language(&row.language)? })
                };
                found.map(recipient).transpose()
            }
            .boxed()
        })
    }
}

/// A lock that survives a panic of another holder: what it guards is counted or remembered, never half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn account_gone() -> Error {
    Error::unauthenticated("unauthenticated", "this account does not exist any more")
}

fn account_disabled() -> Error {
    Error::forbidden("account_disabled", "this account is closed; contact support")
}

#[cfg(test)]
pub mod tests;
