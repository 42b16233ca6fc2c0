//! Proving who one is: registering, asking for a code, giving the code or the password.
//!
//! Lock order in this service: the user's row first, then codes and sessions.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::auth::code::{Challenge, Plan, Refusal, is_code_shaped, plan};
use crate::auth::jobs::SendCode;
use crate::auth::phones::{PhoneIndex, SealedPhone};
use crate::auth::proofs::{Proof, Purpose};
use crate::auth::throttle::Guard;
use crate::auth::{Auth, Device, Tokens, account_disabled, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::jobs::{self, New};
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::{Secret, prints_nothing};
use crate::time::{Span, Timestamp};
use crate::web::{RequestId, Role};

/// Who wants an account; checked.
#[derive(Clone)]
pub struct Registration {
    /// Not proven yet.
    pub phone: Phone,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// As what: customer or driver.
    pub role: Role,
    /// Where to write to.
    pub email: Option<String>,
    /// To speak to them in.
    pub language: Language,
    /// To sign in with next time.
    pub password: Option<Secret<String>>,
}

prints_nothing!(Registration);

/// A code is on its way, if there is anybody to send it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSent {
    /// The code is good until then.
    pub expires_at: Timestamp,
    /// Asking again before this is refused.
    pub resend_after: Span,
}

