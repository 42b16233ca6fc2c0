//! The durable jobs of this service.

use serde::{Deserialize, Serialize};

use super::{PaymentMethod, Payments, SettleError};
use crate::ids::{DriverId, RideId};
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
    /// How the rider paid.
    pub payment_method: PaymentMethod,
    /// When it ended: the time of the transaction in the books.
    pub completed_at: Timestamp,
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
