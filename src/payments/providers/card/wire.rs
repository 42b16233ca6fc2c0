//! The shapes of the card gateway's wire and what its answers mean. Pure.
//!
//! Separate from the calls so that every answer, true or hostile, can be tried without a connection.

use reqwest::StatusCode;
use ring::hmac;
use serde_json::{Value, json};

use crate::payments::providers::lenient;
use crate::payments::providers::outgoing::{Reply, may_call, refused, unknown};
use crate::payments::providers::{AttemptId, Hint, Moved, Operation, Order, Reason, Refusal, Standing, Submitted};
use crate::time::{Span, Timestamp};

/// Older signatures are a repetition by somebody else.
const SIGNATURE_AGE_MAX: Span = Span::from_minutes(5);

/// Longest description on the page.
const NOTE_CHARS_MAX: usize = 160;

const NOT_UNDERSTOOD: &str = "the answer was not understood";

/// The body of a new page.
pub fn session(order: &Order, currency: &str) -> Vec<u8> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-');
    let mut body = json!({
        "reference": order.attempt.0.to_string(),
        "amount": order.amount.amount(),
        "currency": currency,
        "description": lenient::note(&order.note, is_taken, NOTE_CHARS_MAX),
    });
    if let Some(url) = &order.callback_url {
        body["callback_url"] = json!(url);
    }
    body.to_string().into_bytes()
}

/// The body of a refund.
pub fn refund(order: &Order, session: &str) -> Vec<u8> {
    let reference = order.attempt.0.to_string();
    json!({"reference": reference, "session": session, "amount": order.amount.amount()}).to_string().into_bytes()
}

/// Why a card was not charged. A code that is not listed is final only beside the state "failed".
fn reason(code: &str) -> Reason {
    match code {
        "insufficient_funds" => Reason::InsufficientFunds,
        "limit_exceeded" | "card_velocity_exceeded" => Reason::PayerLimitReached,
        "declined" | "card_declined" | "do_not_honor" | "authentication_failed" => Reason::PayerDeclined,
        "expired_card" | "lost_card" | "stolen_card" | "card_blocked" => Reason::PayerBlocked,
        "incorrect_number" | "invalid_card" => Reason::InvalidPayer,
        "timeout" | "abandoned" => Reason::PayerTimeout,
        _ => Reason::Other,
    }
}

/// What became of an order.
pub fn submitted(order: &Order, reply: &Reply) -> Submitted {
    let body = reply.json().unwrap_or_default();
    match reply.status {
        StatusCode::OK | StatusCode::CREATED => {
            let is_ours =
                lenient::text(&body, &["reference"]).and_then(|text| lenient::attempt(&text)) == Some(order.attempt);
            let page_url = lenient::text(&body, &["url"]).filter(|url| may_call(url, false));
            match lenient::reference(&body, &["id"]) {
                Some(id) if is_ours && (page_url.is_some() || order.operation == Operation::Refund) => {
                    Submitted::Accepted { provider_reference: Some(id), page_url }
                }
                _ => Submitted::Unknown { reason: NOT_UNDERSTOOD },
            }
        }
        StatusCode::CONFLICT => Submitted::AlreadyExists,
        StatusCode::TOO_MANY_REQUESTS => {
            Submitted::NotSent { reason: "asked too often", retry_after: reply.retry_after, is_trouble: false }
        }
        StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::UNPROCESSABLE_ENTITY => refused(Reason::Misconfigured, reply.status.as_u16().to_string()),
        status if status.is_server_error() => Submitted::Unknown { reason: "the provider is in trouble" },
        _ => Submitted::Unknown { reason: NOT_UNDERSTOOD },
    }
}

/// How an order stands.
pub fn standing(attempt: AttemptId, operation: Operation, currency: &str, reply: &Reply) -> Standing {
    match (reply.status, reply.json()) {
        (StatusCode::OK, Some(body)) => told(attempt, operation, currency, &body),
        (StatusCode::NOT_FOUND, Some(_)) => Standing::NotFound,
        (StatusCode::NOT_FOUND, None) if reply.is_empty() => Standing::NotFound,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            Standing::Unknown { reason: "asked too often", retry_after: reply.retry_after, is_trouble: false }
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => unknown("our credentials are refused", true),
        (status, _) if status.is_server_error() => unknown("the provider is in trouble", true),
        (_, None) if !reply.is_empty() => unknown("the answer is no JSON", true),
        _ => unknown(NOT_UNDERSTOOD, false),
    }
}

fn told(attempt: AttemptId, operation: Operation, currency: &str, body: &Value) -> Standing {
    let is_refund = operation == Operation::Refund;
    let state = lenient::text(body, &["status"]);
    match (state.as_deref(), is_refund) {
        (Some("paid"), false) | (Some("succeeded"), true) => Standing::Succeeded(Moved {
            amount: lenient::amount(body, &["amount"]),
            is_our_currency: lenient::text(body, &["currency"]).map(|told| told.eq_ignore_ascii_case(currency)),
            is_our_reference: lenient::text(body, &["reference"]).map(|text| lenient::attempt(&text) == Some(attempt)),
            provider_reference: lenient::reference(body, &["id"]),
        }),
        (Some("failed"), _) => {
            let code = lenient::text(body, &["failure_code"]).unwrap_or_default();
            let reason = reason(&code);
            let code = if code.is_empty() { "failed".to_owned() } else { lenient::code(&code) };
            Standing::Failed(Refusal { reason, code })
        }
        (Some("expired"), false) => Standing::Failed(Refusal { reason: Reason::PayerTimeout, code: "expired".into() }),
        (Some(_), _) => Standing::Pending,
        (None, _) => unknown(NOT_UNDERSTOOD, false),
    }
}

/// Whom an event speaks of, if it is signed with our key and not older than five minutes.
pub fn hint(signature: &str, body: &[u8], key: &str, now: Timestamp) -> Option<Hint> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let parts = || signature.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find_map(|(name, value)| (name == "t").then_some(value))?;
    let at = Timestamp::from_millis(time.parse::<i64>().ok()?.checked_mul(1_000)?);
    if now.since(at) > SIGNATURE_AGE_MAX || at.since(now) > SIGNATURE_AGE_MAX {
        return None;
    }
    let message = [time.as_bytes(), b".", body].concat();
    // While a key is changed there may be two.
    let is_signed = |(name, value): (&str, &str)| {
        name == "v1" && unhex(value).is_some_and(|tag| hmac::verify(&key, &message, &tag).is_ok())
    };
    if !parts().any(is_signed) {
        return None;
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(Hint { attempt: lenient::attempt(&lenient::text(&body, &["reference"])?) })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
