//! One socket as a state machine: greeted, signed on, closing, ended. It owns no task, no timer and no buffer.
//!
//! The reactor calls it when its connection can be read or written, when mail waits, when the services answered, and once
//! a tick; each call reads and gathers what it can and returns. What the app says is handled in `signed`, its commands in
//! `commands`, its end in `closing`.

mod closing;
mod commands;
mod signed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::clock;
use crate::error::Error;
use crate::realtime::admission::Seat;
use crate::realtime::handler::{Handler, Reply, Snapshot};
use crate::realtime::mailbox::Mail;
use crate::realtime::membership::Pending;
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::client::{ClientMessage, Resume};
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::ServerMessage;
use crate::realtime::reactor::{Key, Lane, Turn};
use crate::realtime::wire::{End, Incoming, Wire};
use crate::web::{Caller, Role};

use closing::Closing;
use signed::Signed;

/// Gathered bytes that make a write due although more could be gathered.
const GATHER_BYTES_MAX: usize = 4 * 1024;

/// Reads of one socket in one turn; whoever has more to say lets others go first.
const READS_MAX: usize = 4;

/// For how long a socket is not read whose frames of more than a burst were just thrown away: its flood waits where it
/// is made, in the phone.
const FLOOD_PAUSE: Duration = Duration::from_millis(50);

/// A connection whose handshake is done.
pub struct Opening {
    /// The connection, not blocking.
    pub stream: std::net::TcpStream,
    /// What came in behind the handshake.
    pub read_already: Vec<u8>,
    /// Its place among those who have not said who they are.
    pub pending: Pending,
    /// Its place in the count of its address.
    pub seat: Seat,
    /// Who the handshake proved it to be, or the reason why not; without either the first frame has to say.
    pub claim: Option<Result<Caller, CloseCode>>,
    /// Where it wants to go on.
    pub resume: Option<Resume>,
    /// How the app wants to be spoken to.
    pub encoding: Encoding,
}

/// What the handshake said of who is there.
pub struct Claim {
    caller: Option<Result<Caller, CloseCode>>,
    resume: Option<Resume>,
}

/// One socket.
pub struct Session<H: Handler> {
    key: Key,
    wire: Wire,
    stage: Stage<H>,
    encoding: Encoding,
    lane: Lane,
    /// The tick at which the app was last heard, or the stage began.
    heard: u32,
    /// The tick since when the other side does not read.
    blocked: Option<u32>,
    /// The tick at which a control message went last, in either direction; none so far is as good as long ago.
    controlled: Option<u32>,
    /// Something to read was left for later.
    is_read_due: bool,
    /// Mail was left for later.
    is_mail_due: bool,
    /// It is not read before the reactor says so.
    is_paused: bool,
    _seat: Seat,
    /// The hub waits for it at the end.
    _token: TaskTrackerToken,
}

enum Stage<H: Handler> {
    /// Has to say who is there.
    Greeted(Pending),
    /// Has a place in the hub.
    Signed(Signed<H>),
    /// Has been told why, and may read it.
    Closing(Closing),
    /// Nothing is left to be done.
    Ended,
}

impl<H: Handler> Session<H> {
    /// A socket at the end of its handshake, and what to [`begin`](Self::begin) with.
    pub fn new(opening: Opening, key: Key, turn: &Turn<H>) -> (Self, Claim) {
        let Opening { stream, read_already, pending, seat, claim, resume, encoding } = opening;
        let session = Self {
            key,
            wire: Wire::new(mio::net::TcpStream::from_std(stream), read_already),
            stage: Stage::Greeted(pending),
            encoding,
            lane: Lane::Prompt,
            heard: turn.tick,
            blocked: None,
            controlled: None,
            is_read_due: false,
            is_mail_due: false,
            is_paused: false,
            _seat: seat,
            _token: turn.shared.hub.tasks.token(),
        };
        (session, Claim { caller: claim, resume })
    }

