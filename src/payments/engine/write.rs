//! Writing down what providers answered: many answers in one transaction, with everything that follows from them.
//!
//! Separate because here is the one promise of the engine: the state of an attempt, the capture, the ledger, follow-up jobs
//! and cases are committed together or not at all; apps are told only afterwards.

use serde_json::json;
use sqlx::PgConnection;

use super::Engine;
use super::call::{Answer, Answered};
use crate::error::Error;
use crate::payments::attempt::{Alarm, At, Attempt, Ended, Mismatch, Outcome, State, Step};
use crate::payments::cases::{NewCase, Severity};
use crate::payments::effects::Effects;
use crate::payments::intents;
use crate::payments::providers::{AttemptId, Moved, Operation, Standing};
use crate::payments::store::attempts::{self, Written};
use crate::payments::{Parts, Tiding, payouts, refunds, store};
use crate::telemetry::{chain, names};
use crate::time::Timestamp;

impl Engine {
    /// Writes a batch; if it cannot be, one by one, so that one that is poison holds nobody up. What cannot be written
    /// at all keeps its claim until it runs out, and is asked about then.
    pub(super) async fn write(&self, batch: &[Answered], now: Timestamp) {
        let Err(error) = self.write_together(batch, now).await else { return };
        tracing::warn!(error = %chain(&error), answers = batch.len(), "answers about payments could not be written together");
        if batch.len() == 1 {
            return;
        }
        for one in batch {
            if let Err(error) = self.write_together(std::slice::from_ref(one), now).await {
                let attempt = one.claimed.attempt.id.0;
                tracing::error!(error = %chain(&error), %attempt, "an answer about a payment could not be written");
            }
        }
    }

    async fn write_together(&self, batch: &[Answered], now: Timestamp) -> Result<(), Error> {
        let steps: Vec<Step> = batch.iter().map(|answered| step(answered, now)).collect();
        let rows: Vec<_> = batch.iter().zip(&steps).map(|(answered, step)| written(answered, step)).collect();
        let started = std::time::Instant::now();
        let mut transaction = self.payments.pool.begin().await?;
        let (good, is_due) = attempts::write(&mut transaction, &rows, now).await?;
        // Those whose claim had run out belong to somebody else now.
        let steps: Vec<_> = steps.into_iter().filter(|step| good.contains(&step.attempt.id)).collect();
        let mut effects = Effects::default();
        effects.cases.extend(steps.iter().filter_map(|step| Some(case(&step.attempt, step.alarm?))));
        let ended: Vec<_> = steps.into_iter().filter_map(|step| step.ended).collect();
        follow(&mut transaction, &self.payments.parts, &ended, now, &mut effects).await?;
        let tidings = effects.write(&mut transaction, now).await?;
        transaction.commit().await?;
        metrics::histogram!(names::PAYMENT_COMMIT_SECONDS).record(started.elapsed().as_secs_f64());
        self.committed(&ended, &tidings);
        if is_due {
            self.shared().woken.notify_one();
        }
        Ok(())
    }

    fn committed(&self, ended: &[Ended], tidings: &[Tiding]) {
        for ended in ended {
            let outcome = match &ended.outcome {
                Outcome::Succeeded { .. } if ended.is_late => "late_success",
                Outcome::Succeeded { .. } => "succeeded",
                Outcome::Failed(refusal) => refusal.reason.as_str(),
            };
            let attempt = &ended.attempt;
            let labels = [
                ("provider", attempt.provider.as_str()),
                ("operation", attempt.operation.as_str()),
                ("outcome", outcome),
            ];
            metrics::counter!(names::PAYMENT_ENDED_TOTAL, &labels).increment(1);
        }
        for tiding in tidings {
            (self.payments.parts.tell)(tiding);
        }
    }
}

/// Tells those for whom attempts were made that they ended, within the transaction that says so.
pub(in crate::payments) async fn follow(
    conn: &mut PgConnection,
    parts: &Parts,
    ended: &[Ended],
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    let of = |operation: Operation| -> Vec<Ended> {
        ended.iter().filter(|ended| ended.attempt.operation == operation).cloned().collect()
    };
    let collections = of(Operation::Collection);
    if !collections.is_empty() {
        intents::ended(conn, parts, &collections, now, effects).await?;
    }
    let (given_back, paid_out) = (of(Operation::Refund), of(Operation::Payout));
    if !given_back.is_empty() {
        refunds::ended(conn, &given_back, now, effects).await?;
    }
    if !paid_out.is_empty() {
        payouts::ended(conn, &paid_out, now, effects).await?;
    }
    Ok(())
}

