//! The durable jobs of this service.

use serde::{Deserialize, Serialize};

use super::{PaymentMethod, Payments, Plan, SettleError};
use crate::ids::{DriverId, RideId, RiderId};
use crate::jobs::{Context, Failure, Job, New, Registry};
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

/// Registers the handlers of this service.
#[must_use]
pub fn register(registry: Registry, payments: Payments) -> Registry {
    registry.on::<SettleRide, _, _>(move |ride, context| settle_ride(payments.clone(), ride, context))
}

/// Runs one settlement; running it again changes nothing.
pub(super) async fn settle_ride(payments: Payments, ride: SettleRide, _: Context) -> Result<(), Failure> {
    match payments.settle_ride(&ride).await {
        Ok(_) => Ok(()),
        Err(SettleError::Database(error)) => Err(error.into()),
        Err(SettleError::Amounts(error)) => Err(Failure::dead(error.to_string())),
    }
}
