//! The rules of a queue: by examples, and against a model that keeps no queue at all.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::super::queue::{Doing, Leaving, Place, Queues, Rules, Sight};
use crate::ids::{DriverId, ZoneId};
use crate::time::{Span, Timestamp};

const RULES: Rules =
    Rules { reentry_grace: Span::from_secs(120), dark_grace: Span::from_secs(300), declines_max: 2, places_max: 4 };

fn driver(number: u128) -> DriverId {
    DriverId(Uuid::from_u128(number))
}

fn stage(number: u128) -> ZoneId {
    ZoneId(Uuid::from_u128(number))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Span::from_secs(seconds)
}

fn queues() -> Queues {
    let mut queues = Queues::new(RULES);
    queues.set_stages(&BTreeSet::from([stage(1), stage(2)]));
    queues
}

/// Everybody waits and was heard just now.
fn well(now: Timestamp) -> impl Fn(DriverId) -> Sight {
    move |_| Sight { doing: Doing::Waiting, seen_at: Some(now) }
}

fn order(queues: &Queues, number: u128) -> Vec<u128> {
    queues.at(stage(number)).expect("a stage").iter().map(|place| place.driver.0.as_u128()).collect()
}

#[track_caller]
fn came(queues: &mut Queues, drivers: &[u128]) {
    for (number, second) in drivers.iter().zip(0..) {
        queues.enter(driver(*number), stage(1), Doing::Waiting, at(second));
    }
}

#[test]
fn first_in_first_out_and_a_ride_ends_the_place() {
    let mut queues = queues();
    came(&mut queues, &[3, 1, 2]);
    assert_eq!(order(&queues, 1), [3, 1, 2]);
    assert_eq!(queues.place_of(driver(1)).map(|(stage, place, _)| (stage, place)), Some((stage(1), 1)));
    queues.took_ride(driver(3));
    assert_eq!((order(&queues, 1), queues.place_of(driver(3))), (vec![1, 2], None));
    // Back and free: at the end, without having left the zone in between.
    queues.free(driver(3), at(900));
    assert_eq!(order(&queues, 1), [1, 2, 3]);
    assert_eq!(queues.take_left(), [(driver(3), Leaving::TookRide)]);
}

#[test]
fn who_comes_with_a_rider_joins_when_free() {
    let mut queues = queues();
    queues.enter(driver(9), stage(1), Doing::Riding, at(0));
    came(&mut queues, &[1]);
    queues.free(driver(9), at(60));
    assert_eq!(order(&queues, 1), [1, 9]);
    assert_eq!(queues.place_of(driver(9)).expect("a place").2.joined_at, at(60));
}

#[test]
fn who_leaves_keeps_the_place_for_the_grace_and_no_longer() {
    let mut queues = queues();
    came(&mut queues, &[1, 2]);
    queues.exit(driver(1), stage(1), at(10));
    queues.sweep(at(129), well(at(129)));
    assert_eq!(order(&queues, 1), [1, 2], "within the grace");
    queues.enter(driver(1), stage(1), Doing::Waiting, at(129));
    queues.sweep(at(1_000), well(at(1_000)));
    assert_eq!(order(&queues, 1), [1, 2], "back in time");
    queues.exit(driver(1), stage(1), at(1_000));
    queues.sweep(at(1_120), well(at(1_120)));
    queues.enter(driver(1), stage(1), Doing::Waiting, at(1_121));
    assert_eq!(order(&queues, 1), [2, 1], "too late: at the end");
    assert_eq!(queues.take_left(), [(driver(1), Leaving::WentAway)]);
}

#[test]
fn a_phone_that_goes_dark_keeps_the_place_for_a_while() {
    let mut queues = queues();
    came(&mut queues, &[1, 2]);
    let look =
        |now| move |who| Sight { doing: Doing::Waiting, seen_at: Some(if who == driver(1) { at(0) } else { now }) };
    queues.sweep(at(299), look(at(299)));
    assert_eq!(order(&queues, 1), [1, 2]);
    queues.sweep(at(300), look(at(300)));
    assert_eq!((order(&queues, 1), queues.take_left()), (vec![2], vec![(driver(1), Leaving::WentDark)]));
    // Not let in again for as long as nobody hears of them; then at the end.
    queues.sweep(at(301), look(at(301)));
    assert_eq!(order(&queues, 1), [2]);
    queues.sweep(at(302), well(at(302)));
    assert_eq!(order(&queues, 1), [2, 1]);
}

