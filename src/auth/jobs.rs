//! The durable job of this service: sending a sign-in code.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::{Auth, phones, store};
use crate::error::Error;
use crate::jobs::{Context, Failure, Job, Registry};
use crate::notifications::{Delivered, Delivery, Key, Notifications, Params, Recipient};
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

/// Registers the handler of this service's job.
#[must_use]
pub fn register(registry: Registry, auth: &Auth, notifications: &Notifications) -> Registry {
    let handles = (auth.clone(), notifications.clone());
    registry.on(move |job: SendCode, context| {
        let (auth, notifications) = handles.clone();
        async move { auth.deliver_code(&notifications, &job, &context).await }
    })
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
        let delivered: Result<_, Error> = notifications.deliver_sms(delivery, context.now).await;
        match delivered? {
            Delivered::Settled => Ok(()),
            Delivered::TryAgain { reason } => Err(Failure::retry(reason)),
        }
    }

    fn params(&self, challenge: Uuid, expires_at: Timestamp, now: Timestamp) -> Params {
        let minutes = (expires_at.since(now).as_secs_up() + 59) / 60;
        Params::from([
            ("code".to_owned(), self.inner.code_key.code(challenge).into_exposed()),
            ("min".to_owned(), minutes.to_string()),
        ])
    }
}
