//! What admins do about promotions. A budget above a limit is proposed by one and approved by another.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::store::{self, Promotion};
use super::{Discount, State, plain_code};
use crate::audit::{self, Act};
use crate::error::{Checks, Error, Fault};
use crate::ids::{RiderId, UserId};
use crate::money::{BasisPoints, Francs};
use crate::payments::Payments;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest};

/// What rides there are.
const RIDE_TYPES: &[&str] = &["boda", "delivery"];
/// A cap, a flat discount and a budget at most.
const CAP_MAX: i64 = 100_000;
const BUDGET_MAX: i64 = 1_000_000_000;
const USES_MAX: i32 = 1_000;
const REASON_CHARS_MAX: usize = 200;

/// A promotion as an admin wishes it.
#[derive(Clone, Debug)]
pub struct NewPromotion {
    /// As people will type it.
    pub code: String,
    /// A share of the fare, with `cap_rwf`; or nothing, with `flat_rwf`.
    pub percent: Option<i64>,
    /// The most that the share may come to.
    pub cap_rwf: Option<i64>,
    /// So many francs.
    pub flat_rwf: Option<i64>,
    /// For all when empty.
    pub ride_types: Vec<String>,
    /// From when on.
    pub valid_from: DateTime<Utc>,
    /// Before when.
    pub valid_until: DateTime<Utc>,
    /// Only for riders who have not ridden.
    pub new_riders_only: bool,
    /// Shown to riders who did not ask for it.
    pub is_shown: bool,
    /// How often one rider may use it.
    pub uses_per_rider: i32,
    /// What it may cost in all.
    pub budget_rwf: i64,
}

fn check_discount(checks: &mut Checks, wished: &NewPromotion) -> Option<Discount> {
    let mut bounded = |field: &str, value: i64, most: i64| {
        checks.require((1..=most).contains(&value), field, value, format_args!("is out of range 1..={most}"));
    };
    match (wished.percent, wished.cap_rwf, wished.flat_rwf) {
        (Some(percent), Some(cap), None) => {
            bounded("percent", percent, 100);
            bounded("cap_rwf", cap, CAP_MAX);
            let share = u32::try_from(percent.clamp(0, 100)).unwrap_or_default() * 100;
            Some(Discount::Share(BasisPoints(share), Francs(cap)))
        }
        (None, None, Some(flat)) => {
            bounded("flat_rwf", flat, CAP_MAX);
            Some(Discount::Flat(Francs(flat)))
        }
        _ => {
            let reason = "must come with cap_rwf and without flat_rwf, or flat_rwf alone";
            checks.fault(Fault::without_value("percent", reason));
            None
        }
    }
}

