//! A day of a provider's statement against our own books, and the proof that both hold the same.
//!
//! Separate because the books are compared here with what somebody else wrote. Invariants: a day can be reconciled as often as
//! one likes, from a program's statement or from a file, and nothing is booked twice: every posting and every case is named by
//! the provider's own reference. Nothing is guessed: money that nobody knows goes to suspense with a case, and whoever
//! decides about it says so. Fees are booked as the statement says them.
//!
//! A statement's day and ours need not break at the same second, so what succeeded in the last [`GRACE`] of a day is looked
//! for in the next day's statement as well before it is called missing.

mod matching;
mod table;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cases::{self, NewCase, Severity};
use super::effects::Effects;
use super::ledger::{Account, Posting, Transfer};
use super::providers::{AttemptId, Operation, OwnBalance, StatementLine, Trouble};
use super::store::{self, NewTransaction, reconciliation as sql};
use super::{Payments, ProviderId, engine};
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::UserId;
use crate::jobs;
use crate::money::Francs;
use crate::time::{Span, Timestamp};

pub use matching::{Class, Fate, Finding, Known, compare};
pub use table::{of_csv, of_json};

/// How far into the next day's statement a transaction of today may slip.
pub const GRACE: Span = Span::from_minutes(15);

/// Where a statement comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The provider is asked, if it has statements for programs.
    Provider,
    /// The sandbox is asked, at its base address.
    Sandbox(String),
    /// Somebody brought it: these lines.
    File(Vec<StatementLine>),
}

/// One of our accounts at a provider, on both sides, in francs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = ReconciliationProof)]
pub struct Proof {
    /// `mtn_collection`, `mtn_disbursement` …
    pub account: String,
    /// What our books say lies there.
    pub ledger_rwf: i64,
    /// What the provider says.
    pub provider_rwf: i64,
    /// What may be on its way in, and out.
    pub in_flight_in_rwf: i64,
    /// See above.
    pub in_flight_out_rwf: i64,
    /// Provider less ledger.
    pub difference_rwf: i64,
    /// The difference of the last day before: what was paid in or out by hand and is in no books of ours.
    pub known_difference_rwf: i64,
    /// Whether what is new of the difference is at most what is on its way.
    pub is_explained: bool,
}

/// What came of a day with a provider.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Day {
    /// With whom.
    pub provider: ProviderId,
    /// Which day in Kigali.
    pub day: NaiveDate,
    /// `provider`, `file`, or `none` where there was no statement.
    pub source: &'static str,
    /// Lines and orders by class.
    pub counts: BTreeMap<&'static str, u64>,
    /// What fees came to that were booked now.
    pub fees_rwf: i64,
    /// How many cases were opened now.
    pub cases_opened: u64,
    /// What differs, one line of text each.
    pub differences: Vec<String>,
    /// Ledger and provider side by side.
    pub proof: Vec<Proof>,
}

impl Day {
    /// Whether both books say the same.
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty() && self.proof.iter().all(|proof| proof.is_explained)
    }
}

/// Where an operation's money lies at a provider. Airtel gives back from what it collected.
const fn clearing(provider: ProviderId, operation: Operation) -> Account {
    match (provider, operation) {
        (_, Operation::Collection) | (ProviderId::Airtel, Operation::Refund) => provider.collection(),
        (_, Operation::Refund | Operation::Payout) => provider.disbursement(),
    }
}

