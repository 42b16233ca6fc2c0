//! Telling people things: by SMS, and by notices inside the app.
//!
//! Other services write the jobs [`SendSms`] and [`PostNotice`] in the transaction of the fact that causes them; a worker
//! of this service looks up number and language, renders the text and sends it. This service knows no accounts: `app`
//! hands it [`Recipients`], the look-up, and [`Publish`], the way to an open app.
//!
//! Invariants: no phone number and no code is in a job; a text that opens something (a code, a PIN) is never stored; a
//! job that runs twice leaves one record.

pub mod http;
mod jobs;
mod language;
pub mod sms;
mod store;
mod templates;
mod terms;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::phone::Phone;
use crate::redact::Secret;
use crate::telemetry::names;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest};

pub use jobs::{PostNotice, SendSms, register, tell};
pub use language::Language;
pub use store::Notice;
pub use templates::{Key, MissingValue, Params, render};

use sms::{Outcome, Provider, Sms};

/// How a person is reached.
#[derive(Clone, Copy, Debug)]
pub struct Recipient {
    /// The number.
    pub phone: Phone,
    /// The language they chose.
    pub language: Language,
}

/// Looks up how a person is reached; `None` for nobody, or somebody who must not be written to.
pub type Recipients = Arc<dyn Fn(UserId) -> BoxFuture<'static, Result<Option<Recipient>, Error>> + Send + Sync>;

/// Hands a new notice to the person's open apps, if any. It must not wait.
pub type Publish = Arc<dyn Fn(UserId, &Notice) + Send + Sync>;

/// An SMS to a person whose number is known.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The job that causes it: a second run of the same job finds the record of the first.
    pub id: Uuid,
    /// Whose record it goes into.
    pub user: UserId,
    /// Number and language.
    pub to: Recipient,
    /// Which text.
    pub key: Key,
    /// What goes into it.
    pub params: &'a Params,
    /// Whether nobody will try again: then a failure is recorded as final.
    pub is_last_attempt: bool,
}

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is on its way (or was before), or it is known that it never will be. Nothing is left to do.
    Settled,
    /// Worth another attempt.
    TryAgain {
        /// Why it was not sent: codes and kinds of fault only.
        reason: String,
    },
}

/// The service.
#[derive(Clone)]
pub struct Notifications {
    pool: PgPool,
    gateway: Arc<dyn Provider>,
    publish: Publish,
}

impl Notifications {
    /// Sends SMS through `gateway` and hands notices to `publish`.
    pub fn new(pool: PgPool, gateway: Arc<dyn Provider>, publish: Publish) -> Self {
        Self { pool, gateway, publish }
    }

    /// Sends an SMS once: a delivery that was settled before is not sent again.
    ///
    /// # Errors
    /// When the record cannot be kept, or a placeholder of the text has no value.
    pub async fn deliver_sms(&self, delivery: Delivery<'_>, now: Timestamp) -> Result<Delivered, Error> {
        let text = render(delivery.key, delivery.to.language, delivery.params).map_err(Error::internal)?;
        let kept = Some(text.as_str()).filter(|_| !delivery.key.holds_secret());
        if !store::begin_sms(&self.pool, &delivery, kept, self.gateway.name(), now).await? {
            return Ok(Delivered::Settled);
        }
        let sms = Sms { to: delivery.to.phone, text: Secret::new(text) };
        let begun = tokio::time::Instant::now();
        let outcome = self.gateway.send(&sms).await;
        metrics::histogram!(names::SMS_PROVIDER_SECONDS, "provider" => self.gateway.name())
            .record(begun.elapsed().as_secs_f64());
        metrics::counter!(names::SMS_TOTAL, "outcome" => label(&outcome)).increment(1);
        match outcome {
            Outcome::Sent { provider_message_id } => {
                store::sms_sent(&self.pool, delivery.id, provider_message_id.as_deref(), now).await?;
                Ok(Delivered::Settled)
            }
            Outcome::Refused { reason } => {
                store::sms_failed(&self.pool, delivery.id, &reason).await?;
                Ok(Delivered::Settled)
            }
            Outcome::TryAgain { reason } => {
                if delivery.is_last_attempt {
                    store::sms_failed(&self.pool, delivery.id, &reason).await?;
                } else {
                    store::sms_not_yet(&self.pool, delivery.id, &reason).await?;
                }
                Ok(Delivered::TryAgain { reason: reason.into_owned() })
            }
        }
    }

    /// Puts a notice into a person's list and shows it in their open apps. `id` makes a repetition harmless.
    ///
    /// # Errors
    /// When it cannot be stored, or a placeholder of the text has no value.
    pub async fn post_notice(&self, id: Uuid, notice: &PostNotice, to: Recipient, now: Timestamp) -> Result<(), Error> {
        let text = render(notice.key, to.language, &notice.params).map_err(Error::internal)?;
        if let Some(posted) = store::post(&self.pool, id, notice, &text, now).await? {
            (self.publish)(notice.user, &posted);
        }
        Ok(())
    }

    /// The person's notices, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(&self, user: UserId, page: &PageRequest) -> Result<Page<Notice>, Error> {
        let rows = store::list(&self.pool, user, page).await?;
        Ok(Page::new(rows, page, Notice::position))
    }

    /// Marks a notice as read; reading it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the person has no such notice.
    pub async fn read(&self, user: UserId, id: Uuid, now: Timestamp) -> Result<Notice, Error> {
        store::read(&self.pool, user, id, now).await?.ok_or(Error::NotFound { what: "notification" })
    }
}

const fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::Refused { .. } => "refused",
        Outcome::TryAgain { .. } => "try_again",
    }
}

#[cfg(test)]
mod tests;
