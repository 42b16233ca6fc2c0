//! What follows when a provider has said what became of a payout.

use sqlx::PgConnection;

use super::{Payout, State, books, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::jobs::{New, NewJob};
use crate::money::Francs;
use crate::notifications::{Key, Params, PostNotice, SendSms};
use crate::payments::attempt::{Ended, Outcome};
use crate::payments::cases::{NewCase, Severity};
use crate::payments::effects::Effects;
use crate::payments::method::ProviderId;
use crate::payments::providers::{Reason, Refusal};
use crate::payments::{methods, refunds};
use crate::time::Timestamp;
use serde_json::json;

/// Takes note of ended payouts, in the engine's transaction. What is no payout is a refund that was sent as one.
///
/// # Errors
/// When the database is away.
pub(in crate::payments) async fn ended(
    conn: &mut PgConnection,
    ended: &[Ended],
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    let mut others = Vec::new();
    for end in ended {
        match store::lock(conn, end.attempt.subject).await? {
            Some(payout) => one(conn, payout, end, now, effects).await?,
            None => others.push(end.clone()),
        }
    }
    if others.is_empty() { Ok(()) } else { refunds::ended(conn, &others, now, effects).await }
}

async fn one(
    conn: &mut PgConnection,
    mut payout: Payout,
    end: &Ended,
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    let is_current = payout.state == State::InFlight && payout.attempt == Some(end.attempt.id.0);
    match &end.outcome {
        Outcome::Succeeded { .. } if is_current => {
            payout.state = State::Paid;
            payout.finished_at = Some(now);
            effects.postings.push(books::paid(&payout, now).map_err(Error::internal)?);
            store::update(conn, &payout, now).await?;
            tell(&payout, Key::PayoutSent, now, effects)?;
        }
        // Given back already, or sent a second time meanwhile: the money left once more than our books say.
        Outcome::Succeeded { .. } => {
            effects.postings.push(books::late(&payout, now).map_err(Error::internal)?);
            effects.cases.push(late_success(&payout, end));
        }
        Outcome::Failed(refusal) if is_current && refusal.reason == Reason::OwnAccount => {
            payout.state = State::Held;
            payout.failure = Some(refusal.reason.as_str().to_owned());
            store::update(conn, &payout, now).await?;
            effects.cases.push(float_low(payout.provider, payout.amount, now));
        }
        Outcome::Failed(refusal) if is_current => failed(conn, payout, refusal, now, effects).await?,
        Outcome::Failed(_) => {}
    }
    Ok(())
}

async fn failed(
    conn: &mut PgConnection,
    mut payout: Payout,
    refusal: &Refusal,
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    payout.state = State::Failed;
    payout.failure = Some(refusal.reason.as_str().to_owned());
    payout.finished_at = Some(now);
    store::update(conn, &payout, now).await?;
    let is_wallets = matches!(
        refusal.reason,
        Reason::InvalidPayee | Reason::PayeeBlocked | Reason::InvalidPayer | Reason::PayerBlocked
    );
    if is_wallets {
        methods::flag(conn, payout.driver, &payout.wallet_index, refusal.reason.as_str()).await?;
    }
    effects.postings.push(books::void(&payout, now).map_err(Error::internal)?);
    tell(&payout, Key::PayoutFailed, now, effects)
}

fn tell(payout: &Payout, key: Key, now: Timestamp, effects: &mut Effects) -> Result<(), Error> {
    let user = UserId::from(payout.driver.0);
    let params: Params = [
        ("amount".to_owned(), payout.amount.amount().to_string()),
        ("wallet".to_owned(), brand(payout.provider).to_owned()),
    ]
    .into();
    effects.jobs.push(NewJob::of(&SendSms::new(user, key, params.clone(), now), New::at(now))?);
    effects.jobs.push(NewJob::of(&PostNotice { user, key, params }, New::at(now))?);
    Ok(())
}

/// What people call the wallet. Never the number: it would lie in the queue of jobs.
const fn brand(provider: ProviderId) -> &'static str {
    match provider {
        ProviderId::Mtn => "MTN MoMo",
        ProviderId::Airtel => "Airtel Money",
        ProviderId::Card => "card",
    }
}

fn late_success(payout: &Payout, end: &Ended) -> NewCase {
    NewCase {
        kind: "late_success",
        cause: format!("payout:{}:late", payout.id),
        severity: Severity::Critical,
        person: Some(UserId::from(payout.driver.0)),
        ride: None,
        attempt: Some(end.attempt.id),
        amount: payout.amount,
        // What is in suspense for it: placed by whoever ends the case.
        detail: json!({
            "payout": payout.id, "state": payout.state.as_str(), "suspense_rwf": payout.amount.amount(),
        }),
    }
}

/// Our own account at a provider has too little for payouts: one case for a provider and day.
pub(super) fn float_low(provider: ProviderId, short_of: Francs, now: Timestamp) -> NewCase {
    NewCase {
        kind: "float_low",
        cause: format!("float:{}:{}", provider.as_str(), now.kigali_day()),
        severity: Severity::Critical,
        person: None,
        ride: None,
        attempt: None,
        amount: short_of,
        detail: json!({ "provider": provider.as_str() }),
    }
}
