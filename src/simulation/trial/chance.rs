//! Chance that does not depend on the order of questions.
//!
//! Separate because it is what makes a comparison fair: what a person would do about a ride is drawn from the seed, the
//! person and the ride, so two policies that bring the same two together see the same answer, whatever else they did.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    /// When rides are wished for, and from where to where.
    Wishes = 1,
    /// How long a rider waits.
    Patience,
    /// How quick the way of a ride is.
    Ride,
    /// What a driver says to an offer.
    Answer,
    /// How quick the way to a pickup is.
    Pickup,
    /// Who a driver is: temper, beginning, shift.
    Driver,
    /// Where a driver without work goes.
    Drift,
    /// The sample that demand is measured by.
    Capacity,
    /// Resampling for intervals.
    Bootstrap,
}

/// A stream of its own for each question about two things.
pub(super) fn chance(seed: u64, about: About, one: u64, other: u64) -> StdRng {
    let mut state = mixed(seed ^ mixed(about as u64));
    state = mixed(state ^ one);
    StdRng::seed_from_u64(mixed(state.rotate_left(17) ^ other))
}

/// One of the bijections of Steele, Lea and Flood's SplitMix64 (2014).
const fn mixed(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A draw from the bell curve (Box and Muller, 1958).
pub(super) fn bell(rng: &mut impl rand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// A draw whose logarithm is a bell around that of the median.
pub(super) fn around(rng: &mut impl rand::Rng, median: f64, sigma: f64) -> f64 {
    median * (sigma * bell(rng)).exp()
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn each_question_has_its_own_stream_and_always_the_same() {
        let draw = |seed, about, one, other| chance(seed, about, one, other).random::<u64>();
        assert_eq!(draw(1, About::Answer, 2, 3), draw(1, About::Answer, 2, 3));
        let all = [
            draw(1, About::Answer, 2, 3),
            draw(2, About::Answer, 2, 3),
            draw(1, About::Pickup, 2, 3),
            draw(1, About::Answer, 3, 2),
            draw(1, About::Answer, 2, 4),
        ];
        assert!((1..all.len()).all(|n| !all[..n].contains(&all[n])), "{all:?}");
    }

    #[test]
    fn draws_lie_around_the_median() {
        let mut rng = chance(7, About::Patience, 0, 0);
        let mut draws: Vec<f64> = (0..4_001).map(|_| around(&mut rng, 240.0, 0.4)).collect();
        draws.sort_by(f64::total_cmp);
        assert!((230.0..250.0).contains(&draws[2_000]), "{}", draws[2_000]);
        // One standard deviation below the median: a sixth of all.
        assert!((150.0..172.0).contains(&draws[635]), "{}", draws[635]);
    }
}
