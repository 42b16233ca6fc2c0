//! What waits for one session: state events, the newest positions, and the order to close.
//!
//! Separate because it is the only thing that two threads share: services put in, the session's reactor takes out. State
//! events come out first, in order, none is dropped: when there is no room the socket is told to close and the app resumes.
//! Positions wait in slots where newer ones replace them (one for the driver of the ride, one for each browsed tile), and so
//! does what is only told by its newest state (one for each kind): a slow phone gets fewer of them, never old ones, and costs
//! a constant amount of memory. Putting in never waits and never writes to the socket.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::realtime::browse::Picture;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::{DriverPosition, LatestKind};
use crate::realtime::reactor::{Inbox, Key, Note};
use crate::realtime::stream::Payload;

/// No order to close was given.
const STAY_OPEN: u16 = 0;

/// A state event, encoded.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The text frame's payload.
    pub payload: Payload,
    /// Its way so far, if that is to be measured.
    pub way: Option<Way>,
}

/// When things happened to an event on its way to the wire.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The core decided.
    pub decided: Instant,
    /// It was committed and told.
    pub told: Instant,
}

/// The next thing to write.
#[derive(Debug)]
pub enum Mail {
    /// A state event.
    Letter(Letter),
    /// A newest state, encoded as text.
    Latest(Payload),
    /// Where the watched driver is.
    Position(DriverPosition),
    /// The free drivers of a browsed tile.
    Tile(Arc<Picture>),
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

/// The mailbox of one session.
pub struct Mailbox {
    contents: Mutex<Contents>,
    /// Whether a note about this mailbox is on its way to the reactor.
    is_announced: AtomicBool,
    close: AtomicU16,
    reactor: Arc<Inbox>,
    session: Key,
    letters_max: usize,
}

#[derive(Default)]
struct Contents {
    letters: VecDeque<Letter>,
    latest: [Option<Payload>; LatestKind::COUNT],
    position: Option<DriverPosition>,
    tiles: Vec<Arc<Picture>>,
}

impl Mailbox {
    /// An empty mailbox for at most so many events, of a session that lives in this reactor.
    pub fn new(letters_max: usize, reactor: Arc<Inbox>, session: Key) -> Self {
        Self {
            contents: Mutex::default(),
            is_announced: AtomicBool::new(false),
            close: AtomicU16::new(STAY_OPEN),
            reactor,
            session,
            letters_max,
        }
    }

    /// Puts an event at the end of the queue; when there is no room, the connection is told to close.
    pub fn put_letter(&self, letter: Letter) -> Result<(), Full> {
        let mut contents = self.lock();
        if contents.letters.len() >= self.letters_max {
            drop(contents);
            self.order_close(CloseCode::TooSlow);
            return Err(Full);
        }
        contents.letters.push_back(letter);
        drop(contents);
        self.announce();
        Ok(())
    }

    /// Puts in what a resuming app missed, before anything else gets in. Bounded by what a stream keeps.
    pub fn put_missed<'a>(&self, missed: impl Iterator<Item = &'a Payload>) {
        let letter = |payload: &Payload| Letter { payload: Arc::clone(payload), way: None };
        self.lock().letters.extend(missed.map(letter));
    }

    /// Puts a newest state in place of the one that waits.
    pub fn put_latest(&self, kind: LatestKind, payload: Payload) -> Slot {
        let replaced = self.lock().latest[kind as usize].replace(payload);
        self.announce();
        if replaced.is_some() { Slot::Replaced } else { Slot::Filled }
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
        drop(contents);
        self.announce();
        slot
    }

    /// Forgets a position that waits.
    pub fn clear_position(&self) {
        self.lock().position = None;
    }

    /// Puts a tile's picture in place of the one that waits.
    pub fn put_tile(&self, picture: Arc<Picture>) -> Slot {
        let mut contents = self.lock();
        let waiting = contents.tiles.iter_mut().find(|waiting| waiting.tile() == picture.tile());
        let slot = match waiting {
            Some(waiting) => {
                *waiting = picture;
                Slot::Replaced
            }
            None => {
                contents.tiles.push(picture);
                Slot::Filled
            }
        };
        drop(contents);
        self.announce();
        slot
    }

    /// Forgets the tiles that wait.
    pub fn clear_tiles(&self) {
        self.lock().tiles = Vec::new();
    }

    /// Tells the session to close with this code. The first order stands.
    pub fn order_close(&self, code: CloseCode) {
        let _ = self.close.compare_exchange(STAY_OPEN, code.code(), Ordering::AcqRel, Ordering::Acquire);
        self.announce();
    }

    /// With which code the session has to close, if it has to.
    pub fn ordered_close(&self) -> Option<CloseCode> {
        CloseCode::from_code(self.close.load(Ordering::Acquire))
    }

