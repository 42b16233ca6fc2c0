//! What waits for one connection: state events, the newest position, and the order to close.
//!
//! Separate because it is the only thing that two tasks share: services put in, the session takes out. State events come
//! out first, in order, none is dropped: when there is no room the socket is told to close and the app starts again from
//! a fresh `welcome`. A position waits in a slot of its own where a newer one replaces it, so a slow phone gets fewer
//! positions, never old ones. Putting in never waits and never writes to the socket.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::realtime::hub::Event;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::DriverPosition;

/// No order to close was given.
const STAY_OPEN: u16 = 0;

/// The next thing to write.
#[derive(Debug, PartialEq)]
pub enum Mail {
    /// A state event.
    Event(Event),
    /// Where the watched driver is.
    Position(DriverPosition),
}

/// What became of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// It waits to be written.
    Filled,
    /// It took the place of an older one, which is lost.
    Replaced,
    /// A newer one waits already; this one is lost.
    Outdated,
}

/// There was no room for an event: the connection was told to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The mailbox of one connection.
pub struct Mailbox {
    contents: Mutex<Contents>,
    /// Whether `contents` may hold something; changed under its lock only, read without.
    has_mail: AtomicBool,
    close: AtomicU16,
    session: AtomicWaker,
    events_max: usize,
}

#[derive(Default)]
struct Contents {
    events: VecDeque<Event>,
    position: Option<DriverPosition>,
}

impl Mailbox {
    /// An empty mailbox for at most so many events.
    pub fn new(events_max: usize) -> Self {
        Self {
            contents: Mutex::default(),
            has_mail: AtomicBool::new(false),
            close: AtomicU16::new(STAY_OPEN),
            session: AtomicWaker::new(),
            events_max,
        }
    }

    /// Puts an event at the end of the queue; when there is no room, the connection is told to close.
    pub fn put_event(&self, event: Event) -> Result<(), Full> {
        let mut contents = self.lock();
        if contents.events.len() >= self.events_max {
            drop(contents);
            self.order_close(CloseCode::TooSlow);
            return Err(Full);
        }
        contents.events.push_back(event);
        self.has_mail.store(true, Ordering::Release);
        drop(contents);
        self.session.wake();
        Ok(())
    }

    /// Puts a position in place of the one that waits, unless that one is newer.
    pub fn put_position(&self, position: DriverPosition) -> Slot {
        let mut contents = self.lock();
        let slot = match &contents.position {
            None => Slot::Filled,
            Some(waiting) if waiting.ride_id == position.ride_id && waiting.t_ms > position.t_ms => {
                return Slot::Outdated;
            }
            Some(_) => Slot::Replaced,
        };
        contents.position = Some(position);
        self.has_mail.store(true, Ordering::Release);
        drop(contents);
        // Who left an earlier position there has woken the session already.
        if slot == Slot::Filled {
            self.session.wake();
        }
        slot
    }

    /// Forgets a position that waits.
    pub fn clear_position(&self) {
        self.lock().position = None;
    }

    /// Tells the session to close with this code. The first order stands.
    pub fn order_close(&self, code: CloseCode) {
        let _ = self.close.compare_exchange(STAY_OPEN, code.code(), Ordering::AcqRel, Ordering::Acquire);
        self.session.wake();
    }

    /// The session asks whether it has to close, and will be woken by whatever is put in from now on.
    pub fn poll_close(&self, cx: &Context<'_>) -> Option<CloseCode> {
        self.session.register(cx.waker());
        CloseCode::from_code(self.close.load(Ordering::Acquire))
    }

    /// Whether there may be something to take.
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire)
    }

    /// How many events wait.
    pub fn events_waiting(&self) -> usize {
        if self.has_mail() { self.lock().events.len() } else { 0 }
    }

    /// Takes the next thing to write.
    pub fn take(&self) -> Option<Mail> {
        let mut contents = self.lock();
        if let Some(event) = contents.events.pop_front() {
            return Some(Mail::Event(event));
        }
        if let Some(position) = contents.position.take() {
            return Some(Mail::Position(position));
        }
        self.has_mail.store(false, Ordering::Release);
        None
    }

    /// A session that panicked while it held the lock has left whole values behind: every change is one assignment.
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::RideId;

    fn notice(key: &str) -> Event {
        Event::Notice { key: key.into(), text: String::new() }
    }

    fn position(t_ms: i64) -> DriverPosition {
        DriverPosition { ride_id: RideId(Uuid::nil()), lat: 0.0, lng: 0.0, bearing_deg: None, t_ms, eta_s: None }
    }

    #[test]
    fn events_go_first_and_in_order_and_of_positions_only_the_newest() {
        let mailbox = Mailbox::new(8);
        assert_eq!(mailbox.put_position(position(2)), Slot::Filled);
        assert_eq!(mailbox.put_position(position(3)), Slot::Replaced);
        assert_eq!(mailbox.put_position(position(1)), Slot::Outdated);
        mailbox.put_event(notice("a")).expect("there is room");
        mailbox.put_event(notice("b")).expect("there is room");
        let taken: Vec<_> = std::iter::from_fn(|| mailbox.take()).collect();
        assert_eq!(taken, [Mail::Event(notice("a")), Mail::Event(notice("b")), Mail::Position(position(3))]);
        assert!(!mailbox.has_mail());
    }

    #[test]
    fn an_event_without_room_orders_a_close_that_says_reconnect() {
        let mailbox = Mailbox::new(1);
        mailbox.put_event(notice("a")).expect("there is room");
        assert_eq!(mailbox.put_event(notice("b")), Err(Full));
        mailbox.order_close(CloseCode::Replaced);
        let waker = std::task::Waker::noop();
        let code = mailbox.poll_close(&Context::from_waker(waker)).expect("the close was ordered");
        assert_eq!(code, CloseCode::TooSlow, "the first order stands");
        assert!(code.reconnect());
    }
}
