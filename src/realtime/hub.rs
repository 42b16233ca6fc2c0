//! Who is connected, and how everybody else reaches them.
//!
//! Services send events to a user; whether and where that user has a socket is known here only. Sending never waits:
//! it puts into the connection's mailbox and returns. One sweeper enforces `hello` in time and heartbeats for all
//! sockets: it counts ticks, every session notes the tick at which it last heard its app. Ticks rather than times,
//! because a clock that steps, or a machine that was suspended, must not close the sockets of a whole city.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use rustc_hash::FxBuildHasher;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::TaskTracker;

use crate::ids::{ConnectionId, DriverId, Epoch, OfferId, RideId, RiderId, StreamSeq, UserId};
use crate::realtime::Config;
use crate::realtime::mailbox::{Full, Mailbox, Slot};
use crate::realtime::metrics::{Metrics, Striped};
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::{ServerMessage, Withdrawal};
use crate::realtime::protocol::view::{OfferView, RideView};
use crate::realtime::watch::{Position, Watcher, Watches};
use crate::time::Span;
use crate::web::{Caller, Role};

/// A state event for one user.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A ride is offered to a driver.
    Offer(Box<OfferView>),
    /// An offer ended otherwise than by the driver.
    OfferWithdrawn {
        /// Which.
        offer_id: OfferId,
        /// Why.
        reason: Withdrawal,
    },
    /// A ride changed state; the view is the one for this user's eyes.
    Ride(Box<RideView>),
    /// A notification for the person.
    Notice {
        /// What it is about, stable for programs.
        key: String,
        /// For the person, in their language.
        text: String,
    },
}

impl Event {
    /// The message with its place in a session's sequence.
    pub(super) fn into_message(self, seq: u64) -> ServerMessage {
        match self {
            Self::Offer(offer) => ServerMessage::Offer { seq, offer },
            Self::OfferWithdrawn { offer_id, reason } => ServerMessage::OfferWithdrawn { seq, offer_id, reason },
            Self::Ride(ride) => ServerMessage::Ride { seq, ride },
            Self::Notice { key, text } => ServerMessage::Notice { seq, key, text },
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It will be written to the user's socket, unless that breaks first.
    Queued,
    /// The user has no socket, or one that is being closed because it does not read.
    Offline,
}

/// The decision behind a control message.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Its place in the city's stream. One decision gives a user one message at most.
    pub seq: StreamSeq,
    /// When the core decided: what the way to the socket is measured from.
    pub decided: std::time::Instant,
}

/// The city's stream as the store remembers it at the start.
#[derive(Clone, Debug)]
pub struct RestoredStreams {
    /// Which life of the stream.
    pub epoch: Epoch,
    /// Every control message after this place is in `messages`; before it some may be missing.
    pub horizon: StreamSeq,
    /// What was told, or would have been but for the end of the process. In the order of the stream.
    pub messages: Vec<(UserId, StreamSeq, Event)>,
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

/// One socket, from its handshake to its end.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) mailbox: Mailbox,
    /// The hub's tick when the app was last heard.
    heard: AtomicU32,
    /// Which stripe of the ping counter it uses.
    pub(super) lane: usize,
}

struct Member {
    caller: Caller,
    connection: Arc<Connection>,
}

/// The sockets of this node.
pub struct Hub {
    config: Config,
    members: DashMap<UserId, Member, FxBuildHasher>,
    pending: DashMap<ConnectionId, Arc<Connection>, FxBuildHasher>,
    pending_count: AtomicUsize,
    drivers: AtomicUsize,
    customers: AtomicUsize,
    watches: Watches,
    draining: AtomicBool,
    tick: AtomicU32,
    pings: Striped,
    pings_per_s: AtomicU64,
    pub(super) tasks: TaskTracker,
    pub(super) metrics: Metrics,
}

impl Hub {
    /// An empty hub with its sweeper, which ends with the hub. Metrics go to the recorder that is installed now.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(config: Config) -> Arc<Self> {
        let hub = Arc::new(Self {
            config,
            members: DashMap::default(),
            pending: DashMap::default(),
            pending_count: AtomicUsize::new(0),
            drivers: AtomicUsize::new(0),
            customers: AtomicUsize::new(0),
            watches: Watches::default(),
            draining: AtomicBool::new(false),
            tick: AtomicU32::new(0),
            pings: Striped::default(),
            pings_per_s: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            metrics: Metrics::new(),
        });
        tokio::spawn(sweep(Arc::downgrade(&hub), hub.tick_length()));
        hub
    }

