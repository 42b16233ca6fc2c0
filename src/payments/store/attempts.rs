//! SQL of attempts: the rows that are the engine's queue and its memory.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;
use crate::payments::attempt::NewAttempt;
use crate::time::Timestamp;
use crate::vault::{Column, Place, Vault};

/// Indexes of wallets' numbers are equal among themselves only, wherever they lie.
pub const WALLET_KIND: &str = "wallet";

/// What wakes engines.
pub const CHANNEL: &str = "boda_payments";

/// The wallet's number as rotation and checks know it.
pub const WALLET: Column = Column {
    place: "payment_attempts.wallet",
    table: "payment_attempts",
    column: "wallet_sealed",
    key: "id",
    row: "id",
    index: Some(("wallet_index", WALLET_KIND)),
};

/// Writes prepared attempts, due at once. Where they are sent is written when they are.
pub async fn insert(
    conn: &mut PgConnection,
    vault: &Vault,
    attempts: &[NewAttempt],
    now: Timestamp,
) -> Result<(), Error> {
    let mut sealed = Vec::with_capacity(attempts.len());
    let mut indexes = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let place = Place::new(WALLET.place, attempt.id.0);
        sealed.push(attempt.wallet.map(|wallet| vault.seal_text(place, wallet.as_str())).transpose()?);
        indexes.push(attempt.wallet.map(|wallet| vault.index(WALLET_KIND, wallet.as_str())));
    }
    let ids: Vec<_> = attempts.iter().map(|attempt| attempt.id.0).collect();
    let operations: Vec<_> = attempts.iter().map(|attempt| attempt.operation.as_str().to_owned()).collect();
    let providers: Vec<_> = attempts.iter().map(|attempt| attempt.provider.as_str().to_owned()).collect();
    let subjects: Vec<_> = attempts.iter().map(|attempt| attempt.subject).collect();
    let people: Vec<_> = attempts.iter().map(|attempt| attempt.person.0).collect();
    let amounts: Vec<_> = attempts.iter().map(|attempt| attempt.amount.amount()).collect();
    let refunds: Vec<_> = attempts.iter().map(|attempt| attempt.refunds.map(|refunds| refunds.0)).collect();
    let tokens: Vec<_> =
        attempts.iter().map(|_| format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())).collect();
    sqlx::query!(
        "INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, wallet_sealed,
                                       wallet_index, refunds_id, state, base_url, callback_token, created_at, next_at)
         SELECT wanted.id, wanted.operation, wanted.provider, wanted.subject, wanted.person, wanted.amount, wanted.sealed,
                wanted.index, wanted.refunds, 'prepared', '', wanted.token, $10, $10
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bytea[], $8::bytea[],
                     $9::uuid[], $11::text[])
              AS wanted (id, operation, provider, subject, person, amount, sealed, index, refunds, token)",
        &ids,
        &operations,
        &providers,
        &subjects,
        &people,
        &amounts,
        &sealed as &[Option<Vec<u8>>],
        &indexes as &[Option<Vec<u8>>],
        &refunds as &[Option<Uuid>],
        DateTime::<Utc>::from(now),
        &tokens,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Wakes engines once the caller's transaction is committed.
pub async fn wake(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).fetch_all(conn).await?;
    Ok(())
}