impl Payments {
    /// Reconciles a day of the Kigali calendar with a provider.
    ///
    /// # Errors
    /// When the statement cannot be had or read, or the database is away. Nothing is booked then.
    pub async fn reconcile(
        &self,
        provider: ProviderId,
        day: NaiveDate,
        source: Source,
        now: Timestamp,
    ) -> Result<Day, Error> {
        let (lines, source) = self.statement_of(provider, day, source).await?;
        let balances = self.balances_of(provider).await;
        let mut conn = self.pool.begin().await?;
        sql::take_turn(&mut conn, provider).await?;
        let mut done = Day {
            provider,
            day,
            source,
            counts: Class::ALL.into_iter().map(|class| (class.as_str(), 0)).collect(),
            fees_rwf: 0,
            cases_opened: 0,
            differences: Vec::new(),
            proof: Vec::new(),
        };
        let mut effects = Effects::default();
        if let Some(lines) = &lines {
            let begins = Timestamp::start_of_kigali_day(day);
            let ends = begins + Span::from_secs(86_400);
            let expected = (begins - GRACE, ends - GRACE);
            let ids: Vec<_> = lines.iter().filter_map(matching::our_reference).map(|id| id.0).collect();
            let references: Vec<_> = lines.iter().map(|line| line.provider_reference.clone()).collect();
            let known = sql::known(&mut conn, provider, &ids, &references, expected).await?;
            let findings = compare(lines, &known);
            let mut kept = BTreeMap::new();
            for (attempt, reference) in late(&findings, lines, &known) {
                let reference = Some(reference.clone());
                engine::late_success(&mut conn, &self.parts, attempt, reference, now, &mut effects).await?;
            }
            for found in &findings {
                *done.counts.entry(found.class.as_str()).or_default() += 1;
                let line = found.line.map(|place| &lines[place]);
                consequences((provider, day), found, line, &known, &mut effects, &mut done.differences);
                if let Some(line) = line.filter(|_| !found.is_repeated_line) {
                    kept.entry(&line.provider_reference).or_insert((line, found.class, found.attempt));
                }
            }
            let kept: Vec<_> = kept.into_values().collect();
            sql::keep_lines(&mut conn, provider, &kept, now).await?;
        }
        let written = store::post_all(&mut conn, &effects.postings).await?;
        for ((new, posting), written) in effects.postings.iter().zip(written) {
            if written && new.cause.ends_with(":fee") {
                done.fees_rwf += posting.entries().iter().map(|entry| entry.amount.amount().max(0)).sum::<i64>();
            }
        }
        done.proof = self.prove(&mut conn, provider, day, &balances).await?;
        for proof in done.proof.iter().filter(|proof| !proof.is_explained) {
            effects.cases.push(NewCase {
                kind: "balance_differs",
                cause: format!("proof:{}:{day}", proof.account),
                severity: Severity::High,
                person: None,
                ride: None,
                attempt: None,
                amount: Francs((proof.difference_rwf - proof.known_difference_rwf).saturating_abs()),
                detail: json!(proof),
            });
        }
        done.cases_opened = cases::open(&mut conn, &effects.cases, now).await?;
        jobs::enqueue_all(&mut conn, &effects.jobs).await?;
        let (counts, proof) = (json!(done.counts), json!(done.proof));
        sql::keep_day(&mut conn, provider, (day, source), (&counts, &proof), now).await?;
        conn.commit().await?;
        for tiding in &effects.tidings {
            (self.parts.tell)(tiding);
        }
        Ok(done)
    }

    /// As [`Payments::reconcile`], by an admin who brings the file.
    pub(super) async fn reconcile_upload(
        &self,
        admin: UserId,
        provider: ProviderId,
        day: NaiveDate,
        lines: Vec<StatementLine>,
        now: Timestamp,
    ) -> Result<Day, Error> {
        let done = self.reconcile(provider, day, Source::File(lines), now).await?;
        let detail = json!({"provider": provider, "day": day, "counts": done.counts});
        let act = Act { detail, ..Act::of_admin(admin, "reconciliation.statement_uploaded") };
        audit::record_read(&self.pool, &act, &[], now).await?;
        Ok(done)
    }

