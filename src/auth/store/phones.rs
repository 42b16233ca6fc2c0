//! SQL on `users` for a number that changes hands.

use chrono::DateTime;
use sqlx::{Connection, PgConnection, PgPool};

use crate::auth::phones::{PhoneIndex, SealedPhone};
use crate::ids::UserId;
use crate::time::Timestamp;

/// Whether an account was made by somebody who booked for its owner.
pub async fn is_guest(pool: &PgPool, user: UserId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND guest_since IS NOT NULL) AS "guest!""#,
        user.0
    )
    .fetch_one(pool)
    .await
}

/// Deletes an account that nobody proved, unless something hangs on it but its codes: then it stays, and so does its number.
pub async fn delete_unproven(conn: &mut PgConnection, phone: &PhoneIndex) -> sqlx::Result<()> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM users WHERE phone_index = $1 AND verified_at IS NULL AND guest_since IS NULL FOR UPDATE",
        phone.as_bytes()
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(id) = found else { return Ok(()) };
    let mut savepoint = conn.begin().await?;
    sqlx::query!("DELETE FROM sign_in_codes WHERE user_id = $1", id).execute(&mut *savepoint).await?;
    match sqlx::query!("DELETE FROM users WHERE id = $1", id).execute(&mut *savepoint).await {
        Ok(_) => savepoint.commit().await,
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => savepoint.rollback().await,
        Err(error) => Err(error),
    }
}

/// Gives a person another number; false when somebody has it.
pub async fn set_phone(conn: &mut PgConnection, phone: &SealedPhone, now: Timestamp) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "UPDATE users SET phone_sealed = $2, phone_index = $3, updated_at = $4
         WHERE id = $1 AND NOT EXISTS (SELECT FROM users WHERE phone_index = $3)",
        phone.user.0,
        phone.sealed,
        phone.index.as_bytes(),
        DateTime::from(now),
    )
    .execute(conn)
    .await;
    match changed {
        Ok(changed) => Ok(changed.rows_affected() == 1),
        // Somebody was given it at the same moment.
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("users_phone_index_unique") => Ok(false),
        Err(error) => Err(error),
    }
}
