//! From the core's record of a round to the rows that are kept: one for each ride of which it says something new.
//!
//! Separate because both ends have a form of their own and this is where they meet. The core knows who was weighed; who was
//! never named to it, because a wish or the kind of vehicle spoke against it, is added here, so that such drivers can be told
//! as well. No IO and no clock. Bounded: of a ride so many rounds are kept at most, the first ones.

use rustc_hash::FxHashMap;

use super::Config;
use super::round::{PARTS, Reason, RideRound, Weighed};
use crate::dispatch::{Choice, Considered, Exclusion, Means, RoundRecord, Trigger};
use crate::ids::{DriverId, RideId};
use crate::matching::costs::Parts;
use crate::time::Span;

/// A driver who was looked at for a ride and not named to the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Who.
    pub driver: DriverId,
    /// Time to the pickup, where it was worked out.
    pub pickup_eta: Span,
    /// Distance to the pickup, where it was worked out.
    pub pickup_distance_m: u32,
    /// What spoke against it.
    pub reason: Reason,
}

/// What is kept of the rides that are live.
#[derive(Debug)]
pub struct Keeper {
    config: Config,
    rides: FxHashMap<RideId, Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    rounds: u16,
    last: Option<RideRound>,
    /// Since the last question for candidates.
    looked: Vec<Looked>,
}

impl Keeper {
    /// Nothing kept yet.
    pub fn new(config: Config) -> Self {
        Self { config, rides: FxHashMap::default() }
    }

    /// Goes on after the rounds that are stored of a ride.
    pub fn restore(&mut self, ride: RideId, rounds: u16) {
        self.rides.entry(ride).or_default().rounds = rounds;
    }

    /// These drivers were looked at for a ride and not named to the core; they go into its next round.
    pub fn looked(&mut self, ride: RideId, mut looked: Vec<Looked>) {
        looked.truncate(self.config.considered_max);
        if looked.is_empty() && !self.rides.contains_key(&ride) {
            return;
        }
        self.rides.entry(ride).or_default().looked = looked;
    }

    /// The rows of a round.
    pub fn solved(&mut self, record: &RoundRecord) -> Vec<(RideId, RideRound)> {
        record.rides.iter().filter_map(|choice| Some((choice.ride, self.row(record, choice)?))).collect()
    }

    /// The ride is over.
    pub fn forget(&mut self, ride: RideId) {
        self.rides.remove(&ride);
    }

    fn row(&mut self, record: &RoundRecord, choice: &Choice) -> Option<RideRound> {
        let kept = self.rides.entry(choice.ride).or_default();
        let looked = std::mem::take(&mut kept.looked);
        if kept.rounds >= self.config.rounds_max {
            return None;
        }
        let mut row = RideRound {
            round: kept.rounds + 1,
            at: record.at,
            trigger: trigger_word(record.trigger),
            means: means_word(record.means),
            certified: record.certified,
            waited: choice.waited,
            unassigned_ms: choice.unassigned_ms,
            price_ms: choice.price_ms,
            chosen: choice.chosen,
            runner_up: choice.runner_up,
            offer: choice.offer.map(|offer| offer.ordinal),
            considered: choice.considered.iter().map(weighed).collect(),
        };
        let is_named = |driver: DriverId| choice.considered.iter().any(|considered| considered.driver == driver);
        row.considered.extend(looked.iter().filter(|looked| !is_named(looked.driver)).map(left_out));
        row.bound(self.config.considered_max);
        if kept.last.as_ref().is_some_and(|last| !row.says_more_than(last)) {
            return None;
        }
        kept.rounds = row.round;
        kept.last = Some(row.clone());
        Some(row)
    }
}

fn weighed(considered: &Considered) -> Weighed {
    let Considered { driver, pickup_eta, pickup_distance_m, parts, cost_ms, price_ms, excluded } = *considered;
    let Parts { pickup, acceptance, cancellation, idle, place, queue, favourite, switching } = parts;
    Weighed {
        driver,
        pickup_eta,
        pickup_distance_m,
        parts_ms: [pickup, acceptance, cancellation, idle, place, queue, favourite, switching],
        cost_ms,
        price_ms,
        excluded: excluded.map(reason),
    }
}

fn left_out(looked: &Looked) -> Weighed {
    let Looked { driver, pickup_eta, pickup_distance_m, reason } = *looked;
    let (parts_ms, cost_ms, price_ms) = ([0; PARTS], 0, 0);
    Weighed { driver, pickup_eta, pickup_distance_m, parts_ms, cost_ms, price_ms, excluded: Some(reason) }
}

