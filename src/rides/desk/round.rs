//! One round of decisions: what is to be written, and what is to be said afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dispatch::{Decision, Fact};
use crate::ids::{OfferId, RideId};
use crate::rides::desk::batch::{Batch, Closing, Remark, outcome_word};
use crate::rides::desk::command::Answered;
use crate::rides::ride::{Offer, Ride};
use crate::rides::said::Said;

/// What one round of decisions leaves to be done: commit `batch`, then publish what changed, tell what is said and answer.
#[derive(Default)]
pub struct Round {
    /// To be written. Its events are those of `said`, in the same order.
    pub batch: Batch,
    /// Rides that changed, as they are after the round.
    pub changed: BTreeMap<RideId, Arc<Ride>>,
    /// Offers that were made or ended, with how.
    pub touched: BTreeMap<OfferId, (Offer, Option<Closing>)>,
    /// What became of the commands, in their order.
    pub answers: Vec<Answered>,
    /// To be told, in order.
    pub said: Vec<Said>,
    /// Decisions about rides of which there is no record: memory has gone wrong. Neither written nor told.
    pub strays: Vec<Decision>,
}

impl Round {
    /// The ride that goes with an answer: as it is after the round, or as `live` has it if the round did not change it.
    pub fn ride_for(&self, answered: &Answered, live: impl FnOnce(RideId) -> Option<Arc<Ride>>) -> Option<Arc<Ride>> {
        let id = answered.ride?;
        self.changed.get(&id).cloned().or_else(|| live(id))
    }

    /// Takes in what was decided right after it, before any of it was written: one round of it all, once it is closed again.
    pub fn extend(&mut self, later: Self) {
        let Self { batch, changed, touched, answers, said, strays } = later;
        self.batch.extend(batch);
        self.changed.extend(changed);
        self.touched.extend(touched);
        self.answers.extend(answers);
        self.said.extend(said);
        self.strays.extend(strays);
    }

    /// Everything has been decided: the batch gets rides and offers in their final state.
    pub fn close(&mut self) {
        self.keep_unheard();
        self.batch.rides = self.changed.values().map(|ride| (**ride).clone()).collect();
        self.batch.offers = self.touched.values().cloned().collect();
    }

    /// Notes the offers that were made and ended in this very round: nobody hears of them, and the timeline says so.
    fn keep_unheard(&mut self) {
        let made = |said: &Said| Offer::made_by(&said.decision).map(|offer| offer.id);
        let made: BTreeSet<OfferId> = self.said.iter().filter_map(made).collect();
        let is_unheard = |offer: &OfferId| {
            made.contains(offer) && self.touched.get(offer).is_some_and(|(_, closing)| closing.is_some())
        };
        for (said, event) in self.said.iter_mut().zip(&mut self.batch.events) {
            if let Fact::OfferMade { offer, .. } | Fact::OfferClosed { offer, .. } = &said.decision.fact {
                said.is_heard = !is_unheard(offer);
                event.is_heard = said.is_heard;
            }
        }
    }

    /// Follows what a decision does to an offer. `open` holds those that wait for an answer.
    pub(super) fn note_offer(
        &mut self,
        decision: &Decision,
        remark: &Remark,
        open: &mut rustc_hash::FxHashMap<OfferId, Offer>,
    ) {
        let at = decision.at;
        match decision.fact {
            Fact::OfferMade { .. } => {
                if let Some(offer) = Offer::made_by(decision) {
                    open.insert(offer.id, offer.clone());
                    self.touched.insert(offer.id, (offer, None));
                }
            }
            Fact::OfferClosed { offer, outcome, .. } => {
                if let Some(record) = open.remove(&offer) {
                    let reason = if let Remark::Declined(reason) = remark { Some(reason.as_str()) } else { None };
                    let closing = Closing { outcome: outcome_word(outcome), reason, at };
                    self.touched.insert(offer, (record, Some(closing)));
                }
            }
            Fact::Assigned { offer, .. } => {
                if let Some(record) = open.remove(&offer) {
                    self.touched.insert(offer, (record, Some(Closing { outcome: "accepted", reason: None, at })));
                }
            }
            Fact::Requested { .. }
            | Fact::Rescheduled { .. }
            | Fact::SearchBegan
            | Fact::OnTheWay
            | Fact::Nudged { .. }
            | Fact::Released { .. }
            | Fact::Arrived
            | Fact::StopReached { .. }
            | Fact::Started
            | Fact::Ended(_) => {}
        }
    }
}
