//! The shapes of MTN's wire and what its answers mean. Pure.
//!
//! Separate from the calls so that every answer, true or hostile, can be tried without a connection.

use reqwest::StatusCode;
use serde::Serialize;
use serde_json::Value;
use uuid::{Builder, Uuid};

use super::codes::{Class, class};
use crate::payments::providers::lenient;
use crate::payments::providers::outgoing::{Reply, refused, unknown};
use crate::payments::providers::{AttemptId, Hint, Moved, Operation, Order, Reason, Refusal, Standing, Submitted};
use crate::phone::Phone;

/// Longest note.
pub const NOTE_CHARS_MAX: usize = 160;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Party {
    party_id_type: &'static str,
    party_id: String,
}

/// `requesttopay`, and `transfer` with a payee in place of the payer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Movement<'a> {
    amount: String,
    currency: &'a str,
    external_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<Party>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payee: Option<Party>,
    payer_message: String,
    payee_note: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GivingBack<'a> {
    amount: String,
    currency: &'a str,
    external_id: String,
    payer_message: String,
    payee_note: String,
    reference_id_to_refund: String,
}

/// The reference on the wire. MTN takes nothing but random UUIDs (version 4); of one it is the UUID itself.
pub fn reference(attempt: AttemptId) -> Uuid {
    Builder::from_random_bytes(attempt.0.into_bytes()).into_uuid()
}

/// Digits with the country code, without a plus.
pub fn msisdn(wallet: Phone) -> String {
    wallet.as_str().trim_start_matches('+').to_owned()
}

fn note(order: &Order) -> String {
    lenient::note(&order.note, |c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-'), NOTE_CHARS_MAX)
}

fn party(wallet: Phone) -> Party {
    Party { party_id_type: "MSISDN", party_id: msisdn(wallet) }
}

/// The body of a collection.
pub fn collection(order: &Order, payer: Phone, currency: &str) -> Vec<u8> {
    movement(order, currency, Some(party(payer)), None)
}

/// The body of a payout.
pub fn transfer(order: &Order, payee: Phone, currency: &str) -> Vec<u8> {
    movement(order, currency, None, Some(party(payee)))
}

fn movement(order: &Order, currency: &str, payer: Option<Party>, payee: Option<Party>) -> Vec<u8> {
    bytes(&Movement {
        amount: order.amount.amount().to_string(),
        currency,
        external_id: reference(order.attempt).to_string(),
        payer,
        payee,
        payer_message: note(order),
        payee_note: note(order),
    })
}

/// The body of a refund of an earlier collection.
pub fn refund(order: &Order, original: AttemptId, currency: &str) -> Vec<u8> {
    bytes(&GivingBack {
        amount: order.amount.amount().to_string(),
        currency,
        external_id: reference(order.attempt).to_string(),
        payer_message: note(order),
        payee_note: note(order),
        reference_id_to_refund: reference(original).to_string(),
    })
}

fn bytes(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts and numbers are always JSON")
}

/// The code of an error body, or of the reason of a status: a text, or an object that holds it.
fn code_in(value: &Value, name: &str) -> Option<String> {
    lenient::text(value, &[name]).or_else(|| lenient::text(value, &[name, "code"]))
}

/// Whether a 401 speaks of the subscription key, which no new token mends.
pub fn is_about_key(reply: &Reply) -> bool {
    reply
        .json()
        .and_then(|body| lenient::text(&body, &["message"]))
        .is_some_and(|text| text.contains("subscription key"))
}

/// What became of an order.
pub fn submitted(operation: Operation, reply: &Reply) -> Submitted {
    let body = reply.json().unwrap_or_default();
    let code = code_in(&body, "code").unwrap_or_default();
    let class = class(&code, operation);
    let misconfigured = || {
        let status = reply.status.as_u16();
        let code = if code.is_empty() { status.to_string() } else { lenient::code(&code) };
        refused(Reason::Misconfigured, code)
    };
    match (reply.status, class) {
        (StatusCode::ACCEPTED, _) => Submitted::Accepted { provider_reference: None, page_url: None },
        (StatusCode::CONFLICT, _) => Submitted::AlreadyExists,
        (StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR, Some(Class::Exists)) => Submitted::AlreadyExists,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            Submitted::NotSent { reason: "asked too often", retry_after: reply.retry_after, is_trouble: false }
        }
        (StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR, Some(Class::Ours)) => misconfigured(),
        // On a 5xx all other codes may hide an order that was taken.
        (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, Some(Class::Final(reason))) => refused(reason, code),
        (StatusCode::BAD_REQUEST, Some(Class::Theirs | Class::Open | Class::NotFound)) => {
            Submitted::Unknown { reason: "a refusal whose code says nothing of the end" }
        }
        (
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::LENGTH_REQUIRED,
            _,
        ) => misconfigured(),
        (status, _) if status.is_server_error() => Submitted::Unknown { reason: "the provider is in trouble" },
        _ => Submitted::Unknown { reason: "the answer was not understood" },
    }
}

/// How an order stands.
pub fn standing(attempt: AttemptId, operation: Operation, currency: &str, reply: &Reply) -> Standing {
    let body = reply.json();
    match (reply.status, body) {
        (StatusCode::OK, Some(body)) => told(attempt, operation, currency, &body),
        (StatusCode::NOT_FOUND, None) if reply.is_empty() => Standing::NotFound,
        (StatusCode::NOT_FOUND, Some(_)) => Standing::NotFound,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            Standing::Unknown { reason: "asked too often", retry_after: reply.retry_after, is_trouble: false }
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => unknown("our credentials are refused", true),
        (status, _) if status.is_server_error() => unknown("the provider is in trouble", true),
        // A page of a firewall, with status 200 or another.
        (_, None) if !reply.is_empty() => unknown("the answer is no JSON", true),
        _ => unknown("the answer was not understood", false),
    }
}

fn told(attempt: AttemptId, operation: Operation, currency: &str, body: &Value) -> Standing {
    match lenient::text(body, &["status"]).as_deref() {
        Some("SUCCESSFUL") => Standing::Succeeded(Moved {
            amount: lenient::amount(body, &["amount"]),
            is_our_currency: lenient::text(body, &["currency"]).map(|told| told.eq_ignore_ascii_case(currency)),
            is_our_reference: lenient::text(body, &["externalId"])
                .map(|told| lenient::attempt(&told) == Some(AttemptId(reference(attempt)))),
            provider_reference: lenient::reference(body, &["financialTransactionId"]),
        }),
        Some("FAILED") => {
            let code = code_in(body, "reason").unwrap_or_default();
            let reason = match class(&code, operation) {
                Some(Class::Open | Class::Exists) => return Standing::Pending,
                Some(Class::Final(reason)) => reason,
                Some(Class::Ours) => Reason::Misconfigured,
                Some(Class::Theirs | Class::NotFound) | None => Reason::Other,
            };
            let code = if code.is_empty() { "FAILED".to_owned() } else { lenient::code(&code) };
            Standing::Failed(Refusal { reason, code })
        }
        // CREATED, and whatever comes to their minds.
        Some(_) => Standing::Pending,
        None => unknown("the answer has no status", false),
    }
}

/// Whom a callback speaks of. They are not signed: anybody can send one, so nothing but the name is read.
pub fn hint(body: &[u8]) -> Option<Hint> {
    let body: Value = serde_json::from_slice(body).ok()?;
    if !body.is_object() {
        return None;
    }
    let told = |name: &str| lenient::text(&body, &[name]).and_then(|text| lenient::attempt(&text));
    Some(Hint { attempt: told("externalId").or_else(|| told("referenceId")) })
}
