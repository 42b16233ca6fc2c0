//! A card gateway with a hosted page, as its customers see it. Its wire is ours: docs/PAYMENTS.md writes it down.
//!
//! Separate because its rules are another's: nothing of the engine depends on them. Who pays decides on the page, except
//! for amounts that end in 39 (declined) and 49 (not enough money), so that tests need no page.

mod page;

use std::sync::Arc;

use axum::http::Method;
use ring::hmac;
use serde_json::{Value, json};
use uuid::Uuid;

use super::wire::{Call, Reply};
use super::world::{
    Amount, Callback, End, Family, Flow, Order, Plan, Provider, State, Status, Switches, Transaction, World,
};
use crate::time::{Span, Timestamp};

/// The key that the gateway accepts.
pub const API_KEY: &str = "sandbox-card-key";
/// What webhooks are signed with.
pub const WEBHOOK_KEY: &str = "sandbox-card-webhook-key";

/// The one customer.
const TENANT: &str = "card";
/// How long the page waits for somebody.
const OPEN_FOR: Span = Span::from_minutes(30);
/// Longest reference.
const REFERENCE_CHARS_MAX: usize = 128;

/// A call that there is.
enum Route<'a> {
    Open,
    Opened(&'a str),
    Refund,
    Refunded(&'a str),
    Balance,
    Page(&'a str),
    Complete(&'a str),
    Decline(&'a str),
}

fn find<'a>(method: &Method, segments: &[&'a str]) -> Option<Route<'a>> {
    let (is_post, is_get) = (method == Method::POST, method == Method::GET);
    match segments {
        ["v1", "checkout", "sessions"] if is_post => Some(Route::Open),
        ["v1", "checkout", "sessions", "by-reference", reference] if is_get => Some(Route::Opened(reference)),
        ["v1", "refunds"] if is_post => Some(Route::Refund),
        ["v1", "refunds", "by-reference", reference] if is_get => Some(Route::Refunded(reference)),
        ["v1", "balance"] if is_get => Some(Route::Balance),
        ["pay", id] if is_get => Some(Route::Page(id)),
        ["pay", id, "complete"] if is_post => Some(Route::Complete(id)),
        ["pay", id, "decline"] if is_post => Some(Route::Decline(id)),
        _ => None,
    }
}

/// What a call is, for faults and for the log, and whether it is an order.
pub fn name(call: &Call) -> (&'static str, bool) {
    match find(&call.method, &call.segments()) {
        Some(Route::Open) => ("session", true),
        Some(Route::Opened(_)) => ("session.status", false),
        Some(Route::Refund) => ("refund", true),
        Some(Route::Refunded(_)) => ("refund.status", false),
        Some(Route::Balance) => ("balance", false),
        Some(Route::Page(_) | Route::Complete(_) | Route::Decline(_)) => ("page", false),
        None => ("unknown", false),
    }
}

/// Answers a call.
pub fn answer(world: &World, call: &Call) -> Reply {
    let segments = call.segments();
    let Some(route) = find(&call.method, &segments) else {
        return refused(404, "not_found", "There is no such thing.");
    };
    let replied = world.with(|state, now| match route {
        // Who pays has no key: the address of the page is the secret.
        Route::Page(id) => page::show(state, id),
        Route::Complete(id) => page::decide(state, id, End::Success, now),
        Route::Decline(id) => page::decide(state, id, End::Failure("APPROVAL_REJECTED"), now),
        _ if call.bearer() != Some(API_KEY) => Err(refused(401, "unauthorized", "The key is not known.")),
        Route::Open => open(state, call, now),
        Route::Opened(reference) => {
            find_order(state, "session", reference).map(|order| Reply::json(200, &session(order, None)))
        }
        Route::Refund => refund(state, call, now),
        Route::Refunded(reference) => {
            find_order(state, "refund", reference).map(|order| Reply::json(200, &refunded(order)))
        }
        Route::Balance => {
            let available = state.wallets.account(&super::world::AccountKey {
                provider: Provider::Card,
                tenant: Arc::from(TENANT),
                product: "collection",
                currency: "RWF",
            });
            Ok(Reply::json(200, &json!({"available": available.balance, "currency": "RWF"})))
        }
    });
    replied.unwrap_or_else(|refusal| refusal)
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": message}}))
}

/// A field of a body that is JSON or a form.
fn field(call: &Call, body: Option<&Value>, name: &str) -> Option<String> {
    match body {
        Some(body) => match &body[name] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        },
        None => call.form(name),
    }
}

