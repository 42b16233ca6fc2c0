//! The program in the simulated world: the real desk, and around it what the shard does, one step at a time, so that a crash
//! can come between any two of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use boda::dispatch::{Fact, Input, OfferOutcome, Refusal};
use boda::ids::{DriverId, OfferId, RideId, StreamSeq, UserId};
use boda::realtime::Event;
use boda::realtime::protocol::view::RideStatus;
use boda::rides::desk::{Desk, Message, Round};
use boda::rides::ride::Ride;
use boda::rides::said::Said;
use boda::rides::view::Cast;
use rand::Rng as _;

use crate::bugs::Bug;
use crate::checks::passed_by;
use crate::phones::Owner;
use crate::rules::{Checked, Rule, hold};
use crate::world::{Happening, World};

/// Commands decided together at most.
const BATCH_MAX: usize = 16;
/// Commands that wait at most.
const INBOX_MAX: usize = 48;

/// Who waits for an answer: number of the app and of its request.
pub type Caller = Option<(usize, u64)>;

/// A message in the inbox.
#[derive(Clone)]
pub struct Letter {
    pub caller: Caller,
    pub message: Message,
}

/// The running program.
pub struct Process {
    pub life: u64,
    pub desk: Desk,
    pub inbox: VecDeque<Letter>,
    /// The round that is being committed, and who waits for it.
    pending: Option<(Round, Vec<(Caller, Input)>)>,
    /// Committed live rides, as polls see them.
    rides: BTreeMap<RideId, Arc<Ride>>,
    offers: BTreeMap<DriverId, OfferId>,
    /// What each user was told, to be told again to an app that comes back.
    streams: BTreeMap<UserId, Vec<(StreamSeq, Event)>>,
    wake: u64,
}

/// What becomes of an attempt to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Written,
    /// Written, and the reply is lost.
    Unheard,
    /// Not written: the store is away, or too slow.
    Failed,
}

impl World {
    /// Starts the program on what the store holds.
    pub fn start(&mut self) -> Checked {
        self.life += 1;
        let mut stored = self.store.stored();
        match self.bug {
            Some(Bug::RestartsTheStream) => stored.last_seq = StreamSeq::START,
            Some(Bug::LosesARide) => drop(stored.rides.pop()),
            Some(Bug::ForgetsWhoPassed) => {
                for at in stored.rides.iter_mut().flat_map(|live| &mut live.timeline) {
                    if let Fact::OfferClosed { outcome, .. } = &mut at.decision.fact {
                        *outcome = OfferOutcome::Cancelled;
                    }
                }
            }
            Some(Bug::SharesADriver) => {
                let taken = stored.rides.iter().filter(|live| !live.ride.is_next).find_map(|live| live.ride.driver);
                for live in stored.rides.iter_mut().filter(|live| live.ride.driver.is_some() && !live.ride.is_next) {
                    live.ride.driver = taken;
                }
            }
            Some(Bug::RaisesTheDead) => {
                let dead = self.store.rides.values().find(|ride| ride.status == RideStatus::Completed);
                if let Some(dead) = dead {
                    let ride = Ride { status: RideStatus::InProgress, ..dead.clone() };
                    let timeline = self.store.timelines[&ride.id].clone();
                    stored.rides.push(boda::rides::desk::LiveRide { ride, timeline });
                }
            }
            _ => {}
        }
        let mut streams: BTreeMap<UserId, Vec<(StreamSeq, Event)>> = BTreeMap::new();
        for (id, timeline) in &self.store.timelines {
            let record = &self.store.rides[id];
            for said in Said::again(record, timeline) {
                let ride = if self.bug == Some(Bug::TellsTheEndAgain) { Arc::new(record.clone()) } else { said.ride };
                let said = Said { ride, ..said };
                for (user, event) in said.messages(&Cast::default()) {
                    streams.entry(user).or_default().push((said.seq, event));
                }
            }
        }
        for told in streams.values_mut() {
            told.sort_by_key(|(seq, _)| *seq);
        }
        for ((user, seq), event) in &self.told {
            let again = streams.get(user).and_then(|told| told.iter().find(|(at, _)| at == seq));
            hold(again.is_some_and(|(_, again)| again == event), Rule::ToldAgain, || {
                format!("{user} was told {event:?} at {seq}, and is told again {again:?}")
            })?;
        }
        let rides = stored.rides.iter().map(|live| (live.ride.id, Arc::new(live.ride.clone()))).collect();
        let offers = stored.offers.iter().map(|offer| (offer.driver, offer.id)).collect();
        let (desk, available) = Desk::restore(self.terms.clone(), self.now(), stored);
        self.city.available = available.into_iter().collect();
        let live = self.store.live().count();
        hold(desk.rides_live() == live && desk.core().rides_live() == live, Rule::Restored, || {
            format!("{live} live rides are stored, {} restored", desk.core().rides_live())
        })?;
        for offer in self.store.open_offers() {
            hold(desk.core().live_offer_of(offer.driver) == Some(offer.id), Rule::Restored, || {
                format!("offer {} is open and not restored", offer.id)
            })?;
        }
        // What was decided and not written has not happened.
        self.passed = self.store.timelines.values().flatten().filter_map(|at| passed_by(&at.decision)).collect();
        // What was written and not said before the crash is said by the streams now.
        self.heard_open = self.store.open_offers().map(|offer| offer.id).collect();
        self.open = self.store.open_offers().map(|offer| (offer.id, offer.deadline)).collect();
        let (life, inbox, pending, wake) = (self.life, VecDeque::new(), None, 0);
        self.server = Some(Process { life, desk, inbox, pending, rides, offers, streams, wake });
        self.audit()?;
        self.check_promises()?;
        // What fell due while nobody was there is done first.
        self.turn()
    }

