//! Why a driver did not get a ride that went to somebody else: the one thing that decided, out of all that was weighed. Pure.
//!
//! Separate from the words, which are a matter of languages. Invariant: what is said speaks of the driver who asks and of
//! a difference; nothing in it tells who the other driver or the rider is, or where they are. That the two are not to
//! meet is the business of whoever decided so: it is told as a ride that was not for this driver.

use super::round::{Reason, RideRound, Weighed};
use crate::ids::DriverId;
use crate::time::Span;

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another driver was so much nearer in time.
    Nearer(Span),
    /// Another driver was ahead in the queue of the stage.
    Queue,
    /// Another driver had waited longer.
    WaitedLonger,
    /// Another driver takes more of what is offered.
    Answers,
    /// The rider prefers the other driver.
    Favourite,
    /// The ride was another driver's already, and taking it away must gain more.
    Promised,
    /// The other driver is missed less where they were.
    Place,
    /// This driver was given another ride in the same round, or was wanted more elsewhere.
    BetterElsewhere,
    /// This driver did not come into question.
    Excluded(Reason),
}

/// Which part of a cost a difference is about, in the order of `PARTS`.
const PICKUP: usize = 0;
const ACCEPTANCE: usize = 1;
const CANCELLATION: usize = 2;
const IDLE: usize = 3;
const PLACE: usize = 4;
const QUEUE: usize = 5;
const FAVOURITE: usize = 6;

/// Why not this driver, in this round. None when the driver was not looked at, was chosen, or nobody was.
pub fn why_not(round: &RideRound, driver: DriverId) -> Option<Why> {
    let chosen = round.chosen.filter(|chosen| *chosen != driver)?;
    let find = |driver| round.considered.iter().find(|weighed| weighed.driver == driver);
    let asks = find(driver)?;
    if let Some(reason) = asks.excluded {
        return Some(Why::Excluded(reason));
    }
    let Some(other) = find(chosen) else { return Some(Why::BetterElsewhere) };
    // Cheaper and not chosen: somebody else needed this driver more.
    if asks.cost_ms <= other.cost_ms {
        return Some(Why::BetterElsewhere);
    }
    Some(largest_difference(asks, other))
}

/// The part by which the driver who asks was dearer most.
fn largest_difference(asks: &Weighed, other: &Weighed) -> Why {
    let by = |part: usize| asks.parts_ms[part] - other.parts_ms[part];
    let part = (0..asks.parts_ms.len()).max_by_key(|part| (by(*part), std::cmp::Reverse(*part))).unwrap_or(PICKUP);
    match part {
        // What a rider may call off in vain grows with the way to them.
        PICKUP | CANCELLATION => {
            Why::Nearer(Span::from_millis((asks.pickup_eta.as_millis() - other.pickup_eta.as_millis()).max(0)))
        }
        ACCEPTANCE => Why::Answers,
        IDLE => Why::WaitedLonger,
        PLACE => Why::Place,
        QUEUE => Why::Queue,
        FAVOURITE => Why::Favourite,
        _ => Why::Promised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rides::decisions::round::tests::{driver, round, weighed};

    /// The driver who asks is number 1, and 100 seconds away; number 2 was chosen.
    fn check(asks: impl FnOnce(&mut Weighed), other: impl FnOnce(&mut Weighed), expected: Option<Why>) {
        let (mut one, mut two) = (weighed(1, 100), weighed(2, 100));
        asks(&mut one);
        other(&mut two);
        for weighed in [&mut one, &mut two] {
            weighed.cost_ms = weighed.parts_ms.iter().sum();
        }
        assert_eq!(why_not(&round(vec![one, two], Some(2)), driver(1)), expected);
    }

    fn is_away(seconds: i64) -> impl FnOnce(&mut Weighed) {
        move |weighed| {
            weighed.pickup_eta = Span::from_secs(seconds);
            weighed.parts_ms[PICKUP] = seconds * 1_000;
        }
    }

    #[test]
    fn the_largest_difference_is_what_decided() {
        let nothing = |_: &mut Weighed| {};
        check(is_away(220), nothing, Some(Why::Nearer(Span::from_secs(120))));
        for (part, why) in [
            (ACCEPTANCE, Why::Answers),
            (IDLE, Why::WaitedLonger),
            (PLACE, Why::Place),
            (QUEUE, Why::Queue),
            (FAVOURITE, Why::Favourite),
            (7, Why::Promised),
        ] {
            check(nothing, |two| two.parts_ms[part] = -5_000, Some(why));
            check(is_away(103), |two| two.parts_ms[part] = -5_000, Some(why));
            check(is_away(107), |two| two.parts_ms[part] = -5_000, Some(Why::Nearer(Span::from_secs(7))));
        }
    }

    #[test]
    fn who_was_cheaper_and_not_chosen_was_wanted_elsewhere() {
        check(is_away(50), |_| {}, Some(Why::BetterElsewhere));
    }

    #[test]
    fn who_did_not_come_into_question_hears_why() {
        for reason in Reason::ALL {
            check(|one| one.excluded = Some(reason), |_| {}, Some(Why::Excluded(reason)));
        }
    }

    #[test]
    fn there_is_nothing_to_explain_to_whoever_got_it_or_was_never_looked_at() {
        let both = || vec![weighed(1, 100), weighed(2, 90)];
        assert_eq!(why_not(&round(both(), Some(2)), driver(2)), None);
        assert_eq!(why_not(&round(both(), Some(2)), driver(3)), None);
        assert_eq!(why_not(&round(both(), None), driver(1)), None);
    }
}
