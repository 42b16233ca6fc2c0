//! `/me/erasure` and what admins do of it for people who ask on paper.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::admin::ReasonRequest;
use super::views::ErasureView;
use crate::clock;
use crate::ids::UserId;
use crate::privacy::Privacy;
use crate::redact::Secret;
use crate::web::body::{Json, MaybeJson, Path};
use crate::web::caller::{Admin, Session};
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Privacy> {
    OpenApiRouter::new().routes(routes!(ask_for_erasure, erasure, cancel_erasure)).routes(routes!(
        ask_for_erasure_of,
        erasure_of,
        cancel_erasure_of
    ))
}

/// Proof of who asks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ErasureRequest {
    /// The password; not needed within minutes of signing in.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret<String>>,
}

/// Asks to be forgotten
///
/// Needs proof: the password, or a sign-in of the last minutes. Begins after a time of grace, and can be called off until
/// then. The answer lists what is kept under a pseudonym, on which ground, until when.
#[utoipa::path(
    post, path = "/me/erasure", tag = "privacy", security(("bearer" = [])), request_body = Option<ErasureRequest>,
    responses(
        (status = 202, body = ErasureView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`proof_needed`, `wrong_credentials`"),
        (status = 404, body = ErrorBody, description = "`not_found`: this account does not exist any more"),
        (status = 409, body = ErrorBody, description = "`live_ride`, `money_owed`, `legal_hold`, `erasure_open`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong passwords")
    )
)]
async fn ask_for_erasure(
    State(privacy): State<Privacy>,
    Session(session, user): Session,
    MaybeJson(request): MaybeJson<ErasureRequest>,
) -> Result<(StatusCode, Json<ErasureView>), ApiError> {
    let now = clock::now();
    let password = request.unwrap_or_default().password;
    privacy.prove((user, session), password, now).await?;
    let erasure = privacy.ask_for_erasure(user, now).await?;
    Ok((StatusCode::ACCEPTED, Json(ErasureView::new(erasure, privacy.kept(now)))))
}

/// How one's erasure stands
#[utoipa::path(
    get, path = "/me/erasure", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 200, body = ErasureView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`: none was asked for")
    )
)]
async fn erasure(State(privacy): State<Privacy>, caller: Caller) -> Result<Json<ErasureView>, ApiError> {
    let erasure = privacy.erasure_of(caller.user).await?;
    Ok(Json(ErasureView::new(erasure, privacy.kept(clock::now()))))
}

/// Calls one's erasure off
#[utoipa::path(
    delete, path = "/me/erasure", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 200, body = ErasureView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`: nothing is to be called off")
    )
)]
async fn cancel_erasure(State(privacy): State<Privacy>, caller: Caller) -> Result<Json<ErasureView>, ApiError> {
    let now = clock::now();
    let erasure = privacy.cancel_erasure(caller.user, now).await?;
    Ok(Json(ErasureView::new(erasure, privacy.kept(now))))
}

/// Asks to forget somebody who asked on paper
#[utoipa::path(
    post, path = "/admin/privacy/people/{id}/erasure", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = ReasonRequest,
    responses(
        (status = 202, body = ErasureView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`live_ride`, `money_owed`, `legal_hold`, `erasure_open`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn ask_for_erasure_of(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<ReasonRequest>,
) -> Result<(StatusCode, Json<ErasureView>), ApiError> {
    let now = clock::now();
    let erasure = privacy.ask_for_erasure_of(admin, UserId(id), &request.reason, now).await?;
    Ok((StatusCode::ACCEPTED, Json(ErasureView::new(erasure, privacy.kept(now)))))
}

/// How somebody's erasure stands
#[utoipa::path(
    get, path = "/admin/privacy/people/{id}/erasure", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = ErasureView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn erasure_of(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<ErasureView>, ApiError> {
    let now = clock::now();
    let erasure = privacy.erasure_for_admin(admin, UserId(id), now).await?;
    Ok(Json(ErasureView::new(erasure, privacy.kept(now))))
}

/// Calls somebody's erasure off
#[utoipa::path(
    delete, path = "/admin/privacy/people/{id}/erasure", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = ErasureView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn cancel_erasure_of(
    State(privacy): State<Privacy>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<ErasureView>, ApiError> {
    let now = clock::now();
    let erasure = privacy.cancel_erasure_of(admin, UserId(id), now).await?;
    Ok(Json(ErasureView::new(erasure, privacy.kept(now))))
}
