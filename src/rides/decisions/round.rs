//! What is kept of a round: who was weighed for a ride, what each would have cost and why, and who was chosen. Pure.
//!
//! Separate from the core's own record, which speaks of whole rounds and is never written: a row is about one ride, because
//! that is what is asked for, and it is bounded, because a round in a crowded place looks at many.

use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// Why a driver who was looked at did not come into question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// On a ride, and not known to be done with it soon.
    Busy,
    /// Had another offer to answer.
    Offered,
    /// Had this ride on offer before and did not take it.
    Passed,
    /// Not connected.
    Lost,
    /// The rider and the driver are not to meet.
    Avoided,
    /// Dearer than to let the ride wait.
    TooCostly,
    /// Goes home, and the ride leads elsewhere.
    WrongDirection,
    /// The pickup is farther than the driver wishes.
    PickupTooFar,
    /// The fare is lower than the driver wishes.
    FareTooLow,
    /// Serves other kinds of ride.
    OtherClass,
    /// Would be done with the ride before too late.
    FinishesTooLate,
    /// Not on shift any more.
    OffShift,
    /// Had accepted the next ride already.
    HasNext,
    /// Got another ride as the head of the stage's queue.
    Queued,
    /// Something that this list has no word for.
    Other,
}

impl Reason {
    /// All of them; the place in here is what is stored, so new ones come last.
    pub const ALL: [Self; 15] = [
        Self::Other,
        Self::Busy,
        Self::Offered,
        Self::Passed,
        Self::Lost,
        Self::Avoided,
        Self::TooCostly,
        Self::WrongDirection,
        Self::PickupTooFar,
        Self::FareTooLow,
        Self::OtherClass,
        Self::FinishesTooLate,
        Self::OffShift,
        Self::HasNext,
        Self::Queued,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Offered => "offered",
            Self::Passed => "passed",
            Self::Lost => "lost",
            Self::Avoided => "avoided",
            Self::TooCostly => "too_costly",
            Self::WrongDirection => "wrong_direction",
            Self::PickupTooFar => "pickup_too_far",
            Self::FareTooLow => "fare_too_low",
            Self::OtherClass => "other_class",
            Self::FinishesTooLate => "finishes_too_late",
            Self::OffShift => "off_shift",
            Self::HasNext => "has_next",
            Self::Queued => "queued",
            Self::Other => "other",
        }
    }
}

/// How many parts a cost has: pickup, acceptance, cancellation, idle, place, queue, favourite, switching, in this order. In
/// milliseconds of pickup time; negative ones speak for the driver.
pub const PARTS: usize = 8;

/// One driver as weighed for one ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// Who.
    pub driver: DriverId,
    /// Time to the pickup, with the rest of the ride before where there is one.
    pub pickup_eta: Span,
    /// Distance to the pickup.
    pub pickup_distance_m: u32,
    /// What it would have cost, by part.
    pub parts_ms: [i64; PARTS],
    /// What it would have cost.
    pub cost_ms: i64,
    /// What this driver was worth to the others in that round.
    pub price_ms: i64,
    /// Why they did not come into question, if they did not.
    pub excluded: Option<Reason>,
}

/// One ride in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RideRound {
    /// Counting from 1, of those that are kept.
    pub round: u16,
    /// When.
    pub at: Timestamp,
    /// `at_once` or `gathered`.
    pub trigger: &'static str,
    /// `exact`, `nearest`, `out_of_steps` or `uncertified`.
    pub means: &'static str,
    /// Whether the proof that nothing better exists was checked.
    pub certified: bool,
    /// How long the ride had waited.
    pub waited: Span,
    /// What it would have cost to let the ride wait on.
    pub unassigned_ms: i64,
    /// What the ride had to pay for in that round.
    pub price_ms: i64,
    /// Who got the offer.
    pub chosen: Option<DriverId>,
    /// Who would have been next.
    pub runner_up: Option<DriverId>,
    /// The ordinal of the offer, if one was made.
    pub offer: Option<u16>,
    /// Who was weighed: who came into question first, the cheapest first.
    pub considered: Vec<Weighed>,
}

