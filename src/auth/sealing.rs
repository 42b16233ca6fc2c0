//! Sealing what an earlier version of this program stored open.
//!
//! Separate because it runs once in the life of a database, between the migrations and the services, and could be removed
//! when no such database is left. It goes by batches, each in a transaction of its own that takes the open phone away in
//! the statement that puts the sealed one there: whatever is killed whenever, a phone is in exactly one of both places.
//! Two servers that start together share the work: a row that one has locked is sealed when the other gets it, and passed.

use sqlx::PgPool;

use crate::auth::phones::SealedPhone;
use crate::auth::store;
use crate::error::Error;
use crate::ids::UserId;
use crate::phone::Phone;
use crate::vault::Vault;

/// Rows of one transaction: some milliseconds of locks.
const ROWS_MAX: i64 = 1_000;

/// Seals all phones that lie open; how many this process did.
///
/// # Errors
/// When the database is away, or holds a phone that is none.
pub async fn seal_open_phones(pool: &PgPool, vault: &Vault) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let mut tx = pool.begin().await?;
        let open = store::lock_open_phones(&mut tx, ROWS_MAX).await?;
        if open.is_empty() {
            break;
        }
        let seal = |(user, phone): &(UserId, String)| {
            let phone = Phone::parse(phone).map_err(Error::internal)?;
            SealedPhone::new(vault, *user, phone)
        };
        let sealed = open.iter().map(seal).collect::<Result<Vec<_>, Error>>()?;
        done += store::replace_open_phones(&mut tx, &sealed).await?;
        tx.commit().await?;
    }
    if done > 0 {
        tracing::info!(phones = done, "sealed the phones that lay open");
    }
    Ok(done)
}
