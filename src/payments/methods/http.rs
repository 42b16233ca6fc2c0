//! The routes of saved wallets and what they show: numbers masked, and never the provider's name of a holder.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{NewMethod, PayoutWallet, Saved};
use crate::clock;
use crate::ids::DriverId;
use crate::payments::Payments;
use crate::payments::method::ProviderId;
use crate::time::Timestamp;
use crate::web::body::{Json, Path};
use crate::web::caller::{Admin, Driver, Rider};
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

/// Every route of this room.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(list, save))
        .routes(routes!(change, remove))
        .routes(routes!(wallet, put_wallet))
        .routes(routes!(accept_wallet))
}

/// A saved method.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentMethodView {
    id: Uuid,
    provider: ProviderId,
    /// The wallet's number, masked; null of a card.
    #[schema(example = "+25078****456")]
    number: Option<String>,
    label: Option<String>,
    is_default: bool,
    /// Whether the provider has said that the wallet is active.
    verified: bool,
    /// Whether the wallet's holder has your name; null when the provider did not say.
    name_matches: Option<bool>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
}

impl From<Saved> for PaymentMethodView {
    fn from(saved: Saved) -> Self {
        Self {
            id: saved.id,
            provider: saved.provider,
            number: saved.wallet.map(|wallet| wallet.masked()),
            label: saved.label,
            is_default: saved.is_default,
            verified: saved.verified_at.is_some(),
            name_matches: saved.name_matches,
            created_at: saved.created_at,
        }
    }
}

/// A method to be saved.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"provider": "mtn", "number": "0788123456", "label": "yanjye", "is_default": true}))]
struct NewMethodRequest {
    /// `mtn`, `airtel` or `card`; by the number's range when left out.
    provider: Option<String>,
    /// The wallet's number; your own telephone when left out.
    number: Option<String>,
    /// What you call it, up to 40 characters.
    label: Option<String>,
    /// The first method is the default in any case.
    #[serde(default)]
    is_default: bool,
}

/// What of a method can be changed.
#[derive(Debug, Deserialize, ToSchema)]
struct ChangeMethodRequest {
    /// What you call it; empty for nothing.
    label: Option<String>,
    /// True makes it the default; another one ceases to be.
    #[serde(default)]
    is_default: bool,
}