fn open(state: &mut State, call: &Call, now: Timestamp) -> Result<Reply, Reply> {
    let body = call.json();
    let read = |name: &str| field(call, body.as_ref(), name);
    let reference = reference(read("reference"), call)?;
    if let Ok(order) = find_order(state, "session", &reference) {
        return Ok(Reply::json(200, &session(order, Some(call))));
    }
    let amount = amount(read("amount"))?;
    if read("currency").is_none_or(|currency| !currency.eq_ignore_ascii_case("RWF")) {
        return Err(refused(400, "currency_not_supported", "The currency is not RWF."));
    }
    let id = format!("cs_{}", Uuid::new_v4().simple());
    let delay = state.switches.prompt_delay();
    let plan = match amount.0 / 100 % 100 {
        39 => Plan::failure(delay, "APPROVAL_REJECTED"),
        49 => Plan::failure(delay, "NOT_ENOUGH_FUNDS"),
        _ if state.switches.card_auto_pay => Plan::success(delay),
        _ => Plan::failure(OPEN_FOR, "EXPIRED"),
    };
    let order = Order {
        provider: Provider::Card,
        tenant: Arc::from(TENANT),
        product: "collection",
        family: "session",
        kind: "session",
        flow: Flow::In,
        reference: reference.clone(),
        external_id: id.clone(),
        // The card is this session's own: no number of a card is ever asked for here.
        party: format!("card:{id}"),
        amount,
        currency: "RWF",
        plan,
        callback: read("callback_url")
            .filter(|url| !url.is_empty())
            .or_else(|| state.switches.card_callback_url.clone()),
        original: None,
        body: call.body.clone(),
    };
    let number = state.submit(order, now).map_err(|_| refused(409, "conflict", "The reference is in use."))?;
    state.book.name(&id, number);
    let order = find_order(state, "session", &reference)?;
    // As it was when it was opened, even if it is over already.
    Ok(Reply::json(201, &json!({"id": id, "reference": reference, "url": page_url(call, order), "status": "open"})))
}

fn reference(reference: Option<String>, call: &Call) -> Result<String, Reply> {
    let reference = reference.filter(|reference| {
        !reference.is_empty() && reference.chars().count() <= REFERENCE_CHARS_MAX && !reference.contains('/')
    });
    let reference = reference.ok_or_else(|| refused(400, "invalid", "reference is missing or too long."))?;
    match call.header("idempotency-key") {
        Some(key) if key == reference => Ok(reference),
        _ => Err(refused(400, "invalid", "Idempotency-Key is not the reference.")),
    }
}

fn amount(text: Option<String>) -> Result<Amount, Reply> {
    let amount = text.as_deref().and_then(Amount::parse).filter(|amount| amount.0 > 0 && amount.is_whole());
    amount.ok_or_else(|| refused(400, "invalid", "amount is not a positive number of whole francs."))
}

fn find_order<'a>(state: &'a State, family: &str, reference: &str) -> Result<&'a Transaction, Reply> {
    let family = Family { provider: Provider::Card, tenant: TENANT, name: family };
    let order = state.book.find(family, reference);
    order.ok_or_else(|| refused(404, "not_found", "There is no such reference."))
}

fn page_url(call: &Call, order: &Transaction) -> String {
    let host = call.header("host").unwrap_or("127.0.0.1");
    format!("http://{host}/pay/{}", order.external_id)
}

