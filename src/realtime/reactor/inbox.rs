//! How other threads reach a reactor: notes in a box, and a bell that is rung only when the reactor sleeps.
//!
//! Separate because here is the one hand-shake between threads on the socket path. A note is never lost: the reactor
//! looks into the box once more after it has said that it sleeps, and whoever puts a note in afterwards finds that said
//! and rings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use crate::error::Error;
use crate::realtime::handler::{Reply, Snapshot};
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::session::Opening;

/// Names a session of one reactor. A key outlives its session harmlessly: the number is not given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its place in the table.
    pub index: u32,
    /// Counts the sessions of that place.
    pub generation: u32,
}

/// What a reactor is told.
pub enum Note {
    /// A connection finished its handshake.
    Open(Box<Opening>),
    /// Something waits in this session's mailbox.
    Mail(Key),
    /// The services have made a session's welcome; without one it is closed with this code.
    Welcome(Key, Result<Box<Snapshot>, CloseCode>),
    /// The command that a session was waiting for is done; `None` when it panicked.
    Answer(Key, Option<Box<Result<Reply, Error>>>),
    /// Every session is to be closed with this code.
    CloseAll(CloseCode),
    /// No more sockets will come: close those that there are, and end.
    Stop,
}

/// The box of one reactor.
pub struct Inbox {
    notes: Mutex<Vec<Note>>,
    is_asleep: AtomicBool,
    bell: Waker,
}

impl Inbox {
    /// An empty box whose bell wakes the poll that `bell` belongs to.
    pub fn new(bell: Waker) -> Arc<Self> {
        Arc::new(Self { notes: Mutex::default(), is_asleep: AtomicBool::new(false), bell })
    }

    /// Puts a note in. Never waits. The box is bounded by its senders: a session has one note of each kind in it at most.
    pub fn put(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        if self.is_asleep.swap(false, Ordering::SeqCst)
            && let Err(error) = self.bell.wake()
        {
            tracing::error!(%error, "a socket thread cannot be woken");
        }
    }

    /// Takes all notes, in order. `into` is empty and lends its memory.
    pub fn take(&self, into: &mut Vec<Note>) {
        std::mem::swap(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner), into);
    }

    /// The reactor is about to sleep. False when there is a note that it must not sleep over.
    pub fn fall_asleep(&self) -> bool {
        self.is_asleep.store(true, Ordering::SeqCst);
        let is_empty = self.notes.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !is_empty {
            self.is_asleep.store(false, Ordering::SeqCst);
        }
        is_empty
    }

    /// The reactor is awake: the bell need not be rung.
    pub fn wake_up(&self) {
        self.is_asleep.store(false, Ordering::SeqCst);
    }
}
