//! A password that was forgotten, and a number that changes.
//!
//! Separate from signing in because here an account changes hands if somebody is careless. A new password needs a code to
//! the phone and ends every session; the second factor, where there is one, is asked for all the same. A new number needs
//! codes to the old and to the new one; where the old one is lost, an admin does it, with a reason, on record.

use serde_json::json;
use sqlx::PgConnection;

use crate::audit::{self, Act, Actor};
use crate::auth::code::Refusal;
use crate::auth::jobs::TellOldNumber;
use crate::auth::phones::SealedPhone;
use crate::auth::proofs::{Proof, Purpose};
use crate::auth::sign_in::refused;
use crate::auth::throttle::Guard;
use crate::auth::{Auth, CodeSent, Device, Profile, account_gone, password, store};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::jobs::{self, New};
use crate::phone::Phone;
use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::{Caller, Role};

impl Auth {
    /// Sends a code with which a new password can be set. The same is answered for a phone that nobody has.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when a code was sent just now, or too many were sent within the hour.
    pub async fn request_password_reset(
        &self,
        phone: Phone,
        device: &Device,
        now: Timestamp,
    ) -> Result<CodeSent, Error> {
        self.count_message(device, now).await?;
        let phone_index = self.index_of(phone);
        let user = store::user_by_phone(&self.inner.pool, &phone_index).await?;
        let user = user.filter(|user| user.verified_at.is_some() && user.disabled_at.is_none()).map(|user| user.id);
        let purpose = Purpose::PasswordReset;
        let proof = Proof { purpose, phone, phone_index: &phone_index, user, is_real: user.is_some() };
        let mut tx = self.inner.pool.begin().await?;
        let sent = self.send_proof(&mut tx, &proof, now).await?;
        tx.commit().await?;
        Ok(sent)
    }

