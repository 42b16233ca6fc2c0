//! The courier between nodes: Redis publish/subscribe over one connection.
//!
//! Separate because it is the one door to Redis. Two tasks: one carries messages out, one keeps the connection (subscribe
//! after each connect, heartbeat, what comes in). A message on the wire is `NODE PAYLOAD`: the node's identifier lets a
//! node ignore its own messages, which its subscribers heard already.

use std::sync::Arc;

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::{
    Config as FredConfig, ConnectionConfig, Options, PerformanceConfig, ReconnectPolicy, UnresponsiveConfig,
};
use fred::types::{Message as FredMessage, RespVersion};
use futures_util::future::join_all;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Drop, Error, Local, Message, RedisConfig, Topic, count_dropped};
use crate::telemetry::{chain, names};

/// Messages sent before their answers are awaited; one round trip for all of them.
const BATCH_MAX: usize = 64;

/// Addresses that are taken; the client library itself takes any.
const SCHEMES: [&str; 4] = ["redis", "rediss", "redis-sentinel", "rediss-sentinel"];

/// A message on its way out.
struct Outgoing {
    topic: Topic,
    payload: Arc<str>,
    since: Instant,
}

/// The way to other nodes.
pub struct Remote {
    client: Client,
    queue: mpsc::Sender<Outgoing>,
    link: watch::Receiver<bool>,
}

impl Remote {
    /// Begins to connect. `node` is unlike every other node's.
    pub fn connect(
        config: &RedisConfig,
        queue_max: usize,
        node: Uuid,
        local: Arc<Local>,
        closed: CancellationToken,
    ) -> Result<Self, Error> {
        let client = client(config, queue_max)?;
        let (queue, outgoing) = mpsc::channel(queue_max.max(1));
        let (is_up, link) = watch::channel(false);
        let node = node.simple().to_string();
        let sender = Sender { client: client.clone(), node: node.clone(), config: config.clone(), link: link.clone() };
        let keeper = Keeper { client: client.clone(), node, config: config.clone(), local, is_up, is_told: false };
        let closed_too = closed.clone();
        tokio::spawn(async move { closed_too.run_until_cancelled(sender.run(outgoing)).await });
        tokio::spawn(keeper.run(closed));
        Ok(Self { client, queue, link })
    }

    /// Queues a message for other nodes, or drops it when the queue is full.
    pub fn send(&self, topic: Topic, payload: Arc<str>) {
        if self.queue.try_send(Outgoing { topic, payload, since: Instant::now() }).is_err() {
            count_dropped(topic, Drop::QueueFull, 1);
        }
    }

    /// The connection, for what is asked and answered.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// True while Redis answers.
    pub fn link(&self) -> watch::Receiver<bool> {
        self.link.clone()
    }
}

/// Reads an address.
pub fn parse_url(url: &str) -> Result<FredConfig, Error> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !scheme.is_some_and(|scheme| SCHEMES.contains(&scheme)) {
        return Err(Error::Scheme);
    }
    FredConfig::from_url(url).map_err(Error::Address)
}

fn client(config: &RedisConfig, queue_max: usize) -> Result<Client, Error> {
    let mut fred = parse_url(config.url.expose())?;
    // One connection for both directions needs the third version of the protocol.
    fred.version = RespVersion::RESP3;
    // Redis may come up after us.
    fred.fail_fast = false;
    let timeout = config.timeout.to_duration();
    let connection = ConnectionConfig {
        connection_timeout: timeout,
        internal_command_timeout: timeout,
        // A message is sent at most once.
        max_command_attempts: 1,
        reconnect_on_auth_error: true,
        unresponsive: UnresponsiveConfig { max_timeout: Some(timeout), interval: timeout / 4 },
        ..ConnectionConfig::default()
    };
    let performance = PerformanceConfig {
        default_command_timeout: timeout,
        broadcast_channel_capacity: queue_max.max(1),
        ..PerformanceConfig::default()
    };
    let wait_ms = |span: crate::time::Span| u32::try_from(span.as_millis()).unwrap_or(u32::MAX);
    let policy = ReconnectPolicy::new_exponential(0, wait_ms(config.reconnect_min), wait_ms(config.reconnect_max), 2);
    Ok(Client::new(fred, Some(performance), Some(connection), Some(policy)))
}

/// Carries messages out.
struct Sender {
    client: Client,
    node: String,
    config: RedisConfig,
    link: watch::Receiver<bool>,
}

