//! Bounded waiting: nothing in these tests sleeps for a guessed time, and nothing waits for ever.

use std::time::{Duration, Instant};

/// Long enough for a busy machine, short enough for a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often something is looked at that cannot be waited for.
const PAUSE: Duration = Duration::from_millis(15);

/// Asks again and again until there is an answer; panics with `what` when there is none in time.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < give_up, "in vain waited {PATIENCE:?} for: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// As [`eventually`], outside of any runtime. `None` when there was nothing in time.
pub fn blocking<T>(within: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let give_up = Instant::now() + within;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if Instant::now() >= give_up {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}
