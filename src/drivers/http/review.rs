//! `/admin/drivers`: who waits for review, and what is decided.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::drivers::http::{DocumentView, DriverPapersView};
use crate::drivers::{Decision, Drivers, Status};
use crate::error::Error;
use crate::ids::DriverId;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(suspend))
        .routes(routes!(restore))
}

/// Which drivers. (Beside the usual paging.)
#[derive(Debug, Deserialize, IntoParams)]
struct ListParams {
    /// `pending`, `approved`, `rejected` or `suspended`; all when left out.
    status: Option<String>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A driver with the documents handed in.
#[derive(Debug, Serialize, ToSchema)]
struct ReviewView {
    #[serde(flatten)]
    driver: DriverPapersView,
    /// Newest first.
    documents: Vec<DocumentView>,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
struct ReasonRequest {
    /// The driver is told this, in these words; up to 200 characters.
    #[schema(example = "the insurance number cannot be read")]
    reason: String,
}

/// Drivers, the newest first
#[utoipa::path(
    get, path = "/admin/drivers", tag = "admin", params(ListParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<DriverPapersView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: status, limit or cursor")
    )
)]
async fn list(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Query(params): Query<ListParams>,
) -> Result<Json<Page<DriverPapersView>>, ApiError> {
    let known = |name: &String| {
        let names = Status::ALL.map(Status::as_str).join(", ");
        Status::from_name(name).ok_or_else(|| Error::invalid("status", name, format_args!("is not one of {names}")))
    };
    let status = params.status.as_ref().map(known).transpose()?;
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    Ok(Json(drivers.reviewed_list(admin, status, &page, clock::now()).await?.map(DriverPapersView::from)))
}

/// A driver with the documents handed in
#[utoipa::path(
    get, path = "/admin/drivers/{id}", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = ReviewView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn show(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<ReviewView>, ApiError> {
    let (driver, documents) = drivers.reviewed(admin, DriverId(id), clock::now()).await?;
    let driver = driver.into();
    Ok(Json(ReviewView { driver, documents: documents.into_iter().map(DocumentView::from).collect() }))
}

/// What was seen before it was approved.
#[derive(Debug, Deserialize, IntoParams)]
struct ApproveParams {
    /// The first of the `documents` that the reviewer saw. Needed unless `drivers.papers_complete` is off.
    newest: Option<Uuid>,
}

/// Approves the papers
///
/// All that wait. From `pending` or `rejected`; the driver is told. Not when another paper was handed in since.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/approve", tag = "admin", params(("id" = Uuid, Path), ApproveParams),
    security(("bearer" = [])),
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`, `papers_expired`, `papers_missing`, `claimed`, `paper_changed`, `licence_taken`, `identity_taken`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path or newest")
    )
)]
async fn approve(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Query(params): Query<ApproveParams>,
) -> Result<Json<DriverPapersView>, ApiError> {
    let whose = (DriverId(id), params.newest);
    Ok(Json(drivers.decide(admin, whose, &Decision::Approve, clock::now()).await?.into()))
}

/// Does not accept the papers
///
/// From `pending`; the driver is told why and may send others.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/reject", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    request_body = ReasonRequest,
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`, `claimed`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: reason")
    )
)]
async fn reject(
    drivers: State<Drivers>,
    admin: Admin,
    id: Path<Uuid>,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<DriverPapersView>, ApiError> {
    decide(drivers, admin, id, Decision::Reject(request.reason)).await
}

/// Takes a driver off the road
///
/// From `approved` or `pending`, or suspended for a paper's end; until restored. The driver is told why.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/suspend", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    request_body = ReasonRequest,
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: reason")
    )
)]
async fn suspend(
    drivers: State<Drivers>,
    admin: Admin,
    id: Path<Uuid>,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<DriverPapersView>, ApiError> {
    decide(drivers, admin, id, Decision::Suspend(request.reason)).await
}

/// Ends a suspension
///
/// Once everything required is approved; the driver is told.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/restore", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`, `papers_expired`, `papers_missing`")
    )
)]
async fn restore(drivers: State<Drivers>, admin: Admin, id: Path<Uuid>) -> Result<Json<DriverPapersView>, ApiError> {
    decide(drivers, admin, id, Decision::Restore).await
}

async fn decide(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    decision: Decision,
) -> Result<Json<DriverPapersView>, ApiError> {
    Ok(Json(drivers.decide(admin, (DriverId(id), None), &decision, clock::now()).await?.into()))
}
