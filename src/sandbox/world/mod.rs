//! The world behind the providers: people's wallets, orders, the time, and what goes wrong on purpose.
//!
//! One for all providers, so that one clock and one journal tell the whole story. Separate from how providers talk.
//! Invariants: money moves only when an order becomes successful, at most once for each; what happens to an order depends on
//! its number and on the clock, never on chance; everything remembered is bounded. One lock over all of it, held for
//! microseconds; one task for all transitions that are due.

mod amount;
mod book;
mod callbacks;
mod faults;
mod scenario;
mod serve;
mod statement;
mod switches;
mod wallets;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

pub use amount::Amount;
pub use book::{Book, Family, Flow, Status, Transaction};
pub use callbacks::{Callback, run};
use faults::Kind as FaultKind;
pub use faults::{FAULTS_MAX, Fault};
pub use scenario::{Column, End, Plan, in_euros, in_francs, of_airtel, of_refund};
use serve::Seen;
pub use serve::Shape;
pub use statement::{DISCREPANCIES_MAX, Discrepancy, Line};
pub use switches::{CallbackMethod, Switches};
pub use wallets::{AccountKey, Entry, Kyc, Wallet, Wallets};

use crate::clock;
use crate::sandbox::mtn::users::Users;
use crate::time::{Span, Timestamp};
use callbacks::Told;
use wallets::Movement;

/// Callbacks that wait to be sent; one more is lost, as callbacks are.
const OUTBOX_MAX: usize = 10_000;
/// Requests remembered.
const REQUESTS_MAX: usize = 5_000;
/// Callbacks remembered.
const TOLD_MAX: usize = 5_000;
/// Tokens that are good at once; at one more, those that have expired are forgotten, then all.
const TOKENS_MAX: usize = 50_000;
/// How much more moves than was asked for, for the number that has another amount.
const OFF_BY: Amount = Amount::whole(100);

/// Who is stood in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// MTN MoMo.
    Mtn,
    /// Airtel Money.
    Airtel,
    /// The card gateway.
    Card,
}

impl Provider {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mtn => "mtn",
            Self::Airtel => "airtel",
            Self::Card => "card",
        }
    }
}

/// What a token is good for.
#[derive(Clone)]
pub struct Token {
    /// At whom.
    pub provider: Provider,
    /// Whose.
    pub tenant: Arc<str>,
    /// The product, or `consent` with the number of who consented.
    pub product: String,
    /// Until when.
    pub expires: Timestamp,
}

/// An order that passed the provider's rules.
pub struct Order {
    /// At whom.
    pub provider: Provider,
    /// Whose.
    pub tenant: Arc<str>,
    /// The account it is about.
    pub product: &'static str,
    /// Within what its reference is unique: the product, or `refund`.
    pub family: &'static str,
    /// What, in the provider's word.
    pub kind: &'static str,
    /// Which way the money goes.
    pub flow: Flow,
    /// The customer's reference.
    pub reference: String,
    /// The customer's other reference.
    pub external_id: String,
    /// Whose wallet.
    pub party: String,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub currency: &'static str,
    /// What becomes of it.
    pub plan: Plan,
    /// Where its end is told.
    pub callback: Option<String>,
    /// Of a refund: the order given back.
    pub original: Option<u64>,
    /// As it was sent.
    pub body: Bytes,
}

/// The reference names another order already, which is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate(pub u64);

/// What comes due.
enum Due {
    Ends(u64, End),
    Tell(Box<Callback>),
}

/// Everything behind the lock.
#[derive(Default)]
pub struct State {
    /// What can be switched.
    pub switches: Switches,
    /// Who has how much.
    pub wallets: Wallets,
    /// Every order.
    pub book: Book,
    /// MTN's API users.
    pub users: Users,
    /// Tokens by their text.
    pub tokens: FxHashMap<String, Token>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What arrived, oldest first.
    pub requests: VecDeque<Seen>,
    /// What was called back, oldest first.
    pub told: VecDeque<Told>,
    /// What is wrong with the statements.
    pub discrepancies: Vec<Discrepancy>,
    /// When each key asked for a status in the last second.
    pub asked: FxHashMap<String, VecDeque<Timestamp>>,
    due: BTreeMap<(Timestamp, u64), Due>,
    outgoing: Vec<Callback>,
    counted: u64,
}