    /// Signs on whom the handshake proved; otherwise reads what came in behind it.
    ///
    /// # Errors
    /// How it ends, as everywhere here.
    pub fn begin(&mut self, claim: Claim, turn: &mut Turn<H>) -> Result<(), End> {
        match claim.caller {
            Some(caller) => self.sign_on(caller.map_err(End::Close)?, claim.resume, turn),
            None => self.read(turn),
        }
    }

    /// The connection, for entering and leaving a lane.
    pub fn stream(&mut self) -> &mut mio::net::TcpStream {
        self.wire.stream()
    }

    /// The lane it is in.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Notes that it changed lanes.
    pub fn set_lane(&mut self, lane: Lane) {
        self.lane = lane;
    }

    /// The lane it belongs in: the calm one is for drivers to and from whom no control message went lately.
    pub fn wanted_lane(&self, turn: &Turn<H>) -> Lane {
        match &self.stage {
            Stage::Signed(signed)
                if signed.is_welcomed
                    && signed.caller().role == Role::Driver
                    && self.controlled.is_none_or(|tick| turn.ticks_since(tick) > turn.shared.patience.prompt) =>
            {
                Lane::Calm
            }
            _ => Lane::Prompt,
        }
    }

    /// Whether nothing is left to be done.
    pub fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// The connection can be read, or written, or both.
    pub fn ready(&mut self, is_readable: bool, is_writable: bool, turn: &mut Turn<H>) -> Result<(), End> {
        if let Stage::Closing(closing) = &mut self.stage {
            if closing.go_on(&mut self.wire, &mut turn.scratch) {
                self.stage = Stage::Ended;
            }
            return Ok(());
        }
        if is_writable && self.wire.is_congested() && self.wire.write_unsent()? {
            self.blocked = None;
            self.go_on(turn)?;
        }
        if is_readable { self.read(turn) } else { Ok(()) }
    }

    /// The pause that it was sent into is over.
    pub fn resume(&mut self, turn: &mut Turn<H>) -> Result<(), End> {
        self.is_paused = false;
        self.go_on(turn)
    }

    /// Does what was left for later.
    fn go_on(&mut self, turn: &mut Turn<H>) -> Result<(), End> {
        if std::mem::take(&mut self.is_mail_due) {
            self.mail(turn)?;
        }
        if self.is_read_due { self.read(turn) } else { Ok(()) }
    }

    /// Writes what was gathered.
    pub fn flush(&mut self, turn: &mut Turn<H>) -> Result<(), End> {
        if turn.out.is_empty() {
            return Ok(());
        }
        if self.wire.write(&mut turn.out, turn.shared.config.write_buffer_bytes_max)? {
            turn.note_written();
        } else {
            turn.ways.clear();
            self.blocked.get_or_insert(turn.tick);
        }
        Ok(())
    }

    /// Ends it, with a code or without.
    pub fn end(&mut self, end: End, turn: &mut Turn<H>) {
        if !matches!(self.stage, Stage::Closing(_) | Stage::Ended) {
            let code = if let End::Close(code) = end { Some(code) } else { None };
            turn.shared.hub.metrics.closed(code);
            tracing::debug!(socket = self.key.index, end = ?end, "socket closed");
        }
        self.stage = match (end, &self.stage) {
            (End::Close(code), Stage::Greeted(_) | Stage::Signed(_)) => {
                self.heard = turn.tick;
                // The place in the hub is given up here, before anything is written.
                self.stage = Stage::Ended;
                match Closing::begin(code, &mut self.wire, turn) {
                    Some(closing) => Stage::Closing(closing),
                    None => Stage::Ended,
                }
            }
            _ => Stage::Ended,
        };
    }

