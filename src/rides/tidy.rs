//! Housekeeping: quotes nobody booked are deleted a day after they expired.

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
        while !stop.is_cancelled() {
            match store::delete_stale_quotes(&rides.inner.pool, clock::now() - KEEP, BATCH_MAX).await {
                Ok(deleted) if deleted == BATCH_MAX.unsigned_abs() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(error = %crate::telemetry::chain(&error), "old quotes could not be deleted");
                    break;
                }
            }
        }
    }
}
