//! Who is connected, what they were told lately, and how everybody else reaches them.
//!
//! Services tell users things; whether and where a user has a socket is known here only. Telling never waits: it puts into
//! the session's mailbox and returns. Control messages are also kept for a while, so that an app that comes back gets what
//! it missed. Order of the locks: a member's entry, then a mailbox, then a reactor's inbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use dashmap::mapref::one::RefMut;
use rustc_hash::FxBuildHasher;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock;
use crate::ids::{ConnectionId, DriverId, Epoch, RideId, RiderId, SessionId, StreamSeq, UserId};
use crate::realtime::Config;
use crate::realtime::browse::{Browsing, Picture};
use crate::realtime::event::{Event, Notice, RestoredStreams, Told, payment_payload};
use crate::realtime::mailbox::{Full, Letter, Mailbox, Slot, Way};
use crate::realtime::metrics::{Metrics, Striped};
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::{LatestKind, PaymentNews, ServerMessage};
use crate::realtime::reactor::{Inbox, Note};
use crate::realtime::stream::{Payload, Stream};
use crate::realtime::watch::{Position, Watcher, Watches};
use crate::time::{Span, Timestamp};
use crate::web::Role;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It will be written to the user's socket, unless that breaks first.
    Queued,
    /// The user has no socket, or one that is being closed because it does not read.
    Offline,
}

/// Figures for the city page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubCounters {
    /// Authenticated sockets of drivers.
    pub drivers_connected: usize,
    /// Authenticated sockets of riders.
    pub riders_connected: usize,
    /// Pings taken in since the start.
    pub pings_total: u64,
    /// Pings taken in per second, over the last second or so.
    pub pings_per_s: u64,
}

/// What others know of a session.
pub struct Connection {
    /// Names it in logs.
    pub id: ConnectionId,
    /// What waits for it.
    pub mailbox: Mailbox,
}

/// What the hub knows of a user: the socket, and what was told lately.
pub(super) struct Member {
    pub(super) stream: Stream,
    pub(super) socket: Option<Socket>,
    /// When the last session ended, if none is there.
    pub(super) left: Timestamp,
}

pub(super) struct Socket {
    pub(super) role: Role,
    /// Who signed in by it; a socket lives no longer.
    pub(super) session: SessionId,
    pub(super) connection: Arc<Connection>,
}

/// The sockets of this node.
pub struct Hub {
    config: Config,
    epoch: OnceLock<Epoch>,
    pub(super) members: DashMap<UserId, Member, FxBuildHasher>,
    /// Position of the newest control message told to anybody.
    pub(super) latest: AtomicU64,
    /// Position of the newest control message that has expired.
    horizon: AtomicU64,
    /// What will expire, in order: who was told what, and who left.
    expiring: Mutex<VecDeque<Expiring>>,
    pub(super) pending: AtomicUsize,
    drivers: AtomicUsize,
    customers: AtomicUsize,
    watches: Watches,
    pub(super) browsing: Browsing,
    draining: AtomicBool,
    reactors: RwLock<Vec<Arc<Inbox>>>,
    /// Events that wait for slow sockets, by reactor.
    depths: Striped,
    pings: Striped,
    pings_per_s: AtomicU64,
    pub(super) tasks: TaskTracker,
    pub(super) metrics: Metrics,
}