    /// A tick went by: is the app still there, and does it still read?
    pub fn tick(&self, turn: &Turn<H>) -> Result<(), End> {
        let silent = turn.ticks_since(self.heard);
        let patience = turn.shared.patience;
        let is_stalled = self.blocked.is_some_and(|since| turn.ticks_since(since) > patience.stall);
        match &self.stage {
            Stage::Greeted(_) if silent > patience.hello => Err(End::Close(CloseCode::ProtocolViolation)),
            Stage::Signed(_) if is_stalled => Err(End::Close(CloseCode::TooSlow)),
            Stage::Signed(_) if silent > patience.silence => Err(End::Close(CloseCode::NoHeartbeat)),
            Stage::Closing(_) if silent > patience.close => Err(End::Gone),
            _ => Ok(()),
        }
    }

    /// How many events wait because the other side does not read.
    pub fn letters_waiting(&self) -> usize {
        match &self.stage {
            Stage::Signed(signed) if self.is_mail_due => signed.connection().mailbox.letters_waiting(),
            _ => 0,
        }
    }

    /// Everybody's sockets are to be closed.
    pub fn close(&self, code: CloseCode) -> Result<(), End> {
        if matches!(self.stage, Stage::Closing(_) | Stage::Ended) { Ok(()) } else { Err(End::Close(code)) }
    }

    /// Takes what waits in the mailbox, for as long as the other side reads.
    pub fn mail(&mut self, turn: &mut Turn<H>) -> Result<(), End> {
        let Stage::Signed(signed) = &self.stage else { return Ok(()) };
        let connection = Arc::clone(signed.connection());
        connection.mailbox.heed();
        if let Some(code) = connection.mailbox.ordered_close() {
            return Err(End::Close(code));
        }
        if !signed.is_welcomed {
            self.is_mail_due = true;
            return Ok(());
        }
        loop {
            if self.wire.is_congested() {
                self.is_mail_due = true;
                return Ok(());
            }
            match connection.mailbox.take() {
                Some(Mail::Letter(letter)) => {
                    self.controlled = Some(turn.tick);
                    turn.put_letter(&letter);
                }
                Some(Mail::Latest(payload)) => turn.put_encoded(Encoding::Json, &payload),
                Some(Mail::Position(position)) => turn.put(self.encoding, &ServerMessage::DriverPosition(position)),
                Some(Mail::Tile(picture)) => turn.put_encoded(self.encoding, picture.payload(self.encoding)),
                None => return Ok(()),
            }
            if turn.out.len() >= GATHER_BYTES_MAX {
                self.flush(turn)?;
            }
        }
    }

    /// The services made the welcome, or found the code to close with.
    pub fn welcome(&mut self, made: Result<Box<Snapshot>, CloseCode>, turn: &mut Turn<H>) -> Result<(), End> {
        let Stage::Signed(signed) = &mut self.stage else { return Ok(()) };
        let snapshot = *made.map_err(End::Close)?;
        if snapshot.ride.is_some() || !snapshot.offers.is_empty() {
            self.controlled = Some(turn.tick);
        }
        let welcome = signed.welcome(snapshot, turn);
        turn.put(self.encoding, &welcome);
        // What waited for the welcome follows it.
        (self.is_mail_due, self.is_read_due) = (true, true);
        self.go_on(turn)
    }

    /// A command was carried out; without an answer it panicked.
    pub fn answer(&mut self, answer: Option<Result<Reply, Error>>, turn: &mut Turn<H>) -> Result<(), End> {
        let Stage::Signed(signed) = &mut self.stage else { return Ok(()) };
        self.controlled = Some(turn.tick);
        let message = signed.answer(answer, self.key, turn);
        turn.put(self.encoding, &message);
        Ok(())
    }

    /// Reads what is there.
    fn read(&mut self, turn: &mut Turn<H>) -> Result<(), End> {
        self.is_read_due = self.is_paused || !self.may_read();
        let mut reads = 0;
        while !self.is_read_due {
            let Some(filled) = self.wire.fill(&mut turn.scratch)? else { return Ok(()) };
            let dropped = self.take_all(filled.length, turn)?;
            reads += 1;
            if dropped > turn.shared.config.frames.burst_max {
                self.pause(FLOOD_PAUSE, turn);
            } else if filled.is_drained {
                return Ok(());
            } else if reads == READS_MAX {
                self.pause(Duration::ZERO, turn);
            }
        }
        Ok(())
    }

