//! Money given back, and adjustments: what one admin proposes and another decides.
//!
//! Separate because here people move money by hand. A refund is of one collection, whole or in part, to the wallet it came
//! from or as credit; who bears it is decided with it.
//!
//! ```text
//! proposed → rejected
//!         ↘ in_flight → done | failed          (to the wallet)
//!         ↘ done                               (as credit)
//! ```
//!
//! Invariants: what is given back of a collection is never more than it paid for, however many propose at once; a refund is
//! never given back itself; nobody decides what they proposed, nor what concerns them; the money is set aside before a
//! provider hears of it, and put back only when the provider says that it will never arrive.

pub mod adjustments;
pub mod http;
mod outcome;
mod store;

#[cfg(test)]
mod tests;

use ring::digest::{SHA256, digest};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::NewAttempt;
use super::engine;
use super::ledger::{Account, Posting, Transfer};
use super::method::ProviderId;
use super::providers::{AttemptId, Operation};
use super::store::NewTransaction;
use super::{Payments, REASON_CHARS_MAX};
use crate::audit::{self, Act};
use crate::error::{Checks, Error};
use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::jobs;
use crate::money::Francs;
use crate::notifications::{self, Key};
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::web::IdempotencyKey;
use crate::web::page::{Page, PageRequest, Position};

pub(super) use outcome::ended;

/// Where a refund goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// To the wallet or card it came from.
    Wallet,
    /// To the rider's credit.
    Credit,
}

impl Destination {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Credit => "credit",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Wallet, Self::Credit].into_iter().find(|destination| destination.as_str() == name)
    }
}

/// Who bears a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// We do.
    Platform,
    /// The driver of the ride; it may leave a debt.
    Driver,
}

impl Bearer {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Driver => "driver",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Platform, Self::Driver].into_iter().find(|bearer| bearer.as_str() == name)
    }
}

/// Where a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Another admin has to decide.
    Proposed,
    /// The provider is asked.
    InFlight,
    /// The rider has it.
    Done,
    /// The provider did not do it and never will.
    Failed,
    /// Another admin said no.
    Rejected,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Proposed, Self::InFlight, Self::Done, Self::Failed, Self::Rejected];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::InFlight => "in_flight",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Which.
    pub id: Uuid,
    /// What it gives back of.
    pub collection: AttemptId,
    /// What that paid.
    pub intent: Uuid,
    /// For which ride.
    pub ride: RideId,
    /// To whom.
    pub rider: UserId,
    /// Who drove.
    pub driver: Option<DriverId>,
    /// How much.
    pub amount: Francs,
    /// Where to.
    pub destination: Destination,
    /// Who bears it.
    pub bearer: Bearer,
    /// Why.
    pub reason: String,
    /// Where it is.
    pub state: State,
    /// Why it failed, in our words.
    pub failure: Option<String>,
    /// The last order to the provider.
    pub attempt: Option<Uuid>,
    /// How often a provider was asked.
    pub tries: i32,
    /// Who wants it.
    pub proposed_by: UserId,
    /// Since when.
    pub proposed_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// And why.
    pub decision: Option<String>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// A collection that money can be given back of.
#[derive(Clone, Debug)]
pub(super) struct Collected {
    attempt: AttemptId,
    provider: ProviderId,
    /// What the provider moved, and what of it paid for something; the rest is credit already.
    amount: Francs,
    applied: Francs,
    /// Given back already, or to be.
    given_back: Francs,
    wallet: Option<Phone>,
    intent: Uuid,
    ride: RideId,
    rider: UserId,
    driver: Option<DriverId>,
}

/// A refund as an admin proposes it.
#[derive(Clone, Debug)]
pub struct NewRefund {
    /// Of which collection.
    pub collection: AttemptId,
    /// How much; all that is left when left out.
    pub amount: Option<Francs>,
    /// Where to.
    pub destination: Destination,
    /// Who bears it.
    pub bearer: Bearer,
    /// Why.
    pub reason: String,
}

/// What the second admin says.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// So be it.
    Approve,
    /// No, and why.
    Reject(&'a str),
}

impl Decision<'_> {
    const fn is_yes(self) -> bool {
        matches!(self, Self::Approve)
    }

    fn why(self) -> Result<Option<String>, Error> {
        let Self::Reject(reason) = self else { return Ok(None) };
        let mut checks = Checks::new();
        let reason = checks.text("reason", reason, REASON_CHARS_MAX);
        checks.finish()?;
        Ok(Some(reason))
    }
}

/// What an admin's key stands for.
fn derived_id(what: &'static str, admin: UserId, key: &IdempotencyKey) -> Uuid {
    let mut text = what.as_bytes().to_vec();
    text.extend_from_slice(admin.0.as_bytes());
    text.extend_from_slice(key.0.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(&SHA256, &text).as_ref()[..16]);
    Uuid::new_v8(bytes)
}

fn key_reused() -> Error {
    Error::conflict("idempotency_key_reused", "this Idempotency-Key was used for something else")
}

