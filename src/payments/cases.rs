//! Cases: what only a person can settle. One cause is one case, however often it is found.
//!
//! A case that has money in suspense is over only when the money has a place: one admin proposes an account, another approves,
//! and the posting, the end of the case and the record of it are one transaction.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::error::{Checks, Error};
use crate::ids::{DriverId, RideId, UserId};
use crate::money::Francs;
use crate::telemetry::names;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

use super::Payments;
use super::ledger::{Account, Kind, Posting, Transfer};
use super::providers::AttemptId;
use super::store::cases::{CaseRow, Wanted};
use super::store::{self, NewTransaction};

const REASON_CHARS_MAX: usize = 500;

/// How a case can end.
pub(super) const RESOLUTIONS: [&str; 5] = ["explained", "corrected", "written_off", "duplicate", "posted"];

/// How much it matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at some time.
    Low,
    /// Within days.
    Medium,
    /// Today.
    High,
    /// Now: money may be lost.
    Critical,
}

impl Severity {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A case to be opened.
#[derive(Clone, Debug)]
pub struct NewCase {
    /// A word of docs/PAYMENTS.md: `unresolved_attempt`, `integrity_failure`, `late_success`, `missing_here` …
    pub kind: &'static str,
    /// Names what it is about: a second one for the same cause is not opened.
    pub cause: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whom it concerns.
    pub person: Option<UserId>,
    /// Which ride.
    pub ride: Option<RideId>,
    /// Which attempt.
    pub attempt: Option<AttemptId>,
    /// How much money.
    pub amount: Francs,
    /// What was found: codes and amounts, nothing personal.
    pub detail: Value,
}

/// Opens cases in the caller's transaction; those that are there already stay as they are. Answers how many were opened.
///
/// # Errors
/// When the database is away.
pub(super) async fn open(conn: &mut PgConnection, cases: &[NewCase], now: Timestamp) -> Result<u64, sqlx::Error> {
    store::cases::open(conn, cases, now).await
}

/// Where money from suspense is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Proposal {
    account: String,
    owner_id: Option<Uuid>,
    reason: String,
}

/// How somebody wants to end a case.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// A word of [`RESOLUTIONS`].
    pub resolution: String,
    /// Why.
    pub reason: String,
    /// For `posted`: the kind of account that money in suspense goes to.
    pub account: Option<String>,
    /// Whose, where the kind has owners.
    pub owner_id: Option<Uuid>,
}

/// Francs in suspense for a case: debit positive.
fn in_suspense(case: &CaseRow) -> i64 {
    case.detail["suspense_rwf"].as_i64().unwrap_or(0)
}

/// The account of a kind that money may be moved to from suspense by hand.
fn account(kind: Kind, owner: Option<Uuid>) -> Option<Account> {
    match (kind, owner) {
        (Kind::DriverPayable, Some(owner)) => Some(Account::DriverPayable(DriverId(owner))),
        (Kind::DriverCash, Some(owner)) => Some(Account::DriverCash(DriverId(owner))),
        (Kind::RiderCredit, Some(owner)) => Some(Account::RiderCredit(UserId(owner))),
        (Kind::MtnCollection, None) => Some(Account::MtnCollection),
        (Kind::MtnDisbursement, None) => Some(Account::MtnDisbursement),
        (Kind::AirtelCollection, None) => Some(Account::AirtelCollection),
        (Kind::AirtelDisbursement, None) => Some(Account::AirtelDisbursement),
        (Kind::CardCollection, None) => Some(Account::CardCollection),
        (Kind::Adjustments, None) => Some(Account::Adjustments),
        (Kind::ProviderFees, None) => Some(Account::ProviderFees),
        (Kind::RefundsInFlight, None) => Some(Account::RefundsInFlight),
        (Kind::PayoutsInFlight, None) => Some(Account::PayoutsInFlight),
        // Income, taxes and promotions are earned and paid, not corrected out of suspense.
        _ => None,
    }
}

