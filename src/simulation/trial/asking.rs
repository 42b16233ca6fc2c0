//! Who could take a ride: the answer to the core's question, as a shard gives it.
//!
//! Separate because it is where the production index and the roads are asked. Free drivers are found by the index; those
//! who are about to finish a ride stand in a list by when. Riding times that were asked before and cannot have changed,
//! because neither has moved, are not asked again.

use rustc_hash::FxHashMap;

use super::Policy;
use super::city::{City, Doing};
use super::engine::{self, Asked, Suitable};
use super::ground::Place;
use crate::index::{Nearest, RideClasses};
use crate::time::Span;

/// Looked at as the crow flies, for each that is wanted by road.
const SCAN_FACTOR: usize = 4;
/// Who stands needs no ping here: positions are never too old.
const ANY_AGE: Span = Span::from_minutes(60 * 24 * 365);

/// Somebody to be asked for the time to a pickup.
#[derive(Clone, Copy)]
struct Looked {
    driver: u32,
    moves: u32,
    from: Place,
    rest_ms: Option<u32>,
}

impl City<'_> {
    /// Drivers for a ride, soonest first.
    pub(super) fn suitable(&mut self, asked: &Asked) -> Vec<Suitable> {
        let pickup = self.wishes[asked.ride as usize].from;
        let wanted = self.world.candidates_max;
        let query = Nearest {
            k: wanted * SCAN_FACTOR,
            max_age: ANY_AGE,
            radius_m_max: self.world.search_radius_m,
            classes: RideClasses::ANY,
            exclude: &asked.passed,
        };
        let mut near = std::mem::take(&mut self.near);
        self.index.nearest(pickup.at, &query, self.now, &mut near);
        let mut looked: Vec<Looked> = near.iter().map(|one| self.look(engine::driver_of(one.driver))).collect();
        self.near = near;
        if let Some(holder) = asked.holder.filter(|holder| looked.iter().all(|one| one.driver != *holder)) {
            self.shows(holder);
            let one = self.look(holder);
            looked.push(one);
        }
        self.look_at_finishing(asked, pickup, &mut looked);
        let mut suitable = self.timed(asked.ride, pickup, &looked);
        suitable.sort_unstable();
        let pickup_max = self.world.pickup_max.as_millis();
        suitable.retain(|one| i64::from(one.pickup_ms) <= pickup_max || Some(one.driver) == asked.holder);
        let (mut count, holder) = (0, asked.holder);
        suitable.retain(|one| {
            count += 1;
            count <= wanted || Some(one.driver) == holder
        });
        suitable
    }

    fn look(&self, driver: u32) -> Looked {
        let who = &self.drivers[driver as usize];
        Looked { driver, moves: who.moves, from: who.shown, rest_ms: None }
    }

    /// Adds those who are about to be free near the pickup.
    fn look_at_finishing(&self, asked: &Asked, pickup: Place, looked: &mut Vec<Looked>) {
        let within = self.world.finishing_within;
        // What we compare with knows of free drivers only.
        if within == Span::ZERO || self.policy == Policy::Greedy {
            return;
        }
        for (_, driver) in self.finishing.range(..=(self.now + within, u32::MAX)) {
            let who = &self.drivers[*driver as usize];
            let (Doing::WithRider(ride) | Doing::Paying(ride)) = who.doing else { continue };
            if who.next.is_some() || who.wants_home || Some(*driver) == asked.holder {
                continue;
            }
            let to = self.wishes[ride as usize].to;
            let is_out = to.at.distance_m(pickup.at) > self.world.search_radius_m
                || asked.passed.contains(&engine::driver_id(*driver));
            if is_out {
                continue;
            }
            // The place of the next move, which is the destination.
            let rest_ms = self.rest_of(*driver).as_millis() as u32 + self.world.paying.as_millis() as u32;
            looked.push(Looked { driver: *driver, moves: who.moves + 1, from: to, rest_ms: Some(rest_ms) });
        }
    }

    /// The times to a pickup.
    fn timed(&mut self, ride: u32, pickup: Place, looked: &[Looked]) -> Vec<Suitable> {
        let known = &mut self.rides[ride as usize].known;
        let time_of = |known: &FxHashMap<u32, (u32, Option<u32>)>, one: &Looked| {
            known.get(&one.driver).filter(|(moves, _)| *moves == one.moves).map(|(_, ms)| *ms)
        };
        let unknown: Vec<&Looked> = looked.iter().filter(|one| time_of(known, one).is_none()).collect();
        if !unknown.is_empty() {
            let froms: Vec<Place> = unknown.iter().map(|one| one.from).collect();
            let mut times = Vec::with_capacity(froms.len());
            self.world.ground.durations(&froms, &pickup, &mut times);
            known.extend(unknown.iter().zip(times).map(|(one, ms)| (one.driver, (one.moves, ms))));
        }
        let suitable = |one: &Looked| {
            let leg_ms = time_of(known, one).flatten()?;
            let pickup_ms = leg_ms + one.rest_ms.unwrap_or(0);
            Some(Suitable { pickup_ms, driver: one.driver, finishing_ms: one.rest_ms })
        };
        looked.iter().filter_map(suitable).collect()
    }
}
