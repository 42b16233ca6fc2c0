//! One group commit: everything the core decided in one go, in one transaction, in a handful of statements.
//!
//! The order of the statements is what keeps the partial unique indexes (one ride under way, one next and one open offer for a
//! driver, one live ride for a rider) satisfied at every step: what ends is written before what begins.

use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::row::{booked_json, ride_json};
use super::{fare_proofs, offer_json};
use crate::dispatch::{Decision, Fact, OfferOutcome, ReleaseReason, RideEnd, Trouble};
use crate::drivers;
use crate::ids::RideId;
use crate::jobs;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::decisions;
use crate::rides::desk::{Batch, Closing, NewEvent, Remark, outcome_word};
use crate::rides::ride::{Offer, Ride, status_of};
use crate::vault::Vault;

/// Writes a batch, all of it or nothing. Writing the same batch again is harmless: after a lost reply to COMMIT the
/// caller cannot know whether it holds, and asks again.
///
/// # Errors
/// Whatever the database says; nothing was written then.
pub async fn commit(pool: &PgPool, vault: &Vault, batch: &Batch) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let (ended, live): (Vec<&Ride>, Vec<&Ride>) = batch.rides.iter().partition(|ride| !ride.status.is_live());
    let (closed, open): (Vec<_>, Vec<_>) = batch.offers.iter().partition(|(_, closing)| closing.is_some());
    write_rides(&mut transaction, vault, &ended, &batch.events).await?;
    free_drivers(&mut transaction, &batch.events).await?;
    write_rides(&mut transaction, vault, &live, &batch.events).await?;
    upsert_offers(&mut transaction, &closed).await?;
    upsert_offers(&mut transaction, &open).await?;
    let new_events = insert_events(&mut transaction, &batch.events).await?;
    if new_events == 0 && !batch.events.is_empty() {
        // This very batch was committed before and only the reply was lost: a batch is there as a whole or not at all.
        return transaction.rollback().await;
    }
    decisions::store::insert(&mut transaction, &batch.kept).await?;
    fare_proofs::insert(&mut transaction, &batch.proofs).await?;
    for shift in &batch.shifts {
        if shift.opened {
            drivers::open_shift(&mut transaction, shift.driver, shift.at).await?;
        } else {
            drivers::close_shift(&mut transaction, shift.driver, shift.at).await?;
        }
    }
    for ride in ended.iter().filter(|ride| ride.status == RideStatus::Completed) {
        if let Some(driver) = ride.driver {
            drivers::record_completed(&mut transaction, driver).await?;
        }
    }
    if !batch.jobs.is_empty() {
        jobs::enqueue_all(&mut transaction, &batch.jobs).await.map_err(|error| match error {
            jobs::Error::Database(error) => error,
            other => sqlx::Error::Encode(Box::new(other)),
        })?;
    }
    transaction.commit().await
}

