//! `/me` and `/auth/sessions`: what concerns oneself.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::http::ProfileView;
use crate::auth::{Auth, ChangeRequest, SessionView};
use crate::clock;
use crate::ids::SessionId;
use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::body::{Json, Path};
use crate::web::caller::Session;
use crate::web::page::Items;
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(show, change))
        .routes(routes!(set_password))
        .routes(routes!(sessions))
        .routes(routes!(end_session))
        .routes(routes!(end_others))
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
struct PasswordRequest {
    /// Needed when a password is set.
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<Secret<String>>,
    /// 8 to 128 characters.
    #[schema(value_type = String, format = Password)]
    new_password: Secret<String>,
}

/// A device that is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct SessionItem {
    id: Uuid,
    device_name: Option<String>,
    user_agent: Option<String>,
    /// Where it signed in from.
    ip: Option<String>,
    /// Whether it is the one that asks.
    is_current: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last refreshed.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl SessionItem {
    fn new(session: SessionView, current: SessionId) -> Self {
        Self {
            id: session.id.0,
            device_name: session.device_name,
            user_agent: session.user_agent,
            ip: session.ip,
            is_current: session.id == current,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// One's own profile
#[utoipa::path(
    get, path = "/me", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, body = ProfileView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn show(State(auth): State<Auth>, caller: Caller) -> Result<Json<ProfileView>, ApiError> {
    Ok(Json(auth.profile(caller.user).await?.into()))
}

/// Changes one's own profile
///
/// What is left out stays; an empty text takes an optional field away.
#[utoipa::path(
    patch, path = "/me", tag = "me", security(("bearer" = [])), request_body = ChangeRequest,
    responses(
        (status = 200, body = ProfileView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn change(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<ChangeRequest>,
) -> Result<Json<ProfileView>, ApiError> {
    let now = clock::now();
    Ok(Json(auth.change_profile(caller.user, &request.check(now)?, now).await?.into()))
}

/// Sets the password
///
/// All other sessions end.
#[utoipa::path(
    put, path = "/me/password", tag = "me", security(("bearer" = [])), request_body = PasswordRequest,
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`wrong_credentials`: the current password is wrong"),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong passwords")
    )
)]
async fn set_password(
    State(auth): State<Auth>,
    Session(session, user): Session,
    Json(request): Json<PasswordRequest>,
) -> Result<StatusCode, ApiError> {
    let PasswordRequest { current_password, new_password } = request;
    auth.set_password((user, session), current_password, new_password, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Devices that are signed in, the one used last first
#[utoipa::path(
    get, path = "/auth/sessions", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<SessionItem>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn sessions(
    State(auth): State<Auth>,
    Session(current, user): Session,
) -> Result<Json<Items<SessionItem>>, ApiError> {
    let sessions = auth.sessions(user, clock::now()).await?;
    Ok(Json(Items { items: sessions.into_iter().map(|session| SessionItem::new(session, current)).collect() }))
}

/// Signs a device out
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = "auth", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn end_session(State(auth): State<Auth>, caller: Caller, Path(id): Path<Uuid>) -> Result<StatusCode, ApiError> {
    auth.end_session(caller.user, SessionId(id), clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many devices were signed out.
#[derive(Debug, Serialize, ToSchema)]
struct SignedOutView {
    #[schema(example = 2)]
    sessions_ended: usize,
}

/// Signs all other devices out
#[utoipa::path(
    post, path = "/auth/sessions/end-others", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 200, body = SignedOutView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn end_others(
    State(auth): State<Auth>,
    Session(current, user): Session,
) -> Result<Json<SignedOutView>, ApiError> {
    Ok(Json(SignedOutView { sessions_ended: auth.end_other_sessions(user, current, clock::now()).await? }))
}
