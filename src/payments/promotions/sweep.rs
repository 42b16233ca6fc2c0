//! What is done about promotions beside requests: rewards for referrals, and money kept for rides that never were.
//!
//! Separate because nobody waits for it, and because it makes good what a crash between two commits left behind.

use tokio_util::sync::CancellationToken;

use super::store;
use crate::clock;
use crate::payments::Payments;
use crate::time::{Span, Timestamp};

/// A booking is written down long before.
const LOST_AFTER: Span = Span::from_minutes(15);
const BATCH_MAX: i64 = 200;

/// Sweeps until told to stop.
pub async fn keep_promotions(payments: Payments, stop: CancellationToken) {
    let mut interval = tokio::time::interval(payments.parts.config.promotions.sweep_every.to_duration());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = payments.sweep_promotions(clock::now()).await {
            tracing::warn!(%error, "promotions could not be swept; tried again soon");
        }
    }
}

impl Payments {
    /// One round: rewards what is due, and gives back what is kept for rides that are not there or did not complete.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep_promotions(&self, now: Timestamp) -> Result<(), sqlx::Error> {
        self.reward_referrals(now, BATCH_MAX).await?;
        for ride in store::lost(&self.pool, now - LOST_AFTER, BATCH_MAX).await? {
            let mut transaction = self.pool.begin().await?;
            store::release(&mut transaction, ride, now).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}