    /// Who does not read is not read: what a slow phone costs here stays bounded. And who has signed on is read after the
    /// welcome.
    fn may_read(&self) -> bool {
        match &self.stage {
            Stage::Greeted(_) => true,
            Stage::Signed(signed) => signed.is_welcomed && !self.wire.is_congested(),
            Stage::Closing(_) | Stage::Ended => false,
        }
    }

    fn pause(&mut self, length: Duration, turn: &mut Turn<H>) {
        (self.is_paused, self.is_read_due) = (true, true);
        turn.paused.push((Instant::now() + length, self.key));
    }

    /// Takes all messages at the start of the shared buffer and keeps the rest. How many were over the limit.
    fn take_all(&mut self, length: usize, turn: &mut Turn<H>) -> Result<u32, End> {
        // Lent out, because what is read from it is answered with the turn.
        let mut bytes = std::mem::take(&mut turn.scratch);
        let (mut at, mut dropped) = (0, 0);
        let taken = loop {
            // A message may lead to where no more are taken: the rest waits.
            if at == length || !self.may_read() {
                break Ok(());
            }
            match self.wire.take(&mut bytes[at..length], turn.shared.config.frame_bytes_max) {
                Ok(Some((size, message))) => {
                    at += size;
                    if let Err(end) = self.incoming(message, &mut dropped, turn) {
                        break Err(end);
                    }
                }
                Ok(None) => break Ok(()),
                Err(end) => break Err(end),
            }
        };
        self.wire.keep(&bytes[at..length]);
        self.is_read_due |= at < length && !self.may_read();
        turn.scratch = bytes;
        taken.map(|()| dropped)
    }

    /// Handles one message.
    fn incoming(&mut self, message: Incoming<'_>, dropped: &mut u32, turn: &mut Turn<H>) -> Result<(), End> {
        match message {
            Incoming::Ping(payload) => turn.put_pong(payload),
            Incoming::Pong | Incoming::Part => {}
            Incoming::Close(code) => {
                turn.put_close_echo(code);
                self.flush(turn)?;
                return Err(End::Gone);
            }
            Incoming::Text(_) | Incoming::Binary(_) => {
                let Stage::Signed(signed) = &mut self.stage else { return self.hello(&message, turn) };
                let said = signed.message(&message, self.encoding, self.key, turn)?;
                *dropped += u32::from(said == signed::Said::TooMuch);
                if said == signed::Said::Command {
                    self.controlled = Some(turn.tick);
                }
            }
        }
        self.heard = turn.tick;
        Ok(())
    }

    /// The first frame: who is there.
    fn hello(&mut self, message: &Incoming<'_>, turn: &mut Turn<H>) -> Result<(), End> {
        let violation = End::Close(CloseCode::ProtocolViolation);
        match signed::decoded(message, self.encoding) {
            Ok(ClientMessage::Hello { token, resume }) => {
                let caller = turn.shared.authenticate(&token.0, clock::now()).map_err(End::Close)?;
                self.sign_on(caller, resume, turn)
            }
            _ => Err(violation),
        }
    }

    /// Takes a place in the hub and asks the services for the welcome.
    fn sign_on(&mut self, caller: Caller, resume: Option<Resume>, turn: &mut Turn<H>) -> Result<(), End> {
        let Stage::Greeted(pending) = std::mem::replace(&mut self.stage, Stage::Ended) else { return Ok(()) };
        let signed = Signed::sign_on(pending, caller, resume, self.key, turn);
        match signed {
            Ok(signed) => self.stage = Stage::Signed(signed),
            Err((pending, code)) => {
                self.stage = Stage::Greeted(pending);
                return Err(End::Close(code));
            }
        }
        self.heard = turn.tick;
        Ok(())
    }
}
