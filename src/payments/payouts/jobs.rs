//! The durable jobs of payouts, refunds and the watch.
//!
//! Separate because the clock makes them, not a ride.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use super::terms::week_of;
use crate::error::Error;
use crate::jobs::{self, Context, Job, New, Registry};
use crate::payments::Payments;
use crate::time::{Span, Timestamp};

/// Sends a refund that the provider did not take as one as a payment of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResendRefund {
    /// Which.
    pub refund_id: Uuid,
}

impl Job for ResendRefund {
    const KIND: &'static str = "payments.resend_refund";
    const ATTEMPTS_MAX: u16 = 100;
    const LEASE: Span = Span::from_secs(30);
}

/// Makes the payouts of a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayWeekly {
    /// Any time between this settlement and the next.
    pub as_of: Timestamp,
}

impl Job for PayWeekly {
    const KIND: &'static str = "payments.pay_weekly";
    // A run that was cut off goes on where it was; by hand it can be run at any time.
    const ATTEMPTS_MAX: u16 = 50;
    const LEASE: Span = Span::from_minutes(10);
}

/// Sends payouts that waited for money of ours, and looks at the last day by the rules of the watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookRound {
    /// Names the minutes, so that there is one job for each look.
    pub slot: i64,
}

impl Job for LookRound {
    const KIND: &'static str = "payments.look_round";
    // The next look does the same.
    const ATTEMPTS_MAX: u16 = 2;
    const LEASE: Span = Span::from_minutes(5);
}

/// Between two looks.
const LOOK_EVERY: Span = Span::from_minutes(5);

/// Writes down what is to be done by the clock, at most once for each week and look: harmless to call as often as one likes,
/// from as many processes as there are.
///
/// # Errors
/// When the database is away.
pub async fn schedule(pool: &PgPool, now: Timestamp) -> Result<(), Error> {
    let mut conn = pool.acquire().await?;
    let week = week_of(now);
    jobs::enqueue(&mut conn, &PayWeekly { as_of: now }, New::at(now).dedupe(format!("payments.pay_weekly:{week}")))
        .await?;
    let slot = now.as_millis() / LOOK_EVERY.as_millis();
    jobs::enqueue(&mut conn, &LookRound { slot }, New::at(now).dedupe(format!("payments.look_round:{slot}"))).await?;
    Ok(())
}

/// Registers the handlers.
#[must_use]
pub fn register(registry: Registry, payments: &Payments) -> Registry {
    let (resending, paying, looking) = (payments.clone(), payments.clone(), payments.clone());
    registry
        .on(move |job: ResendRefund, context: Context| {
            let payments = resending.clone();
            async move { Ok(payments.resend_refund(job.refund_id, context.now).await?) }
        })
        .on(move |job: PayWeekly, context: Context| {
            let payments = paying.clone();
            async move {
                let run = payments.pay_weekly(job.as_of, context.now).await?;
                tracing::info!(
                    sent = run.sent,
                    held = run.held,
                    waiting = run.awaiting_approval,
                    skipped = run.skipped,
                    amount_rwf = run.amount,
                    "the weekly settlement is done"
                );
                Ok(())
            }
        })
        .on(move |_: LookRound, context: Context| {
            let payments = looking.clone();
            async move {
                payments.release_held(context.now).await?;
                payments.watch(context.now).await?;
                Ok(())
            }
        })
}
