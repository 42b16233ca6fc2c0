//! What nodes count together: how much a caller has taken of a rate, kept in Redis until it is paid back.
//!
//! Separate from the messages because this asks and waits for an answer. The whole step is one script, so that two nodes
//! never read the same count; it goes by the clock of Redis, so that the nodes' clocks may differ. A count is forgotten by
//! Redis itself when nothing is owed any more.

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};

use crate::telemetry::chain;

/// KEYS: the count. ARGV: what one costs and what may be owed at most, in microseconds. Answers whether one was taken, and
/// what is owed now. Numbers are written whole: Lua would round them to fourteen digits.
const SCRIPT: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local owed = math.max(tonumber(redis.call('GET', KEYS[1]) or now) - now, 0)
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
if owed + interval > burst then return {0, string.format('%.0f', math.min(owed, burst))} end
owed = owed + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000))
return {1, string.format('%.0f', owed)}";

/// One that is asked for.
#[derive(Clone, Debug)]
pub struct Take {
    /// Who takes of what.
    pub key: String,
    /// The time in which one is paid back.
    pub interval_us: i64,
    /// How many at once.
    pub burst_max: u32,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether there was one.
    pub is_allowed: bool,
    /// Until everything is paid back.
    pub owed_us: i64,
}

/// Asks Redis. `None` when it does not answer, or not as expected.
pub(super) async fn take(client: &Client, take: Take) -> Option<Taken> {
    let burst_us = take.interval_us.saturating_mul(i64::from(take.burst_max));
    let arguments: Vec<Value> =
        vec![SCRIPT.into(), 1.into(), take.key.into(), take.interval_us.into(), burst_us.into()];
    let command = CustomCommand::new_static("EVAL", ClusterHash::Custom(0), false);
    let answered: Result<(i64, i64), _> = client.custom(command, arguments).await;
    match answered {
        Ok((taken, owed_us)) => Some(Taken { is_allowed: taken == 1, owed_us }),
        Err(error) => {
            // The keeper of the connection says when Redis is away.
            tracing::debug!(error = %chain(&error), "Redis did not count");
            None
        }
    }
}
