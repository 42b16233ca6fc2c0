//! Sessions: one for each device that signed in, kept alive by refresh tokens that are good for one use.

use std::net::IpAddr;

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::auth::{Auth, Profile, account_disabled, store};
use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::Caller;

pub use store::SessionView;

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
}

impl Auth {
    /// Opens a session within the caller's transaction, in which the user's row is locked.
    pub(super) async fn open_session(
        &self,
        tx: &mut PgConnection,
        user: UserId,
        device: &Device,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let config = &self.inner.config;
        let session = SessionId(Uuid::now_v7());
        let expires_at = now + config.refresh_lifetime;
        store::end_oldest_sessions(tx, user, config.sessions_per_user_max - 1, now).await?;
        store::insert_session(tx, session, user, device, store::Life { now, expires_at }).await?;
        self.issue(tx, session, user, now).await
    }

    async fn issue(
        &self,
        tx: &mut PgConnection,
        session: SessionId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let missing = || Error::internal("the user of a session is missing");
        let row = store::user(&mut *tx, user).await?.ok_or_else(missing)?;
        let profile = row.profile(&self.inner.vault)?.ok_or_else(missing)?;
        let caller = Caller { user: profile.id, role: profile.role, session };
        let access = self.inner.tokens.issue(&caller, now)?;
        let refresh = fresh_token()?;
        store::insert_refresh_token(tx, &hash(refresh.expose()), session, now).await?;
        Ok(Tokens {
            access: Secret::new(access),
            expires_in: self.inner.tokens.lifetime(),
            refresh,
            refresh_expires_at: now + self.inner.config.refresh_lifetime,
            profile,
        })
    }

    /// Exchanges a refresh token for a new pair of tokens.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `refresh_invalid` (unknown, expired, signed out) or `refresh_reused` (it was
    /// exchanged before: the session is ended); [`Error::Forbidden`] for a closed account.
    pub async fn refresh(&self, token: &Secret<String>, now: Timestamp) -> Result<Tokens, Error> {
        let invalid = || Error::unauthenticated("refresh_invalid", "the refresh token is not valid; sign in again");
        if token.expose().len() > REFRESH_CHARS_MAX {
            return Err(invalid());
        }
        let hash = hash(token.expose());
        let mut tx = self.inner.pool.begin().await?;
        let family = store::lock_family(&mut tx, &hash).await?.ok_or_else(invalid)?;
        if family.is_used {
            store::end_session(&mut tx, family.session, "a refresh token was used twice", now).await?;
            tx.commit().await?;
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
        store::use_refresh_token(&mut tx, &hash, now).await?;
        store::prolong_session(&mut tx, family.session, now, now + self.inner.config.refresh_lifetime).await?;
        let tokens = self.issue(&mut tx, family.session, family.user, now).await?;
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
        Ok(store::end_session(&mut conn, session, "signed out", now).await?)
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

fn fresh_token() -> Result<Secret<String>, Error> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the system gives no random numbers"))?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes()).as_ref().to_vec()
}
