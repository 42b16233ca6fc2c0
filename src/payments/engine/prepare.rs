//! Making an order ready, inside the transaction of the fact that wants it.
//!
//! Separate because this half is all that other rooms need. Nothing is sent here: the engine does once this is committed.

use sqlx::PgConnection;

use crate::error::Error;
use crate::payments::attempt::NewAttempt;
use crate::payments::store;
use crate::time::Timestamp;
use crate::vault::Vault;

/// Writes attempts that are to be sent as soon as the caller's transaction is committed, and wakes the engines.
///
/// # Errors
/// When the database is away, the system gives no random numbers, or one of the subjects has an open attempt already
/// (the index `payment_attempts_one_open` refuses; the caller looks before, under the lock of the subject).
pub(in crate::payments) async fn prepare(
    conn: &mut PgConnection,
    vault: &Vault,
    attempts: &[NewAttempt],
    now: Timestamp,
) -> Result<(), Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    store::attempts::insert(conn, vault, attempts, now).await?;
    store::attempts::wake(conn).await?;
    Ok(())
}
