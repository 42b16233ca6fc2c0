//! The better driver: until the pickup, somebody who would be there much sooner may take a ride over.
//!
//! A driver who was the best a minute ago need not be now: others have become free since. (nammayatri looks for a better driver
//! in this way; in a simulated city at nine tenths of its capacity it shortens waits more than the rounds themselves do.)
//!
//! Looked for now and then, for a few rides in one go. The ride stays with its driver until the better one has accepted;
//! the gain must be large (`Weights::stand_by`), it happens once in a ride at most, and both drivers and the rider are told.

use super::{Dispatch, Due, Output, Policy, Ride, Stage};
use crate::ids::RideId;
use crate::time::{Span, Timestamp};

impl Dispatch {
    /// Whether a better driver may be looked for.
    pub(super) fn stands_by(&self, ride: &Ride) -> bool {
        let is_wanted = self.config.policy == Policy::Batch && self.config.stand_by_interval > Span::ZERO;
        let may_ask = ride.offers.is_empty() && ride.refusals < self.config.offers_max;
        is_wanted && may_ask && ride.stage == Stage::Assigned && !ride.is_taken_over
    }

    /// Notes or forgets that a better driver is to be looked for.
    pub(super) fn review_stand_by(&mut self, now: Timestamp, id: RideId, stands_by: bool) {
        let Some(ride) = self.rides.get_mut(&id) else { return };
        match ride.stands_by_at {
            None if stands_by => {
                let at = now + self.config.stand_by_interval;
                ride.stands_by_at = Some(at);
                self.rounds.standing_by.insert((at, id));
                self.arm_stand_by(now);
            }
            Some(at) if !stands_by => {
                ride.stands_by_at = None;
                self.rounds.standing_by.remove(&(at, id));
                self.arm_stand_by(now);
            }
            None | Some(_) => {}
        }
    }

    /// Better drivers are looked for: for those who have waited for it longest.
    pub(super) fn look_for_better(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.rounds.stand_by_at = None;
        let due = self.rounds.standing_by.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<_> = due.take(self.config.stand_by_rides_max).copied().collect();
        let next = now + self.config.stand_by_interval;
        for &(at, id) in &due {
            self.rounds.standing_by.remove(&(at, id));
            self.rounds.standing_by.insert((next, id));
            if let Some(ride) = self.rides.get_mut(&id) {
                ride.stands_by_at = Some(next);
            }
        }
        let ids: Vec<RideId> = due.iter().map(|(_, id)| *id).collect();
        self.ask(&ids, out);
        self.arm_stand_by(now + self.config.round_gap);
    }

    /// Arms the next look, not before `soonest`.
    fn arm_stand_by(&mut self, soonest: Timestamp) {
        let at = self.rounds.standing_by.first().map(|(at, _)| (*at).max(soonest));
        if at == self.rounds.stand_by_at {
            return;
        }
        if let Some(armed) = self.rounds.stand_by_at.take() {
            self.deadlines.disarm(armed, Due::StandBy);
        }
        if let Some(at) = at {
            self.rounds.stand_by_at = Some(at);
            self.deadlines.arm(at, Due::StandBy);
        }
    }
}
