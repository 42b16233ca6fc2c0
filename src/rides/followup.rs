//! The work a decision leaves behind, written as jobs in the same transaction.

use crate::dispatch::{Decision, Fact, RideEnd};
use crate::jobs::{Job, New, NewJob};
use crate::notifications::{Key, Params, SendSms};
use crate::payments::jobs::SettleRide;
use crate::rides::ride::Ride;

/// Adds the follow-up jobs of a decision.
pub fn enqueue(ride: &Ride, decision: &Decision, request_id: Option<&str>, jobs: &mut Vec<NewJob>) {
    let (Fact::Ended(RideEnd::Completed), Some(driver)) = (&decision.fact, ride.driver) else { return };
    let settle = SettleRide {
        ride_id: ride.id,
        driver_id: driver,
        fare_rwf: ride.fare,
        payment_method: ride.payment_method,
        completed_at: decision.at,
    };
    let params = Params::from([("fare".to_owned(), ride.fare.to_string())]);
    let receipt = SendSms::new(ride.rider.into(), Key::TripCompleted, params, decision.at);
    push(&settle, format!("settle:{}", ride.id), decision, request_id, jobs);
    push(&receipt, format!("receipt:{}", ride.id), decision, request_id, jobs);
}

fn push<J: Job>(job: &J, cause: String, decision: &Decision, request_id: Option<&str>, jobs: &mut Vec<NewJob>) {
    let mut new = New::at(decision.at).dedupe(cause);
    if let Some(request_id) = request_id {
        new = new.request(request_id);
    }
    match NewJob::of(job, new) {
        Ok(job) => jobs.push(job),
        // Only a job too large or not expressible as JSON fails here, and these two are neither.
        Err(error) => {
            tracing::error!(ride.id = %decision.ride, error = %crate::telemetry::chain(&error), "a follow-up was lost")
        }
    }
}
