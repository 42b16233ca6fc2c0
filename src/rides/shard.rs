//! The one owner of a city's dispatch core: takes commands, lets the core decide, commits, and only then speaks.
//!
//! Commands that arrive while a commit is under way are decided together afterwards and committed together: the slower
//! the database, the larger the group. When the database is away the shard holds what it decided and tries again;
//! meanwhile its inbox fills and new commands are refused with "try again". A ride is lost only if it was never
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::dispatch::{
    self, Decision, Dispatch, Fact, Input, OfferOutcome, Output, Refusal, ReleaseReason, RideEnd, Wanted,
};
use crate::error::Error;
use crate::fares::TariffBook;
use crate::ids::{DriverId, OfferId, RideId};
use crate::index::Fix;
use crate::locations::Locations;
use crate::maps::Maps;
use crate::rides::followup;
use crate::rides::legs::Legs;
use crate::rides::matched::Matched;
use crate::rides::people::People;
use crate::rides::ride::{Cancellation, Offer, Pricing, Ride};
use crate::rides::said::{Said, Sequence};
use crate::rides::store::commit::{Actor, Batch, Closing, NewEvent, Remark, ShiftChange, commit, outcome_word};
use crate::rides::tell::Teller;
use crate::rides::view::Cast;
use crate::rides::words::{DeclineReason, RideType};
use crate::telemetry::names;
use crate::time::Timestamp;

/// First pause after a failed commit; it doubles up to [`RETRY_PAUSE_MAX`].
const RETRY_PAUSE: Duration = Duration::from_millis(20);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// A commit that takes longer hangs on a connection that went silent: it is written again over another one. Well above
/// what the server itself allows a statement.
const COMMIT_PATIENCE: Duration = Duration::from_secs(30);
/// How long telling waits for names that are not in memory; a view without them beats a city that stands still.
const NAMES_PATIENCE: Duration = Duration::from_millis(250);

/// What comes with a command beyond what the core needs.
#[derive(Clone, Debug)]
pub enum Details {
    /// Nothing.
    None,
    /// The ride that is requested.
    Booking(Box<Ride>),
    /// How a ride is called off.
    Cancellation(Cancellation),
    /// Why an offer is declined.
    Decline(DeclineReason),
    /// Where a shift begins, and for which kinds of ride.
    Shift {
        /// The position.
        fix: Fix,
        /// The kinds of ride.
        ride_types: Vec<RideType>,
    },
}

/// A command on its way to the core.
#[derive(Debug)]
pub struct Command {
    /// For the core.
    pub input: Input,
    /// For the record.
    pub details: Details,
    /// Who asks.
    pub actor: Actor,
    /// The request behind it; jobs carry it on.
    pub request_id: Option<String>,
    /// When the request reached us.
    pub arrived: Instant,
    /// Where the answer goes, after the commit.
    pub answer: oneshot::Sender<Answer>,
}

/// The answer to a command: the ride after it where there is one, or why not.
pub type Answer = Result<Option<Arc<Ride>>, Refusal>;

/// What the shard's inbox takes.
#[derive(Debug)]
pub enum Message {
    /// A command that waits for its answer.
    Command(Box<Command>),
    /// A driver's connection broke or came back: the hub knows which. Not said here, because two such messages may
    /// overtake each other; whichever is read last finds how things stand.
    ConnectionChanged(DriverId),
}

/// The shard's state; [`Shard::run`] is its task.
pub struct Shard {
    pub(super) core: Dispatch,
    /// Commands decided and committed together at most.
    pub(super) batch_max: usize,
    pub(super) pool: PgPool,
    pub(super) locations: Locations,
    pub(super) maps: Maps,
    /// What arrival times learn from.
    pub(super) legs: Legs,
    pub(super) teller: Teller,
    pub(super) people: People,
    pub(super) tariffs: Arc<TariffBook>,
    /// See [`Config`](super::Config).
    pub(super) detour_charged_max_percent: u32,
    /// The streets that drivers on a ride take.
    pub(super) matched: Arc<Matched>,
    pub(super) rides: FxHashMap<RideId, Ride>,
    pub(super) offers: FxHashMap<OfferId, Offer>,
    /// When the request of a ride without an offer so far reached us.
    pub(super) awaiting_offer: FxHashMap<RideId, Instant>,
    /// Places in the city's stream.
    pub(super) sequence: Sequence,
}

/// Why the core was called: what the record says of it.
struct Cause {
    actor: Actor,
    details: Details,
    request_id: Option<String>,
}

