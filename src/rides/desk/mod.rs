//! The desk: where the core's decisions become records, a batch to commit, and things to say. No IO and no clock.
//!
//! Separate from the shard, which receives, persists and speaks, so that a simulation drives the very logic that runs a
//! city: its store, its network and its clock are the caller's. Invariants: a round says nothing that its batch does not
//! write; what the desk remembers of a ride follows from facts alone; a desk restored from what was written goes on as if
//! it had never stopped.

mod batch;
mod command;
mod restore;
mod round;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::dispatch::{
    self, Answer, Availability, Decision, Dispatch, Fact, Input, OfferOutcome, Output, ReleaseReason, RideEnd,
    RoundRecord, Wanted,
};
use crate::ids::{DriverId, OfferId, RideId, StreamSeq};
use crate::index::{Fix, RideClasses};
use crate::pricing::CurrentPrices;
use crate::rides::decisions::{self, Keeper, Looked};
use crate::rides::followup;
use crate::rides::product::waits::Waited;
use crate::rides::ride::{Offer, Pricing, Ride};
use crate::rides::said::{Said, Sequence};
use crate::time::{Span, Timestamp};

pub use batch::{Actor, Batch, Closing, NewEvent, Remark, ShiftChange, outcome_word};
pub use command::{Answered, Command, Details, Message};
pub use restore::{LiveRide, Recorded, Stored};
pub use round::Round;

use command::{Cause, ride_of};

/// What the desk asks and tells of the city around it while it decides. Nothing here is told to people.
pub trait Surroundings {
    /// Whether a driver's app is connected now.
    fn is_connected(&self, driver: DriverId) -> bool;
    /// Suitable drivers for each of these rides, nearest in time first.
    fn candidates(&mut self, wanted: &[Wanted], rides: &FxHashMap<RideId, Ride>, now: Timestamp) -> Vec<Answer>;
    /// Who was looked at for a ride at the last question and is not among the answer. Only to be explained.
    fn left_out(&mut self, ride: RideId) -> Vec<Looked>;
    /// What a driver is available for has changed: the next search sees it.
    fn set_availability(&mut self, driver: DriverId, availability: Availability);
    /// A driver came on shift, here, for these kinds of ride.
    fn begin_shift(&mut self, driver: DriverId, classes: RideClasses, fix: Fix);
    /// A decision about a ride that stands as it did before; `accepted` is the offer that becomes the assignment. The metres
    /// that were ridden, once the ride is completed, if they are known.
    fn follow(&mut self, ride: &Ride, decision: &Decision, accepted: Option<&Offer>) -> Option<u32>;
    /// How long the driver stood at the stop before, where a decision shows that they have left it. Nothing where positions
    /// are not seen.
    fn waited(&mut self, _ride: &Ride, _decision: &Decision) -> Option<Waited> {
        None
    }
}

/// What the desk works by.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The core's numbers.
    pub dispatch: dispatch::Config,
    /// Prices, as they are when a ride is completed.
    pub prices: CurrentPrices,
    /// By how much more than the quoted distance a detour may be charged, in percent of it.
    pub detour_charged_max_percent: u32,
    /// How long before the pickup of a scheduled ride its rider is reminded.
    pub reminder_lead: Span,
    /// What is kept of rounds.
    pub decisions: decisions::Config,
}

/// The desk of a city.
pub struct Desk {
    core: Dispatch,
    terms: Terms,
    rides: FxHashMap<RideId, Ride>,
    offers: FxHashMap<OfferId, Offer>,
    /// Places in the city's stream.
    sequence: Sequence,
    /// What is kept of the rounds of live rides.
    keeper: Keeper,
}

impl Desk {
    /// The desk of a city without rides and drivers.
    pub fn new(terms: Terms) -> Self {
        Self {
            core: Dispatch::new(terms.dispatch.clone()),
            rides: FxHashMap::default(),
            offers: FxHashMap::default(),
            sequence: Sequence::after(StreamSeq::START),
            keeper: Keeper::new(terms.decisions),
            terms,
        }
    }

    /// The core, to be looked at.
    pub fn core(&self) -> &Dispatch {
        &self.core
    }

    /// How many rides have not ended.
    pub fn rides_live(&self) -> usize {
        self.rides.len()
    }

