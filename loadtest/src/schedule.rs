//! When bookings are meant to happen: an open-loop schedule made before the first byte is sent.
//!
//! The server never slows the schedule down. Every latency is measured from the intended moment, so a stall of the
//! server shows in all bookings that were due during it, not only in the one that happened to be on the wire.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::world::{Disc, Journey};

/// A send later than this after its intended moment means the generator itself was late.
pub const LATE_AFTER: Duration = Duration::from_millis(5);
/// A run with a larger share of late sends says more about the generator than about the server.
pub const LATE_SHARE_MAX: f64 = 0.001;

/// One booking of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// When, after the start of the run.
    pub at: Duration,
    /// From where to where.
    pub journey: Journey,
}

/// The bookings of a run in order of time; endless when the run ends on another sign.
pub type Demand = Box<dyn Iterator<Item = Planned> + Send>;

/// Bookings of the synthetic city: a Poisson stream of constant rate, endless. The same seed gives the same stream.
pub fn poisson(rides_per_minute: f64, disc: Disc, seed: u64) -> Demand {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut at_s = 0.0_f64;
    Box::new(std::iter::from_fn(move || {
        // 1 - u is in (0, 1], so the logarithm is finite.
        at_s += -(1.0 - rng.random_range(0.0_f64..1.0)).ln() * 60.0 / rides_per_minute;
        Some(Planned { at: Duration::from_secs_f64(at_s), journey: disc.journey(&mut rng) })
    }))
}

/// The part of a demand that is due before `length`.
pub fn during(demand: Demand, length: Duration) -> Demand {
    Box::new(demand.take_while(move |planned| planned.at < length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Area;

    fn disc() -> Disc {
        Disc::for_drivers(Area { lat_min: -2.1, lat_max: -1.8, lng_min: 29.9, lng_max: 30.3 }, 500)
    }

    #[test]
    fn the_stream_keeps_its_rate_and_its_order() {
        let planned: Vec<_> = during(poisson(300.0, disc(), 7), Duration::from_secs(1_200)).collect();
        assert!((5_700..6_300).contains(&planned.len()), "{}", planned.len());
        assert!(planned.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(planned.iter().all(|one| one.at < Duration::from_secs(1_200)));
    }

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let take = |seed| poisson(60.0, disc(), seed).take(50).collect::<Vec<_>>();
        assert_eq!(take(3), take(3));
        assert_ne!(take(3), take(4));
    }
}
