//! What this service has about a driver, and how it forgets one: papers, documents, shifts, wishes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use crate::drivers::store;
use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{Due, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::{Place, Vault};

/// Everything about a driver; nothing of whoever is none.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let Some(driver) = papers(pool, vault, person).await? else { return Ok(Vec::new()) };
    let documents = documents(pool, vault, person).await?;
    let standing = sqlx::query_scalar!(
        r#"SELECT to_jsonb(s) AS "row!: Value" FROM (
               SELECT 'standing' AS what, from_status, to_status, cause, NULL AS words, reason, at
               FROM driver_standing WHERE driver_id = $1
               UNION ALL
               SELECT 'appeal', NULL, outcome, NULL, words, reason, created_at FROM driver_appeals WHERE driver_id = $1
               ORDER BY at DESC LIMIT $2) AS s"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let shifts = sqlx::query_scalar!(
        r#"SELECT to_jsonb(s) AS "row!: Value" FROM (
               SELECT id, started_at, ended_at FROM shifts WHERE driver_id = $1 ORDER BY started_at DESC LIMIT $2) AS s"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let wishes = wishes(pool, person).await?;
    Ok(vec![
        Part::new("driver.json", driver),
        Part::list("driver_documents.json", documents),
        Part::list("driver_standing.json", standing),
        Part::list("shifts.json", shifts),
        Part::new("driver_wishes.json", wishes),
    ])
}

async fn papers(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Option<Value>, Error> {
    let row = sqlx::query!(
        r#"SELECT licence_number_sealed, insurance_number_sealed,
                  to_jsonb(d) - '{licence_number_sealed, insurance_number_sealed}'::text[] AS "rest!: Value" FROM (
               SELECT status, status_reason, suspended_for, reviewed_at, licence_number_sealed, licence_category,
                      licence_expires_on, plate, vehicle_make, vehicle_model, vehicle_year, vehicle_colour, fuel, ride_types,
                      city, insurance_number_sealed, insurance_expires_on, inspection_expires_on, authorisation_expires_on,
                      rating_sum AS rating_sum_hundredths, rating_count, rides_completed, created_at, updated_at
               FROM drivers WHERE user_id = $1) AS d"#,
        person.0
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut papers = row.rest;
    for (name, column, sealed) in [
        ("licence_number", store::LICENCE, row.licence_number_sealed),
        ("insurance_number", store::INSURANCE, row.insurance_number_sealed),
    ] {
        papers[name] = opened(vault, Place::new(column, person.0), sealed)?;
    }
    Ok(Some(papers))
}

async fn documents(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", number_sealed, to_jsonb(d) - 'number_sealed' AS "rest!: Value" FROM (
               SELECT id, kind, number_sealed, number_type, issuer, first_authorised_on, expires_on, note, state, reason_code,
                      reason, reviewed_at, verification, verified_at, file_id, created_at
               FROM driver_documents WHERE driver_id = $1 ORDER BY created_at DESC LIMIT $2) AS d"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let document = |row: (uuid::Uuid, Option<Vec<u8>>, Value)| {
        let (id, sealed, mut document) = row;
        document["number"] = opened(vault, Place::new(store::NUMBER, id), sealed)?;
        Ok(document)
    };
    rows.into_iter().map(|row| document((row.id, row.number_sealed, row.rest))).collect()
}

fn opened(vault: &Vault, place: Place, sealed: Option<Vec<u8>>) -> Result<Value, Error> {
    Ok(match sealed {
        Some(sealed) => Value::String(vault.open_text(place, &sealed)?.into_exposed()),
        None => Value::Null,
    })
}

