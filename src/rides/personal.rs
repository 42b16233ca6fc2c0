//! What this service has about a person, and how it forgets one: rides, quotes, offers, ratings, relations.
//!
//! A ride has two people. Its places, addresses, notes and contacts are the rider's; a driver shares in them only as far as
//! the app shows them. What is kept after an erasure is what a tax office asks for: who (by the pseudonym), when, how far,
//! how much; and where to the kilometre. The timeline holds ids, words of closed lists and times, so that nothing in it is
//! to be forgotten; a test holds it to that.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{Due, ERASE_ROWS_MAX, EXPORT_ROWS_MAX, Part, Progress};
use crate::rides::store::CONTACTS;
use crate::time::Timestamp;
use crate::vault::{Place, Vault};

/// The hash of a ride that says no more where and why than the books need: no request has it.
const WORN_HASH: [u8; 32] = [0; 32];

/// People who rode with somebody lately that are looked for at most.
const MET_MAX: i64 = 10_000;

/// Everything about a person, as rider and as driver.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let mut parts = vec![
        Part::list("rides_as_rider.json", ridden(pool, vault, person).await?),
        Part::list("rides_as_driver.json", driven(pool, person).await?),
        Part::list("fare_proofs.json", fare_proofs(pool, person).await?),
        Part::list("quotes.json", quotes(pool, person).await?),
        Part::list("offers.json", offers(pool, person).await?),
    ];
    parts.extend(said(pool, person).await?);
    Ok(parts)
}

