//! The SMS gateway of Africa's Talking, as seen from its customer, and the phones behind it.
//!
//! Faithful in what matters to a client: a wrong key is answered in plain text; status 201 says nothing about a
//! recipient; each recipient has a status code of its own. A number that ends in 000 does not exist.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::clock;
use crate::phone::Phone;
use crate::time::Timestamp;

/// The key that the stand-in accepts.
pub const API_KEY: &str = "sandbox-key";
/// The account that the stand-in knows; the gateway's own sandbox has the same.
pub const USERNAME: &str = "sandbox";

/// Messages kept; the oldest are forgotten first.
const MESSAGES_MAX: usize = 20_000;
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 200;
/// Who sends when the customer does not say.
const SENDER_DEFAULT: &str = "AFRICASTKNG";

/// What arrived on the phones of this world.
pub struct Phones {
    messages: Mutex<VecDeque<Message>>,
}

/// A text on a phone.
#[derive(Clone, Serialize)]
struct Message {
    id: String,
    to: String,
    from: String,
    text: String,
    at: Timestamp,
}

impl Phones {
    /// No message yet.
    pub fn new() -> Self {
        Self { messages: Mutex::new(VecDeque::new()) }
    }

    /// Forgets every message.
    pub fn forget(&self) {
        self.messages().clear();
    }

    fn receive(&self, message: Message) {
        let mut messages = self.messages();
        if messages.len() >= MESSAGES_MAX {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    fn messages(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn routes() -> Router<Arc<Phones>> {
    Router::new().route("/version1/messaging", post(send)).route("/_sim/sms", get(list))
}

#[derive(Deserialize)]
struct SendForm {
    username: String,
    to: String,
    message: String,
    from: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    status_code: u16,
    number: String,
    status: &'static str,
    cost: &'static str,
    message_id: String,
}

async fn send(State(phones): State<Arc<Phones>>, headers: HeaderMap, Form(form): Form<SendForm>) -> Response {
    let key = headers.get("apikey").map(|value| value.as_bytes());
    if key != Some(API_KEY.as_bytes()) || form.username != USERNAME {
        return (StatusCode::UNAUTHORIZED, "The supplied authentication is invalid").into_response();
    }
    let from = form.from.filter(|from| !from.is_empty()).unwrap_or_else(|| SENDER_DEFAULT.to_owned());
    let recipients: Vec<_> =
        form.to.split(',').map(|number| deliver(&phones, number.trim(), &from, &form.message)).collect();
    let sent = recipients.iter().filter(|recipient| recipient.status_code < 200).count();
    let summary = format!("Sent to {sent}/{} Total Cost: RWF {}", recipients.len(), sent * 10);
    let answer = json!({"SMSMessageData": {"Message": summary, "Recipients": recipients}});
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn deliver(phones: &Phones, number: &str, from: &str, text: &str) -> Recipient {
    // The gateway takes international form only.
    let exists = number.starts_with('+') && Phone::parse(number).is_ok() && !number.ends_with("000");
    if !exists {
        let status = "InvalidPhoneNumber";
        return Recipient {
            status_code: 403,
            number: number.to_owned(),
            status,
            cost: "0",
            message_id: "None".to_owned(),
        };
    }
    let id = format!("ATXid_{}", Uuid::now_v7().simple());
    // Shown whole on purpose: this line is the screen of a phone that nobody holds.
    tracing::info!(target: "sandbox", to = number, from, text, "an SMS arrived");
    phones.receive(Message {
        id: id.clone(),
        to: number.to_owned(),
        from: from.to_owned(),
        text: text.to_owned(),
        at: clock::now(),
    });
    Recipient { status_code: 101, number: number.to_owned(), status: "Success", cost: "RWF 10", message_id: id }
}

#[derive(Deserialize)]
struct ListQuery {
    to: Option<String>,
    limit: Option<usize>,
}

/// A plus that was not escaped arrives as a blank, so numbers are compared as they are meant.
async fn list(State(phones): State<Arc<Phones>>, Query(query): Query<ListQuery>) -> Response {
    let to = match query.to.as_deref().map(Phone::parse) {
        Some(Ok(phone)) => Some(phone),
        Some(Err(reason)) => return (StatusCode::UNPROCESSABLE_ENTITY, format!("to {reason}")).into_response(),
        None => None,
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    let wanted = |message: &&Message| to.as_ref().is_none_or(|to| message.to == to.as_str());
    let items: Vec<Message> = phones.messages().iter().rev().filter(wanted).take(limit).cloned().collect();
    Json(json!({"items": items})).into_response()
}
