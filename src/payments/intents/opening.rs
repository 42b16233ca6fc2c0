//! Opening intents: many at once in one transaction, since every completed ride is one.
//!
//! Separate because of its speed. Callers at the same time share a commit: whoever gets the turn takes what others have
//! laid down meanwhile.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use super::wallets::LOOKUPS_MAX;
use super::{Intent, IntentState, Tender};
use crate::error::Error;
use crate::ids::{RiderId, UserId};
use crate::jobs::{New, NewJob};
use crate::money::Francs;
use crate::notifications::{Key, Params, PostNotice};
use crate::payments::attempt::NewAttempt;
use crate::payments::breaker::Call;
use crate::payments::effects::Effects;
use crate::payments::engine;
use crate::payments::intent::{NewIntent, Purpose};
use crate::payments::jobs::{ChargeCancellation, SettleRide};
use crate::payments::method::PaymentMethod;
use crate::payments::providers::{AttemptId, Operation, Reason};
use crate::payments::{Payments, Settled, promotions, store};
use crate::phone::Phone;
use crate::time::Timestamp;

/// Intents of one transaction.
const BATCH_MAX: usize = 64;

type Asked = (NewIntent, oneshot::Sender<Result<Settled, Error>>);

/// What is to be opened, and whose turn it is.
#[derive(Debug)]
pub struct Opener {
    waiting: Mutex<Vec<Asked>>,
    turn: tokio::sync::Mutex<()>,
    /// Of wallets: see `wallets`.
    pub(super) lookups: Semaphore,
}

impl Default for Opener {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default(), lookups: Semaphore::new(LOOKUPS_MAX) }
    }
}

/// What an intent of a batch needs that is looked up outside of the transaction.
struct Ready {
    new: NewIntent,
    wallet: Option<Phone>,
}

impl Payments {
    /// Opens the intent of a completed ride, unless it is open already.
    ///
    /// # Errors
    /// When the database is away; it is safe to try again.
    pub async fn open_ride(&self, ride: &SettleRide, rider: RiderId, now: Timestamp) -> Result<Settled, Error> {
        if ride.fare_rwf <= Francs::ZERO {
            return Ok(Settled::NothingToPost);
        }
        let split = self.split_of(ride).await?;
        let new = NewIntent {
            purpose: Purpose::Ride,
            ride: ride.ride_id,
            payer: rider,
            driver: Some(ride.driver_id),
            split,
            method: ride.payment_method,
            plan: ride.plan.clone(),
            at: ride.completed_at,
        };
        self.open_intent(&new, now).await
    }

    /// Opens the intent of a ride that was called off, unless it is open already.
    ///
    /// # Errors
    /// When the database is away; it is safe to try again.
    pub async fn open_cancellation(&self, fee: &ChargeCancellation, now: Timestamp) -> Result<Settled, Error> {
        if fee.fee_rwf <= Francs::ZERO {
            return Ok(Settled::NothingToPost);
        }
        let compensation = if fee.driver_id.is_some() { fee.compensation_rwf } else { Francs::ZERO };
        let split = self.cancellation_split(fee.fee_rwf, compensation, &fee.ride_type, fee.at).await?;
        let new = NewIntent {
            purpose: Purpose::Cancellation,
            ride: fee.ride_id,
            payer: fee.rider_id,
            driver: fee.driver_id,
            split,
            method: fee.payment_method,
            plan: fee.plan.clone(),
            at: fee.at,
        };
        self.open_intent(&new, now).await
    }