/// With the contacts that the rider gave, as long as they are kept.
async fn ridden(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id, contacts_sealed, to_jsonb(r) - 'contacts_sealed' AS "row!: Value" FROM (
               SELECT id, contacts_sealed, driver_id, status, ride_type, payment_method, pickup_lat, pickup_lng, pickup_address,
                      pickup_landmark, stops, destination_lat, destination_lng, destination_address, destination_landmark,
                      parcel, notes, estimated_distance_m, estimated_duration_s, matched_distance_m, tariff,
                      surge_basis_points, express_basis_points, quoted_fare_rwf, fare_rwf, waiting_s, cancelled_by,
                      cancel_reason, cancel_note, cancellation_fee_rwf, booked_by, paired_at, pickup_at, requested_at,
                      assigned_at, arrived_at, started_at, ended_at
               FROM rides WHERE rider_id = $1 ORDER BY requested_at DESC, id DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let with_contacts = |(ride, sealed, mut row): (Uuid, Option<Vec<u8>>, Value)| -> Result<Value, Error> {
        if let Some(sealed) = sealed {
            let opened = vault.open_text(Place::new(CONTACTS.place, ride), &sealed)?;
            row["contacts"] = serde_json::from_str(opened.expose()).map_err(Error::internal)?;
        }
        Ok(row)
    };
    rows.into_iter().map(|row| with_contacts((row.id, row.contacts_sealed, row.row))).collect()
}

/// Without what is the rider's alone: notes, stops' contacts, the parcel's people, the PIN.
async fn driven(pool: &PgPool, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT id, rider_id, status, ride_type, payment_method, pickup_lat, pickup_lng, pickup_address,
                      destination_lat, destination_lng, destination_address, estimated_distance_m, estimated_duration_s,
                      matched_distance_m, tariff, surge_basis_points, fare_rwf, waiting_s, cancelled_by, cancel_reason,
                      CASE WHEN cancelled_by = 'driver' THEN cancel_note END AS cancel_note,
                      cancellation_compensation_rwf, paired_at, pickup_at, requested_at, assigned_at, arrived_at,
                      started_at, ended_at
               FROM rides WHERE driver_id = $1 ORDER BY requested_at DESC, id DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Of the rides that the person took.
async fn fare_proofs(pool: &PgPool, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT to_jsonb(p) AS "row!: Value" FROM (
               SELECT ride_id, fare_proofs.proof, fare_proofs.at
               FROM fare_proofs JOIN rides ON rides.id = ride_id
               WHERE rider_id = $1 ORDER BY fare_proofs.at DESC LIMIT $2) AS p"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

async fn quotes(pool: &PgPool, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT to_jsonb(q) AS "row!: Value" FROM (
               SELECT id, pickup_lat, pickup_lng, stops, destination_lat, destination_lng, ride_type, distance_m,
                      duration_s, surge_basis_points, tariff, fare_rwf, pickup_at, created_at, expires_at
               FROM quotes WHERE rider_id = $1 ORDER BY created_at DESC LIMIT $2) AS q"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

async fn offers(pool: &PgPool, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT to_jsonb(o) AS "row!: Value" FROM (
               SELECT ride_id, ordinal, pickup_eta_s, pickup_distance_m, offered_at, deadline, outcome, reason, closed_at
               FROM offers WHERE driver_id = $1 ORDER BY offered_at DESC LIMIT $2) AS o"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Ratings with their words: those given whole, those received without who gave them. And who is blocked or liked.
async fn said(pool: &PgPool, person: UserId) -> Result<[Part; 3], Error> {
    let given = sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT ride_id, by_role, about_id, stars, comment, created_at
               FROM ratings JOIN rides ON rides.id = ratings.ride_id
               WHERE (rider_id = $1 OR driver_id = $1) AND by_id = $1 ORDER BY created_at DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let received = sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT by_role, stars, created_at
               FROM ratings JOIN rides ON rides.id = ratings.ride_id
               WHERE (rider_id = $1 OR driver_id = $1) AND about_id = $1 ORDER BY created_at DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let relations = sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT CASE by_role WHEN 'customer' THEN driver_id ELSE rider_id END AS whom, kind, created_at
               FROM ride_relations
               WHERE (by_role = 'customer' AND rider_id = $1) OR (by_role = 'driver' AND driver_id = $1)
               ORDER BY created_at DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok([
        Part::list("ratings_given.json", given),
        Part::list("ratings_received.json", received),
        Part::list("relations.json", relations),
    ])
}

/// Whether a ride of the person is under way or still to come.
///
/// # Errors
/// When the database is away.
pub async fn has_live_ride(conn: &mut PgConnection, person: UserId) -> Result<bool, Error> {
    let has = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM rides WHERE (rider_id = $1 OR driver_id = $1) AND status IN
               ('scheduled', 'requested', 'driver_assigned', 'driver_arrived', 'in_progress')) AS "live!""#,
        person.0
    )
    .fetch_one(conn)
    .await?;
    Ok(has)
}

/// Who rode with a person since: they may have been told the person's name.
///
/// # Errors
/// When the database is away.
pub async fn met_since(conn: &mut PgConnection, person: UserId, since: Timestamp) -> Result<Vec<UserId>, Error> {
    let met = sqlx::query_scalar!(
        r#"SELECT DISTINCT CASE WHEN rider_id = $1 THEN driver_id ELSE rider_id END AS "other!"
           FROM rides
           WHERE (rider_id = $1 OR driver_id = $1) AND driver_id IS NOT NULL AND requested_at >= $2 LIMIT $3"#,
        person.0,
        DateTime::<Utc>::from(since),
        MET_MAX
    )
    .fetch_all(conn)
    .await?;
    Ok(met.into_iter().map(UserId).collect())
}

/// Forgets a person: as rider places, words and contacts, as driver what the driver wrote. Rides, fares and stars stay.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, _now: Timestamp) -> Result<Progress, Error> {
    let ridden = erase_ridden(&mut *conn, person).await?;
    let driven = sqlx::query!(
        "UPDATE rides SET cancel_note = NULL WHERE id IN (
             SELECT id FROM rides WHERE driver_id = $1 AND cancelled_by = 'driver' AND cancel_note IS NOT NULL LIMIT $2)",
        person.0,
        ERASE_ROWS_MAX
    )
    .execute(&mut *conn)
    .await?;
    // A quote that a ride refers to goes when the ride lets go of it.
    let quotes = sqlx::query!(
        "DELETE FROM quotes WHERE id IN (
             SELECT id FROM quotes WHERE rider_id = $1
               AND NOT EXISTS (SELECT FROM rides WHERE rider_id = $1 AND quote_id = quotes.id) LIMIT $2)",
        person.0,
        ERASE_ROWS_MAX
    )
    .execute(&mut *conn)
    .await?;
    let comments = sqlx::query!(
        "UPDATE ratings SET comment = NULL WHERE (ride_id, by_role) IN (
             SELECT ride_id, by_role FROM ratings JOIN rides ON rides.id = ratings.ride_id
             WHERE (rider_id = $1 OR driver_id = $1) AND comment IS NOT NULL LIMIT $2)",
        person.0,
        ERASE_ROWS_MAX
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM ride_relations WHERE rider_id = $1 OR driver_id = $1", person.0).execute(conn).await?;
    Ok(Progress::after(&[ridden, driven.rows_affected(), quotes.rows_affected(), comments.rows_affected()]))
}

