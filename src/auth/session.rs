//! Sessions: one for each device that signed in, kept alive by refresh tokens that are good for one use.

use std::net::IpAddr;

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::audit;
use crate::auth::throttle::Guard;
use crate::auth::{Auth, Profile, account_disabled, store};
use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::{Caller, Grant, SKEW_MAX, SecondFactor};

pub use store::SessionView;

/// A session just opened, and the ones that had to make room.
pub(super) struct Opened {
    pub(super) tokens: Tokens,
    pub(super) ended: Vec<EndedSession>,
}

/// Longest refresh token that is looked at; ours have 64 characters.
const REFRESH_CHARS_MAX: usize = 128;

/// What signs in, as far as it says.
#[derive(Clone, Debug)]
pub struct Device {
    /// The name its owner gave it.
    pub name: Option<String>,
    /// The app.
    pub user_agent: Option<String>,
    /// Where it is.
    pub ip: Option<IpAddr>,
    /// What it calls itself, the same at every request. Not proven: a thief says what he likes.
    pub id: Option<String>,
}

/// What a signed-in app works with.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For every request.
    pub access: Secret<String>,
    /// How long the access token is good for.
    pub expires_in: Span,
    /// For the next pair of tokens; good for one use.
    pub refresh: Secret<String>,
    /// When the session ends unless it is refreshed.
    pub refresh_expires_at: Timestamp,
    /// Who signed in.
    pub profile: Profile,
    /// Whether a second factor is to be given before anything else can be done.
    pub second_factor: SecondFactor,
}

/// A session that was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// Which; or the id of a partner, all of whose tokens are void.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
}

impl Auth {
    /// Opens a session within the caller's transaction, in which the user's row is locked.
    pub(super) async fn open_session(
        &self,
        tx: &mut PgConnection,
        user: UserId,
        device: &Device,
        now: Timestamp,
    ) -> Result<Opened, Error> {
        let config = &self.inner.config;
        let session = SessionId(Uuid::now_v7());
        // A session without the second factor is short, and pushes out none but others of its kind.
        let second_factor = if store::has_factor(tx, user).await? { SecondFactor::Due } else { SecondFactor::None };
        let (ended, lifetime) = if second_factor == SecondFactor::Due {
            (store::end_due_sessions(tx, user, now).await?, config.second_factor_within)
        } else {
            let keep = config.sessions_per_user_max - 1;
            (store::end_oldest_sessions(tx, user, keep, now).await?, config.refresh_lifetime)
        };
        let life = store::Life { now, expires_at: now + lifetime };
        store::insert_session(tx, session, user, device, life).await?;
        Ok(Opened { tokens: self.issue(tx, (session, user), second_factor, life).await?, ended })
    }

    /// New tokens of a session that stands so, within the caller's transaction.
    pub(super) async fn issue(
        &self,
        tx: &mut PgConnection,
        (session, user): (SessionId, UserId),
        second_factor: SecondFactor,
        life: store::Life,
    ) -> Result<Tokens, Error> {
        let store::Life { now, expires_at } = life;
        let missing = || Error::internal("the user of a session is missing");
        let row = store::user(&mut *tx, user).await?.ok_or_else(missing)?;
        let profile = row.profile(&self.inner.vault)?.ok_or_else(missing)?;
        let caller = Caller { user: profile.id, role: profile.role, session };
        let access = self.inner.tokens.issue(&Grant { caller, second_factor }, now)?;
        let refresh = fresh_token()?;
        store::insert_refresh_token(tx, &hash(refresh.expose()), session, now).await?;
        Ok(Tokens {
            access: Secret::new(access),
            expires_in: self.inner.tokens.lifetime(),
            refresh,
            refresh_expires_at: expires_at,
            profile,
            second_factor,
        })
    }

