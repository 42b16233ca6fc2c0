//! Money to drivers: at once on request, and every Monday.
//!
//! Separate because money leaves here for good. The driver's account is locked while a payout is made of it, and what is to
//! be paid is taken from the account before the provider hears of it; it is given back only when the provider says that it
//! will never arrive.
//!
//! ```text
//! requested → in_flight → paid | failed
//!         ↘ awaiting_approval → in_flight | cancelled | rejected
//!         ↘ held (our own money is short) → in_flight | cancelled
//! ```
//!
//! Invariants: what is owed to a driver never becomes less than nothing by a payout, however many ask at once; a driver has
//! one payout for a week; a large one leaves only after two admins other than the driver have said yes; a payout goes to the
//! wallet it was asked for, or to none; states at the end are never left.

mod books;
pub mod http;
pub mod jobs;
mod outcome;
mod store;
pub mod terms;
mod weekly;

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use ring::digest::{SHA256, digest};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::NewAttempt;
use super::cases::{self, NewCase, Severity};
use super::engine;
use super::ledger::{Account, Kind, Posting};
use super::method::ProviderId;
use super::methods::{self, PayoutWallet};
use super::providers::{AttemptId, Operation};
use super::store::NewTransaction;
use super::{Parts, Payments};
use crate::audit::{self, Act};
use crate::error::{Checks, Error};
use crate::ids::{DriverId, UserId};
use crate::money::Francs;
use crate::time::Timestamp;
use crate::web::IdempotencyKey;
use crate::web::page::{Page, PageRequest, Position};

use terms::{Owed, PayoutKind, WhyNot, judge_amount, judge_wallet};

#[allow(unused_imports, reason = "the engine calls it")]
pub(super) use outcome::ended;
pub use weekly::WeeklyRun;

/// Admins who have to say yes to a large one.
const APPROVALS: i64 = 2;

/// Where a payout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Two admins have to say yes.
    AwaitingApproval,
    /// Our own account has too little; it is sent once there is enough.
    Held,
    /// The provider is asked.
    InFlight,
    /// It arrived.
    Paid,
    /// It did not and never will; the money is the driver's again.
    Failed,
    /// The driver did not want it any more.
    Cancelled,
    /// An admin said no.
    Rejected,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::AwaitingApproval, Self::Held, Self::InFlight, Self::Paid, Self::Failed, Self::Cancelled, Self::Rejected];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Held => "held",
            Self::InFlight => "in_flight",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub driver: DriverId,
    /// Why it was made.
    pub kind: PayoutKind,
    /// The Monday of a weekly one.
    pub week: Option<NaiveDate>,
    /// What the driver receives.
    pub amount: Francs,
    /// What it costs, its tax included.
    pub fee: Francs,
    /// The tax in the fee.
    pub tax: Francs,
    /// Cash that was settled before.
    pub netted: Francs,
    /// Through whom.
    pub provider: ProviderId,
    /// The wallet it is for.
    pub wallet_index: Vec<u8>,
    /// Where it is.
    pub state: State,
    /// Why it failed or is held, in our words.
    pub failure: Option<String>,
    /// Why an admin said no.
    pub reason: Option<String>,
    /// The last order to the provider.
    pub attempt: Option<Uuid>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// How many admins have said yes.
    pub approvals: i64,
}

impl Payout {
    fn position(&self) -> Position {
        Position { at: self.requested_at, id: self.id }
    }

    /// What it takes from the driver's account.
    fn taken(&self) -> Francs {
        Francs(self.amount.amount().saturating_add(self.fee.amount()))
    }
}

/// What a payout would be.
#[derive(Clone, Debug)]
pub struct PayoutQuote {
    /// What would leave the driver's account.
    pub amount: Francs,
    /// What it would cost, its tax included.
    pub fee: Francs,
    /// What would arrive.
    pub net: Francs,
    /// Cash that would be settled before.
    pub netted: Francs,
    /// What can be taken out now.
    pub available: Francs,
    /// Whether admins would have to say yes first.
    pub needs_approval: bool,
    /// Why it cannot be now.
    pub why_not: Option<WhyNot>,
    /// The next weekly settlement, which costs nothing.
    pub next_weekly_at: Timestamp,
}

