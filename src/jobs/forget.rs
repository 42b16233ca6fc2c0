//! Forgetting what waiting jobs say of a person.
//!
//! Separate because it is the one case in which a job ends without having run: whoever it was about is to be forgotten.

use sqlx::PgConnection;

use super::{Error, store};
use crate::time::Timestamp;

/// Ends the jobs of these kinds that are not done and whose payload holds one of `words`; how many. What they hold is
/// gone. A job that runs meanwhile runs to its end.
///
/// # Errors
/// When the database refuses.
pub async fn forget(conn: &mut PgConnection, kinds: &[&str], words: &[String], now: Timestamp) -> Result<u64, Error> {
    if words.is_empty() {
        return Ok(0);
    }
    Ok(store::forget(conn, kinds, words, now).await?)
}