    /// Exchanges a refresh token for a new pair of tokens.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `refresh_invalid` (unknown, expired, signed out) or `refresh_reused` (it was
    /// exchanged before: the session is ended); [`Error::Forbidden`] for a closed account; [`Error::RateLimited`] for a
    /// session that does nothing but refresh.
    pub async fn refresh(&self, token: &Secret<String>, now: Timestamp) -> Result<Tokens, Error> {
        let invalid = || Error::unauthenticated("refresh_invalid", "the refresh token is not valid; sign in again");
        if token.expose().len() > REFRESH_CHARS_MAX {
            return Err(invalid());
        }
        let hash = hash(token.expose());
        let mut tx = self.inner.pool.begin().await?;
        let family = store::lock_family(&mut tx, &hash).await?.ok_or_else(invalid)?;
        if family.is_used {
            let ended = store::end_session(&mut tx, family.session, "a refresh token was used twice", now).await?;
            tx.commit().await?;
            self.note_ended(&ended, now);
            tracing::warn!(session.id = %family.session, "a refresh token was used twice: the session was ended");
            let message = "the refresh token was used before; the session was ended, sign in again";
            return Err(Error::unauthenticated("refresh_reused", message));
        }
        if family.is_revoked || now >= family.expires_at {
            return Err(invalid());
        }
        if family.is_disabled {
            return Err(account_disabled());
        }
        self.begin(&mut tx, &self.counted(Guard::Refresh, family.session.0.as_bytes()), now).await?;
        store::use_refresh_token(&mut tx, &hash, now).await?;
        let second_factor = match store::has_factor(&mut tx, family.user).await? {
            false => SecondFactor::None,
            true if store::is_factor_given(&mut tx, family.session).await? => SecondFactor::Given,
            true => SecondFactor::Due,
        };
        let expires_at = match second_factor {
            SecondFactor::Due => family.expires_at,
            SecondFactor::None | SecondFactor::Given => now + self.inner.config.refresh_lifetime,
        };
        store::prolong_session(&mut tx, family.session, now, expires_at).await?;
        let life = store::Life { now, expires_at };
        let tokens = self.issue(&mut tx, (family.session, family.user), second_factor, life).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Ends a session of a person. Ending one that ended before changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not theirs.
    pub async fn end_session(&self, user: UserId, session: SessionId, now: Timestamp) -> Result<(), Error> {
        let mut conn = self.inner.pool.acquire().await?;
        if store::session_owner(&mut conn, session).await? != Some(user) {
            return Err(Error::NotFound { what: "session" });
        }
        let ended = store::end_session(&mut conn, session, "signed out", now).await?;
        self.note_ended(&ended, now);
        Ok(())
    }

    /// Ends all sessions of a person but one; how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end_other_sessions(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<usize, Error> {
        let mut conn = self.inner.pool.acquire().await?;
        let ended = store::end_other_sessions(&mut conn, user, keep, "signed out elsewhere", now).await?;
        self.note_ended(&ended, now);
        Ok(ended.len())
    }

    /// Refuses the tokens of these sessions in this process at once, and lets others know (see
    /// [`Auth::ended_sessions`]). To be called after the commit.
    pub(super) fn note_ended(&self, ended: &[EndedSession], now: Timestamp) {
        self.inner.tokens.end(ended.iter().map(|ended| ended.session), now);
        for one in ended {
            // Nobody listening is no fault: workers and one-off commands have no sockets and no bus to tell.
            let _ = self.inner.ended.send(*one);
        }
    }

    /// The sessions that this process ends from now on.
    pub fn ended_sessions(&self) -> broadcast::Receiver<EndedSession> {
        self.inner.ended.subscribe()
    }

    /// Another node ended these.
    pub fn hear_of_ended(&self, ended: &[EndedSession], now: Timestamp) {
        self.inner.tokens.end(ended.iter().map(|ended| ended.session), now);
    }

    /// Reads which sessions were ended lately, whoever ended them, and refuses their tokens.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn read_ended(&self, now: Timestamp) -> Result<Vec<EndedSession>, Error> {
        let since = now - self.inner.tokens.lifetime() - SKEW_MAX;
        let ended = store::ended_since(&self.inner.pool, since).await?;
        self.hear_of_ended(&ended, now);
        Ok(ended)
    }

    /// The live sessions of a person, the one used last first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionView>, Error> {
        Ok(store::live_sessions(&self.inner.pool, user, now).await?)
    }

    /// Whether a session still lives: for long-lived connections, which outlive an access token.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_session_live(&self, session: SessionId, now: Timestamp) -> Result<bool, Error> {
        Ok(store::is_session_live(&self.inner.pool, session, now).await?)
    }
}

pub(super) fn fresh_token() -> Result<Secret<String>, Error> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the system gives no random numbers"))?;
    Ok(Secret::new(audit::hex(&bytes)))
}

pub(super) fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes()).as_ref().to_vec()
}
