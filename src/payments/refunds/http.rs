//! The routes of refunds and adjustments and what they show.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::adjustments::{Adjustment, AdjustmentState, NewAdjustment, On};
use super::{Bearer, Decision, Destination, NewRefund, Refund};
use crate::clock;
use crate::error::Error;
use crate::ids::UserId;
use crate::money::Francs;
use crate::payments::Payments;
use crate::payments::providers::AttemptId;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::{Admin, Rider};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody, IdempotencyKey};

/// Every route of this room.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(my_refunds))
        .routes(routes!(list, propose))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(list_adjustments, propose_adjustment))
        .routes(routes!(approve_adjustment))
        .routes(routes!(reject_adjustment))
}

/// A refund, as the rider sees it.
#[derive(Debug, Serialize, ToSchema)]
struct RiderRefundView {
    id: Uuid,
    ride_id: Uuid,
    #[schema(example = 500)]
    amount_rwf: i64,
    destination: Destination,
    /// `in_flight`, `done` or `failed`.
    state: super::State,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    finished_at: Option<Timestamp>,
}

/// A refund, as admins see it.
#[derive(Debug, Serialize, ToSchema)]
struct RefundView {
    id: Uuid,
    /// The collection it gives back of.
    attempt_id: Uuid,
    intent_id: Uuid,
    ride_id: Uuid,
    rider_id: Uuid,
    driver_id: Option<Uuid>,
    #[schema(example = 500)]
    amount_rwf: i64,
    destination: Destination,
    bearer: Bearer,
    reason: String,
    state: super::State,
    failure: Option<String>,
    proposed_by: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    proposed_at: Timestamp,
    decided_by: Option<Uuid>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    decided_at: Option<Timestamp>,
    /// Why it was rejected.
    decision: Option<String>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    finished_at: Option<Timestamp>,
}

impl From<Refund> for RiderRefundView {
    fn from(refund: Refund) -> Self {
        Self {
            id: refund.id,
            ride_id: refund.ride.0,
            amount_rwf: refund.amount.amount(),
            destination: refund.destination,
            state: refund.state,
            finished_at: refund.finished_at,
        }
    }
}

impl From<Refund> for RefundView {
    fn from(refund: Refund) -> Self {
        Self {
            id: refund.id,
            attempt_id: refund.collection.0,
            intent_id: refund.intent,
            ride_id: refund.ride.0,
            rider_id: refund.rider.0,
            driver_id: refund.driver.map(Uuid::from),
            amount_rwf: refund.amount.amount(),
            destination: refund.destination,
            bearer: refund.bearer,
            reason: refund.reason,
            state: refund.state,
            failure: refund.failure,
            proposed_by: refund.proposed_by.0,
            proposed_at: refund.proposed_at,
            decided_by: refund.decided_by.map(Uuid::from),
            decided_at: refund.decided_at,
            decision: refund.decision,
            finished_at: refund.finished_at,
        }
    }
}

/// What I was given back, newest first
#[utoipa::path(
    get, path = "/riders/me/refunds", tag = "payments", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<RiderRefundView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: limit, cursor")
    )
)]
async fn my_refunds(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<RiderRefundView>>, ApiError> {
    Ok(Json(payments.refunds_of(rider, &page.check()?).await?.map(RiderRefundView::from)))
}

/// Which refunds. (Beside the usual paging.)
#[derive(Debug, Deserialize, IntoParams)]
struct RefundListParams {
    /// `proposed`, `in_flight`, `done`, `failed` or `rejected`; all when left out.
    state: Option<String>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Refunds, newest first
#[utoipa::path(
    get, path = "/admin/refunds", tag = "admin", params(RefundListParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<RefundView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: state, limit, cursor")
    )
)]
async fn list(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(params): Query<RefundListParams>,
) -> Result<Json<Page<RefundView>>, ApiError> {
    let known = |name: &String| {
        let names = super::State::ALL.map(super::State::as_str).join(", ");
        super::State::from_name(name)
            .ok_or_else(|| Error::invalid("state", name, format_args!("is not one of {names}")))
    };
    let state = params.state.as_ref().map(known).transpose()?;
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    Ok(Json(payments.refunds_listed(admin, state, &page, clock::now()).await?.map(RefundView::from)))
}

/// A refund to be decided by another admin.
#[derive(Debug, Deserialize, ToSchema)]
struct RefundRequest {
    /// The collection to give back of.
    attempt_id: Uuid,
    /// In whole francs; all that is left of it when left out.
    #[schema(example = 500)]
    amount_rwf: Option<i64>,
    /// `wallet` or `credit`.
    destination: Destination,
    /// `platform` or `driver`: whose loss it is.
    bearer: Bearer,
    /// Up to 500 characters, nothing personal.
    #[schema(example = "charged for a ride that did not take place")]
    reason: String,
}

/// Propose a refund
///
/// Never more than the collection paid for, less what was given back before. The same `Idempotency-Key` again answers the
/// same refund.
#[utoipa::path(
    post, path = "/admin/refunds", tag = "admin", security(("bearer" = [])), request_body = RefundRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 printable characters")),
    responses(
        (status = 201, body = RefundView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`not_refundable`, `more_than_collected`, `provider_unavailable`, `idempotency_key_reused`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: amount_rwf, bearer, reason, Idempotency-Key")
    )
)]
async fn propose(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    key: IdempotencyKey,
    Json(request): Json<RefundRequest>,
) -> Result<(StatusCode, Json<RefundView>), ApiError> {
    let new = NewRefund {
        collection: AttemptId(request.attempt_id),
        amount: request.amount_rwf.map(Francs),
        destination: request.destination,
        bearer: request.bearer,
        reason: request.reason,
    };
    Ok((StatusCode::CREATED, Json(payments.propose_refund(admin, &key, &new, clock::now()).await?.into())))
}