/// What came of asking.
#[derive(Clone, Debug)]
pub struct Requested {
    /// The payout.
    pub payout: Payout,
    /// Whether an earlier request with the same key made it.
    pub replayed: bool,
}

/// The payout that a driver's key stands for.
fn derived_id(driver: DriverId, key: &IdempotencyKey) -> Uuid {
    let mut text = b"payout:".to_vec();
    text.extend_from_slice(driver.0.as_bytes());
    text.extend_from_slice(key.0.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(&SHA256, &text).as_ref()[..16]);
    Uuid::new_v8(bytes)
}

/// How the driver's accounts stand; nobody takes from them until the commit.
async fn owed(conn: &mut PgConnection, driver: DriverId) -> Result<Owed, Error> {
    let balance = super::store::locked_balance(conn, Account::DriverPayable(driver)).await?;
    let payable = balance.checked_neg().ok_or_else(|| Error::internal("a driver's account does not fit"))?;
    let sums = super::store::driver_sums(&mut *conn, driver).await?;
    let cash = sums.iter().find(|sum| sum.kind == Kind::DriverCash).map_or(Francs::ZERO, |sum| sum.amount);
    Ok(Owed { payable, cash })
}

/// Writes postings that must be new: their causes name a payout that is locked.
async fn post(conn: &mut PgConnection, postings: &[(NewTransaction, Posting)]) -> Result<(), Error> {
    super::store::post_all(conn, postings).await?;
    Ok(())
}

/// Writes a payout down, takes the money from the driver's account, and sends it unless it has to wait. `None` when it was
/// there already.
async fn begin(
    conn: &mut PgConnection,
    parts: &Parts,
    mut payout: Payout,
    wallet: &PayoutWallet,
    now: Timestamp,
) -> Result<Option<Payout>, Error> {
    if !store::insert(conn, &payout).await? {
        return Ok(None);
    }
    let netting = books::netting(&payout, now).map_err(Error::internal)?;
    let hold = books::hold(&payout, now).map_err(Error::internal)?;
    post(conn, &netting.into_iter().chain([hold]).collect::<Vec<_>>()).await?;
    if payout.state == State::InFlight {
        send(conn, parts, &mut payout, wallet, now).await?;
    }
    Ok(Some(payout))
}

/// Has the provider asked. The caller holds the payout's lock and has looked at the wallet.
async fn send(
    conn: &mut PgConnection,
    parts: &Parts,
    payout: &mut Payout,
    wallet: &PayoutWallet,
    now: Timestamp,
) -> Result<(), Error> {
    let attempt = NewAttempt {
        id: AttemptId::fresh(),
        operation: Operation::Payout,
        provider: payout.provider,
        subject: payout.id,
        person: UserId::from(payout.driver.0),
        amount: payout.amount,
        wallet: Some(wallet.wallet),
        refunds: None,
    };
    payout.state = State::InFlight;
    payout.failure = None;
    payout.attempt = Some(attempt.id.0);
    store::update(conn, payout, now).await?;
    engine::prepare(conn, &parts.vault, &[attempt], now).await
}

/// Ends a payout whose money never left, and gives the money back.
async fn give_back(conn: &mut PgConnection, payout: &mut Payout, state: State, now: Timestamp) -> Result<(), Error> {
    payout.state = state;
    payout.finished_at = Some(now);
    let void = books::void(payout, now).map_err(Error::internal)?;
    post(conn, &[void]).await?;
    store::update(conn, payout, now).await?;
    Ok(())
}

fn unknown() -> Error {
    Error::NotFound { what: "payout" }
}

fn not_waiting(payout: &Payout) -> Error {
    Error::conflict("payout_not_waiting", format!("the payout is {}", payout.state.as_str()))
}

impl Payments {
    /// What a payout of an amount would be now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an amount that is none.
    pub async fn payout_quote(&self, driver: DriverId, amount: Francs, now: Timestamp) -> Result<PayoutQuote, Error> {
        check_amount(amount)?;
        let config = &self.parts.config.payouts;
        let mut transaction = self.pool.begin().await?;
        let wallet = methods::payout_wallet(&mut transaction, &self.parts.vault, driver).await?;
        let owed = owed(&mut transaction, driver).await?;
        let today = Timestamp::start_of_kigali_day(now.kigali_day());
        let count = store::count_since(&mut transaction, driver, today).await?;
        transaction.commit().await?;
        let parts = config.parts(amount, PayoutKind::Instant);
        let judged = judge_wallet(wallet.as_ref(), now).and_then(|()| judge_amount(config, amount, owed, count));
        Ok(PayoutQuote {
            amount,
            fee: parts.fee,
            net: parts.net.max(Francs::ZERO),
            netted: owed.netted(),
            available: owed.available(),
            needs_approval: amount >= config.approval_from,
            why_not: judged.err(),
            next_weekly_at: weekly::next_at(now),
        })
    }

