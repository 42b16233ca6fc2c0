//! SQL on `phone_proofs`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::auth::code::{Challenge, History};
use crate::auth::phones::PhoneIndex;
use crate::auth::proofs::{Proof, Purpose};
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

/// Until the end of the transaction, one request for codes to a phone at a time. There may be no row to lock.
pub async fn hold_phone(conn: &mut PgConnection, phone_index: &PhoneIndex) -> sqlx::Result<()> {
    let head = phone_index.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", i64::from_be_bytes(head)).execute(conn).await?;
    Ok(())
}

/// What is known of the codes of a phone for a purpose and a person; of messages, whatever they were for. Only those for
/// signing in are counted apart, as those of accounts are, which lie in a table of their own.
pub async fn proof_history(
    conn: &mut PgConnection,
    proof: &Proof<'_>,
    now: Timestamp,
) -> sqlx::Result<Option<History>> {
    let newest = newest_of(&mut *conn, proof.purpose, proof.phone_index, proof.user).await?;
    let hour = sqlx::query!(
        r#"SELECT coalesce(sum(sent_count), 0) AS "sent!", min(created_at) AS oldest FROM phone_proofs
           WHERE phone_index = $1 AND created_at > $2 AND (purpose = 'sign_in') = ($3 = 'sign_in')"#,
        proof.phone_index.as_bytes(),
        DateTime::from(now - Span::from_minutes(60)),
        proof.purpose.as_str(),
    )
    .fetch_one(conn)
    .await?;
    let oldest_in_hour = hour.oldest.map_or(now, Timestamp::from);
    Ok(newest.map(|newest| History { newest, sent_in_hour: hour.sent, oldest_in_hour }))
}

async fn newest_of(
    conn: &mut PgConnection,
    purpose: Purpose,
    phone_index: &PhoneIndex,
    user: Option<UserId>,
) -> sqlx::Result<Option<Challenge>> {
    let row = sqlx::query_as!(
        ChallengeRow,
        "SELECT id, expires_at, last_sent_at, attempts, used_at FROM phone_proofs
         WHERE phone_index = $1 AND purpose = $2 AND user_id IS NOT DISTINCT FROM $3
         ORDER BY created_at DESC, id DESC LIMIT 1",
        phone_index.as_bytes(),
        purpose.as_str(),
        user.map(|user| user.0),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Challenge::from))
}

/// The newest code for a phone and a purpose.
pub async fn newest_proof(
    pool: &PgPool,
    purpose: Purpose,
    phone_index: &PhoneIndex,
) -> sqlx::Result<Option<Challenge>> {
    let row = sqlx::query_as!(
        ChallengeRow,
        "SELECT id, expires_at, last_sent_at, attempts, used_at FROM phone_proofs
         WHERE phone_index = $1 AND purpose = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
        phone_index.as_bytes(),
        purpose.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Challenge::from))
}

pub async fn insert_proof(
    conn: &mut PgConnection,
    proof: &Proof<'_>,
    challenge: &Challenge,
    sealed_phone: &[u8],
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO phone_proofs (id, purpose, user_id, phone, phone_index, is_real, created_at, expires_at, last_sent_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)",
        challenge.id,
        proof.purpose.as_str(),
        proof.user.map(|user| user.0),
        sealed_phone,
        proof.phone_index.as_bytes(),
        proof.is_real,
        DateTime::from(now),
        DateTime::from(challenge.expires_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the same code is sent again; the how-manieth message with it this is.
pub async fn repeat_proof(conn: &mut PgConnection, id: Uuid, now: Timestamp) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        "UPDATE phone_proofs SET last_sent_at = $2, sent_count = sent_count + 1 WHERE id = $1 RETURNING sent_count",
        id,
        DateTime::from(now),
    )
    .fetch_one(conn)
    .await
}

/// A guess that may be compared.
#[derive(Debug)]
pub struct ProofGuess {
    pub id: Uuid,
    pub user_id: Option<Uuid>,
    pub is_real: bool,
}

/// Counts a guess at the newest code of a phone for a purpose; `None` when there is none that may be guessed at.
pub async fn count_proof_guess(
    pool: &PgPool,
    purpose: Purpose,
    phone_index: &PhoneIndex,
    attempts_max: i32,
    now: Timestamp,
) -> sqlx::Result<Option<ProofGuess>> {
    sqlx::query_as!(
        ProofGuess,
        r#"UPDATE phone_proofs SET attempts = attempts + 1
           WHERE id = (SELECT id FROM phone_proofs WHERE phone_index = $1 AND purpose = $2
                       ORDER BY created_at DESC, id DESC LIMIT 1)
             AND used_at IS NULL AND expires_at > $3 AND attempts < $4
           RETURNING id, user_id, is_real"#,
        phone_index.as_bytes(),
        purpose.as_str(),
        DateTime::from(now),
        attempts_max,
    )
    .fetch_optional(pool)
    .await
}

/// Uses a code up; false when somebody else did.
pub async fn use_proof(conn: &mut PgConnection, id: Uuid, now: Timestamp) -> sqlx::Result<bool> {
    let used =
        sqlx::query!("UPDATE phone_proofs SET used_at = $2 WHERE id = $1 AND used_at IS NULL", id, DateTime::from(now))
            .execute(conn)
            .await?;
    Ok(used.rows_affected() == 1)
}

/// Uses up whatever codes of a person are not.
pub async fn use_all_proofs(conn: &mut PgConnection, user: UserId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE phone_proofs SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL",
        user.0,
        DateTime::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A code on its way out.
#[derive(Debug)]
pub struct ProofToSend {
    pub purpose: String,
    pub user_id: Uuid,
    pub phone: Vec<u8>,
    pub language: String,
    pub expires_at: Timestamp,
    pub attempts: i32,
    pub used_at: Option<DateTime<Utc>>,
}

pub async fn proof_to_send(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<ProofToSend>> {
    sqlx::query_as!(
        ProofToSend,
        r#"SELECT purpose, user_id AS "user_id!", proofs.phone, language, expires_at, attempts, used_at
           FROM phone_proofs proofs JOIN users ON users.id = proofs.user_id WHERE proofs.id = $1 AND is_real"#,
        id,
    )
    .fetch_optional(pool)
    .await
}

/// Deletes codes that expired before a time; how many.
pub async fn delete_proofs(conn: &mut PgConnection, before: Timestamp, rows_max: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "DELETE FROM phone_proofs WHERE id IN (SELECT id FROM phone_proofs WHERE expires_at < $1 LIMIT $2)",
        DateTime::from(before),
        rows_max,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
