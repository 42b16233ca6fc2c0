//! SQL on `sign_in_codes`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::auth::code::{Challenge, History};
use crate::auth::phones::PhoneIndex;
use crate::ids::UserId;
use crate::time::{Span, Timestamp};

struct ChallengeRow {
    id: Uuid,
    expires_at: Timestamp,
    last_sent_at: Timestamp,
    attempts: i32,
    used_at: Option<DateTime<Utc>>,
}

impl From<ChallengeRow> for Challenge {
    fn from(row: ChallengeRow) -> Self {
        Self {
            id: row.id,
            expires_at: row.expires_at,
            last_sent_at: row.last_sent_at,
            attempts: row.attempts,
            is_used: row.used_at.is_some(),
        }
    }
}

/// What is known of a user's codes; `None` when there never was one.
pub async fn code_history(conn: &mut PgConnection, user: UserId, now: Timestamp) -> sqlx::Result<Option<History>> {
    let newest = sqlx::query_as!(
        ChallengeRow,
        "SELECT id, expires_at, last_sent_at, attempts, used_at FROM sign_in_codes
         WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
        user.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(newest) = newest else { return Ok(None) };
    let hour = sqlx::query!(
        r#"SELECT coalesce(sum(sent_count), 0) AS "sent!", min(created_at) AS oldest FROM sign_in_codes
           WHERE user_id = $1 AND created_at > $2"#,
        user.0,
        DateTime::from(now - Span::from_minutes(60)),
    )
    .fetch_one(conn)
    .await?;
    let oldest_in_hour = hour.oldest.map_or(now, Timestamp::from);
    Ok(Some(History { newest: newest.into(), sent_in_hour: hour.sent, oldest_in_hour }))
}

pub async fn insert_code(
    conn: &mut PgConnection,
    user: UserId,
    challenge: &Challenge,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO sign_in_codes (id, user_id, created_at, expires_at, last_sent_at) VALUES ($1, $2, $3, $4, $3)",
        challenge.id,
        user.0,
        DateTime::from(now),
        DateTime::from(challenge.expires_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the same code is sent again; the how-manieth message with it this is.
pub async fn repeat_code(conn: &mut PgConnection, challenge: Uuid, now: Timestamp) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        "UPDATE sign_in_codes SET last_sent_at = $2, sent_count = sent_count + 1 WHERE id = $1 RETURNING sent_count",
        challenge,
        DateTime::from(now),
    )
    .fetch_one(conn)
    .await
}

/// A guess that may be compared.
#[derive(Debug)]
pub struct Guess {
    pub challenge: Uuid,
    pub user: UserId,
}

/// Counts a guess at the newest code of a phone; `None` when there is none that may be guessed at.
pub async fn count_guess(
    pool: &PgPool,
    phone: &PhoneIndex,
    attempts_max: i32,
    now: Timestamp,
) -> sqlx::Result<Option<Guess>> {
    sqlx::query_as!(
        Guess,
        r#"UPDATE sign_in_codes SET attempts = attempts + 1
           WHERE id = (SELECT codes.id FROM sign_in_codes codes JOIN users ON users.id = codes.user_id
                       WHERE users.phone_index = $1 ORDER BY codes.created_at DESC, codes.id DESC LIMIT 1)
             AND used_at IS NULL AND expires_at > $2 AND attempts < $3
           RETURNING id AS challenge, user_id AS user"#,
        phone.as_bytes(),
        DateTime::from(now),
        attempts_max,
    )
    .fetch_optional(pool)
    .await
}

pub async fn newest_code(pool: &PgPool, phone: &PhoneIndex) -> sqlx::Result<Option<Challenge>> {
    let row = sqlx::query_as!(
        ChallengeRow,
        "SELECT codes.id, expires_at, last_sent_at, attempts, used_at
         FROM sign_in_codes codes JOIN users ON users.id = codes.user_id
         WHERE users.phone_index = $1 ORDER BY codes.created_at DESC, codes.id DESC LIMIT 1",
        phone.as_bytes(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Challenge::from))
}

/// Uses a code up; false when somebody else did.
pub async fn use_code(conn: &mut PgConnection, challenge: Uuid, now: Timestamp) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        "UPDATE sign_in_codes SET used_at = $2 WHERE id = $1 AND used_at IS NULL",
        challenge,
        DateTime::from(now)
    )
    .execute(conn)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Uses up whatever codes of a person are not.
pub async fn use_all_codes(conn: &mut PgConnection, user: UserId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sign_in_codes SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL",
        user.0,
        DateTime::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many messages with codes a user was ever sent.
pub async fn messages_sent(conn: &mut PgConnection, user: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(sent_count), 0) AS "sent!" FROM sign_in_codes WHERE user_id = $1"#,
        user.0
    )
    .fetch_one(conn)
    .await
}

/// A code on its way out, to a person who was not erased.
#[derive(Debug)]
pub struct CodeToSend {
    pub user_id: UserId,
    pub phone_sealed: Vec<u8>,
    pub language: String,
    pub expires_at: Timestamp,
    pub attempts: i32,
    pub used_at: Option<DateTime<Utc>>,
}

pub async fn code_to_send(pool: &PgPool, challenge: Uuid) -> sqlx::Result<Option<CodeToSend>> {
    sqlx::query_as!(
        CodeToSend,
        r#"SELECT user_id, phone_sealed AS "phone_sealed!", language, expires_at, attempts, used_at
           FROM sign_in_codes codes JOIN users ON users.id = codes.user_id
           WHERE codes.id = $1 AND phone_sealed IS NOT NULL"#,
        challenge,
    )
    .fetch_optional(pool)
    .await
}

/// Deletes codes that expired before a time; how many.
pub async fn delete_codes(conn: &mut PgConnection, before: Timestamp, rows_max: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "DELETE FROM sign_in_codes WHERE id IN (SELECT id FROM sign_in_codes WHERE expires_at < $1 LIMIT $2)",
        DateTime::from(before),
        rows_max,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
