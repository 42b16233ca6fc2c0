//! Events between tasks and between nodes: fast, at most once, and never the only copy of a fact.
//!
//! Separate because a single node needs no Redis and several do, and nobody else should know which it is. What is
//! published reaches the subscribers of this process at once and directly; with Redis it also reaches other nodes.
//!
//! Invariants:
//! - Publishing never waits and never fails. Every queue is bounded; what does not fit is dropped and counted.
//! - A subscriber sees the messages of one publisher in order, each at most once. Whenever some may be missing it is
//!   told so ([`Message::Missed`]), because the truth is in Postgres and can be read there.
//! - Redis being away changes nothing inside this process.

mod counting;
mod redis;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub use counting::{Take, Taken};

use crate::redact::Secret;
use crate::telemetry::names;
use crate::time::Span;

/// Largest message; a larger one is a fault in the code that made it.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What a message is about, and so who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Transitions of rides, as recorded.
    RideEvents,
    /// Messages to one user's socket, wherever it is connected.
    ToUser,
    /// People who were forgotten: whoever remembers something of them forgets it as well.
    Forgotten,
    /// Sessions that were ended before their time.
    SessionsEnded,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 4] = [Self::RideEvents, Self::ToUser, Self::Forgotten, Self::SessionsEnded];

    /// The name of the Redis channel; in metrics too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RideEvents => "boda.ride_events",
            Self::ToUser => "boda.to_user",
            Self::Forgotten => "boda.forgotten",
            Self::SessionsEnded => "boda.sessions_ended",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// What was published.
    Event(Arc<str>),
    /// Something may have been published that was not heard: the subscriber was too slow, or Redis was away. Whoever
    /// keeps state made of events must read it anew.
    Missed,
}

/// Bounds of the bus, and where Redis is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Messages of one topic that a slow subscriber may lag behind before it misses some, and messages that wait for
    /// Redis before further ones are dropped.
    pub queue_max: usize,
    /// Other nodes are reached through this Redis; `None`: this is the only node.
    pub redis: Option<RedisConfig>,
}

/// How to reach Redis, version 6 or later.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://` (TLS), or `redis-sentinel://`, `rediss-sentinel://` behind sentinels; with credentials.
    pub url: Secret<String>,
    /// Longest wait for a connection, and for the answer to a command.
    pub timeout: Span,
    /// Wait before the first attempt to connect again; doubles with each further one.
    pub reconnect_min: Span,
    /// Longest wait between attempts.
    pub reconnect_max: Span,
    /// How often the connection is tried when it is silent.
    pub heartbeat_interval: Span,
    /// A message that waited longer than this for Redis is not sent any more.
    pub hold_max: Span,
}

/// The bus cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is of another kind of server.
    #[error("the address of Redis does not begin with redis://, rediss://, redis-sentinel:// or rediss-sentinel://")]
    Scheme,
    /// The address of Redis is malformed. Redis being away is not an error.
    #[error("the address of Redis is not understood")]
    Address(#[source] fred::error::Error),
}

/// Whether the address of a Redis can be used, without trying to reach it.
///
/// # Errors
/// What is wrong with it; the address is not repeated.
pub fn check_url(url: &Secret<String>) -> Result<(), Error> {
    redis::parse_url(url.expose()).map(drop)
}

/// Whether other nodes can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There are no other nodes.
    InProcess,
    /// Redis answers.
    Connected,
    /// Redis is away; it is tried again and again.
    Away,
}

/// Events between tasks and nodes. Cheap to clone; the last clone to go closes it.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    local: Arc<Local>,
    remote: Option<redis::Remote>,
    closed: CancellationToken,
    _close_on_drop: DropGuard,
}

/// The subscribers of this process.
struct Local {
    topics: [broadcast::Sender<Message>; Topic::ALL.len()],
}

impl Local {
    fn new(queue_max: usize) -> Self {
        Self { topics: Topic::ALL.map(|_| broadcast::Sender::new(queue_max.max(1))) }
    }

    fn topic(&self, topic: Topic) -> &broadcast::Sender<Message> {
        &self.topics[topic as usize]
    }