    /// The program is killed. A commit under way may have been written.
    pub fn crash(&mut self) -> Checked {
        let Some(process) = self.server.take() else { return Ok(()) };
        self.trace.note(format_args!("{} crash", self.ms));
        if let Some((round, _)) = process.pending
            && self.dice.random()
        {
            self.write(&round)?;
        }
        for phone in &mut self.phones {
            phone.socket = None;
        }
        self.city.connected.clear();
        let down_ms = self.dice.random_range(500..20_000);
        self.at(down_ms, Happening::Starts);
        Ok(())
    }

    /// A message reached the program.
    pub fn arrives(&mut self, letter: Letter) -> Checked {
        let Some(process) = &mut self.server else { return Ok(()) };
        // As `rides::booking` does: a request sent again is looked up in the store, for the core forgets what is over.
        if let (Message::Command(command), Some((phone, request))) = (&letter.message, letter.caller)
            && let Input::RequestRide { ride, .. } | Input::Pair { ride, .. } = command.input
            && self.store.rides.contains_key(&ride)
        {
            self.answer(phone, request, Err(Refusal::AlreadyRequested));
            return Ok(());
        }
        let is_notice = matches!(letter.message, Message::ConnectionChanged(_));
        // Full: refused with "try again", which an app hears as silence. Notices are never dropped.
        if process.inbox.len() < INBOX_MAX || is_notice {
            process.inbox.push_back(letter);
        }
        self.turn()
    }

    /// The shard's loop: decides, if nothing is being committed.
    pub fn turn(&mut self) -> Checked {
        let now = self.now();
        let Some(process) = self.server.as_mut().filter(|process| process.pending.is_none()) else { return Ok(()) };
        let count = process.inbox.len().min(BATCH_MAX);
        let letters: Vec<Letter> = process.inbox.drain(..count).collect();
        let input = |message: &Message| match message {
            Message::Command(command) => Some(command.input.clone()),
            Message::ConnectionChanged(_) => None,
        };
        let asked = |letter: &Letter| Some((letter.caller, input(&letter.message)?));
        let callers: Vec<(Caller, Input)> = letters.iter().filter_map(asked).collect();
        for letter in &letters {
            match &letter.message {
                Message::Command(command) => self.trace.note(format_args!("{} < {:?}", self.ms, command.input)),
                Message::ConnectionChanged(driver) => self.trace.note(format_args!("{} < {driver:?}", self.ms)),
            }
        }
        let at = if self.bug == Some(Bug::StaleClock) { now - boda::time::Span::from_secs(30) } else { now };
        let mut round = process.desk.decide(at, letters.into_iter().map(|letter| letter.message), &mut self.city);
        round.close();
        self.steps += 1;
        self.check_round(&round)?;
        self.spoil(&mut round);
        if round.batch.is_empty() {
            self.speak(&round, &callers)?;
            self.sleep();
            return Ok(());
        }
        if self.bug == Some(Bug::SpeaksBeforeWriting) {
            self.speak(&round, &callers)?;
        }
        if let Some(process) = &mut self.server {
            process.pending = Some((round, callers));
        }
        self.attempt();
        Ok(())
    }

