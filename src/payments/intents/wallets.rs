//! Which wallet a payer is asked by.
//!
//! Separate because looking it up takes two connections at once: a few at a time, so that lookups never wait for each other
//! with all connections in their hands.

use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::payments::method::ProviderId;
use crate::payments::{Payments, methods};
use crate::phone::Phone;

/// Lookups at once.
pub const LOOKUPS_MAX: usize = 2;

impl Payments {
    /// The number to be asked: the saved wallet, or the best that is known. None of cards, or when nothing is known.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the saved wallet is not the payer's, or is of another provider; when the database is away.
    pub(in crate::payments) async fn wallet_of(
        &self,
        payer: UserId,
        provider: ProviderId,
        saved: Option<Uuid>,
    ) -> Result<Option<Phone>, Error> {
        let _turn = self.opener.lookups.acquire().await.map_err(Error::internal)?;
        let mut conn = self.pool.acquire().await?;
        methods::wallet_of(&mut conn, &self.parts, payer, provider, saved).await
    }
}
