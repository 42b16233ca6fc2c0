//! MTN MoMo: collections, transfers and refunds by its Open API.
//!
//! Separate because the wire is theirs. What is peculiar to it: a token and a subscription key for each product; a reference
//! that must be a random UUID and is the only idempotency key; answers without a body; errors whose meaning is in the code
//! and not in the status; HTML pages of a firewall with status 200; a status is read only where the order was sent.
//!
//! Invariants: a token is minted again once for a call, never twice; the callback address is sent only when its host is the
//! one that was registered; see `wire` for what an answer means.

mod codes;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use super::lenient;
use super::outgoing::{Call, Fault, Outgoing, Reply, is_here, refused};
use super::tokens::{Key, Minted, Token, Tokens};
use super::{
    Hint, Holder, Operation, Order, OwnBalance, Provider, Query, Reason, Standing, StatementLine, Submitted, Trouble,
};
use crate::jobs::Clock;
use crate::payments::method::ProviderId;
use crate::phone::Phone;
use crate::redact::Secret;

/// The environment for integrators, in which callbacks may go to plain http.
const SANDBOX_ENVIRONMENT: &str = "sandbox";

/// How refunds go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundAs {
    /// `POST /disbursement/v2_0/refund`.
    RefundV2,
    /// `POST /disbursement/v1_0/refund`.
    RefundV1,
    /// A transfer to the payer's wallet: for contracts without refunds.
    Payout,
}

/// The keys of a product: the second is tried when the first is refused, so that they can be changed without a stop.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The first.
    pub primary: Secret<String>,
    /// The second.
    pub secondary: Option<Secret<String>>,
}

/// Where MTN is and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://HOST`, without a path.
    pub base_url: String,
    /// `X-Target-Environment`: `mtnrwanda`, `sandbox`.
    pub target_environment: String,
    /// `RWF`, or `EUR` in their sandbox.
    pub currency: String,
    /// A UUID.
    pub api_user: String,
    /// Its key.
    pub api_key: Secret<String>,
    /// Of collections.
    pub collection: Keys,
    /// Of payouts and refunds; none: there are none.
    pub disbursement: Option<Keys>,
    /// The registered `providerCallbackHost`; none: callbacks are not asked for.
    pub callback_host: Option<String>,
    /// How refunds go out.
    pub refund_as: RefundAs,
}

/// What a token and a subscription key are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Collection,
    Disbursement,
}

impl Product {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Disbursement => "disbursement",
        }
    }
}

struct Line {
    keys: Keys,
    uses_secondary: AtomicBool,
}

impl Line {
    fn new(keys: Keys) -> Self {
        Self { keys, uses_secondary: AtomicBool::new(false) }
    }

    /// The key to use, and whether it is the second.
    fn key(&self) -> (&str, bool) {
        match &self.keys.secondary {
            Some(second) if self.uses_secondary.load(Ordering::Relaxed) => (second.expose(), true),
            _ => (self.keys.primary.expose(), false),
        }
    }

    /// The key was refused. Whether there is another.
    fn change(&self, was_secondary: bool) -> bool {
        let from = (was_secondary, !was_secondary);
        // Of many that were refused at once only the first changes it.
        let _ = self.uses_secondary.compare_exchange(from.0, from.1, Ordering::Relaxed, Ordering::Relaxed);
        self.keys.secondary.is_some()
    }
}

/// A client of MTN.
pub struct Mtn {
    config: Config,
    outgoing: Outgoing,
    tokens: Tokens,
    collection: Line,
    disbursement: Option<Line>,
}

/// A call to a product, before credentials.
struct Ask {
    product: Product,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    fn get(product: Product, path: String) -> Self {
        Self { product, method: Method::GET, path, headers: Vec::new(), body: None }
    }
}

impl Mtn {
    /// A client that calls through `outgoing`.
    pub fn new(config: Config, outgoing: Outgoing, clock: Clock) -> Self {
        let collection = Line::new(config.collection.clone());
        let disbursement = config.disbursement.clone().map(Line::new);
        Self { config, outgoing, tokens: Tokens::new(clock), collection, disbursement }
    }

    fn line(&self, product: Product) -> Result<&Line, Fault> {
        match product {
            Product::Collection => Ok(&self.collection),
            Product::Disbursement => self.disbursement.as_ref().ok_or(Fault::Denied("disbursement_is_off")),
        }
    }

    fn token_key(&self, base_url: &str, product: Product) -> Key {
        Key::new(base_url, product.as_str(), &[&self.config.api_user, self.config.api_key.expose()])
    }

