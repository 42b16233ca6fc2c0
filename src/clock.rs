//! The one door to the time of day. Everything below is handed the time; the edges ask here.

use crate::time::Timestamp;

/// Now, UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one door to the system clock")]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