    /// The session has the note and looks into the mailbox now; what is put in from now on is announced anew.
    pub fn heed(&self) {
        self.is_announced.store(false, Ordering::Release);
    }

    /// How many events wait.
    pub fn letters_waiting(&self) -> usize {
        self.lock().letters.len()
    }

    /// Takes the next thing to write.
    pub fn take(&self) -> Option<Mail> {
        let mut contents = self.lock();
        if let Some(letter) = contents.letters.pop_front() {
            return Some(Mail::Letter(letter));
        }
        if let Some(latest) = contents.latest.iter_mut().find_map(Option::take) {
            return Some(Mail::Latest(latest));
        }
        if let Some(position) = contents.position.take() {
            return Some(Mail::Position(position));
        }
        let tile = contents.tiles.pop().map(Mail::Tile);
        if tile.is_none() {
            // What a busy minute needed is not kept for a quiet hour.
            contents.letters = VecDeque::new();
            contents.tiles = Vec::new();
        }
        tile
    }

    fn announce(&self) {
        if !self.is_announced.swap(true, Ordering::AcqRel) {
            self.reactor.put(Note::Mail(self.session));
        }
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

    fn mailbox(letters_max: usize) -> (Mailbox, Arc<Inbox>) {
        let poll = mio::Poll::new().expect("a poll");
        let inbox = Inbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).expect("a bell"));
        (Mailbox::new(letters_max, Arc::clone(&inbox), Key { index: 0, generation: 0 }), inbox)
    }

    fn letter(text: &str) -> Letter {
        Letter { payload: text.as_bytes().into(), way: None }
    }

    fn position(t_ms: i64) -> DriverPosition {
        DriverPosition { ride_id: RideId(Uuid::nil()), lat: 0.0, lng: 0.0, bearing_deg: None, t_ms, eta_s: None }
    }

    fn shown(mail: Mail) -> String {
        match mail {
            Mail::Letter(letter) => String::from_utf8_lossy(&letter.payload).into_owned(),
            Mail::Latest(payload) => String::from_utf8_lossy(&payload).into_owned(),
            Mail::Position(position) => position.t_ms.to_string(),
            Mail::Tile(picture) => format!("tile {} with {}", picture.tile(), picture.count()),
        }
    }

    fn notes(inbox: &Inbox) -> usize {
        let mut notes = Vec::new();
        inbox.take(&mut notes);
        notes.len()
    }

    #[test]
    fn events_go_first_and_in_order_and_of_positions_only_the_newest() {
        let (mailbox, inbox) = mailbox(8);
        assert_eq!(mailbox.put_tile(Picture::new(5, Vec::new()).into()), Slot::Filled);
        assert_eq!(mailbox.put_position(position(2)), Slot::Filled);
        assert_eq!(mailbox.put_position(position(3)), Slot::Replaced);
        assert_eq!(mailbox.put_position(position(1)), Slot::Outdated);
        assert_eq!(mailbox.put_tile(Picture::new(5, Vec::new()).into()), Slot::Replaced);
        mailbox.put_letter(letter("a")).expect("there is room");
        mailbox.put_letter(letter("b")).expect("there is room");
        assert_eq!(notes(&inbox), 1, "one note, however much there is");
        let taken: Vec<_> = std::iter::from_fn(|| mailbox.take()).map(shown).collect();
        assert_eq!(taken, ["a", "b", "3", "tile 5 with 0"]);
        mailbox.heed();
        mailbox.put_position(position(4));
        assert_eq!(notes(&inbox), 1, "what comes after is announced anew");
    }

    #[test]
    fn of_a_newest_state_of_each_kind_only_the_newest_waits() {
        let (mailbox, _inbox) = mailbox(8);
        let payload = |text: &str| Payload::from(text.as_bytes());
        assert_eq!(mailbox.put_latest(LatestKind::Hint, payload("go there")), Slot::Filled);
        assert_eq!(mailbox.put_latest(LatestKind::Stage, payload("second")), Slot::Filled);
        assert_eq!(mailbox.put_latest(LatestKind::Stage, payload("first")), Slot::Replaced);
        mailbox.put_position(position(2));
        mailbox.put_letter(letter("an offer")).expect("there is room");
        let taken: Vec<_> = std::iter::from_fn(|| mailbox.take()).map(shown).collect();
        assert_eq!(taken, ["an offer", "first", "go there", "2"]);
    }

    #[test]
    fn an_event_without_room_orders_a_close_that_says_reconnect() {
        let (mailbox, _inbox) = mailbox(1);
        mailbox.put_letter(letter("a")).expect("there is room");
        assert_eq!(mailbox.put_letter(letter("b")), Err(Full));
        mailbox.order_close(CloseCode::Replaced);
        let code = mailbox.ordered_close().expect("the close was ordered");
        assert_eq!(code, CloseCode::TooSlow, "the first order stands");
        assert!(code.reconnect());
    }
}
