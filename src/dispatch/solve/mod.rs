//! What a round decides: the answers come in, rides get drivers at the least cost in all, offers go out.
//!
//! In this order: a ride at a stage gets the head of the stage's queue, whatever it costs. A request that was asked for
//! alone is matched at once where there are drivers enough. Everything else is one assignment problem, solved exactly from
//! the prices of the round before; its proof is checked, and a solution without one is not used. See
//! [`crate::matching::assignment`].

use rustc_hash::FxHashSet;

use super::state::Wish;
use super::{Answer, Candidate, Choice, Considered, Dispatch, Exclusion, Means, OfferOutcome, Output, RoundRecord};
use super::{Ride, Stage, Trigger};
use crate::ids::{DriverId, RideId};
use crate::matching::costs::{Instead, Pairing, Parts};
use crate::time::{Span, Timestamp};

mod assign;

pub(super) use assign::Workshop;

/// A ride of a round.
pub(super) struct Row {
    ride: RideId,
    /// Who has it, on offer or on the way.
    holder: Option<DriverId>,
    instead: Instead,
    waited: Span,
    unassigned: i64,
    /// As many as are considered.
    candidates: Vec<Candidate>,
    considered: Vec<Considered>,
    /// What came out.
    outcome: Outcome,
}

/// What came out for a ride.
#[derive(Clone, Copy, Default)]
struct Outcome {
    /// Which of the candidates.
    chosen: Option<usize>,
    price: i64,
    runner_up: Option<DriverId>,
    is_settled: bool,
}

impl Row {
    /// The suitable, by their number.
    fn suitable(&self) -> impl Iterator<Item = (usize, &Considered)> {
        self.considered.iter().enumerate().filter(|(_, considered)| considered.excluded.is_none())
    }

    /// The foremost of the stage's queue at the pickup.
    fn head(&self) -> Option<usize> {
        let place = |number: usize| self.candidates[number].queue_place.map(|place| (place, number));
        self.suitable().filter_map(|(number, _)| place(number)).min().map(|(_, number)| number)
    }

    fn cheapest(&self) -> Option<usize> {
        self.suitable().min_by_key(|(number, considered)| (considered.cost_ms, *number)).map(|(number, _)| number)
    }

    /// Who would be next, at the prices of the round.
    fn runner_up(&self, chosen: Option<usize>) -> Option<DriverId> {
        let others = self.suitable().filter(|(number, _)| Some(*number) != chosen);
        let next = others.min_by_key(|(number, considered)| (considered.cost_ms + considered.price_ms, *number));
        next.map(|(_, considered)| considered.driver)
    }

    fn settle(&mut self, chosen: Option<usize>, price: i64) {
        self.outcome = Outcome { chosen, price, runner_up: self.runner_up(chosen), is_settled: true };
    }

    fn driver(&self, number: usize) -> DriverId {
        self.candidates[number].driver
    }
}

impl Dispatch {
    pub(super) fn take_candidates(&mut self, now: Timestamp, answers: Vec<Answer>, out: &mut Vec<Output>) {
        let mut rows = self.rows(now, answers);
        if self.is_greedy() {
            return self.take_nearest(now, rows, out);
        }
        if let [row] = rows.as_mut_slice()
            && self.rides.get(&row.ride).is_some_and(|ride| ride.is_asked_alone)
        {
            return self.match_at_once(now, rows, out);
        }
        self.give_heads(&mut rows);
        let (means, certified) = self.assign_rows(&mut rows);
        self.carry_out(now, rows, (Trigger::Gathered, means, certified), out);
    }

    /// One row for each ride that still wants something. The world may have moved on since the question.
    fn rows(&self, now: Timestamp, answers: Vec<Answer>) -> Vec<Row> {
        let mut seen = FxHashSet::default();
        let mut rows: Vec<Row> = Vec::with_capacity(answers.len());
        for answer in answers {
            if seen.insert(answer.ride) {
                rows.extend(self.row(now, answer));
            }
        }
        let offered: FxHashSet<DriverId> =
            rows.iter().filter(|row| row.instead == Instead::Offered).filter_map(|row| row.holder).collect();
        for row in &mut rows {
            self.weigh(now, row, &offered);
        }
        rows
    }

    fn row(&self, now: Timestamp, answer: Answer) -> Option<Row> {
        let ride = self.rides.get(&answer.ride)?;
        let holder = ride.holder();
        let instead = match (ride.stage, ride.wish) {
            (Stage::Searching, Wish::Driver) => Instead::Nobody,
            (Stage::Searching, Wish::Better) => Instead::Offered,
            (Stage::Assigned, _) if ride.stands_by_at.is_some() => Instead::Assigned,
            _ => return None,
        };
        let mut candidates = answer.candidates;
        if instead != Instead::Nobody {
            // Without the one who has it there is nothing to compare with.
            let at = candidates.iter().position(|candidate| Some(candidate.driver) == holder)?;
            candidates[..=at].rotate_right(1);
        }
        candidates.truncate(self.config.considered_max);
        let waited = now.since(ride.searching_since);
        let unassigned = self.config.weights.unassigned(waited, ride.order.is_express);
        let considered = Vec::with_capacity(candidates.len());
        let holder = holder.filter(|_| instead != Instead::Nobody);
        let outcome = Outcome::default();
        Some(Row { ride: answer.ride, holder, instead, waited, unassigned, candidates, considered, outcome })
    }

