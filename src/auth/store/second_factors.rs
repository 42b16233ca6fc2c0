//! SQL on `second_factors` and `recovery_codes`, and on how sessions stand with them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::ids::{SessionId, UserId};
use crate::time::Timestamp;

/// A row of `second_factors`; secrets sealed.
#[derive(Debug)]
pub struct FactorRow {
    pub secret: Option<Vec<u8>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub pending_secret: Option<Vec<u8>>,
    pub pending_until: Option<DateTime<Utc>>,
}

pub async fn second_factor(pool: &PgPool, user: UserId) -> sqlx::Result<Option<FactorRow>> {
    sqlx::query_as!(
        FactorRow,
        "SELECT secret, confirmed_at, pending_secret, pending_until FROM second_factors WHERE user_id = $1",
        user.0
    )
    .fetch_optional(pool)
    .await
}

pub async fn lock_second_factor(conn: &mut PgConnection, user: UserId) -> sqlx::Result<Option<FactorRow>> {
    sqlx::query_as!(
        FactorRow,
        "SELECT secret, confirmed_at, pending_secret, pending_until FROM second_factors WHERE user_id = $1 FOR UPDATE",
        user.0
    )
    .fetch_optional(conn)
    .await
}

/// Notes a secret that waits to be confirmed, in place of one before.
pub async fn put_pending(conn: &mut PgConnection, user: UserId, sealed: &[u8], until: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO second_factors (user_id, pending_secret, pending_until) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET pending_secret = $2, pending_until = $3",
        user.0,
        sealed,
        DateTime::from(until),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes a secret the one that counts; the code of this step was given.
pub async fn confirm_factor(
    conn: &mut PgConnection,
    user: UserId,
    sealed: &[u8],
    step: i64,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO second_factors (user_id, secret, confirmed_at, last_step) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE
         SET secret = $2, confirmed_at = $3, last_step = $4, pending_secret = NULL, pending_until = NULL",
        user.0,
        sealed,
        DateTime::from(now),
        step,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses up the code of a step and every one before it; false when that was done already.
pub async fn use_step(conn: &mut PgConnection, user: UserId, step: i64) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        "UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND (last_step IS NULL OR last_step < $2)",
        user.0,
        step,
    )
    .execute(conn)
    .await?;
    Ok(used.rows_affected() == 1)
}

pub async fn put_recovery_codes(conn: &mut PgConnection, user: UserId, hashes: &[Vec<u8>]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user.0).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO recovery_codes (user_id, hash) SELECT $1, hash FROM unnest($2::bytea[]) AS hash",
        user.0,
        hashes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses a recovery code up; false when it is none or was used.
pub async fn use_recovery_code(
    conn: &mut PgConnection,
    user: UserId,
    hash: &[u8],
    now: Timestamp,
) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND hash = $2 AND used_at IS NULL",
        user.0,
        hash,
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(used.rows_affected() == 1)
}

pub async fn recovery_codes_left(pool: &PgPool, user: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "left!" FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL"#,
        user.0
    )
    .fetch_one(pool)
    .await
}

/// Takes the second factor away, with its recovery codes; false when there was none.
pub async fn delete_factor(conn: &mut PgConnection, user: UserId) -> sqlx::Result<bool> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user.0).execute(&mut *conn).await?;
    let deleted = sqlx::query!("DELETE FROM second_factors WHERE user_id = $1", user.0).execute(conn).await?;
    Ok(deleted.rows_affected() == 1)
}

/// Whether a person has a second factor.
pub async fn has_factor(conn: &mut PgConnection, user: UserId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM second_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS "has!""#,
        user.0
    )
    .fetch_one(conn)
    .await
}

/// Whether it was given in a session.
pub async fn is_factor_given(conn: &mut PgConnection, session: SessionId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"SELECT second_factor_at IS NOT NULL AS "given!" FROM sessions WHERE id = $1"#, session.0)
        .fetch_one(conn)
        .await
}

/// Notes that the second factor was given in a session, which lives longer from then on; false when it is over.
pub async fn give_factor(
    conn: &mut PgConnection,
    session: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> sqlx::Result<bool> {
    let given = sqlx::query!(
        "UPDATE sessions SET second_factor_at = $2, last_used_at = $2, expires_at = $3
         WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2",
        session.0,
        DateTime::from(now),
        DateTime::from(expires_at),
    )
    .execute(conn)
    .await?;
    Ok(given.rows_affected() == 1)
}