impl Payments {
    /// Makes a promotion: in use at once, or to be approved by somebody else when its budget is large.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field; `promotion_code_taken`.
    pub async fn propose_promotion(
        &self,
        admin: UserId,
        wished: &NewPromotion,
        now: Timestamp,
    ) -> Result<Promotion, Error> {
        let mut checks = Checks::new();
        let code = plain_code(&wished.code);
        checks.require(code.is_some(), "code", &wished.code, "is not 3 to 20 letters and digits");
        let discount = check_discount(&mut checks, wished);
        for kind in &wished.ride_types {
            checks.require(
                RIDE_TYPES.contains(&kind.as_str()),
                "ride_types",
                kind,
                format_args!("is not one of {}", RIDE_TYPES.join(", ")),
            );
        }
        checks.require(wished.ride_types.len() <= RIDE_TYPES.len(), "ride_types", "", "names one twice");
        let (from, until) = (Timestamp::from(wished.valid_from), Timestamp::from(wished.valid_until));
        checks.require(until > from, "valid_until", until, "is not after valid_from");
        checks.require(until > now, "valid_until", until, "is in the past");
        let uses = wished.uses_per_rider;
        checks.require(
            (1..=USES_MAX).contains(&uses),
            "uses_per_rider",
            uses,
            format_args!("is out of range 1..={USES_MAX}"),
        );
        let budget = wished.budget_rwf;
        checks.require(
            (1..=BUDGET_MAX).contains(&budget),
            "budget_rwf",
            budget,
            format_args!("is out of range 1..={BUDGET_MAX}"),
        );
        checks.finish()?;
        let (Some(code), Some(discount)) = (code, discount) else { return Err(Error::internal("checked above")) };
        let is_large = Francs(budget) > self.parts.config.promotions.approval_above;
        let promotion = Promotion {
            id: Uuid::now_v7(),
            code,
            discount,
            ride_types: wished.ride_types.clone(),
            valid_from: from,
            valid_until: until,
            new_riders_only: wished.new_riders_only,
            is_shown: wished.is_shown,
            uses_per_rider: uses,
            budget: Francs(budget),
            committed: Francs::ZERO,
            state: if is_large { State::Proposed } else { State::Active },
            proposed_by: admin,
            proposed_at: now,
            approved_by: None,
            approved_at: None,
            ended_at: None,
        };
        let mut transaction = self.pool.begin().await?;
        if !store::insert(&mut transaction, &promotion).await? {
            let message = format!("there is a promotion with the code {} already", promotion.code);
            return Err(Error::conflict("promotion_code_taken", message));
        }
        let act = Act::of_admin(admin, "promotions.proposed").on("promotion", promotion.id);
        let detail = json!({"budget_rwf": budget, "state": promotion.state.as_str()});
        audit::record(&mut transaction, &Act { detail, ..act }, now).await?;
        transaction.commit().await?;
        Ok(promotion)
    }

    /// Lets a proposed promotion be used.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `same_admin` for whoever proposed it; `promotion_not_proposed`.
    pub async fn approve_promotion(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<Promotion, Error> {
        let mut transaction = self.pool.begin().await?;
        let promotion = store::lock(&mut transaction, id).await?.ok_or(Error::NotFound { what: "promotion" })?;
        if promotion.state != State::Proposed {
            let message = format!("the promotion is {}, and only a proposed one is approved", promotion.state.as_str());
            return Err(Error::conflict("promotion_not_proposed", message));
        }
        if promotion.proposed_by == admin {
            let message = "whoever proposed a promotion cannot approve it; another admin has to";
            return Err(Error::conflict("same_admin", message));
        }
        store::approve(&mut transaction, id, admin, now).await?;
        let act = Act::of_admin(admin, "promotions.approved").on("promotion", id);
        let detail = json!({"budget_rwf": promotion.budget.amount()});
        audit::record(&mut transaction, &Act { detail, ..act }, now).await?;
        transaction.commit().await?;
        Ok(Promotion { state: State::Active, approved_by: Some(admin), approved_at: Some(now), ..promotion })
    }

    /// Ends a promotion: nothing more is kept; what is kept for rides under way still is.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] naming `reason`. One that ended before stays as it is.
    pub async fn end_promotion(
        &self,
        admin: UserId,
        id: Uuid,
        reason: &str,
        now: Timestamp,
    ) -> Result<Promotion, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", reason, REASON_CHARS_MAX);
        checks.finish()?;
        let mut transaction = self.pool.begin().await?;
        let promotion = store::lock(&mut transaction, id).await?.ok_or(Error::NotFound { what: "promotion" })?;
        let is_new = store::end(&mut transaction, id, admin, &reason, now).await?;
        let act = Act { why: Some(&reason), ..Act::of_admin(admin, "promotions.ended").on("promotion", id) };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        let ended_at = if is_new { Some(now) } else { promotion.ended_at };
        Ok(Promotion { state: State::Ended, ended_at, ..promotion })
    }

    /// All promotions, newest first, shown to an admin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn promotions(
        &self,
        admin: UserId,
        state: Option<State>,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Promotion>, Error> {
        let rows = store::list(&self.pool, state, page).await?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "promotions.read"), &[], now).await?;
        Ok(Page::new(rows, page, Promotion::position))
    }

    /// What a rider can use now, and how often still.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open_promotions(&self, rider: RiderId, now: Timestamp) -> Result<Vec<(Promotion, i32)>, Error> {
        Ok(store::open_to(&self.pool, rider, now).await?)
    }
}