impl RideRound {
    /// Cuts the list of the weighed down to a length. Whoever was chosen or would have been stays.
    pub fn bound(&mut self, considered_max: usize) {
        let (chosen, runner_up) = (self.chosen, self.runner_up);
        let is_named = |driver: DriverId| Some(driver) == chosen || Some(driver) == runner_up;
        self.considered.sort_by_key(|weighed| {
            (!is_named(weighed.driver), weighed.excluded.is_some(), weighed.cost_ms, weighed.pickup_eta, weighed.driver)
        });
        self.considered.truncate(considered_max.max(2));
        self.considered
            .sort_by_key(|weighed| (weighed.excluded.is_some(), weighed.cost_ms, weighed.pickup_eta, weighed.driver));
    }

    /// Whether it says anything that the round of the ride before has not said: a search that goes on in vain is kept once, and
    /// that a ride keeps what it has is not kept at all.
    pub fn says_more_than(&self, before: &Self) -> bool {
        if self.offer.is_none() && self.chosen.is_some() && self.chosen == before.chosen {
            return false;
        }
        let who = |round: &Self| -> Vec<(DriverId, Option<Reason>)> {
            let mut who: Vec<_> = round.considered.iter().map(|weighed| (weighed.driver, weighed.excluded)).collect();
            who.sort_unstable();
            who
        };
        self.offer != before.offer || self.chosen != before.chosen || who(self) != who(before)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    pub(crate) fn driver(number: u128) -> DriverId {
        DriverId(Uuid::from_u128(number))
    }

    /// A driver so many seconds from the pickup, for whom nothing else speaks.
    pub(crate) fn weighed(number: u128, seconds: i64) -> Weighed {
        let mut parts_ms = [0; PARTS];
        parts_ms[0] = seconds * 1_000;
        Weighed {
            driver: driver(number),
            pickup_eta: Span::from_secs(seconds),
            pickup_distance_m: 0,
            parts_ms,
            cost_ms: seconds * 1_000,
            price_ms: 0,
            excluded: None,
        }
    }

    pub(crate) fn round(considered: Vec<Weighed>, chosen: Option<u128>) -> RideRound {
        RideRound {
            round: 1,
            at: Timestamp::from_millis(1_790_000_000_000),
            trigger: "gathered",
            means: "exact",
            certified: true,
            waited: Span::from_secs(3),
            unassigned_ms: 900_000,
            price_ms: 0,
            chosen: chosen.map(driver),
            runner_up: None,
            offer: chosen.map(|_| 1),
            considered,
        }
    }

    fn numbers(round: &RideRound) -> Vec<u128> {
        round.considered.iter().map(|weighed| weighed.driver.0.as_u128()).collect()
    }

    #[test]
    fn the_cheapest_are_kept_and_whoever_was_chosen_however_dear() {
        let busy = Weighed { excluded: Some(Reason::Busy), ..weighed(1, 1) };
        let all = vec![busy, weighed(5, 50), weighed(2, 20), weighed(4, 40), weighed(3, 30)];
        let mut whole = round(all.clone(), Some(5));
        whole.bound(100);
        assert_eq!(numbers(&whole), [2, 3, 4, 5, 1]);
        let mut cut = RideRound { runner_up: Some(driver(4)), ..round(all, Some(5)) };
        cut.bound(3);
        assert_eq!(numbers(&cut), [2, 4, 5]);
    }

    #[test]
    fn a_search_that_goes_on_in_vain_says_nothing_new() {
        let excluded = |reason| Weighed { excluded: Some(reason), ..weighed(1, 10) };
        let first = round(vec![excluded(Reason::Busy), weighed(2, 9)], None);
        let again = RideRound {
            round: 2,
            waited: Span::from_secs(5),
            considered: vec![weighed(2, 8), excluded(Reason::Busy)],
            ..first.clone()
        };
        assert!(!again.says_more_than(&first));
        assert!(round(vec![excluded(Reason::Passed), weighed(2, 9)], None).says_more_than(&first));
        let offered = round(first.considered.clone(), Some(2));
        assert!(offered.says_more_than(&first));
        let stands = RideRound { round: 3, offer: None, considered: vec![weighed(2, 7)], ..offered.clone() };
        assert!(!stands.says_more_than(&offered), "the offer stands");
    }

    #[test]
    fn every_reason_is_kept_under_a_place_and_told_by_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
