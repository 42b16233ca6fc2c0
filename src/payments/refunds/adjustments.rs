//! Francs given to a person, or taken, by decision of two admins.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use crate::audit::{self, Act};
use crate::error::{Checks, Error, Fault};
use crate::ids::{DriverId, UserId};
use crate::money::Francs;
use crate::payments::ledger::{Account, Posting, Transfer};
use crate::payments::store::{NewTransaction, is_overdrawn, post};
use crate::payments::{Payments, REASON_CHARS_MAX};
use crate::time::Timestamp;
use crate::web::IdempotencyKey;
use crate::web::page::{Page, PageRequest, Position};

/// Which of a person's accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// What the platform owes a rider.
    RiderCredit,
    /// What rides earned a driver.
    DriverPayable,
}

impl On {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RiderCredit => "rider_credit",
            Self::DriverPayable => "driver_payable",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::RiderCredit, Self::DriverPayable].into_iter().find(|on| on.as_str() == name)
    }
}

/// Where an adjustment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentState {
    /// Another admin has to decide.
    Proposed,
    /// It is in the books.
    Done,
    /// Another admin said no.
    Rejected,
}

impl AdjustmentState {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Done => "done",
            Self::Rejected => "rejected",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Proposed, Self::Done, Self::Rejected].into_iter().find(|state| state.as_str() == name)
    }
}

/// An adjustment.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// Which.
    pub id: Uuid,
    /// Of which account.
    pub on: On,
    /// Whose.
    pub person: UserId,
    /// Positive gives, negative takes.
    pub amount: Francs,
    /// Why.
    pub reason: String,
    /// Where it is.
    pub state: AdjustmentState,
    /// Who wants it.
    pub proposed_by: UserId,
    /// Since when.
    pub proposed_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// And why.
    pub decision: Option<String>,
}

/// An adjustment as an admin proposes it.
#[derive(Clone, Debug)]
pub struct NewAdjustment {
    /// Of which account.
    pub on: On,
    /// Whose.
    pub person: UserId,
    /// Positive gives, negative takes.
    pub amount: Francs,
    /// Why.
    pub reason: String,
}

fn posting(adjustment: &Adjustment) -> Result<Posting, Error> {
    let person = match adjustment.on {
        On::RiderCredit => Account::RiderCredit(adjustment.person),
        On::DriverPayable => Account::DriverPayable(DriverId(adjustment.person.0)),
    };
    let amount = Francs(adjustment.amount.amount().saturating_abs());
    let (debit, credit) =
        if adjustment.amount > Francs::ZERO { (Account::Adjustments, person) } else { (person, Account::Adjustments) };
    Posting::new(&[Transfer { debit, credit, amount }]).map_err(Error::internal)
}

impl Payments {
    /// An admin proposes an adjustment. The same key again meets the same one.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Forbidden`] for oneself; conflict `idempotency_key_reused`.
    pub async fn propose_adjustment(
        &self,
        admin: UserId,
        key: &IdempotencyKey,
        new: &NewAdjustment,
        now: Timestamp,
    ) -> Result<Adjustment, Error> {
        let most = self.parts.config.adjustment_max;
        let mut checks = Checks::new();
        let reason = checks.text("reason", &new.reason, REASON_CHARS_MAX);
        let amount = new.amount.amount();
        checks.require(amount != 0, "amount_rwf", amount, "is nothing");
        let is_within = amount.unsigned_abs() <= most.amount().unsigned_abs();
        checks.require(is_within, "amount_rwf", amount, format_args!("is more than {} either way", most.amount()));
        checks.finish()?;
        if new.person == admin {
            return Err(Error::forbidden("own_account", "nobody proposes money for their own account"));
        }
        let adjustment = Adjustment {
            id: super::derived_id("adjustment", admin, key),
            on: new.on,
            person: new.person,
            amount: new.amount,
            reason,
            state: AdjustmentState::Proposed,
            proposed_by: admin,
            proposed_at: now,
            decided_by: None,
            decision: None,
        };
        let mut transaction = self.pool.begin().await?;
        if !store::can_be_adjusted(&mut transaction, new.on, new.person).await? {
            let fault = Fault::new("person_id", new.person, "has no such account");
            return Err(Error::Invalid(vec![fault]));
        }
        let is_new = store::insert_adjustment(&mut transaction, &adjustment).await?;
        let adjustment = if is_new { adjustment } else { Self::known(&mut transaction, &adjustment).await? };
        let detail = json!({ "account": new.on.as_str(), "amount_rwf": amount, "replayed": !is_new });
        let act = Act {
            whose: Some(new.person),
            why: Some(&adjustment.reason),
            detail,
            ..Act::of_admin(admin, "adjustments.proposed").on("adjustment", adjustment.id)
        };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(adjustment)
    }

    async fn known(conn: &mut PgConnection, wanted: &Adjustment) -> Result<Adjustment, Error> {
        let known = store::lock_adjustment(conn, wanted.id).await?;
        let known = known.ok_or(Error::NotFound { what: "adjustment" })?;
        let is_same = (known.on, known.person, known.amount) == (wanted.on, wanted.person, wanted.amount);
        if is_same { Ok(known) } else { Err(super::key_reused()) }
    }

    /// Another admin decides an adjustment.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::Forbidden`] for who proposed it and for whom it concerns; conflicts
    /// `already_decided`, `credit_too_low`.
    pub async fn decide_adjustment(
        &self,
        admin: UserId,
        id: Uuid,
        decision: super::Decision<'_>,
        now: Timestamp,
    ) -> Result<Adjustment, Error> {
        let why = decision.why()?;
        let mut transaction = self.pool.begin().await?;
        let found = store::lock_adjustment(&mut transaction, id).await?;
        let mut adjustment = found.ok_or(Error::NotFound { what: "adjustment" })?;
        super::four_eyes(admin, adjustment.proposed_by, [Some(adjustment.person), None])?;
        if adjustment.state != AdjustmentState::Proposed {
            return Err(super::already_decided());
        }
        adjustment.decided_by = Some(admin);
        adjustment.decision.clone_from(&why);
        adjustment.state = AdjustmentState::Rejected;
        if decision.is_yes() {
            adjustment.state = AdjustmentState::Done;
            let memo = if adjustment.amount > Francs::ZERO { "adjustment given" } else { "adjustment taken" };
            let new = NewTransaction { cause: format!("adjustment:{id}"), ride: None, at: now, memo };
            let posted = post(&mut transaction, &new, &posting(&adjustment)?).await;
            posted.map_err(|error| {
                if is_overdrawn(&error) {
                    Error::conflict("credit_too_low", "the rider has less credit than is to be taken")
                } else {
                    error.into()
                }
            })?;
        }
        store::decide_adjustment(&mut transaction, &adjustment, now).await?;
        let action = if decision.is_yes() { "adjustments.approved" } else { "adjustments.rejected" };
        let act = Act {
            whose: Some(adjustment.person),
            why: why.as_deref(),
            ..Act::of_admin(admin, action).on("adjustment", id)
        };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(adjustment)
    }

    /// Adjustments, newest first, shown to an admin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn adjustments_listed(
        &self,
        admin: UserId,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Adjustment>, Error> {
        let rows = store::adjustments(&self.pool, page).await?;
        let page = Page::new(rows, page, |row: &Adjustment| Position { at: row.proposed_at, id: row.id });
        let whose: Vec<_> = page.items.iter().map(|row| row.person).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "adjustments.listed"), &whose, now).await?;
        Ok(page)
    }
}
