//! What a reactor lends to the session that is served: the buffers, the time, and the way out.

use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::realtime::Shared;
use crate::realtime::frame::{Opcode, put_close, put_frame};
use crate::realtime::handler::Handler;
use crate::realtime::mailbox::{Letter, Way};
use crate::realtime::protocol::server::ServerMessage;
use crate::realtime::protocol::{Encoding, FrameKind};
use crate::realtime::reactor::{Inbox, Key};
use crate::time::Timestamp;

/// Lent to one session at a time.
pub struct Turn<H: Handler> {
    /// What all sessions share.
    pub shared: Arc<Shared<H>>,
    /// The reactor's own box, for answers that come later.
    pub inbox: Arc<Inbox>,
    /// The reactor's number.
    pub number: usize,
    /// When this round of service began.
    pub now: Timestamp,
    /// Counts the reactor's ticks. Ticks rather than times, because a clock that steps, or a machine that was suspended,
    /// must not close the sockets of a whole city.
    pub tick: u32,
    /// Frames for the session that is served.
    pub out: Vec<u8>,
    /// What was read from it.
    pub scratch: Vec<u8>,
    /// The ways of the events in `out`.
    pub ways: Vec<Way>,
    /// Sessions that are not read before an instant.
    pub paused: Vec<(Instant, Key)>,
    payload: Vec<u8>,
}

impl<H: Handler> Turn<H> {
    /// For a reactor that begins.
    pub fn new(shared: Arc<Shared<H>>, inbox: Arc<Inbox>, number: usize) -> Self {
        Self {
            shared,
            inbox,
            number,
            now: clock::now(),
            tick: 0,
            out: Vec::new(),
            scratch: Vec::new(),
            ways: Vec::new(),
            paused: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// How many ticks ago that was.
    pub fn ticks_since(&self, tick: u32) -> u32 {
        self.tick.wrapping_sub(tick)
    }

    /// Gathers a message.
    pub fn put(&mut self, encoding: Encoding, message: &ServerMessage) {
        self.payload.clear();
        let opcode = match message.encode_into(encoding, &mut self.payload) {
            FrameKind::Text => Opcode::Text,
            FrameKind::Binary => Opcode::Binary,
        };
        put_frame(&mut self.out, opcode, &self.payload);
    }

    /// Gathers a message that was encoded before, for everybody who speaks `encoding`.
    pub fn put_encoded(&mut self, encoding: Encoding, payload: &[u8]) {
        let opcode = match encoding {
            Encoding::Json => Opcode::Text,
            Encoding::Binary => Opcode::Binary,
        };
        put_frame(&mut self.out, opcode, payload);
    }

    /// Gathers a state event; these are text in both encodings.
    pub fn put_letter(&mut self, letter: &Letter) {
        put_frame(&mut self.out, Opcode::Text, &letter.payload);
        self.ways.extend(letter.way);
    }

    /// Gathers the answer to a WebSocket ping.
    pub fn put_pong(&mut self, payload: &[u8]) {
        put_frame(&mut self.out, Opcode::Pong, payload);
    }

    /// Gathers the answer to a close.
    pub fn put_close_echo(&mut self, code: Option<u16>) {
        match code {
            Some(code) => put_close(&mut self.out, code, ""),
            None => put_frame(&mut self.out, Opcode::Close, &[]),
        }
    }

    /// What was gathered is with the kernel.
    pub fn note_written(&mut self) {
        for way in self.ways.drain(..) {
            self.shared.hub.metrics.offer_written(way.decided.elapsed(), way.told.elapsed());
        }
    }

    /// Throws away what was gathered for a session that is gone.
    pub fn clear(&mut self) {
        self.out.clear();
        self.ways.clear();
    }

    /// Runs work that may wait, on the runtime; a stop waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.shared.runtime.spawn(self.shared.hub.tasks.track_future(work));
    }
}
