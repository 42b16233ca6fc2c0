//! When an app dials again after a loss, as the protocol tells apps to.
//!
//! Pure but for the dice, which are an argument.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::generator::line::End;

/// First pause after a loss that came without a hint; doubles up to the last. Each is stretched by up to its own length.
const PAUSE_FIRST_MS: u64 = 200;
const PAUSE_MAX_MS: u64 = 1_600;

/// The pause before the next dial; none when the server said to stay away.
pub fn pause(end: &End, losses: u32, dice: &mut SmallRng) -> Option<Duration> {
    let backoff_ms = PAUSE_FIRST_MS.saturating_mul(1 << losses.saturating_sub(1).min(8)).min(PAUSE_MAX_MS);
    let jittered = Duration::from_millis(dice.random_range(backoff_ms..=2 * backoff_ms));
    match end {
        End::Closed(1009 | 4500..=4999, _) => None,
        End::Closed(_, reason) => Some(hint(reason).unwrap_or(jittered)),
        End::Refused(503 | 429, Some(wait_s)) => Some(Duration::from_secs((*wait_s).min(60)) + jittered / 4),
        End::Refused(400..=499, _) => None,
        End::Refused(..) | End::Broken(_) => Some(jittered),
    }
}

/// The server's own wish, already jittered: `NAME retry_ms=N`.
fn hint(reason: &str) -> Option<Duration> {
    let ms: u64 = reason.split_once("retry_ms=")?.1.trim().parse().ok()?;
    Some(Duration::from_millis(ms.min(60_000)))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_servers_wish_goes_before_the_apps_own_backoff() {
        let dice = &mut SmallRng::seed_from_u64(1);
        let closed = |code, reason: &str| End::Closed(code, reason.to_owned());
        assert_eq!(pause(&closed(4000, "shutting_down retry_ms=2317"), 1, dice), Some(Duration::from_millis(2_317)));
        assert_eq!(pause(&closed(4501, "not_authenticated"), 1, dice), None);
        assert_eq!(pause(&End::Refused(401, None), 1, dice), None);
        let full = pause(&End::Refused(503, Some(3)), 1, dice).expect("comes back");
        assert!((3_000..3_200).contains(&full.as_millis()), "{full:?}");
    }

    #[test]
    fn pauses_without_a_hint_grow_and_differ() {
        let dice = &mut SmallRng::seed_from_u64(1);
        let broken = End::Broken(String::new());
        for (losses, from, to) in [(1, 200, 400), (2, 400, 800), (4, 1_600, 3_200), (99, 1_600, 3_200)] {
            let pauses: Vec<_> = (0..50).filter_map(|_| pause(&broken, losses, dice)).map(|p| p.as_millis()).collect();
            assert!(pauses.len() == 50 && pauses.iter().all(|ms| (from..=to).contains(ms)), "{losses}: {pauses:?}");
            assert!(pauses.iter().any(|ms| *ms != pauses[0]));
        }
    }
}
