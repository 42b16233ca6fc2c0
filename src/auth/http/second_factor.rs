//! `/me/second-factor` and `/auth/second-factor`: enrolling a second factor and giving it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::http::sign_in::TokensView;
use crate::auth::{Auth, Enrolled, Enrolment};
use crate::clock;
use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::FirstFactor;
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(show, enrol))
        .routes(routes!(confirm))
        .routes(routes!(remove))
        .routes(routes!(renew_recovery_codes))
        .routes(routes!(give))
}

/// How one stands with the second factor.
#[derive(Debug, Serialize, ToSchema)]
struct SecondFactorView {
    is_enrolled: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    enrolled_at: Option<Timestamp>,
    /// Recovery codes that were not used.
    #[schema(example = 10)]
    recovery_codes_left: i64,
    /// Whether the role can do nothing without one.
    is_mandatory: bool,
}

/// A new second factor is asked for.
#[derive(Debug, Deserialize, ToSchema)]
struct EnrolRequest {
    /// A code of the second factor there is, or a recovery code; left out where there is none yet.
    #[schema(value_type = Option<String>, example = "042137")]
    code: Option<Secret<String>>,
}

/// A secret for an authenticator app. Shown once.
#[derive(Debug, Serialize, ToSchema)]
struct EnrolmentView {
    /// To be typed.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// To be shown as a QR code.
    uri: String,
    /// It must be confirmed before.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<Enrolment> for EnrolmentView {
    fn from(enrolment: Enrolment) -> Self {
        let Enrolment { secret, uri, expires_at } = enrolment;
        Self { secret: secret.into_exposed(), uri: uri.into_exposed(), expires_at }
    }
}

/// Proof that one has it.
#[derive(Debug, Deserialize, ToSchema)]
struct FactorCodeRequest {
    /// Six digits of the authenticator app, good once; where one is enrolled already, also a recovery code.
    #[schema(value_type = String, example = "042137")]
    code: Secret<String>,
}

/// The second factor counts from now on.
#[derive(Debug, Serialize, ToSchema)]
struct EnrolledView {
    /// For this session; those before are void.
    tokens: TokensView,
    /// Each is good once, in place of a code. Shown once: they are to be kept apart from the telephone.
    recovery_codes: Vec<String>,
}

/// New recovery codes.
#[derive(Debug, Serialize, ToSchema)]
struct RecoveryCodesView {
    /// Each is good once; those before are void. Shown once.
    recovery_codes: Vec<String>,
}

fn exposed(codes: Vec<Secret<String>>) -> Vec<String> {
    codes.into_iter().map(Secret::into_exposed).collect()
}

/// How one stands with the second factor
///
/// Also for whoever has given only one proof yet.
#[utoipa::path(
    get, path = "/me/second-factor", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, body = SecondFactorView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn show(State(auth): State<Auth>, FirstFactor(grant): FirstFactor) -> Result<Json<SecondFactorView>, ApiError> {
    let state = auth.second_factor(grant.caller.user).await?;
    Ok(Json(SecondFactorView {
        is_enrolled: state.enrolled_at.is_some(),
        enrolled_at: state.enrolled_at,
        recovery_codes_left: state.recovery_codes_left,
        is_mandatory: grant.caller.role.needs_second_factor(),
    }))
}

/// Makes a secret for an authenticator app
///
/// It counts once it was confirmed with a code, within a quarter of an hour; until then the one before counts. Who has a
/// second factor must have given it, and gives it once more.
#[utoipa::path(
    post, path = "/me/second-factor", tag = "me", security(("bearer" = [])), request_body = EnrolRequest,
    responses(
        (status = 200, body = EnrolmentView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`second_factor_required`, `wrong_second_factor`"),
        (status = 409, body = ErrorBody, description = "`second_factor_not_enrolled`: it was taken away meanwhile"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes")
    )
)]
async fn enrol(
    State(auth): State<Auth>,
    FirstFactor(grant): FirstFactor,
    Json(request): Json<EnrolRequest>,
) -> Result<Json<EnrolmentView>, ApiError> {
    let code = request.code.as_ref().map(|code| code.expose().as_str());
    Ok(Json(auth.begin_enrolment(grant, code, clock::now()).await?.into()))
}

/// Confirms the secret with a code
///
/// The second factor counts from then on. All other sessions end; this one has new tokens.
#[utoipa::path(
    post, path = "/me/second-factor/confirm", tag = "me", security(("bearer" = [])), request_body = FactorCodeRequest,
    responses(
        (status = 200, body = EnrolledView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`wrong_second_factor`"),
        (status = 409, body = ErrorBody, description = "`nothing_to_confirm`")
    )
)]
async fn confirm(
    State(auth): State<Auth>,
    FirstFactor(grant): FirstFactor,
    Json(request): Json<FactorCodeRequest>,
) -> Result<Json<EnrolledView>, ApiError> {
    let Enrolled { tokens, recovery_codes } =
        auth.confirm_enrolment(grant, request.code.expose(), clock::now()).await?;
    Ok(Json(EnrolledView { tokens: tokens.into(), recovery_codes: exposed(recovery_codes) }))
}

/// Takes the second factor away
///
/// All other sessions end. Admins and officials cannot: they renew it.
#[utoipa::path(
    post, path = "/me/second-factor/remove", tag = "me", security(("bearer" = [])), request_body = FactorCodeRequest,
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`second_factor_required`, `wrong_second_factor`"),
        (status = 409, body = ErrorBody, description = "`second_factor_not_enrolled`, `second_factor_mandatory`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes")
    )
)]
async fn remove(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<FactorCodeRequest>,
) -> Result<StatusCode, ApiError> {
    auth.remove_second_factor(caller, request.code.expose(), clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes
#[utoipa::path(
    post, path = "/me/second-factor/recovery-codes", tag = "me", security(("bearer" = [])),
    request_body = FactorCodeRequest,
    responses(
        (status = 200, body = RecoveryCodesView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`second_factor_required`, `wrong_second_factor`"),
        (status = 409, body = ErrorBody, description = "`second_factor_not_enrolled`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes")
    )
)]
async fn renew_recovery_codes(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<FactorCodeRequest>,
) -> Result<Json<RecoveryCodesView>, ApiError> {
    let codes = auth.renew_recovery_codes(caller, request.code.expose(), clock::now()).await?;
    Ok(Json(RecoveryCodesView { recovery_codes: exposed(codes) }))
}

/// Gives the second factor
///
/// With the access token of the first proof. The tokens it answers with replace those before, which are void.
#[utoipa::path(
    post, path = "/auth/second-factor", tag = "auth", security(("bearer" = [])), request_body = FactorCodeRequest,
    responses(
        (status = 200, body = TokensView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`wrong_second_factor`"),
        (status = 409, body = ErrorBody, description = "`second_factor_not_enrolled`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes")
    )
)]
async fn give(
    State(auth): State<Auth>,
    FirstFactor(grant): FirstFactor,
    Json(request): Json<FactorCodeRequest>,
) -> Result<Json<TokensView>, ApiError> {
    Ok(Json(auth.give_second_factor(grant, request.code.expose(), clock::now()).await?.into()))
}