fn already_decided() -> Error {
    Error::conflict("already_decided", "it was decided before")
}

/// Nobody decides what they proposed, or what concerns them.
fn four_eyes(admin: UserId, proposed_by: UserId, concerned: [Option<UserId>; 2]) -> Result<(), Error> {
    if admin == proposed_by {
        return Err(Error::forbidden("four_eyes", "another admin than the one who proposed it has to decide"));
    }
    if concerned.contains(&Some(admin)) {
        return Err(Error::forbidden("own_account", "nobody decides about their own account"));
    }
    Ok(())
}

/// The transfers of a hold; a void is their mirror.
fn set_aside(refund: &Refund) -> Result<Transfer, Error> {
    let debit = match (refund.bearer, refund.driver) {
        (Bearer::Driver, Some(driver)) => Account::DriverPayable(driver),
        (Bearer::Driver, None) => return Err(Error::internal("a refund that no driver bears")),
        (Bearer::Platform, _) => Account::Adjustments,
    };
    let credit = match refund.destination {
        Destination::Wallet => Account::RefundsInFlight,
        Destination::Credit => Account::RiderCredit(refund.rider),
    };
    Ok(Transfer { debit, credit, amount: refund.amount })
}

fn head(refund: &Refund, what: &str, memo: &'static str, at: Timestamp) -> NewTransaction {
    NewTransaction { cause: format!("refund:{}:{what}", refund.id), ride: Some(refund.ride), at, memo }
}

/// As what a provider is asked: Airtel gives back only all of a collection, so a part is a payment of ours.
fn operation(collected: &Collected, refund: &Refund) -> Operation {
    let is_whole = refund.amount == collected.amount;
    if collected.provider == ProviderId::Airtel && !is_whole { Operation::Payout } else { Operation::Refund }
}