#[test]
fn a_number_of_declines_leads_to_the_tail() {
    let mut queues = queues();
    came(&mut queues, &[1, 2, 3]);
    queues.declined(driver(1), stage(2));
    queues.declined(driver(1), stage(1));
    assert_eq!(order(&queues, 1), [1, 2, 3], "one is nothing");
    queues.declined(driver(1), stage(1));
    assert_eq!(order(&queues, 1), [2, 3, 1]);
    assert_eq!(queues.place_of(driver(1)).expect("a place").2.declines, 0, "counted anew");
}

#[test]
fn one_has_one_place_and_joins_another_stage_only_out_of_the_first() {
    let mut queues = queues();
    queues.enter(driver(1), stage(1), Doing::Waiting, at(0));
    queues.enter(driver(1), stage(2), Doing::Waiting, at(1));
    assert_eq!((order(&queues, 1), order(&queues, 2)), (vec![1], vec![]), "both lie over one another");
    queues.exit(driver(1), stage(2), at(2));
    queues.exit(driver(1), stage(1), at(3));
    queues.enter(driver(1), stage(2), Doing::Waiting, at(4));
    assert_eq!((order(&queues, 1), order(&queues, 2)), (vec![], vec![1]));
    assert_eq!(queues.take_left(), [(driver(1), Leaving::OtherStage)]);
}

#[test]
fn an_operator_moves_and_removes_and_who_was_removed_has_to_leave_first() {
    let mut queues = queues();
    came(&mut queues, &[1, 2, 3]);
    assert!(queues.put(driver(3), stage(1), 0) && queues.put(driver(1), stage(1), 99));
    assert_eq!(order(&queues, 1), [3, 2, 1]);
    assert!(!queues.put(driver(3), stage(2), 0) && !queues.put(driver(7), stage(1), 0));
    assert!(queues.remove(driver(3), stage(1)) && !queues.remove(driver(3), stage(1)));
    queues.free(driver(3), at(10));
    queues.sweep(at(11), well(at(11)));
    assert_eq!(order(&queues, 1), [2, 1], "does not slip in again");
    queues.exit(driver(3), stage(1), at(12));
    queues.enter(driver(3), stage(1), Doing::Waiting, at(13));
    assert_eq!(order(&queues, 1), [2, 1, 3]);
}

#[test]
fn a_full_stage_takes_the_next_one_when_a_place_is_free() {
    let mut queues = queues();
    came(&mut queues, &[1, 2, 3, 4, 6, 5]);
    assert_eq!(order(&queues, 1), [1, 2, 3, 4]);
    queues.took_ride(driver(2));
    let look =
        |who| Sight { doing: if who == driver(2) { Doing::Riding } else { Doing::Waiting }, seen_at: Some(at(60)) };
    queues.sweep(at(60), look);
    assert_eq!(order(&queues, 1), [1, 3, 4, 6], "who came first of those without a place");
}

#[test]
fn a_zone_can_become_a_stage_and_stop_being_one() {
    let mut queues = queues();
    queues.enter(driver(2), stage(7), Doing::Waiting, at(0));
    queues.enter(driver(1), stage(7), Doing::Waiting, at(1));
    queues.set_stages(&BTreeSet::from([stage(1), stage(7)]));
    queues.sweep(at(2), well(at(2)));
    assert_eq!(order(&queues, 7), [2, 1]);
    queues.set_stages(&BTreeSet::from([stage(1)]));
    assert_eq!(queues.at(stage(7)), None);
    assert_eq!(queues.take_left().len(), 2);
    queues.sweep(at(3), well(at(3)));
    assert_eq!(queues.place_of(driver(2)), None);
}

