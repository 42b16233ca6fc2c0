//! Airtel Money: collections, disbursements and refunds by its Open API.
//!
//! Separate because the wire is theirs. What is peculiar to it: tokens that live for three minutes; failures with HTTP status
//! 200; a state "in doubt" that is not a failure; messages that are signed byte by byte; refunds that name no reference of
//! ours and give back all or nothing.
//!
//! Invariants: a refund by Airtel's own call is never repeated behind our back: without an answer it stays in doubt, and a
//! part of a collection is refused here; bytes are written once, signed, and those bytes are sent; a token is minted again
//! once for a call, and so is a key fetched.

mod codes;
pub mod crypto;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use rsa::RsaPublicKey;
use serde_json::json;

use super::lenient;
use super::outgoing::{Call, Fault, Outgoing, Reply, refused};
use super::tokens::{Key, Minted, Tokens};
use super::{
    Hint, Holder, Operation, Order, OwnBalance, Provider, Query, Reason, Standing, StatementLine, Submitted, Trouble,
};
use crate::jobs::Clock;
use crate::payments::method::ProviderId;
use crate::phone::Phone;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};

use crypto::Padding;

/// A key whose end is not understood is fetched again after this.
const KEY_LASTS: Span = Span::from_minutes(60);

/// Lines of a statement in one answer.
const STATEMENT_PAGE: usize = 100;

/// More pages are not a statement.
const STATEMENT_PAGES_MAX: usize = 2_000;

/// Which generation of the collection API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collections {
    /// Not signed.
    V1,
    /// Signed.
    V2,
}

/// Which generation of the disbursement API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disbursements {
    /// Not signed.
    V1,
    /// Signed.
    V2,
    /// Signed, and names the kind of wallet.
    V3,
}

/// How refunds go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundAs {
    /// By the call for it: all of a collection, once.
    Refund,
    /// As a disbursement to the payer's wallet: any amount, under a reference of ours.
    Disbursement,
}

/// The PIN of payouts.
#[derive(Clone, Debug)]
pub struct Pin {
    /// The PIN.
    pub pin: Secret<String>,
    /// The public key that the portal shows; none: the one that is fetched.
    pub key: Option<String>,
    /// How it is padded.
    pub padding: Padding,
}

/// Where Airtel is and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://HOST`, without a path.
    pub base_url: String,
    /// `RW`.
    pub country: String,
    /// `RWF`.
    pub currency: String,
    /// The application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret<String>,
    /// Which generation.
    pub collections: Collections,
    /// Which generation.
    pub disbursements: Disbursements,
    /// Of payouts; none: there are none.
    pub pin: Option<Pin>,
    /// How refunds go out.
    pub refund_as: RefundAs,
    /// Signs callbacks; none: they are not signed, and no more than a hint anyhow.
    pub callback_key: Option<Secret<String>>,
}

struct Fetched {
    key_id: String,
    key: RsaPublicKey,
    good_until: Timestamp,
}

/// A client of Airtel.
pub struct Airtel {
    config: Config,
    outgoing: Outgoing,
    tokens: Tokens,
    clock: Clock,
    keys: tokio::sync::Mutex<BTreeMap<String, Fetched>>,
}

/// A call, before credentials.
struct Ask {
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    is_signed: bool,
}

impl Ask {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None, is_signed: false }
    }
}

impl Airtel {
    /// A client that calls through `outgoing`.
    pub fn new(config: Config, outgoing: Outgoing, clock: Clock) -> Self {
        Self { config, outgoing, tokens: Tokens::new(clock.clone()), clock, keys: tokio::sync::Mutex::default() }
    }

    fn token_key(&self, base_url: &str) -> Key {
        Key::new(base_url, "airtel", &[&self.config.client_id, self.config.client_secret.expose()])
    }

    async fn mint(&self, base_url: &str) -> Result<Minted, Fault> {
        let body = json!({
            "client_id": self.config.client_id,
            "client_secret": self.config.client_secret.expose(),
            "grant_type": "client_credentials",
        });
        let call = Call {
            method: Method::POST,
            url: format!("{base_url}/auth/oauth2/token"),
            headers: Vec::new(),
            body: Some(body.to_string().into_bytes()),
        };
        let reply = match self.outgoing.send(call).await {
            // Nothing is lost with a token.
            Err(Fault::Lost(reason)) => return Err(Fault::away(reason)),
            other => other?,
        };
        Minted::read(&reply)
    }

