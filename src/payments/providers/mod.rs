//! Providers of payments: what the engine asks of one, and the few answers it can get.
//!
//! Separate because the engine must not know a wire. A provider turns an order into bytes and bytes into one of the answers
//! below; what follows from an answer is decided in `attempt` alone. Each provider has a folder of its own: `mod.rs` (calls),
//! `wire.rs` (shapes and conversions, pure), golden files of its bytes beside its tests.
//!
//! Invariants: a provider never guesses. What may have been taken is [`Submitted::Unknown`], never a refusal; an answer that
//! is not understood is [`Standing::Unknown`], never a failure. Nothing personal is in a reason or a code.

pub mod airtel;
pub mod card;
pub mod mtn;

mod lenient;
pub mod outgoing;
mod tokens;

#[cfg(test)]
mod stub;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use uuid::Uuid;

use super::method::ProviderId;
use crate::jobs::Clock;
use crate::money::Francs;
use crate::phone::Phone;
use crate::time::{Span, Timestamp};

/// Names an attempt: random, ours, stored before the first byte leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub Uuid);

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Money from a payer to us.
    Collection,
    /// Money back to who paid.
    Refund,
    /// Money from us to a driver.
    Payout,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 3] = [Self::Collection, Self::Refund, Self::Payout];

    /// The name in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Refund => "refund",
            Self::Payout => "payout",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}

/// Why a provider did not move money, in our words: the same for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The wallet has too little.
    InsufficientFunds,
    /// The payer did not answer in time.
    PayerTimeout,
    /// The payer said no.
    PayerDeclined,
    /// There is no such wallet.
    InvalidPayer,
    /// The wallet's own limits.
    PayerLimitReached,
    /// The wallet is blocked or not active.
    PayerBlocked,
    /// The wallet that was to receive does not exist.
    InvalidPayee,
    /// The wallet that was to receive is blocked, or full.
    PayeeBlocked,
    /// Our own account has too little, or is blocked.
    OwnAccount,
    /// We asked wrongly: keys, currency, host. An operator must look.
    Misconfigured,
    /// The amount is not one that the provider moves.
    Amount,
    /// The provider cannot be reached now: nothing was sent.
    Unavailable,
    /// Something else, final.
    Other,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::InsufficientFunds,
        Self::PayerTimeout,
        Self::PayerDeclined,
        Self::InvalidPayer,
        Self::PayerLimitReached,
        Self::PayerBlocked,
        Self::InvalidPayee,
        Self::PayeeBlocked,
        Self::OwnAccount,
        Self::Misconfigured,
        Self::Amount,
        Self::Unavailable,
        Self::Other,
    ];

    /// The name on the wire, in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::PayerTimeout => "payer_timeout",
            Self::PayerDeclined => "payer_declined",
            Self::InvalidPayer => "invalid_payer",
            Self::PayerLimitReached => "payer_limit_reached",
            Self::PayerBlocked => "payer_blocked",
            Self::InvalidPayee => "invalid_payee",
            Self::PayeeBlocked => "payee_blocked",
            Self::OwnAccount => "own_account",
            Self::Misconfigured => "misconfigured",
            Self::Amount => "amount",
            Self::Unavailable => "unavailable",
            Self::Other => "other",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// A final "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In our words.
    pub reason: Reason,
    /// In the provider's: a code of its documentation, at most 64 characters.
    pub code: String,
}

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its reference: the same in every repetition.
    pub attempt: AttemptId,
    /// What is asked.
    pub operation: Operation,
    /// How much.
    pub amount: Francs,
    /// Whose wallet; none of cards.
    pub wallet: Option<Phone>,
    /// What the payer reads: letters, digits, blanks, dots and dashes only.
    pub note: String,
    /// Where the provider may tell us; none when we cannot be reached.
    pub callback_url: Option<String>,
    /// Of a refund: what is given back.
    pub original: Option<Original>,
}

/// A collection that is to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its reference.
    pub attempt: AttemptId,
    /// The provider's name of it.
    pub provider_reference: Option<String>,
    /// How much was collected: some providers give back only all of it.
    pub amount: Francs,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Taken; nothing has moved yet.
    Accepted {
        /// The provider's name of it, if it said one.
        provider_reference: Option<String>,
        /// Where the payer is to go, of a hosted page.
        page_url: Option<String>,
    },
    /// The reference is known there: an earlier order was taken.
    AlreadyExists,
    /// Not taken and never will be: nothing was created.
    Refused(Refusal),
    /// Certainly not taken: it may be sent again, under the same reference.
    NotSent {
        /// Codes and kinds of fault only.
        reason: &'static str,
        /// What the provider asked us to wait.
        retry_after: Option<Span>,
        /// Whether it speaks of the provider's health: a refused connection does, a rate limit does not.
        is_trouble: bool,
    },
    /// It may have been taken.
    Unknown {
        /// Codes and kinds of fault only.
        reason: &'static str,
    },
}

/// Names an order when asking about it.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its reference.
    pub attempt: AttemptId,
    /// What was asked.
    pub operation: Operation,
    /// Where it was sent.
    pub base_url: String,
    /// The provider's name of it.
    pub provider_reference: Option<String>,
    /// Of a refund: what is given back.
    pub original: Option<Original>,
}

