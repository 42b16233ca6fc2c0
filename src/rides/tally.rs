//! Running figures of the city, for its page: counts since the start and how quickly offers follow requests.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::telemetry::names;

/// Quantiles are of this many newest offers: a few minutes of a busy city.
const SAMPLES_MAX: usize = 1_024;

/// Counts since the process started.
#[derive(Default)]
pub struct Tally {
    requested: AtomicU64,
    assigned: AtomicU64,
    completed: AtomicU64,
    ended_otherwise: AtomicU64,
    /// Request to first offer, newest last, in microseconds.
    to_offer_us: Mutex<VecDeque<u32>>,
}

/// The figures at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Rides requested.
    pub requested: u64,
    /// Rides that got a driver.
    pub assigned: u64,
    /// Rides completed.
    pub completed: u64,
    /// Rides that ended in another way.
    pub ended_otherwise: u64,
    /// Request to first offer in milliseconds: half were quicker. `None` before the first.
    pub to_offer_ms_p50: Option<f64>,
    /// 99 of 100 were quicker.
    pub to_offer_ms_p99: Option<f64>,
}

impl Tally {
    /// A ride was requested.
    pub fn requested(&self) {
        self.requested.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(names::DISPATCH_REQUESTS_TOTAL).increment(1);
    }

    /// A ride got a driver.
    pub fn assigned(&self) {
        self.assigned.fetch_add(1, Ordering::Relaxed);
    }

    /// A ride ended.
    pub fn ended(&self, status: &'static str, completed: bool) {
        let count = if completed { &self.completed } else { &self.ended_otherwise };
        count.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(names::DISPATCH_RIDES_ENDED_TOTAL, "status" => status).increment(1);
    }

    /// The first offer of a ride was handed to the hub this long after the request arrived.
    pub fn offered_after(&self, wait: Duration) {
        metrics::histogram!(names::DISPATCH_REQUEST_TO_OFFER_SECONDS).record(wait.as_secs_f64());
        let mut samples = self.to_offer_us.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(u32::try_from(wait.as_micros()).unwrap_or(u32::MAX));
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        let samples = self.to_offer_us.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut sorted: Vec<u32> = samples.iter().copied().collect();
        drop(samples);
        sorted.sort_unstable();
        let quantile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(rank).map(|us| f64::from(*us) / 1_000.0)
        };
        Figures {
            requested: self.requested.load(Ordering::Relaxed),
            assigned: self.assigned.load(Ordering::Relaxed),
            completed: self.completed.load(Ordering::Relaxed),
            ended_otherwise: self.ended_otherwise.load(Ordering::Relaxed),
            to_offer_ms_p50: quantile(50),
            to_offer_ms_p99: quantile(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_newest_samples() {
        let tally = Tally::default();
        assert_eq!(tally.figures().to_offer_ms_p50, None);
        for ms in 1..=100 {
            tally.offered_after(Duration::from_millis(ms));
        }
        let figures = tally.figures();
        assert_eq!((figures.to_offer_ms_p50, figures.to_offer_ms_p99), (Some(50.0), Some(99.0)));
    }
}