    /// Calls with a token, once more with a new one when it is refused; `signature` goes along.
    async fn call(&self, base_url: &str, ask: &Ask, signature: Option<&crypto::Signature>) -> Result<Reply, Fault> {
        let key = self.token_key(base_url);
        let mut is_last = false;
        loop {
            let token = self.tokens.get(&key, || self.mint(base_url)).await?;
            let mut headers = vec![
                ("Authorization", token.bearer()),
                ("X-Country", self.config.country.clone()),
                ("X-Currency", self.config.currency.clone()),
            ];
            if ask.body.is_none() {
                headers.push(("Content-Type", "application/json".to_owned()));
            }
            if let Some(signature) = signature {
                headers.push(("x-signature", signature.signature.clone()));
                headers.push(("x-key", signature.key.clone()));
            }
            let url = format!("{base_url}{}", ask.path);
            let call = Call { method: ask.method.clone(), url, headers, body: ask.body.clone() };
            let reply = self.outgoing.send(call).await?;
            if is_last || !wire::is_about_token(&reply) {
                return Ok(reply);
            }
            is_last = true;
            self.tokens.drop(&key, &token).await;
        }
    }

    /// The published key, and its name. One fetch at a time.
    async fn published_key(&self, base_url: &str) -> Result<(String, RsaPublicKey), Fault> {
        let mut keys = self.keys.lock().await;
        let now = (self.clock)();
        if let Some(fetched) = keys.get(base_url).filter(|fetched| now < fetched.good_until) {
            return Ok((fetched.key_id.clone(), fetched.key.clone()));
        }
        // Another order has not begun yet: whatever is lost here, it was not sent.
        let reply = match self.call(base_url, &Ask::get("/v1/rsa/encryption-keys".to_owned()), None).await {
            Err(Fault::Lost(reason)) => return Err(Fault::away(reason)),
            other => other?,
        };
        let body = reply.json().filter(|_| reply.status == StatusCode::OK).unwrap_or_default();
        let text = lenient::text(&body, &["data", "key"]);
        let Some(key) = text.as_deref().and_then(crypto::public_key) else {
            return Err(Fault::away("the key for signing was not understood"));
        };
        let key_id = lenient::text(&body, &["data", "key_id"]).unwrap_or_default();
        let told = lenient::text(&body, &["data", "valid_upto"]).and_then(|text| wire::moment(&text));
        let good_until = told.unwrap_or_else(|| Timestamp::from_millis(now.as_millis() + KEY_LASTS.as_millis()));
        keys.insert(base_url.to_owned(), Fetched { key_id: key_id.clone(), key: key.clone(), good_until });
        Ok((key_id, key))
    }

    async fn forget_key(&self, base_url: &str, key_id: &str) {
        let mut keys = self.keys.lock().await;
        if keys.get(base_url).is_some_and(|fetched| fetched.key_id == key_id) {
            keys.remove(base_url);
        }
    }

    /// Sends an order; once more with a new key when its signature is refused.
    async fn send(&self, operation: Operation, ask: &Ask) -> Result<Reply, Fault> {
        let base_url = &self.config.base_url;
        let Some(body) = ask.body.as_ref().filter(|_| ask.is_signed) else {
            return self.call(base_url, ask, None).await;
        };
        let mut is_last = false;
        loop {
            let (key_id, key) = self.published_key(base_url).await?;
            let signature = crypto::signed(body, &key).ok_or(Fault::Denied("the_key_cannot_sign"))?;
            let reply = self.call(base_url, ask, Some(&signature)).await?;
            if is_last || !wire::is_about_signature(operation, &reply) {
                return Ok(reply);
            }
            is_last = true;
            self.forget_key(base_url, &key_id).await;
        }
    }

    async fn pin(&self) -> Result<String, Fault> {
        let Some(Pin { pin, key, padding }) = &self.config.pin else {
            return Err(Fault::Denied("disbursement_is_off"));
        };
        let key = match key {
            Some(text) => crypto::public_key(text).ok_or(Fault::Denied("the_key_of_the_pin"))?,
            None => self.published_key(&self.config.base_url).await?.1,
        };
        crypto::encrypted_pin(pin.expose(), &key, *padding).ok_or(Fault::Denied("the_key_of_the_pin"))
    }

