//! Who waits for a round, and when the next one comes.
//!
//! A request asks for drivers at once, for itself alone. Where that does not give it one it waits: a round is armed a
//! moment later, so that others who come meanwhile are matched with it, and repeats while anybody waits. When something
//! happens that may help (a refusal, a driver who is free again), the next round comes at once; never sooner after the last
//! than `round_gap`, so that a busy city's rounds do not follow every single event.
//!
//! Waiting longer than a second or two buys nothing, as a queue of riders is a batch already; what pays is to look at all of
//! them together. Uber describes the wait of a few seconds ("marketplace: matching"), DiDi a round about every two (Xu et
//! al., "Large-Scale Order Dispatch in On-Demand Ride-Hailing Platforms", KDD 2018), Yang, Qin, Ke and Ye (2020) how
//! interval and radius trade the pickup against the wait.
//!
//! Invariant: where a ride waits, a round is armed. An answer that never comes is asked for again by it.

use std::collections::BTreeSet;
use std::fmt;

use super::solve::Workshop;
use super::state::Wish;
use super::{Dispatch, Due, Output, Policy, Ride, Stage, Wanted};
use crate::ids::RideId;
use crate::time::{Span, Timestamp};

/// The rides that want something, and the armed rounds.
#[derive(Default)]
pub(super) struct Rounds {
    /// Rides that want a driver, by the beginning of their search.
    pub(super) waiting: BTreeSet<(Timestamp, RideId)>,
    /// Rides that are on offer to one driver, by the same.
    pub(super) offered: BTreeSet<(Timestamp, RideId)>,
    /// Rides whose driver is on the way, by when a better one is looked for.
    pub(super) standing_by: BTreeSet<(Timestamp, RideId)>,
    pub(super) round_at: Option<Timestamp>,
    pub(super) stand_by_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    pub(super) workshop: Workshop,
}

impl Rounds {
    pub(super) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    fn list(&mut self, wish: Wish) -> Option<&mut BTreeSet<(Timestamp, RideId)>> {
        match wish {
            Wish::Nothing => None,
            Wish::Driver => Some(&mut self.waiting),
            Wish::Better => Some(&mut self.offered),
        }
    }
}

impl fmt::Debug for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rounds")
            .field("waiting", &self.waiting)
            .field("round_at", &self.round_at)
            .finish_non_exhaustive()
    }
}

impl Dispatch {
    /// What a ride wants of the next round.
    pub(super) fn wish_of(&self, ride: &Ride) -> Wish {
        let asked = usize::from(ride.refusals) + ride.offers.len();
        if ride.stage != Stage::Searching || ride.is_time_up || asked >= usize::from(self.config.offers_max) {
            return Wish::Nothing;
        }
        let is_capped = ride.refusals < self.config.parallel_after;
        match ride.offers.len() {
            0 => Wish::Driver,
            1 if is_capped || self.config.parallel_max <= 1 => Wish::Better,
            live if !is_capped && live < self.config.parallel_max => Wish::Driver,
            _ => Wish::Nothing,
        }
    }

    /// Puts a ride where it belongs after something has happened to it, and sees to it that a round comes.
    pub(super) fn review(&mut self, now: Timestamp, id: RideId) {
        let Some(ride) = self.rides.get(&id) else { return };
        let (wish, before, since) = (self.wish_of(ride), ride.wish, ride.searching_since);
        let stands_by = self.stands_by(ride);
        if wish != before {
            if let Some(list) = self.rounds.list(before) {
                list.remove(&(since, id));
            }
            if let Some(list) = self.rounds.list(wish) {
                list.insert((since, id));
            }
            if let Some(ride) = self.rides.get_mut(&id) {
                ride.wish = wish;
            }
        }
        self.review_stand_by(now, id, stands_by);
        if self.rounds.waiting.is_empty() {
            self.disarm_round();
        } else {
            let (first, later) = self.intervals();
            // None, or one that was armed before the clock was set back.
            if self.rounds.round_at.is_none_or(|at| at > now + first.max(later)) {
                self.arm_round(now, first);
            }
        }
    }

    /// From the moment somebody waits to the first round, and from round to round.
    fn intervals(&self) -> (Span, Span) {
        if self.is_greedy() {
            (self.config.search_interval, self.config.search_interval)
        } else {
            (self.config.gather, self.config.round_interval)
        }
    }

    pub(super) fn is_greedy(&self) -> bool {
        self.config.policy == Policy::Greedy
    }

    /// Asks for one ride at once.
    pub(super) fn ask_alone(&mut self, id: RideId, out: &mut Vec<Output>) {
        let Some(ride) = self.rides.get_mut(&id).filter(|ride| ride.wish == Wish::Driver) else { return };
        ride.is_asked_alone = true;
        let wanted = vec![wanted(id, ride)];
        out.push(Output::AskCandidates { wanted });
    }

    /// Something happened to a ride that wants a driver: it does not wait for the interval.
    pub(super) fn hurry(&mut self, now: Timestamp, id: RideId, out: &mut Vec<Output>) {
        if self.is_greedy() { self.ask_alone(id, out) } else { self.hurry_all(now) }
    }

    /// Something happened that may help whoever waits.
    pub(super) fn hurry_all(&mut self, now: Timestamp) {
        if !self.is_greedy() && !self.rounds.waiting.is_empty() {
            self.arm_round(now, Span::ZERO);
        }
    }

    /// Arms a round after so long, if none comes sooner.
    fn arm_round(&mut self, now: Timestamp, after: Span) {
        // A last round in the future is of before the clock was set back.
        let last_at = self.rounds.last_at.filter(|last| *last <= now);
        let soonest = last_at.map_or(now, |last| last + self.config.round_gap);
        let at = (now + after).max(soonest);
        if self.rounds.round_at.is_none_or(|armed| at < armed) {
            self.disarm_round();
            self.rounds.round_at = Some(at);
            self.deadlines.arm(at, Due::Round);
        }
    }

    fn disarm_round(&mut self) {
        if let Some(at) = self.rounds.round_at.take() {
            self.deadlines.disarm(at, Due::Round);
        }
    }

    /// A round is due: asks for everybody who waits, longest first, and for those on offer.
    pub(super) fn open_round(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.rounds.round_at = None;
        if self.rounds.waiting.is_empty() {
            return;
        }
        self.rounds.last_at = Some(now);
        let is_greedy = self.is_greedy();
        let on_offer = self.rounds.offered.iter().filter(|_| !is_greedy);
        let (most, waiting) = (self.config.round_rides_max, &self.rounds.waiting);
        let ids: Vec<RideId> = if waiting.len() <= most {
            waiting.iter().chain(on_offer).take(most).map(|(_, id)| *id).collect()
        } else {
            // Those who wait longest may wait where nobody is: half of a round is for the newest.
            let newest = waiting.iter().rev().take(most / 2);
            waiting.iter().take(most - most / 2).chain(newest).map(|(_, id)| *id).collect()
        };
        self.ask(&ids, out);
        self.arm_round(now, self.intervals().1);
    }

    /// Asks for these rides in one.
    pub(super) fn ask(&mut self, ids: &[RideId], out: &mut Vec<Output>) {
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(ride) = self.rides.get_mut(id) {
                ride.is_asked_alone = false;
                all.push(wanted(*id, ride));
            }
        }
        if !all.is_empty() {
            out.push(Output::AskCandidates { wanted: all });
        }
    }
}

fn wanted(id: RideId, ride: &Ride) -> Wanted {
    let passed = ride.passed.iter().chain(&ride.order.avoid).copied().collect();
    Wanted { ride: id, passed, holder: ride.holder() }
}