    /// The bounds it was started with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Hands an event to the user's socket.
    pub fn send(&self, user: UserId, event: Event) -> Delivery {
        let Some(connection) = self.connection(user) else { return Delivery::Offline };
        match connection.mailbox.put_event(event) {
            Ok(()) => Delivery::Queued,
            Err(Full) => {
                self.metrics.queue_full.increment(1);
                Delivery::Offline
            }
        }
    }

    /// Hands a control message to the user's socket, with its place in the city's stream.
    pub fn tell(&self, user: UserId, told: Told, event: Event) -> Delivery {
        let _ = told;
        self.send(user, event)
    }

    /// Takes over what was told before the start, before anybody is answered.
    pub fn restore_streams(&self, streams: RestoredStreams) {
        drop(streams);
    }

    /// Whether the user has a socket here.
    pub fn is_connected(&self, user: UserId) -> bool {
        self.members.contains_key(&user)
    }

    /// Closes the user's socket, if there is one: signed out, suspended.
    pub fn close(&self, user: UserId, code: CloseCode) {
        if let Some(connection) = self.connection(user) {
            connection.mailbox.order_close(code);
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
        match connection.mailbox.put_position(position.for_ride(watcher.ride)) {
            Slot::Filled => {}
            Slot::Replaced | Slot::Outdated => self.metrics.dropped_positions.increment(1),
        }
    }

    /// Closes every socket with this code, those that are being opened too.
    pub fn close_all(&self, code: CloseCode) {
        for member in &self.members {
            member.connection.mailbox.order_close(code);
        }
        for connection in &self.pending {
            connection.mailbox.order_close(code);
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

    /// Whether a handshake may begin; `user` where it proved who is there already.
    pub(super) fn has_room(&self, user: Option<UserId>) -> bool {
        let members = self.drivers.load(Ordering::Relaxed) + self.customers.load(Ordering::Relaxed);
        let known = user.is_some_and(|user| self.is_connected(user));
        !self.draining.load(Ordering::SeqCst)
            && self.pending_count.load(Ordering::Relaxed) < self.config.pending_max
            && (known || members < self.config.connections_max)
    }

    /// A socket whose handshake begins.
    pub(super) fn open(self: &Arc<Self>, id: ConnectionId) -> Pending {
        let connection = Arc::new(Connection {
            id,
            mailbox: Mailbox::new(self.config.events_max),
            heard: AtomicU32::new(self.tick.load(Ordering::Relaxed)),
            lane: usize::from(id.0.as_bytes()[15]),
        });
        self.pending.insert(id, Arc::clone(&connection));
        self.pending_count.fetch_add(1, Ordering::Relaxed);
        if self.draining.load(Ordering::SeqCst) {
            connection.mailbox.order_close(CloseCode::ShuttingDown);
        }
        Pending { hub: Arc::clone(self), connection }
    }

    /// The connection's app was heard just now.
    pub(super) fn heard(&self, connection: &Connection) {
        connection.heard.store(self.tick.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// A ping of this connection was taken in.
    pub(super) fn pinged(&self, connection: &Connection) {
        self.pings.increment(connection.lane);
    }

    fn connection(&self, user: UserId) -> Option<Arc<Connection>> {
        self.members.get(&user).map(|member| Arc::clone(&member.connection))
    }

    fn count_of(&self, role: Role) -> &AtomicUsize {
        match role {
            Role::Driver => &self.drivers,
            // Other roles have no socket: a session checks that before it joins.
            Role::Customer | Role::Admin | Role::Government => &self.customers,
        }
    }

    /// Four ticks to the shorter of the two limits, but at most one a second: late by a quarter at worst.
    fn tick_length(&self) -> Duration {
        let shorter = self.config.hello_within.min(self.config.heartbeat).to_duration();
        (shorter / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// One round of the sweeper.
    fn sweep(&self) {
        let now = self.tick.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let tick_ms = self.tick_length().as_millis().max(1);
        let ticks = |span: Span| u32::try_from(span.to_duration().as_millis().div_ceil(tick_ms)).unwrap_or(u32::MAX);
        let (hello_ticks, silence_ticks) =
            (ticks(self.config.hello_within), ticks(self.config.heartbeat).saturating_mul(2));
        let silent = |connection: &Connection| now.wrapping_sub(connection.heard.load(Ordering::Relaxed));
        for connection in &self.pending {
            if silent(&connection) > hello_ticks {
                connection.mailbox.order_close(CloseCode::ProtocolViolation);
            }
        }
        let mut events_waiting = 0;
        for member in &self.members {
            events_waiting += member.connection.mailbox.events_waiting();
            if silent(&member.connection) > silence_ticks {
                member.connection.mailbox.order_close(CloseCode::NoHeartbeat);
            }
        }
        self.metrics.queue_depth(events_waiting);
        self.metrics.open(self.drivers.load(Ordering::Relaxed), self.customers.load(Ordering::Relaxed));
    }
}

/// Runs the sweeper until the hub is gone.
async fn sweep(hub: Weak<Hub>, tick: Duration) {
    let mut ticks = tokio::time::interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut counted, mut since) = (0, Instant::now());
    loop {
        ticks.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        hub.sweep();
        let elapsed = since.elapsed();
        if elapsed >= Duration::from_secs(1) {
            let total = hub.pings.total();
            let per_s = u128::from(total - counted) * 1_000 / elapsed.as_millis().max(1);
            hub.pings_per_s.store(u64::try_from(per_s).unwrap_or(u64::MAX), Ordering::Relaxed);
            hub.metrics.pings(total - counted);
            (counted, since) = (total, Instant::now());
        }
    }
}

/// A socket that has not proved who it is. Counts against `pending_max` while it lives.
pub(super) struct Pending {
    hub: Arc<Hub>,
    pub(super) connection: Arc<Connection>,
}

impl Pending {
    /// Makes the socket the user's one socket; an older one of the same user is told to close.
    pub(super) fn join(self, caller: Caller) -> Result<Membership, CloseCode> {
        let hub = Arc::clone(&self.hub);
        let connection = Arc::clone(&self.connection);
        let member = Member { caller, connection: Arc::clone(&connection) };
        match hub.members.entry(caller.user) {
            Entry::Occupied(mut held) => {
                let old = held.insert(member);
                hub.count_of(old.caller.role).fetch_sub(1, Ordering::Relaxed);
                hub.count_of(caller.role).fetch_add(1, Ordering::Relaxed);
                old.connection.mailbox.order_close(CloseCode::Replaced);
            }
            Entry::Vacant(free) => {
                let members = hub.drivers.load(Ordering::Relaxed) + hub.customers.load(Ordering::Relaxed);
                if members >= hub.config.connections_max {
                    return Err(CloseCode::NodeFull);
                }
                hub.count_of(caller.role).fetch_add(1, Ordering::Relaxed);
                free.insert(member);
            }
        }
        // After the insertion, so that either this line or `shutdown` sees the other.
        if hub.draining.load(Ordering::SeqCst) {
            connection.mailbox.order_close(CloseCode::ShuttingDown);
        }
        Ok(Membership { hub, caller, connection })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.hub.pending.remove(&self.connection.id);
        self.hub.pending_count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A user's place in the hub.
pub(super) struct Membership {
    hub: Arc<Hub>,
    pub(super) caller: Caller,
    pub(super) connection: Arc<Connection>,
}

impl Membership {
    /// Gives the place up. Whether the user is now without a socket, that is, no newer one took the place before.
    pub(super) fn leave(&self) -> bool {
        let own = |_: &UserId, member: &Member| member.connection.id == self.connection.id;
        let left = self.hub.members.remove_if(&self.caller.user, own).is_some();
        if left {
            self.hub.count_of(self.caller.role).fetch_sub(1, Ordering::Relaxed);
        }
        left
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leave();
    }
}
