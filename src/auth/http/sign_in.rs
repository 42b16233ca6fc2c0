//! `/auth`: registering, codes, signing in and out.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::http::{Origin, ProfileView, evenly, phone};
use crate::auth::{Auth, CodeSent, Registration, Tokens, password, profile};
use crate::clock;
use crate::error::{Checks, Error};
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::FirstFactor;
use crate::web::{ApiError, Caller, ErrorBody, Role, SecondFactor};

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(send_code))
        .routes(routes!(verify))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
}

/// Who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"phone": "0788123456", "first_name": "Keza", "last_name": "Uwase", "role": "customer"}))]
struct RegisterRequest {
    /// A Rwandan mobile number, in any usual spelling.
    phone: String,
    first_name: String,
    last_name: String,
    /// `customer` or `driver`.
    role: String,
    email: Option<String>,
    /// `rw` (unless said otherwise), `en` or `fr`.
    language: Option<String>,
    /// 8 to 128 characters. It is kept when the first code sent is the one that proves the phone; otherwise set it
    /// afterwards (`has_password` of the profile tells).
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret<String>>,
}

impl RegisterRequest {
    fn check(self) -> Result<Registration, Error> {
        let mut checks = Checks::new();
        let phone = phone(&mut checks, &self.phone);
        let first_name = profile::name(&mut checks, "first_name", &self.first_name);
        let last_name = profile::name(&mut checks, "last_name", &self.last_name);
        let open = |role: &Role| matches!(role, Role::Customer | Role::Driver);
        let role = Role::from_name(&self.role).filter(open).ok_or("is not customer or driver");
        let role = checks.accept("role", &self.role, role);
        let email = profile::email(&mut checks, "email", self.email.as_deref());
        let language = match self.language.as_deref() {
            Some(code) => profile::language(&mut checks, "language", code),
            None => Some(Language::default()),
        };
        if let Some(password) = &self.password {
            password::check(&mut checks, "password", password);
        }
        checks.finish()?;
        let unchecked = || Error::internal("a field was let through unchecked");
        Ok(Registration {
            phone: phone.ok_or_else(unchecked)?,
            first_name,
            last_name,
            role: role.ok_or_else(unchecked)?,
            email,
            language: language.ok_or_else(unchecked)?,
            password: self.password,
        })
    }
}

/// Whose code.
#[derive(Debug, Deserialize, ToSchema)]
struct CodeRequest {
    #[schema(example = "0788123456")]
    phone: String,
}

/// A code is on its way, if there is anybody to send it to: the answer does not tell.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CodeSentView {
    #[schema(example = "+250788123456")]
    phone: String,
    /// The code is good until then.
    #[schema(value_type = String, format = DateTime)]
    code_expires_at: Timestamp,
    /// Asking again before is answered with 429.
    #[schema(example = 45)]
    resend_after_s: i64,
}

impl CodeSentView {
    pub(super) fn new(phone: Phone, sent: CodeSent) -> Self {
        let phone = phone.as_str().to_owned();
        Self { phone, code_expires_at: sent.expires_at, resend_after_s: sent.resend_after.as_secs_up() }
    }
}

/// The proof by code.
#[derive(Debug, Deserialize, ToSchema)]
struct VerifyRequest {
    #[schema(example = "0788123456")]
    phone: String,
    /// Six digits.
    #[schema(value_type = String, example = "042137")]
    code: Secret<String>,
    /// For the list of sessions.
    #[schema(example = "Keza's phone")]
    device_name: Option<String>,
}

/// The proof by password.
#[derive(Debug, Deserialize, ToSchema)]
struct LoginRequest {
    #[schema(example = "0788123456")]
    phone: String,
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    /// For the list of sessions.
    device_name: Option<String>,
}

/// A token to be exchanged.
#[derive(Debug, Deserialize, ToSchema)]
struct RefreshRequest {
    #[schema(value_type = String)]
    refresh_token: Secret<String>,
}

/// What a signed-in app works with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokensView {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = 900)]
    expires_in_s: i64,
    /// Good for one use. Store the new one before anything else: using an old one ends the session.
    refresh_token: String,
    #[schema(value_type = String, format = DateTime)]
    refresh_expires_at: Timestamp,
    /// `due`: these tokens are good for nothing but `POST /auth/second-factor`. `none`: there is none; an admin or official
    /// enrols one before anything else.
    second_factor: SecondFactor,
    user: ProfileView,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.into_exposed(),
            token_type: "Bearer",
            expires_in_s: tokens.expires_in.as_secs(),
            refresh_token: tokens.refresh.into_exposed(),
            refresh_expires_at: tokens.refresh_expires_at,
            second_factor: tokens.second_factor,
            user: tokens.profile.into(),
        }
    }
}