    async fn token(&self, base_url: &str, product: Product) -> Result<Token, Fault> {
        self.tokens.get(&self.token_key(base_url, product), || self.mint(base_url, product)).await
    }

    async fn mint(&self, base_url: &str, product: Product) -> Result<Minted, Fault> {
        let line = self.line(product)?;
        let pair = format!("{}:{}", self.config.api_user, self.config.api_key.expose());
        let mut is_last = false;
        loop {
            let (key, is_secondary) = line.key();
            let reply = self
                .outgoing
                .send(Call {
                    method: Method::POST,
                    // Without the slash at the end it is another address.
                    url: format!("{base_url}/{}/token/", product.as_str()),
                    headers: vec![
                        ("Authorization", format!("Basic {}", STANDARD.encode(&pair))),
                        ("Ocp-Apim-Subscription-Key", key.to_owned()),
                        ("X-Target-Environment", self.config.target_environment.clone()),
                    ],
                    // A form is caught by a firewall, and nothing at all lacks the length that it wants.
                    body: Some(br#"{"grant_type":"client_credentials"}"#.to_vec()),
                })
                .await
                // Nothing is lost with a token.
                .map_err(|fault| if let Fault::Lost(reason) = fault { Fault::away(reason) } else { fault })?;
            if reply.status == StatusCode::UNAUTHORIZED
                && wire::is_about_key(&reply)
                && !is_last
                && line.change(is_secondary)
            {
                is_last = true;
                continue;
            }
            return Minted::read(&reply);
        }
    }

    /// Calls with a token and a key; once more with new ones when they are refused.
    async fn call(&self, base_url: &str, ask: Ask) -> Result<Reply, Fault> {
        let line = self.line(ask.product)?;
        let mut is_last = false;
        loop {
            let token = self.token(base_url, ask.product).await?;
            let (key, is_secondary) = line.key();
            let mut headers = vec![
                ("Authorization", token.bearer()),
                ("Ocp-Apim-Subscription-Key", key.to_owned()),
                ("X-Target-Environment", self.config.target_environment.clone()),
            ];
            headers.extend(ask.headers.iter().cloned());
            let url = format!("{base_url}/{}{}", ask.product.as_str(), ask.path);
            let call = Call { method: ask.method.clone(), url, headers, body: ask.body.clone() };
            let reply = self.outgoing.send(call).await?;
            if reply.status != StatusCode::UNAUTHORIZED || is_last {
                return Ok(reply);
            }
            is_last = true;
            if wire::is_about_key(&reply) {
                if !line.change(is_secondary) {
                    return Ok(reply);
                }
            } else {
                self.tokens.drop(&self.token_key(base_url, ask.product), &token).await;
            }
        }
    }

    /// The address for callbacks, if MTN takes it: another host than the registered one is refused, and so is an address
    /// that nobody outside can reach. In a rehearsal it is on this machine.
    fn callback(&self, url: Option<&str>) -> Option<String> {
        let url = url?;
        if is_here(&self.config.base_url) {
            return is_here(url).then(|| url.to_owned());
        }
        let parsed = Url::parse(url).ok()?;
        let is_safe = parsed.scheme() == "https" || self.config.target_environment == SANDBOX_ENVIRONMENT;
        let is_registered = parsed.domain().is_some_and(|domain| Some(domain) == self.config.callback_host.as_deref());
        (is_safe && is_registered).then(|| url.to_owned())
    }

    async fn order(&self, order: &Order) -> Submitted {
        if order.amount.amount() <= 0 {
            return refused(Reason::Amount, "not_positive");
        }
        let currency = &self.config.currency;
        let (product, path, body) = match (order.operation, self.config.refund_as, order.wallet) {
            (Operation::Collection, _, Some(payer)) => {
                (Product::Collection, "/v1_0/requesttopay", wire::collection(order, payer, currency))
            }
            (Operation::Collection, _, None) => return refused(Reason::InvalidPayer, "no_wallet"),
            (Operation::Payout, _, Some(payee)) | (Operation::Refund, RefundAs::Payout, Some(payee)) => {
                (Product::Disbursement, "/v1_0/transfer", wire::transfer(order, payee, currency))
            }
            (Operation::Payout, _, None) | (Operation::Refund, RefundAs::Payout, None) => {
                return refused(Reason::InvalidPayee, "no_wallet");
            }
            (Operation::Refund, version, _) => {
                let Some(original) = &order.original else { return refused(Reason::Misconfigured, "no_original") };
                let path = if version == RefundAs::RefundV1 { "/v1_0/refund" } else { "/v2_0/refund" };
                (Product::Disbursement, path, wire::refund(order, original.attempt, currency))
            }
        };
        let mut headers = vec![("X-Reference-Id", wire::reference(order.attempt).to_string())];
        headers.extend(self.callback(order.callback_url.as_deref()).map(|url| ("X-Callback-Url", url)));
        let ask = Ask { product, method: Method::POST, path: path.to_owned(), headers, body: Some(body) };
        match self.call(&self.config.base_url, ask).await {
            Ok(reply) => wire::submitted(order.operation, &reply),
            Err(fault) => fault.submitted(),
        }
    }

    async fn ask_at(&self, query: &Query, product: Product, resource: &str) -> Standing {
        let path = format!("/v1_0/{resource}/{}", wire::reference(query.attempt));
        match self.call(&query.base_url, Ask::get(product, path)).await {
            Ok(reply) => wire::standing(query.attempt, query.operation, &self.config.currency, &reply),
            Err(fault) => fault.standing(),
        }
    }

    async fn ask(&self, query: &Query) -> Standing {
        match query.operation {
            Operation::Collection => self.ask_at(query, Product::Collection, "requesttopay").await,
            Operation::Payout => self.ask_at(query, Product::Disbursement, "transfer").await,
            Operation::Refund => {
                let places = match self.config.refund_as {
                    RefundAs::Payout => ["transfer", "refund"],
                    RefundAs::RefundV1 | RefundAs::RefundV2 => ["refund", "transfer"],
                };
                // It may have gone out in the other form, before the configuration changed.
                match self.ask_at(query, Product::Disbursement, places[0]).await {
                    Standing::NotFound => self.ask_at(query, Product::Disbursement, places[1]).await,
                    standing => standing,
                }
            }
        }
    }

    async fn ask_holder(&self, wallet: Phone) -> Result<Holder, Trouble> {
        let base_url = &self.config.base_url;
        let account = format!("/v1_0/accountholder/msisdn/{}", wire::msisdn(wallet));
        let get = |what: &str| self.call(base_url, Ask::get(Product::Collection, format!("{account}/{what}")));
        let reply = get("active").await?;
        let is_active = match (reply.status, reply.json()) {
            (StatusCode::OK, Some(body)) => body.get("result").and_then(serde_json::Value::as_bool),
            (StatusCode::NOT_FOUND, Some(_)) => return Err(Trouble::NoSuchWallet),
            (StatusCode::NOT_FOUND, None) if reply.is_empty() => return Err(Trouble::NoSuchWallet),
            _ => None,
        };
        let is_active = is_active.ok_or(Trouble::Away("the answer was not understood"))?;
        let names = match get("basicuserinfo").await {
            Ok(reply) if reply.status == StatusCode::OK => reply.json().unwrap_or_default(),
            // The name is a help for a reviewer, not a condition.
            _ => serde_json::Value::Null,
        };
        let name = |field: &str| lenient::text(&names, &[field]).filter(|name| !name.is_empty());
        Ok(Holder { is_active, first_name: name("given_name"), last_name: name("family_name") })
    }

    async fn ask_balances(&self) -> Result<Vec<OwnBalance>, Trouble> {
        let mut balances = Vec::new();
        let products = [(Product::Collection, Operation::Collection), (Product::Disbursement, Operation::Payout)];
        for (product, operation) in products {
            if product == Product::Disbursement && self.disbursement.is_none() {
                continue;
            }
            let reply = self.call(&self.config.base_url, Ask::get(product, "/v1_0/account/balance".into())).await?;
            let body = reply.json().filter(|_| reply.status == StatusCode::OK).unwrap_or_default();
            let is_ours = lenient::text(&body, &["currency"]).is_some_and(|told| told == self.config.currency);
            match lenient::amount(&body, &["availableBalance"]) {
                Some(Ok(available)) if is_ours => balances.push(OwnBalance { operation, available }),
                _ => return Err(Trouble::Away("the answer was not understood")),
            }
        }
        Ok(balances)
    }
}

impl Provider for Mtn {
    fn id(&self) -> ProviderId {
        ProviderId::Mtn
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

    fn holder(&self, wallet: Phone) -> BoxFuture<'_, Result<Holder, Trouble>> {
        self.ask_holder(wallet).boxed()
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<OwnBalance>, Trouble>> {
        self.ask_balances().boxed()
    }

    fn statement(&self, _: NaiveDate) -> BoxFuture<'_, Result<Vec<StatementLine>, Trouble>> {
        // A file from the partners' portal.
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn read_callback(&self, _: &HeaderMap, body: &[u8]) -> Option<Hint> {
        wire::hint(body)
    }
}
