//! What people do about an intent: pay it or a part of it, choose cash, say that cash was received, look at it.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::opening::requested;
use super::{Intent, IntentState, Tender};
use crate::error::{Error, Fault};
use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::money::Francs;
use crate::payments::attempt::NewAttempt;
use crate::payments::breaker::Call;
use crate::payments::effects::Effects;
use crate::payments::engine;
use crate::payments::intent::Purpose;
use crate::payments::method::{PaymentMethod, ProviderId};
use crate::payments::providers::{AttemptId, Operation};
use crate::payments::{Payments, store};
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::web::IdempotencyKey;

/// Debts that are shown.
const SHOWN_MAX: i64 = 100;

/// Who looks at the payment of a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Who owes, or who drove.
    Party(UserId),
    /// An admin.
    Admin(UserId),
}

/// What a rider wants to pay now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayRide {
    /// By whom; not cash.
    pub method: PaymentMethod,
    /// One of the rider's saved wallets.
    pub saved_method: Option<Uuid>,
    /// Another wallet's number, for this time.
    pub phone: Option<Phone>,
    /// A part; all of it when left out.
    pub amount: Option<Francs>,
}

/// An intent with what paid it and how it was tried.
#[derive(Clone, Debug)]
pub struct Paying {
    /// What is owed.
    pub intent: Intent,
    /// What paid it, oldest first.
    pub captures: Vec<CaptureShown>,
    /// How it was tried, newest first.
    pub attempts: Vec<AttemptShown>,
}

/// A piece as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct CaptureShown {
    /// `cash`, `mtn`, `airtel`, `card`, `credit` or `promotion`.
    pub tender: String,
    /// What it paid, in francs.
    pub amount_rwf: i64,
    /// What became the rider's credit because nothing was owed any more, in francs.
    pub surplus_rwf: i64,
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
}

/// An attempt as it is shown to who owes and who drove.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AttemptShown {
    /// Which.
    pub id: Uuid,
    /// `mtn`, `airtel` or `card`.
    pub provider: String,
    /// How much is asked, in francs.
    pub amount_rwf: i64,
    /// The wallet, masked.
    pub wallet: Option<String>,
    /// `prepared`, `submitting`, `pending`, `unresolved`, `succeeded`, `failed`, `rejected` or `integrity_failure`.
    pub state: String,
    /// Where the payer is to go, of a card.
    pub page_url: Option<String>,
    /// Why not, in a word.
    pub failure: Option<String>,
    /// Since when.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub created_at: Timestamp,
}

/// What a rider owes.
#[derive(Clone, Debug)]
pub struct Outstanding {
    /// Oldest first, the first hundred.
    pub intents: Vec<Intent>,
    /// Of these, what nobody is being asked for now.
    pub debt: Francs,
}

impl Payments {
    /// What is owed for a ride and how it was paid, for those who may know.
    ///
    /// # Errors
    /// [`Error::NotFound`] before anything is owed, and for everybody else.
    pub async fn of_ride(&self, ride: RideId, who: Who) -> Result<Vec<Paying>, Error> {
        let mut intents = store::intents::of_ride(&self.pool, ride).await?;
        if let Who::Party(user) = who {
            intents
                .retain(|intent| UserId::from(intent.payer) == user || intent.driver.map(UserId::from) == Some(user));
        }
        if intents.is_empty() {
            return Err(Error::NotFound { what: "payment" });
        }
        let ids: Vec<_> = intents.iter().map(|intent| intent.id).collect();
        let captures = store::intents::captures(&self.pool, &ids).await?;
        let attempts = store::intents::attempts(&self.pool, &self.parts.vault, &ids).await?;
        let of = |intent: Intent| {
            // The number of the rider's wallet, even masked, and the rider's page are the rider's.
            let is_payer = who != Who::Party(intent.driver.map_or(UserId(Uuid::nil()), UserId::from));
            let captures = captures.iter().filter(|(id, _)| *id == intent.id).map(|(_, capture)| capture.clone());
            let attempts = attempts.iter().filter(|(id, _)| *id == intent.id).map(|(_, attempt)| AttemptShown {
                wallet: attempt.wallet.clone().filter(|_| is_payer),
                page_url: attempt.page_url.clone().filter(|_| is_payer),
                ..attempt.clone()
            });
            let (captures, attempts) = (captures.collect(), attempts.collect());
            Paying { intent, captures, attempts }
        };
        Ok(intents.into_iter().map(of).collect())
    }

