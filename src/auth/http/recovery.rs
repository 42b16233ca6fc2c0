//! `/auth/password/reset` and `/me/phone`: a forgotten password, and a number that changes.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Auth;
use crate::auth::http::sign_in::{CodeSentView, checked_phone};
use crate::auth::http::{Origin, ProfileView, evenly};
use crate::clock;
use crate::redact::Secret;
use crate::web::body::Json;
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(request_reset))
        .routes(routes!(confirm_reset))
        .routes(routes!(request_phone))
        .routes(routes!(confirm_phone))
}

/// Whose password, or which number.
#[derive(Debug, Deserialize, ToSchema)]
struct PhoneRequest {
    #[schema(example = "0788123456")]
    phone: String,
}

/// A new password, and the code that was sent for it.
#[derive(Debug, Deserialize, ToSchema)]
struct ResetRequest {
    #[schema(example = "0788123456")]
    phone: String,
    /// Six digits.
    #[schema(value_type = String, example = "042137")]
    code: Secret<String>,
    /// 8 to 128 characters.
    #[schema(value_type = String, format = Password)]
    new_password: Secret<String>,
}

/// A new number, and the codes that were sent to the old one and to it.
#[derive(Debug, Deserialize, ToSchema)]
struct PhoneChangeRequest {
    /// The new number.
    #[schema(example = "0788123456")]
    phone: String,
    /// Sent to the old number.
    #[schema(value_type = String, example = "042137")]
    old_code: Secret<String>,
    /// Sent to the new number.
    #[schema(value_type = String, example = "173920")]
    new_code: Secret<String>,
}

/// Sends a code with which a new password can be set
///
/// The answer is the same for a phone that nobody registered. This code does not sign in, and one that signs in does not
/// set a password.
#[utoipa::path(
    post, path = "/auth/password/reset", tag = "auth", request_body = PhoneRequest,
    responses(
        (status = 202, body = CodeSentView),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: a code was sent just now, or too many within the hour")
    )
)]
async fn request_reset(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<PhoneRequest>,
) -> Result<(StatusCode, Json<CodeSentView>), ApiError> {
    let phone = checked_phone(&request.phone)?;
    let device = origin.device(None);
    let sent = evenly(auth.request_password_reset(phone, &device, clock::now())).await?;
    Ok((StatusCode::ACCEPTED, Json(CodeSentView::new(phone, sent))))
}

/// Sets a new password with the code that was sent
///
/// All sessions end; sign in with the new password. A second factor is asked for as ever.
#[utoipa::path(
    post, path = "/auth/password/reset/confirm", tag = "auth", request_body = ResetRequest,
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`wrong_code`, `code_exhausted`, `code_expired`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes"),
        (status = 503, body = ErrorBody, description = "`unavailable`: too many sign in at once")
    )
)]
async fn confirm_reset(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<ResetRequest>,
) -> Result<StatusCode, ApiError> {
    let ResetRequest { phone, code, new_password } = request;
    let phone = checked_phone(&phone)?;
    let device = origin.device(None);
    evenly(auth.reset_password(phone, code.expose().trim(), new_password, &device, clock::now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends codes to the old and to the new number
///
/// The answer is the same where the new number is somebody else's; then no code comes. Who has lost the old number asks
/// an admin.
#[utoipa::path(
    post, path = "/me/phone", tag = "me", security(("bearer" = [])), request_body = PhoneRequest,
    responses(
        (status = 202, body = CodeSentView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: no number, or the one there is already"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: a code was sent just now, or too many within the hour")
    )
)]
async fn request_phone(
    State(auth): State<Auth>,
    caller: Caller,
    origin: Origin,
    Json(request): Json<PhoneRequest>,
) -> Result<(StatusCode, Json<CodeSentView>), ApiError> {
    let phone = checked_phone(&request.phone)?;
    let device = origin.device(None);
    let sent = evenly(auth.request_phone_change(caller.user, phone, &device, clock::now())).await?;
    Ok((StatusCode::ACCEPTED, Json(CodeSentView::new(phone, sent))))
}

/// Changes the number with both codes
///
/// All other sessions end, and the old number is told.
#[utoipa::path(
    post, path = "/me/phone/confirm", tag = "me", security(("bearer" = [])), request_body = PhoneChangeRequest,
    responses(
        (status = 200, body = ProfileView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`wrong_code`: one of the two"),
        (status = 409, body = ErrorBody, description = "`phone_taken`: somebody proved that number meanwhile"),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes")
    )
)]
async fn confirm_phone(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<PhoneChangeRequest>,
) -> Result<Json<ProfileView>, ApiError> {
    let phone = checked_phone(&request.phone)?;
    let codes = (request.old_code.expose().trim(), request.new_code.expose().trim());
    Ok(Json(auth.change_phone(caller, phone, codes, clock::now()).await?.into()))
}