/// How an order stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is decided.
    Pending,
    /// The money moved.
    Succeeded(Moved),
    /// It did not and never will.
    Failed(Refusal),
    /// The provider does not know the reference, or not yet.
    NotFound,
    /// No answer, or none that was understood.
    Unknown {
        /// Codes and kinds of fault only.
        reason: &'static str,
        /// What the provider asked us to wait.
        retry_after: Option<Span>,
        /// Whether it speaks of the provider's health.
        is_trouble: bool,
    },
}

/// What the provider says has moved. To be compared with what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How much, where it says so; a fraction of a franc is no amount of ours and is told as `Some(Err)`.
    pub amount: Option<Result<Francs, FractionalAmount>>,
    /// Whether it is our currency, where it says so.
    pub is_our_currency: Option<bool>,
    /// Whether the reference that it repeats is ours, where it repeats one.
    pub is_our_reference: Option<bool>,
    /// The provider's name of it.
    pub provider_reference: Option<String>,
}

/// An amount that is not whole francs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FractionalAmount;

/// Who a wallet belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Whether it can be used.
    pub is_active: bool,
    /// The first name; not to be logged.
    pub first_name: Option<String>,
    /// The last name; not to be logged.
    pub last_name: Option<String>,
}

/// What lies in one of our own accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnBalance {
    /// Which.
    pub operation: Operation,
    /// How much.
    pub available: Francs,
}

/// A line of a provider's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The provider's name of the transaction.
    pub provider_reference: String,
    /// Ours, where the statement has it.
    pub our_reference: Option<String>,
    /// What it was.
    pub operation: Operation,
    /// How much moved.
    pub amount: Francs,
    /// What the provider kept.
    pub fee: Francs,
    /// Whether the money moved.
    pub is_successful: bool,
    /// When.
    pub at: Timestamp,
}

/// The provider did not do as asked; it may another time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No answer, or none that was understood.
    #[error("the provider did not answer: {0}")]
    Away(&'static str),
    /// It has no such thing.
    #[error("the provider cannot do this")]
    Unsupported,
    /// There is no such wallet.
    #[error("there is no such wallet")]
    NoSuchWallet,
}

/// Whom a callback speaks of. Never what happened: that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Our reference, as the callback repeats it; none where only the path tells.
    pub attempt: Option<AttemptId>,
}

/// Those that are set up.
#[derive(Clone, Default)]
pub struct Providers(BTreeMap<ProviderId, Arc<dyn Provider>>);

impl Providers {
    /// These; of two of one kind the later.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        Self(providers.into_iter().map(|provider| (provider.id(), provider)).collect())
    }

    /// The provider of that kind, if it is set up.
    pub fn get(&self, id: ProviderId) -> Option<&Arc<dyn Provider>> {
        self.0.get(&id)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.values()
    }
}

/// Kinds only.
impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Which providers there are, and how they are called. Those without credentials are not there.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a call may take.
    pub limits: outgoing::Limits,
    /// MTN MoMo.
    pub mtn: Option<mtn::Config>,
    /// Airtel Money.
    pub airtel: Option<airtel::Config>,
    /// The gateway for cards.
    pub card: Option<card::Config>,
}

impl Config {
    /// The clients; in a rehearsal they call nobody but this machine.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn open(&self, is_rehearsal: bool, clock: &Clock) -> Result<Providers, reqwest::Error> {
        let outgoing = outgoing::Outgoing::new(self.limits, is_rehearsal)?;
        let mut all: Vec<Arc<dyn Provider>> = Vec::new();
        if let Some(config) = &self.mtn {
            all.push(Arc::new(mtn::Mtn::new(config.clone(), outgoing.clone(), Arc::clone(clock))));
        }
        if let Some(config) = &self.airtel {
            all.push(Arc::new(airtel::Airtel::new(config.clone(), outgoing.clone(), Arc::clone(clock))));
        }
        if let Some(config) = &self.card {
            all.push(Arc::new(card::Card::new(config.clone(), outgoing, Arc::clone(clock))));
        }
        Ok(Providers::new(all))
    }
}

/// Who moves money.
pub trait Provider: Send + Sync {
    /// Which.
    fn id(&self) -> ProviderId;

    /// Where orders are sent now: stored with each.
    fn base_url(&self) -> &str;

    /// Sends an order. The same order may be sent again: the reference makes it harmless.
    fn submit<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Submitted>;

    /// Asks how an order stands, where it was sent.
    fn standing<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Standing>;

    /// Whose a wallet is.
    fn holder(&self, wallet: Phone) -> BoxFuture<'_, Result<Holder, Trouble>>;

    /// What lies in our accounts.
    fn balances(&self) -> BoxFuture<'_, Result<Vec<OwnBalance>, Trouble>>;

    /// The statement of a day in Kigali, where the provider has one for programs.
    fn statement(&self, day: NaiveDate) -> BoxFuture<'_, Result<Vec<StatementLine>, Trouble>>;

    /// Reads a callback; `None` where it is not one, or is signed wrongly.
    fn read_callback(&self, headers: &HeaderMap, body: &[u8]) -> Option<Hint>;
}
