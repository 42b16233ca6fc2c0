//! The one place that reads the wall clock. Everything measured uses the monotonic clock instead.

use std::time::UNIX_EPOCH;

/// Milliseconds since 1970-01-01 UTC, as a phone would stamp its pings.
#[expect(
    clippy::disallowed_methods,
    reason = "a phone stamps its pings by its own wall clock; this is the only reader"
)]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set after 1970");
    u64::try_from(since.as_millis()).expect("milliseconds since 1970 fit 64 bits for 500 million years")
}