/// Approve a refund
///
/// By another admin than the one who proposed it.
#[utoipa::path(
    post, path = "/admin/refunds/{id}/approve", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = RefundView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `four_eyes`, `own_account`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`already_decided`")
    )
)]
async fn approve(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<RefundView>, ApiError> {
    Ok(Json(payments.decide_refund(admin, id, Decision::Approve, clock::now()).await?.into()))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
struct RejectRequest {
    /// Up to 500 characters, nothing personal.
    #[schema(example = "the ride took place")]
    reason: String,
}

/// Reject a refund
#[utoipa::path(
    post, path = "/admin/refunds/{id}/reject", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    request_body = RejectRequest,
    responses(
        (status = 200, body = RefundView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `four_eyes`, `own_account`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`already_decided`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: reason")
    )
)]
async fn reject(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<RejectRequest>,
) -> Result<Json<RefundView>, ApiError> {
    Ok(Json(payments.decide_refund(admin, id, Decision::Reject(&request.reason), clock::now()).await?.into()))
}

/// An adjustment.
#[derive(Debug, Serialize, ToSchema)]
struct AdjustmentView {
    id: Uuid,
    account: On,
    person_id: Uuid,
    /// Positive gives to the person, negative takes, in francs.
    #[schema(example = -300)]
    amount_rwf: i64,
    reason: String,
    state: AdjustmentState,
    proposed_by: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    proposed_at: Timestamp,
    decided_by: Option<Uuid>,
    /// Why it was rejected.
    decision: Option<String>,
}

impl From<Adjustment> for AdjustmentView {
    fn from(adjustment: Adjustment) -> Self {
        Self {
            id: adjustment.id,
            account: adjustment.on,
            person_id: adjustment.person.0,
            amount_rwf: adjustment.amount.amount(),
            reason: adjustment.reason,
            state: adjustment.state,
            proposed_by: adjustment.proposed_by.0,
            proposed_at: adjustment.proposed_at,
            decided_by: adjustment.decided_by.map(Uuid::from),
            decision: adjustment.decision,
        }
    }
}

/// An adjustment to be decided by another admin.
#[derive(Debug, Deserialize, ToSchema)]
struct AdjustmentRequest {
    /// `rider_credit` or `driver_payable`.
    account: On,
    person_id: Uuid,
    /// Positive gives to the person, negative takes, in whole francs.
    #[schema(example = -300)]
    amount_rwf: i64,
    /// Up to 500 characters, nothing personal.
    #[schema(example = "bonus of the launch week")]
    reason: String,
}

/// Adjustments, newest first
#[utoipa::path(
    get, path = "/admin/adjustments", tag = "admin", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<AdjustmentView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: limit, cursor")
    )
)]
async fn list_adjustments(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<AdjustmentView>>, ApiError> {
    Ok(Json(payments.adjustments_listed(admin, &page.check()?, clock::now()).await?.map(AdjustmentView::from)))
}

/// Propose an adjustment
///
/// The same `Idempotency-Key` again answers the same adjustment.
#[utoipa::path(
    post, path = "/admin/adjustments", tag = "admin", security(("bearer" = [])), request_body = AdjustmentRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 printable characters")),
    responses(
        (status = 201, body = AdjustmentView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `own_account`"),
        (status = 409, body = ErrorBody, description = "`idempotency_key_reused`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: person_id, amount_rwf, reason, Idempotency-Key")
    )
)]
async fn propose_adjustment(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    key: IdempotencyKey,
    Json(request): Json<AdjustmentRequest>,
) -> Result<(StatusCode, Json<AdjustmentView>), ApiError> {
    let new = NewAdjustment {
        on: request.account,
        person: UserId(request.person_id),
        amount: Francs(request.amount_rwf),
        reason: request.reason,
    };
    Ok((StatusCode::CREATED, Json(payments.propose_adjustment(admin, &key, &new, clock::now()).await?.into())))
}

/// Approve an adjustment
///
/// By another admin than the one who proposed it.
#[utoipa::path(
    post, path = "/admin/adjustments/{id}/approve", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = AdjustmentView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `four_eyes`, `own_account`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`already_decided`, `credit_too_low`")
    )
)]
async fn approve_adjustment(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<AdjustmentView>, ApiError> {
    Ok(Json(payments.decide_adjustment(admin, id, Decision::Approve, clock::now()).await?.into()))
}

/// Reject an adjustment
#[utoipa::path(
    post, path = "/admin/adjustments/{id}/reject", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = RejectRequest,
    responses(
        (status = 200, body = AdjustmentView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `four_eyes`, `own_account`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`already_decided`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: reason")
    )
)]
async fn reject_adjustment(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<RejectRequest>,
) -> Result<Json<AdjustmentView>, ApiError> {
    let decision = Decision::Reject(&request.reason);
    Ok(Json(payments.decide_adjustment(admin, id, decision, clock::now()).await?.into()))
}
