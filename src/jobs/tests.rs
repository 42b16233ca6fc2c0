//! The queue against a real Postgres: what holds when workers race, die, are slow, or are stopped.
//!
//! Time is the test's own and nothing sleeps: handlers report over channels, and what is waited for has a bound.

use super::*;

/// Bounds for tests: polling is so rare that only a notification, or the first look, can start a job.
pub fn config() -> Config {
    Config {
        workers_max: 4,
        batch_max: 2,
        poll_interval: Span::from_minutes(60),
        lease_margin: Span::from_secs(1),
        retry_base: Span::from_secs(10),
        retry_max: Span::from_minutes(10),
        unknown_kind_delay: Span::from_secs(30),
        drain_max: Span::from_secs(10),
        housekeeping_interval: Span::from_minutes(60),
        done_retention: Span::from_minutes(60),
        delete_batch_max: 10,
    }
}
