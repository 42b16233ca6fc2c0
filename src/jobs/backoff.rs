//! How long a failed job waits: exponential, bounded, spread, and the same for the same job and attempt.
//!
//! Separate and pure, so that the schedule can be tested and no random source is needed: the spread comes from the
//! job's identifier.

use crate::ids::JobId;
use crate::time::Span;

/// The wait after failed attempt `attempt` (from 1): `base` doubled per attempt, at most `max`, of which the upper half
/// is spread by job so that jobs which failed together do not come back together.
pub fn backoff(base: Span, max: Span, job: JobId, attempt: u32) -> Span {
    let doublings = attempt.saturating_sub(1).min(62);
    let full_ms = base.as_millis().saturating_mul(1_i64 << doublings).clamp(0, max.as_millis());
    let spread_ms = full_ms / 2;
    let (high, low) = job.0.as_u64_pair();
    let hash = mix(high ^ mix(low ^ u64::from(attempt)));
    let jitter_ms = i64::try_from(hash % (spread_ms.unsigned_abs() + 1)).expect("at most half of an i64");
    Span::from_millis(full_ms - spread_ms + jitter_ms)
}

/// The finaliser of `splitmix64`: every input bit moves every output bit.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    use uuid::Uuid;

    const BASE: Span = Span::from_secs(1);
    const MAX: Span = Span::from_minutes(10);

    fn wait_ms(job: u128, attempt: u32) -> i64 {
        backoff(BASE, MAX, JobId(Uuid::from_u128(job)), attempt).as_millis()
    }

    #[test]
    fn each_wait_lies_between_half_and_all_of_the_doubled_base() {
        for job in 0..200 {
            for (attempt, full_ms) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 8_000), (10, 512_000)] {
                let wait_ms = wait_ms(job, attempt);
                assert!((full_ms / 2..=full_ms).contains(&wait_ms), "job {job} attempt {attempt}: {wait_ms} ms");
            }
        }
    }

    #[test]
    fn no_number_of_attempts_waits_longer_than_the_bound() {
        for attempt in [0, 11, 63, 64, 1_000, u32::MAX] {
            assert!(wait_ms(7, attempt) <= MAX.as_millis(), "attempt {attempt}");
        }
        assert_eq!(backoff(Span::ZERO, MAX, JobId(Uuid::from_u128(7)), 5), Span::ZERO);
        let longest = Span::from_millis(i64::MAX);
        assert!(backoff(longest, longest, JobId(Uuid::from_u128(7)), 9) <= longest);
    }

    #[test]
    fn the_same_job_and_attempt_wait_the_same_and_different_jobs_spread() {
        assert_eq!(wait_ms(7, 3), wait_ms(7, 3));
        let early = (0..1_000).filter(|job| wait_ms(*job, 3) < 3_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 jobs wait less than the middle");
    }
}
