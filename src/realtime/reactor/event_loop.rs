//! The loop of one reactor: notes first, then sockets, then the clock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::clock;
use crate::realtime::handler::Handler;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::reactor::lanes::{Lane, Lanes, Ready};
use crate::realtime::reactor::{Key, Note, Turn};
use crate::realtime::session::{Opening, Session};
use crate::realtime::wire::End;

/// How long a reactor waits after the system refused to tell it about its sockets.
const TROUBLE_PAUSE: Duration = Duration::from_millis(100);

/// One reactor.
pub struct EventLoop<H: Handler> {
    lanes: Lanes,
    turn: Turn<H>,
    sessions: Vec<Place<H>>,
    vacant: Vec<u32>,
    notes: Vec<Note>,
    ready: Vec<Ready>,
    next_tick: Instant,
    /// No more sockets will come; it ends with the last that it has.
    is_stopping: bool,
}

/// A place for a session. Boxed, so that a table that grew in a storm costs little when it is over.
struct Place<H: Handler> {
    generation: u32,
    session: Option<Box<Session<H>>>,
}

impl<H: Handler> EventLoop<H> {
    /// A reactor without sockets.
    pub fn new(lanes: Lanes, turn: Turn<H>) -> Self {
        let (sessions, vacant, notes, ready) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let next_tick = Instant::now() + turn.shared.tick_length;
        Self { lanes, turn, sessions, vacant, notes, ready, next_tick, is_stopping: false }
    }

    /// Serves until it was told to stop and the last socket has read why.
    pub fn run(mut self) {
        loop {
            self.turn.inbox.take(&mut self.notes);
            for note in std::mem::take(&mut self.notes) {
                self.heed(note);
            }
            if self.is_stopping && self.sessions.len() == self.vacant.len() {
                return;
            }
            let now = Instant::now();
            self.end_pauses(now);
            if now >= self.next_tick {
                self.tick(now);
            }
            self.sleep(now);
            self.turn.now = clock::now();
            let mut ready = std::mem::take(&mut self.ready);
            for Ready { key, is_readable, is_writable } in ready.drain(..) {
                self.serve(key, |session, turn| session.ready(is_readable, is_writable, turn));
            }
            self.ready = ready;
        }
    }

    fn sleep(&mut self, now: Instant) {
        let pauses = self.turn.paused.iter().map(|(until, _)| *until);
        let until = pauses.fold(self.next_tick, Instant::min);
        let timeout = until.saturating_duration_since(now);
        let timeout = if self.turn.inbox.fall_asleep() { timeout } else { Duration::ZERO };
        if let Err(error) = self.lanes.wait(timeout, &mut self.ready) {
            tracing::error!(%error, "a socket thread cannot hear its sockets");
            std::thread::sleep(TROUBLE_PAUSE);
        }
        self.turn.inbox.wake_up();
    }

    fn heed(&mut self, note: Note) {
        match note {
            Note::Open(opening) => self.open(*opening),
            Note::Mail(key) => self.serve(key, Session::mail),
            Note::Welcome(key, made) => self.serve(key, |session, turn| session.welcome(made, turn)),
            Note::Answer(key, answer) => {
                self.serve(key, |session, turn| session.answer(answer.map(|answer| *answer), turn));
            }
            Note::CloseAll(code) => self.close_all(code),
            Note::Stop => {
                self.is_stopping = true;
                self.close_all(CloseCode::ShuttingDown);
            }
        }
    }

    fn open(&mut self, opening: Opening) {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.sessions.push(Place { generation: 0, session: None });
            (self.sessions.len() - 1) as u32
        });
        let key = Key { index, generation: self.sessions[index as usize].generation };
        let (mut session, claim) = Session::new(opening, key, &self.turn);
        let entered = self.lanes.enter(Lane::Prompt, session.stream(), key);
        self.sessions[index as usize].session = Some(Box::new(session));
        self.serve(key, |session, turn| {
            entered.map_err(|_| End::Gone)?;
            // A stop may have closed everybody just before this one came.
            if turn.shared.hub.is_draining() {
                return Err(End::Close(CloseCode::ShuttingDown));
            }
            session.begin(claim, turn)
        });
    }

    /// Lets a session work, writes what it gathered, and sees to what became of it. A panic ends that session alone.
    fn serve(&mut self, key: Key, work: impl FnOnce(&mut Session<H>, &mut Turn<H>) -> Result<(), End>) {
        let Some(place) = self.sessions.get_mut(key.index as usize) else { return };
        let Some(session) = place.session.as_mut().filter(|_| place.generation == key.generation) else { return };
        let turn = &mut self.turn;
        let served = catch_unwind(AssertUnwindSafe(|| {
            if let Err(end) = work(session, turn).and_then(|()| session.flush(turn)) {
                session.end(end, turn);
            }
        }));
        turn.clear();
        if served.is_err() {
            turn.shared.hub.metrics.panics.increment(1);
            tracing::error!(socket = key.index, "a socket session panicked; it alone ends");
            self.remove(key);
        } else if session.has_ended() {
            self.remove(key);
        } else if session.lane() != session.wanted_lane(turn) && self.lanes.has_calm() {
            self.change_lanes(key);
        }
    }

    fn change_lanes(&mut self, key: Key) {
        let Some(session) = &mut self.sessions[key.index as usize].session else { return };
        let (from, to) = (session.lane(), session.wanted_lane(&self.turn));
        let left = self.lanes.leave(from, session.stream());
        match left.and_then(|()| self.lanes.enter(to, session.stream(), key)) {
            Ok(()) => session.set_lane(to),
            Err(error) => {
                tracing::error!(%error, "a socket was lost between two lanes");
                self.remove(key);
            }
        }
    }

    fn remove(&mut self, key: Key) {
        let place = &mut self.sessions[key.index as usize];
        // One less than all values, so that no key looks like the bell.
        place.generation = (place.generation + 1) % (u32::MAX - 1);
        let session = place.session.take();
        self.vacant.push(key.index);
        // Last, because it tells the services.
        if catch_unwind(AssertUnwindSafe(|| drop(session))).is_err() {
            self.turn.shared.hub.metrics.panics.increment(1);
            tracing::error!(socket = key.index, "taking leave of a socket panicked");
        }
    }

    fn end_pauses(&mut self, now: Instant) {
        if self.turn.paused.is_empty() {
            return;
        }
        let (over, paused) = std::mem::take(&mut self.turn.paused).into_iter().partition(|(until, _)| *until <= now);
        self.turn.paused = paused;
        for (_, key) in over {
            self.serve(key, Session::resume);
        }
    }

    fn tick(&mut self, now: Instant) {
        self.next_tick = now + self.turn.shared.tick_length;
        self.turn.tick = self.turn.tick.wrapping_add(1);
        let mut letters = 0;
        for index in 0..self.sessions.len() {
            let place = &mut self.sessions[index];
            let Some(session) = &mut place.session else { continue };
            let key = Key { index: index as u32, generation: place.generation };
            letters += session.letters_waiting();
            let verdict = session.tick(&self.turn);
            if verdict.is_err() || session.lane() != session.wanted_lane(&self.turn) {
                self.serve(key, |_, _| verdict);
            }
        }
        self.turn.shared.hub.note_depth(self.turn.number, letters as u64);
    }

    fn close_all(&mut self, code: CloseCode) {
        for index in 0..self.sessions.len() {
            let key = Key { index: index as u32, generation: self.sessions[index].generation };
            self.serve(key, |session, _| session.close(code));
        }
    }
}
