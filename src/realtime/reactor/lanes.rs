//! Two sets of sockets: those that wake the reactor at once, and those that may wait a moment for company.
//!
//! Being woken costs a thread several times what reading a ping costs. So sockets of drivers who only send positions are
//! in the *calm* set: its first readable socket starts a window of a millisecond or two, and when the window ends all that
//! became readable meanwhile is read in one go. Everybody else (riders, whoever was just offered a ride, sockets that have
//! not signed on) and the bell of the inbox are in the *prompt* set, and are served at once, also within the window.
//!
//! The calm set is itself a member of the prompt set, and is not listened to while a window runs: otherwise each of its
//! sockets would end the very sleep that is to gather them. It stays a member all the while, because the kernel looks at
//! every socket of a set that enters another one (to find circles): a millisecond for nine thousand.

use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::event::{Event, Source};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::realtime::reactor::inbox::Key;

const BELL: Token = Token(usize::MAX);
const CALM: Token = Token(usize::MAX - 1);

/// What a set of sockets never is, so that it is a member and not listened to.
const NOT_NOW: Interest = Interest::WRITABLE;

/// Sockets that one look at a set returns at most; the rest comes with the next look.
const EVENTS_MAX: usize = 1_024;

/// Which set a socket is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Served at once.
    Prompt,
    /// Served together with others at the end of a window.
    Calm,
}

/// A socket about which something is known.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Whose.
    pub key: Key,
    /// It can be read, or has ended.
    pub is_readable: bool,
    /// It can be written.
    pub is_writable: bool,
}

/// The two sets.
pub struct Lanes {
    prompt: Poll,
    calm: Poll,
    events: Events,
    /// Zero: there is no calm set.
    window: Duration,
    /// When the running window ends.
    due: Option<Instant>,
    is_armed: bool,
}

impl Lanes {
    /// Two empty sets, and the bell that wakes [`wait`](Self::wait).
    ///
    /// # Errors
    /// When the system gives no more descriptors.
    pub fn new(window: Duration) -> io::Result<(Self, Waker)> {
        let (prompt, calm) = (Poll::new()?, Poll::new()?);
        let bell = Waker::new(prompt.registry(), BELL)?;
        prompt.registry().register(&mut SourceFd(&calm.as_raw_fd()), CALM, NOT_NOW)?;
        let events = Events::with_capacity(EVENTS_MAX);
        Ok((Self { prompt, calm, events, window, due: None, is_armed: false }, bell))
    }

    /// Whether there is a calm set at all.
    pub fn has_calm(&self) -> bool {
        !self.window.is_zero()
    }

    /// Puts a socket into a set.
    ///
    /// # Errors
    /// As the system says.
    pub fn enter(&self, lane: Lane, socket: &mut impl Source, key: Key) -> io::Result<()> {
        // Readable and writable once and for all: with edges, interest in what does not change costs nothing.
        self.poll(lane).registry().register(socket, token(key), Interest::READABLE | Interest::WRITABLE)
    }

    /// Takes a socket out of its set. What it has to say is said anew by the next set it enters.
    ///
    /// # Errors
    /// As the system says.
    pub fn leave(&self, lane: Lane, socket: &mut impl Source) -> io::Result<()> {
        self.poll(lane).registry().deregister(socket)
    }

    fn poll(&self, lane: Lane) -> &Poll {
        match lane {
            Lane::Prompt => &self.prompt,
            Lane::Calm => &self.calm,
        }
    }

    /// Sleeps until something is ready, the bell is rung, a window ends, or `timeout` is over. Appends what is ready.
    ///
    /// # Errors
    /// As the system says; being interrupted is no error.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        if self.has_calm() && !self.is_armed && self.due.is_none() {
            // A set that is readable already says so at once.
            self.listen_to_calm(Interest::READABLE)?;
            self.is_armed = true;
        }
        let timeout = match self.due {
            Some(due) => timeout.min(due.saturating_duration_since(Instant::now())),
            None => timeout,
        };
        poll(&mut self.prompt, &mut self.events, timeout)?;
        let mut calm_woke = false;
        for event in &self.events {
            match event.token() {
                BELL => {}
                CALM => calm_woke = true,
                token => ready.push(seen(event, token)),
            }
        }
        if calm_woke {
            self.listen_to_calm(NOT_NOW)?;
            self.is_armed = false;
            self.due = Some(Instant::now() + self.window);
        } else if self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = None;
            poll(&mut self.calm, &mut self.events, Duration::ZERO)?;
            ready.extend(self.events.iter().map(|event| seen(event, event.token())));
        }
        Ok(())
    }

    fn listen_to_calm(&self, interest: Interest) -> io::Result<()> {
        self.prompt.registry().reregister(&mut SourceFd(&self.calm.as_raw_fd()), CALM, interest)
    }
}

fn poll(set: &mut Poll, events: &mut Events, timeout: Duration) -> io::Result<()> {
    match set.poll(events, Some(timeout)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => other,
    }
}

fn seen(event: &Event, token: Token) -> Ready {
    let ended = event.is_read_closed() || event.is_error();
    Ready { key: key(token), is_readable: event.is_readable() || ended, is_writable: event.is_writable() }
}

/// Keys fit into a token, whose two highest values (the bell, the calm set) no key reaches.
fn token(key: Key) -> Token {
    Token((key.generation as usize) << 32 | key.index as usize)
}

fn key(Token(token): Token) -> Key {
    Key { index: token as u32, generation: (token >> 32) as u32 }
}