    /// Sets a new password with the code that was sent. All sessions end.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password of a wrong length; [`Error::Unauthenticated`] with code `wrong_code`,
    /// `code_exhausted` or `code_expired`; [`Error::RateLimited`].
    pub async fn reset_password(
        &self,
        phone: Phone,
        code: &str,
        new: Secret<String>,
        device: &Device,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut checks = Checks::new();
        password::check(&mut checks, "new_password", &new);
        checks.finish()?;
        self.check_origin(device, now).await?;
        let counted = self.counted(Guard::Code, phone.as_str().as_bytes());
        self.begin_now(&counted, now).await?;
        let proven = match self.check_proof(Purpose::PasswordReset, phone, code, now).await {
            Ok(proven) => proven,
            Err(error) => {
                self.count_wrong(device, now).await?;
                return Err(error);
            }
        };
        let hash = self.inner.passwords.hash(new).await?;
        let mut tx = self.inner.pool.begin().await?;
        let user = store::lock_user(&mut tx, proven.user).await?.ok_or_else(account_gone)?;
        // The number may have become somebody else's while the code was looked at.
        if user.phone(&self.inner.vault)? != Some(phone) {
            return Err(refused(Refusal::Wrong));
        }
        self.use_proof(&mut tx, proven, now).await?;
        store::set_password(&mut tx, proven.user, &hash, now).await?;
        let ended = store::end_all_sessions(&mut tx, proven.user, "the password was reset", now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        self.forgive(&counted).await?;
        self.forgive(&self.counted(Guard::Password, phone.as_str().as_bytes())).await?;
        tracing::info!(user.id = %proven.user, sessions = ended.len(), "a password was reset");
        Ok(())
    }

    /// Sends a code to the number that a person has and one to the number that it is to become. Nothing tells whether
    /// that one is somebody else's.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the number they have already; [`Error::RateLimited`].
    pub async fn request_phone_change(
        &self,
        user: UserId,
        new: Phone,
        device: &Device,
        now: Timestamp,
    ) -> Result<CodeSent, Error> {
        self.count_message(device, now).await?;
        let old = self.profile(user).await?.phone;
        if old == new {
            return Err(Error::invalid("phone", new.masked(), "is your number already"));
        }
        let (old_index, new_index) = (self.index_of(old), self.index_of(new));
        let holder = store::user_by_phone(&self.inner.pool, &new_index).await?;
        // An account that nobody proved gives way. A guest's does not: rides hang on it.
        let is_free = match holder {
            Some(holder) => holder.verified_at.is_none() && !store::is_guest(&self.inner.pool, holder.id).await?,
            None => true,
        };
        let to_old = Proof {
            purpose: Purpose::PhoneChangeOld,
            phone: old,
            phone_index: &old_index,
            user: Some(user),
            is_real: true,
        };
        let to_new =
            Proof { purpose: Purpose::PhoneChangeNew, phone: new, phone_index: &new_index, is_real: is_free, ..to_old };
        let mut tx = self.inner.pool.begin().await?;
        self.send_proof(&mut tx, &to_old, now).await?;
        let sent = self.send_proof(&mut tx, &to_new, now).await?;
        tx.commit().await?;
        Ok(sent)
    }

    /// Gives a person the new number, proven by both codes. All other sessions end; the old number is told.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `wrong_code`, whichever of the two it is; [`Error::Conflict`] with code
    /// `phone_taken` when somebody proved that number meanwhile; [`Error::RateLimited`].
    pub async fn change_phone(
        &self,
        caller: Caller,
        new: Phone,
        (old_code, new_code): (&str, &str),
        now: Timestamp,
    ) -> Result<Profile, Error> {
        let wrong = || Error::forbidden("wrong_code", "one of the codes is wrong or expired; ask for new ones");
        let old = self.profile(caller.user).await?.phone;
        let counted = self.counted(Guard::Code, caller.user.0.as_bytes());
        self.begin_now(&counted, now).await?;
        // Both are compared, whatever comes of the first: the time tells nothing.
        let from_old = self.check_proof(Purpose::PhoneChangeOld, old, old_code, now).await;
        let from_new = self.check_proof(Purpose::PhoneChangeNew, new, new_code, now).await;
        let (Ok(from_old), Ok(from_new)) = (from_old, from_new) else { return Err(wrong()) };
        if from_old.user != caller.user || from_new.user != caller.user {
            return Err(wrong());
        }
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, caller.user).await?.ok_or_else(account_gone)?;
        self.use_proof(&mut tx, from_old, now).await?;
        self.use_proof(&mut tx, from_new, now).await?;
        let reason = "the phone was changed";
        let ended = store::end_other_sessions(&mut tx, caller.user, caller.session, reason, now).await?;
        self.move_to(&mut tx, caller.user, new, now).await?;
        jobs::enqueue(&mut tx, &TellOldNumber { proof: from_old.proof }, New::at(now)).await?;
        let actor = Actor::Person(caller.user, caller.role);
        record_move(&mut tx, actor, caller.user, None, now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        self.forgive(&counted).await?;
        self.forget_person(caller.user);
        self.profile(caller.user).await
    }

    /// Gives a person a new number because the old one is lost. Whoever does it has made sure who asks. All sessions end.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an account; [`Error::Conflict`] with code `phone_taken`.
    pub async fn assign_phone(
        &self,
        admin: UserId,
        user: UserId,
        new: Phone,
        why: &str,
        now: Timestamp,
    ) -> Result<Profile, Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::lock_user(&mut tx, user).await?.ok_or(Error::NotFound { what: "account" })?;
        let ended = store::end_all_sessions(&mut tx, user, "the phone was changed by an admin", now).await?;
        self.move_to(&mut tx, user, new, now).await?;
        record_move(&mut tx, Actor::Person(admin, Role::Admin), user, Some(why), now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        self.forget_person(user);
        self.profile(user).await
    }

    /// The number of an account that nobody proved becomes free. Codes that went to the old one are good for nothing: it
    /// may be in other hands, or about to be.
    async fn move_to(&self, tx: &mut PgConnection, user: UserId, new: Phone, now: Timestamp) -> Result<(), Error> {
        let phone = SealedPhone::new(&self.inner.vault, user, new)?;
        store::delete_unproven(tx, &phone.index).await?;
        store::use_all_codes(tx, user, now).await?;
        store::use_all_proofs(tx, user, now).await?;
        if store::set_phone(tx, &phone, now).await? {
            Ok(())
        } else {
            Err(Error::conflict("phone_taken", "there is an account with this phone number"))
        }
    }
}

async fn record_move(
    tx: &mut PgConnection,
    actor: Actor,
    user: UserId,
    why: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let action = "users.phone_changed";
    let act = Act { actor, action, whose: Some(user), subject: Some(("user", user.0)), why, detail: json!({}) };
    Ok(audit::record(tx, &act, now).await?)
}