/// The rides of a rider that still say where and why.
async fn erase_ridden(conn: &mut PgConnection, person: UserId) -> Result<u64, Error> {
    let rides = sqlx::query_scalar!(
        "SELECT id FROM rides WHERE rider_id = $1 AND request_hash <> $2 AND ended_at IS NOT NULL LIMIT $3",
        person.0,
        &WORN_HASH,
        ERASE_ROWS_MAX
    )
    .fetch_all(&mut *conn)
    .await?;
    wear(conn, &rides).await
}

/// Takes everything out of rides but what the books need. A hundredth of a degree is a kilometre: enough to tell districts,
/// too little to find a door.
async fn wear(conn: &mut PgConnection, rides: &[Uuid]) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"UPDATE rides SET
               pickup_lat = round(pickup_lat::numeric, 2), pickup_lng = round(pickup_lng::numeric, 2),
               destination_lat = round(destination_lat::numeric, 2), destination_lng = round(destination_lng::numeric, 2),
               pickup_address = NULL, pickup_landmark = NULL, destination_address = NULL, destination_landmark = NULL,
               notes = NULL, cancel_note = NULL, stops = '[]', quote_id = NULL, pin = '0000', has_contacts = false,
               contacts_sealed = NULL, request_hash = $2,
               parcel = CASE WHEN parcel IS NOT NULL THEN jsonb_build_object('sender', NULL, 'receiver', NULL,
                            'description', '', 'size', parcel -> 'size', 'handover_pin', '0000') END
           WHERE id = ANY($1)"#,
        rides,
        &WORN_HASH
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// How many rides ended too long ago to say where they went.
///
/// # Errors
/// When the database is away.
pub async fn count_old(conn: &mut PgConnection, due: Due<'_>) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM rides
           WHERE requested_at < $1 AND ended_at < $1 AND request_hash <> $2 AND NOT id = ANY($3)
             AND NOT rider_id = ANY($4) AND (driver_id IS NULL OR NOT driver_id = ANY($4))"#,
        DateTime::<Utc>::from(due.before),
        &WORN_HASH,
        &due.held.rides,
        &due.held.people
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Takes places and words of rides that ended too long ago; how many.
///
/// # Errors
/// When the database refuses.
pub async fn wear_old(conn: &mut PgConnection, due: Due<'_>) -> Result<u64, Error> {
    let rides = sqlx::query_scalar!(
        "SELECT id FROM rides
         WHERE requested_at < $1 AND ended_at < $1 AND request_hash <> $2 AND NOT id = ANY($3)
           AND NOT rider_id = ANY($4) AND (driver_id IS NULL OR NOT driver_id = ANY($4))
         ORDER BY requested_at LIMIT $5",
        DateTime::<Utc>::from(due.before),
        &WORN_HASH,
        &due.held.rides,
        &due.held.people,
        due.rows_max
    )
    .fetch_all(&mut *conn)
    .await?;
    wear(conn, &rides).await
}

/// How many words of ratings are too old.
///
/// # Errors
/// When the database is away.
pub async fn count_old_comments(conn: &mut PgConnection, due: Due<'_>) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM ratings
           WHERE created_at < $1 AND comment IS NOT NULL AND NOT ride_id = ANY($2)
             AND NOT by_id = ANY($3) AND NOT about_id = ANY($3)"#,
        DateTime::<Utc>::from(due.before),
        &due.held.rides,
        &due.held.people
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Takes words of ratings that are too old; how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old_comments(conn: &mut PgConnection, due: Due<'_>) -> Result<u64, Error> {
    let forgotten = sqlx::query!(
        "UPDATE ratings SET comment = NULL WHERE (ride_id, by_role) IN (
             SELECT ride_id, by_role FROM ratings
             WHERE created_at < $1 AND comment IS NOT NULL AND NOT ride_id = ANY($2)
               AND NOT by_id = ANY($3) AND NOT about_id = ANY($3) LIMIT $4)",
        DateTime::<Utc>::from(due.before),
        &due.held.rides,
        &due.held.people,
        due.rows_max
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}

/// The drivers of rides: whose positions a hold of the rides keeps.
///
/// # Errors
/// When the database is away.
pub async fn drivers_of(conn: &mut PgConnection, rides: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let drivers = sqlx::query_scalar!(
        r#"SELECT DISTINCT driver_id AS "driver!" FROM rides WHERE id = ANY($1) AND driver_id IS NOT NULL"#,
        rides
    )
    .fetch_all(conn)
    .await?;
    Ok(drivers)
}