fn step(answered: &Answered, now: Timestamp) -> Step {
    let at = At { now, jitter: rand::random(), is_same_host: answered.is_same_host };
    let attempt = answered.claimed.attempt.clone();
    let before = attempt.state;
    let step = match &answered.answer {
        Answer::Submitted(submitted) => attempt.submitted(submitted, at),
        Answer::Stands(standing) => attempt.stands(standing, at),
    };
    debug_assert!(before == step.attempt.state || Attempt::legal(before, step.attempt.state));
    step
}

fn written(answered: &Answered, step: &Step) -> Written {
    Written { attempt: step.attempt.clone(), lease: answered.claimed.lease, claimed_at: answered.claimed.claimed_at }
}

/// What a person must look at.
pub(in crate::payments) fn case(attempt: &Attempt, alarm: Alarm) -> NewCase {
    let (kind, severity, mut detail) = match alarm {
        Alarm::Unresolved => ("unresolved_attempt", Severity::High, json!({})),
        Alarm::LateSuccess => ("late_success", Severity::Medium, json!({})),
        Alarm::Refused(reason) => ("provider_refuses_us", Severity::High, json!({ "reason": reason.as_str() })),
        Alarm::Integrity(Mismatch::Amount(told)) => {
            let told = told.map(|amount| amount.amount());
            ("integrity_failure", Severity::Critical, json!({ "mismatch": "amount", "told_rwf": told }))
        }
        Alarm::Integrity(Mismatch::Currency) => {
            ("integrity_failure", Severity::Critical, json!({ "mismatch": "currency" }))
        }
        Alarm::Integrity(Mismatch::Reference) => {
            ("integrity_failure", Severity::Critical, json!({ "mismatch": "reference" }))
        }
    };
    detail["provider"] = attempt.provider.as_str().into();
    detail["operation"] = attempt.operation.as_str().into();
    // Being refused for our own fault is one case for each provider and reason, not one for each payer.
    let cause = match alarm {
        Alarm::Refused(reason) => {
            format!("{kind}:{}:{}:{}", attempt.provider.as_str(), reason.as_str(), day(attempt))
        }
        _ => format!("{kind}:attempt:{}", attempt.id.0),
    };
    NewCase {
        kind,
        cause,
        severity,
        person: Some(attempt.person),
        ride: None,
        attempt: Some(attempt.id),
        amount: attempt.amount,
        detail,
    }
}

fn day(attempt: &Attempt) -> String {
    attempt.created_at.kigali_day().to_string()
}

/// A statement shows that the money of an attempt moved which had been said not to: pays what it was for after all, or
/// becomes credit. Answers whether it was news. What the effects hold is the caller's to write, within the same
/// transaction.
///
/// # Errors
/// When the database is away, or there is no such attempt.
pub(in crate::payments) async fn late_success(
    conn: &mut PgConnection,
    parts: &Parts,
    attempt: AttemptId,
    provider_reference: Option<String>,
    now: Timestamp,
    effects: &mut Effects,
) -> Result<bool, Error> {
    let known = attempts::lock(conn, attempt).await?.ok_or(Error::NotFound { what: "payment" })?;
    if !matches!(known.state, State::Failed | State::Rejected) {
        return Ok(false);
    }
    let is_collection = known.operation == Operation::Collection;
    if is_collection && store::intents::lock(conn, &[known.subject]).await?.is_empty() {
        // Nobody is known whom it could be counted for: the statement's own case is all there is.
        return Ok(false);
    }
    let moved =
        Moved { amount: Some(Ok(known.amount)), is_our_currency: None, is_our_reference: None, provider_reference };
    let at = At { now, jitter: 0.0, is_same_host: true };
    let step = known.stands(&Standing::Succeeded(moved), at);
    attempts::write_late(conn, &step.attempt).await?;
    effects.cases.extend(step.alarm.map(|alarm| case(&step.attempt, alarm)));
    let ended: Vec<_> = step.ended.into_iter().collect();
    follow(conn, parts, &ended, now, effects).await?;
    Ok(true)
}