/// The world.
pub struct World {
    state: Mutex<State>,
    offset_ms: AtomicI64,
    wake: Notify,
    outbox: mpsc::Sender<Callback>,
    first: Switches,
    /// What Airtel decrypts with; made when it is first needed, since that takes a while.
    pub rsa: OnceLock<rsa::RsaPrivateKey>,
}

impl World {
    /// A new one, and what it wants to call back.
    pub fn new(switches: Switches) -> (Self, mpsc::Receiver<Callback>) {
        let (outbox, calls) = mpsc::channel(OUTBOX_MAX);
        let state = State { switches: switches.clone(), ..State::default() };
        let (wake, rsa) = (Notify::new(), OnceLock::new());
        let world = Self { state: Mutex::new(state), offset_ms: AtomicI64::new(0), wake, outbox, first: switches, rsa };
        (world, calls)
    }

    /// The time in this world.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(clock::now().as_millis().saturating_add(self.offset_ms.load(Ordering::Relaxed)))
    }

    /// Lets time pass; what comes due has happened when this returns.
    pub fn advance(&self, span: Span) {
        self.offset_ms.fetch_add(span.as_millis(), Ordering::Relaxed);
        self.with(|_, _| ());
        self.wake.notify_one();
    }

    /// As in the beginning, the time and the switches included. Where callbacks of the portal go is kept: it is about the
    /// customer, not about the world.
    pub fn reset(&self) {
        self.offset_ms.store(0, Ordering::Relaxed);
        let first = self.first.clone();
        self.with(|state, _| {
            let Switches { airtel_callback_url, card_callback_url, .. } = std::mem::take(&mut state.switches);
            let switches = Switches { airtel_callback_url, card_callback_url, ..first };
            *state = State { switches, ..State::default() };
        });
    }

    /// Does something with the world as it is now.
    pub fn with<T>(&self, act: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.now();
        let (value, is_due_sooner) = {
            let mut state = self.lock();
            let before = state.next_due();
            state.settle(now);
            let value = act(&mut state, now);
            for callback in state.outgoing.drain(..) {
                // A full outbox loses callbacks, as the real thing does.
                let _ = self.outbox.try_send(callback);
            }
            (value, state.next_due() != before)
        };
        if is_due_sooner {
            self.wake.notify_one();
        }
        value
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_due(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    fn settle(&mut self, now: Timestamp) {
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((at, _), due) = entry.remove_entry();
            match due {
                Due::Ends(number, end) => self.finish(number, end, at),
                Due::Tell(callback) => self.outgoing.push(*callback),
            }
        }
    }

    fn at(&mut self, at: Timestamp, due: Due) {
        self.counted += 1;
        self.due.insert((at, self.counted), due);
    }

    /// Takes an order. What ends at once has ended when this returns.
    ///
    /// # Errors
    /// The order that has the reference already.
    pub fn submit(&mut self, order: Order, now: Timestamp) -> Result<u64, Duplicate> {
        let Order { provider, tenant, product, kind, flow, plan, reference, amount, .. } = order;
        let family = Family { provider, tenant: &Arc::clone(&tenant), name: order.family };
        if let Some(known) = self.book.find(family, &reference) {
            return Err(Duplicate(known.number));
        }
        let number = self.book.next_number();
        let moves = if plan.is_off { Amount(amount.0 + OFF_BY.0) } else { amount };
        let transaction = Transaction {
            number,
            provider,
            tenant,
            product,
            kind,
            flow,
            reference,
            external_id: order.external_id,
            party: order.party,
            amount,
            moves,
            currency: order.currency,
            status: if plan.is_created { Status::Created } else { Status::Pending },
            visible_from: now + plan.hidden,
            is_ambiguous: plan.is_ambiguous,
            lies: plan.lies,
            provider_reference: provider_reference(provider, number),
            fee: Amount(0),
            created: now,
            ended: None,
            callback: order.callback,
            original: order.original,
            given_back: Amount(0),
            body: order.body,
        };
        self.book.insert(family, transaction);
        if let Some(original) = order.original.and_then(|original| self.book.get_mut(original)) {
            original.given_back.0 += amount.0;
        }
        if let Some(reason) = plan.contradiction.filter(|_| self.switches.callbacks_contradict) {
            self.announce(number, Status::Failed(reason), now);
        }
        match plan.ends {
            Some((Span::ZERO, end)) => self.finish(number, end, now),
            Some((after, end)) => self.at(now + after, Due::Ends(number, end)),
            None => {}
        }
        Ok(number)
    }

    /// Ends an order now, if it has not ended.
    pub fn finish(&mut self, number: u64, end: End, at: Timestamp) {
        let Some(transaction) = self.book.get(number).filter(|transaction| !transaction.status.is_over()) else {
            return;
        };
        let fee = match transaction.flow {
            Flow::In if transaction.currency != "EUR" => transaction.moves.share(self.switches.fee_basis_points),
            Flow::Out if transaction.currency != "EUR" => Amount::whole(i64::from(self.switches.payout_fee)),
            _ => Amount(0),
        };
        let movement = Movement {
            msisdn: &transaction.party,
            account: AccountKey {
                provider: transaction.provider,
                tenant: Arc::clone(&transaction.tenant),
                product: transaction.product,
                currency: transaction.currency,
            },
            amount: transaction.moves,
            fee,
            kind: transaction.kind,
            reference: &transaction.reference,
            external_id: &transaction.external_id,
            at,
        };
        let moved = match (end, transaction.flow) {
            (End::Failure(reason), _) => Err(reason),
            (End::Success, Flow::In) => self.wallets.charge(movement),
            (End::Success, Flow::Out) => self.wallets.pay(movement, false),
            (End::Success, Flow::Back) => self.wallets.pay(movement, true),
            (End::Success, Flow::Nowhere) => Ok(()),
        };
        let status = match moved {
            Ok(()) => Status::Successful,
            Err(reason) => Status::Failed(reason),
        };
        let lies = transaction.lies;
        self.close(number, status, fee, at);
        let said = if lies { Status::Failed("INTERNAL_PROCESSING_ERROR") } else { status };
        self.announce(number, said, at);
    }

    /// Withdraws an order that has not ended; says whether it could.
    pub fn cancel(&mut self, number: u64, at: Timestamp) -> bool {
        let is_open = self.book.get(number).is_some_and(|transaction| !transaction.status.is_over());
        if is_open {
            self.close(number, Status::Cancelled, Amount(0), at);
        }
        is_open
    }

    fn close(&mut self, number: u64, status: Status, fee: Amount, at: Timestamp) {
        let Some(transaction) = self.book.get_mut(number) else { return };
        (transaction.status, transaction.ended) = (status, Some(at));
        let (original, amount) = (transaction.original, transaction.amount);
        if status == Status::Successful {
            transaction.fee = fee;
        } else if let Some(original) = original.and_then(|original| self.book.get_mut(original)) {
            original.given_back.0 -= amount.0;
        }
    }

    /// A token that is good for `lifetime`.
    pub fn mint(&mut self, text: String, token: Token, now: Timestamp) -> String {
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.retain(|_, token| token.expires > now);
            if self.tokens.len() >= TOKENS_MAX {
                self.tokens.clear();
            }
        }
        self.tokens.insert(text.clone(), token);
        text
    }

    /// What a token is good for now.
    pub fn token(&self, text: &str, now: Timestamp) -> Option<&Token> {
        self.tokens.get(text).filter(|token| token.expires > now)
    }
}

/// The provider's name of an order: unlike those of another run of this program, and in the provider's style.
fn provider_reference(provider: Provider, number: u64) -> String {
    let random = Uuid::new_v4().as_u128();
    match provider {
        // MTN's are plain numbers.
        Provider::Mtn => format!(
            "{:011}",
            10_000_000_000 + random % 80_000_000_000 / 1_000_000 * 1_000_000 + u128::from(number) % 1_000_000
        ),
        Provider::Airtel => format!("MP{:06X}.{:04}.{number:06}", random % 0x0100_0000, (random >> 64) % 10_000),
        Provider::Card => format!("ch_{:012x}{number:06}", random % 0x0001_0000_0000_0000),
    }
}