pub(super) fn checked_phone(typed: &str) -> Result<Phone, Error> {
    Phone::parse(typed).map_err(|reason| Error::invalid("phone", typed, reason))
}

/// Registers a phone and sends it a code
///
/// The answer is the same whether or not the phone is registered already; a proven account is not changed.
#[utoipa::path(
    post, path = "/auth/register", tag = "auth", request_body = RegisterRequest,
    responses(
        (status = 202, body = CodeSentView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: a code was sent just now")
    )
)]
async fn register(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<RegisterRequest>,
) -> Result<(StatusCode, Json<CodeSentView>), ApiError> {
    let registration = request.check()?;
    let phone = registration.phone;
    let device = origin.device(None);
    let sent = evenly(auth.register(registration, &device, clock::now())).await?;
    Ok((StatusCode::ACCEPTED, Json(CodeSentView::new(phone, sent))))
}

/// Sends a code to sign in with
///
/// While a code is good, the same one is sent again. The answer is the same for a phone that nobody registered.
#[utoipa::path(
    post, path = "/auth/code", tag = "auth", request_body = CodeRequest,
    responses(
        (status = 202, body = CodeSentView),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: a code was sent just now, or too many within the hour")
    )
)]
async fn send_code(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<CodeRequest>,
) -> Result<(StatusCode, Json<CodeSentView>), ApiError> {
    let phone = checked_phone(&request.phone)?;
    let device = origin.device(None);
    let sent = evenly(auth.request_code(phone, &device, clock::now())).await?;
    Ok((StatusCode::ACCEPTED, Json(CodeSentView::new(phone, sent))))
}

/// Signs in with the code
///
/// Where a second factor is enrolled, the tokens are good for nothing but giving it.
#[utoipa::path(
    post, path = "/auth/verify", tag = "auth", request_body = VerifyRequest,
    responses(
        (status = 200, body = TokensView),
        (status = 401, body = ErrorBody, description = "`wrong_code`, `code_exhausted`, `code_expired`"),
        (status = 403, body = ErrorBody, description = "`account_disabled`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong codes for this phone, or from this address or device")
    )
)]
async fn verify(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<VerifyRequest>,
) -> Result<Json<TokensView>, ApiError> {
    let phone = checked_phone(&request.phone)?;
    let device = origin.device(request.device_name.as_deref());
    let tokens = evenly(auth.verify(phone, request.code.expose().trim(), &device, clock::now())).await?;
    Ok(Json(tokens.into()))
}

/// Signs in with the password
///
/// Where a second factor is enrolled, the tokens are good for nothing but giving it.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", request_body = LoginRequest,
    responses(
        (status = 200, body = TokensView),
        (status = 401, body = ErrorBody, description = "`wrong_credentials`"),
        (status = 403, body = ErrorBody, description = "`account_disabled`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong passwords for this phone, or from this address or device"),
        (status = 503, body = ErrorBody, description = "`unavailable`: too many sign in at once")
    )
)]
async fn login(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<LoginRequest>,
) -> Result<Json<TokensView>, ApiError> {
    let phone = checked_phone(&request.phone)?;
    let device = origin.device(request.device_name.as_deref());
    let tokens = auth.login(phone, request.password, &device, clock::now()).await?;
    Ok(Json(tokens.into()))
}

/// Exchanges a refresh token for new tokens
///
/// A refresh token is good for one use. Using one again ends the session, since one of the two users is not its owner.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", request_body = RefreshRequest,
    responses(
        (status = 200, body = TokensView),
        (status = 401, body = ErrorBody, description = "`refresh_invalid`, `refresh_reused`"),
        (status = 403, body = ErrorBody, description = "`account_disabled`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: a session that does nothing but refresh")
    )
)]
async fn refresh(State(auth): State<Auth>, Json(request): Json<RefreshRequest>) -> Result<Json<TokensView>, ApiError> {
    Ok(Json(auth.refresh(&request.refresh_token, clock::now()).await?.into()))
}

/// Signs out
///
/// Ends this session: its tokens are void at once. Also for whoever has given only one proof yet.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn logout(State(auth): State<Auth>, FirstFactor(grant): FirstFactor) -> Result<StatusCode, ApiError> {
    let Caller { user, session, .. } = grant.caller;
    auth.end_session(user, session, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_of_a_registration_is_named_at_once() {
        let request = RegisterRequest {
            phone: "0751234567".into(),
            first_name: String::new(),
            last_name: "x".repeat(61),
            role: "admin".into(),
            email: Some("keza".into()),
            language: Some("sw".into()),
            password: Some(Secret::new("short".into())),
        };
        let error = request.check().expect_err("seven faults");
        let fields: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["phone", "first_name", "last_name", "role", "email", "language", "password"]);
        assert!(!error.to_string().contains("short"), "{error}");
    }
}