async fn wishes(pool: &PgPool, person: UserId) -> Result<Value, Error> {
    let wishes = sqlx::query_scalar!(
        r#"SELECT to_jsonb(w) - 'driver_id' AS "row!: Value" FROM driver_wishes AS w WHERE driver_id = $1"#,
        person.0
    )
    .fetch_optional(pool)
    .await?;
    let home_uses = sqlx::query_scalar!(
        r#"SELECT jsonb_build_object('day', day, 'uses', uses) AS "row!: Value"
           FROM driver_home_uses WHERE driver_id = $1 ORDER BY day DESC LIMIT $2"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(json!({"wishes": wishes, "way_home_uses": home_uses}))
}

/// Whether a driver is on shift: then they are taken off it before they are forgotten.
///
/// # Errors
/// When the database is away.
pub async fn is_on_shift(conn: &mut PgConnection, person: UserId) -> Result<bool, Error> {
    let is_on_shift = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM shifts WHERE driver_id = $1 AND ended_at IS NULL) AS "on!""#,
        person.0
    )
    .fetch_one(conn)
    .await?;
    Ok(is_on_shift)
}

/// The number plate that riders were told of a driver, to be looked for where they were told.
///
/// # Errors
/// When the database is away.
pub async fn plate(conn: &mut PgConnection, person: UserId) -> Result<Option<String>, Error> {
    let plate =
        sqlx::query_scalar!("SELECT plate FROM drivers WHERE user_id = $1 AND plate NOT LIKE 'erased:%'", person.0)
            .fetch_optional(conn)
            .await?;
    Ok(plate)
}

/// Keeps a driver from going on shift again; whoever is on it is taken off by `app` within seconds.
///
/// # Errors
/// When the database refuses.
pub async fn close(conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE drivers SET status = 'suspended', suspended_for = 'decision', status_reason = NULL, waiting_since = NULL,
             updated_at = $2
         WHERE user_id = $1",
        person.0,
        DateTime::<Utc>::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a driver.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<Progress, Error> {
    sqlx::query!("UPDATE driver_standing SET reason = NULL WHERE driver_id = $1 AND reason IS NOT NULL", person.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("UPDATE driver_appeals SET words = NULL, reason = NULL WHERE driver_id = $1", person.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM driver_wishes WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM driver_home_uses WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM shifts WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    erase_papers(conn, person, now).await?;
    Ok(Progress::Done)
}

/// Forgets the papers of a driver: numbers, motorcycle, documents, and the keys of their files.
///
/// # Errors
/// When the database refuses.
pub async fn erase_papers(conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<(), Error> {
    sqlx::query!("DELETE FROM driver_documents WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    // The key goes now, with the commit; the file, which is noise then, with the next sweep of files.
    sqlx::query!("UPDATE driver_files SET key_sealed = NULL, state = 'dropped' WHERE driver_id = $1", person.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM driver_expiry_notices WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    // The row stays, because rides refer to it; the plate is free for the motorcycle's next driver.
    sqlx::query!(
        "UPDATE drivers
         SET status = 'suspended', suspended_for = 'decision', status_reason = NULL, licence_number = NULL,
             licence_number_sealed = NULL, licence_number_index = NULL, national_id_index = NULL, insurance_number = NULL,
             insurance_number_sealed = NULL, authorisation_expires_on = NULL, waiting_since = NULL, claimed_by = NULL,
             claimed_until = NULL, licence_category = '',
             licence_expires_on = '1970-01-01', plate = 'erased:' || user_id::text, vehicle_make = '', vehicle_model = '',
             vehicle_year = 0, vehicle_colour = '', insurance_expires_on = '1970-01-01',
             inspection_expires_on = NULL, updated_at = $2
         WHERE user_id = $1",
        person.0,
        DateTime::<Utc>::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many shifts ended too long ago.
///
/// # Errors
/// When the database is away.
pub async fn count_old_shifts(conn: &mut PgConnection, due: Due<'_>) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM shifts WHERE ended_at < $1 AND NOT driver_id = ANY($2)"#,
        DateTime::<Utc>::from(due.before),
        &due.held.people
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Deletes shifts that ended too long ago; how many.
///
/// # Errors
/// When the database refuses.
pub async fn delete_old_shifts(conn: &mut PgConnection, due: Due<'_>) -> Result<u64, Error> {
    let deleted = sqlx::query!(
        "DELETE FROM shifts WHERE id IN (
             SELECT id FROM shifts WHERE ended_at < $1 AND NOT driver_id = ANY($2) LIMIT $3)",
        DateTime::<Utc>::from(due.before),
        &due.held.people,
        due.rows_max
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