impl Sender {
    async fn run(mut self, mut outgoing: mpsc::Receiver<Outgoing>) {
        let options = Options {
            fail_fast: true,
            max_attempts: Some(1),
            timeout: Some(self.config.timeout.to_duration()),
            ..Options::default()
        };
        let client = self.client.with_options(&options);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while outgoing.recv_many(&mut batch, BATCH_MAX).await > 0 {
            if self.link.wait_for(|is_up| *is_up).await.is_err() {
                return;
            }
            let hold_max = self.config.hold_max.to_duration();
            let sends = batch.drain(..).filter_map(|message| {
                if message.since.elapsed() > hold_max {
                    count_dropped(message.topic, Drop::TooOld, 1);
                    return None;
                }
                let sealed = format!("{} {}", self.node, message.payload);
                let client = &client;
                Some(async move {
                    let sent: Result<(), _> = client.publish(message.topic.as_str(), sealed).await;
                    if sent.is_err() {
                        // The keeper says when Redis is away; here it is only counted.
                        count_dropped(message.topic, Drop::Refused, 1);
                    }
                })
            });
            // Futures are first polled in order, which is the order on the connection.
            join_all(sends.collect::<Vec<_>>()).await;
        }
    }
}

/// Keeps the connection and hands in what arrives.
struct Keeper {
    client: Client,
    node: String,
    config: RedisConfig,
    local: Arc<Local>,
    is_up: watch::Sender<bool>,
    /// That Redis is away was said.
    is_told: bool,
}

impl Keeper {
    async fn run(mut self, closed: CancellationToken) {
        let mut incoming = self.client.message_rx();
        let mut connects = self.client.reconnect_rx();
        let mut errors = self.client.error_rx();
        let mut heartbeat = tokio::time::interval(self.config.heartbeat_interval.to_duration());
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.tick().await;
        let mut connection = self.client.connect();
        loop {
            tokio::select! {
                () = closed.cancelled() => break,
                arrived = incoming.recv() => match arrived {
                    Ok(message) => self.hand_in(&message),
                    Err(RecvError::Lagged(messages)) => self.lagged(messages),
                    Err(RecvError::Closed) => break,
                },
                connected = connects.recv() => if connected.is_ok() { self.connected().await },
                error = errors.recv() => if let Ok((error, _)) = error { self.erred(&error).await },
                _ = heartbeat.tick() => self.beat().await,
                // It ends by itself only when it takes an error for final. None is: an operator may mend it.
                _ = &mut connection => {
                    self.away(&"the connection was given up");
                    tokio::time::sleep(self.config.reconnect_max.to_duration()).await;
                    connection = self.client.connect();
                }
            }
        }
        // It is of no matter whether Redis heard the farewell.
        let _ = tokio::time::timeout(self.config.timeout.to_duration(), self.client.quit()).await;
        connection.abort();
    }

    /// Subscriptions belong to the connection, so each new one makes them again.
    async fn connected(&mut self) {
        let channels: Vec<&str> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
        match self.client.subscribe(channels).await {
            Ok(()) => {
                // What was published before this moment was not heard.
                self.local.tell_missed();
                metrics::gauge!(names::BUS_CONNECTED).set(1.0);
                self.is_told = false;
                if !self.is_up.send_replace(true) {
                    tracing::info!("Redis answers: other nodes are reached");
                }
            }
            Err(error) => self.away(&error),
        }
    }

    /// News of an error may come when a new connection stands already, and no other news would follow.
    async fn erred(&mut self, error: &fred::error::Error) {
        self.away(error);
        if self.client.is_connected() {
            self.connected().await;
        }
    }

    fn away(&mut self, error: &dyn std::fmt::Display) {
        metrics::gauge!(names::BUS_CONNECTED).set(0.0);
        self.is_up.send_replace(false);
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(error = %error, "Redis is away: other nodes are not reached");
        }
    }

    /// A connection whose other end vanished without a word is silent; only asking tells it from a quiet one.
    async fn beat(&mut self) {
        let is_up = *self.is_up.borrow();
        if is_up {
            let answered: Result<(), _> = self.client.ping(None).await;
            if let Err(error) = answered {
                self.away(&error);
                self.reconnect().await;
            }
        } else if self.client.is_connected() {
            self.connected().await;
            if !*self.is_up.borrow() {
                self.reconnect().await;
            }
        } else {
            self.away(&"no connection");
        }
    }

    async fn reconnect(&self) {
        let forced = tokio::time::timeout(self.config.timeout.to_duration(), self.client.force_reconnection()).await;
        if let Ok(Err(error)) = forced {
            tracing::debug!(error = %chain(&error), "a new connection to Redis was not made at once");
        }
    }

    fn hand_in(&self, message: &FredMessage) {
        let Some(topic) = Topic::parse(&message.channel) else { return };
        let Some(sealed) = message.value.as_str() else { return count_dropped(topic, Drop::Malformed, 1) };
        match sealed.split_once(' ') {
            Some((node, _)) if node == self.node => {}
            Some((_, payload)) if payload.len() <= super::MESSAGE_BYTES_MAX => {
                self.local.tell(topic, Message::Event(payload.into()));
            }
            _ => count_dropped(topic, Drop::Malformed, 1),
        }
    }

    fn lagged(&self, messages: u64) {
        // Which topics they were of is not known; counted under each.
        for topic in Topic::ALL {
            count_dropped(topic, Drop::SlowSubscriber, messages);
        }
        self.local.tell_missed();
    }
}
