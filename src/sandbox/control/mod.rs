//! The hand on the world: `/_sim/…` on the base port, never on a provider's.
//!
//! Separate because no provider has anything like it. Whoever reaches it can do everything, so it is on this machine only, as
//! the whole sandbox is. Answers and bodies are JSON; a wrong one is answered 422 in plain text with the reason.

mod arrange;
mod look;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::world::World;
use super::{Addresses, airtel, card, mtn};

/// What the control knows.
#[derive(Clone)]
pub struct Control {
    /// The world that it controls.
    pub world: Arc<World>,
    /// Where everything is.
    pub addresses: Addresses,
}

/// Everything there is.
const ROUTES: [(&str, &str); 23] = [
    ("GET /_sim", "this list, addresses and credentials"),
    ("GET /_sim/clock", "the time in this world"),
    ("POST /_sim/clock/advance", "{\"seconds\": 300}: lets time pass"),
    ("GET /_sim/switches", "settings in force"),
    ("POST /_sim/switches", "changes some settings"),
    ("GET /_sim/faults", "faults to come, with how often each hit"),
    (
        "POST /_sim/faults",
        "{\"match\": {\"provider\", \"op\", \"msisdn\"}, \"kind\", \"count\", \"probability\", \"seed\"}",
    ),
    ("DELETE /_sim/faults", "no more faults"),
    ("POST /_sim/tokens/revoke", "{\"provider\"}: every token is bad from now on"),
    ("GET /_sim/transactions", "?provider&msisdn&reference&kind&status&limit: newest first"),
    ("GET /_sim/requests", "?provider&op&limit: newest first, secrets redacted"),
    ("GET /_sim/callbacks", "?provider&reference&limit: newest first"),
    ("GET /_sim/journal", "?provider&msisdn&reference&after&limit: every debit and credit of a wallet, oldest first"),
    ("GET /_sim/journal/sums", "?provider: counts and sums, and what was debited more than once"),
    ("GET /_sim/wallets", "?provider&msisdn: one wallet"),
    (
        "POST /_sim/wallets",
        "{\"provider\", \"msisdn\", \"balance\", \"kyc\", \"active\", \"first_name\", \"last_name\"}",
    ),
    ("GET /_sim/accounts", "the customers' own accounts"),
    ("GET /_sim/statement", "?provider&day=2026-11-26&format=json|csv&tenant"),
    (
        "POST /_sim/statement/discrepancies",
        "{\"provider\", \"kind\", \"reference\", \"amount\"}: a mistake in statements",
    ),
    ("DELETE /_sim/statement/discrepancies", "no more mistakes"),
    ("POST /_sim/card/{reference}/pay", "as if somebody had paid on the page; also decline, expire"),
    ("GET /_sim/sms", "?to&limit: texts on the phones"),
    ("POST /_sim/reset", "everything as in the beginning"),
];

/// The routes of the control; resetting is the whole sandbox's.
pub fn routes(control: Control) -> Router {
    Router::new()
        .route("/_sim", get(index))
        .route("/_sim/", get(index))
        .route("/_sim/clock", get(look::clock))
        .route("/_sim/clock/advance", post(arrange::advance))
        .route("/_sim/switches", get(look::switches).post(arrange::switch).patch(arrange::switch))
        .route("/_sim/faults", get(look::faults).post(arrange::fault).delete(arrange::no_faults))
        .route("/_sim/tokens/revoke", post(arrange::revoke))
        .route("/_sim/transactions", get(look::transactions))
        .route("/_sim/requests", get(look::requests))
        .route("/_sim/callbacks", get(look::callbacks))
        .route("/_sim/journal", get(look::journal))
        .route("/_sim/journal/sums", get(look::sums))
        .route("/_sim/wallets", get(look::wallet).post(arrange::wallet))
        .route("/_sim/accounts", get(look::accounts))
        .route("/_sim/statement", get(look::statement))
        .route(
            "/_sim/statement/discrepancies",
            get(look::discrepancies).post(arrange::discrepancy).delete(arrange::no_discrepancies),
        )
        .route("/_sim/card/{reference}/{how}", post(arrange::card))
        .with_state(control)
}

/// Why nothing was done.
pub struct Refused {
    status: StatusCode,
    reason: String,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, self.reason).into_response()
    }
}

/// A body or a question that makes no sense.
fn refused(reason: impl ToString) -> Refused {
    Refused { status: StatusCode::UNPROCESSABLE_ENTITY, reason: reason.to_string() }
}

/// What whoever develops against the sandbox has to know.
pub fn credentials() -> Value {
    json!({
        "mtn": {
            "environment": "mtnrwanda", "currency": "RWF",
            "api_user": mtn::API_USER, "api_key": mtn::API_KEY,
            "collection_key": mtn::COLLECTION_KEY, "disbursement_key": mtn::DISBURSEMENT_KEY,
            "remittance_key": mtn::REMITTANCE_KEY,
            "note": "or environment sandbox, EUR, with an API user made by POST /v1_0/apiuser",
        },
        "airtel": {
            "client_id": airtel::CLIENT_ID, "client_secret": airtel::CLIENT_SECRET, "pin": airtel::PIN,
            "callback_key": airtel::CALLBACK_KEY,
        },
        "card": {"api_key": card::API_KEY, "webhook_key": card::WEBHOOK_KEY},
        "sms": {"username": super::SMS_USERNAME, "api_key": super::SMS_API_KEY},
        "authority": {"api_key": super::AUTHORITY_API_KEY},
    })
}

async fn index(State(control): State<Control>) -> Json<Value> {
    let routes: serde_json::Map<_, _> = ROUTES.iter().map(|(route, what)| ((*route).to_owned(), json!(what))).collect();
    Json(json!({"addresses": control.addresses, "credentials": credentials(), "routes": routes}))
}

#[cfg(test)]
mod tests;