const fn reason(exclusion: Exclusion) -> Reason {
    match exclusion {
        Exclusion::OffShift => Reason::OffShift,
        Exclusion::Lost => Reason::Lost,
        Exclusion::Busy => Reason::Busy,
        Exclusion::HasNext => Reason::HasNext,
        Exclusion::Offered => Reason::Offered,
        Exclusion::Passed => Reason::Passed,
        Exclusion::Avoided => Reason::Avoided,
        Exclusion::Queued => Reason::Queued,
        Exclusion::TooCostly => Reason::TooCostly,
    }
}

const fn trigger_word(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::AtOnce => "at_once",
        Trigger::Gathered => "gathered",
    }
}

const fn means_word(means: Means) -> &'static str {
    match means {
        Means::Exact => "exact",
        Means::Nearest => "nearest",
        Means::OutOfSteps => "out_of_steps",
        Means::Uncertified => "uncertified",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::OfferId;
    use crate::time::Timestamp;

    const CONFIG: Config = Config {
        rounds_max: 3,
        considered_max: 4,
        retention: Span::from_secs(1),
        why_not_for: Span::from_secs(1),
        why_not_rounds_max: 1,
    };

    fn ride() -> RideId {
        RideId(Uuid::from_u128(77))
    }

    fn driver(number: u128) -> DriverId {
        DriverId(Uuid::from_u128(number))
    }

    fn considered(number: u128) -> Considered {
        let parts = Parts { pickup: 30_000, idle: -4_000, ..Parts::default() };
        Considered {
            driver: driver(number),
            pickup_eta: Span::from_secs(30),
            pickup_distance_m: 180,
            parts,
            cost_ms: parts.total(),
            price_ms: 5,
            excluded: None,
        }
    }

    fn record(considered: Vec<Considered>, chosen: Option<u128>, ordinal: u16) -> RoundRecord {
        let choice = Choice {
            ride: ride(),
            waited: Span::from_secs(2),
            considered,
            unassigned_ms: 600_000,
            price_ms: 26_000,
            chosen: chosen.map(driver),
            runner_up: None,
            offer: chosen.map(|_| OfferId { ride: ride(), ordinal }),
        };
        RoundRecord {
            at: Timestamp::from_millis(1_790_000_000_000),
            trigger: Trigger::Gathered,
            means: Means::Exact,
            certified: true,
            cost_ms: 26_000,
            rides: vec![choice],
        }
    }

    #[test]
    fn a_round_becomes_a_row_with_every_part_at_its_place() {
        let mut keeper = Keeper::new(CONFIG);
        let rows = keeper.solved(&record(vec![considered(1)], Some(1), 4));
        let [(id, row)] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((*id, row.round, row.offer, row.trigger, row.means), (ride(), 1, Some(4), "gathered", "exact"));
        assert_eq!(row.considered[0].parts_ms, [30_000, 0, 0, -4_000, 0, 0, 0, 0]);
        assert_eq!((row.considered[0].cost_ms, row.considered[0].price_ms), (26_000, 5));
    }

    #[test]
    fn whoever_was_left_out_before_the_core_is_in_the_next_row_and_in_that_one_only() {
        let mut keeper = Keeper::new(CONFIG);
        let out = |number| Looked {
            driver: driver(number),
            pickup_eta: Span::from_secs(9),
            pickup_distance_m: 50,
            reason: Reason::FareTooLow,
        };
        keeper.looked(ride(), vec![out(1), out(2)]);
        let rows = keeper.solved(&record(vec![considered(1)], Some(1), 1));
        let seen: Vec<_> = rows[0].1.considered.iter().map(|weighed| (weighed.driver, weighed.excluded)).collect();
        assert_eq!(seen, [(driver(1), None), (driver(2), Some(Reason::FareTooLow))]);
        let rows = keeper.solved(&record(vec![considered(1)], Some(1), 2));
        assert_eq!(rows[0].1.considered.len(), 1);
    }

    #[test]
    fn a_ride_has_so_many_rounds_and_only_those_that_say_something() {
        let mut keeper = Keeper::new(CONFIG);
        let rounds = |keeper: &mut Keeper, record: &RoundRecord| -> Vec<u16> {
            keeper.solved(record).into_iter().map(|(_, row)| row.round).collect()
        };
        let nobody = record(vec![], None, 0);
        assert_eq!(rounds(&mut keeper, &nobody), [1]);
        assert!(rounds(&mut keeper, &nobody).is_empty(), "still nobody");
        assert_eq!(rounds(&mut keeper, &record(vec![considered(1)], Some(1), 1)), [2]);
        assert_eq!(rounds(&mut keeper, &record(vec![considered(2)], Some(2), 2)), [3]);
        assert!(rounds(&mut keeper, &record(vec![considered(3)], Some(3), 3)).is_empty(), "so many at most");
        keeper.forget(ride());
        keeper.restore(ride(), 2);
        assert_eq!(rounds(&mut keeper, &nobody), [3], "after a restart it goes on where it was");
    }
}
