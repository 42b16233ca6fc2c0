//! The second factor: enrolling, giving, renewing and taking it away.
//!
//! Separate from signing in because it comes after it: the first proof opens a session whose tokens say that the second is
//! due ([`SecondFactor::Due`]) and are good for nothing but giving it. Such a session is short and pushes no other one
//! out, so a stolen password is worth little. A code is good once, by its step; a recovery code is good once, and stands in
//! the store as an HMAC. Tries are counted by person before they are compared, however many sessions they come from.
//!
//! Admins and officials must have one and cannot take it away, only renew it.

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use sqlx::PgConnection;

use crate::audit::{self, Act, Actor};
use crate::auth::throttle::Guard;
use crate::auth::totp::{self, Authenticator};
use crate::auth::{Auth, NewUser, Tokens, account_gone, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::vault::{Column, Place};
use crate::web::{Caller, Grant, SecondFactor};

/// How long a secret that was shown waits to be confirmed.
const PENDING: Span = Span::from_minutes(15);
/// Recovery codes of a person.
const RECOVERY_CODES: usize = 10;
/// Letters of a recovery code: five bits each.
const RECOVERY_CHARS: usize = 10;
/// Without letters that look alike.
const RECOVERY_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Longest text that is looked at; ours are shorter.
const GIVEN_CHARS_MAX: usize = 32;

/// A secret to be put into an authenticator app.
#[derive(Debug)]
pub struct Enrolment {
    /// To be typed.
    pub secret: Secret<String>,
    /// To be shown as a picture.
    pub uri: Secret<String>,
    /// It must be confirmed before.
    pub expires_at: Timestamp,
}

/// A second factor that counts from now on.
#[derive(Debug)]
pub struct Enrolled {
    /// For this session; those before are void.
    pub tokens: Tokens,
    /// Shown once.
    pub recovery_codes: Vec<Secret<String>>,
}

/// New recovery codes, as they are shown and as they are kept.
struct RecoveryCodes {
    shown: Vec<Secret<String>>,
    hashes: Vec<Vec<u8>>,
}

/// How a person stands with the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorState {
    /// Since when there is one.
    pub enrolled_at: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub recovery_codes_left: i64,
}

/// The columns of secrets as rotation and checks know them.
pub const SEALED: Column = Column {
    place: "second_factors.secret",
    table: "second_factors",
    column: "secret",
    key: "user_id",
    row: "user_id",
    index: None,
};

/// Of those that wait to be confirmed.
pub const PENDING_SEALED: Column =
    Column { place: "second_factors.pending_secret", column: "pending_secret", ..SEALED };

fn place_of(user: UserId) -> Place {
    Place::new(SEALED.place, user.0)
}

fn place_of_pending(user: UserId) -> Place {
    Place::new(PENDING_SEALED.place, user.0)
}

fn wrong() -> Error {
    Error::forbidden("wrong_second_factor", "this code is wrong, or it was used before")
}

fn required() -> Error {
    Error::forbidden("second_factor_required", "give the second factor first")
}

fn not_enrolled() -> Error {
    Error::conflict("second_factor_not_enrolled", "this account has no second factor")
}

