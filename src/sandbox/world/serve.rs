//! A call on its way through the world: faults before, the provider's rules, faults after, and a line about it.

use std::time::Duration;

use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use super::faults::{self, Target};
use super::{Fault, FaultKind, Provider, REQUESTS_MAX, State, World};
use crate::sandbox::wire::{Call, Dropped, Reply};
use crate::sandbox::{airtel, card, mtn};
use crate::time::Timestamp;

/// How much of a body is remembered.
const BODY_SHOWN_BYTES_MAX: usize = 4_096;
/// A delay is not longer, or a stop would wait for it.
const DELAY_MS_MAX: u64 = 120_000;

/// How the reason of a failure is written, where a fault says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As switched.
    Usual,
    /// As an object.
    Object,
    /// As a word.
    Word,
}

/// What arrived, secrets redacted.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// At whose port.
    pub provider: Provider,
    /// What it was taken for: `requesttopay`, `requesttopay.status`, `token`; `unknown` where there is no such thing.
    pub op: &'static str,
    /// In HTTP.
    pub method: String,
    /// With what stands behind the question mark.
    pub path: String,
    /// As sent, in order.
    pub headers: Vec<(String, String)>,
    /// As sent, cut.
    pub body: String,
    /// None where the connection was dropped.
    pub status: Option<u16>,
    /// What went wrong on purpose.
    pub fault: Option<FaultKind>,
}

impl World {
    /// Answers a call at a provider's port.
    ///
    /// # Errors
    /// [`Dropped`] where the connection is to end without an answer.
    pub async fn serve(&self, provider: Provider, call: &Call) -> Result<Reply, Dropped> {
        let (op, is_submit) = match provider {
            Provider::Mtn => mtn::name(call),
            Provider::Airtel => airtel::name(call),
            Provider::Card => card::name(call),
        };
        let fault = self.with(|state, _| {
            if state.faults.is_empty() {
                return None;
            }
            let msisdn = if faults::ask_whose(&state.faults) { msisdn(state, call) } else { None };
            faults::strike(&mut state.faults, &Target { provider, op, is_submit, msisdn: msisdn.as_deref() }, false)
        });
        let outcome = self.befall(provider, call, fault.as_ref()).await;
        self.with(|state, at| {
            if state.requests.len() >= REQUESTS_MAX {
                state.requests.pop_front();
            }
            let status = outcome.as_ref().ok().map(|reply| reply.status);
            let mut path = call.path.clone();
            if !call.query.is_empty() {
                path = format!("{path}?{}", call.query);
            }
            let (method, headers, body) = (call.method.to_string(), shown(&call.headers), shown_body(op, call));
            let fault = fault.map(|fault| fault.kind);
            state.requests.push_back(Seen { at, provider, op, method, path, headers, body, status, fault });
        });
        outcome
    }

    async fn befall(&self, provider: Provider, call: &Call, fault: Option<&Fault>) -> Result<Reply, Dropped> {
        let answer = |shape| match provider {
            Provider::Mtn => mtn::answer(self, call, shape),
            Provider::Airtel => airtel::answer(self, call, shape),
            Provider::Card => card::answer(self, call),
        };
        let Some(fault) = fault else { return Ok(answer(Shape::Usual)) };
        let commit = || {
            if fault.commits {
                let _ = answer(Shape::Usual);
            }
        };
        match fault.kind {
            FaultKind::DropBefore => Err(Dropped),
            FaultKind::DropAfterCommit => {
                let _ = answer(Shape::Usual);
                Err(Dropped)
            }
            FaultKind::DelayMs => {
                let reply = answer(Shape::Usual);
                let ms = fault.ms.unwrap_or(1_000).min(DELAY_MS_MAX);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(reply)
            }
            FaultKind::Status => {
                commit();
                Ok(with_status(fault.status.unwrap_or(503)))
            }
            FaultKind::HtmlPage => {
                commit();
                let page = "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. \
                            Please consult with your administrator.</body></html>";
                Ok(Reply::html(fault.status.unwrap_or(200), page))
            }
            FaultKind::Empty400 => Ok(Reply::empty(400)),
            FaultKind::TruncatedJson => {
                let mut reply = answer(Shape::Usual);
                reply.content_type = Some(crate::sandbox::wire::JSON);
                reply.body =
                    if reply.body.is_empty() { "{\"".into() } else { reply.body.slice(..reply.body.len() / 2) };
                Ok(reply)
            }
            FaultKind::ReasonObject => Ok(answer(Shape::Object)),
            FaultKind::ReasonString => Ok(answer(Shape::Word)),
            _ => Ok(answer(Shape::Usual)),
        }
    }
}

fn with_status(status: u16) -> Reply {
    match status {
        429 => {
            let body =
                serde_json::json!({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 1 seconds."});
            Reply::json(429, &body).with("retry-after", "1")
        }
        500 => {
            let body = serde_json::json!({"message": "Internal error.", "code": "INTERNAL_PROCESSING_ERROR"});
            Reply::json(500, &body)
        }
        503 => {
            let body =
                serde_json::json!({"message": "Service temporarily unavailable.", "code": "SERVICE_UNAVAILABLE"});
            Reply::json(503, &body)
        }
        status => Reply::empty(status),
    }
}

/// Whose wallet a call is about: as its body says, or the order that its path names.
fn msisdn(state: &State, call: &Call) -> Option<String> {
    let segments = call.segments();
    let named = segments.iter().rev().find_map(|segment| state.book.by_reference(segment));
    if let Some(named) = named {
        return Some(named.party.clone());
    }
    let body = call.json()?;
    let party = |place: &str, field: &str| body.pointer(place).and_then(|party| party.get(field)).cloned();
    let of_body = [("/payer", "partyId"), ("/payee", "partyId"), ("/subscriber", "msisdn"), ("/payee", "msisdn")];
    let text = of_body.into_iter().find_map(|(place, field)| party(place, field));
    match text {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => {
            let original = body.get("referenceIdToRefund").or_else(|| body.pointer("/transaction/airtel_money_id"))?;
            let original = original.as_str()?;
            let found = state.book.by_reference(original).or_else(|| state.book.by_provider_reference(original))?;
            Some(found.party.clone())
        }
    }
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        let value = value.to_str().unwrap_or("[not text]");
        let value = match name.as_str() {
            "authorization" => format!("{} [redacted]", value.split(' ').next().unwrap_or_default()),
            "ocp-apim-subscription-key" => "[redacted]".to_owned(),
            _ => value.to_owned(),
        };
        (name.as_str().to_owned(), value)
    };
    headers.iter().map(shown).collect()
}

fn shown_body(op: &str, call: &Call) -> String {
    if op == "token" || op == "oauth2.token" {
        return if call.body.is_empty() { String::new() } else { "[redacted]".to_owned() };
    }
    let body = String::from_utf8_lossy(&call.body[..call.body.len().min(BODY_SHOWN_BYTES_MAX)]).into_owned();
    if !body.contains("\"pin\"") {
        return body;
    }
    match call.json() {
        Some(mut json) => {
            json["pin"] = "[redacted]".into();
            json.to_string()
        }
        None => "[redacted]".to_owned(),
    }
}