impl Cause {
    /// Time passed, or a connection changed.
    const SYSTEM: Self = Self { actor: Actor::SYSTEM, details: Details::None, request_id: None };
}

/// A caller who waits for the commit.
struct Waiting {
    answer: oneshot::Sender<Answer>,
    /// The ride the command is about, if it is about one.
    ride: Option<RideId>,
    result: Result<(), Refusal>,
}

/// What one round of decisions leaves to be done.
#[derive(Default)]
pub(super) struct Round {
    /// To be written. Its events are those of `said`, in the same order.
    batch: Batch,
    changed: BTreeMap<RideId, Arc<Ride>>,
    touched: BTreeMap<OfferId, (Offer, Option<Closing>)>,
    waiting: Vec<Waiting>,
    /// To be told, and when it was decided.
    pub(super) said: Vec<(Said, Instant)>,
}

impl Shard {
    /// Works until told to stop and the inbox is empty, or until it cannot go on.
    ///
    /// # Errors
    /// When Postgres refuses what the core decided: memory and store disagree, and only a restart can mend that.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Message>, stop: CancellationToken) -> Result<(), Error> {
        let mut messages = Vec::with_capacity(self.batch_max);
        let mut is_stopping = false;
        loop {
            let wait = self.core.next_deadline().map(|at| at.since(clock::now()).to_duration());
            tokio::select! {
                biased;
                received = inbox.recv_many(&mut messages, self.batch_max) => {
                    if received == 0 {
                        return Ok(());
                    }
                }
                () = sleep_or_never(wait) => {}
                // Not `!stop.is_cancelled()`: the order may come while a round is under way.
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    inbox.close();
                }
            }
            metrics::gauge!(names::DISPATCH_QUEUE_DEPTH).set(count(inbox.len()));
            let mut round = self.decide(clock::now(), &mut messages);
            self.persist(&mut round).await?;
            self.speak(round).await;
        }
    }

    /// Lets the core take in what has come and what is due.
    pub(super) fn decide(&mut self, now: Timestamp, messages: &mut Vec<Message>) -> Round {
        let mut round = Round::default();
        let mut out = Vec::new();
        let started = Instant::now();
        self.core.tick(now, &mut out);
        self.follow(now, &Cause::SYSTEM, &mut out, &mut round);
        for message in messages.drain(..) {
            match message {
                Message::ConnectionChanged(driver) => {
                    let is_connected = self.teller.is_connected(driver);
                    let input = if is_connected { Input::DriverBack { driver } } else { Input::DriverLost { driver } };
                    self.core.handle(now, input, &mut out);
                    self.follow(now, &Cause::SYSTEM, &mut out, &mut round);
                }
                Message::Command(command) => self.command(now, *command, &mut out, &mut round),
            }
        }
        metrics::histogram!(names::DISPATCH_DECISION_SECONDS).record(started.elapsed().as_secs_f64());
        round.keep_unheard();
        round
    }

    fn command(&mut self, now: Timestamp, command: Command, out: &mut Vec<Output>, round: &mut Round) {
        let Command { input, details, actor, request_id, arrived, answer } = command;
        let ride = ride_of(&input);
        self.core.handle(now, input, out);
        let refusal =
            out.iter().find_map(|output| if let Output::Refused(refusal) = output { Some(*refusal) } else { None });
        if refusal.is_none()
            && let Details::Booking(booking) = &details
        {
            self.rides.insert(booking.id, (**booking).clone());
            self.awaiting_offer.insert(booking.id, arrived);
        }
        self.follow(now, &Cause { actor, details, request_id }, out, round);
        round.waiting.push(Waiting { answer, ride, result: refusal.map_or(Ok(()), Err) });
    }

    /// Turns outputs into changes, answering the core's questions on the way.
    fn follow(&mut self, now: Timestamp, cause: &Cause, out: &mut Vec<Output>, round: &mut Round) {
        let mut seen = 0;
        while seen < out.len() {
            match out[seen].clone() {
                Output::AskCandidates { wanted } => {
                    let answers = wanted.iter().filter_map(|wanted| self.answer(wanted, now)).collect();
                    self.core.handle(now, Input::Candidates { answers }, out);
                }
                Output::Solved(_) => {}
                Output::Availability { driver, availability } => self.locations.set_availability(driver, availability),
                Output::ShiftOpened { driver, at } => {
                    round.batch.shifts.push(ShiftChange { driver, at, opened: true });
                    if let Details::Shift { fix, ride_types } = &cause.details {
                        let classes = ride_types.iter().fold(0, |bits, ride_type| bits | ride_type.class().0);
                        self.locations.begin_shift(driver, crate::index::RideClasses(classes), Some(*fix));
                    }
                }
                Output::ShiftClosed { driver, at } => {
                    round.batch.shifts.push(ShiftChange { driver, at, opened: false });
                }
                Output::Decided(decision) => self.decided(decision, cause, round),
                Output::Done | Output::Refused(_) => {}
            }
            seen += 1;
        }
        out.clear();
    }

    /// Who could take a ride.
    fn answer(&self, wanted: &Wanted, now: Timestamp) -> Option<dispatch::Answer> {
        let record = self.rides.get(&wanted.ride)?;
        let class = record.ride_type.class();
        let candidates = self.locations.candidates(record.pickup.at, class, &wanted.passed, now);
        Some(dispatch::Answer { ride: wanted.ride, candidates })
    }

    fn decided(&mut self, decision: Decision, cause: &Cause, round: &mut Round) {
        let Some(ride) = self.rides.get_mut(&decision.ride) else {
            tracing::error!(ride.id = %decision.ride, seq = decision.seq, "dispatch decided about a ride without a record");
            return;
        };
        let matched_m = self.matched.follow(ride, &decision);
        if matched_m.is_some() {
            ride.matched_distance_m = matched_m;
        }
        let detour_charged_max_percent = self.detour_charged_max_percent;
        ride.apply(&decision, Pricing { tariffs: &self.tariffs, detour_charged_max_percent });
        let accepted = if let Fact::Assigned { offer, .. } = decision.fact { self.offers.get(&offer) } else { None };
        let factor = |place| self.maps.factor(place, decision.at);
        if let Some(leg) = self.legs.follow(ride, &decision, accepted, factor) {
            self.maps.leg_finished(&leg);
        }
        let mut remark = Remark::None;
        match (&decision.fact, &cause.details) {
            (Fact::Ended(_), Details::Cancellation(cancellation)) => {
                ride.cancellation = Some(cancellation.clone());
                remark = Remark::Cancelled(cancellation.reason);
            }
            (Fact::OfferClosed { outcome: OfferOutcome::Declined, .. }, Details::Decline(reason)) => {
                remark = Remark::Declined(*reason);
            }
            _ => {}
        }
        followup::enqueue(ride, &decision, cause.request_id.as_deref(), &mut round.batch.jobs);
        let ride = Arc::new(ride.clone());
        round.changed.insert(ride.id, Arc::clone(&ride));
        self.note_offer(&decision, &remark, round);
        if matches!(decision.fact, Fact::Ended(_)) {
            self.rides.remove(&decision.ride);
            self.awaiting_offer.remove(&decision.ride);
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
        round.said.push((Said { decision, seq, ride, is_heard: true }, Instant::now()));
    }

    fn note_offer(&mut self, decision: &Decision, remark: &Remark, round: &mut Round) {
        let at = decision.at;
        match decision.fact {
            Fact::OfferMade { .. } => {
                if let Some(offer) = Offer::made_by(decision) {
                    self.offers.insert(offer.id, offer.clone());
                    round.touched.insert(offer.id, (offer, None));
                }
            }
            Fact::OfferClosed { offer, outcome, .. } => {
                if let Some(record) = self.offers.remove(&offer) {
                    let reason = if let Remark::Declined(reason) = remark { Some(reason.as_str()) } else { None };
                    let closing = Closing { outcome: outcome_word(outcome), reason, at };
                    round.touched.insert(offer, (record, Some(closing)));
                }
            }
            Fact::Assigned { offer, .. } => {
                if let Some(record) = self.offers.remove(&offer) {
                    round.touched.insert(offer, (record, Some(Closing { outcome: "accepted", reason: None, at })));
                }
            }
            Fact::Requested { .. }
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

    /// Writes the round, trying again for as long as the database is merely away.
    pub(super) async fn persist(&self, round: &mut Round) -> Result<(), Error> {
        round.batch.rides = round.changed.values().map(|ride| (**ride).clone()).collect();
        round.batch.offers = round.touched.values().cloned().collect();
        if round.batch.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let mut pause = RETRY_PAUSE;
        loop {
            let written = tokio::time::timeout(COMMIT_PATIENCE, commit(&self.pool, &round.batch)).await;
            match written.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Error::from) {
                Ok(()) => break,
                Err(error @ Error::Unavailable { .. }) => {
                    tracing::warn!(error = %crate::telemetry::chain(&error), "the database is away; decisions wait");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                }
                Err(error) => {
                    tracing::error!(error = %crate::telemetry::chain(&error), "the store refused what dispatch decided");
                    return Err(error);
                }
            }
        }
        metrics::histogram!(names::DISPATCH_COMMIT_SECONDS).record(started.elapsed().as_secs_f64());
        metrics::histogram!(names::DISPATCH_COMMIT_BATCH_SIZE).record(count(round.batch.events.len()));
        Ok(())
    }

    /// Everything was committed: publish the live state, tell the parties, answer the callers.
    pub(super) async fn speak(&mut self, round: Round) {
        let casts = self.casts(&round.changed).await;
        self.teller.publish(&round.changed, &casts, &round.touched);
        let nobody = Arc::default();
        for (said, decided) in &round.said {
            self.teller.tell(said, *decided, casts.get(&said.decision.ride).unwrap_or(&nobody));
            if let Fact::OfferMade { offer, .. } = &said.decision.fact
                && let Some(arrived) = self.awaiting_offer.remove(&offer.ride)
            {
                self.teller.tally().offered_after(arrived.elapsed());
            }
        }
        for Waiting { answer, ride, result } in round.waiting {
            let ride = ride.and_then(|id| round.changed.get(&id).cloned().or_else(|| self.teller.live().ride(id)));
            // A caller who stopped waiting asks again with the same key.
            let _ = answer.send(result.map(|()| ride));
        }
        metrics::gauge!(names::DISPATCH_RIDES_LIVE).set(count(self.rides.len()));
    }

    /// The people of every ride that changed: one look-up for the round, and a bounded one.
    async fn casts(&self, changed: &BTreeMap<RideId, Arc<Ride>>) -> FxHashMap<RideId, Arc<Cast>> {
        let rides: Vec<&Ride> = changed.values().map(AsRef::as_ref).collect();
        match tokio::time::timeout(NAMES_PATIENCE, self.people.casts(&rides)).await {
            Ok(Ok(casts)) => changed.keys().copied().zip(casts.into_iter().map(Arc::new)).collect(),
            Ok(Err(error)) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "rides are told without names");
                FxHashMap::default()
            }
            Err(_) => {
                tracing::warn!("rides are told without names: the database is slow");
                FxHashMap::default()
            }
        }
    }
}

