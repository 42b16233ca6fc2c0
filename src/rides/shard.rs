//! The one owner of a city's desk: takes commands, lets the desk decide, commits, and only then speaks.
//!
//! Commands that arrive while a commit is under way are decided meanwhile and committed together afterwards: the slower
//! the database, the larger the group, and neither waits for the other. One round is written at a time, and nothing is said
//! of one before it is: the order of decisions is the order of commits and of what is told. When the database is away the
//! shard holds what it decided and tries again; when a group is full its inbox fills, and then new commands are refused
//! with "try again". A ride is lost only if it was never acknowledged. What is decided, and what is written and said of it, is the desk's: here is the IO.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::dispatch::{Fact, Refusal};
use crate::error::Error;
use crate::ids::{DriverId, RideId};
use crate::realtime::protocol::view::RideStatus;
use crate::rides::desk::{self, Answered, Batch, Command, Desk, Details, Round};
use crate::rides::people::People;
use crate::rides::ride::Ride;
use crate::rides::store::commit::commit;
use crate::rides::surroundings::LiveCity;
use crate::rides::tell::Teller;
use crate::rides::view::Cast;
use crate::telemetry::names;
use crate::time::Timestamp;
use crate::vault::Vault;

/// First pause after a failed commit; it doubles up to [`RETRY_PAUSE_MAX`].
const RETRY_PAUSE: Duration = Duration::from_millis(20);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// A commit that takes longer hangs on a connection that went silent: it is written again over another one. Well above
/// what the server itself allows a statement.
const COMMIT_PATIENCE: Duration = Duration::from_secs(30);
/// When a round has been written for longer than this nothing more is decided: what runs out meanwhile, offers above all, nobody
/// has heard of.
const DECIDED_AHEAD_MAX: Duration = Duration::from_secs(1);
/// How long telling waits for names that are not in memory; a view without them beats a city that stands still.
const NAMES_PATIENCE: Duration = Duration::from_millis(250);

/// A command with the one who waits for its answer.
#[derive(Debug)]
pub struct Request {
    /// For the desk.
    pub command: Command,
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
    Command(Box<Request>),
    /// See [`desk::Message::ConnectionChanged`].
    ConnectionChanged(DriverId),
}

/// The shard's state; [`Shard::run`] is its task.
pub struct Shard {
    pub(super) desk: Desk,
    pub(super) city: LiveCity,
    /// Commands decided and committed together at most.
    pub(super) batch_max: usize,
    pub(super) pool: PgPool,
    pub(super) teller: Teller,
    pub(super) people: People,
    /// When the request of a ride without an offer so far reached us.
    pub(super) awaiting_offer: FxHashMap<RideId, Instant>,
}

/// A round with those who wait for it.
pub(super) struct Decided {
    pub(super) round: Round,
    /// When it was decided.
    at: Instant,
    /// One for each of the round's answers, in their order.
    waiting: Vec<oneshot::Sender<Answer>>,
}

impl Decided {
    /// Takes in what was decided next.
    fn extend(&mut self, later: Self) {
        self.round.extend(later.round);
        self.waiting.extend(later.waiting);
    }
}

/// A round that is being written.
struct Writing {
    written: JoinHandle<Result<(), Error>>,
    decided: Decided,
    since: Instant,
}

/// What wakes the shard.
enum Wake {
    Written(Result<Result<(), Error>, JoinError>),
    /// So many messages came, or none and a deadline is due.
    Due,
    Closed,
    Stop,
}

