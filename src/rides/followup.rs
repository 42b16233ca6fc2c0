//! The work a decision leaves behind, written as jobs in the same transaction.

use crate::dispatch::{Decision, Fact, RideEnd};
use crate::jobs::{self, New, NewJob};
use crate::money::Francs;
use crate::notifications::{Key, Params, SendSms};
use crate::payments::jobs::{ChargeCancellation, SettleRide};
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
        // Whoever had an agent book has no app to look at.
        Fact::Assigned { driver, offer, .. } if ride.booked_by.is_some() => {
            let word = SendWord { ride_id: ride.id, word: Word::WhoComes { driver: *driver } };
            push(NewJob::of(&word, new(decision, cause, format!("who-comes:{offer}"))));
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
        Fact::Ended(RideEnd::NoDriverFound) if ride.product.schedule.is_some() || ride.booked_by.is_some() => {
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
                rider_id: Some(ride.rider),
                plan: ride.payment_plan.clone(),
                ride_type: ride.ride_type.as_str().to_owned(),
                terms: Some(ride.price.terms.clone()).filter(|name| !name.is_empty()),
                completed_at: decision.at,
            };
            push(NewJob::of(&settle, new(decision, cause, format!("settle:{}", ride.id))));
            push(NewJob::of(&receipt(ride, decision), new(decision, cause, format!("receipt:{}", ride.id))));
        }
        Fact::Ended(_) if owed(ride) > Francs::ZERO => {
            push(NewJob::of(&charge(ride, decision), new(decision, cause, format!("charge-cancel:{}", ride.id))));
            // The app says so to everybody else.
            if ride.booked_by.is_none() {
                return;
            }
            let params = Params::from([("fee".to_owned(), owed(ride).amount().to_string())]);
            let fee = SendSms::new(ride.rider.into(), Key::CancelFee, params, decision.at);
            push(NewJob::of(&fee, new(decision, cause, format!("cancel-fee:{}", ride.id))));
        }
        _ => {}
    }
}

/// What the rider owes for having called off.
fn owed(ride: &Ride) -> Francs {
    ride.cancellation.as_ref().map_or(Francs::ZERO, |cancellation| cancellation.fee)
}

/// What the rider is asked for, by the method they chose.
fn charge(ride: &Ride, decision: &Decision) -> ChargeCancellation {
    let compensation_rwf = ride.cancellation.as_ref().map_or(Francs::ZERO, |cancellation| cancellation.compensation);
    ChargeCancellation {
        ride_id: ride.id,
        rider_id: ride.rider,
        driver_id: ride.driver,
        fee_rwf: owed(ride),
        compensation_rwf,
        payment_method: ride.payment_method,
        plan: ride.payment_plan.clone(),
        ride_type: ride.ride_type.as_str().to_owned(),
        at: decision.at,
    }
}

/// What the rider is told at the end. Without the receiver's name: the text is kept, and they have no account.
fn receipt(ride: &Ride, decision: &Decision) -> SendSms {
    let params = Params::from([("fare".to_owned(), ride.to_pay().to_string())]);
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dispatch::Pin;
    use crate::ids::{DriverId, OfferId};
    use crate::rides::product::tests::config;
    use crate::rides::product::{Parcel, Product};
    use crate::rides::ride::tests::ride;
    use crate::rides::words::ParcelSize;
    use crate::time::Timestamp;

    /// The kinds of jobs that follow from a fact.
    fn kinds(ride: &Ride, fact: Fact) -> Vec<&'static str> {
        let decision = Decision { ride: ride.id, seq: 1, at: ride.requested_at, fact };
        let cause = Cause { request_id: None, reminder_lead: config().reminder_lead };
        let mut jobs = Vec::new();
        enqueue(ride, &decision, cause, &mut jobs);
        jobs.iter().map(NewJob::kind).collect()
    }

    fn delivery() -> Ride {
        let parcel = Parcel {
            sender: None,
            receiver: None,
            description: "a book".into(),
            size: ParcelSize::Small,
            handover: Pin::from_random(42),
        };
        Ride { product: Product { parcel: Some(parcel), ..Product::default() }, ..driven() }
    }

    fn driven() -> Ride {
        Ride { driver: Some(DriverId(Uuid::from_u128(9))), ..ride() }
    }

    fn scheduled(at: Timestamp) -> Ride {
        Ride { product: Product { schedule: Some(config().schedule(at)), ..Product::default() }, ..driven() }
    }

    #[test]
    fn a_ride_for_later_is_reminded_of_when_there_is_time_for_it() {
        let requested = || Fact::Requested { rider: ride().rider };
        let at = |minutes| ride().requested_at + Span::from_minutes(minutes);
        assert_eq!(kinds(&scheduled(at(61)), requested()), ["rides.send_word"]);
        assert_eq!(kinds(&scheduled(at(61)), Fact::Rescheduled { search_from: at(46) }), ["rides.send_word"]);
        assert!(kinds(&scheduled(at(60)), requested()).is_empty(), "now is no time for a reminder");
        assert!(kinds(&ride(), requested()).is_empty());
    }

    #[test]
    fn whoever_does_not_look_at_the_app_is_written_to() {
        let offer = OfferId { ride: ride().id, ordinal: 1 };
        let assigned = || Fact::Assigned { driver: DriverId(Uuid::from_u128(9)), offer, is_next: false };
        let later = scheduled(ride().requested_at + Span::from_minutes(90));
        assert_eq!(kinds(&later, assigned()), ["rides.send_word"]);
        assert_eq!(kinds(&later, Fact::Ended(RideEnd::NoDriverFound)), ["notifications.send_sms"]);
        assert!(kinds(&driven(), assigned()).is_empty() && kinds(&driven(), Fact::Started).is_empty());
        assert_eq!(kinds(&delivery(), Fact::Started), ["rides.send_word"]);
        for ride in [driven(), delivery()] {
            let ended = kinds(&ride, Fact::Ended(RideEnd::Completed));
            assert_eq!(ended, ["payments.settle_ride", "notifications.send_sms"]);
        }
    }

    #[test]
    fn whoever_had_an_agent_book_is_told_by_sms() {
        let driver = DriverId(Uuid::from_u128(9));
        let assigned = Fact::Assigned { driver, offer: OfferId { ride: ride().id, ordinal: 1 }, is_next: false };
        let booked = || Ride { booked_by: Some(crate::ids::UserId(Uuid::from_u128(3))), ..driven() };
        assert_eq!(kinds(&booked(), assigned), ["rides.send_word"]);
        assert_eq!(kinds(&booked(), Fact::Ended(RideEnd::NoDriverFound)), ["notifications.send_sms"]);
        let ended = || Fact::Ended(RideEnd::CancelledByCustomer);
        assert!(kinds(&booked(), ended()).is_empty(), "it cost nothing");
        let cancellation = Some(crate::rides::ride::Cancellation {
            by: "customer",
            reason: crate::rides::words::CancelReason::ChangedMind,
            note: None,
            fee: Francs(200),
            compensation: Francs(200),
            cause: None,
        });
        assert_eq!(
            kinds(&Ride { cancellation: cancellation.clone(), ..booked() }, ended()),
            ["payments.charge_cancellation", "notifications.send_sms"]
        );
        let by_app = kinds(&Ride { cancellation, ..driven() }, ended());
        assert_eq!(by_app, ["payments.charge_cancellation"], "the app says so");
    }
}
