//! Who has how much, and every single time that changed.
//!
//! Separate because this is what tests trust: a payer was charged as often as the journal says, whatever anybody's rows
//! say. Invariant: nothing but [`Wallets::charge`], [`Wallets::pay`] changes a balance after it was arranged, and each leaves
//! one line in the journal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::NaiveDate;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::Provider;
use super::amount::Amount;
use crate::time::Timestamp;

/// Wallets remembered; one more is as it was in the beginning every time it is looked at.
const WALLETS_MAX: usize = 500_000;
/// Lines of the journal; the oldest are forgotten first.
const JOURNAL_MAX: usize = 500_000;

/// What lies in a wallet that nobody arranged.
const BALANCE_FIRST: Amount = Amount::whole(100_000_000);
/// What lies in the account from which payouts go.
const FLOAT_FIRST: Amount = Amount::whole(10_000_000_000);
/// What lies in the account into which payments go: something, so that a first payment can be given back whole although
/// the provider kept its fee.
const COLLECTED_FIRST: Amount = Amount::whole(1_000_000);
/// The same in MTN's sandbox.
const EUR_FIRST: Amount = Amount::whole(1_000);

/// How well the provider knows a person, and so how much may move. The numbers are ours: the providers' are not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kyc {
    /// Everything may move.
    Unlimited,
    /// 100,000 at once, 300,000 a day.
    Tier1,
    /// 500,000 at once, 1,500,000 a day.
    Tier2,
    /// 2,000,000 at once, 5,000,000 a day.
    Tier3,
}

impl Kyc {
    const fn at_once_max(self) -> Amount {
        Amount::whole(match self {
            Self::Unlimited => 1_000_000_000_000,
            Self::Tier1 => 100_000,
            Self::Tier2 => 500_000,
            Self::Tier3 => 2_000_000,
        })
    }

    const fn a_day_max(self) -> Amount {
        Amount::whole(match self {
            Self::Unlimited => 1_000_000_000_000,
            Self::Tier1 => 300_000,
            Self::Tier2 => 1_500_000,
            Self::Tier3 => 5_000_000,
        })
    }
}

/// A person's.
#[derive(Clone, Debug, Serialize)]
pub struct Wallet {
    /// What lies in it.
    pub balance: Amount,
    /// What may move.
    pub kyc: Kyc,
    /// Whether it can be used.
    pub active: bool,
    /// Whose it is, where it was arranged.
    pub first_name: Option<String>,
    /// Likewise.
    pub last_name: Option<String>,
    /// How often money left it.
    pub debits: u64,
    /// How often money came.
    pub credits: u64,
    #[serde(skip)]
    day: Option<NaiveDate>,
    #[serde(skip)]
    moved_today: Amount,
}

impl Default for Wallet {
    fn default() -> Self {
        Self {
            balance: BALANCE_FIRST,
            kyc: Kyc::Unlimited,
            active: true,
            first_name: None,
            last_name: None,
            debits: 0,
            credits: 0,
            day: None,
            moved_today: Amount(0),
        }
    }
}

impl Wallet {
    fn is_over_limit(&self, amount: Amount, day: NaiveDate) -> bool {
        let today = if self.day == Some(day) { self.moved_today } else { Amount(0) };
        amount > self.kyc.at_once_max() || today.0.saturating_add(amount.0) > self.kyc.a_day_max().0
    }

    fn moves(&mut self, amount: Amount, day: NaiveDate) {
        if self.day != Some(day) {
            (self.day, self.moved_today) = (Some(day), Amount(0));
        }
        self.moved_today.0 = self.moved_today.0.saturating_add(amount.0);
    }
}

/// One of a customer's own accounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountKey {
    /// At whom.
    pub provider: Provider,
    /// Whose: the API user or client.
    pub tenant: Arc<str>,
    /// `collection`, `disbursement` or `remittance`.
    pub product: &'static str,
    /// In what.
    pub currency: &'static str,
}

/// What lies in it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Account {
    /// In the beginning.
    pub opening: Amount,
    /// Now.
    pub balance: Amount,
}

/// One time that a wallet changed.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts from 1, also over what was forgotten.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// At whom.
    pub provider: Provider,
    /// By whose order.
    pub tenant: Arc<str>,
    /// Whose wallet: digits with the country code, or the card's session.
    pub msisdn: String,
    /// Below zero for a debit.
    pub delta: Amount,
    /// In what.
    pub currency: &'static str,
    /// What was ordered.
    pub kind: &'static str,
    /// The customer's reference.
    pub reference: String,
    /// The customer's other reference.
    pub external_id: String,
}

