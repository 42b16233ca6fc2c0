//! `/admin/users`: accounts of colleagues and officials.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::http::{ProfileView, phone};
use crate::auth::{Auth, NewUser, Profile, profile};
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::notifications::Language;
use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::Items;
use crate::web::{Agency, ApiError, ErrorBody, Role};

const REASON_CHARS_MAX: usize = 300;

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new().routes(routes!(create, find)).routes(routes!(assign_phone))
}

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
struct NewUserRequest {
    #[schema(example = "0788123456")]
    phone: String,
    first_name: String,
    last_name: String,
    /// `admin`, `government` or `agent`.
    #[schema(example = "government")]
    role: String,
    /// Of an official, who must have one: `RURA`, `RTDA`, `RRA`, `BNR`, `NCSA` or `RNP`.
    #[schema(example = "RURA")]
    agency: Option<String>,
    /// `rw` (unless said otherwise), `en` or `fr`.
    language: Option<String>,
    /// 8 to 128 characters; codes are the only way in without one.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret<String>>,
}

/// An account as admins see it.
#[derive(Debug, Serialize, ToSchema)]
struct UserView {
    #[serde(flatten)]
    profile: ProfileView,
    /// Whether the phone was proven.
    is_verified: bool,
    /// When the account was closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
}

impl From<Profile> for UserView {
    fn from(profile: Profile) -> Self {
        Self { is_verified: profile.is_verified, disabled_at: profile.disabled_at, profile: profile.into() }
    }
}

/// Whose account.
#[derive(Debug, Deserialize, IntoParams)]
struct FindParams {
    /// A Rwandan mobile number, in any usual spelling (`+` is sent as `%2B`).
    phone: String,
}

/// Makes an account of an admin, an official or an agent
///
/// Its phone counts as proven.
#[utoipa::path(
    post, path = "/admin/users", tag = "admin", security(("bearer" = [])), request_body = NewUserRequest,
    responses(
        (status = 201, body = UserView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 409, body = ErrorBody, description = "`phone_taken`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn create(
    State(auth): State<Auth>,
    Admin(admin): Admin,
    Json(request): Json<NewUserRequest>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    let mut checks = Checks::new();
    let phone = phone(&mut checks, &request.phone);
    let official = |role: &Role| matches!(role, Role::Admin | Role::Government | Role::Agent);
    let role = Role::from_name(&request.role).filter(official).ok_or("is not admin, government or agent");
    let role = checks.accept("role", &request.role, role);
    let agency = request.agency.as_deref().and_then(|name| {
        checks.accept("agency", name, Agency::from_name(name).ok_or("is not one of RURA, RTDA, RRA, BNR, NCSA, RNP"))
    });
    let language = match request.language.as_deref() {
        Some(code) => profile::language(&mut checks, "language", code),
        None => Some(Language::default()),
    };
    checks.finish()?;
    let (Some(phone), Some(role), Some(language)) = (phone, role, language) else {
        return Err(Error::internal("a field was let through unchecked").into());
    };
    let NewUserRequest { first_name, last_name, password, .. } = request;
    let new = NewUser { phone, first_name, last_name, role, agency, language, password };
    let id = auth.create_colleague(admin, new, clock::now()).await?;
    tracing::info!(user.id = %id, by = %admin, role = role.as_str(), "an account was made");
    Ok((StatusCode::CREATED, Json(auth.profile(id).await?.into())))
}

/// Looks an account up by its phone
///
/// A list of one, or an empty one.
#[utoipa::path(
    get, path = "/admin/users", tag = "admin", params(FindParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Items<UserView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn find(
    State(auth): State<Auth>,
    Admin(admin): Admin,
    Query(params): Query<FindParams>,
) -> Result<Json<Items<UserView>>, ApiError> {
    let mut checks = Checks::new();
    let phone = phone(&mut checks, &params.phone);
    checks.finish()?;
    let found = match phone {
        Some(phone) => auth.look_up(admin, phone, clock::now()).await?,
        None => None,
    };
    Ok(Json(Items { items: found.map(UserView::from).into_iter().collect() }))
}

/// A new number for somebody who lost the old one.
#[derive(Debug, Deserialize, ToSchema)]
struct AssignPhoneRequest {
    #[schema(example = "0788123456")]
    phone: String,
    /// How it was made sure who asks. Kept in the audit log.
    #[schema(example = "lost telephone; identity card seen at the office")]
    reason: String,
}

/// Gives somebody a new number who lost the old one
///
/// All their sessions end. Where they can still be reached at the old number, they change it themselves.
#[utoipa::path(
    put, path = "/admin/users/{id}/phone", tag = "admin", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = AssignPhoneRequest,
    responses(
        (status = 200, body = UserView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`phone_taken`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn assign_phone(
    State(auth): State<Auth>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<AssignPhoneRequest>,
) -> Result<Json<UserView>, ApiError> {
    let mut checks = Checks::new();
    let phone = phone(&mut checks, &request.phone);
    let reason = checks.text("reason", &request.reason, REASON_CHARS_MAX);
    checks.finish()?;
    let phone = phone.ok_or_else(|| Error::internal("a field was let through unchecked"))?;
    Ok(Json(auth.assign_phone(admin, UserId(id), phone, &reason, clock::now()).await?.into()))
}