impl Auth {
    /// How a person stands with the second factor.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn second_factor(&self, user: UserId) -> Result<FactorState, Error> {
        let row = store::second_factor(&self.inner.pool, user).await?;
        let enrolled_at = row.and_then(|row| row.confirmed_at).map(Timestamp::from);
        Ok(FactorState { enrolled_at, recovery_codes_left: store::recovery_codes_left(&self.inner.pool, user).await? })
    }

    /// Makes a secret for an authenticator app. It counts once a code of it was given. Who has a second factor gives it
    /// once more.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `second_factor_required` or `wrong_second_factor`; [`Error::RateLimited`].
    pub async fn begin_enrolment(&self, grant: Grant, code: Option<&str>, now: Timestamp) -> Result<Enrolment, Error> {
        let user = grant.caller.user;
        let is_enrolled = store::second_factor(&self.inner.pool, user).await?.is_some_and(|row| row.secret.is_some());
        if is_enrolled {
            if grant.second_factor != SecondFactor::Given {
                return Err(required());
            }
            self.begin_now(&self.counted(Guard::SecondFactor, user.0.as_bytes()), now).await?;
        }
        let mut secret = [0; totp::SECRET_BYTES];
        fill(&mut secret)?;
        let sealed = self.inner.vault.seal(place_of_pending(user), &secret)?;
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, user).await?.ok_or_else(account_gone)?;
        if is_enrolled {
            self.use_factor(&mut tx, user, code.unwrap_or_default(), now).await?;
        }
        let expires_at = now + PENDING;
        store::put_pending(&mut tx, user, &sealed, expires_at).await?;
        tx.commit().await?;
        if is_enrolled {
            self.forgive(&self.counted(Guard::SecondFactor, user.0.as_bytes())).await?;
        }
        let account = user.0.simple().to_string();
        Ok(Enrolment { secret: totp::base32(&secret), uri: totp::uri(&secret, &account[..8]), expires_at })
    }

    /// Makes the secret that was shown the one that counts. All other sessions end, and so do the tokens of this one.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `wrong_second_factor`; [`Error::Conflict`] with code `nothing_to_confirm`.
    pub async fn confirm_enrolment(&self, grant: Grant, code: &str, now: Timestamp) -> Result<Enrolled, Error> {
        let Caller { user, session, .. } = grant.caller;
        // Not counted: there is nothing to guess for whoever was shown the secret.
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, user).await?.ok_or_else(account_gone)?;
        let row = store::lock_second_factor(&mut tx, user).await?;
        let pending = row.and_then(|row| {
            // Who has one already gave it, or the secret would not be here.
            let is_open = row.secret.is_none() || grant.second_factor == SecondFactor::Given;
            let until = row.pending_until.map(Timestamp::from).filter(|until| is_open && now < *until);
            until.and(row.pending_secret)
        });
        let nothing = || Error::conflict("nothing_to_confirm", "there is no new second factor, or it waited too long");
        let pending = self.inner.vault.open(place_of_pending(user), &pending.ok_or_else(nothing)?)?;
        let authenticator = Authenticator::new(pending.expose()).map_err(Error::internal)?;
        let step = authenticator.step_of(code.trim(), now).ok_or_else(wrong)?;
        let sealed = self.inner.vault.seal(place_of(user), pending.expose())?;
        store::confirm_factor(&mut tx, user, &sealed, step, now).await?;
        let RecoveryCodes { shown: recovery_codes, hashes } = self.fresh_recovery_codes(user)?;
        store::put_recovery_codes(&mut tx, user, &hashes).await?;
        let ended = store::end_other_sessions(&mut tx, user, session, "a second factor was enrolled", now).await?;
        let tokens = self.upgrade(&mut tx, grant.caller, now).await?;
        self.record(&mut tx, "users.second_factor_enrolled", grant.caller, now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        Ok(Enrolled { tokens, recovery_codes })
    }

    /// Gives the second factor: a code of the authenticator app, or a recovery code. The tokens before are void.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `wrong_second_factor`; [`Error::Conflict`] with code `second_factor_not_enrolled`;
    /// [`Error::RateLimited`]; [`Error::Unauthenticated`] when the session is over.
    pub async fn give_second_factor(&self, grant: Grant, code: &str, now: Timestamp) -> Result<Tokens, Error> {
        let user = grant.caller.user;
        let counted = self.counted(Guard::SecondFactor, user.0.as_bytes());
        self.begin_now(&counted, now).await?;
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, user).await?.ok_or_else(account_gone)?;
        self.use_factor(&mut tx, user, code, now).await?;
        let tokens = self.upgrade(&mut tx, grant.caller, now).await?;
        // Only now: a stolen password alone must not push the owner's sessions out.
        let keep = self.inner.config.sessions_per_user_max;
        let ended = store::end_oldest_sessions(&mut tx, user, keep, now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        self.forgive(&counted).await?;
        Ok(tokens)
    }

    /// Makes new recovery codes; those before are void.
    ///
    /// # Errors
    /// As [`Auth::give_second_factor`].
    pub async fn renew_recovery_codes(
        &self,
        caller: Caller,
        code: &str,
        now: Timestamp,
    ) -> Result<Vec<Secret<String>>, Error> {
        let counted = self.counted(Guard::SecondFactor, caller.user.0.as_bytes());
        self.begin_now(&counted, now).await?;
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, caller.user).await?.ok_or_else(account_gone)?;
        self.use_factor(&mut tx, caller.user, code, now).await?;
        let RecoveryCodes { shown: codes, hashes } = self.fresh_recovery_codes(caller.user)?;
        store::put_recovery_codes(&mut tx, caller.user, &hashes).await?;
        self.record(&mut tx, "users.recovery_codes_renewed", caller, now).await?;
        tx.commit().await?;
        self.forgive(&counted).await?;
        Ok(codes)
    }

    /// Takes one's own second factor away. All other sessions end.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `second_factor_mandatory` for roles that need one; else as
    /// [`Auth::give_second_factor`].
    pub async fn remove_second_factor(&self, caller: Caller, code: &str, now: Timestamp) -> Result<(), Error> {
        if caller.role.needs_second_factor() {
            let message = "this role needs a second factor; it can be renewed, not taken away";
            return Err(Error::conflict("second_factor_mandatory", message));
        }
        let counted = self.counted(Guard::SecondFactor, caller.user.0.as_bytes());
        self.begin_now(&counted, now).await?;
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, caller.user).await?.ok_or_else(account_gone)?;
        self.use_factor(&mut tx, caller.user, code, now).await?;
        store::delete_factor(&mut tx, caller.user).await?;
        let reason = "the second factor was taken away";
        let ended = store::end_other_sessions(&mut tx, caller.user, caller.session, reason, now).await?;
        self.record(&mut tx, "users.second_factor_removed", caller, now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        self.forgive(&counted).await
    }

    /// Takes the second factor of somebody away who lost it, at the command line of the server. All their sessions end; an
    /// admin or official enrols anew at the next sign-in.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an account; [`Error::Conflict`] with code `second_factor_not_enrolled`.
    pub async fn reset_second_factor(&self, user: UserId, why: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, user).await?.ok_or(Error::NotFound { what: "account" })?;
        if !store::delete_factor(&mut tx, user).await? {
            return Err(not_enrolled());
        }
        let ended = store::end_all_sessions(&mut tx, user, "the second factor was reset", now).await?;
        let act = Act {
            actor: Actor::Operator,
            action: "users.second_factor_reset",
            whose: Some(user),
            subject: Some(("user", user.0)),
            why: Some(why),
            detail: json!({"sessions_ended": ended.len()}),
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        self.forgive(&self.counted(Guard::SecondFactor, user.0.as_bytes())).await
    }

    /// Makes an account that has a second factor from the start, and tells its secret: for those who run the server.
    ///
    /// # Errors
    /// As [`Auth::create_user`].
    pub async fn create_user_with_second_factor(
        &self,
        new: NewUser,
        now: Timestamp,
    ) -> Result<(UserId, Secret<String>), Error> {
        let mut secret = [0; totp::SECRET_BYTES];
        fill(&mut secret)?;
        let user = self.create_user(new, now).await?;
        self.set_second_factor(user, &totp::base32(&secret), now).await?;
        Ok((user, totp::base32(&secret)))
    }

    /// Gives a person this second factor. For those who run the server, and for demonstrations.
    ///
    /// # Errors
    /// When the database is away, or it is no secret.
    pub async fn set_second_factor(&self, user: UserId, secret: &Secret<String>, now: Timestamp) -> Result<(), Error> {
        let secret = totp::bytes(secret).map_err(Error::internal)?;
        let sealed = self.inner.vault.seal(place_of(user), secret.expose())?;
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, user).await?.ok_or_else(account_gone)?;
        store::confirm_factor(&mut tx, user, &sealed, 0, now).await?;
        Ok(tx.commit().await?)
    }

    /// Uses a code up, or refuses it. The user's row is locked.
    async fn use_factor(&self, tx: &mut PgConnection, user: UserId, code: &str, now: Timestamp) -> Result<(), Error> {
        let row = store::lock_second_factor(tx, user).await?;
        let sealed = row.and_then(|row| row.secret).ok_or_else(not_enrolled)?;
        let code = code.trim();
        if code.len() > GIVEN_CHARS_MAX {
            return Err(wrong());
        }
        let secret = self.inner.vault.open(place_of(user), &sealed)?;
        let authenticator = Authenticator::new(secret.expose()).map_err(Error::internal)?;
        let is_used_up = match authenticator.step_of(code, now) {
            Some(step) => store::use_step(tx, user, step).await?,
            None => store::use_recovery_code(tx, user, &self.recovery_hash(user, code), now).await?,
        };
        if is_used_up { Ok(()) } else { Err(wrong()) }
    }

    /// Makes of a session one in which the second factor was given. Refresh tokens from before are void: using one ends
    /// the session.
    async fn upgrade(&self, tx: &mut PgConnection, caller: Caller, now: Timestamp) -> Result<Tokens, Error> {
        let expires_at = now + self.inner.config.refresh_lifetime;
        if !store::give_factor(tx, caller.session, now, expires_at).await? {
            return Err(Error::unauthenticated("unauthenticated", "this session is over; sign in again"));
        }
        store::use_session_tokens(tx, caller.session, now).await?;
        let life = store::Life { now, expires_at };
        self.issue(tx, (caller.session, caller.user), SecondFactor::Given, life).await
    }

    fn fresh_recovery_codes(&self, user: UserId) -> Result<RecoveryCodes, Error> {
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        let mut hashes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            let mut bytes = [0; RECOVERY_CHARS];
            fill(&mut bytes)?;
            let letters: String =
                bytes.iter().map(|byte| char::from(RECOVERY_ALPHABET[usize::from(byte % 32)])).collect();
            hashes.push(self.recovery_hash(user, &letters));
            codes.push(Secret::new(format!("{}-{}", &letters[..RECOVERY_CHARS / 2], &letters[RECOVERY_CHARS / 2..])));
        }
        Ok(RecoveryCodes { shown: codes, hashes })
    }

    /// However it was typed: with or without the dash, in capitals.
    fn recovery_hash(&self, user: UserId, typed: &str) -> Vec<u8> {
        let letters: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
        let value = [user.0.as_bytes().as_slice(), letters.to_ascii_lowercase().as_bytes()].concat();
        self.inner.code_key.pseudonym("a recovery code", &value)
    }

    async fn record(
        &self,
        tx: &mut PgConnection,
        action: &'static str,
        caller: Caller,
        now: Timestamp,
    ) -> Result<(), Error> {
        let act = Act {
            actor: Actor::Person(caller.user, caller.role),
            action,
            whose: Some(caller.user),
            subject: Some(("user", caller.user.0)),
            why: None,
            detail: json!({}),
        };
        Ok(audit::record(tx, &act, now).await?)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    SystemRandom::new().fill(bytes).map_err(|_| Error::internal("the system gives no random numbers"))
}