impl Payments {
    /// A page of cases, shown to an admin.
    pub(super) async fn cases(
        &self,
        admin: UserId,
        wanted: &Wanted,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<CaseRow>, Error> {
        let rows = store::cases::list(&self.pool, wanted, page).await?;
        let people: Vec<_> = rows.iter().filter_map(|case| case.person).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "money_cases.read"), &people, now).await?;
        Ok(Page::new(rows, page, |case| Position { at: case.opened_at, id: case.id }))
    }

    /// A case, shown to an admin.
    pub(super) async fn case(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<CaseRow, Error> {
        let case = store::cases::find(&self.pool, id).await?.ok_or(Error::NotFound { what: "case" })?;
        let act = Act { whose: case.person, ..Act::of_admin(admin, "money_cases.read").on("money_case", id) };
        audit::record_read(&self.pool, &act, &[], now).await?;
        Ok(case)
    }

    /// An admin looks after a case from now on.
    pub(super) async fn take_case(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<CaseRow, Error> {
        let mut conn = self.pool.begin().await?;
        let case = open_case(&mut conn, id).await?;
        if let Some(owner) = case.owner.filter(|owner| *owner != admin) {
            return Err(Error::conflict("case_taken", format!("the case is looked after by {owner}")));
        }
        store::cases::take(&mut conn, id, admin, now).await?;
        let act = Act { whose: case.person, ..Act::of_admin(admin, "money_cases.taken").on("money_case", id) };
        let case = store::cases::find(&mut *conn, id).await?.ok_or(Error::NotFound { what: "case" })?;
        audit::record(&mut conn, &act, now).await?;
        conn.commit().await?;
        Ok(case)
    }

    /// Ends a case, or, where money in suspense is to be posted, proposes where it goes.
    pub(super) async fn resolve_case(
        &self,
        admin: UserId,
        id: Uuid,
        ending: &Ending,
        now: Timestamp,
    ) -> Result<CaseRow, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", &ending.reason, REASON_CHARS_MAX);
        let known = RESOLUTIONS.contains(&ending.resolution.as_str());
        checks.require(known, "resolution", &ending.resolution, format_args!("is none of {}", RESOLUTIONS.join(", ")));
        let is_posted = ending.resolution == "posted";
        let mut target = None;
        if is_posted {
            let name = ending.account.as_deref().unwrap_or_default();
            target = Kind::from_name(name).and_then(|kind| account(kind, ending.owner_id));
            let reason =
                "is no account that money goes to from suspense; people's accounts need owner_id, others have none";
            checks.require(target.is_some(), "account", name, reason);
        }
        checks.finish()?;
        let mut conn = self.pool.begin().await?;
        let case = open_case(&mut conn, id).await?;
        let action = match target {
            Some(target) => {
                if in_suspense(&case) == 0 {
                    return Err(Error::conflict("nothing_in_suspense", "the case has no money in suspense"));
                }
                if let Some(owner) = target.owner() {
                    let is_driver = target.kind() != Kind::RiderCredit;
                    if !store::cases::is_owner(&mut conn, owner, is_driver).await? {
                        return Err(Error::invalid("owner_id", owner, "is nobody who can have such an account"));
                    }
                }
                let account = target.kind().as_str().to_owned();
                let proposal = Proposal { account, owner_id: ending.owner_id, reason: reason.clone() };
                store::cases::propose(&mut conn, id, (admin, &json!(proposal)), now).await?;
                "money_cases.proposed"
            }
            None => {
                if in_suspense(&case) != 0 {
                    let message = "money is in suspense for this case: say with resolution \"posted\" where it goes";
                    return Err(Error::conflict("money_in_suspense", message));
                }
                store::cases::resolve(&mut conn, id, admin, (&ending.resolution, &reason), now).await?;
                "money_cases.resolved"
            }
        };
        let detail = json!({"resolution": ending.resolution, "account": ending.account});
        let act = Act { whose: case.person, why: Some(&reason), detail, ..Act::of_admin(admin, action) };
        let case = store::cases::find(&mut *conn, id).await?.ok_or(Error::NotFound { what: "case" })?;
        audit::record(&mut conn, &act.on("money_case", id), now).await?;
        conn.commit().await?;
        Ok(case)
    }

    /// A second admin approves what was proposed: the money is posted and the case is over.
    pub(super) async fn approve_case(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<CaseRow, Error> {
        let mut conn = self.pool.begin().await?;
        let case = open_case(&mut conn, id).await?;
        let nothing = || Error::conflict("nothing_proposed", "nobody proposed where the money goes");
        let by = case.proposed_by.ok_or_else(nothing)?;
        if by == admin {
            return Err(Error::conflict("four_eyes", "whoever proposed it cannot approve it"));
        }
        let proposal = case.proposal.clone().and_then(|proposal| serde_json::from_value::<Proposal>(proposal).ok());
        let proposal = proposal.ok_or_else(nothing)?;
        let target = Kind::from_name(&proposal.account).and_then(|kind| account(kind, proposal.owner_id));
        let target = target.ok_or_else(|| Error::internal("a proposal names no account"))?;
        let held = in_suspense(&case);
        let amount = Francs(held.saturating_abs());
        // Held as a credit (too much came): it goes to the account as a credit; held as a debit the other way round.
        let (debit, credit) = if held < 0 { (Account::Suspense, target) } else { (target, Account::Suspense) };
        let posting = Posting::new(&[Transfer { debit, credit, amount }]).map_err(Error::internal)?;
        let cause = format!("case:{id}:resolved");
        let new = NewTransaction { cause, ride: case.ride, at: now, memo: "placed from suspense" };
        store::post(&mut conn, &new, &posting).await.map_err(|error| match store::is_overdrawn(&error) {
            true => Error::conflict("overdrawn", "the account has too little for that"),
            false => error.into(),
        })?;
        store::cases::resolve(&mut conn, id, by, ("posted", &proposal.reason), now).await?;
        let detail = json!({"account": proposal.account, "amount_rwf": amount.amount()});
        let whose = proposal.owner_id.map(UserId).or(case.person);
        let act = Act { whose, detail, ..Act::of_admin(admin, "money_cases.approved").on("money_case", id) };
        let case = store::cases::find(&mut *conn, id).await?.ok_or(Error::NotFound { what: "case" })?;
        audit::record(&mut conn, &act, now).await?;
        conn.commit().await?;
        Ok(case)
    }

    /// Sets the gauges of cases that nobody has settled. `seen` are the kinds that were shown before, so that one that is
    /// over is shown as none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn measure_cases(
        &self,
        seen: &mut std::collections::BTreeSet<String>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let unresolved = store::cases::unresolved(&self.pool).await?;
        seen.extend(unresolved.iter().map(|(kind, ..)| kind.clone()));
        for kind in seen.iter() {
            let (count, age) = unresolved
                .iter()
                .find(|(open, ..)| open == kind)
                .map_or((0, 0), |(_, count, oldest)| (*count, now.since(*oldest).as_secs().max(0)));
            let gauge = |value: i64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
            metrics::gauge!(names::MONEY_CASES_OPEN, "kind" => kind.clone()).set(gauge(count));
            metrics::gauge!(names::MONEY_CASE_OLDEST_SECONDS, "kind" => kind.clone()).set(gauge(age));
        }
        Ok(())
    }
}

async fn open_case(conn: &mut PgConnection, id: Uuid) -> Result<CaseRow, Error> {
    let case = store::cases::lock(conn, id).await?.ok_or(Error::NotFound { what: "case" })?;
    if case.state == "resolved" {
        return Err(Error::conflict("case_resolved", "the case is over"));
    }
    Ok(case)
}
