//! Housekeeping: quotes nobody booked are deleted a day after they expired, what explains old rides when its time is up, and
//! people without an account are forgotten some days after the ride that named them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Rides, decisions, store};
use crate::clock;
use crate::time::Span;

const EVERY: Duration = Duration::from_secs(600);
/// Quotes nobody booked are kept this long after they lapsed.
pub const QUOTES_KEPT: Span = Span::from_secs(24 * 3_600);
const BATCH_MAX: i64 = 1_000;

/// Tidies up until told to stop.
pub async fn tidy(rides: Rides, stop: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        for old in [Old::Quotes, Old::Rounds, Old::Contacts] {
            sweep(&rides, &stop, old).await;
        }
    }
}

/// What is deleted in time.
#[derive(Clone, Copy)]
enum Old {
    Quotes,
    Rounds,
    Contacts,
}

/// Deletes batch by batch until one is not full.
async fn sweep(rides: &Rides, stop: &CancellationToken, old: Old) {
    let (pool, now) = (&rides.inner.pool, clock::now());
    while !stop.is_cancelled() {
        let (deleted, complaint) = match old {
            Old::Quotes => {
                let deleted = store::delete_stale_quotes(pool, now - QUOTES_KEPT, BATCH_MAX).await;
                (deleted, "old quotes could not be deleted")
            }
            Old::Rounds => {
                let before = now - rides.inner.config.decisions.retention;
                (decisions::store::delete_before(pool, before, BATCH_MAX).await, "old rounds could not be deleted")
            }
            Old::Contacts => {
                let before = now - rides.inner.config.products.contacts_kept;
                (store::forget_contacts(pool, before, BATCH_MAX).await, "old contacts could not be forgotten")
            }
        };
        match deleted {
            Ok(deleted) if deleted == BATCH_MAX.unsigned_abs() => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "{complaint}");
                return;
            }
        }
    }
}
