//! Forgetting what nobody needs any more: old codes, exchanged tokens, sessions long over.
//!
//! Order matters: the password of an account that nobody proved is dropped before its codes are, since the number of
//! codes sent is what tells whether that password can be trusted (see [`Auth::verify`]).

use crate::auth::{Auth, store};
use crate::error::Error;
use crate::time::{Span, Timestamp};

/// Codes are kept this long after they expired, for whoever looks into a complaint.
pub const CODES_KEPT: Span = Span::from_minutes(24 * 60);
/// Sessions are kept this long after they ended.
pub const SESSIONS_KEPT: Span = Span::from_minutes(30 * 24 * 60);

/// How many rows were forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Sign-in codes.
    pub codes: u64,
    /// Codes that proved a phone for another purpose.
    pub proofs: u64,
    /// Counts of tries.
    pub throttles: u64,
    /// Refresh tokens.
    pub refresh_tokens: u64,
    /// Sessions.
    pub sessions: u64,
}

impl Auth {
    /// Deletes what is old, at most `rows_max` rows of a kind. To be called now and then, by any node.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep(&self, rows_max: i64, now: Timestamp) -> Result<Swept, Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::drop_unproven_passwords(&mut tx, now - CODES_KEPT).await?;
        let codes = store::delete_codes(&mut tx, now - CODES_KEPT, rows_max).await?;
        let proofs = store::delete_proofs(&mut tx, now - CODES_KEPT, rows_max).await?;
        let throttles = store::delete_throttles(&mut tx, now, rows_max).await?;
        // A token not exchanged by then belongs to a session that expired; one that was exchanged has served as the
        // trap that it is.
        let exchanged_before = now - self.inner.config.refresh_lifetime - Span::from_minutes(60);
        let refresh_tokens = store::delete_refresh_tokens(&mut tx, exchanged_before, rows_max).await?;
        let sessions = store::delete_sessions(&mut tx, now - SESSIONS_KEPT, rows_max).await?;
        tx.commit().await?;
        Ok(Swept { codes, proofs, throttles, refresh_tokens, sessions })
    }
}
