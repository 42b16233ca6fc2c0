//! The durable jobs of this service.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use super::payouts::terms::week_of;
use super::{PaymentMethod, Payments, Plan, SettleError};
use crate::error::Error;
use crate::ids::{DriverId, RideId, RiderId};
use crate::jobs::{self, Context, Failure, Job, New, Registry};
use crate::money::Francs;
use crate::time::{Span, Timestamp};

/// Writes a completed ride into the ledger. Enqueued in the transaction that completes the ride.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleRide {
    /// Which ride.
    pub ride_id: RideId,
    /// Who drove it.
    pub driver_id: DriverId,
    /// What it cost at the end.
    pub fare_rwf: Francs,
    /// How the rider wants to pay.
    pub payment_method: PaymentMethod,
    /// Who rode. Not known of jobs that were written before wallets were: all of them are cash.
    #[serde(default)]
    pub rider_id: Option<RiderId>,
    /// What the rider chose besides the method.
    #[serde(default)]
    pub plan: Plan,
    /// `boda` or `delivery`: what the terms are asked for.
    #[serde(default = "boda")]
    pub ride_type: String,
    /// When it ended: the time of the transaction in the books.
    pub completed_at: Timestamp,
}

fn boda() -> String {
    "boda".to_owned()
}

/// Asks the rider for the fee of a ride that was called off. Enqueued in the transaction that ends the ride.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeCancellation {
    /// Which ride.
    pub ride_id: RideId,
    /// Who owes.
    pub rider_id: RiderId,
    /// Who is compensated.
    pub driver_id: Option<DriverId>,
    /// What is owed.
    pub fee_rwf: Francs,
    /// What of it is the driver's.
    pub compensation_rwf: Francs,
    /// How the rider wanted to pay the ride.
    pub payment_method: PaymentMethod,
    /// What the rider chose besides the method.
    #[serde(default)]
    pub plan: Plan,
    /// `boda` or `delivery`: what the terms are asked for.
    #[serde(default = "boda")]
    pub ride_type: String,
    /// When it was called off.
    pub at: Timestamp,
}

impl Job for ChargeCancellation {
    const KIND: &'static str = "payments.charge_cancellation";
    const ATTEMPTS_MAX: u16 = 100;
    const LEASE: Span = Span::from_secs(30);
}

impl SettleRide {
    /// To be run at once, at most once for each ride. `now` is the time of the completion's transaction.
    pub fn new_job(&self, now: Timestamp) -> New {
        New::at(now).dedupe(format!("settle:{}", self.ride_id))
    }
}

impl Job for SettleRide {
    const KIND: &'static str = "payments.settle_ride";
    // Only our own database can be in the way: keep trying for about a day before a person has to look.
    const ATTEMPTS_MAX: u16 = 100;
    const LEASE: Span = Span::from_secs(30);
}

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

/// Registers the handlers of this service.
#[must_use]
pub fn register(registry: Registry, payments: Payments) -> Registry {
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
        .on::<SettleRide, _, _>(move |ride, context| settle_ride(payments.clone(), ride, context))
}

/// Runs one settlement; running it again changes nothing.
pub(super) async fn settle_ride(payments: Payments, ride: SettleRide, _: Context) -> Result<(), Failure> {
    match payments.settle_ride(&ride).await {
        Ok(_) => Ok(()),
        Err(SettleError::Database(error)) => Err(error.into()),
        Err(SettleError::Amounts(error)) => Err(Failure::dead(error.to_string())),
    }
}