    /// When [`Desk::decide`] has something to do next although nobody says anything.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.core.next_deadline()
    }

    /// Lets the core take in what is due and what has come. The round is open: more may be taken into it, and whoever has it
    /// written closes it.
    pub fn decide(
        &mut self,
        now: Timestamp,
        messages: impl IntoIterator<Item = Message>,
        city: &mut impl Surroundings,
    ) -> Round {
        let mut round = Round::default();
        let mut out = Vec::new();
        self.core.tick(now, &mut out);
        self.follow(now, &Cause::SYSTEM, &mut out, &mut round, city);
        for message in messages {
            match message {
                Message::ConnectionChanged(driver) => {
                    let is_connected = city.is_connected(driver);
                    let input = if is_connected { Input::DriverBack { driver } } else { Input::DriverLost { driver } };
                    self.core.handle(now, input, &mut out);
                    self.follow(now, &Cause::SYSTEM, &mut out, &mut round, city);
                }
                Message::Command(command) => {
                    let answered = self.command(now, *command, &mut out, &mut round, city);
                    round.answers.push(answered);
                }
            }
        }
        round
    }

    fn command(
        &mut self,
        now: Timestamp,
        command: Command,
        out: &mut Vec<Output>,
        round: &mut Round,
        city: &mut impl Surroundings,
    ) -> Answered {
        let Command { input, details, actor, request_id } = command;
        let ride = ride_of(&input);
        self.core.handle(now, input, out);
        let refusal =
            out.iter().find_map(|output| if let Output::Refused(refusal) = output { Some(*refusal) } else { None });
        if refusal.is_none()
            && let Details::Booking(booking) = &details
        {
            self.rides.insert(booking.id, (**booking).clone());
        }
        self.follow(now, &Cause { actor, details, request_id }, out, round, city);
        Answered { ride, result: refusal.map_or(Ok(()), Err) }
    }

    /// Turns outputs into changes, answering the core's questions on the way.
    fn follow(
        &mut self,
        now: Timestamp,
        cause: &Cause,
        out: &mut Vec<Output>,
        round: &mut Round,
        city: &mut impl Surroundings,
    ) {
        let mut seen = 0;
        while seen < out.len() {
            match std::mem::replace(&mut out[seen], Output::Done) {
                Output::AskCandidates { wanted } => {
                    let answers = city.candidates(&wanted, &self.rides, now);
                    self.core.handle(now, Input::Candidates { answers }, out);
                }
                Output::Solved(record) => self.solved(*record, round, city),
                Output::Availability { driver, availability } => city.set_availability(driver, availability),
                Output::ShiftOpened { driver, at } => {
                    round.batch.shifts.push(ShiftChange { driver, at, opened: true });
                    if let Details::Shift { fix, ride_types } = &cause.details {
                        let classes = ride_types.iter().fold(0, |bits, ride_type| bits | ride_type.class().0);
                        city.begin_shift(driver, RideClasses(classes), *fix);
                    }
                }
                Output::ShiftClosed { driver, at } => {
                    round.batch.shifts.push(ShiftChange { driver, at, opened: false });
                }
                Output::Decided(decision) => self.decided(decision, cause, round, city),
                Output::Done | Output::Refused(_) => {}
            }
            seen += 1;
        }
        out.clear();
    }

    /// What was weighed in a round is written down with what came of it.
    fn solved(&mut self, record: RoundRecord, round: &mut Round, city: &mut impl Surroundings) {
        for choice in &record.rides {
            self.keeper.looked(choice.ride, city.left_out(choice.ride));
        }
        round.batch.kept.extend(self.keeper.solved(&record));
    }

    fn decided(&mut self, decision: Decision, cause: &Cause, round: &mut Round, city: &mut impl Surroundings) {
        let Some(ride) = self.rides.get_mut(&decision.ride) else {
            round.strays.push(decision);
            return;
        };
        let accepted = if let Fact::Assigned { offer, .. } = decision.fact { self.offers.get(&offer) } else { None };
        if let Some(waited) = city.waited(ride, &decision) {
            ride.product.waited(waited.stop, waited.span);
        }
        let matched_m = city.follow(ride, &decision, accepted);
        if matched_m.is_some() {
            ride.matched_distance_m = matched_m;
        }
        let Terms { prices, detour_charged_max_percent, .. } = &self.terms;
        let (prices, detour_charged_max_percent) = (prices.load(), *detour_charged_max_percent);
        let proof = ride.apply(&decision, Pricing { prices: &prices, detour_charged_max_percent });
        round.batch.proofs.extend(proof.map(|proof| (ride.id, decision.at, proof)));
        let mut remark = Remark::None;
        match (&decision.fact, &cause.details) {
            (Fact::Rescheduled { .. }, Details::Moved(moved)) => ride.moved((**moved).clone()),
            (Fact::Ended(_), Details::Cancellation(cancellation)) => {
                ride.cancellation = Some(cancellation.clone());
                remark = Remark::Cancelled(cancellation.reason);
            }
            // It goes on with another driver: that it was called off is no part of its record.
            (Fact::Released { .. }, Details::Cancellation(cancellation)) => {
                remark = Remark::Cancelled(cancellation.reason);
            }
            (Fact::OfferClosed { outcome: OfferOutcome::Declined, .. }, Details::Decline(reason)) => {
                remark = Remark::Declined(*reason);
            }
            _ => {}
        }
        let behind =
            followup::Cause { request_id: cause.request_id.as_deref(), reminder_lead: self.terms.reminder_lead };
        followup::enqueue(ride, &decision, behind, &mut round.batch.jobs);
        let ride = Arc::new(ride.clone());
        round.changed.insert(ride.id, Arc::clone(&ride));
        round.note_offer(&decision, &remark, &mut self.offers);
        if matches!(decision.fact, Fact::Ended(_)) {
            self.rides.remove(&decision.ride);
            self.keeper.forget(decision.ride);
        }
        let actor = caused_by(&decision.fact, cause.actor);
        let seq = self.sequence.next(decision.at);
        round.batch.events.push(NewEvent {
            decision: decision.clone(),
            stream_seq: seq,
            is_heard: true,
            actor,
            remark,
        });
        round.said.push(Said { decision, seq, ride, is_heard: true });
    }
}

/// Who caused a fact: a command has consequences that are not its sender's doing.
fn caused_by(fact: &Fact, sender: Actor) -> Actor {
    match fact {
        Fact::SearchBegan
        | Fact::OfferMade { .. }
        | Fact::OfferClosed {
            outcome: OfferOutcome::Expired | OfferOutcome::DriverLost | OfferOutcome::Withdrawn | OfferOutcome::Taken,
            ..
        }
        | Fact::OnTheWay
        | Fact::Nudged { .. }
        | Fact::Ended(RideEnd::NoDriverFound) => Actor::SYSTEM,
        Fact::Released { reason, .. } if *reason != ReleaseReason::DriverCancelled => Actor::SYSTEM,
        Fact::Requested { .. }
        | Fact::Rescheduled { .. }
        | Fact::OfferClosed { .. }
        | Fact::Assigned { .. }
        | Fact::Released { .. }
        | Fact::Arrived
        | Fact::StopReached { .. }
        | Fact::Started
        | Fact::Ended(_) => sender,
    }
}
