//! Codes that prove a phone for another purpose than signing in: a new password, a new number.
//!
//! Separate from sign-in codes so that a code is good for what its message says and nothing else: who is talked out of a
//! code for signing in has not given away the password. What is asked about a phone without an account goes the same way,
//! row by row; only its code is never sent and never right.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::auth::code::{Challenge, Plan, Refusal, is_code_shaped, plan};
use crate::auth::jobs::SendProof;
use crate::auth::phones::{self, PhoneIndex};
use crate::auth::sign_in::refused;
use crate::auth::{Auth, CodeSent, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::jobs::{self, New};
use crate::notifications::Key;
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::vault::{Column, Place};
use crate::web::RequestId;

/// What a code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Signing in, of a phone without an account: never sent, never right. Those of accounts lie apart.
    SignIn,
    /// A new password.
    PasswordReset,
    /// To the number that an account has, which is to have another.
    PhoneChangeOld,
    /// To that other number.
    PhoneChangeNew,
}

impl Purpose {
    /// The name in the database.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::PasswordReset => "password_reset",
            Self::PhoneChangeOld => "phone_change_old",
            Self::PhoneChangeNew => "phone_change_new",
        }
    }

    /// The text that brings the code.
    pub(super) fn key_of(name: &str) -> Option<Key> {
        [
            (Self::PasswordReset, Key::PasswordResetCode),
            (Self::PhoneChangeOld, Key::PhoneChangeCode),
            (Self::PhoneChangeNew, Key::PhoneChangeCode),
        ]
        .into_iter()
        .find_map(|(purpose, key)| (purpose.as_str() == name).then_some(key))
    }
}

/// A proof that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) purpose: Purpose,
    pub(super) phone: Phone,
    pub(super) phone_index: &'a PhoneIndex,
    /// For whom; nobody has the phone where it is `None`.
    pub(super) user: Option<UserId>,
    /// Whether it is sent and can be right.
    pub(super) is_real: bool,
}

/// A code that was right; to be used up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proven {
    pub(super) proof: Uuid,
    pub(super) user: UserId,
}

/// The column of phones as rotation and checks know it.
pub const SEALED: Column = Column {
    place: "phone_proofs.phone",
    table: "phone_proofs",
    column: "phone",
    key: "id",
    row: "id",
    index: Some(("phone_index", phones::KIND)),
};

pub(super) fn place_of(proof: Uuid) -> Place {
    Place::new(SEALED.place, proof)
}

impl Auth {
    /// Sends a code, or the same one again, within the caller's transaction.
    pub(super) async fn send_proof(
        &self,
        tx: &mut PgConnection,
        proof: &Proof<'_>,
        now: Timestamp,
    ) -> Result<CodeSent, Error> {
        store::hold_phone(tx, proof.phone_index).await?;
        let history = store::proof_history(tx, proof, now).await?;
        let (challenge, ordinal) = match (plan(history.as_ref(), now, &self.inner.config), history) {
            (Plan::Refuse { retry_after }, _) => return Err(Error::RateLimited { retry_after }),
            (Plan::Repeat, Some(history)) => {
                let ordinal = store::repeat_proof(tx, history.newest.id, now).await?;
                (Challenge { last_sent_at: now, ..history.newest }, ordinal)
            }
            (Plan::Fresh | Plan::Repeat, _) => {
                let challenge = Challenge::fresh(Uuid::now_v7(), now, &self.inner.config);
                let sealed = self.inner.vault.seal_text(place_of(challenge.id), proof.phone.as_str())?;
                store::insert_proof(tx, proof, &challenge, &sealed, now).await?;
                (challenge, 1)
            }
        };
        if proof.is_real {
            let mut new = New::at(now).dedupe(format!("auth.proof:{}:{ordinal}", challenge.id));
            new.request_id = RequestId::current_or_none();
            jobs::enqueue(tx, &SendProof { proof: challenge.id }, new).await?;
        }
        Ok(CodeSent { expires_at: challenge.expires_at, resend_after: self.inner.config.resend_cooldown })
    }

    /// Counts a guess and compares it.
    pub(super) async fn check_proof(
        &self,
        purpose: Purpose,
        phone: Phone,
        code: &str,
        now: Timestamp,
    ) -> Result<Proven, Error> {
        let config = &self.inner.config;
        let index = self.index_of(phone);
        let guess = store::count_proof_guess(&self.inner.pool, purpose, &index, config.code_attempts_max, now).await?;
        let Some(guess) = guess else {
            let newest = store::newest_proof(&self.inner.pool, purpose, &index).await?;
            return Err(refused(newest.map_or(Refusal::Wrong, |challenge| challenge.refusal(now, config))));
        };
        let is_right = is_code_shaped(code) && self.inner.code_key.is_right(guess.id, code);
        match guess.user_id.filter(|_| is_right && guess.is_real) {
            Some(user) => Ok(Proven { proof: guess.id, user: UserId(user) }),
            None => Err(refused(Refusal::Wrong)),
        }
    }

    /// Uses a right code up, within the caller's transaction.
    pub(super) async fn use_proof(&self, tx: &mut PgConnection, proven: Proven, now: Timestamp) -> Result<(), Error> {
        if store::use_proof(tx, proven.proof, now).await? { Ok(()) } else { Err(refused(Refusal::Wrong)) }
    }
}