impl Round {
    /// Notes the offers that were made and ended in this very round: nobody hears of them, and the timeline says so.
    fn keep_unheard(&mut self) {
        let made = |said: &Said| Offer::made_by(&said.decision).map(|offer| offer.id);
        let made: BTreeSet<OfferId> = self.said.iter().filter_map(|(said, _)| made(said)).collect();
        let is_unheard = |offer: &OfferId| {
            made.contains(offer) && self.touched.get(offer).is_some_and(|(_, closing)| closing.is_some())
        };
        for ((said, _), event) in self.said.iter_mut().zip(&mut self.batch.events) {
            if let Fact::OfferMade { offer, .. } | Fact::OfferClosed { offer, .. } = &said.decision.fact {
                said.is_heard = !is_unheard(offer);
                event.is_heard = said.is_heard;
            }
        }
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
        | Fact::OfferClosed { .. }
        | Fact::Assigned { .. }
        | Fact::Released { .. }
        | Fact::Arrived
        | Fact::StopReached { .. }
        | Fact::Started
        | Fact::Ended(_) => sender,
    }
}

/// The ride a command is about, if it is about one.
fn ride_of(input: &Input) -> Option<RideId> {
    match input {
        Input::RequestRide { ride, .. }
        | Input::Pair { ride, .. }
        | Input::Arrive { ride, .. }
        | Input::Start { ride, .. }
        | Input::ReachStop { ride, .. }
        | Input::Complete { ride, .. }
        | Input::Cancel { ride, .. }
        | Input::PickupTrouble { ride, .. } => Some(*ride),
        Input::AcceptOffer { offer, .. } | Input::DeclineOffer { offer, .. } => Some(offer.ride),
        Input::Candidates { .. }
        | Input::GoOnline { .. }
        | Input::GoOffline { .. }
        | Input::DriverLost { .. }
        | Input::DriverBack { .. } => None,
    }
}

async fn sleep_or_never(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of things in memory is far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}
