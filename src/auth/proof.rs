//! Proof that who asks is the person and not somebody who found the phone unlocked: for what cannot be undone.

use crate::auth::throttle::Guard;
use crate::auth::{Auth, account_gone, store};
use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::redact::Secret;
use crate::time::{Span, Timestamp};

impl Auth {
    /// Proves a person anew: by the current password, or by having signed in within `within`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `proof_needed` when neither holds, `wrong_credentials` for a wrong password;
    /// [`Error::RateLimited`] after too many of those.
    pub async fn prove_anew(
        &self,
        (user, session): (UserId, SessionId),
        password: Option<Secret<String>>,
        within: Span,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(password) = password else {
            let is_recent = store::is_session_recent(&self.inner.pool, session, now - within).await?;
            let message = "send your password, or sign out and in again first";
            return if is_recent { Ok(()) } else { Err(Error::forbidden("proof_needed", message)) };
        };
        let row = store::user(&self.inner.pool, user).await?.ok_or_else(account_gone)?;
        if self.is_own_password(row, password, now).await? {
            Ok(())
        } else {
            Err(Error::forbidden("wrong_credentials", "the password is wrong"))
        }
    }

    /// Whether somebody knows their own password; counted as any other try at it.
    pub(super) async fn is_own_password(
        &self,
        row: store::UserRow,
        typed: Secret<String>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let phone = row.phone(&self.inner.vault)?.ok_or_else(account_gone)?;
        let counted = self.counted(Guard::Password, phone.as_str().as_bytes());
        self.begin_now(&counted, now).await?;
        let is_right = self.compare(&counted, typed, row.password_hash, now).await?;
        if is_right {
            self.forgive(&counted).await?;
        }
        Ok(is_right)
    }

    /// Closes an account and ends all its sessions: from here on nobody is this person. Again it changes nothing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn close_account(&self, user: UserId, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::disable(&mut tx, user, now).await?;
        let ended = store::end_all_sessions(&mut tx, user, "the account was closed", now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        Ok(())
    }

    /// When a person was born, where they said so.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn date_of_birth(&self, user: UserId) -> Result<Option<chrono::NaiveDate>, Error> {
        Ok(store::user(&self.inner.pool, user).await?.and_then(|row| row.date_of_birth))
    }

    /// Whether a person's data is kept but not used (art. 22).
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_restricted(&self, user: UserId) -> Result<bool, Error> {
        Ok(store::is_restricted(&self.inner.pool, user).await?)
    }
}
