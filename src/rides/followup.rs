//! The work a decision leaves behind, written as jobs in the same transaction.

use crate::dispatch::{Decision, Fact, RideEnd};
use crate::jobs::{self, New, NewJob};
use crate::notifications::{Key, Params, SendSms};
use crate::payments::jobs::SettleRide;
use crate::rides::jobs::{SendWord, Word};
use crate::rides::product::Schedule;
use crate::rides::ride::Ride;
use crate::time::Span;

/// What is behind a decision.
#[derive(Clone, Copy)]
pub struct Cause<'a> {
    /// The request, if it was one.
    pub request_id: Option<&'a str>,
    /// How long before the pickup of a scheduled ride its rider is reminded.
    pub reminder_lead: Span,
}

/// Adds the follow-up jobs of a decision.
pub fn enqueue(ride: &Ride, decision: &Decision, cause: Cause<'_>, jobs: &mut Vec<NewJob>) {
    let mut push = |job: Result<NewJob, jobs::Error>| keep(job, decision, jobs);
    match &decision.fact {
        Fact::Requested { .. } | Fact::Rescheduled { .. } => {
            if let Some(schedule) = ride.product.schedule
                && let due = schedule.pickup_at - cause.reminder_lead
                && due > decision.at
            {
                let Schedule { pickup_at, .. } = schedule;
                let reminder = SendWord { ride_id: ride.id, word: Word::Reminder { pickup_at } };
                let new = new(decision, cause, format!("reminder:{}:{}", ride.id, pickup_at.as_millis()));
                push(NewJob::of(&reminder, new.run_at(due)));
            }
        }
        // Whoever scheduled a ride does not look at the app meanwhile.
        Fact::Assigned { offer, .. } if ride.product.schedule.is_some() => {
            let word = SendWord { ride_id: ride.id, word: Word::DriverComing };
            push(NewJob::of(&word, new(decision, cause, format!("driver:{offer}"))));
        }
        Fact::Started if ride.product.parcel.is_some() => {
            let word = SendWord { ride_id: ride.id, word: Word::ParcelComing };
            push(NewJob::of(&word, new(decision, cause, format!("parcel:{}", ride.id))));
        }
        Fact::Ended(RideEnd::NoDriverFound) if ride.product.schedule.is_some() => {
            let word = SendSms::new(ride.rider.into(), Key::NoDrivers, Params::new(), decision.at);
            push(NewJob::of(&word, new(decision, cause, format!("no_driver:{}", ride.id))));
        }
        Fact::Ended(RideEnd::Completed) => {
            let Some(driver) = ride.driver else { return };
            let settle = SettleRide {
                ride_id: ride.id,
                driver_id: driver,
                fare_rwf: ride.fare,
                payment_method: ride.payment_method,
                completed_at: decision.at,
            };
            push(NewJob::of(&settle, new(decision, cause, format!("settle:{}", ride.id))));
            push(NewJob::of(&receipt(ride, decision), new(decision, cause, format!("receipt:{}", ride.id))));
        }
        _ => {}
    }
}

/// What the rider is told at the end. Without the receiver's name: the text is kept, and they have no account.
fn receipt(ride: &Ride, decision: &Decision) -> SendSms {
    let params = Params::from([("fare".to_owned(), ride.fare.to_string())]);
    let key = if ride.product.parcel.is_some() { Key::ParcelDelivered } else { Key::TripCompleted };
    SendSms::new(ride.rider.into(), key, params, decision.at)
}

fn new(decision: &Decision, cause: Cause<'_>, name: String) -> New {
    let new = New::at(decision.at).dedupe(name);
    match cause.request_id {
        Some(request_id) => new.request(request_id),
        None => new,
    }
}

fn keep(job: Result<NewJob, jobs::Error>, decision: &Decision, jobs: &mut Vec<NewJob>) {
    match job {
        Ok(job) => jobs.push(job),
        // Only a job too large or not expressible as JSON fails here, and these are neither.
        Err(error) => {
            tracing::error!(ride.id = %decision.ride, error = %crate::telemetry::chain(&error), "a follow-up was lost")
        }
    }
}
