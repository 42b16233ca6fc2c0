//! One call to a provider, and what it says of the provider's health.

use super::Engine;
use crate::payments::breaker::{Call, Health};
use crate::payments::providers::{Operation, Order, Provider, Query, Standing, Submitted, Trouble};
use crate::payments::store::attempts::Claimed;
use crate::telemetry::names;
use crate::time::{Span, Timestamp};

/// A place in a provider's queue that is nearer is waited for; a farther one is come back for.
const PLACE_MAX: Span = Span::from_secs(2);
/// Of a provider that is not set up (any more).
const ABSENT: Span = Span::from_secs(60);

/// What came of a claim.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The claim.
    pub claimed: Claimed,
    /// The answer.
    pub answer: Answer,
    /// Whether orders go where this one went.
    pub is_same_host: bool,
}

/// An answer of a provider.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// To an order.
    Submitted(Submitted),
    /// To the question how it stands.
    Stands(Standing),
}

fn not_sent(reason: &'static str, wait: Span) -> Submitted {
    Submitted::NotSent { reason, retry_after: Some(wait), is_trouble: false }
}

fn not_asked(reason: &'static str, wait: Span) -> Standing {
    Standing::Unknown { reason, retry_after: Some(wait), is_trouble: false }
}

impl Engine {
    /// Sends or asks.
    pub(super) async fn call(&self, claimed: Claimed) -> Answered {
        let provider = self.payments.parts.providers.get(claimed.attempt.provider).cloned();
        let Some(provider) = provider else {
            let answer = if claimed.is_submit {
                Answer::Submitted(not_sent("not_configured", ABSENT))
            } else {
                Answer::Stands(not_asked("not_configured", ABSENT))
            };
            return Answered { claimed, answer, is_same_host: false };
        };
        let is_same_host = claimed.base_url == provider.base_url();
        let answer = if claimed.is_submit {
            Answer::Submitted(self.submit(&*provider, &claimed).await)
        } else {
            Answer::Stands(self.ask(&*provider, &claimed).await)
        };
        Answered { claimed, answer, is_same_host }
    }

    async fn submit(&self, provider: &dyn Provider, claimed: &Claimed) -> Submitted {
        let attempt = &claimed.attempt;
        let key = (attempt.provider, attempt.operation, Call::Submit);
        if let Err(wait) = self.shared().breakers.allow(key.0, key.1, key.2, (self.clock)()) {
            return not_sent("breaker_open", wait);
        }
        let order = Order {
            attempt: attempt.id,
            operation: attempt.operation,
            amount: attempt.amount,
            wallet: claimed.wallet,
            note: note(claimed),
            callback_url: self.callback_url(claimed),
            original: claimed.original.clone(),
        };
        let started = std::time::Instant::now();
        let waited = (self.clock)().since(attempt.created_at);
        let answer = provider.submit(&order).await;
        let result = match &answer {
            Submitted::Accepted { .. } => "accepted",
            Submitted::AlreadyExists => "exists",
            Submitted::Refused(_) => "refused",
            Submitted::NotSent { .. } => "not_sent",
            Submitted::Unknown { .. } => "unknown",
        };
        if !attempt.is_submit_unknown {
            metrics::histogram!(names::PAYMENT_WAITED_SECONDS, "operation" => attempt.operation.as_str())
                .record(seconds(waited));
        }
        self.seen(key, Health::from(&answer), result, started.elapsed().as_secs_f64());
        answer
    }

    async fn ask(&self, provider: &dyn Provider, claimed: &Claimed) -> Standing {
        let attempt = &claimed.attempt;
        let now = (self.clock)();
        let key = (attempt.provider, attempt.operation, Call::Status);
        if let Some(limiter) = self.shared().limiters.get(&attempt.provider) {
            match limiter.take(now, PLACE_MAX) {
                Ok(Span::ZERO) => {}
                Ok(wait) => tokio::time::sleep(wait.to_duration()).await,
                Err(wait) => return not_asked("limited", wait),
            }
        }
        if let Err(wait) = self.shared().breakers.allow(key.0, key.1, key.2, now) {
            return not_asked("breaker_open", wait);
        }
        let query = Query {
            attempt: attempt.id,
            operation: attempt.operation,
            base_url: claimed.base_url.clone(),
            provider_reference: attempt.provider_reference.clone(),
            original: claimed.original.clone(),
        };
        let started = std::time::Instant::now();
        let standing = provider.standing(&query).await;
        let result = match &standing {
            Standing::Pending => "pending",
            Standing::Succeeded(_) => "succeeded",
            Standing::Failed(_) => "failed",
            Standing::NotFound => "not_found",
            Standing::Unknown { .. } => "unknown",
        };
        self.seen(key, Health::from(&standing), result, started.elapsed().as_secs_f64());
        standing
    }

    fn seen(&self, key: (super::ProviderId, Operation, Call), health: Health, result: &'static str, took_s: f64) {
        let (provider, operation, call) = (key.0.as_str(), key.1.as_str(), key.2.as_str());
        let labels = [("provider", provider), ("operation", operation), ("call", call), ("result", result)];
        metrics::counter!(names::PAYMENT_CALLS_TOTAL, &labels).increment(1);
        metrics::histogram!(names::PAYMENT_CALL_SECONDS, "provider" => provider, "call" => call).record(took_s);
        self.shared().breakers.record(key, health, (self.clock)(), rand::random());
    }

    /// Where the provider may tell us of this one.
    fn callback_url(&self, claimed: &Claimed) -> Option<String> {
        let base = self.payments.parts.config.engine.callback_base_url.as_deref()?;
        let base = base.trim_end_matches('/');
        Some(match claimed.attempt.provider {
            super::ProviderId::Mtn => format!("{base}/api/v1/callbacks/mtn/{}", claimed.callback_token),
            super::ProviderId::Airtel => format!("{base}/api/v1/callbacks/airtel"),
            super::ProviderId::Card => format!("{base}/api/v1/callbacks/card"),
        })
    }

    /// Tries out providers whose orders are held back, by a call that charges nobody.
    pub(super) fn probe(&self, now: Timestamp) {
        for provider in self.payments.parts.providers.all() {
            for operation in Operation::ALL {
                if !self.shared().breakers.is_due(provider.id(), operation, now) {
                    continue;
                }
                let key = (provider.id(), operation, Call::Submit);
                if self.shared().breakers.allow(key.0, key.1, key.2, now).is_err() {
                    continue;
                }
                let (provider, engine) = (provider.clone(), self.clone());
                tokio::spawn(async move {
                    let health = match provider.balances().await {
                        Ok(_) | Err(Trouble::NoSuchWallet) => Health::Good,
                        Err(Trouble::Away(_)) => Health::Unreachable,
                        // The next order is the probe.
                        Err(Trouble::Unsupported) => Health::Unknown,
                    };
                    engine.shared().breakers.record(key, health, (engine.clock)(), rand::random());
                });
            }
        }
    }
}

/// What the payer reads: letters, digits, blanks, dots and dashes only.
fn note(claimed: &Claimed) -> String {
    let subject = claimed.attempt.subject.simple().to_string();
    let what = match claimed.attempt.operation {
        Operation::Collection => "ride",
        Operation::Refund => "refund",
        Operation::Payout => "payout",
    };
    format!("boda {what} {}", &subject[24..])
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a wait")]
fn seconds(span: Span) -> f64 {
    span.as_millis() as f64 / 1_000.0
}
