//! What one group commit is to write: everything that was decided in one go, as values.
//!
//! Separate from the store, so that a simulated store can be handed the very same.

use crate::dispatch::{Decision, OfferOutcome};
use crate::ids::{DriverId, RideId, StreamSeq, UserId};
use crate::jobs::NewJob;
use crate::rides::decisions::RideRound;
use crate::rides::fare_proof::FareProof;
use crate::rides::ride::{Offer, Ride};
use crate::rides::words::{CancelReason, DeclineReason};
use crate::time::Timestamp;

/// How an offer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The word in the table.
    pub outcome: &'static str,
    /// Why a driver declined.
    pub reason: Option<&'static str>,
    /// When.
    pub at: Timestamp,
}

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `customer`, `driver`, `admin` or `system`.
    pub role: &'static str,
    /// The person, if it was one.
    pub id: Option<UserId>,
}

impl Actor {
    /// Time passing, or the engine itself.
    pub const SYSTEM: Self = Self { role: "system", id: None };
}

/// An entry of a timeline.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What was decided.
    pub decision: Decision,
    /// Its place in the city's stream: given once, however often the batch is written.
    pub stream_seq: StreamSeq,
    /// False of an offer that was made and ended in this very batch: nobody is told, not after a restart either.
    pub is_heard: bool,
    /// Who caused it.
    pub actor: Actor,
    /// What the person said about it.
    pub remark: Remark,
}

/// What a person said about a command, for the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Nothing.
    None,
    /// Why a ride was called off.
    Cancelled(CancelReason),
    /// Why an offer was declined.
    Declined(DeclineReason),
}

/// A change of who is on shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftChange {
    /// Who.
    pub driver: DriverId,
    /// When.
    pub at: Timestamp,
    /// Began or ended.
    pub opened: bool,
}

/// Everything one transaction writes. Rides and offers are in their final state: what happened in between is in the
/// events.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Rides that changed.
    pub rides: Vec<Ride>,
    /// Offers that were made or ended, with how.
    pub offers: Vec<(Offer, Option<Closing>)>,
    /// What happened, in order.
    pub events: Vec<NewEvent>,
    /// Shifts that began or ended, in order.
    pub shifts: Vec<ShiftChange>,
    /// What is kept of the rounds of matching that were solved, of each ride what is new: why the offers of this batch went
    /// where they went.
    pub kept: Vec<(RideId, RideRound)>,
    /// Follow-up work.
    pub jobs: Vec<NewJob>,
    /// What the fares of the rides that were completed follow from, and when they were.
    pub proofs: Vec<(RideId, Timestamp, FareProof)>,
}

impl Batch {
    /// Takes in what comes after it. Rides and offers are left to whoever knows how they stand in the end.
    pub(super) fn extend(&mut self, later: Self) {
        let Self { rides: _, offers: _, events, shifts, kept, jobs, proofs } = later;
        self.events.extend(events);
        self.shifts.extend(shifts);
        self.kept.extend(kept);
        self.jobs.extend(jobs);
        self.proofs.extend(proofs);
    }

    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.shifts.is_empty() && self.kept.is_empty()
    }
}

/// The word of an outcome in the table and the timeline.
pub const fn outcome_word(outcome: OfferOutcome) -> &'static str {
    match outcome {
        OfferOutcome::Declined => "declined",
        OfferOutcome::Expired => "expired",
        OfferOutcome::DriverLost => "driver_lost",
        OfferOutcome::Cancelled => "cancelled",
        OfferOutcome::Withdrawn => "withdrawn",
        OfferOutcome::Taken => "taken",
    }
}