impl Auth {
    /// Makes an account that is not proven yet and sends a code to its phone. An account that is proven stays as it is;
    /// the answer is the same.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a role that is not for everybody; [`Error::RateLimited`] when a code was sent just now.
    pub async fn register(
        &self,
        registration: Registration,
        device: &Device,
        now: Timestamp,
    ) -> Result<CodeSent, Error> {
        if !matches!(registration.role, Role::Customer | Role::Driver) {
            return Err(Error::forbidden("forbidden", "accounts of this role are made by an admin"));
        }
        self.count_message(device, now).await?;
        let password_hash = match registration.password.clone() {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let mut tx = self.inner.pool.begin().await?;
        let id = UserId(Uuid::now_v7());
        let phone = SealedPhone::new(&self.inner.vault, id, registration.phone)?;
        store::upsert_unproven(&mut tx, &phone, &registration, password_hash.as_deref(), now).await?;
        let user = store::lock_by_phone(&mut tx, &phone.index)
            .await?
            .ok_or_else(|| Error::internal("an account vanished while it was registered"))?;
        let challenge = self.send_code(&mut tx, user, now).await?;
        tx.commit().await?;
        Ok(self.code_sent(challenge))
    }

    /// Sends a code to a phone: a new one, or the same one again while it is good.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when a code was sent just now, or too many were sent within the hour.
    pub async fn request_code(&self, phone: Phone, device: &Device, now: Timestamp) -> Result<CodeSent, Error> {
        self.count_message(device, now).await?;
        let mut tx = self.inner.pool.begin().await?;
        let index = self.index_of(phone);
        let challenge = match store::lock_by_phone(&mut tx, &index).await? {
            Some(user) => self.send_code(&mut tx, user, now).await?,
            None => {
                let sent = self.send_proof(&mut tx, &nobodys(phone, &index), now).await?;
                tx.commit().await?;
                return Ok(sent);
            }
        };
        tx.commit().await?;
        Ok(self.code_sent(challenge))
    }

    /// The user's row is locked, so two requests at once do not both send.
    async fn send_code(&self, tx: &mut PgConnection, user: UserId, now: Timestamp) -> Result<Challenge, Error> {
        let history = store::code_history(tx, user, now).await?;
        let (challenge, ordinal) = match (plan(history.as_ref(), now, &self.inner.config), history) {
            (Plan::Refuse { retry_after }, _) => return Err(Error::RateLimited { retry_after }),
            (Plan::Repeat, Some(history)) => {
                let ordinal = store::repeat_code(tx, history.newest.id, now).await?;
                (Challenge { last_sent_at: now, ..history.newest }, ordinal)
            }
            (Plan::Fresh | Plan::Repeat, _) => {
                let challenge = Challenge::fresh(Uuid::now_v7(), now, &self.inner.config);
                store::insert_code(tx, user, &challenge, now).await?;
                (challenge, 1)
            }
        };
        let mut new = New::at(now).dedupe(format!("auth.code:{}:{ordinal}", challenge.id));
        new.request_id = RequestId::current_or_none();
        jobs::enqueue(tx, &SendCode { challenge: challenge.id }, new).await?;
        Ok(challenge)
    }

    fn code_sent(&self, challenge: Challenge) -> CodeSent {
        CodeSent { expires_at: challenge.expires_at, resend_after: self.inner.config.resend_cooldown }
    }

    /// Signs in with the code that was sent. The first time it also proves the account.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `wrong_code`, `code_exhausted` or `code_expired`; [`Error::Forbidden`] for a
    /// closed account; [`Error::RateLimited`] after too many wrong ones for this phone, or from this address or device.
    pub async fn verify(&self, phone: Phone, code: &str, device: &Device, now: Timestamp) -> Result<Tokens, Error> {
        self.check_origin(device, now).await?;
        let counted = self.counted(Guard::Code, phone.as_str().as_bytes());
        self.begin_now(&counted, now).await?;
        let guess = match self.check_code(phone, code, now).await {
            Ok(guess) => guess,
            Err(error) => {
                self.count_wrong(device, now).await?;
                return Err(error);
            }
        };
        let mut tx = self.inner.pool.begin().await?;
        let user = store::lock_user(&mut tx, guess.user).await?.ok_or_else(|| refused(Refusal::Wrong))?;
        // The account may have got another number while the code was looked at.
        if user.phone(&self.inner.vault)? != Some(phone) || !store::use_code(&mut tx, guess.challenge, now).await? {
            return Err(refused(Refusal::Wrong));
        }
        if user.disabled_at.is_some() {
            // The code stays used: it proved what it could.
            tx.commit().await?;
            return Err(account_disabled());
        }
        if user.verified_at.is_none() {
            // Somebody else may have registered this phone with a password of their own. Only when a single message
            // was ever sent is it certain that the one who registered is the one who proves.
            let keep_password = store::messages_sent(&mut tx, guess.user).await? <= 1;
            store::prove(&mut tx, guess.user, keep_password, now).await?;
        }
        let opened = self.open_session(&mut tx, guess.user, device, now).await?;
        tx.commit().await?;
        self.note_ended(&opened.ended, now);
        self.forgive(&counted).await?;
        Ok(opened.tokens)
    }

    /// Counts a guess and compares it.
    async fn check_code(&self, phone: Phone, code: &str, now: Timestamp) -> Result<store::Guess, Error> {
        let config = &self.inner.config;
        // Counted first, compared after: so no number of guesses at once gets more than the allowed number.
        let index = self.index_of(phone);
        let Some(guess) = store::count_guess(&self.inner.pool, &index, config.code_attempts_max, now).await? else {
            return match store::newest_code(&self.inner.pool, &index).await? {
                Some(challenge) => Err(refused(challenge.refusal(now, config))),
                None => self.check_proof(Purpose::SignIn, phone, code, now).await.and(Err(refused(Refusal::Wrong))),
            };
        };
        if is_code_shaped(code) && self.inner.code_key.is_right(guess.challenge, code) {
            Ok(guess)
        } else {
            Err(refused(Refusal::Wrong))
        }
    }

    /// Signs in with the password.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `wrong_credentials`, whether or not there is such an account;
    /// [`Error::RateLimited`] after too many wrong ones for this phone, or from this address or device;
    /// [`Error::Forbidden`] for a closed account.
    pub async fn login(
        &self,
        phone: Phone,
        password: Secret<String>,
        device: &Device,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        self.check_origin(device, now).await?;
        let counted = self.counted(Guard::Password, phone.as_str().as_bytes());
        self.begin_now(&counted, now).await?;
        let user = store::user_by_phone(&self.inner.pool, &self.index_of(phone)).await?;
        let user = user.filter(|user| user.verified_at.is_some());
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let is_right = self.compare(&counted, password, hash, now).await?;
        let Some(user) = user.filter(|_| is_right) else {
            self.count_wrong(device, now).await?;
            return Err(wrong_credentials());
        };
        if user.disabled_at.is_some() {
            return Err(account_disabled());
        }
        let mut tx = self.inner.pool.begin().await?;
        let locked = store::lock_user(&mut tx, user.id).await?.filter(|user| user.disabled_at.is_none());
        let locked = locked.ok_or_else(account_disabled)?;
        // Whoever changed the password meanwhile ended all sessions, and meant this one too.
        if locked.password_hash != user.password_hash || locked.phone(&self.inner.vault)? != Some(phone) {
            return Err(wrong_credentials());
        }
        let opened = self.open_session(&mut tx, user.id, device, now).await?;
        tx.commit().await?;
        self.note_ended(&opened.ended, now);
        self.forgive(&counted).await?;
        Ok(opened.tokens)
    }
}

/// What is noted where nobody has the phone: the same answers to the same questions, on every node.
fn nobodys(phone: Phone, phone_index: &PhoneIndex) -> Proof<'_> {
    Proof { purpose: Purpose::SignIn, phone, phone_index, user: None, is_real: false }
}

fn wrong_credentials() -> Error {
    Error::unauthenticated("wrong_credentials", "the phone number or the password is wrong")
}

pub(super) fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Wrong => Error::unauthenticated("wrong_code", "this is not the code that was sent"),
        Refusal::Exhausted => {
            Error::unauthenticated("code_exhausted", "the code was tried too often; ask for a new one")
        }
        Refusal::Expired => Error::unauthenticated("code_expired", "the code has expired; ask for a new one"),
    }
}
