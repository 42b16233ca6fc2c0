//! Sealing what an earlier version of this program stored open: numbers of licences, insurances and papers.
//!
//! Separate because it runs once in the life of a database, between the migrations and the services, and could be removed
//! when no such database is left. It goes by batches, each in a transaction of its own, and takes the open number away in
//! the statement that puts the sealed one there.

use sqlx::PgPool;

use crate::drivers::store;
use crate::error::Error;
use crate::vault::Vault;

/// Rows of one transaction: some milliseconds of locks.
const ROWS_MAX: i64 = 1_000;

/// Seals all numbers that lie open; in how many rows this process did.
///
/// # Errors
/// When the database is away.
pub async fn seal_open_numbers(pool: &PgPool, vault: &Vault) -> Result<usize, Error> {
    let mut done = 0;
    loop {
        let mut tx = pool.begin().await?;
        let sealed = store::seal_drivers(&mut tx, vault, ROWS_MAX).await?
            + store::seal_documents(&mut tx, vault, ROWS_MAX).await?;
        tx.commit().await?;
        if sealed == 0 {
            break;
        }
        done += sealed;
    }
    if done > 0 {
        tracing::info!(rows = done, "sealed the numbers of papers that lay open");
    }
    Ok(done)
}