fn session(order: &Transaction, call: Option<&Call>) -> Value {
    let (status, code) = match order.status {
        Status::Created | Status::Pending => ("open", None),
        Status::Successful => ("paid", None),
        Status::Failed("EXPIRED") => ("expired", None),
        Status::Failed("NOT_ENOUGH_FUNDS") => ("failed", Some("insufficient_funds")),
        Status::Failed("APPROVAL_REJECTED") => ("failed", Some("card_declined")),
        Status::Failed(_) | Status::Cancelled => ("failed", Some("processing_error")),
    };
    let mut body = json!({
        "id": order.external_id,
        "reference": order.reference,
        "amount": if order.status == Status::Successful { order.moves } else { order.amount },
        "currency": order.currency,
        "status": status,
    });
    if let Some(code) = code {
        body["failure_code"] = code.into();
    }
    if let Some(call) = call {
        body["url"] = page_url(call, order).into();
    }
    body
}

fn refund(state: &mut State, call: &Call, now: Timestamp) -> Result<Reply, Reply> {
    let body = call.json();
    let read = |name: &str| field(call, body.as_ref(), name);
    let reference = reference(read("reference"), call)?;
    if let Ok(order) = find_order(state, "refund", &reference) {
        return Ok(Reply::json(200, &refunded(order)));
    }
    let amount = amount(read("amount"))?;
    let named = read("session").unwrap_or_default();
    // By its name or by the reference under which it was opened.
    let original = state.book.named(&named).or_else(|| find_order(state, "session", &named).ok());
    let original = original.filter(|original| original.kind == "session");
    let original = original.ok_or_else(|| refused(404, "not_found", "There is no such session."))?;
    if original.status != Status::Successful {
        return Err(refused(409, "not_paid", "The session is not paid."));
    }
    if original.given_back.0 + amount.0 > original.moves.0 {
        return Err(refused(409, "too_much", "More than was paid cannot be given back."));
    }
    let order = Order {
        provider: Provider::Card,
        tenant: Arc::from(TENANT),
        product: "collection",
        family: "refund",
        kind: "refund",
        flow: Flow::Back,
        reference: reference.clone(),
        external_id: format!("re_{}", Uuid::new_v4().simple()),
        party: original.party.clone(),
        amount,
        currency: "RWF",
        plan: Plan::success(state.switches.prompt_delay()),
        callback: original.callback.clone(),
        original: Some(original.number),
        body: call.body.clone(),
    };
    state.submit(order, now).map_err(|_| refused(409, "conflict", "The reference is in use."))?;
    Ok(Reply::json(201, &refunded(find_order(state, "refund", &reference)?)))
}

fn refunded(order: &Transaction) -> Value {
    let status = match order.status {
        Status::Created | Status::Pending => "pending",
        Status::Successful => "succeeded",
        Status::Failed(_) | Status::Cancelled => "failed",
    };
    json!({"id": order.external_id, "reference": order.reference, "amount": order.amount, "status": status})
}

/// What the gateway sends when a session or a refund is over.
pub fn callback(order: &Transaction, said: Status, _: &Switches, now: Timestamp) -> Option<Callback> {
    let url = order.callback.clone()?;
    let what = if order.kind == "refund" { "refund" } else { "checkout.session" };
    let how = match said {
        Status::Successful if order.kind == "refund" => "succeeded",
        Status::Successful => "paid",
        Status::Failed("EXPIRED") => "expired",
        _ => "failed",
    };
    let body = json!({"type": format!("{what}.{how}"), "reference": order.reference}).to_string();
    let seconds = now.as_millis() / 1_000;
    let headers = vec![("signature", format!("t={seconds},v1={}", sign(seconds, &body)))];
    let (provider, reference) = (Provider::Card, order.reference.clone());
    Some(Callback { provider, url, method: "POST", headers, body, reference })
}

/// In hexadecimal.
fn sign(seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_KEY.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ends an open session as if somebody had been at the page; whether there is one.
pub fn end(state: &mut State, reference: &str, end: End, now: Timestamp) -> bool {
    let Ok(order) = find_order(state, "session", reference) else { return false };
    let number = order.number;
    state.finish(number, end, now);
    true
}

#[cfg(test)]
mod tests;