#[test]
fn a_restart_keeps_the_order_and_who_is_not_heard_in_time_is_out() {
    let mut before = queues();
    came(&mut before, &[3, 1, 2]);
    before.declined(driver(3), stage(1));
    let kept: Vec<Place> = before.at(stage(1)).expect("a stage").to_vec();
    let mut after = queues();
    // Quicker at the door than the database: there already when the places are read.
    after.enter(driver(8), stage(1), Doing::Waiting, at(100));
    after.enter(driver(2), stage(1), Doing::Waiting, at(101));
    after.restore(stage(1), kept, at(102));
    assert_eq!(order(&after, 1), [3, 1, 2, 8]);
    assert_eq!(after.place_of(driver(3)).expect("a place").2.declines, 1);
    after.enter(driver(3), stage(1), Doing::Waiting, at(110));
    let look = |who| {
        let is_back = who != driver(1);
        Sight { doing: if is_back { Doing::Waiting } else { Doing::Off }, seen_at: is_back.then_some(at(402)) }
    };
    after.sweep(at(401), look);
    assert_eq!(order(&after, 1), [3, 1, 2, 8]);
    after.sweep(at(402), look);
    assert_eq!(order(&after, 1), [3, 2, 8]);
}

/// What a driver of the model may claim: no queue, only a number for the order.
#[derive(Clone, Default)]
struct Claim {
    inside: Vec<u128>,
    is_riding: bool,
    seen_at: i64,
    /// Stage, number, declines, and since when away.
    place: Option<(u128, u64, u8, Option<i64>)>,
}

#[derive(Default)]
struct Model {
    drivers: BTreeMap<u128, Claim>,
    next: u64,
}

impl Model {
    fn count(&self, stage: u128) -> usize {
        self.drivers.values().filter(|claim| claim.place.is_some_and(|place| place.0 == stage)).count()
    }

    fn join(&mut self, who: u128) {
        let claim = self.drivers.entry(who).or_default().clone();
        if claim.place.is_some() || claim.is_riding {
            return;
        }
        let free = claim.inside.iter().find(|zone| self.count(**zone) < RULES.places_max);
        if let Some(zone) = free {
            self.next += 1;
            self.drivers.entry(who).or_default().place = Some((*zone, self.next, 0, None));
        }
    }

    fn order(&self, stage: u128) -> Vec<u128> {
        let mut claims: Vec<(u64, u128)> = self
            .drivers
            .iter()
            .filter_map(|(who, claim)| claim.place.filter(|place| place.0 == stage).map(|place| (place.1, *who)))
            .collect();
        claims.sort_unstable();
        claims.into_iter().map(|(_, who)| who).collect()
    }

    fn step(&mut self, step: &Step, now: i64) {
        let Step { what, who, zone } = *step;
        let claim = self.drivers.entry(who).or_default();
        match what {
            What::Enter => {
                if !claim.inside.contains(&zone) {
                    claim.inside.push(zone);
                }
                match &mut claim.place {
                    Some(place) if place.0 == zone => place.3 = None,
                    Some(place) if place.3.is_some() && !claim.is_riding => {
                        claim.place = None;
                        self.join(who);
                    }
                    Some(_) => {}
                    None => self.join(who),
                }
            }
            What::Exit => {
                claim.inside.retain(|inside| *inside != zone);
                if let Some(place) = claim.place.as_mut().filter(|place| place.0 == zone) {
                    place.3 = Some(now);
                }
            }
            What::Ride => (claim.is_riding, claim.place) = (true, None),
            What::Free => {
                claim.is_riding = false;
                self.join(who);
            }
            What::Off => *claim = Claim { seen_at: claim.seen_at, ..Claim::default() },
            What::Decline => {
                if let Some(place) = claim.place.as_mut().filter(|place| place.0 == zone) {
                    place.2 += 1;
                    if place.2 == RULES.declines_max {
                        self.next += 1;
                        (place.1, place.2) = (self.next, 0);
                    }
                }
            }
            What::Hear => claim.seen_at = now,
        }
    }

