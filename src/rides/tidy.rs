//! Housekeeping: quotes nobody booked are deleted a day after they expired, and people without an account are forgotten some
//! days after the ride that named them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Rides, store};
use crate::clock;
use crate::time::Span;

const EVERY: Duration = Duration::from_secs(600);
const KEEP: Span = Span::from_secs(24 * 3_600);
const BATCH_MAX: i64 = 1_000;

/// Tidies up until told to stop.
pub async fn tidy(rides: Rides, stop: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let pool = &rides.inner.pool;
        while !stop.is_cancelled() {
            match store::delete_stale_quotes(pool, clock::now() - KEEP, BATCH_MAX).await {
                Ok(deleted) if deleted == BATCH_MAX.unsigned_abs() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(error = %crate::telemetry::chain(&error), "old quotes could not be deleted");
                    break;
                }
            }
        }
        while !stop.is_cancelled() {
            let before = clock::now() - rides.inner.config.products.contacts_kept;
            match store::forget_contacts(pool, before, BATCH_MAX).await {
                Ok(forgotten) if forgotten == BATCH_MAX.unsigned_abs() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(error = %crate::telemetry::chain(&error), "old contacts could not be forgotten");
                    break;
                }
            }
        }
    }
}