/// What an order would move.
pub struct Movement<'a> {
    /// The wallet.
    pub msisdn: &'a str,
    /// The customer's account.
    pub account: AccountKey,
    /// How much.
    pub amount: Amount,
    /// What the provider keeps of it.
    pub fee: Amount,
    /// What was ordered.
    pub kind: &'static str,
    /// The customer's reference.
    pub reference: &'a str,
    /// The customer's other reference.
    pub external_id: &'a str,
    /// When.
    pub at: Timestamp,
}

/// All of them.
#[derive(Default)]
pub struct Wallets {
    wallets: FxHashMap<(Provider, String), Wallet>,
    accounts: BTreeMap<AccountKey, Account>,
    /// Every change, oldest first.
    pub journal: VecDeque<Entry>,
    written: u64,
}

impl Wallets {
    /// How a wallet is.
    pub fn wallet(&self, provider: Provider, msisdn: &str) -> Wallet {
        self.wallets.get(&(provider, msisdn.to_owned())).cloned().unwrap_or_default()
    }

    /// Makes a wallet be so.
    pub fn arrange(&mut self, provider: Provider, msisdn: &str, wallet: Wallet) {
        let key = (provider, msisdn.to_owned());
        if self.wallets.len() < WALLETS_MAX || self.wallets.contains_key(&key) {
            self.wallets.insert(key, wallet);
        }
    }

    /// An account, which is as in the beginning where nothing happened to it.
    pub fn account(&mut self, key: &AccountKey) -> &mut Account {
        let first = match (key.product, key.currency) {
            ("collection", "EUR") => EUR_FIRST,
            ("collection", _) => COLLECTED_FIRST,
            _ => FLOAT_FIRST,
        };
        self.accounts.entry(key.clone()).or_insert(Account { opening: first, balance: first })
    }

    /// All accounts to which anything happened.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountKey, &Account)> {
        self.accounts.iter()
    }

    /// Takes money out of a wallet into the account.
    ///
    /// # Errors
    /// Why not, in MTN's words; then nothing moved.
    pub fn charge(&mut self, movement: Movement<'_>) -> Result<(), &'static str> {
        let mut wallet = self.wallet(movement.account.provider, movement.msisdn);
        let day = movement.at.kigali_day();
        if !wallet.active {
            return Err("SENDER_ACCOUNT_NOT_ACTIVE");
        }
        if wallet.balance < movement.amount {
            return Err("NOT_ENOUGH_FUNDS");
        }
        if wallet.is_over_limit(movement.amount, day) {
            return Err("PAYER_LIMIT_REACHED");
        }
        wallet.moves(movement.amount, day);
        wallet.balance.0 -= movement.amount.0;
        wallet.debits += 1;
        self.account(&movement.account).balance.0 += movement.amount.0 - movement.fee.0;
        self.arrange(movement.account.provider, movement.msisdn, wallet);
        self.write(movement, -1);
        Ok(())
    }

    /// Puts money out of the account into a wallet. What is given back is under no limit.
    ///
    /// # Errors
    /// Why not, in MTN's words; then nothing moved.
    pub fn pay(&mut self, movement: Movement<'_>, is_refund: bool) -> Result<(), &'static str> {
        let mut wallet = self.wallet(movement.account.provider, movement.msisdn);
        let day = movement.at.kigali_day();
        let account = *self.account(&movement.account);
        if !wallet.active {
            return Err("PAYEE_NOT_ALLOWED_TO_RECEIVE");
        }
        if account.balance.0 < movement.amount.0.saturating_add(movement.fee.0) {
            return Err("NOT_ENOUGH_FUNDS");
        }
        if !is_refund {
            if wallet.is_over_limit(movement.amount, day) {
                return Err("PAYEE_LIMIT_REACHED");
            }
            wallet.moves(movement.amount, day);
        }
        wallet.balance.0 += movement.amount.0;
        wallet.credits += 1;
        self.account(&movement.account).balance.0 -= movement.amount.0 + movement.fee.0;
        self.arrange(movement.account.provider, movement.msisdn, wallet);
        self.write(movement, 1);
        Ok(())
    }

    fn write(&mut self, movement: Movement<'_>, sign: i64) {
        if self.journal.len() >= JOURNAL_MAX {
            self.journal.pop_front();
        }
        self.written += 1;
        self.journal.push_back(Entry {
            number: self.written,
            at: movement.at,
            provider: movement.account.provider,
            tenant: movement.account.tenant,
            msisdn: movement.msisdn.to_owned(),
            delta: Amount(sign * movement.amount.0),
            currency: movement.account.currency,
            kind: movement.kind,
            reference: movement.reference.to_owned(),
            external_id: movement.external_id.to_owned(),
        });
    }
}