    /// Every second that passes is judged by itself. Who came in first of those without a place joins first.
    fn sweep(&mut self, now: i64, entered: &BTreeMap<u128, i64>) {
        for claim in self.drivers.values_mut() {
            let is_dark = now - claim.seen_at >= RULES.dark_grace.as_secs();
            let is_away = |place: &(u128, u64, u8, Option<i64>)| {
                place.3.is_some_and(|since| now - since >= RULES.reentry_grace.as_secs())
            };
            if is_dark || claim.place.as_ref().is_some_and(is_away) {
                claim.place = None;
            }
        }
        let mut without: Vec<u128> = self.drivers.keys().copied().collect();
        without.sort_by_key(|who| (entered.get(who).copied().unwrap_or_default(), *who));
        for who in without {
            if now - self.drivers[&who].seen_at < RULES.dark_grace.as_secs() {
                self.join(who);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Enter,
    Exit,
    Ride,
    Free,
    Off,
    Decline,
    Hear,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    what: What,
    who: u128,
    zone: u128,
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    let what = prop_oneof![
        4 => Just(What::Enter), 3 => Just(What::Exit), 2 => Just(What::Ride), 3 => Just(What::Free), 1 => Just(What::Off),
        2 => Just(What::Decline), 4 => Just(What::Hear),
    ];
    let step = (what, 1..8_u128, 1..3_u128).prop_map(|(what, who, zone)| Step { what, who, zone });
    prop::collection::vec((step, prop_oneof![8 => 0..20_i64, 1 => 100..400_i64]), 1..120)
}

proptest! {
    #[test]
    fn the_queues_are_those_of_a_model_without_queues(steps in steps()) {
        let (mut queues, mut model) = (queues(), Model::default());
        // Since when a driver is in the first of the zones that they are in.
        let mut entered: BTreeMap<u128, Vec<(u128, i64)>> = BTreeMap::new();
        let mut now = 0;
        for (step, pause) in steps {
            now += pause;
            let Step { what, who, zone } = step;
            model.step(&step, now);
            let doing = if model.drivers[&who].is_riding { Doing::Riding } else { Doing::Waiting };
            let zones = entered.entry(who).or_default();
            match what {
                What::Enter => {
                    if !zones.iter().any(|(inside, _)| *inside == zone) {
                        zones.push((zone, now));
                    }
                    queues.enter(driver(who), stage(zone), doing, at(now));
                }
                What::Exit => {
                    zones.retain(|(inside, _)| *inside != zone);
                    queues.exit(driver(who), stage(zone), at(now));
                }
                What::Ride => queues.took_ride(driver(who)),
                What::Free => queues.free(driver(who), at(now)),
                What::Off => {
                    zones.clear();
                    queues.off(driver(who));
                }
                What::Decline => queues.declined(driver(who), stage(zone)),
                What::Hear => {}
            }
            for number in 1..3 {
                prop_assert_eq!(order(&queues, number), model.order(number), "after {:?} at {}", step, now);
            }
            let first = entered.iter().filter_map(|(who, zones)| Some((*who, zones.first()?.1))).collect();
            model.sweep(now, &first);
            queues.sweep(at(now), |who| {
                let claim = model.drivers.get(&who.0.as_u128()).cloned().unwrap_or_default();
                let doing = if claim.is_riding { Doing::Riding } else { Doing::Waiting };
                Sight { doing, seen_at: Some(at(claim.seen_at)) }
            });
            for number in 1..3 {
                prop_assert_eq!(order(&queues, number), model.order(number), "swept after {:?} at {}", step, now);
            }
            for (stage, places) in queues.all() {
                prop_assert!(places.len() <= RULES.places_max);
                for (at, place) in places.iter().enumerate() {
                    let known = queues.place_of(place.driver).map(|(stage, at, _)| (stage, at));
                    prop_assert_eq!(known, Some((stage, at)), "one place, and found by its driver");
                }
            }
        }
    }
}
