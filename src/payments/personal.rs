//! What this service has about a person. The ledger forgets nothing: ten years are the law's, and all it holds of a person
//! is the id. What a person wrote about a fare is forgotten.

use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::Error;
use crate::ids::UserId;
use crate::payments::methods;
use crate::personal::{ERASE_ROWS_MAX, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;

/// The lines on a person's accounts.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let lines = sqlx::query_scalar!(
        r#"SELECT to_jsonb(l) AS "row!: Value" FROM (
               SELECT t.id AS transaction_id, t.at, t.ride_id, t.memo, account.kind AS account, entry.amount_rwf
               FROM ledger_accounts account
               JOIN ledger_entries entry ON entry.account_id = account.id
               JOIN ledger_transactions t ON t.id = entry.transaction_id
               WHERE account.owner_id = $1 ORDER BY t.at DESC, t.id DESC, entry.line LIMIT $2) AS l"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let owed = sqlx::query_scalar!(
        r#"SELECT to_jsonb(i) AS "row!: Value" FROM (
               SELECT id, purpose, ride_id, amount_rwf, paid_rwf, state, method, created_at, succeeded_at
               FROM payment_intents WHERE payer_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2) AS i"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let asked = sqlx::query_scalar!(
        r#"SELECT to_jsonb(a) AS "row!: Value" FROM (
               SELECT id, operation, provider, subject_id, amount_rwf, state, provider_reference, failure, created_at,
                      finished_at
               FROM payment_attempts WHERE person_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2) AS a"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let promotions = sqlx::query_scalar!(
        r#"SELECT to_jsonb(l) AS "row!: Value" FROM (
               SELECT p.code, u.ride_id, u.reserved_rwf, u.used_rwf, u.state, u.reserved_at
               FROM promotion_uses u JOIN promotions p ON p.id = u.promotion_id
               WHERE u.rider_id = $1 ORDER BY u.reserved_at DESC LIMIT $2) AS l"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    // Who the other one is, is the other one's.
    let referrals = sqlx::query_scalar!(
        r#"SELECT to_jsonb(l) AS "row!: Value" FROM (
               SELECT CASE WHEN referee_id = $1 THEN 'you came by a code' ELSE 'you brought somebody' END AS what,
                      state, reward_rwf, given_at,
                      (SELECT code FROM referral_codes WHERE rider_id = $1) AS your_code
               FROM referrals WHERE referee_id = $1 OR referrer_id = $1 ORDER BY given_at DESC LIMIT $2) AS l"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let mut parts = vec![
        Part::list("ledger.json", lines),
        Part::list("payments.json", owed),
        Part::list("payments_at_providers.json", asked),
        Part::list("promotions.json", promotions),
        Part::list("referrals.json", referrals),
        Part::list("fare_disputes.json", disputed(pool, person).await?),
    ];
    parts.extend(methods::personal::export(pool, vault, person).await?);
    Ok(parts)
}

/// Saved wallets, words about fares and the code for friends are forgotten, and the numbers of wallets but of what a provider is
/// still asked about; all else is ids and amounts, which the law wants kept.
///
/// # Errors
/// When the database is away.
pub async fn erase(conn: &mut PgConnection, person: UserId, _now: Timestamp) -> Result<Progress, Error> {
    sqlx::query!(
        "UPDATE payment_attempts SET wallet_sealed = NULL, wallet_index = NULL
         WHERE person_id = $1 AND state IN ('succeeded', 'failed', 'rejected') AND wallet_sealed IS NOT NULL",
        person.0
    )
    .execute(&mut *conn)
    .await?;
    methods::personal::erase(conn, person).await?;
    sqlx::query!("DELETE FROM referral_codes WHERE rider_id = $1", person.0).execute(&mut *conn).await?;
    let disputes = sqlx::query!(
        "UPDATE fare_disputes SET comment = NULL WHERE ride_id IN (
             SELECT ride_id FROM fare_disputes WHERE rider_id = $1 AND comment IS NOT NULL LIMIT $2)",
        person.0,
        ERASE_ROWS_MAX
    )
    .execute(conn)
    .await?;
    Ok(Progress::after(&[disputes.rows_affected()]))
}

/// What the person said against fares.
async fn disputed(pool: &PgPool, person: UserId) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT to_jsonb(d) AS "row!: Value" FROM (
               SELECT ride_id, reason, comment, charged_rwf, opened_at
               FROM fare_disputes WHERE rider_id = $1 ORDER BY opened_at DESC LIMIT $2) AS d"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
