//! How often somebody may ask: by caller and by kind of route.
//!
//! Separate from what services limit themselves (codes to one phone, guesses of one password), because this bounds what
//! any one caller can take from everybody else, whatever is asked. Who is signed in is counted as that person on
//! whatever address, everybody else by address; with IPv6 a subscriber has a whole /64.
//!
//! Invariants: the count of this process always applies, so that with Redis away each node still limits by itself; memory
//! is bounded; nobody is without limits but the networks that the operator names.

mod bucket;
mod class;
mod memory;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub use bucket::{Rate, Verdict};
pub use class::Class;

use crate::bus::{Bus, Take};
use crate::clock;
use crate::error::Error;
use crate::ids::{PartnerId, UserId};
use crate::telemetry::names;
use crate::time::{Span, Timestamp};
use crate::web::caller::subject_of;
use crate::web::networks::Networks;
use crate::web::{ApiError, Subject};
use memory::Memory;

/// After Redis did not answer in time it is not asked for so long: nobody is to wait for it again and again.
const SHARED_PAUSE: Span = Span::from_secs(1);

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// A person, signed in.
    Person(UserId),
    /// A partner's program.
    Partner(PartnerId),
    /// Whoever comes from there, not signed in.
    Address(IpAddr),
}

impl Who {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Partner(_) => "partner",
            Self::Address(_) => "address",
        }
    }
}

/// The bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Of each kind of route, in the order of [`Class::ALL`]: of a person, or of an address without one.
    pub rates: [Rate; Class::ALL.len()],
    /// Of an address where nobody is signed in: a mobile network hides thousands of phones behind one, so it is so many
    /// times the rate of a person.
    pub address_factor: u32,
    /// Callers that are remembered in this process.
    pub callers_max: usize,
    /// Whether nodes count together, in Redis.
    pub is_shared: bool,
    /// How long to wait for Redis.
    pub shared_within: Span,
    /// Networks that are not limited.
    pub exempt: Networks,
}

/// The limits of this node.
pub struct Limits {
    config: Config,
    memory: Memory,
    /// Where nodes count together.
    bus: Option<Bus>,
    /// Redis is not asked before this moment.
    shared_from_ms: AtomicI64,
}

impl Limits {
    /// Nobody has taken anything.
    pub fn new(config: Config, bus: &Bus, now: Timestamp) -> Self {
        let memory = Memory::new(config.callers_max, now);
        let bus = config.is_shared.then(|| bus.clone());
        Self { config, memory, bus, shared_from_ms: AtomicI64::new(i64::MIN) }
    }

    fn rate(&self, who: Who, class: Class) -> Rate {
        let rate = self.config.rates[class as usize];
        match who {
            Who::Person(_) | Who::Partner(_) => rate,
            Who::Address(_) => Rate {
                per_minute: rate.per_minute.saturating_mul(self.config.address_factor),
                burst_max: rate.burst_max.saturating_mul(self.config.address_factor),
            },
        }
    }

    /// Takes one, here and then where nodes count together.
    async fn take(&self, who: Who, class: Class, now: Timestamp) -> (Rate, Verdict) {
        let rate = self.rate(who, class);
        let verdict = self.memory.take(who, class, rate, now);
        if !verdict.is_allowed {
            return (rate, verdict);
        }
        (rate, self.take_shared(who, class, rate, now).await.unwrap_or(verdict))
    }

    /// `None` when nodes do not count together, now or ever.
    async fn take_shared(&self, who: Who, class: Class, rate: Rate, now: Timestamp) -> Option<Verdict> {
        let bus = self.bus.as_ref()?;
        if now.as_millis() < self.shared_from_ms.load(Ordering::Relaxed) {
            return None;
        }
        let key = match who {
            Who::Person(user) => format!("boda.limits.{}.{user}", class.as_str()),
            Who::Partner(partner) => format!("boda.limits.{}.{partner}", class.as_str()),
            Who::Address(address) => format!("boda.limits.{}.{address}", class.as_str()),
        };
        let take = Take { key, interval_us: rate.interval_us(), burst_max: rate.burst_max };
        let asked = tokio::time::timeout(self.config.shared_within.to_duration(), bus.take_shared(take)).await;
        let Ok(Some(taken)) = asked else {
            self.shared_from_ms.store((now + SHARED_PAUSE).as_millis(), Ordering::Relaxed);
            metrics::counter!(names::LIMITS_SHARED_MISSED_TOTAL).increment(1);
            return None;
        };
        Some(rate.verdict(taken.is_allowed, taken.owed_us))
    }
}

/// Middleware: lets a request go on if its caller may ask again already, and says how often that is.
pub async fn enforce(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let class =
        Class::of(&parts.method, route).filter(|_| !address.is_some_and(|ip| limits.config.exempt.contains(ip)));
    let Some(class) = class else { return next.run(Request::from_parts(parts, body)).await };
    let from = Who::Address(block(address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))));
    let who = match subject_of(&parts) {
        // Proven once: the extractor of the route finds it there.
        Ok(subject) => {
            parts.extensions.insert(subject);
            match subject {
                Subject::Person(grant) => Who::Person(grant.caller.user),
                Subject::Partner(partner, _) => Who::Partner(partner),
            }
        }
        Err(_) => from,
    };
    let now = clock::now();
    let (mut rate, mut verdict) = limits.take(who, class, now).await;
    if class == Class::SignIn && verdict.is_allowed && !matches!(who, Who::Address(_)) {
        // Many accounts of one guesser are to guess no more than a guesser without any.
        (rate, verdict) = limits.take(from, class, now).await;
    }
    let mut response = if verdict.is_allowed {
        next.run(Request::from_parts(parts, body)).await
    } else {
        let labels = [("class", class.as_str()), ("by", who.as_str())];
        metrics::counter!(names::LIMITS_REFUSED_TOTAL, &labels).increment(1);
        let retry_after = Span::from_millis((verdict.retry_in_us + 999) / 1_000);
        ApiError::from(Error::RateLimited { retry_after }).into_response()
    };
    tell(response.headers_mut(), class, rate, verdict);
    response
}

/// The headers of draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it.
fn tell(headers: &mut HeaderMap, class: Class, rate: Rate, verdict: Verdict) {
    let name = class.as_str();
    let policy = format!("\"{name}\";q={};w={}", rate.burst_max, rate.window_s());
    let left = format!("\"{name}\";r={};t={}", verdict.left, (verdict.full_in_us + 999_999) / 1_000_000);
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
        let value = HeaderValue::from_str(&value).expect("names and numbers are plain");
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// What counts as one address: with IPv6 a subscriber has a whole /64.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}
