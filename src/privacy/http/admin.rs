//! `/admin/privacy`: the register, legal holds, and what is done for people who ask on paper.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::me::{SayRequest, view};
use super::views::{ConsentView, ExportView, HoldView, ZipFile};
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::privacy::consent::Channel;
use crate::privacy::{Asker, Privacy, Scribe};
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Privacy> {
    OpenApiRouter::new()
        .routes(routes!(register_of_processing))
        .routes(routes!(hold, holds))
        .routes(routes!(lift_hold))
        .routes(routes!(export_for))
        .routes(routes!(export_of))
        .routes(routes!(export_file_of))
        .routes(routes!(restrict_for, lift_restriction_for))
        .routes(routes!(say_for))
}

/// Why an admin does what a person asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonRequest {
    /// 1 to 500 characters; recorded.
    #[schema(example = "letter of 3 November, identity card seen")]
    pub(super) reason: String,
}

/// What is to be held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldRequest {
    /// `person`, `ride` or `incident`.
    #[schema(example = "ride")]
    kind: String,
    /// Its id.
    subject: Uuid,
    /// Who asked for it, and for what; 1 to 500 characters.
    #[schema(example = "case 114/2026 of the intermediate court of Nyarugenge")]
    reason: String,
}

/// What somebody said on the telephone or on paper.
#[derive(Debug, Deserialize, ToSchema)]
struct NotedRequest {
    #[serde(flatten)]
    said: SayRequest,
    /// `phone` or `paper`.
    channel: String,
}

/// The register of processing (art. 17)
///
/// As Markdown: `boda privacy register --markdown`.
#[utoipa::path(
    get, path = "/admin/privacy/register", tag = "admin", security(("bearer" = [])),
    responses(
        (status = 200, body = Object, description = "Controller, activities, retention, places, transfers, rights"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`")
    )
)]
async fn register_of_processing(State(privacy): State<Privacy>, Admin(admin): Admin) -> Result<Json<Value>, ApiError> {
    Ok(Json(privacy.register_for(admin, clock::now()).await?))
}

/// Keeps something from being deleted, whatever its time
#[utoipa::path(
    post, path = "/admin/privacy/holds", tag = "admin", security(("bearer" = [])), request_body = HoldRequest,
    responses(
        (status = 201, body = HoldView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 409, body = ErrorBody, description = "`already_held`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn hold(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Json(request): Json<HoldRequest>,
) -> Result<(StatusCode, Json<HoldView>), ApiError> {
    let HoldRequest { kind, subject, reason } = request;
    let hold = privacy.hold(admin, (&kind, subject), &reason, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(hold.into())))
}

/// Legal holds, newest first
#[utoipa::path(
    get, path = "/admin/privacy/holds", tag = "admin", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<HoldView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn holds(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<HoldView>>, ApiError> {
    Ok(Json(privacy.holds(admin, &page.check()?, clock::now()).await?.map(HoldView::from)))
}

/// Ends a legal hold
#[utoipa::path(
    delete, path = "/admin/privacy/holds/{id}", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = HoldView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`: none in force")
    )
)]
async fn lift_hold(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<HoldView>, ApiError> {
    Ok(Json(privacy.lift_hold(admin, id, clock::now()).await?.into()))
}

/// Makes an export for somebody who asked on paper
#[utoipa::path(
    post, path = "/admin/privacy/people/{id}/export", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = ReasonRequest,
    responses(
        (status = 202, body = ExportView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`export_running`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn export_for(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<ReasonRequest>,
) -> Result<(StatusCode, Json<ExportView>), ApiError> {
    let asker = Asker::Admin(admin, &request.reason);
    let export = privacy.ask_for_export(UserId(id), asker, clock::now()).await?;
    Ok((StatusCode::ACCEPTED, Json(export.into())))
}

/// How an export stands
#[utoipa::path(
    get, path = "/admin/privacy/exports/{id}", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = ExportView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn export_of(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<ExportView>, ApiError> {
    Ok(Json(privacy.export_for_admin(admin, id, clock::now()).await?.into()))
}

/// Fetches somebody's export, to be handed over; recorded
#[utoipa::path(
    get, path = "/admin/privacy/exports/{id}/file", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = ZipFile, content_type = "application/zip"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`: not ready, or gone")
    )
)]
async fn export_file_of(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<ZipFile, ApiError> {
    Ok(ZipFile(privacy.export_file_for_admin(admin, id, clock::now()).await?))
}

/// Has somebody's data kept but not used
#[utoipa::path(
    put, path = "/admin/privacy/people/{id}/restriction", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = ReasonRequest,
    responses(
        (status = 204),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`live_ride`, `on_shift`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn restrict_for(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<ReasonRequest>,
) -> Result<StatusCode, ApiError> {
    privacy.restrict_for(admin, UserId(id), &request.reason, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has somebody's data used again
#[utoipa::path(
    delete, path = "/admin/privacy/people/{id}/restriction", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`")
    )
)]
async fn lift_restriction_for(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    privacy.lift_restriction(UserId(id), admin, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes down what somebody said yes or no to, on the telephone or on paper
#[utoipa::path(
    put, path = "/admin/privacy/people/{id}/consents/{purpose}", tag = "admin",
    params(("id" = Uuid, Path), ("purpose" = String, Path, example = "marketing")),
    security(("bearer" = [])), request_body = NotedRequest,
    responses(
        (status = 200, body = ConsentView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `guardian_needed`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`text_changed`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn say_for(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path((id, purpose)): Path<(Uuid, String)>,
    Json(request): Json<NotedRequest>,
) -> Result<Json<ConsentView>, ApiError> {
    let saying = request.said.check(&purpose)?;
    let mut checks = Checks::new();
    let channel = Channel::from_word(&request.channel).filter(|channel| *channel != Channel::App);
    let channel = checks.accept("channel", &request.channel, channel.ok_or("is not phone or paper"));
    checks.finish()?;
    let channel = channel.ok_or_else(|| Error::internal("a channel was let through unchecked"))?;
    privacy.say(UserId(id), saying, Scribe::Admin(admin, channel), clock::now()).await?;
    Ok(Json(view(&privacy, UserId(id), saying).await?))
}