    /// Weighs the candidates of a row. `offered` are drivers whose offer this round may move to another ride.
    fn weigh(&self, now: Timestamp, row: &mut Row, offered: &FxHashSet<DriverId>) {
        let Some(ride) = self.rides.get(&row.ride) else { return };
        for candidate in &row.candidates {
            let &Candidate { driver, pickup_eta, pickup_distance_m, .. } = candidate;
            let is_repeated = row.considered.iter().any(|considered| considered.driver == driver);
            let excluded = self.exclusion(row, ride, candidate, offered);
            // Twice in one answer is once.
            let excluded = excluded.or(is_repeated.then_some(Exclusion::Busy));
            let parts = self.parts(now, row, ride, candidate);
            let cost_ms = parts.total();
            let weighed = Considered { driver, pickup_eta, pickup_distance_m, parts, cost_ms, price_ms: 0, excluded };
            row.considered.push(weighed);
        }
        self.price_waiting(row);
    }

    /// What it costs that the row gets nobody new, and who is dearer than that.
    fn price_waiting(&self, row: &mut Row) {
        let held = row.considered.first().map_or(0, |considered| considered.cost_ms);
        row.unassigned = match row.instead {
            Instead::Nobody => row.unassigned,
            // The offer stands, unless its driver goes to another ride.
            Instead::Offered => row.unassigned.max(held) + self.config.weights.switching.as_millis(),
            // The driver stays.
            Instead::Assigned => held + 1,
        };
        if self.is_greedy() {
            return;
        }
        for considered in &mut row.considered {
            let is_dear = considered.excluded.is_none() && considered.cost_ms > row.unassigned;
            if is_dear {
                considered.excluded = Some(Exclusion::TooCostly);
            }
        }
    }

    fn exclusion(
        &self,
        row: &Row,
        ride: &Ride,
        candidate: &Candidate,
        offered: &FxHashSet<DriverId>,
    ) -> Option<Exclusion> {
        let Some(driver) = self.drivers.get(&candidate.driver) else { return Some(Exclusion::OffShift) };
        if row.holder == Some(candidate.driver) {
            return None;
        }
        if ride.order.avoid.contains(&candidate.driver) {
            return Some(Exclusion::Avoided);
        }
        if ride.passed.contains(&candidate.driver) {
            return Some(Exclusion::Passed);
        }
        if driver.lost_since.is_some() {
            return Some(Exclusion::Lost);
        }
        if driver.next.is_some() {
            return Some(Exclusion::HasNext);
        }
        if driver.offer.is_some() && !offered.contains(&candidate.driver) {
            return Some(Exclusion::Offered);
        }
        let current = driver.ride.and_then(|ride| self.rides.get(&ride));
        let is_finishing = |ride: &Ride| ride.stage == Stage::InProgress && candidate.finishing.is_some();
        current.filter(|ride| !is_finishing(ride)).map(|_| Exclusion::Busy)
    }

    fn parts(&self, now: Timestamp, row: &Row, ride: &Ride, candidate: &Candidate) -> Parts {
        let Some(driver) = self.drivers.get(&candidate.driver) else { return Parts::default() };
        if self.is_greedy() {
            return Parts { pickup: candidate.pickup_eta.as_millis(), ..Parts::default() };
        }
        let is_idle = driver.ride.is_none();
        self.config.weights.parts(&Pairing {
            pickup_eta: candidate.pickup_eta,
            driver_record: driver.record,
            rider_record: ride.order.rider_record,
            idle: if is_idle { now.since(driver.idle_since) } else { Span::ZERO },
            place_value: candidate.place_value,
            is_next_in_queue: candidate.queue_place == Some(0),
            is_favourite: ride.order.favour.contains(&candidate.driver),
            is_express: ride.order.is_express,
            instead: if row.holder == Some(candidate.driver) { Instead::Nobody } else { row.instead },
        })
    }

    /// A ride at a stage gets the head of its queue: first in, first out, and no cost is weighed against it.
    fn give_heads(&self, rows: &mut [Row]) {
        let mut given: Vec<DriverId> = Vec::new();
        for row in rows.iter_mut().filter(|row| row.instead == Instead::Nobody) {
            exclude(row, &given, Exclusion::Queued);
            let is_idle = |number: &usize| {
                self.drivers.get(&row.candidates[*number].driver).is_some_and(|driver| driver.offer.is_none())
            };
            if let Some(number) = row.head().filter(is_idle) {
                row.settle(Some(number), row.considered[number].cost_ms);
                given.push(row.driver(number));
            }
        }
        if !given.is_empty() {
            for row in rows.iter_mut().filter(|row| !row.outcome.is_settled) {
                exclude(row, &given, Exclusion::Queued);
            }
        }
    }

