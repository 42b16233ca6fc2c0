//! How the people of a trial decide. Pure.
//!
//! Separate because these are the assumptions: every number about behaviour stands here, with what it is guided by. Answers
//! are drawn from (seed, ride, driver), so the same two people who meet under two policies answer the same.

use rand::Rng;

use super::chance::{About, around, bell, chance};
use crate::time::Span;

/// A driver looks at an offer for so long: the median in seconds, and how it spreads.
pub(super) const THINKING_S: (f64, f64) = (4.0, 0.5);
/// Share of offers that a driver takes when the rider is round the corner.
const TAKEN_NEAR: f64 = 0.96;
/// Up to this ride to the pickup, in seconds, nobody minds.
const NEAR_S: f64 = 120.0;
/// Each further second to the pickup costs so much of the share: 0.82 at eight minutes.
const TAKEN_LESS_PER_S: f64 = 0.000_4;
/// However far, some take it.
const TAKEN_MIN: f64 = 0.35;
/// Drivers differ: some take everything, some are choosy. The standard deviation of their share.
const TEMPER: f64 = 0.03;
/// Of those who do not take it, so many say so; the others let it lapse.
const SAYS_SO: f64 = 0.6;
/// The way to a pickup takes so much longer or shorter than the map says.
const PICKUP_SIGMA: f64 = 0.10;
/// Share of riders who change their mind while the driver is on the way, for reasons of their own.
const CHANGES_MIND: f64 = 0.002;
/// Who is promised more than they would wait for looks at it for so long, in seconds, and calls it off.
const LOOKS_S: (f64, f64) = (8.0, 0.5);
/// A driver without work for so long, in minutes on average, rides to where riders are.
pub(super) const RESTLESS_MIN: f64 = 8.0;
/// A shift, in minutes: the shortest and the longest.
pub(super) const SHIFT_MIN: (f64, f64) = (300.0, 600.0);

/// What a driver does about an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    Accepts,
    Declines,
    Ignores,
}

/// A driver's answer, and after how long it comes.
pub(super) fn answer(seed: u64, driver: u32, ride: u32, pickup: Span) -> (Answer, Span) {
    let mut rng = chance(seed, About::Answer, u64::from(driver), u64::from(ride));
    let thinking = Span::from_millis((around(&mut rng, THINKING_S.0, THINKING_S.1) * 1_000.0) as i64);
    let temper = TEMPER * bell(&mut chance(seed, About::Driver, u64::from(driver), 1));
    let beyond_s = (pickup.as_millis() as f64 / 1_000.0 - NEAR_S).max(0.0);
    let share = (TAKEN_NEAR + temper - beyond_s * TAKEN_LESS_PER_S).clamp(TAKEN_MIN, 1.0);
    let answer = if rng.random::<f64>() < share {
        Answer::Accepts
    } else if rng.random_bool(SAYS_SO) {
        Answer::Declines
    } else {
        Answer::Ignores
    };
    (answer, thinking)
}

/// How much longer the way to a pickup takes than the map says.
pub(super) fn pickup_slower(seed: u64, driver: u32, ride: u32) -> f64 {
    let mut rng = chance(seed, About::Pickup, u64::from(driver), u64::from(ride));
    (PICKUP_SIGMA * bell(&mut rng)).exp()
}

/// When a rider who has been promised a driver after `promised` more calls the ride off, if at all.
pub(super) fn calls_off(seed: u64, ride: u32, waited: Span, promised: Span, tolerance: Span) -> Option<Span> {
    let mut rng = chance(seed, About::Patience, u64::from(ride), 1);
    let looks = Span::from_millis((around(&mut rng, LOOKS_S.0, LOOKS_S.1) * 1_000.0) as i64);
    if Span::from_millis(waited.as_millis() + promised.as_millis()) > tolerance {
        return Some(looks);
    }
    let changes = rng.random_bool(CHANGES_MIND);
    let share = rng.random::<f64>();
    changes.then(|| Span::from_millis((promised.as_millis() as f64 * share) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pickup_s: i64) -> usize {
        let answers = (0..2_000).map(|n| answer(1, n, n + 7, Span::from_secs(pickup_s)).0);
        answers.filter(|answer| *answer == Answer::Accepts).count()
    }

    #[test]
    fn offers_are_taken_less_the_farther_the_pickup() {
        let (near, far, farther) = (taken(60), taken(480), taken(1_200));
        assert!((1_880..1_960).contains(&near), "{near}");
        assert!((1_580..1_700).contains(&far), "{far}");
        assert!(farther < far && farther > 600, "{farther}");
    }

    #[test]
    fn the_same_two_people_answer_the_same() {
        let ask = |driver| answer(3, driver, 9, Span::from_secs(200));
        assert_eq!(ask(5), ask(5));
        assert!((6..60).any(|driver| ask(driver) != ask(5)));
    }

    #[test]
    fn who_is_promised_too_late_an_arrival_calls_off() {
        let off = |promised| calls_off(1, 4, Span::from_secs(60), Span::from_secs(promised), Span::from_secs(600));
        assert!(off(541).is_some_and(|after| after < Span::from_secs(60)));
        let minds = (0..4_000)
            .filter(|ride| calls_off(1, *ride, Span::ZERO, Span::from_secs(300), Span::from_secs(600)).is_some());
        assert!((2..20).contains(&minds.count()));
    }
}
