//! What the rooms of wallets, payouts and refunds have about a person. Numbers and words go with the person; what was moved
//! when and for whom stays for ten years, by id only.

use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::Error;
use crate::ids::UserId;
use crate::payments::methods::store;
use crate::personal::{EXPORT_ROWS_MAX, Part};
use crate::vault::Vault;

/// Saved wallets, payouts, refunds and adjustments. Never what is being looked at (tipping-off).
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let mut conn = pool.acquire().await?;
    let mut wallets: Vec<Value> = Vec::new();
    for saved in store::list(&mut conn, vault, person).await? {
        wallets.push(serde_json::json!({
            "provider": saved.provider.as_str(), "number": saved.wallet.map(|wallet| wallet.as_str().to_owned()),
            "label": saved.label, "is_default": saved.is_default, "created_at": saved.created_at,
        }));
    }
    if let Some(wallet) = store::payout_wallet(&mut conn, vault, person.0.into()).await? {
        wallets.push(serde_json::json!({
            "payouts_to": wallet.provider.as_str(), "number": wallet.wallet.as_str(), "changed_at": wallet.changed_at,
        }));
    }
    let payouts = sqlx::query_scalar!(
        r#"SELECT to_jsonb(l) AS "row!: Value" FROM (
               SELECT id, kind, week, amount_rwf, fee_rwf, netted_rwf, provider, state, failure, reason, requested_at, finished_at
               FROM payouts WHERE driver_id = $1 ORDER BY requested_at DESC, id DESC LIMIT $2) AS l"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    let refunds = sqlx::query_scalar!(
        r#"SELECT to_jsonb(l) AS "row!: Value" FROM (
               SELECT id, ride_id, amount_rwf, destination, reason, state, proposed_at AS at FROM refunds WHERE rider_id = $1
               UNION ALL
               SELECT id, NULL, amount_rwf, account, reason, state, proposed_at FROM adjustments WHERE person_id = $1
               ORDER BY at DESC LIMIT $2) AS l"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![
        Part::list("wallets.json", wallets),
        Part::list("payouts.json", payouts),
        Part::list("refunds.json", refunds),
    ])
}

/// Forgets wallets, and words that were written about the person.
///
/// # Errors
/// When the database is away.
pub async fn erase(conn: &mut PgConnection, person: UserId) -> Result<(), Error> {
    sqlx::query!("DELETE FROM payment_methods WHERE rider_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM payout_wallets WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("UPDATE payouts SET reason = NULL WHERE driver_id = $1", person.0).execute(&mut *conn).await?;
    sqlx::query!("UPDATE refunds SET reason = '', decision = NULL WHERE rider_id = $1 OR driver_id = $1", person.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("UPDATE adjustments SET reason = '', decision = NULL WHERE person_id = $1", person.0)
        .execute(conn)
        .await?;
    Ok(())
}