    /// Pays a driver out at once. The same key again meets the same payout.
    ///
    /// # Errors
    /// [`Error::Invalid`]; conflicts as [`WhyNot::code`]s say, and `idempotency_key_reused`.
    pub async fn request_payout(
        &self,
        driver: DriverId,
        key: &IdempotencyKey,
        amount: Francs,
        now: Timestamp,
    ) -> Result<Requested, Error> {
        check_amount(amount)?;
        let (parts, id) = (&self.parts, derived_id(driver, key));
        let mut transaction = self.pool.begin().await?;
        let wallet = methods::payout_wallet(&mut transaction, &parts.vault, driver).await?;
        // Whoever asks twice at once waits here for the first.
        let owed = owed(&mut transaction, driver).await?;
        if let Some(payout) = store::find(&mut *transaction, id).await? {
            if payout.taken() != amount {
                let text = "this Idempotency-Key was used for another amount";
                return Err(Error::conflict("idempotency_key_reused", text));
            }
            return Ok(Requested { payout, replayed: true });
        }
        judge_wallet(wallet.as_ref(), now)?;
        let wallet = wallet.ok_or(WhyNot::NoWallet)?;
        let today = Timestamp::start_of_kigali_day(now.kigali_day());
        let count = store::count_since(&mut transaction, driver, today).await?;
        let config = &parts.config.payouts;
        let terms = judge_amount(config, amount, owed, count)?;
        let is_large = amount >= config.approval_from;
        let payout = Payout {
            id,
            driver,
            kind: PayoutKind::Instant,
            week: None,
            amount: terms.net,
            fee: terms.fee,
            tax: terms.tax,
            netted: owed.netted(),
            provider: wallet.provider,
            wallet_index: wallet.index.clone(),
            state: if is_large { State::AwaitingApproval } else { State::InFlight },
            failure: None,
            reason: None,
            attempt: None,
            requested_at: now,
            finished_at: None,
            approvals: 0,
        };
        let begun = begin(&mut transaction, parts, payout, &wallet, now).await?;
        let payout = begun.ok_or_else(|| Error::internal("a payout of that id came under the lock"))?;
        let found = self.watch_payout(&mut transaction, &payout, &wallet, now).await?;
        cases::open(&mut transaction, &found, now).await?;
        transaction.commit().await?;
        Ok(Requested { payout, replayed: false })
    }

    /// What the watch sees in a payout at once.
    async fn watch_payout(
        &self,
        conn: &mut PgConnection,
        payout: &Payout,
        wallet: &PayoutWallet,
        now: Timestamp,
    ) -> Result<Vec<NewCase>, Error> {
        let (watch, driver, day) = (&self.parts.config.watch, payout.driver, now.kigali_day());
        let case = |kind, cause, detail| NewCase {
            kind,
            cause,
            severity: Severity::Medium,
            person: Some(UserId::from(driver.0)),
            ride: None,
            attempt: None,
            amount: payout.amount,
            detail,
        };
        let mut found = Vec::new();
        if wallet.changes > 0 && now.since(wallet.changed_at) <= watch.wallet_change_window {
            let cause = format!("watch:changed_then_paid:{driver}:{day}");
            found.push(case("wallet_change_cash_out", cause, json!({ "payout": payout.id })));
        }
        let count = store::to_wallet_since(conn, &payout.wallet_index, now).await?;
        if count > watch.payouts_a_day_max {
            let cause = format!("watch:payouts:{driver}:{day}");
            found.push(case("velocity", cause, json!({ "rule": "payouts_to_one_wallet", "count": count })));
        }
        Ok(found)
    }

