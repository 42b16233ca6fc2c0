//! Cards, by a gateway that shows the page: no number of a card ever comes near us.
//!
//! Separate because the wire is theirs: sessions and refunds by a reference of ours, which makes repetitions harmless, and
//! signed events that are no more than a hint. The wire is written down in docs/PAYMENTS.md; a real gateway's client speaks
//! its own and takes this one's place.

mod wire;

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use super::lenient;
use super::outgoing::{Call, Fault, Outgoing, Reply, refused};
use super::{
    Hint, Holder, Operation, Order, OwnBalance, Provider, Query, Reason, Standing, StatementLine, Submitted, Trouble,
};
use crate::jobs::Clock;
use crate::payments::method::ProviderId;
use crate::phone::Phone;
use crate::redact::Secret;

/// Where the gateway is and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://HOST`, without a path.
    pub base_url: String,
    /// `RWF`.
    pub currency: String,
    /// Our key.
    pub api_key: Secret<String>,
    /// Signs events; none: events are not listened to.
    pub webhook_key: Option<Secret<String>>,
}

/// A client of the gateway.
pub struct Card {
    config: Config,
    outgoing: Outgoing,
    clock: Clock,
}

impl Card {
    /// A client that calls through `outgoing`.
    pub fn new(config: Config, outgoing: Outgoing, clock: Clock) -> Self {
        Self { config, outgoing, clock }
    }

    fn bearer(&self) -> (&'static str, String) {
        ("Authorization", format!("Bearer {}", self.config.api_key.expose()))
    }

    async fn get(&self, base_url: &str, path: &str) -> Result<Reply, Fault> {
        let url = format!("{base_url}{path}");
        self.outgoing.send(Call { method: Method::GET, url, headers: vec![self.bearer()], body: None }).await
    }

    async fn order(&self, order: &Order) -> Submitted {
        if order.amount.amount() <= 0 {
            return refused(Reason::Amount, "not_positive");
        }
        let (path, body) = match order.operation {
            Operation::Collection => ("/v1/checkout/sessions", wire::session(order, &self.config.currency)),
            Operation::Payout => return refused(Reason::Misconfigured, "no_payouts_to_cards"),
            Operation::Refund => {
                let session = order.original.as_ref().and_then(|original| original.provider_reference.as_ref());
                let Some(session) = session else { return refused(Reason::Misconfigured, "no_session") };
                ("/v1/refunds", wire::refund(order, session))
            }
        };
        let call = Call {
            method: Method::POST,
            url: format!("{}{path}", self.config.base_url),
            headers: vec![self.bearer(), ("Idempotency-Key", order.attempt.0.to_string())],
            body: Some(body),
        };
        match self.outgoing.send(call).await {
            Ok(reply) => wire::submitted(order, &reply),
            Err(fault) => fault.submitted(),
        }
    }

    async fn ask(&self, query: &Query) -> Standing {
        let place = if query.operation == Operation::Refund { "refunds" } else { "checkout/sessions" };
        match self.get(&query.base_url, &format!("/v1/{place}/by-reference/{}", query.attempt.0)).await {
            Ok(reply) => wire::standing(query.attempt, query.operation, &self.config.currency, &reply),
            Err(fault) => fault.standing(),
        }
    }

    async fn ask_balances(&self) -> Result<Vec<OwnBalance>, Trouble> {
        let reply = self.get(&self.config.base_url, "/v1/balance").await?;
        let body = reply.json().filter(|_| reply.status == StatusCode::OK).unwrap_or_default();
        match lenient::amount(&body, &["available"]) {
            Some(Ok(available)) => Ok(vec![OwnBalance { operation: Operation::Collection, available }]),
            _ => Err(Trouble::Away("the answer was not understood")),
        }
    }
}

impl Provider for Card {
    fn id(&self) -> ProviderId {
        ProviderId::Card
    }

    fn base_url(&self) -> &str {
        &self.config.base_url
    }

    fn submit<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Submitted> {
        self.order(order).boxed()
    }

    fn standing<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Standing> {
        self.ask(query).boxed()
    }

    fn holder(&self, _: Phone) -> BoxFuture<'_, Result<Holder, Trouble>> {
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<OwnBalance>, Trouble>> {
        self.ask_balances().boxed()
    }

    fn statement(&self, _: NaiveDate) -> BoxFuture<'_, Result<Vec<StatementLine>, Trouble>> {
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn read_callback(&self, headers: &HeaderMap, body: &[u8]) -> Option<Hint> {
        let key = self.config.webhook_key.as_ref()?;
        let signature = headers.get("signature")?.to_str().ok()?;
        wire::hint(signature, body, key.expose(), (self.clock)())
    }
}
