//! What this service has about a person. The ledger forgets nothing: ten years are the law's, and all it holds of a person
//! is the id. What a person wrote about a fare is forgotten.

use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{ERASE_ROWS_MAX, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;

/// The lines on a person's accounts.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, _vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
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
    let disputes = sqlx::query_scalar!(
        r#"SELECT to_jsonb(d) AS "row!: Value" FROM (
               SELECT ride_id, reason, comment, charged_rwf, opened_at
               FROM fare_disputes WHERE rider_id = $1 ORDER BY opened_at DESC LIMIT $2) AS d"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![Part::list("ledger.json", lines), Part::list("fare_disputes.json", disputes)])
}

/// Forgets what the person wrote; amounts stay.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, _now: Timestamp) -> Result<Progress, Error> {
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