    fn attempt(&mut self) {
        let (fate, after_ms) = match self.dice.random_range(0..100) {
            _ if self.is_store_away || !self.is_faulty && self.bug == Some(Bug::NeverCommits) => (Fate::Failed, 1_000),
            _ if !self.is_faulty => (Fate::Written, 3),
            0..4 => (Fate::Failed, 2_000),
            4..8 => (Fate::Unheard, 2_000),
            8..12 => (Fate::Written, self.dice.random_range(200..3_000)),
            _ => (Fate::Written, self.dice.random_range(1..15)),
        };
        self.at(after_ms, Happening::CommitEnds { life: self.life, fate });
    }

    /// An attempt to commit ended.
    pub fn commit_ends(&mut self, life: u64, fate: Fate) -> Checked {
        let Some(process) = self.server.as_mut().filter(|process| process.life == life) else { return Ok(()) };
        let Some((round, callers)) = process.pending.take() else { return Ok(()) };
        self.trace.note(format_args!("{} commit {fate:?}", self.ms));
        if fate != Fate::Failed {
            self.write(&round)?;
        }
        if fate != Fate::Written && self.bug != Some(Bug::GivesUpRetrying) {
            if let Some(process) = &mut self.server {
                process.pending = Some((round, callers));
            }
            self.attempt();
            return Ok(());
        }
        if self.bug != Some(Bug::SpeaksBeforeWriting) {
            self.speak(&round, &callers)?;
        }
        self.sleep();
        self.turn()
    }

    fn write(&mut self, round: &Round) -> Checked {
        self.store.apply(&round.batch)
    }

    /// Everything was committed: publish, tell, answer.
    fn speak(&mut self, round: &Round, callers: &[(Caller, Input)]) -> Checked {
        let Some(mut process) = self.server.take() else { return Ok(()) };
        for ride in round.changed.values() {
            if ride.status.is_live() {
                process.rides.insert(ride.id, Arc::clone(ride));
            } else {
                process.rides.remove(&ride.id);
            }
        }
        for (offer, closing) in round.touched.values() {
            if closing.is_none() {
                process.offers.insert(offer.driver, offer.id);
            } else if process.offers.get(&offer.driver) == Some(&offer.id) {
                process.offers.remove(&offer.driver);
            }
        }
        let mut said: Vec<&Said> = round.said.iter().collect();
        if self.bug == Some(Bug::WinnersFirst) {
            said.sort_by_key(|said| !matches!(said.decision.fact, Fact::Assigned { .. }));
        }
        for said in said {
            self.check_said(said)?;
            for (user, event) in said.messages(&Cast::default()) {
                let is_swallowed = match self.bug {
                    Some(Bug::SwallowsWithdrawals) => matches!(event, Event::OfferWithdrawn { .. }),
                    Some(Bug::SwallowsReleases) => matches!(event, Event::RideReleased { .. }),
                    _ => false,
                };
                if is_swallowed {
                    continue;
                }
                self.trace.note(format_args!("{} > {user} {} {event:?}", self.ms, said.seq));
                self.told.insert((user, said.seq), event.clone());
                process.streams.entry(user).or_default().push((said.seq, event.clone()));
                self.tell(user, said.seq, event);
            }
        }
        for (answered, (caller, input)) in round.answers.iter().zip(callers) {
            let mut result = answered.result;
            if self.bug == Some(Bug::AcksRefusals) && !matches!(result, Err(Refusal::AlreadyRequested)) {
                result = Ok(());
            }
            if let Some((phone, request)) = *caller {
                self.trace.note(format_args!("{} = {request} {result:?}", self.ms));
                if result.is_ok() {
                    self.promise(input.clone())?;
                }
                self.answer(phone, request, result);
            }
        }
        self.server = Some(process);
        Ok(())
    }

    /// Until the next deadline, by the clock as it stands.
    pub fn sleep(&mut self) {
        self.is_clock_set = false;
        if self.bug == Some(Bug::SleepsThroughDeadlines) {
            return;
        }
        let now = self.now();
        let Some(process) = self.server.as_mut().filter(|process| process.pending.is_none()) else { return };
        process.wake += 1;
        let (life, token) = (process.life, process.wake);
        if !process.inbox.is_empty() {
            self.at(0, Happening::Wakes { life, token });
        } else if let Some(due) = process.desk.next_deadline() {
            self.at(due.since(now).as_millis(), Happening::Wakes { life, token });
        }
    }