    fn tell(&self, topic: Topic, message: Message) {
        // Nobody listening is no fault.
        let _ = self.topic(topic).send(message);
    }

    fn tell_missed(&self) {
        for topic in Topic::ALL {
            self.tell(topic, Message::Missed);
        }
    }
}

/// Why a message did not arrive, as a metric's label.
#[derive(Clone, Copy, Debug)]
enum Drop {
    TooLarge,
    QueueFull,
    TooOld,
    Refused,
    Malformed,
    SlowSubscriber,
}

impl Drop {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::QueueFull => "queue_full",
            Self::TooOld => "too_old",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::SlowSubscriber => "slow_subscriber",
        }
    }
}

fn count_dropped(topic: Topic, why: Drop, messages: u64) {
    let labels = [("topic", topic.as_str()), ("reason", why.as_str())];
    metrics::counter!(names::BUS_DROPPED_TOTAL, &labels).increment(messages);
}

impl Bus {
    /// Builds the bus; with Redis, begins to connect and goes on until it succeeds. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the address of Redis is malformed.
    pub fn connect(config: &Config) -> Result<Self, Error> {
        let local = Arc::new(Local::new(config.queue_max));
        let closed = CancellationToken::new();
        let remote = match &config.redis {
            Some(redis) => {
                let node = Uuid::new_v4();
                Some(redis::Remote::connect(redis, config.queue_max, node, Arc::clone(&local), closed.clone())?)
            }
            None => None,
        };
        metrics::gauge!(names::BUS_CONNECTED).set(if remote.is_none() { 1.0 } else { 0.0 });
        let close_on_drop = closed.clone().drop_guard();
        Ok(Self { inner: Arc::new(Inner { local, remote, closed, _close_on_drop: close_on_drop }) })
    }

    /// Tells every subscriber of `topic`, here and on other nodes. Returns at once, whatever Redis does.
    pub fn publish(&self, topic: Topic, payload: impl Into<Arc<str>>) {
        let payload = payload.into();
        metrics::counter!(names::BUS_PUBLISHED_TOTAL, "topic" => topic.as_str()).increment(1);
        if payload.len() > MESSAGE_BYTES_MAX {
            tracing::error!(topic = topic.as_str(), size_bytes = payload.len(), "a message is too large for the bus");
            count_dropped(topic, Drop::TooLarge, 1);
            return;
        }
        if let Some(remote) = &self.inner.remote {
            remote.send(topic, Arc::clone(&payload));
        }
        self.inner.local.tell(topic, Message::Event(payload));
    }

    /// Takes one of what the nodes count together. `None` when they do not: there is no Redis, or it is away.
    pub async fn take_shared(&self, take: Take) -> Option<Taken> {
        let remote = self.inner.remote.as_ref().filter(|remote| *remote.link().borrow())?;
        counting::take(remote.client(), take).await
    }

    /// Hears what is published from now on.
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let receiver = self.inner.local.topic(topic).subscribe();
        Subscription { topic, receiver, closed: self.inner.closed.clone() }
    }

    /// Whether other nodes can be reached.
    pub fn health(&self) -> Health {
        match self.link() {
            None => Health::InProcess,
            Some(link) if *link.borrow() => Health::Connected,
            Some(_) => Health::Away,
        }
    }

    /// Ends every subscription, here and of every clone, and leaves Redis.
    pub fn close(&self) {
        self.inner.closed.cancel();
    }

    fn link(&self) -> Option<watch::Receiver<bool>> {
        self.inner.remote.as_ref().map(redis::Remote::link)
    }
}

/// One hearer of one topic.
pub struct Subscription {
    topic: Topic,
    receiver: broadcast::Receiver<Message>,
    closed: CancellationToken,
}

impl Subscription {
    /// The next message; `None` when the bus is closed. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Message> {
        let received = tokio::select! {
            biased;
            received = self.receiver.recv() => received,
            () = self.closed.cancelled() => return None,
        };
        match received {
            Ok(message) => Some(message),
            Err(broadcast::error::RecvError::Lagged(messages)) => {
                count_dropped(self.topic, Drop::SlowSubscriber, messages);
                Some(Message::Missed)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
