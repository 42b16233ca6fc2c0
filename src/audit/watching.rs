//! Looking at something that draws itself anew every second: one record for a quarter of an hour, not nine hundred.
//!
//! Separate because it is the one place where a record may stand for more than one request. What may be watched so shows
//! nobody in particular.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sqlx::PgPool;

use super::{Act, record_read};
use crate::ids::UserId;
use crate::time::{Span, Timestamp};
use crate::web::Duty;

/// What one record stands for.
const EVERY: Span = Span::from_minutes(15);
/// Watchers that are remembered; when there are more all are forgotten, and recorded once more.
const WATCHERS_MAX: usize = 1_000;

/// Who was recorded when.
pub struct Watching {
    pool: PgPool,
    recorded: Mutex<BTreeMap<UserId, Timestamp>>,
}

impl Watching {
    /// Nobody watches yet.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool, recorded: Mutex::new(BTreeMap::new()) }
    }

    /// Records that somebody watches, unless that was said lately.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn record(&self, act: &Act<'_>, watcher: UserId, now: Timestamp) -> sqlx::Result<()> {
        let last = self.recorded.lock().unwrap_or_else(PoisonError::into_inner).get(&watcher).copied();
        if last.is_some_and(|last| last <= now && now.since(last) < EVERY) {
            Duty::discharge();
            return Ok(());
        }
        record_read(&self.pool, act, &[], now).await?;
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() >= WATCHERS_MAX {
            recorded.clear();
        }
        recorded.insert(watcher, now);
        Ok(())
    }
}