    /// What came of a day with each provider, shown to an admin.
    pub(super) async fn reconciliations(
        &self,
        admin: UserId,
        day: NaiveDate,
        now: Timestamp,
    ) -> Result<Vec<sql::DayRow>, Error> {
        let days = sql::days(&self.pool, day).await?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "reconciliation.read"), &[], now).await?;
        Ok(days)
    }

    /// The lines, if there are any to be had, and where from.
    async fn statement_of(
        &self,
        provider: ProviderId,
        day: NaiveDate,
        source: Source,
    ) -> Result<(Option<Vec<StatementLine>>, &'static str), Error> {
        match source {
            Source::File(lines) => Ok((Some(lines), "file")),
            Source::Sandbox(base) => Ok((Some(of_sandbox(&base, provider, day).await?), "provider")),
            Source::Provider => {
                // In a rehearsal the stand-ins have statements of every provider, also of those that have none for programs.
                if let Some(base) = &self.parts.sandbox_url {
                    return Ok((Some(of_sandbox(base, provider, day).await?), "provider"));
                }
                let asked = match self.parts.providers.get(provider) {
                    Some(known) => known.statement(day).await,
                    None => Err(Trouble::Unsupported),
                };
                match asked {
                    Ok(lines) => Ok((Some(lines), "provider")),
                    Err(Trouble::Unsupported) => Ok((None, "none")),
                    Err(error) => Err(Error::internal(error)),
                }
            }
        }
    }

    async fn balances_of(&self, provider: ProviderId) -> Vec<OwnBalance> {
        match self.parts.providers.get(provider) {
            Some(known) => known.balances().await.unwrap_or_else(|error| {
                // Not having a proof is seen in the day's result; a provider that is away is told by its calls.
                tracing::info!(provider = provider.as_str(), %error, "the balances for the daily proof could not be had");
                Vec::new()
            }),
            None => Vec::new(),
        }
    }

    /// Our books and the provider's side by side.
    async fn prove(
        &self,
        conn: &mut sqlx::PgConnection,
        provider: ProviderId,
        day: NaiveDate,
        balances: &[OwnBalance],
    ) -> Result<Vec<Proof>, Error> {
        let before = sql::proof_before(conn, provider, day).await?;
        let before: Vec<Proof> = before.and_then(|proof| serde_json::from_value(proof).ok()).unwrap_or_default();
        let mut proofs = Vec::new();
        for balance in balances {
            let account = clearing(provider, balance.operation).kind();
            let ledger = store::books::house_balance(conn, account).await?.amount();
            let (mut coming, mut going) = (0, 0);
            for operation in Operation::ALL {
                if clearing(provider, operation).kind() == account {
                    let sum = sql::in_flight(conn, provider, operation).await?.amount();
                    *if operation == Operation::Collection { &mut coming } else { &mut going } += sum;
                }
            }
            let difference = balance.available.amount() - ledger;
            let known = before.iter().find(|proof| proof.account == account.as_str());
            // Nothing is known before the first day: whatever lies there was paid in by hand.
            let known = known.map_or(difference, |proof| proof.difference_rwf);
            proofs.push(Proof {
                account: account.as_str().to_owned(),
                ledger_rwf: ledger,
                provider_rwf: balance.available.amount(),
                in_flight_in_rwf: coming,
                in_flight_out_rwf: going,
                difference_rwf: difference,
                known_difference_rwf: known,
                is_explained: (-going..=coming).contains(&(difference - known)),
            });
        }
        Ok(proofs)
    }
}

/// What the stand-in says happened on a day.
async fn of_sandbox(base: &str, provider: ProviderId, day: NaiveDate) -> Result<Vec<StatementLine>, Error> {
    let url = format!("{base}/_sim/statement?provider={}&day={day}", provider.as_str());
    let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status).map_err(Error::internal)?;
    let body = answer.bytes().await.map_err(Error::internal)?;
    match serde_json::from_slice::<Value>(&body) {
        Ok(table) => of_json(&table),
        Err(_) => of_csv(&body),
    }
}

/// Collections that failed here and moved there, all of the amount: who paid has it counted, or has credit.
fn late<'a>(findings: &[Finding], lines: &'a [StatementLine], known: &[Known]) -> Vec<(AttemptId, &'a String)> {
    let one = |found: &Finding| {
        let line = &lines[found.line?];
        let order = known.iter().find(|order| Some(order.id) == found.attempt)?;
        let is_late = found.class == Class::StatusDiffers && line.is_successful && order.fate == Fate::Failed;
        let fits = order.operation == Operation::Collection && line.amount == order.amount;
        (is_late && fits).then_some((order.id, &line.provider_reference))
    };
    findings.iter().filter_map(one).collect()
}

