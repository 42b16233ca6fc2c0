//! The durable jobs of this service: sending codes, and telling a number that it is nobody's any more.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::proofs::{self, Purpose};
use crate::auth::{Auth, phones, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::jobs::{Context, Failure, Job, Registry};
use crate::notifications::{Delivered, Delivery, Key, Notifications, Params, Recipient};
use crate::phone::Phone;
use crate::time::{Span, Timestamp};

/// Sends the code of a challenge. The code itself is made when the job runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SendCode {
    /// Which challenge.
    pub challenge: Uuid,
}

impl Job for SendCode {
    const KIND: &'static str = "auth.send_code";
    const ATTEMPTS_MAX: u16 = 6;
    const LEASE: Span = Span::from_secs(60);
}

/// Sends the code of a proof.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SendProof {
    /// Which proof.
    pub proof: Uuid,
}

impl Job for SendProof {
    const KIND: &'static str = "auth.send_proof";
    const ATTEMPTS_MAX: u16 = 6;
    const LEASE: Span = Span::from_secs(60);
}

/// Tells the number that an account had that it has another now.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TellOldNumber {
    /// The proof that went there.
    pub proof: Uuid,
}

impl Job for TellOldNumber {
    const KIND: &'static str = "auth.tell_old_number";
    const ATTEMPTS_MAX: u16 = 6;
    const LEASE: Span = Span::from_secs(60);
}

/// Registers the handlers of this service's jobs.
#[must_use]
pub fn register(registry: Registry, auth: &Auth, notifications: &Notifications) -> Registry {
    let handles = (auth.clone(), notifications.clone());
    let (for_proofs, for_telling) = (handles.clone(), handles.clone());
    registry
        .on(move |job: SendCode, context| {
            let (auth, notifications) = handles.clone();
            async move { auth.deliver_code(&notifications, &job, &context).await }
        })
        .on(move |job: SendProof, context| {
            let (auth, notifications) = for_proofs.clone();
            async move { auth.deliver_proof(&notifications, &job, &context).await }
        })
        .on(move |job: TellOldNumber, context| {
            let (auth, notifications) = for_telling.clone();
            async move { auth.deliver_farewell(&notifications, &job, &context).await }
        })
}

async fn deliver(notifications: &Notifications, delivery: Delivery<'_>, now: Timestamp) -> Result<(), Failure> {
    let delivered: Result<_, Error> = notifications.deliver_sms(delivery, now).await;
    match delivered? {
        Delivered::Settled => Ok(()),
        Delivered::TryAgain { reason } => Err(Failure::retry(reason)),
    }
}

impl Auth {
    async fn deliver_code(
        &self,
        notifications: &Notifications,
        job: &SendCode,
        context: &Context,
    ) -> Result<(), Failure> {
        let Some(row) = store::code_to_send(&self.inner.pool, job.challenge).await? else { return Ok(()) };
        let is_good =
            row.used_at.is_none() && context.now < row.expires_at && row.attempts < self.inner.config.code_attempts_max;
        if !is_good {
            return Ok(());
        }
        let phone = phones::open(&self.inner.vault, row.user_id, &row.phone_sealed)?;
        let to = Recipient { phone, language: store::language(&row.language)? };
        let params = self.params(job.challenge, row.expires_at, context.now);
        let delivery = Delivery {
            id: context.job_id.0,
            user: row.user_id,
            to,
            key: Key::OtpCode,
            params: &params,
            is_last_attempt: context.attempt >= SendCode::ATTEMPTS_MAX,
        };
        deliver(notifications, delivery, context.now).await
    }

    async fn deliver_proof(
        &self,
        notifications: &Notifications,
        job: &SendProof,
        context: &Context,
    ) -> Result<(), Failure> {
        let Some(row) = store::proof_to_send(&self.inner.pool, job.proof).await? else { return Ok(()) };
        let is_good =
            row.used_at.is_none() && context.now < row.expires_at && row.attempts < self.inner.config.code_attempts_max;
        let Some(key) = Purpose::key_of(&row.purpose).filter(|_| is_good) else { return Ok(()) };
        let to = self.proof_recipient(job.proof, &row)?;
        let params = self.params(job.proof, row.expires_at, context.now);
        let is_last_attempt = context.attempt >= SendProof::ATTEMPTS_MAX;
        let user = UserId(row.user_id);
        let delivery = Delivery { id: context.job_id.0, user, to, key, params: &params, is_last_attempt };
        deliver(notifications, delivery, context.now).await
    }

    async fn deliver_farewell(
        &self,
        notifications: &Notifications,
        job: &TellOldNumber,
        context: &Context,
    ) -> Result<(), Failure> {
        let Some(row) = store::proof_to_send(&self.inner.pool, job.proof).await? else { return Ok(()) };
        let to = self.proof_recipient(job.proof, &row)?;
        let (user, params) = (UserId(row.user_id), Params::new());
        let is_last_attempt = context.attempt >= TellOldNumber::ATTEMPTS_MAX;
        let key = Key::PhoneChanged;
        let delivery = Delivery { id: context.job_id.0, user, to, key, params: &params, is_last_attempt };
        deliver(notifications, delivery, context.now).await
    }

    /// The phone that a proof went to, which is not always that of the account.
    fn proof_recipient(&self, proof: Uuid, row: &store::ProofToSend) -> Result<Recipient, Error> {
        let phone = self.inner.vault.open_text(proofs::place_of(proof), &row.phone)?;
        let phone = Phone::parse(phone.expose()).map_err(Error::internal)?;
        Ok(Recipient { phone, language: store::language(&row.language)? })
    }

    fn params(&self, challenge: Uuid, expires_at: Timestamp, now: Timestamp) -> Params {
        let minutes = (expires_at.since(now).as_secs_up() + 59) / 60;
        Params::from([
            ("code".to_owned(), self.inner.code_key.code(challenge).into_exposed()),
            ("min".to_owned(), minutes.to_string()),
        ])
    }
}