    /// From now on this is owed: once for each ride and purpose. It is paid at once as far as promotions, credit or cash
    /// do, and a provider is asked for the rest.
    ///
    /// # Errors
    /// When the database is away; it is safe to try again.
    pub async fn open_intent(&self, new: &NewIntent, now: Timestamp) -> Result<Settled, Error> {
        if new.split.amount() <= Francs::ZERO {
            return Ok(Settled::NothingToPost);
        }
        let (answer, mut answered) = oneshot::channel();
        self.opener.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((new.clone(), answer));
        loop {
            let turn = tokio::select! {
                biased;
                answered = &mut answered => return answered.unwrap_or_else(|_| Err(cut_off())),
                turn = self.opener.turn.lock() => turn,
            };
            let batch: Vec<Asked> = {
                let mut waiting = self.opener.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = waiting.len().min(BATCH_MAX);
                waiting.drain(..taken).collect()
            };
            if !batch.is_empty() {
                self.open_batch(batch, now).await;
            }
            drop(turn);
        }
    }

    async fn open_batch(&self, batch: Vec<Asked>, now: Timestamp) {
        let (news, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.open_together(&news, now).await {
            Ok(all) => {
                for (answer, settled) in answers.into_iter().zip(all) {
                    // Whoever asked is gone: it is done all the same.
                    let _ = answer.send(Ok(settled));
                }
            }
            Err(error) if news.len() == 1 => {
                if let Some(answer) = answers.into_iter().next() {
                    let _ = answer.send(Err(error));
                }
            }
            // One that is poison holds nobody up.
            Err(_) => {
                for (new, answer) in news.iter().zip(answers) {
                    let one = self.open_together(std::slice::from_ref(new), now).await;
                    let _ = answer.send(one.map(|all| all.first().copied().unwrap_or(Settled::AlreadyPosted)));
                }
            }
        }
    }

    async fn open_together(&self, news: &[NewIntent], now: Timestamp) -> Result<Vec<Settled>, Error> {
        let ready = try_join_all(news.iter().map(|new| self.ready(new))).await?;
        let mut transaction = self.pool.begin().await?;
        let rows: Vec<_> = news.iter().map(|new| (Uuid::now_v7(), new)).collect();
        let created = store::intents::insert(&mut transaction, &rows, now).await?;
        let payers: Vec<UserId> = news.iter().filter(|new| new.plan.uses_credit).map(|new| new.payer.into()).collect();
        let mut credit = store::intents::lock_credit(&mut transaction, &payers).await?;
        let mut opened = Opened {
            now,
            intents: Vec::new(),
            captures: Vec::new(),
            attempts: Vec::new(),
            effects: Effects::default(),
        };
        for ((id, _), ready) in rows.iter().zip(&ready) {
            if created.contains(id) {
                let plan = &ready.new.plan;
                let free = promotions::redeem(&mut transaction, plan.promotion, &ready.new, now).await?;
                self.open_one(*id, ready, free, &mut credit, &mut opened)?;
            }
        }
        let Opened { intents, captures, attempts, effects, .. } = opened;
        store::intents::update(&mut transaction, &intents, now).await?;
        store::intents::insert_captures(&mut transaction, &captures, now).await?;
        engine::prepare(&mut transaction, &self.parts.vault, &attempts, now).await?;
        let tidings = effects.write(&mut transaction, now).await?;
        transaction.commit().await?;
        if !attempts.is_empty() {
            self.shared.woken.notify_one();
        }
        for tiding in &tidings {
            (self.parts.tell)(tiding);
        }
        let settled = |id: &Uuid| if created.contains(id) { Settled::Posted } else { Settled::AlreadyPosted };
        Ok(rows.iter().map(|(id, _)| settled(id)).collect())
    }

    async fn ready(&self, new: &NewIntent) -> Result<Ready, Error> {
        let wallet = match new.method.provider() {
            Some(provider) => match self.wallet_of(new.payer.into(), provider, new.plan.saved_method).await {
                // A wallet that was chosen at booking and is gone: what is owed is owed, and the rider chooses again.
                Err(Error::Invalid(_)) => None,
                found => found?,
            },
            None => None,
        };
        Ok(Ready { new: new.clone(), wallet })
    }

    fn open_one(
        &self,
        id: Uuid,
        ready: &Ready,
        free: Francs,
        credit: &mut BTreeMap<UserId, Francs>,
        opened: &mut Opened,
    ) -> Result<(), Error> {
        let (new, now) = (&ready.new, opened.now);
        let mut intent = Intent {
            id,
            purpose: new.purpose,
            ride: new.ride,
            payer: new.payer,
            driver: new.driver,
            split: new.split,
            paid: Francs::ZERO,
            state: IntentState::RequiresPayment,
            method: new.method,
            created_at: now,
            succeeded_at: None,
        };
        let free = free.min(intent.outstanding());
        if free > Francs::ZERO {
            let capture = intent.capture(Tender::Promotion, free, now, &mut opened.effects);
            opened.captures.push(capture.map_err(Error::internal)?);
        }
        if new.plan.uses_credit
            && intent.outstanding() > Francs::ZERO
            && let Some(left) = credit.get_mut(&new.payer.into())
            && *left > Francs::ZERO
        {
            let used = (*left).min(intent.outstanding());
            let capture = intent.capture(Tender::Credit, used, now, &mut opened.effects).map_err(Error::internal)?;
            *left = left.checked_sub(used).unwrap_or(Francs::ZERO);
            opened.captures.push(capture);
        }
        let rest = intent.outstanding();
        let mut failure = None;
        if rest > Francs::ZERO {
            match new.method.provider() {
                // In the street: a fee for a ride that was called off is paid another time.
                None if new.driver.is_some() && new.purpose != Purpose::Cancellation => {
                    let paid = intent.capture(Tender::Cash, rest, new.at, &mut opened.effects);
                    opened.captures.push(paid.map_err(Error::internal)?);
                }
                None => {}
                Some(provider) => {
                    let is_down = self.shared.breakers.is_open(provider, Operation::Collection, Call::Submit, now)
                        || self.parts.providers.get(provider).is_none();
                    if is_down || (new.method != PaymentMethod::Card && ready.wallet.is_none()) {
                        failure = Some(if is_down { Reason::Unavailable } else { Reason::InvalidPayer }.as_str());
                    } else {
                        intent.state = IntentState::Processing;
                        opened.attempts.push(NewAttempt {
                            id: AttemptId::fresh(),
                            operation: Operation::Collection,
                            provider,
                            subject: id,
                            person: new.payer.into(),
                            amount: rest,
                            wallet: ready.wallet,
                            refunds: None,
                        });
                        if ready.wallet.is_some() && self.parts.config.tells_of_success {
                            opened.effects.jobs.push(requested(&intent, rest, now)?);
                        }
                    }
                }
            }
        }
        intent.tell(failure, now, &mut opened.effects);
        opened.intents.push(intent);
        Ok(())
    }
}

/// What a batch comes to.
struct Opened {
    now: Timestamp,
    intents: Vec<Intent>,
    captures: Vec<super::NewCapture>,
    attempts: Vec<NewAttempt>,
    effects: Effects,
}

/// The prompt comes from the provider; this says what it is for.
pub(super) fn requested(intent: &Intent, amount: Francs, now: Timestamp) -> Result<NewJob, Error> {
    let params = Params::from([
        ("amount".to_owned(), amount.amount().to_string()),
        ("wallet".to_owned(), wallet_name(intent.method).to_owned()),
    ]);
    let notice = PostNotice { user: intent.payer.into(), key: Key::PaymentRequested, params };
    Ok(NewJob::of(&notice, New::at(now))?)
}

const fn wallet_name(method: PaymentMethod) -> &'static str {
    match method {
        PaymentMethod::MtnMomo => "MTN MoMo",
        PaymentMethod::AirtelMoney => "Airtel Money",
        PaymentMethod::Card | PaymentMethod::Cash => "",
    }
}

/// The one whose turn it was went away, with everybody's.
fn cut_off() -> Error {
    Error::Unavailable { retry_after: crate::time::Span::from_secs(1), cause: None }
}