    /// Asks a provider for what a rider owes of a ride, or for a part of it. The same key meets the same attempt.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `nothing_to_pay`, `payment_in_progress`, `idempotency_key_reused`, `provider_unavailable`;
    /// [`Error::Invalid`] for cash, an amount that is not owed, or when no number is known.
    pub async fn pay_ride(
        &self,
        ride: RideId,
        rider: RiderId,
        pay: &PayRide,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(provider) = pay.method.provider() else {
            let reason = "cash is chosen with /rides/{id}/payment/cash";
            return Err(Error::invalid("method", pay.method.as_str(), reason));
        };
        let id = derived(rider, ride, key);
        let wallet = match pay.phone {
            Some(phone) if provider != ProviderId::Card => Some(phone),
            _ => self.wallet_of(rider.into(), provider, pay.saved_method).await?,
        };
        let mut transaction = self.pool.begin().await?;
        let mut intents = store::intents::lock_of_ride(&mut transaction, ride).await?;
        intents.retain(|intent| intent.payer == rider);
        if intents.is_empty() {
            return Err(Error::NotFound { what: "payment" });
        }
        if let Some((subject, amount, by)) = store::intents::attempt_named(&mut transaction, id.0).await? {
            let is_same = by == provider.as_str()
                && pay.amount.is_none_or(|wanted| wanted.amount() == amount)
                && intents.iter().any(|intent| intent.id == subject);
            return if is_same { Ok(()) } else { Err(reused()) };
        }
        let intent = owed(&mut intents)?;
        if store::intents::has_open_attempt(&mut transaction, intent.id).await? {
            return Err(Error::conflict("payment_in_progress", "a payment of this ride is on its way"));
        }
        let outstanding = intent.outstanding();
        let amount = pay.amount.unwrap_or(outstanding);
        if amount <= Francs::ZERO || amount > outstanding {
            let reason = format!("must be from 1 to {} francs, what is owed", outstanding.amount());
            return Err(Error::Invalid(vec![Fault::new("amount_rwf", amount.amount(), reason)]));
        }
        if provider != ProviderId::Card && wallet.is_none() {
            return Err(Error::Invalid(vec![Fault::without_value("phone", "is needed: no wallet is known")]));
        }
        let is_down = self.shared.breakers.is_open(provider, Operation::Collection, Call::Submit, now);
        if is_down || self.parts.providers.get(provider).is_none() {
            return Err(Error::conflict(
                "provider_unavailable",
                "this provider cannot be reached now; choose another method",
            ));
        }
        (intent.state, intent.method) = (IntentState::Processing, pay.method);
        let attempt = NewAttempt {
            id,
            operation: Operation::Collection,
            provider,
            subject: intent.id,
            person: rider.into(),
            amount,
            wallet,
            refunds: None,
        };
        let mut effects = Effects::default();
        intent.tell(None, now, &mut effects);
        if wallet.is_some() && self.parts.config.tells_of_success {
            effects.jobs.push(requested(intent, amount, now)?);
        }
        let intent = intent.clone();
        engine::prepare(&mut transaction, &self.parts.vault, &[attempt], now).await?;
        self.commit(transaction, &[intent], effects, now).await?;
        self.shared.woken.notify_one();
        Ok(())
    }

    /// The rider wants to pay the driver in the street. A prompt that is still on a phone resolves on its own; if it is
    /// answered all the same, its money becomes credit.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `nothing_to_pay`.
    pub async fn choose_cash(&self, ride: RideId, rider: RiderId, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        let mut intents = store::intents::lock_of_ride(&mut transaction, ride).await?;
        intents.retain(|intent| intent.payer == rider);
        if intents.is_empty() {
            return Err(Error::NotFound { what: "payment" });
        }
        // A fee for a ride that was called off has nobody in the street to take it.
        intents.retain(|intent| intent.purpose == Purpose::Ride && intent.driver.is_some());
        let intent = owed(&mut intents)?;
        if intent.state == IntentState::CashDue {
            return Ok(());
        }
        (intent.state, intent.method) = (IntentState::CashDue, PaymentMethod::Cash);
        let mut effects = Effects::default();
        intent.tell(None, now, &mut effects);
        let intent = intent.clone();
        self.commit(transaction, &[intent], effects, now).await
    }