/// My saved methods
#[utoipa::path(
    get, path = "/riders/me/payment-methods", tag = "payments", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<PaymentMethodView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`")
    )
)]
async fn list(
    State(payments): State<Payments>,
    Rider(rider): Rider,
) -> Result<Json<Items<PaymentMethodView>>, ApiError> {
    let items = payments.methods_of(rider).await?.into_iter().map(PaymentMethodView::from).collect();
    Ok(Json(Items { items }))
}

/// Save a method
///
/// A number that is not your own telephone is saved only if the provider says that it is an active wallet.
#[utoipa::path(
    post, path = "/riders/me/payment-methods", tag = "payments", security(("bearer" = [])),
    request_body = NewMethodRequest,
    responses(
        (status = 201, body = PaymentMethodView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 409, body = ErrorBody, description = "`method_exists`, `too_many_methods`, `provider_unavailable`, `wallet_not_checkable`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: provider, number, label"),
        (status = 503, body = ErrorBody, description = "`unavailable`: the provider does not answer")
    )
)]
async fn save(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Json(request): Json<NewMethodRequest>,
) -> Result<(StatusCode, Json<PaymentMethodView>), ApiError> {
    let NewMethodRequest { provider, number, label, is_default } = request;
    let new = NewMethod { provider, number, label, is_default };
    Ok((StatusCode::CREATED, Json(payments.save_method(rider, &new, clock::now()).await?.into())))
}

/// Change a method
#[utoipa::path(
    patch, path = "/riders/me/payment-methods/{id}", tag = "payments", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = ChangeMethodRequest,
    responses(
        (status = 200, body = PaymentMethodView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: label")
    )
)]
async fn change(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Path(id): Path<Uuid>,
    Json(request): Json<ChangeMethodRequest>,
) -> Result<Json<PaymentMethodView>, ApiError> {
    let changed = payments.change_method(rider, id, request.label.as_deref(), request.is_default).await?;
    Ok(Json(changed.into()))
}

/// Forget a method
#[utoipa::path(
    delete, path = "/riders/me/payment-methods/{id}", tag = "payments", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn remove(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    payments.remove_method(rider, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a driver is paid.
#[derive(Debug, Serialize, ToSchema)]
struct PayoutWalletView {
    provider: ProviderId,
    /// Masked.
    #[schema(example = "+25078****456")]
    number: String,
    /// Whether the provider has said that the wallet is active.
    verified: bool,
    /// Whether the holder has the driver's name; null when the provider did not say. Nothing is paid without it.
    name_matches: Option<bool>,
    /// Why nothing is paid to it: give it anew, or another one.
    #[schema(example = "payee_blocked")]
    flagged: Option<String>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    changed_at: Timestamp,
    /// Nothing is paid before this.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    held_until: Timestamp,
}

impl From<PayoutWallet> for PayoutWalletView {
    fn from(wallet: PayoutWallet) -> Self {
        Self {
            provider: wallet.provider,
            number: wallet.wallet.masked(),
            verified: wallet.verified_at.is_some(),
            name_matches: wallet.name_matches,
            flagged: wallet.flagged,
            changed_at: wallet.changed_at,
            held_until: wallet.held_until,
        }
    }
}

/// Where I am to be paid.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"provider": "mtn", "number": "0788123456"}))]
struct PayoutWalletRequest {
    /// `mtn` or `airtel`; by the number's range when left out.
    provider: Option<String>,
    /// Your own telephone when left out.
    number: Option<String>,
}

/// Where I am paid
#[utoipa::path(
    get, path = "/drivers/me/payout-wallet", tag = "payments", security(("bearer" = [])),
    responses(
        (status = 200, body = PayoutWalletView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`: none was given yet")
    )
)]
async fn wallet(State(payments): State<Payments>, Driver(driver): Driver) -> Result<Json<PayoutWalletView>, ApiError> {
    Ok(Json(payments.payout_wallet_of(driver).await?.into()))
}

/// Say where I am to be paid
///
/// The provider is asked whether the wallet is active and whether its holder has your name. After a change nothing is paid
/// for a while.
#[utoipa::path(
    put, path = "/drivers/me/payout-wallet", tag = "payments", security(("bearer" = [])),
    request_body = PayoutWalletRequest,
    responses(
        (status = 200, body = PayoutWalletView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 409, body = ErrorBody, description = "`provider_unavailable`, `wallet_not_checkable`, `papers_missing`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: provider, number"),
        (status = 503, body = ErrorBody, description = "`unavailable`: the provider does not answer")
    )
)]
async fn put_wallet(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Json(request): Json<PayoutWalletRequest>,
) -> Result<Json<PayoutWalletView>, ApiError> {
    let typed = (request.provider.as_deref(), request.number.as_deref());
    Ok(Json(payments.put_payout_wallet(driver, typed, clock::now()).await?.into()))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
struct AcceptWalletRequest {
    /// What was seen; up to 500 characters, nothing personal.
    #[schema(example = "paper of the marriage seen")]
    reason: String,
}

/// Accept a wallet whose holder has another name
#[utoipa::path(
    post, path = "/admin/drivers/{id}/payout-wallet/accept", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = AcceptWalletRequest,
    responses(
        (status = 200, body = PayoutWalletView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: reason")
    )
)]
async fn accept_wallet(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<AcceptWalletRequest>,
) -> Result<Json<PayoutWalletView>, ApiError> {
    let accepted = payments.accept_payout_wallet(admin, DriverId(id), &request.reason, clock::now()).await?;
    Ok(Json(accepted.into()))
}
