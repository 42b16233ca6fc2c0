//! Wallets and providers that keep the one promise they make: a reference is one payment. All else goes wrong by a seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use chrono::NaiveDate;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::money::Francs;
use crate::payments::method::ProviderId;
use crate::payments::providers::{
    AttemptId, Hint, Holder, Moved, Order, OwnBalance, Provider, Query, Reason, Refusal, Standing, StatementLine,
    Submitted, Trouble,
};
use crate::phone::Phone;
use crate::time::{Span, Timestamp};

/// What becomes of an order that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The wallet is debited after as many seconds.
    PaysAfter(i64),
    /// Nothing moves, and the provider says so after as many seconds.
    FailsAfter(i64),
    /// The provider says that it timed out, and is wrong.
    FailsThenPays,
    /// Nothing ever happens.
    Stuck,
    /// Something else moves than was asked.
    AnotherAmount,
}

struct Taken {
    amount: i64,
    at: Timestamp,
    /// Before, the provider does not know it.
    seen_from: Timestamp,
    fate: Fate,
}

struct Inner {
    dice: StdRng,
    now: Timestamp,
    taken: BTreeMap<AttemptId, Taken>,
    /// In a calm world nothing goes wrong but what is wanted.
    wanted: Option<Fate>,
    is_broken: bool,
}

pub struct World(Mutex<Inner>);

impl World {
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let dice = StdRng::seed_from_u64(seed ^ 0x5eed);
        Self(Mutex::new(Inner { dice, now, taken: BTreeMap::new(), wanted: None, is_broken: false }))
    }

    pub fn calm(now: Timestamp, fate: Fate) -> Self {
        let world = Self::new(0, now);
        world.lock().wanted = Some(fate);
        world
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, now: Timestamp) {
        self.lock().now = now;
    }

    pub fn break_connections(&self, is_broken: bool) {
        self.lock().is_broken = is_broken;
    }

    pub fn fate(&self, attempt: AttemptId) -> Option<Fate> {
        self.lock().taken.get(&attempt).map(|taken| taken.fate)
    }

    /// What wallets were debited until now.
    pub fn debits(&self) -> Vec<(AttemptId, i64)> {
        let inner = self.lock();
        let debit = |taken: &Taken| {
            let age = inner.now.since(taken.at).as_secs();
            match taken.fate {
                Fate::PaysAfter(secs) if age >= secs => Some(taken.amount),
                Fate::FailsThenPays if age >= 3_600 => Some(taken.amount),
                Fate::AnotherAmount if age >= 10 => Some(taken.amount + 1),
                _ => None,
            }
        };
        inner.taken.iter().filter_map(|(id, taken)| Some((*id, debit(taken)?))).collect()
    }
}

impl Inner {
    fn take(&mut self, order: &Order) {
        let fate = self.wanted.unwrap_or_else(|| match self.dice.random_range(0..20) {
            0..9 => Fate::PaysAfter(self.dice.random_range(0..120)),
            9..11 => Fate::PaysAfter(self.dice.random_range(120..7_200)),
            11..17 => Fate::FailsAfter(self.dice.random_range(0..400)),
            17 => Fate::FailsThenPays,
            18 => Fate::AnotherAmount,
            _ => Fate::Stuck,
        });
        let is_hidden = self.wanted.is_none() && self.dice.random_bool(0.2);
        // Shorter than three looks over a minute take, which is what makes a repetition safe … and it is the same
        // reference anyway.
        let hidden = if is_hidden { self.dice.random_range(0..150) } else { 0 };
        let taken =
            Taken { amount: order.amount.amount(), at: self.now, seen_from: self.now + Span::from_secs(hidden), fate };
        self.taken.insert(order.attempt, taken);
    }

    fn submit(&mut self, order: &Order) -> Submitted {
        let broken = Submitted::NotSent { reason: "connect", retry_after: None, is_trouble: true };
        if self.is_broken {
            return broken;
        }
        let draw = if self.wanted.is_some() { 99 } else { self.dice.random_range(0..100) };
        match draw {
            0..4 => return broken,
            4..6 => {
                let retry_after = Some(Span::from_secs(3));
                return Submitted::NotSent { reason: "429", retry_after, is_trouble: false };
            }
            // Lost on the way there.
            6..12 => return Submitted::Unknown { reason: "timeout" },
            12..15 => {
                let refusal = Refusal { reason: Reason::InvalidPayer, code: "PAYER_NOT_FOUND".into() };
                return Submitted::Refused(refusal);
            }
            _ => {}
        }
        let is_known = self.taken.contains_key(&order.attempt);
        if !is_known {
            self.take(order);
        }
        match draw {
            // Lost on the way back.
            15..30 => Submitted::Unknown { reason: "reset" },
            _ if is_known => Submitted::AlreadyExists,
            _ => Submitted::Accepted { provider_reference: Some(order.attempt.0.to_string()), page_url: None },
        }
    }

    fn standing(&mut self, query: &Query) -> Standing {
        if self.wanted.is_none() && self.dice.random_bool(0.15) {
            let is_trouble = self.dice.random_bool(0.5);
            return Standing::Unknown { reason: "html", retry_after: None, is_trouble };
        }
        let now = self.now;
        let Some(taken) = self.taken.get(&query.attempt).filter(|taken| now >= taken.seen_from) else {
            return Standing::NotFound;
        };
        let age = now.since(taken.at).as_secs();
        let moved = |amount: i64| {
            Standing::Succeeded(Moved {
                amount: Some(Ok(Francs(amount))),
                is_our_currency: Some(true),
                is_our_reference: Some(true),
                provider_reference: None,
            })
        };
        let failed = |reason, code: &str| Standing::Failed(Refusal { reason, code: code.into() });
        match taken.fate {
            Fate::PaysAfter(secs) if age >= secs => moved(taken.amount),
            Fate::FailsAfter(secs) if age >= secs => failed(Reason::InsufficientFunds, "NOT_ENOUGH_FUNDS"),
            Fate::FailsThenPays if age >= 3_600 => moved(taken.amount),
            Fate::FailsThenPays if age >= 30 => failed(Reason::PayerTimeout, "EXPIRED"),
            Fate::AnotherAmount if age >= 10 => moved(taken.amount + 1),
            _ => Standing::Pending,
        }
    }
}

/// One provider's door to the world.
pub struct Side {
    pub id: ProviderId,
    pub world: Arc<World>,
}

impl Provider for Side {
    fn id(&self) -> ProviderId {
        self.id
    }

    fn base_url(&self) -> &str {
        "http://world"
    }

    fn submit<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Submitted> {
        std::future::ready(self.world.lock().submit(order)).boxed()
    }

    fn standing<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Standing> {
        std::future::ready(self.world.lock().standing(query)).boxed()
    }

    fn holder(&self, _: Phone) -> BoxFuture<'_, Result<Holder, Trouble>> {
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<OwnBalance>, Trouble>> {
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn statement(&self, _: NaiveDate) -> BoxFuture<'_, Result<Vec<StatementLine>, Trouble>> {
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn read_callback(&self, _: &HeaderMap, _: &[u8]) -> Option<Hint> {
        None
    }
}