    /// The driver has what was still owed in the hand.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `nothing_to_pay`; `payment_in_progress` while the rider is asked by a provider and has not
    /// chosen cash.
    pub async fn cash_received(&self, ride: RideId, driver: DriverId, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        let mut intents = store::intents::lock_of_ride(&mut transaction, ride).await?;
        intents.retain(|intent| intent.driver == Some(driver) && intent.purpose == Purpose::Ride);
        if intents.is_empty() {
            return Err(Error::NotFound { what: "payment" });
        }
        let intent = owed(&mut intents)?;
        if intent.state == IntentState::Processing {
            let words = "the rider is being asked on the phone; cash is the rider's to choose";
            return Err(Error::conflict("payment_in_progress", words));
        }
        let mut effects = Effects::default();
        intent.method = PaymentMethod::Cash;
        let outstanding = intent.outstanding();
        let capture = intent.capture(Tender::Cash, outstanding, now, &mut effects).map_err(Error::internal)?;
        intent.tell(None, now, &mut effects);
        let intent = intent.clone();
        store::intents::insert_captures(&mut transaction, &[capture], now).await?;
        self.commit(transaction, &[intent], effects, now).await
    }

    async fn commit(
        &self,
        mut transaction: sqlx::Transaction<'_, sqlx::Postgres>,
        intents: &[Intent],
        effects: Effects,
        now: Timestamp,
    ) -> Result<(), Error> {
        store::intents::update(&mut transaction, intents, now).await?;
        let tidings = effects.write(&mut transaction, now).await?;
        transaction.commit().await?;
        for tiding in &tidings {
            (self.parts.tell)(tiding);
        }
        Ok(())
    }

    /// What a rider owes.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn outstanding(&self, rider: RiderId) -> Result<Outstanding, Error> {
        let intents = store::intents::open_of(&self.pool, rider, SHOWN_MAX).await?;
        Ok(Outstanding { intents, debt: store::intents::debt(&self.pool, rider).await? })
    }

    /// Refuses who owes more than riders may and still book.
    ///
    /// # Errors
    /// `payment_outstanding`; when the database is away.
    pub async fn refuse_indebted(&self, rider: RiderId) -> Result<(), Error> {
        let debt = store::intents::debt(&self.pool, rider).await?;
        if debt <= self.parts.config.outstanding_max {
            return Ok(());
        }
        let words = format!("{} francs of earlier rides are to be paid first", debt.amount());
        Err(Error::conflict("payment_outstanding", words))
    }
}

/// The one that is to be paid first: the ride, then a fee, then a tip.
fn owed(intents: &mut [Intent]) -> Result<&mut Intent, Error> {
    let open = intents.iter_mut().filter(|intent| intent.outstanding() > Francs::ZERO);
    let place = |intent: &&mut Intent| Purpose::ALL.iter().position(|purpose| *purpose == intent.purpose);
    open.min_by_key(place).ok_or_else(|| Error::conflict("nothing_to_pay", "nothing is owed for this ride any more"))
}

fn reused() -> Error {
    Error::conflict("idempotency_key_reused", "this key was used for another payment")
}

/// The attempt that a key of a rider stands for: a retry can only ever meet the same row. Looks random, as providers want.
fn derived(rider: RiderId, ride: RideId, key: &IdempotencyKey) -> AttemptId {
    let mut text = b"payment".to_vec();
    text.extend_from_slice(rider.0.as_bytes());
    text.extend_from_slice(ride.0.as_bytes());
    text.extend_from_slice(key.0.as_bytes());
    let hash = digest(&SHA256, &text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    AttemptId(uuid::Builder::from_random_bytes(bytes).into_uuid())
}
