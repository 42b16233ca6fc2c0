//! Pauses between tries: doubled each time up to a maximum, each drawn at random below, so that a thousand phones that
//! lost the same server do not come back in the same instant. Pure.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(250);
const MAX: Duration = Duration::from_secs(20);

/// The state of somebody who tries again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    ceiling: Duration,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self { ceiling: FIRST }
    }

    /// How long to wait after one more failure: between half and all of the current ceiling.
    pub fn pause(&mut self, rng: &mut impl Rng) -> Duration {
        let pause = self.ceiling.mul_f64(rng.random_range(0.5..=1.0));
        self.ceiling = (self.ceiling * 2).min(MAX);
        pause
    }

    /// Something went well.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum_and_differ_between_people() {
        let pauses = |seed| {
            let (mut backoff, mut rng) = (Backoff::new(), StdRng::seed_from_u64(seed));
            (0..12).map(|_| backoff.pause(&mut rng)).collect::<Vec<_>>()
        };
        let mut ceiling = FIRST;
        for pause in pauses(1) {
            assert!(pause >= ceiling / 2 && pause <= ceiling, "{pause:?} of {ceiling:?}");
            ceiling = (ceiling * 2).min(MAX);
        }
        assert_ne!(pauses(1), pauses(2));
    }

    #[test]
    fn success_begins_anew() {
        let (mut backoff, mut rng) = (Backoff::new(), StdRng::seed_from_u64(1));
        for _ in 0..12 {
            backoff.pause(&mut rng);
        }
        backoff.reset();
        assert!(backoff.pause(&mut rng) <= FIRST);
    }
}
