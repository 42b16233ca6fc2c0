//! What follows when a provider has said what became of a refund.

use serde_json::json;
use sqlx::PgConnection;

use super::{Refund, State, head, set_aside, store};
use crate::error::Error;
use crate::jobs::{New, NewJob};
use crate::payments::attempt::{Ended, Outcome};
use crate::payments::cases::{NewCase, Severity};
use crate::payments::effects::Effects;
use crate::payments::ledger::{Account, Posting, Transfer};
use crate::payments::method::ProviderId;
use crate::payments::payouts::jobs::ResendRefund;
use crate::payments::providers::{Operation, Reason};
use crate::time::Timestamp;

/// Takes note of ended refunds, in the engine's transaction.
///
/// # Errors
/// When the database is away.
pub(in crate::payments) async fn ended(
    conn: &mut PgConnection,
    ended: &[Ended],
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    for end in ended {
        match store::lock(conn, end.attempt.subject).await? {
            Some(refund) => one(conn, refund, end, now, effects).await?,
            None => tracing::error!(attempt.id = %end.attempt.id.0, "an attempt ended that belongs to no refund"),
        }
    }
    Ok(())
}

async fn one(
    conn: &mut PgConnection,
    mut refund: Refund,
    end: &Ended,
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    let is_current = refund.state == State::InFlight && refund.attempt == Some(end.attempt.id.0);
    let from = paid_from(end.attempt.provider, end.attempt.operation);
    let post = |transfer: Transfer| Posting::new(&[transfer]).map_err(Error::internal);
    match &end.outcome {
        Outcome::Succeeded { .. } if is_current => {
            let arrived = Transfer { debit: Account::RefundsInFlight, credit: from, amount: refund.amount };
            effects.postings.push((head(&refund, "paid", "refund arrived", now), post(arrived)?));
            refund.state = State::Done;
            refund.finished_at = Some(now);
            store::update(conn, &refund).await?;
        }
        // Put back already, or sent a second time: the money left once more than our books say.
        Outcome::Succeeded { .. } => {
            let lost = Transfer { debit: Account::Suspense, credit: from, amount: refund.amount };
            let what = format!("late:{}", end.attempt.id.0.simple());
            effects.postings.push((head(&refund, &what, "refund arrived after it was put back", now), post(lost)?));
            effects.cases.push(case("late_success", Severity::Critical, &refund, end));
        }
        Outcome::Failed(refusal) if is_current => {
            let may_be_payment = end.attempt.operation == Operation::Refund
                && end.attempt.provider != ProviderId::Card
                && matches!(refusal.reason, Reason::Misconfigured | Reason::Amount | Reason::Other);
            refund.failure = Some(refusal.reason.as_str().to_owned());
            refund.attempt = None;
            if may_be_payment {
                let job = ResendRefund { refund_id: refund.id };
                effects.jobs.push(NewJob::of(&job, New::at(now).dedupe(format!("resend_refund:{}", refund.id)))?);
            } else {
                let Transfer { debit, credit, amount } = set_aside(&refund)?;
                let back = Transfer { debit: credit, credit: debit, amount };
                effects.postings.push((head(&refund, "void", "refund put back", now), post(back)?));
                effects.cases.push(case("refund_failed", Severity::High, &refund, end));
                refund.state = State::Failed;
                refund.finished_at = Some(now);
            }
            store::update(conn, &refund).await?;
        }
        Outcome::Failed(_) => {}
    }
    Ok(())
}

/// Which account of ours it leaves: MTN gives back from the disbursement account, the others from what they collected.
const fn paid_from(provider: ProviderId, operation: Operation) -> Account {
    match (provider, operation) {
        (ProviderId::Airtel, Operation::Refund) => provider.collection(),
        _ => provider.disbursement(),
    }
}

fn case(kind: &'static str, severity: Severity, refund: &Refund, end: &Ended) -> NewCase {
    NewCase {
        kind,
        cause: format!("refund:{}:{kind}", refund.id),
        severity,
        person: Some(refund.rider),
        ride: Some(refund.ride),
        attempt: Some(end.attempt.id),
        amount: refund.amount,
        // What is in suspense for it: placed by whoever ends the case.
        detail: json!({
            "refund": refund.id, "failure": refund.failure,
            "suspense_rwf": if kind == "late_success" { refund.amount.amount() } else { 0 },
        }),
    }
}
