//! The durable jobs of this service, and the one call by which other services cause them.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::ids::UserId;
use crate::jobs::{self, Context, Failure, Job, New, NewJob, Registry};
use crate::notifications::{Delivered, Delivery, Key, Notifications, Params, Recipients};
use crate::time::{Span, Timestamp};

/// Sends a text to a person's phone. Not for texts that hold a secret: the values are in the job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendSms {
    /// To whom; the number is looked up when the job runs.
    pub user: UserId,
    /// Which text.
    pub key: Key,
    /// What goes into it.
    pub params: Params,
    /// After this it is not worth sending.
    pub good_until: Timestamp,
}

impl SendSms {
    /// To be sent now, and for as long as the text is useful.
    pub fn new(user: UserId, key: Key, params: Params, now: Timestamp) -> Self {
        Self { user, key, params, good_until: now + key.useful_for() }
    }
}

impl Job for SendSms {
    const KIND: &'static str = "notifications.send_sms";
    const ATTEMPTS_MAX: u16 = 8;
    const LEASE: Span = Span::from_secs(60);
}

/// Puts a notice into a person's app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostNotice {
    /// To whom.
    pub user: UserId,
    /// Which text.
    pub key: Key,
    /// What goes into it.
    pub params: Params,
}

impl Job for PostNotice {
    const KIND: &'static str = "notifications.post_notice";
    const ATTEMPTS_MAX: u16 = 8;
    const LEASE: Span = Span::from_secs(30);
}

/// Tells a person something by SMS and in the app, as part of the caller's transaction.
///
/// # Errors
/// As [`jobs::enqueue_all`].
pub async fn tell(
    conn: &mut PgConnection,
    user: UserId,
    key: Key,
    params: Params,
    new: New,
) -> Result<(), jobs::Error> {
    let sms = NewJob::of(&SendSms::new(user, key, params.clone(), new.now), new.clone())?;
    let notice = NewJob::of(&PostNotice { user, key, params }, new)?;
    jobs::enqueue_all(conn, &[sms, notice]).await?;
    Ok(())
}

/// Registers the handlers of this service's jobs.
#[must_use]
pub fn register(registry: Registry, notifications: &Notifications, recipients: &Recipients) -> Registry {
    let sms = (notifications.clone(), recipients.clone());
    let notice = sms.clone();
    registry
        .on(move |job: SendSms, context| {
            let (notifications, recipients) = sms.clone();
            async move { send_sms(&notifications, &recipients, job, context).await }
        })
        .on(move |job: PostNotice, context| {
            let (notifications, recipients) = notice.clone();
            async move { post_notice(&notifications, &recipients, job, context).await }
        })
}

pub(super) async fn send_sms(
    notifications: &Notifications,
    recipients: &Recipients,
    job: SendSms,
    context: Context,
) -> Result<(), Failure> {
    if context.now > job.good_until {
        tracing::info!(job.id = %context.job_id, key = job.key.as_str(), "an SMS was dropped: too late to be useful");
        return Ok(());
    }
    let Some(to) = recipients(job.user).await? else { return Ok(()) };
    let delivery = Delivery {
        id: context.job_id.0,
        user: job.user,
        to,
        key: job.key,
        params: &job.params,
        is_last_attempt: context.attempt >= SendSms::ATTEMPTS_MAX,
    };
    match notifications.deliver_sms(delivery, context.now).await? {
        Delivered::Settled => Ok(()),
        Delivered::TryAgain { reason } => Err(Failure::retry(reason)),
    }
}

pub(super) async fn post_notice(
    notifications: &Notifications,
    recipients: &Recipients,
    job: PostNotice,
    context: Context,
) -> Result<(), Failure> {
    let Some(to) = recipients(job.user).await? else { return Ok(()) };
    Ok(notifications.post_notice(context.job_id.0, &job, to, context.now).await?)
}