impl Payments {
    /// An admin proposes a refund. The same key again meets the same one.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::NotFound`] for an attempt that is none; conflicts `not_refundable`,
    /// `more_than_collected`, `idempotency_key_reused`.
    pub async fn propose_refund(
        &self,
        admin: UserId,
        key: &IdempotencyKey,
        new: &NewRefund,
        now: Timestamp,
    ) -> Result<Refund, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", &new.reason, REASON_CHARS_MAX);
        if let Some(amount) = new.amount {
            checks.require(amount > Francs::ZERO, "amount_rwf", amount.amount(), "is not positive");
        }
        checks.finish()?;
        let id = derived_id("refund", admin, key);
        let mut transaction = self.pool.begin().await?;
        let collected = store::collected(&mut transaction, &self.parts.vault, new.collection).await?;
        let Some(collected) = collected else {
            if store::attempt_exists(&mut transaction, new.collection).await? {
                let text = "only a collection whose money arrived can be given back, never a refund or a payout";
                return Err(Error::conflict("not_refundable", text));
            }
            return Err(Error::NotFound { what: "collection" });
        };
        let refund = match store::lock(&mut transaction, id).await? {
            Some(known) => {
                let is_same = (known.collection, known.destination, known.bearer)
                    == (new.collection, new.destination, new.bearer)
                    && new.amount.is_none_or(|amount| amount == known.amount);
                if !is_same {
                    return Err(key_reused());
                }
                known
            }
            None => self.proposal(&mut transaction, &collected, new, (id, admin, reason), now).await?,
        };
        let act = Act {
            whose: Some(refund.rider),
            why: Some(&refund.reason),
            detail: json!({ "amount_rwf": refund.amount.amount(), "bearer": refund.bearer.as_str() }),
            ..Act::of_admin(admin, "refunds.proposed").on("refund", id)
        };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(refund)
    }

    async fn proposal(
        &self,
        conn: &mut PgConnection,
        collected: &Collected,
        new: &NewRefund,
        (id, admin, reason): (Uuid, UserId, String),
        now: Timestamp,
    ) -> Result<Refund, Error> {
        let left = collected.applied.checked_sub(collected.given_back).unwrap_or(Francs::ZERO);
        let amount = new.amount.unwrap_or(left);
        if amount > left || left <= Francs::ZERO {
            let text = format!("{left} of this collection can still be given back");
            return Err(Error::conflict("more_than_collected", text));
        }
        if new.bearer == Bearer::Driver && collected.driver.is_none() {
            return Err(Error::invalid("bearer", "driver", "had no part in this"));
        }
        if new.destination == Destination::Wallet && self.parts.providers.get(collected.provider).is_none() {
            let text = format!("{} is not set up here; give it back as credit", collected.provider.as_str());
            return Err(Error::conflict("provider_unavailable", text));
        }
        let refund = Refund {
            id,
            collection: collected.attempt,
            intent: collected.intent,
            ride: collected.ride,
            rider: collected.rider,
            driver: collected.driver,
            amount,
            destination: new.destination,
            bearer: new.bearer,
            reason,
            state: State::Proposed,
            failure: None,
            attempt: None,
            tries: 0,
            proposed_by: admin,
            proposed_at: now,
            decided_by: None,
            decided_at: None,
            decision: None,
            finished_at: None,
        };
        if store::insert(conn, &refund).await? { Ok(refund) } else { Err(key_reused()) }
    }

    /// Another admin decides a refund.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::Forbidden`] for who proposed it and for whom it concerns; conflict
    /// `already_decided`.
    pub async fn decide_refund(
        &self,
        admin: UserId,
        id: Uuid,
        decision: Decision<'_>,
        now: Timestamp,
    ) -> Result<Refund, Error> {
        let why = decision.why()?;
        let mut transaction = self.pool.begin().await?;
        let found = store::lock(&mut transaction, id).await?;
        let mut refund = found.ok_or(Error::NotFound { what: "refund" })?;
        let driver = refund.driver.map(|driver| UserId::from(driver.0));
        four_eyes(admin, refund.proposed_by, [Some(refund.rider), driver])?;
        if refund.state != State::Proposed {
            return Err(already_decided());
        }
        refund.decided_by = Some(admin);
        refund.decided_at = Some(now);
        refund.decision.clone_from(&why);
        if decision.is_yes() {
            let posting = Posting::new(&[set_aside(&refund)?]).map_err(Error::internal)?;
            super::store::post(&mut transaction, &head(&refund, "hold", "refund", now), &posting).await?;
            match refund.destination {
                Destination::Credit => {
                    refund.state = State::Done;
                    refund.finished_at = Some(now);
                    store::update(&mut transaction, &refund).await?;
                }
                Destination::Wallet => self.send_refund(&mut transaction, &mut refund, None, now).await?,
            }
            let params =
                [("amount".to_owned(), refund.amount.amount().to_string()), ("ref".to_owned(), short(refund.ride))];
            let new = jobs::New::at(now);
            notifications::tell(&mut transaction, refund.rider, Key::RefundApproved, params.into(), new).await?;
        } else {
            refund.state = State::Rejected;
            refund.finished_at = Some(now);
            store::update(&mut transaction, &refund).await?;
        }
        let action = if decision.is_yes() { "refunds.approved" } else { "refunds.rejected" };
        let act =
            Act { whose: Some(refund.rider), why: why.as_deref(), ..Act::of_admin(admin, action).on("refund", id) };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(refund)
    }

    /// Has the provider asked, as a refund or as a payment of ours. The caller holds the refund's lock.
    async fn send_refund(
        &self,
        conn: &mut PgConnection,
        refund: &mut Refund,
        wanted: Option<Operation>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let collected = store::collected(conn, &self.parts.vault, refund.collection).await?;
        let collected = collected.ok_or_else(|| Error::internal("a refund of what was not collected"))?;
        let operation = wanted.unwrap_or_else(|| operation(&collected, refund));
        let attempt = NewAttempt {
            id: AttemptId::fresh(),
            operation,
            provider: collected.provider,
            subject: refund.id,
            person: refund.rider,
            amount: refund.amount,
            wallet: collected.wallet,
            refunds: Some(refund.collection).filter(|_| operation == Operation::Refund),
        };
        refund.state = State::InFlight;
        refund.attempt = Some(attempt.id.0);
        refund.tries += 1;
        store::update(conn, refund).await?;
        engine::prepare(conn, &self.parts.vault, &[attempt], now).await
    }

    /// Sends a refund that the provider did not take as one as a payment of ours. Sent before, it stays as it is.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn resend_refund(&self, id: Uuid, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        let found = store::lock(&mut transaction, id).await?;
        let waits = |refund: &Refund| refund.state == State::InFlight && refund.attempt.is_none();
        let Some(mut refund) = found.filter(waits) else { return Ok(()) };
        self.send_refund(&mut transaction, &mut refund, Some(Operation::Payout), now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What a rider was given back, newest first; what is only proposed or was rejected is not theirs to see.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn refunds_of(&self, rider: RiderId, page: &PageRequest) -> Result<Page<Refund>, Error> {
        let rows = store::list(&self.pool, Some(UserId::from(rider.0)), None, page).await?;
        let mut page = Page::new(rows, page, Refund::position);
        page.items.retain(|refund| !matches!(refund.state, State::Proposed | State::Rejected));
        Ok(page)
    }

    /// Refunds, newest first, shown to an admin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn refunds_listed(
        &self,
        admin: UserId,
        state: Option<State>,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Refund>, Error> {
        let rows = store::list(&self.pool, None, state, page).await?;
        let page = Page::new(rows, page, Refund::position);
        let whose: Vec<_> = page.items.iter().map(|refund| refund.rider).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "refunds.listed"), &whose, now).await?;
        Ok(page)
    }
}

impl Refund {
    fn position(&self) -> Position {
        Position { at: self.proposed_at, id: self.id }
    }
}

/// A ride as people are told of it: the end of its id.
fn short(ride: RideId) -> String {
    let text = ride.0.simple().to_string();
    text[text.len() - 6..].to_uppercase()
}