    async fn order(&self, order: &Order) -> Submitted {
        if order.amount.amount() <= 0 {
            return refused(Reason::Amount, "not_positive");
        }
        let Config { country, currency, .. } = &self.config;
        let post = |path: &str, body: Vec<u8>, is_signed: bool| Ask {
            method: Method::POST,
            path: path.to_owned(),
            body: Some(body),
            is_signed,
        };
        let is_signed = self.config.collections == Collections::V2;
        let mut original_reference = None;
        let ask = match (order.operation, order.wallet, self.config.refund_as) {
            (Operation::Collection, Some(payer), _) => {
                let path = if is_signed { "/merchant/v2/payments/" } else { "/merchant/v1/payments/" };
                post(path, wire::collection(order, payer, country, currency), is_signed)
            }
            (Operation::Collection, None, _) => return refused(Reason::InvalidPayer, "no_wallet"),
            (Operation::Payout, Some(payee), _) | (Operation::Refund, Some(payee), RefundAs::Disbursement) => {
                let pin = match self.pin().await {
                    Ok(pin) => pin,
                    Err(fault) => return fault.submitted(),
                };
                let version = self.config.disbursements;
                let body = wire::disbursement(order, payee, currency, &pin, version);
                post(&format!("/standard/{}/disbursements/", version.as_str()), body, version != Disbursements::V1)
            }
            (Operation::Payout, None, _) | (Operation::Refund, None, RefundAs::Disbursement) => {
                return refused(Reason::InvalidPayee, "no_wallet");
            }
            (Operation::Refund, _, RefundAs::Refund) => {
                let Some(original) = &order.original else { return refused(Reason::Misconfigured, "no_original") };
                if original.amount != order.amount {
                    return refused(Reason::Amount, "partial_refund");
                }
                let Some(name) = &original.provider_reference else {
                    return refused(Reason::Misconfigured, "no_airtel_money_id");
                };
                original_reference = Some(name.as_str());
                let path = if is_signed { "/standard/v2/payments/refund" } else { "/standard/v1/payments/refund" };
                post(path, wire::refund(name), is_signed)
            }
        };
        match self.send(order.operation, &ask).await {
            Ok(reply) => wire::submitted(order.operation, original_reference, &reply),
            Err(fault) => fault.submitted(),
        }
    }

    async fn ask(&self, query: &Query) -> Standing {
        if let Some(standing) = wire::standing_of_nameless(query, self.config.refund_as) {
            return standing;
        }
        let id = wire::id(query.attempt);
        let path = match (query.operation, self.config.disbursements) {
            (Operation::Collection, _) => format!("/standard/v1/payments/{id}"),
            (_, Disbursements::V1) => format!("/standard/v1/disbursements/{id}"),
            (_, version) => format!("/standard/{}/disbursements/{id}?transactionType=B2C", version.as_str()),
        };
        match self.call(&query.base_url, &Ask::get(path), None).await {
            Ok(reply) => wire::standing(query, &self.config.currency, &reply),
            Err(fault) => fault.standing(),
        }
    }

    async fn get(&self, path: String) -> Result<Reply, Trouble> {
        Ok(self.call(&self.config.base_url, &Ask::get(path), None).await?)
    }

    async fn ask_balances(&self) -> Result<Vec<OwnBalance>, Trouble> {
        let mut balances = Vec::new();
        for (kind, operation) in [("COLL", Operation::Collection), ("DISB", Operation::Payout)] {
            if operation == Operation::Payout && self.config.pin.is_none() {
                continue;
            }
            let reply = self.get(format!("/standard/v2/users/balance?type={kind}")).await?;
            balances.push(OwnBalance { operation, available: wire::balance(&reply, &self.config.currency)? });
        }
        Ok(balances)
    }

    async fn ask_statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, Trouble> {
        let next = day.checked_add_days(Days::new(1)).ok_or(Trouble::Unsupported)?;
        let [from, to] = [day, next].map(|day| Timestamp::start_of_kigali_day(day).as_millis());
        let (mut lines, mut offset) = (Vec::new(), 0);
        for _ in 0..STATEMENT_PAGES_MAX {
            let path = format!("/merchant/v1/transactions?from={from}&to={to}&limit={STATEMENT_PAGE}&offset={offset}");
            let page = wire::statement(&self.get(path).await?)?;
            let is_last = page.len() < STATEMENT_PAGE;
            offset += page.len();
            // Whether `to` is within is not written down.
            lines.extend(page.into_iter().filter(|line| (from..to).contains(&line.at.as_millis())));
            if is_last {
                return Ok(lines);
            }
        }
        Err(Trouble::Away("the statement does not end"))
    }
}

impl Disbursements {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

impl Provider for Airtel {
    fn id(&self) -> ProviderId {
        ProviderId::Airtel
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
        async move { wire::holder(&self.get(format!("/standard/v1/users/{}", wire::msisdn(wallet))).await?) }.boxed()
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<OwnBalance>, Trouble>> {
        self.ask_balances().boxed()
    }

    fn statement(&self, day: NaiveDate) -> BoxFuture<'_, Result<Vec<StatementLine>, Trouble>> {
        self.ask_statement(day).boxed()
    }

    fn read_callback(&self, _: &HeaderMap, body: &[u8]) -> Option<Hint> {
        wire::hint(body, self.config.callback_key.as_ref().map(|key| key.expose().as_str()))
    }
}