impl Shard {
    /// Works until told to stop and the inbox is empty, or until it cannot go on.
    ///
    /// # Errors
    /// When Postgres refuses what the core decided: memory and store disagree, and only a restart can mend that.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Message>, stop: CancellationToken) -> Result<(), Error> {
        let mut messages = Vec::with_capacity(self.batch_max);
        let (mut is_stopping, mut is_closed) = (false, false);
        let mut writing: Option<Writing> = None;
        // Decided while another round is written, and written in one when that is done.
        let mut next: Option<Decided> = None;
        loop {
            let is_held_up = writing.as_ref().is_some_and(|writing| writing.since.elapsed() >= DECIDED_AHEAD_MAX);
            let taken = next.as_ref().map_or(0, |next| next.waiting.len());
            let room = if is_held_up { 0 } else { self.batch_max.saturating_sub(taken) };
            let wait = self.desk.next_deadline().map(|at| at.since(clock::now()).to_duration());
            let wake = tokio::select! {
                biased;
                written = written(&mut writing) => Wake::Written(written),
                received = inbox.recv_many(&mut messages, room), if room > 0 && !is_closed => {
                    if received == 0 { Wake::Closed } else { Wake::Due }
                }
                () = sleep_or_never(wait), if room > 0 && !is_closed => Wake::Due,
                // Not `!stop.is_cancelled()`: the order may come while a round is under way.
                () = stop.cancelled(), if !is_stopping => Wake::Stop,
            };
            match wake {
                Wake::Written(written) => {
                    written.map_err(Error::internal)??;
                    if let Some(Writing { decided, .. }) = writing.take() {
                        self.speak(decided).await;
                    }
                }
                Wake::Due => {
                    metrics::gauge!(names::DISPATCH_QUEUE_DEPTH).set(count(inbox.len()));
                    let decided = self.decide(clock::now(), &mut messages);
                    match &mut next {
                        Some(next) => next.extend(decided),
                        None => next = Some(decided),
                    }
                }
                Wake::Closed => is_closed = true,
                Wake::Stop => {
                    is_stopping = true;
                    inbox.close();
                }
            }
            if writing.is_none()
                && let Some(decided) = next.take()
            {
                writing = self.write(decided).await;
            }
            if is_closed && writing.is_none() {
                return Ok(());
            }
        }
    }

    /// Has a round written beside what is decided next; one that has nothing to write is told at once.
    async fn write(&mut self, mut decided: Decided) -> Option<Writing> {
        if decided.round.batch.is_empty() {
            self.speak(decided).await;
            return None;
        }
        // Once for all that was taken in: it looks at every ride of the round.
        decided.round.close();
        let (pool, people, batch) = (self.pool.clone(), self.people.clone(), std::mem::take(&mut decided.round.batch));
        let written = tokio::spawn(async move { persist(&pool, people.vault(), &batch).await });
        Some(Writing { written, decided, since: Instant::now() })
    }

    /// Lets the desk take in what has come and what is due.
    pub(super) fn decide(&mut self, now: Timestamp, messages: &mut Vec<Message>) -> Decided {
        let at = Instant::now();
        let (mut waiting, mut booked) = (Vec::new(), Vec::new());
        let messages = messages.drain(..).map(|message| match message {
            Message::ConnectionChanged(driver) => desk::Message::ConnectionChanged(driver),
            Message::Command(request) => {
                let Request { command, arrived, answer } = *request;
                // Of a ride for later nobody waits for the offer.
                if let Details::Booking(ride) = &command.details
                    && ride.status == RideStatus::Requested
                {
                    booked.push((waiting.len(), ride.id, arrived));
                }
                waiting.push(answer);
                desk::Message::Command(Box::new(command))
            }
        });
        let round = self.desk.decide(now, messages, &mut self.city);
        metrics::histogram!(names::DISPATCH_DECISION_SECONDS).record(at.elapsed().as_secs_f64());
        for decision in &round.strays {
            tracing::error!(ride.id = %decision.ride, seq = decision.seq, "dispatch decided about a ride without a record");
        }
        let is_done = |number: usize| round.answers.get(number).is_some_and(|answered| answered.result.is_ok());
        let booked = booked.into_iter().filter(|(number, ..)| is_done(*number));
        self.awaiting_offer.extend(booked.map(|(_, ride, arrived)| (ride, arrived)));
        Decided { round, at, waiting }
    }

    /// Everything was committed: publish the live state, tell the parties, answer the callers.
    pub(super) async fn speak(&mut self, decided: Decided) {
        let Decided { round, at, waiting } = decided;
        let casts = self.casts(&round.changed).await;
        self.teller.publish(&round.changed, &casts, &round.touched);
        let nobody = Arc::default();
        for said in &round.said {
            self.teller.tell(said, at, casts.get(&said.decision.ride).unwrap_or(&nobody));
            self.time_offer(&said.decision.fact, said.decision.ride);
        }
        for (answer, answered) in waiting.into_iter().zip(&round.answers) {
            let Answered { result, .. } = *answered;
            let ride = round.ride_for(answered, |id| self.teller.live().ride(id));
            // A caller who stopped waiting asks again with the same key.
            let _ = answer.send(result.map(|()| ride));
        }
        metrics::gauge!(names::DISPATCH_RIDES_LIVE).set(count(self.desk.rides_live()));
    }

    /// Notes how long the first offer of a ride took.
    fn time_offer(&mut self, fact: &Fact, ride: RideId) {
        match fact {
            Fact::OfferMade { .. } => {
                if let Some(arrived) = self.awaiting_offer.remove(&ride) {
                    self.teller.tally().offered_after(arrived.elapsed());
                }
            }
            Fact::Ended(_) => {
                self.awaiting_offer.remove(&ride);
            }
            _ => {}
        }
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

/// Writes the round, trying again for as long as the database is merely away.
pub(super) async fn persist(pool: &PgPool, vault: &Vault, batch: &Batch) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let mut pause = RETRY_PAUSE;
    loop {
        let written = tokio::time::timeout(COMMIT_PATIENCE, commit(pool, vault, batch)).await;
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
    metrics::histogram!(names::DISPATCH_COMMIT_BATCH_SIZE).record(count(batch.events.len()));
    metrics::counter!(names::RIDES_ROUNDS_KEPT_TOTAL).increment(batch.kept.len() as u64);
    Ok(())
}

/// When the round that is being written is written; never, when none is.
async fn written(writing: &mut Option<Writing>) -> Result<Result<(), Error>, JoinError> {
    match writing {
        Some(writing) => (&mut writing.written).await,
        None => std::future::pending().await,
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
