//! What this service has about a person, and how it forgets one: profile, sign-in codes, sessions.
//!
//! The row of the person stays with its id, which is the pseudonym under which rides and the ledger are kept, and with the
//! columns that no person can be found by: role, language, times, and the sum of the ratings.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use crate::auth::{NationalId, phones};
use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{Due, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;

/// Everything about a person.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let profile = profile(pool, vault, person).await?;
    let sessions = sqlx::query_scalar!(
        r#"SELECT to_jsonb(s) AS "row!: Value" FROM (
               SELECT id, device_name, user_agent, ip, created_at, last_used_at, expires_at, revoked_at, revoked_reason,
                      second_factor_at
               FROM sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2) AS s"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let codes = sqlx::query_scalar!(
        r#"SELECT to_jsonb(c) AS "row!: Value" FROM (
               SELECT 'sign_in' AS purpose, created_at, expires_at, last_sent_at, sent_count, attempts, used_at
               FROM sign_in_codes WHERE user_id = $1
               UNION ALL
               SELECT purpose, created_at, expires_at, last_sent_at, sent_count, attempts, used_at
               FROM phone_proofs WHERE user_id = $1
               ORDER BY created_at DESC LIMIT $2) AS c"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![
        Part::new("profile.json", profile),
        Part::list("sessions.json", sessions),
        Part::list("sign_in_codes.json", codes),
    ])
}

async fn profile(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Value, Error> {
    let row = sqlx::query!(
        r#"SELECT phone_sealed, national_id_sealed, national_id_type,
                  to_jsonb(u) - 'phone_sealed' - 'national_id_sealed' AS "rest!: Value"
           FROM (
               SELECT id, phone_sealed, national_id_sealed, first_name, last_name, email, language, role, date_of_birth,
                      gender, province, district, sector, cell, village, national_id_type,
                      password_hash IS NOT NULL AS has_password,
                      EXISTS (SELECT FROM second_factors WHERE user_id = users.id AND confirmed_at IS NOT NULL)
                          AS has_second_factor, verified_at, disabled_at, guest_since, restricted_at,
                      agency, rating_sum AS rating_sum_hundredths, rating_count, created_at, updated_at
               FROM users WHERE id = $1) AS u"#,
        person.0
    )
    .fetch_optional(pool)
    .await?
    .ok_or(Error::NotFound { what: "person" })?;
    let phone = row.phone_sealed.map(|sealed| phones::open(vault, person, &sealed)).transpose()?;
    let mut profile = row.rest;
    profile["phone"] = json!(phone);
    let national_id = row.national_id_type.as_deref().zip(row.national_id_sealed.as_deref());
    let national_id = national_id.map(|stored| NationalId::open(vault, person, stored)).transpose()?;
    profile["national_id_number"] = json!(national_id.as_ref().map(NationalId::number));
    Ok(profile)
}

/// Notes that a person's data is kept but not used from now on, or is used again.
///
/// # Errors
/// When the database refuses.
pub async fn restrict(conn: &mut PgConnection, person: UserId, since: Option<Timestamp>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE users SET restricted_at = $2 WHERE id = $1",
        person.0,
        since.map(DateTime::<Utc>::from) as Option<DateTime<Utc>>
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether there is such a person, who was not forgotten.
///
/// # Errors
/// When the database is away.
pub async fn is_known(conn: &mut PgConnection, person: UserId) -> Result<bool, Error> {
    let is_known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND erased_at IS NULL) AS "known!""#,
        person.0
    )
    .fetch_one(conn)
    .await?;
    Ok(is_known)
}

/// Forgets a person.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<Progress, Error> {
    sqlx::query!("DELETE FROM sign_in_codes WHERE user_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM phone_proofs WHERE user_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM second_factors WHERE user_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!(
        "DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)",
        person.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM sessions WHERE user_id = $1", person.0).execute(&mut *conn).await?;
    // No number and no name is taken for this person again; whoever has the number next begins anew.
    sqlx::query!(
        "UPDATE users
         SET erased_at = coalesce(erased_at, $2), disabled_at = coalesce(disabled_at, $2), phone = NULL,
             phone_sealed = NULL, phone_index = NULL, national_id_type = NULL, national_id_sealed = NULL,
             national_id_index = NULL, cell = NULL, village = NULL,
             first_name = '', last_name = '', email = NULL, password_hash = NULL, date_of_birth = NULL, gender = NULL,
             province = NULL, district = NULL, sector = NULL, updated_at = $2
         WHERE id = $1",
        person.0,
        DateTime::<Utc>::from(now)
    )
    .execute(conn)
    .await?;
    Ok(Progress::Done)
}

/// Drivers whose account was closed too long ago and who were not forgotten, in the order of their ids, from behind `after`.
///
/// # Errors
/// When the database is away.
pub async fn closed_drivers(conn: &mut PgConnection, due: Due<'_>, after: UserId) -> Result<Vec<UserId>, Error> {
    let closed = sqlx::query_scalar!(
        "SELECT id FROM users
         WHERE role = 'driver' AND disabled_at < $1 AND erased_at IS NULL AND NOT id = ANY($2) AND id > $3
         ORDER BY id LIMIT $4",
        DateTime::<Utc>::from(due.before),
        &due.held.people,
        after.0,
        due.rows_max
    )
    .fetch_all(conn)
    .await?;
    Ok(closed.into_iter().map(UserId).collect())
}