    /// A driver's payouts, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn payouts_of(&self, driver: DriverId, page: &PageRequest) -> Result<Page<Payout>, Error> {
        let rows = store::list(&self.pool, Some(driver), None, page).await?;
        Ok(Page::new(rows, page, Payout::position))
    }

    /// One of a driver's payouts.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when it is somebody else's.
    pub async fn payout_of(&self, driver: DriverId, id: Uuid) -> Result<Payout, Error> {
        let found = store::find(&self.pool, id).await?;
        found.filter(|payout| payout.driver == driver).ok_or_else(unknown)
    }

    /// Takes back a payout that waits.
    ///
    /// # Errors
    /// [`Error::NotFound`]; conflict `payout_not_waiting`.
    pub async fn cancel_payout(&self, driver: DriverId, id: Uuid, now: Timestamp) -> Result<Payout, Error> {
        let mut transaction = self.pool.begin().await?;
        let found = store::lock(&mut transaction, id).await?.filter(|payout| payout.driver == driver);
        let mut payout = found.ok_or_else(unknown)?;
        match payout.state {
            State::Cancelled => return Ok(payout),
            State::AwaitingApproval | State::Held => {}
            _ => return Err(not_waiting(&payout)),
        }
        give_back(&mut transaction, &mut payout, State::Cancelled, now).await?;
        transaction.commit().await?;
        Ok(payout)
    }

    /// Payouts, newest first, shown to an admin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn payouts_listed(
        &self,
        admin: UserId,
        state: Option<State>,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Payout>, Error> {
        let rows = store::list(&self.pool, None, state, page).await?;
        let page = Page::new(rows, page, Payout::position);
        let whose: Vec<_> = page.items.iter().map(|payout| UserId::from(payout.driver.0)).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "payouts.listed"), &whose, now).await?;
        Ok(page)
    }

    /// An admin says yes to a large payout; the second yes sends it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for the payee; conflicts `payout_not_waiting`, `approved_already`,
    /// `wallet_changed` and those of the wallet.
    pub async fn approve_payout(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<Payout, Error> {
        let mut transaction = self.pool.begin().await?;
        let mut payout = store::lock(&mut transaction, id).await?.ok_or_else(unknown)?;
        if payout.driver.0 == admin.0 {
            return Err(Error::forbidden("payee", "who is paid does not decide"));
        }
        if payout.state != State::AwaitingApproval {
            return Err(not_waiting(&payout));
        }
        if !store::approve(&mut transaction, id, admin, now).await? {
            return Err(Error::conflict("approved_already", "another admin has to say yes, too"));
        }
        payout.approvals += 1;
        if payout.approvals >= APPROVALS {
            let wallet = methods::payout_wallet(&mut transaction, &self.parts.vault, payout.driver).await?;
            judge_wallet(wallet.as_ref(), now)?;
            let wallet = wallet.filter(|wallet| wallet.index == payout.wallet_index).ok_or_else(|| {
                Error::conflict("wallet_changed", "the driver is paid elsewhere now; reject it, to be asked for anew")
            })?;
            send(&mut transaction, &self.parts, &mut payout, &wallet, now).await?;
        }
        let act = Act {
            whose: Some(UserId::from(payout.driver.0)),
            detail: json!({ "approvals": payout.approvals, "amount_rwf": payout.amount.amount() }),
            ..Act::of_admin(admin, "payouts.approved").on("payout", id)
        };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(payout)
    }

    /// An admin says no; the money is the driver's again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; conflict `payout_not_waiting`.
    pub async fn reject_payout(&self, admin: UserId, id: Uuid, reason: &str, now: Timestamp) -> Result<Payout, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", reason, super::REASON_CHARS_MAX);
        checks.finish()?;
        let mut transaction = self.pool.begin().await?;
        let mut payout = store::lock(&mut transaction, id).await?.ok_or_else(unknown)?;
        if !matches!(payout.state, State::AwaitingApproval | State::Held) {
            return Err(not_waiting(&payout));
        }
        payout.reason = Some(reason.clone());
        give_back(&mut transaction, &mut payout, State::Rejected, now).await?;
        let act = Act {
            whose: Some(UserId::from(payout.driver.0)),
            why: Some(&reason),
            ..Act::of_admin(admin, "payouts.rejected").on("payout", id)
        };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(payout)
    }
}

fn check_amount(amount: Francs) -> Result<(), Error> {
    if amount > Francs::ZERO { Ok(()) } else { Err(Error::invalid("amount_rwf", amount.amount(), "is not positive")) }
}