impl Hub {
    /// An empty hub with its upkeep, which ends with the hub. Metrics go to the recorder that is installed now.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(config: Config) -> Arc<Self> {
        let hub = Arc::new(Self {
            config,
            epoch: OnceLock::new(),
            members: DashMap::default(),
            latest: AtomicU64::new(0),
            horizon: AtomicU64::new(0),
            expiring: Mutex::default(),
            pending: AtomicUsize::new(0),
            drivers: AtomicUsize::new(0),
            customers: AtomicUsize::new(0),
            watches: Watches::default(),
            browsing: Browsing::default(),
            draining: AtomicBool::new(false),
            reactors: RwLock::default(),
            depths: Striped::default(),
            pings: Striped::default(),
            pings_per_s: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            metrics: Metrics::new(),
        });
        tokio::spawn(keep_up(Arc::downgrade(&hub)));
        hub
    }

    /// The bounds it was started with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes over what was told before a restart. To be called before anybody is told anything.
    pub fn restore_streams(&self, restored: RestoredStreams) {
        let RestoredStreams { epoch, horizon, messages } = restored;
        // A hub is restored once; a second epoch would be a fault of the caller, and the first one stands.
        let _ = self.epoch.set(epoch);
        self.horizon.fetch_max(horizon.0, Ordering::AcqRel);
        self.latest.fetch_max(horizon.0, Ordering::AcqRel);
        for (user, seq, event) in messages {
            self.keep(user, seq, event, |_, _| ());
        }
    }

    /// The epoch of the stream positions of this node.
    pub fn epoch(&self) -> Epoch {
        // Without a store behind it (in tests of the sockets alone) a hub has an epoch of its own life.
        *self.epoch.get_or_init(|| Epoch(Uuid::now_v7()))
    }

    /// Tells a user of a committed decision, and keeps it for a while. Positions must grow from call to call.
    pub fn tell(&self, user: UserId, told: Told, event: Event) -> Delivery {
        // What a person waits for with a deadline is measured on its way.
        let way = Way { decided: told.decided, told: std::time::Instant::now() };
        let way = matches!(event, Event::Offer(_)).then_some(way);
        self.keep(user, told.seq, event, |member, payload| self.deliver(member, Letter { payload, way }))
    }

    /// Hands a notice to the user's socket. Not kept: the durable list is the notification service's.
    pub fn send(&self, user: UserId, notice: Notice) -> Delivery {
        let Some(member) = self.members.get(&user) else { return Delivery::Offline };
        self.deliver(&member, Letter { payload: notice.into_payload(), way: None })
    }

    /// Hands news of a payment to the user's socket. Not kept: the payment can be read.
    pub fn send_payment(&self, user: UserId, news: PaymentNews) -> Delivery {
        let Some(member) = self.members.get(&user) else { return Delivery::Offline };
        self.deliver(&member, Letter { payload: payment_payload(news), way: None })
    }

    /// Tells a user a newest state, in place of one of its kind that waits. Not kept for who has no socket.
    pub fn show_latest(&self, user: UserId, kind: LatestKind, message: &ServerMessage) -> Delivery {
        let Some(connection) = self.connection(user) else { return Delivery::Offline };
        let mut text = Vec::new();
        message.encode_into(Encoding::Json, &mut text);
        // What it replaces is no loss, so it is not counted with the positions.
        let _ = connection.mailbox.put_latest(kind, text.into());
        Delivery::Queued
    }

    fn keep<T>(&self, user: UserId, seq: StreamSeq, event: Event, then: impl FnOnce(&Member, Payload) -> T) -> T {
        let mut member = self.member(user);
        let payload = event.into_payload(seq, member.stream.head());
        member.stream.push(seq, Arc::clone(&payload), self.config.resume_messages_max);
        let at = Timestamp::from_millis(i64::try_from(seq.0 / StreamSeq::PER_MS).unwrap_or(i64::MAX));
        lock(&self.expiring).push_back(Expiring { at, seq, user });
        let done = then(&member, payload);
        // After the message is in its stream: a session that begins after `latest` has everything up to it.
        self.latest.fetch_max(seq.0, Ordering::AcqRel);
        done
    }

    fn deliver(&self, member: &Member, letter: Letter) -> Delivery {
        let Some(socket) = &member.socket else { return Delivery::Offline };
        match socket.connection.mailbox.put_letter(letter) {
            Ok(()) => Delivery::Queued,
            Err(Full) => {
                self.metrics.queue_full.increment(1);
                Delivery::Offline
            }
        }
    }

    /// Whether the user has a socket here.
    pub fn is_connected(&self, user: UserId) -> bool {
        self.members.get(&user).is_some_and(|member| member.socket.is_some())
    }

    /// Closes the user's socket, if there is one: signed out, suspended.
    pub fn close(&self, user: UserId, code: CloseCode) {
        if let Some(connection) = self.connection(user) {
            connection.mailbox.order_close(code);
        }
    }

    /// Closes the user's socket if it belongs to this session, which was ended.
    pub fn close_session(&self, user: UserId, session: SessionId) {
        let Some(member) = self.members.get(&user) else { return };
        if let Some(socket) = member.socket.as_ref().filter(|socket| socket.session == session) {
            socket.connection.mailbox.order_close(CloseCode::NotAuthenticated);
        }
    }

    /// From now on the rider is told where this driver is, and no other driver.
    pub fn watch(&self, rider: RiderId, driver: DriverId, ride: RideId) {
        self.watches.watch(driver, Watcher { rider, ride });
    }

    /// The rider is told nobody's position any more.
    pub fn unwatch(&self, rider: RiderId) {
        self.watches.unwatch(rider);
        if let Some(connection) = self.connection(rider.into()) {
            connection.mailbox.clear_position();
        }
    }

    /// For which ride somebody watches this driver, so that the caller computes an arrival time only then.
    pub fn watched_ride(&self, driver: DriverId) -> Option<RideId> {
        self.watches.watcher(driver).map(|watcher| watcher.ride)
    }

    /// A driver moved: whoever watches is told in their own time, the newest only.
    pub fn position_changed(&self, driver: DriverId, position: Position) {
        let Some(watcher) = self.watches.watcher(driver) else { return };
        let Some(connection) = self.connection(watcher.rider.into()) else { return };
        self.count(connection.mailbox.put_position(position.for_ride(watcher.ride)));
    }

    /// From now on the user is shown the free drivers of these tiles and of no others.
    pub fn browse(&self, user: UserId, tiles: Vec<u32>) {
        let Some(connection) = self.connection(user) else { return };
        connection.mailbox.clear_tiles();
        for picture in self.browsing.look(user, tiles) {
            connection.mailbox.put_tile(picture);
        }
        // The socket may have closed just before, and nobody would look away in its place.
        if !self.is_connected(user) {
            self.browsing.look(user, Vec::new());
        }
    }

    /// The tiles that somebody looks at, ascending.
    pub fn browsed_tiles(&self) -> Vec<u32> {
        self.browsing.tiles()
    }

    /// Shows a tile as it is now to those who look at it, unless it looks as before.
    pub fn show_tile(&self, picture: Picture) {
        let picture = Arc::new(picture);
        for user in self.browsing.show(&picture) {
            if let Some(connection) = self.connection(user) {
                self.count(connection.mailbox.put_tile(Arc::clone(&picture)));
            }
        }
    }

    fn count(&self, slot: Slot) {
        match slot {
            Slot::Filled => {}
            Slot::Replaced | Slot::Outdated => self.metrics.dropped_positions.increment(1),
        }
    }

    /// Closes every socket with this code, those that have not signed on too.
    pub fn close_all(&self, code: CloseCode) {
        for reactor in self.reactors.read().unwrap_or_else(PoisonError::into_inner).iter() {
            reactor.put(Note::CloseAll(code));
        }
    }

    /// Takes no new sockets, closes all with 4000 and waits for sessions and commands to end, but not longer than `within`.
    /// Whether all ended.
    pub async fn shutdown(&self, within: Span) -> bool {
        self.draining.store(true, Ordering::SeqCst);
        self.close_all(CloseCode::ShuttingDown);
        self.tasks.close();
        tokio::time::timeout(within.to_duration(), self.tasks.wait()).await.is_ok()
    }

    /// Figures of this moment.
    pub fn counters(&self) -> HubCounters {
        HubCounters {
            drivers_connected: self.drivers.load(Ordering::Relaxed),
            riders_connected: self.customers.load(Ordering::Relaxed),
            pings_total: self.pings.total(),
            pings_per_s: self.pings_per_s.load(Ordering::Relaxed),
        }
    }

    /// Whether a stop has begun.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Whether a handshake may begin; `user` where it proved who is there already.
    pub(super) fn has_room(&self, user: Option<UserId>) -> bool {
        let known = user.is_some_and(|user| self.is_connected(user));
        !self.is_draining()
            && self.pending.load(Ordering::Relaxed) < self.config.pending_max
            && (known || self.sockets() < self.config.connections_max)
    }

    pub(super) fn sockets(&self) -> usize {
        self.drivers.load(Ordering::Relaxed) + self.customers.load(Ordering::Relaxed)
    }

    /// A reactor that is to hear of a stop.
    pub(super) fn add_reactor(&self, inbox: Arc<Inbox>) {
        self.reactors.write().unwrap_or_else(PoisonError::into_inner).push(inbox);
    }

    /// A ping was taken in by this reactor.
    pub(super) fn pinged(&self, reactor: usize) {
        self.pings.increment(reactor);
    }

    /// So many events wait for this reactor's slow sockets.
    pub(super) fn note_depth(&self, reactor: usize, letters: u64) {
        self.depths.set(reactor, letters);
    }

    fn connection(&self, user: UserId) -> Option<Arc<Connection>> {
        let member = self.members.get(&user)?;
        member.socket.as_ref().map(|socket| Arc::clone(&socket.connection))
    }

    pub(super) fn count_of(&self, role: Role) -> &AtomicUsize {
        match role {
            Role::Driver => &self.drivers,
            // Other roles have no socket: a session checks that before it joins.
            Role::Customer | Role::Admin | Role::Government | Role::Agent => &self.customers,
        }
    }

    /// What is known of a user.
    pub(super) fn member(&self, user: UserId) -> RefMut<'_, UserId, Member> {
        self.members.entry(user).or_insert_with(|| {
            let stream = Stream::new(StreamSeq(self.horizon.load(Ordering::Acquire)));
            Member { stream, socket: None, left: Timestamp::EPOCH }
        })
    }

    /// A user has left; what is known of them stays for as long as they may ask for what they missed.
    pub(super) fn expire_later(&self, user: UserId, left: Timestamp) {
        lock(&self.expiring).push_back(Expiring { at: left, seq: StreamSeq::START, user });
    }

    /// Forgets control messages that nobody may ask for any more.
    fn expire(&self) {
        let oldest = clock::now() - self.config.resume_window;
        loop {
            let expired = lock(&self.expiring).pop_front_if(|expiring| expiring.at < oldest);
            let Some(Expiring { at, seq, user }) = expired else { break };
            self.horizon.fetch_max(seq.0, Ordering::AcqRel);
            if let Entry::Occupied(mut member) = self.members.entry(user) {
                member.get_mut().stream.expire(seq);
                let Member { stream, socket, left } = member.get();
                // Who came and left again since has a later entry.
                if stream.is_empty() && socket.is_none() && *left <= at {
                    member.remove();
                }
            }
        }
    }
}

/// Something to be forgotten.
struct Expiring {
    /// When it happened.
    at: Timestamp,
    /// The position of the message; zero for a user who left.
    seq: StreamSeq,
    user: UserId,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often figures are made and old messages forgotten.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// Does so until the hub is gone.
async fn keep_up(hub: Weak<Hub>) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut counted, mut since) = (0, Instant::now());
    loop {
        ticks.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        hub.expire();
        let (total, elapsed_ms) = (hub.pings.total(), since.elapsed().as_millis().max(1));
        let per_s = u128::from(total - counted) * 1_000 / elapsed_ms;
        hub.pings_per_s.store(u64::try_from(per_s).unwrap_or(u64::MAX), Ordering::Relaxed);
        hub.metrics.pings(total - counted);
        (counted, since) = (total, Instant::now());
        hub.metrics.queue_depth(hub.depths.total());
        hub.metrics.streams_kept(lock(&hub.expiring).len());
        hub.metrics.open(hub.drivers.load(Ordering::Relaxed), hub.customers.load(Ordering::Relaxed));
    }
}