    /// A request that was asked for alone: matched at once, if it need not wait for others.
    fn match_at_once(&mut self, now: Timestamp, mut rows: Vec<Row>, out: &mut Vec<Output>) {
        let Some(row) = rows.first_mut() else { return };
        let Some(ride) = self.rides.get_mut(&row.ride) else { return };
        ride.is_asked_alone = false;
        let reach = self.config.at_once_reach;
        let in_reach = row.suitable().filter(|(number, considered)| {
            considered.pickup_eta <= reach && row.candidates[*number].finishing.is_none()
        });
        let is_ample = in_reach.take(self.config.at_once_drivers).count() >= self.config.at_once_drivers;
        let head = row.head();
        if head.is_none() && !is_ample && !ride.order.is_express {
            return;
        }
        if let Some(number) = head.or_else(|| row.cheapest()) {
            row.settle(Some(number), row.considered[number].cost_ms);
            self.carry_out(now, rows, (Trigger::AtOnce, Means::Exact, true), out);
        }
    }

    /// The greedy policy: the nearest who is left, ride after ride.
    fn take_nearest(&mut self, now: Timestamp, mut rows: Vec<Row>, out: &mut Vec<Output>) {
        rows.retain(|row| row.instead == Instead::Nobody);
        self.give_heads(&mut rows);
        choose_nearest(&mut rows);
        for row in &rows {
            if let Some(ride) = self.rides.get_mut(&row.ride) {
                ride.is_asked_alone = false;
            }
        }
        let trigger = if rows.len() == 1 { Trigger::AtOnce } else { Trigger::Gathered };
        self.carry_out(now, rows, (trigger, Means::Nearest, false), out);
    }

    /// Makes the offers of a round, and keeps its record.
    fn carry_out(
        &mut self,
        now: Timestamp,
        rows: Vec<Row>,
        (trigger, means, certified): (Trigger, Means, bool),
        out: &mut Vec<Output>,
    ) {
        let chosen: FxHashSet<DriverId> = rows
            .iter()
            .filter(|row| is_change(row))
            .filter_map(|row| row.outcome.chosen.map(|n| row.driver(n)))
            .collect();
        for row in rows.iter().filter(|row| row.instead == Instead::Offered) {
            let is_lost = row.holder.is_some_and(|holder| chosen.contains(&holder));
            if is_change(row) || is_lost {
                self.close_all_offers(now, row.ride, OfferOutcome::Withdrawn, out);
            }
        }
        let is_new = rows.iter().any(|row| row.instead == Instead::Nobody || is_change(row));
        let cost_ms = rows.iter().map(Row::cost).sum();
        let mut choices = Vec::with_capacity(rows.len());
        for row in rows {
            let taken = row.outcome.chosen.filter(|_| is_change(&row)).map(|number| row.candidates[number]);
            let offer = taken.and_then(|candidate| self.make_offer(now, row.ride, &candidate, out));
            choices.push(row.into_choice(offer));
        }
        // That everybody keeps what they have is no news.
        if is_new {
            let record = RoundRecord { at: now, trigger, means, certified, cost_ms, rides: choices };
            out.push(Output::Solved(Box::new(record)));
        }
    }
}

impl Row {
    fn cost(&self) -> i64 {
        self.outcome.chosen.map_or(self.unassigned, |number| self.considered[number].cost_ms)
    }

    fn into_choice(self, offer: Option<crate::ids::OfferId>) -> Choice {
        Choice {
            ride: self.ride,
            waited: self.waited,
            unassigned_ms: self.unassigned,
            price_ms: self.outcome.price,
            chosen: self.outcome.chosen.map(|number| self.driver(number)),
            runner_up: self.outcome.runner_up,
            offer,
            considered: self.considered,
        }
    }
}

/// Whether the row gets somebody whom it does not have.
fn is_change(row: &Row) -> bool {
    row.outcome.chosen.is_some_and(|number| Some(row.driver(number)) != row.holder)
}

fn exclude(row: &mut Row, drivers: &[DriverId], why: Exclusion) {
    for considered in row.considered.iter_mut().filter(|considered| considered.excluded.is_none()) {
        if drivers.contains(&considered.driver) {
            considered.excluded = Some(why);
        }
    }
}

/// The nearest who is left, row after row; whoever has a driver keeps them.
fn choose_nearest(rows: &mut [Row]) {
    let kept = rows.iter().filter_map(|row| row.holder);
    let given = rows.iter().filter_map(|row| row.outcome.chosen.map(|number| row.driver(number)));
    let mut gone: FxHashSet<DriverId> = kept.chain(given).collect();
    for row in rows.iter_mut().filter(|row| !row.outcome.is_settled) {
        if row.holder.is_some() {
            row.settle(Some(0), row.considered[0].cost_ms);
            continue;
        }
        let left = row.suitable().filter(|(_, considered)| !gone.contains(&considered.driver));
        let nearest =
            left.min_by_key(|(number, considered)| (considered.pickup_eta, *number)).map(|(number, _)| number);
        row.settle(nearest, nearest.map_or(row.unassigned, |number| row.considered[number].cost_ms));
        gone.extend(nearest.map(|number| row.driver(number)));
    }
}