/// What follows from a finding: fees, money into suspense, a case, and a line for whoever asked.
fn consequences(
    (provider, day): (ProviderId, NaiveDate),
    found: &Finding,
    line: Option<&StatementLine>,
    known: &[Known],
    effects: &mut Effects,
    differences: &mut Vec<String>,
) {
    let name = provider.as_str();
    let order = found.attempt.and_then(|id| known.iter().find(|order| order.id == id));
    let mut suspense = 0;
    if let Some(line) = line.filter(|line| line.is_successful && !found.is_repeated_line) {
        let account = clearing(provider, line.operation);
        let cause = format!("statement:{name}:{}", line.provider_reference);
        let mut post = |kind: &str, memo, debit, credit, amount| {
            // Nothing moves for nothing; amounts of a statement are not negative.
            if let Ok(posting) = Posting::new(&[Transfer { debit, credit, amount }]) {
                let head = NewTransaction { cause: format!("{cause}:{kind}"), ride: None, at: line.at, memo };
                effects.postings.push((head, posting));
            }
        };
        post("fee", "provider fee", Account::ProviderFees, account, line.fee);
        if matches!(found.class, Class::MissingHere | Class::Duplicate) {
            if line.operation == Operation::Collection {
                suspense = -line.amount.amount();
                post("suspense", "money of nobody known", account, Account::Suspense, line.amount);
            } else {
                suspense = line.amount.amount();
                post("suspense", "money gone for nothing known", Account::Suspense, account, line.amount);
            }
        }
    }
    let (kind, severity) = match found.class {
        Class::Matched | Class::NoMoneyMoved => return,
        Class::MissingHere => ("missing_here", Severity::High),
        Class::MissingThere => ("missing_there", Severity::High),
        Class::AmountDiffers => ("amount_differs", Severity::Critical),
        Class::StatusDiffers => ("status_differs", Severity::High),
        Class::Duplicate if found.is_repeated_line => ("duplicate", Severity::Low),
        Class::Duplicate => ("duplicate", Severity::Critical),
    };
    let amount = line.map(|line| line.amount).or_else(|| order.map(|order| order.amount)).unwrap_or_default();
    let reference = line.map(|line| line.provider_reference.as_str());
    let attempt = found.attempt.map(|id| id.0);
    let about = match (reference, attempt) {
        (Some(reference), _) if found.is_repeated_line => format!("statement:{name}:{reference}:repeated"),
        (Some(reference), _) => format!("statement:{name}:{reference}"),
        (None, attempt) => format!("statement:{name}:missing:{}", attempt.unwrap_or(Uuid::nil())),
    };
    let ours = order.map(|order| json!({
        "operation": order.operation.as_str(), "amount_rwf": order.amount.amount(),
        "state": match order.fate { Fate::Succeeded => "succeeded", Fate::Failed => "failed", Fate::Open => "open" },
    }));
    let theirs = line.map(|line| json!({
        "operation": line.operation.as_str(), "amount_rwf": line.amount.amount(), "is_successful": line.is_successful,
        "at": line.at,
    }));
    let named = reference.map_or_else(|| format!("attempt {}", attempt.unwrap_or(Uuid::nil())), str::to_owned);
    differences.push(match (order, line) {
        (Some(order), Some(line)) => format!(
            "{kind}: {named}: {} RWF here ({:?}), {} RWF there ({})",
            order.amount.amount(),
            order.fate,
            line.amount.amount(),
            if line.is_successful { "moved" } else { "not moved" }
        ),
        _ => format!("{kind}: {named}: {} RWF", amount.amount()),
    });
    effects.cases.push(NewCase {
        kind,
        cause: about,
        severity,
        person: None,
        ride: None,
        attempt: found.attempt,
        amount,
        detail: json!({
            "provider": name, "provider_reference": reference, "day": day, "ours": ours, "theirs": theirs,
            "suspense_rwf": suspense,
        }),
    });
}
