//! Every order there was, bounded, and the three ways to find one again.
//!
//! Separate from what moves them on: this only remembers. Invariant: one reference of one customer in one family names at
//! most one order, for as long as it is remembered.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::Provider;
use super::amount::Amount;
use crate::time::Timestamp;

/// Orders remembered; the oldest are forgotten first.
const TRANSACTIONS_MAX: usize = 300_000;

/// Which way the money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// From a wallet to the customer.
    In,
    /// From the customer to a wallet.
    Out,
    /// Back to who paid.
    Back,
    /// Nowhere: a mandate.
    Nowhere,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not even begun.
    Created,
    /// Nothing is decided.
    Pending,
    /// The money moved.
    Successful,
    /// It did not, for this reason in MTN's words.
    Failed(&'static str),
    /// The customer withdrew it.
    Cancelled,
}

impl Status {
    /// MTN's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Successful => "SUCCESSFUL",
            Self::Failed(_) => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Why it failed.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether it stays so.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Created | Self::Pending)
    }
}

/// One order.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Counts from 1.
    pub number: u64,
    /// At whom.
    pub provider: Provider,
    /// Whose: the API user or client.
    pub tenant: Arc<str>,
    /// The account: `collection`, `disbursement`, `remittance`.
    pub product: &'static str,
    /// What was ordered, in the provider's word.
    pub kind: &'static str,
    /// Which way the money goes.
    pub flow: Flow,
    /// The customer's reference, by which it is the same order.
    pub reference: String,
    /// The customer's other reference.
    pub external_id: String,
    /// Whose wallet: digits with the country code where it is a number.
    pub party: String,
    /// What was asked for.
    pub amount: Amount,
    /// What moves.
    pub moves: Amount,
    /// In what.
    pub currency: &'static str,
    /// How it stands.
    pub status: Status,
    /// Not known to anybody before.
    pub visible_from: Timestamp,
    /// Whether the provider is unsure until it is over.
    pub is_ambiguous: bool,
    /// Whether its callback says the contrary.
    pub lies: bool,
    /// The provider's name of it.
    pub provider_reference: String,
    /// What the provider kept.
    pub fee: Amount,
    /// When it was ordered.
    pub created: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Where its end is told.
    pub callback: Option<String>,
    /// Of a refund: the order given back.
    pub original: Option<u64>,
    /// What was given back or is about to be.
    pub given_back: Amount,
    /// The order as it was sent, to be repeated.
    pub body: Bytes,
}

/// As the control shows one.
#[derive(Serialize)]
pub struct Shown<'a> {
    number: u64,
    provider: Provider,
    tenant: &'a str,
    product: &'a str,
    kind: &'a str,
    reference: &'a str,
    external_id: &'a str,
    msisdn: &'a str,
    amount: Amount,
    moved: Amount,
    fee: Amount,
    currency: &'a str,
    status: &'a str,
    reason: Option<&'a str>,
    provider_reference: &'a str,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl Transaction {
    /// What may be shown to who controls this world.
    pub fn shown(&self) -> Shown<'_> {
        let moved = if self.status == Status::Successful { self.moves } else { Amount(0) };
        Shown {
            number: self.number,
            provider: self.provider,
            tenant: &self.tenant,
            product: self.product,
            kind: self.kind,
            reference: &self.reference,
            external_id: &self.external_id,
            msisdn: &self.party,
            amount: self.amount,
            moved,
            fee: self.fee,
            currency: self.currency,
            status: self.status.as_str(),
            reason: self.status.reason(),
            provider_reference: &self.provider_reference,
            created_at: self.created,
            ended_at: self.ended,
        }
    }
}

/// Within whom a reference names one order.
#[derive(Clone, Copy)]
pub struct Family<'a> {
    /// At whom.
    pub provider: Provider,
    /// Whose.
    pub tenant: &'a str,
    /// `collection`, `disbursement`, `remittance`, `refund` or `session`.
    pub name: &'a str,
}

impl Family<'_> {
    fn key(self, reference: &str) -> String {
        format!("{}/{}/{}/{reference}", self.provider.as_str(), self.name, self.tenant)
    }
}

/// All of them.
#[derive(Default)]
pub struct Book {
    transactions: BTreeMap<u64, Transaction>,
    by_key: FxHashMap<String, u64>,
    by_reference: FxHashMap<String, u64>,
    by_provider_reference: FxHashMap<String, u64>,
    last: u64,
}

impl Book {
    /// The number of the next one.
    pub fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Remembers one.
    pub fn insert(&mut self, family: Family<'_>, transaction: Transaction) {
        while self.transactions.len() >= TRANSACTIONS_MAX {
            self.forget_oldest();
        }
        let number = transaction.number;
        self.by_key.insert(family.key(&transaction.reference), number);
        self.by_reference.insert(transaction.reference.clone(), number);
        self.by_provider_reference.insert(transaction.provider_reference.clone(), number);
        self.transactions.insert(number, transaction);
    }

    fn forget_oldest(&mut self) {
        let Some((number, oldest)) = self.transactions.pop_first() else { return };
        self.by_reference.remove(&oldest.reference);
        if oldest.kind == "session" {
            self.by_reference.remove(&oldest.external_id);
        }
        self.by_provider_reference.remove(&oldest.provider_reference);
        for name in ["collection", "disbursement", "remittance", "refund", "session"] {
            let key = Family { provider: oldest.provider, tenant: &oldest.tenant, name }.key(&oldest.reference);
            if self.by_key.get(&key) == Some(&number) {
                self.by_key.remove(&key);
            }
        }
    }

    /// The order of a customer by its reference, whether or not it is known to anybody yet.
    pub fn find(&self, family: Family<'_>, reference: &str) -> Option<&Transaction> {
        self.transactions.get(self.by_key.get(&family.key(reference))?)
    }

    /// Anybody's latest order of that reference.
    pub fn by_reference(&self, reference: &str) -> Option<&Transaction> {
        self.transactions.get(self.by_reference.get(reference)?)
    }

    /// By the provider's name of it.
    pub fn by_provider_reference(&self, reference: &str) -> Option<&Transaction> {
        self.transactions.get(self.by_provider_reference.get(reference)?)
    }

    /// Gives an order one more name, by which [`Self::named`] finds it.
    pub fn name(&mut self, name: &str, number: u64) {
        self.by_reference.insert(name.to_owned(), number);
    }

    /// By the name it was given.
    pub fn named(&self, name: &str) -> Option<&Transaction> {
        self.by_reference(name).filter(|order| order.external_id == name)
    }

    /// By number.
    pub fn get(&self, number: u64) -> Option<&Transaction> {
        self.transactions.get(&number)
    }

    /// By number.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut Transaction> {
        self.transactions.get_mut(&number)
    }

    /// All, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Transaction> {
        self.transactions.values()
    }
}
