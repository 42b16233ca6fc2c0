//! The durable jobs of this service.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::reconciliation::Source;
use super::{PaymentMethod, Payments, Plan, ProviderId, SettleError, payouts};
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
    /// By which terms it was sold; those of its end when left out.
    #[serde(default)]
    pub terms: Option<String>,
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

/// Reconciles a day with a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileDay {
    /// With whom.
    pub provider: ProviderId,
    /// Which day, of the Kigali calendar.
    pub day: NaiveDate,
}

impl Job for ReconcileDay {
    const KIND: &'static str = "payments.reconcile_day";
    // A provider may be away for hours; the next night does not make up for this one.
    const ATTEMPTS_MAX: u16 = 50;
    const LEASE: Span = Span::from_minutes(10);
}

/// When the day before is reconciled: in Kigali half past two, when providers have closed their day.
const RECONCILED_AFTER: Span = Span::from_minutes(150);

/// Writes down what is to be done by the clock, at most once for each day: harmless to call as often as one likes, from as
/// many processes as there are.
///
/// # Errors
/// When the database is away.
pub async fn schedule(pool: &PgPool, now: Timestamp) -> Result<(), Error> {
    payouts::jobs::schedule(pool, now).await?;
    let today = now.kigali_day();
    let Some(day) = today.pred_opt() else { return Ok(()) };
    let at = Timestamp::start_of_kigali_day(today) + RECONCILED_AFTER;
    if now < at {
        return Ok(());
    }
    let mut conn = pool.acquire().await?;
    for provider in ProviderId::ALL {
        let job = ReconcileDay { provider, day };
        let dedupe = format!("payments.reconcile:{}:{day}", provider.as_str());
        jobs::enqueue(&mut conn, &job, New::at(now).dedupe(dedupe)).await?;
    }
    Ok(())
}

/// Runs one night's reconciliation; running it again books nothing twice.
async fn reconcile_day(payments: Payments, job: ReconcileDay, context: Context) -> Result<(), Failure> {
    let done = payments.reconcile(job.provider, job.day, Source::Provider, context.now).await?;
    tracing::info!(
        provider = job.provider.as_str(), day = %job.day, source = done.source, cases = done.cases_opened,
        is_clean = done.is_clean(), "a day was reconciled"
    );
    Ok(())
}

/// Registers the handlers of this service.
#[must_use]
pub fn register(registry: Registry, payments: Payments) -> Registry {
    let (charging, nightly) = (payments.clone(), payments.clone());
    payouts::jobs::register(registry, &payments)
        .on::<SettleRide, _, _>(move |ride, context| settle_ride(payments.clone(), ride, context))
        .on::<ChargeCancellation, _, _>(move |fee, context| charge_cancellation(charging.clone(), fee, context))
        .on::<ReconcileDay, _, _>(move |job, context| reconcile_day(nightly.clone(), job, context))
}

/// Runs one settlement; running it again changes nothing. One of before wallets is posted as it was then: its cause is
/// another one, and the books must not have it twice.
pub(super) async fn settle_ride(payments: Payments, ride: SettleRide, context: Context) -> Result<(), Failure> {
    let settled = match ride.rider_id {
        Some(rider) => payments.open_ride(&ride, rider, context.now).await.map_err(SettleError::Intent),
        None => payments.settle_ride(&ride).await,
    };
    match settled {
        Ok(_) => Ok(()),
        Err(SettleError::Database(error)) => Err(error.into()),
        Err(SettleError::Intent(error)) => Err(error.into()),
        Err(SettleError::Amounts(error)) => Err(Failure::dead(error.to_string())),
    }
}

/// Opens what is owed for a ride that was called off; running it again changes nothing.
async fn charge_cancellation(payments: Payments, fee: ChargeCancellation, context: Context) -> Result<(), Failure> {
    payments.open_cancellation(&fee, context.now).await?;
    Ok(())
}
