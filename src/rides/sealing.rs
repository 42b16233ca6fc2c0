//! Sealing the contacts that an earlier version of this program stored open in stops and parcels.
//!
//! Separate because it runs once in the life of a database, as the same step of accounts does: see there how nothing is lost
//! whatever is killed.

use sqlx::PgPool;

use super::store;
use crate::error::Error;
use crate::vault::Vault;

/// Rows of one transaction: contacts are forgotten some days after a ride, so there are never many.
const ROWS_MAX: i64 = 200;

/// Seals all contacts that lie open; in how many rides this process did.
///
/// # Errors
/// When the database is away, or holds what is no contact.
pub async fn seal_open_contacts(pool: &PgPool, vault: &Vault) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let mut tx = pool.begin().await?;
        let open = store::lock_open_contacts(&mut tx, ROWS_MAX).await?;
        if open.is_empty() {
            break;
        }
        for row in open {
            store::replace_open_contacts(&mut tx, vault, row).await?;
            done += 1;
        }
        tx.commit().await?;
    }
    if done > 0 {
        tracing::info!(rides = done, "sealed the contacts that lay open");
    }
    Ok(done)
}
