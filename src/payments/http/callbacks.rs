//! Where providers tell that something happened. Nobody signs in here, and nothing of it is believed: see
//! [`crate::payments::callbacks`].

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::payments::{Payments, ProviderId};
use crate::web::body::Path;

/// The longest callback of a provider is a few hundred bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(post_mtn))
        .routes(routes!(put_mtn))
        .routes(routes!(airtel))
        .routes(routes!(card))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// MTN tells that a payment changed
///
/// The path is secret and names the payment; the body is not read. Only brings forward when the payment is asked about.
#[utoipa::path(
    post,
    path = "/callbacks/mtn/{token}",
    tag = "callbacks",
    params(("token" = String, Path, description = "Of the payment's callback address")),
    request_body(content = String, content_type = "application/json", description = "As MTN writes it"),
    responses((status = 204, description = "Heard, whatever it says"))
)]
async fn post_mtn(State(payments): State<Payments>, Path(token): Path<String>) -> StatusCode {
    payments.hint_token(&token);
    StatusCode::NO_CONTENT
}

/// MTN tells that a payment changed, in its older manner
///
/// As the `POST`.
#[utoipa::path(
    put,
    path = "/callbacks/mtn/{token}",
    tag = "callbacks",
    params(("token" = String, Path, description = "Of the payment's callback address")),
    request_body(content = String, content_type = "application/json", description = "As MTN writes it"),
    responses((status = 204, description = "Heard, whatever it says"))
)]
async fn put_mtn(State(payments): State<Payments>, Path(token): Path<String>) -> StatusCode {
    payments.hint_token(&token);
    StatusCode::NO_CONTENT
}

/// Airtel tells that a payment changed
///
/// Only brings forward when the payment is asked about. What is not signed as agreed is not heard.
#[utoipa::path(
    post,
    path = "/callbacks/airtel",
    tag = "callbacks",
    request_body(content = String, content_type = "application/json", description = "As Airtel writes it"),
    responses((status = 204, description = "Heard, whatever it says"), (status = 413, description = "More than 16 KiB"))
)]
async fn airtel(State(payments): State<Payments>, headers: HeaderMap, body: Bytes) -> StatusCode {
    hear(&payments, ProviderId::Airtel, &headers, &body)
}

/// The card gateway tells that a payment changed
///
/// Only brings forward when the payment is asked about. What is not signed is not heard.
#[utoipa::path(
    post,
    path = "/callbacks/card",
    tag = "callbacks",
    request_body(content = String, content_type = "application/json", description = "As the gateway writes it"),
    responses((status = 204, description = "Heard, whatever it says"), (status = 413, description = "More than 16 KiB"))
)]
async fn card(State(payments): State<Payments>, headers: HeaderMap, body: Bytes) -> StatusCode {
    hear(&payments, ProviderId::Card, &headers, &body)
}

/// Who sends nonsense learns nothing by it.
fn hear(payments: &Payments, provider: ProviderId, headers: &HeaderMap, body: &[u8]) -> StatusCode {
    payments.hear(provider, headers, body);
    StatusCode::NO_CONTENT
}