    /// Whether it sleeps although there is something to do.
    pub fn is_idle(&self) -> bool {
        self.server.as_ref().is_some_and(|process| process.pending.is_none() && process.inbox.is_empty())
    }

    /// The time the shard slept for is over.
    pub fn wakes(&mut self, life: u64, token: u64) -> Checked {
        match &self.server {
            Some(process) if process.life == life && process.wake == token => self.turn(),
            _ => Ok(()),
        }
    }

    /// What an app that comes back missed; or, where that is too much, how things stand.
    pub fn welcome(&mut self, number: usize) {
        let is_recovered = !self.dice.random_ratio(1, 4);
        let Some(process) = &self.server else { return };
        let phone = &mut self.phones[number];
        let user = phone.user();
        let stream = process.streams.get(&user).map_or(&[][..], Vec::as_slice);
        if is_recovered {
            for (seq, event) in stream {
                phone.hear(*seq, event);
            }
            return;
        }
        phone.last = stream.last().map_or(phone.last, |(seq, _)| (*seq).max(phone.last));
        phone.rides.clear();
        phone.offer = None;
        for ride in process.rides.values() {
            let is_party = match phone.owner {
                Owner::Rider(rider) => ride.rider == rider,
                Owner::Driver(driver) => ride.driver == Some(driver),
            };
            if is_party {
                let stops_left = ride.product.stops.iter().filter(|stop| stop.reached_at.is_none()).count();
                let seen = crate::phones::Seen { status: ride.status, is_next: ride.is_next, stops_left };
                phone.rides.insert(ride.id, seen);
            }
        }
        if let Owner::Driver(driver) = phone.owner {
            phone.offer = process.offers.get(&driver).copied();
        }
    }

    /// Plants a bug into what is to be written.
    fn spoil(&mut self, round: &mut Round) {
        let busy = self.store.live().filter(|ride| !ride.is_next).find_map(|ride| Some((ride.id, ride.driver?)));
        match self.bug {
            Some(Bug::AssignsTwice) => {
                if let Some((other, driver)) = busy {
                    let assigned = |ride: &&mut Ride| {
                        ride.id != other && ride.status == RideStatus::DriverAssigned && !ride.is_next
                    };
                    if let Some(ride) = round.batch.rides.iter_mut().find(assigned)
                        && !round.changed.contains_key(&other)
                    {
                        ride.driver = Some(driver);
                    }
                }
            }
            Some(Bug::ForgetsNext) => round.batch.rides.iter_mut().for_each(|ride| ride.is_next = false),
            Some(Bug::NextTwice) => {
                let next = self.store.live().find(|ride| ride.is_next && !round.changed.contains_key(&ride.id));
                let assigned = |ride: &&mut Ride| ride.status == RideStatus::DriverAssigned;
                if let (Some(next), Some(ride)) = (next, round.batch.rides.iter_mut().find(assigned)) {
                    (ride.driver, ride.is_next) = (next.driver, true);
                }
            }
            Some(Bug::OffersTwice) => {
                let holder = self.store.open_offers().find(|offer| !round.touched.contains_key(&offer.id));
                if let (Some(holder), Some((offer, None))) = (holder, round.batch.offers.first_mut()) {
                    offer.driver = holder.driver;
                }
            }
            Some(Bug::RequestsTwice) => {
                let other =
                    self.store.live().find(|ride| ride.status.is_under_way() && !round.changed.contains_key(&ride.id));
                let fresh = |ride: &&mut Ride| ride.status == RideStatus::Requested && ride.offers_made <= 1;
                if let (Some(other), Some(ride)) = (other, round.batch.rides.iter_mut().find(fresh)) {
                    ride.rider = other.rider;
                }
            }
            Some(Bug::LosesAFact) if self.steps.is_multiple_of(50) => drop(round.batch.events.pop()),
            _ => {}
        }
    }

    /// The core's invariants, from scratch.
    pub fn audit(&self) -> Checked {
        let Some(process) = &self.server else { return Ok(()) };
        let audit = process.desk.core().audit();
        hold(audit.is_ok(), Rule::Audit, || audit.err().map(|violation| violation.to_string()).unwrap_or_default())
    }
}