/// Drivers may change rides among those of one batch, in a circle even: who left one, or has their next one before them now,
/// has none for the length of a statement.
async fn free_drivers(conn: &mut PgConnection, events: &[NewEvent]) -> Result<(), sqlx::Error> {
    let is_moved = |fact: &Fact| matches!(fact, Fact::Released { .. } | Fact::OnTheWay);
    let moved = events.iter().filter(|event| is_moved(&event.decision.fact));
    let ids: Vec<_> = moved.map(|event| event.decision.ride.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE rides SET driver_id = NULL, is_next = false, status = 'requested'
         WHERE id = ANY($1) AND status IN ('driver_assigned', 'driver_arrived')",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What never changes of a ride that was written: it is not sent again.
const SETTLED: [&str; 16] = [
    "rider_id",
    "ride_type",
    "payment_method",
    "payment_plan",
    "pickup_lat",
    "pickup_lng",
    "pickup_address",
    "pickup_landmark",
    "destination_lat",
    "destination_lng",
    "destination_address",
    "destination_landmark",
    "notes",
    "request_hash",
    "pin",
    "requested_at",
];

/// Rides that were booked in this batch are inserted, the others are there and changed: half the work of an upsert, which
/// is written for those of whom that turns out to be wrong.
async fn write_rides(
    conn: &mut PgConnection,
    vault: &Vault,
    rides: &[&Ride],
    events: &[NewEvent],
) -> Result<(), sqlx::Error> {
    let is_booked = |event: &&NewEvent| matches!(event.decision.fact, Fact::Requested { .. });
    let booked: FxHashSet<RideId> = events.iter().filter(is_booked).map(|event| event.decision.ride).collect();
    let (new, known): (Vec<&Ride>, Vec<&Ride>) = rides.iter().copied().partition(|ride| booked.contains(&ride.id));
    if update_rides(conn, &known).await? < known.len() as u64 {
        upsert_rides(conn, vault, &known).await?;
    }
    upsert_rides(conn, vault, &new).await
}

async fn update_rides(conn: &mut PgConnection, rides: &[&Ride]) -> Result<u64, sqlx::Error> {
    if rides.is_empty() {
        return Ok(0);
    }
    let row = |ride: &&Ride| {
        let mut row = ride_json(ride);
        if let Value::Object(fields) = &mut row {
            fields.retain(|field, value| !value.is_null() && !SETTLED.contains(&field.as_str()));
        }
        row
    };
    let rows = Value::Array(rides.iter().map(row).collect());
    let done = sqlx::query!(
        "UPDATE rides SET
             driver_id = r.driver_id, is_next = r.is_next, status = r.status, fare_rwf = r.fare_rwf,
             waiting_s = r.waiting_s, matched_distance_m = r.matched_distance_m,
             cancelled_by = r.cancelled_by, cancel_reason = r.cancel_reason,
             cancel_note = r.cancel_note, cancellation_fee_rwf = r.cancellation_fee_rwf,
             cancellation_compensation_rwf = r.cancellation_compensation_rwf,
             cancellation_cause = r.cancellation_cause,
             offers_made = r.offers_made, assigned_at = r.assigned_at, arrived_at = r.arrived_at,
             started_at = r.started_at, ended_at = r.ended_at, stops = r.stops,
             pickup_at = r.pickup_at, search_from = r.search_from,
             promised_from = r.promised_from, promised_to = r.promised_to, tariff = r.tariff,
             quoted_fare_rwf = r.quoted_fare_rwf, express_basis_points = r.express_basis_points,
             quote_id = r.quote_id, estimated_distance_m = r.estimated_distance_m,
             estimated_duration_s = r.estimated_duration_s, surge_basis_points = r.surge_basis_points,
             price_basis = r.price_basis
         FROM jsonb_populate_recordset(null::rides, $1) AS r WHERE rides.id = r.id",
        rows
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

async fn upsert_rides(conn: &mut PgConnection, vault: &Vault, rides: &[&Ride]) -> Result<(), sqlx::Error> {
    if rides.is_empty() {
        return Ok(());
    }
    let rows = rides.iter().map(|ride| booked_json(vault, ride)).collect::<Result<Vec<_>, _>>();
    let rows = Value::Array(rows.map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
    sqlx::query!(
        "INSERT INTO rides SELECT * FROM jsonb_populate_recordset(null::rides, $1)
         ON CONFLICT (id) DO UPDATE SET
             driver_id = excluded.driver_id, is_next = excluded.is_next, status = excluded.status, fare_rwf = excluded.fare_rwf,
             waiting_s = excluded.waiting_s, matched_distance_m = excluded.matched_distance_m,
             cancelled_by = excluded.cancelled_by, cancel_reason = excluded.cancel_reason,
             cancel_note = excluded.cancel_note, cancellation_fee_rwf = excluded.cancellation_fee_rwf,
             cancellation_compensation_rwf = excluded.cancellation_compensation_rwf,
             cancellation_cause = excluded.cancellation_cause,
             offers_made = excluded.offers_made, assigned_at = excluded.assigned_at, arrived_at = excluded.arrived_at,
             started_at = excluded.started_at, ended_at = excluded.ended_at, stops = excluded.stops,
             pickup_at = excluded.pickup_at, search_from = excluded.search_from,
             promised_from = excluded.promised_from, promised_to = excluded.promised_to, tariff = excluded.tariff,
             quoted_fare_rwf = excluded.quoted_fare_rwf, express_basis_points = excluded.express_basis_points,
             quote_id = excluded.quote_id, estimated_distance_m = excluded.estimated_distance_m,
             estimated_duration_s = excluded.estimated_duration_s, surge_basis_points = excluded.surge_basis_points,
             price_basis = excluded.price_basis",
        rows
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn upsert_offers(conn: &mut PgConnection, offers: &[&(Offer, Option<Closing>)]) -> Result<(), sqlx::Error> {
    if offers.is_empty() {
        return Ok(());
    }
    let rows = Value::Array(offers.iter().map(|(offer, closing)| offer_json(offer, closing.as_ref())).collect());
    sqlx::query!(
        "INSERT INTO offers SELECT * FROM jsonb_populate_recordset(null::offers, $1)
         ON CONFLICT (ride_id, ordinal) DO UPDATE SET
             outcome = excluded.outcome, reason = excluded.reason, closed_at = excluded.closed_at",
        rows
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_events(conn: &mut PgConnection, events: &[NewEvent]) -> Result<u64, sqlx::Error> {
    if events.is_empty() {
        return Ok(0);
    }
    let rows = Value::Array(events.iter().map(event_json).collect());
    let done = sqlx::query!(
        "INSERT INTO ride_events SELECT * FROM jsonb_populate_recordset(null::ride_events, $1)
         ON CONFLICT (ride_id, seq) DO NOTHING",
        rows
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

fn event_json(event: &NewEvent) -> Value {
    let Decision { ride, seq, at, fact } = &event.decision;
    let (kind, mut data) = describe(*ride, fact, &event.remark);
    if !event.is_heard {
        data["unheard"] = Value::Bool(true);
    }
    json!({
        "ride_id": ride, "seq": seq, "at": at, "kind": kind, "data": data,
        "actor": event.actor.role, "actor_id": event.actor.id,
        "stream_seq": event.stream_seq,
    })
}

/// The name of a fact in the timeline and its details.
pub(super) fn describe(ride: RideId, fact: &Fact, remark: &Remark) -> (&'static str, Value) {
    match fact {
        Fact::Requested { .. } => ("requested", json!({})),
        Fact::Rescheduled { search_from } => ("rescheduled", json!({"search_from": search_from})),
        Fact::SearchBegan => ("search_began", json!({})),
        Fact::OfferMade { offer, driver, pickup_eta, pickup_distance_m, deadline } => (
            "offer_made",
            json!({"offer_id": offer, "driver_id": driver, "pickup_eta_s": pickup_eta.as_secs(),
                   "pickup_distance_m": pickup_distance_m, "deadline": deadline}),
        ),
        Fact::OfferClosed { offer, driver, outcome } => {
            let reason = if let Remark::Declined(reason) = remark { Some(reason.as_str()) } else { None };
            let data =
                json!({"offer_id": offer, "driver_id": driver, "outcome": outcome_word(*outcome), "reason": reason});
            ("offer_closed", data)
        }
        Fact::Assigned { driver, offer, is_next } => {
            ("driver_assigned", json!({"driver_id": driver, "offer_id": offer, "is_next": is_next}))
        }
        Fact::OnTheWay => ("driver_on_the_way", json!({})),
        Fact::Nudged { driver, trouble } => {
            ("driver_nudged", json!({"driver_id": driver, "trouble": trouble_word(*trouble)}))
        }
        Fact::Released { driver, reason } => {
            let said = if let Remark::Cancelled(said) = remark { Some(said.as_str()) } else { None };
            ("driver_released", json!({"driver_id": driver, "reason": release_word(*reason), "said": said}))
        }
        Fact::Arrived => ("driver_arrived", json!({})),
        Fact::StopReached { stop } => ("stop_reached", json!({"stop": stop})),
        Fact::Started => ("started", json!({})),
        Fact::Ended(end) => {
            let reason = if let Remark::Cancelled(reason) = remark { Some(reason.as_str()) } else { None };
            (status_of(*end).as_str(), json!({"ride_id": ride, "reason": reason}))
        }
    }
}

/// The word of a trouble in the timeline.
pub const fn trouble_word(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Stalled => "stalled",
        Trouble::GoingAway => "going_away",
        Trouble::Dark => "dark",
    }
}

/// The word of a release in the timeline.
pub const fn release_word(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::DriverCancelled => "driver_cancelled",
        ReleaseReason::Stalled => "stalled",
        ReleaseReason::WentAway => "went_away",
        ReleaseReason::WentDark => "went_dark",
        ReleaseReason::BetterDriver => "better_driver",
        ReleaseReason::Late => "late",
    }
}

/// The trouble of a word of [`trouble_word`].
pub(super) fn trouble_of(word: &str) -> Option<Trouble> {
    [Trouble::Stalled, Trouble::GoingAway, Trouble::Dark].into_iter().find(|trouble| trouble_word(*trouble) == word)
}

/// The reason of a word of [`release_word`].
pub(super) fn release_of(word: &str) -> Option<ReleaseReason> {
    [
        ReleaseReason::DriverCancelled,
        ReleaseReason::Stalled,
        ReleaseReason::WentAway,
        ReleaseReason::WentDark,
        ReleaseReason::BetterDriver,
        ReleaseReason::Late,
    ]
    .into_iter()
    .find(|reason| release_word(*reason) == word)
}

/// The outcome of a word of [`outcome_word`].
pub(super) fn outcome_of(word: &str) -> Option<OfferOutcome> {
    [
        OfferOutcome::Declined,
        OfferOutcome::Expired,
        OfferOutcome::DriverLost,
        OfferOutcome::Cancelled,
        OfferOutcome::Withdrawn,
        OfferOutcome::Taken,
    ]
    .into_iter()
    .find(|outcome| outcome_word(*outcome) == word)
}

/// The end that a word of the timeline means.
pub(super) fn ended_by(word: &str) -> Option<RideEnd> {
    [
        RideEnd::Completed,
        RideEnd::CancelledByCustomer,
        RideEnd::CancelledByDriver,
        RideEnd::CancelledBySystem,
        RideEnd::NoDriverFound,
    ]
    .into_iter()
    .find(|end| status_of(*end).as_str() == word)
}
