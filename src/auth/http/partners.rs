//! `/admin/partners` and `/auth/partner/token`: programs of others.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::http::Origin;
use crate::auth::{Auth, NewPartner, Partner};
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::PartnerId;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::body::{Json, Path};
use crate::web::caller::Admin;
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody, Scopes};

const NAME_CHARS_MAX: usize = 80;
const REASON_CHARS_MAX: usize = 300;
/// A secret that nobody renews is one that nobody remembers.
const DAYS_MAX: i64 = 730;
const DAYS_DEFAULT: i64 = 365;

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(token))
}

/// A partner to be made.
#[derive(Debug, Deserialize, ToSchema)]
struct NewPartnerRequest {
    /// Whose program it is.
    #[schema(example = "City of Kigali, planning")]
    name: String,
    /// `places:read`, `heatmap:read`, `reports:read`.
    #[schema(example = json!(["places:read"]))]
    scopes: Vec<String>,
    /// How long its secret is good for: 1 to 730 days, 365 unless said otherwise.
    expires_in_days: Option<i64>,
}

impl NewPartnerRequest {
    fn check(&self, now: Timestamp) -> Result<NewPartner, Error> {
        let mut checks = Checks::new();
        let name = checks.text("name", &self.name, NAME_CHARS_MAX);
        let names = self.scopes.join(" ");
        let scopes = checks.accept("scopes", &names, Scopes::parse(&names)).unwrap_or_default();
        checks.require(!self.scopes.is_empty(), "scopes", "[]", "is empty");
        let days = self.expires_in_days.unwrap_or(DAYS_DEFAULT);
        let reason = format_args!("is out of range 1..={DAYS_MAX}");
        checks.require((1..=DAYS_MAX).contains(&days), "expires_in_days", days, reason);
        checks.finish()?;
        Ok(NewPartner { name, scopes, expires_at: now + Span::from_minutes(days * 24 * 60) })
    }
}

/// A partner with its secret.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedPartnerView {
    id: Uuid,
    /// Shown once.
    secret: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A partner as admins see it.
#[derive(Debug, Serialize, ToSchema)]
struct PartnerView {
    id: Uuid,
    name: String,
    scopes: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// When it last asked for a token.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<Partner> for PartnerView {
    fn from(partner: Partner) -> Self {
        Self {
            id: partner.id.0,
            name: partner.name,
            scopes: partner.scopes.names(),
            created_at: partner.created_at,
            expires_at: partner.expires_at,
            last_used_at: partner.last_used_at,
            revoked_at: partner.revoked_at,
        }
    }
}

/// Why a partner is revoked.
#[derive(Debug, Deserialize, ToSchema)]
struct RevokePartnerRequest {
    #[schema(example = "the contract ended")]
    reason: String,
}

/// Who asks for a token.
#[derive(Debug, Deserialize, ToSchema)]
struct PartnerTokenRequest {
    partner_id: Uuid,
    #[schema(value_type = String, format = Password)]
    secret: Secret<String>,
}

/// What a partner's program works with.
#[derive(Debug, Serialize, ToSchema)]
struct PartnerTokenView {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = 900)]
    expires_in_s: i64,
    /// Names with blanks between them.
    #[schema(example = "places:read")]
    scope: String,
}

/// Makes a partner
///
/// Its secret is shown once. What it may do is said by its scopes; all of them read.
#[utoipa::path(
    post, path = "/admin/partners", tag = "admin", security(("bearer" = [])), request_body = NewPartnerRequest,
    responses(
        (status = 201, body = CreatedPartnerView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 409, body = ErrorBody, description = "`too_many_partners`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn create(
    State(auth): State<Auth>,
    Admin(admin): Admin,
    Json(request): Json<NewPartnerRequest>,
) -> Result<(StatusCode, Json<CreatedPartnerView>), ApiError> {
    let now = clock::now();
    let new = request.check(now)?;
    let (id, secret) = auth.create_partner(admin, &new, now).await?;
    let view = CreatedPartnerView { id: id.0, secret: secret.into_exposed(), expires_at: new.expires_at };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists the partners, the newest first
#[utoipa::path(
    get, path = "/admin/partners", tag = "admin", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<PartnerView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`")
    )
)]
async fn list(State(auth): State<Auth>, Admin(admin): Admin) -> Result<Json<Items<PartnerView>>, ApiError> {
    let partners = auth.partners(admin, clock::now()).await?;
    Ok(Json(Items { items: partners.into_iter().map(PartnerView::from).collect() }))
}

/// Revokes a partner
///
/// Its secret and its tokens are void at once.
#[utoipa::path(
    post, path = "/admin/partners/{id}/revoke", tag = "admin", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = RevokePartnerRequest,
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`: there is none, or it was revoked before"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn revoke(
    State(auth): State<Auth>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<RevokePartnerRequest>,
) -> Result<StatusCode, ApiError> {
    let mut checks = Checks::new();
    let reason = checks.text("reason", &request.reason, REASON_CHARS_MAX);
    checks.finish()?;
    auth.revoke_partner(admin, PartnerId(id), &reason, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Exchanges a partner's secret for an access token
#[utoipa::path(
    post, path = "/auth/partner/token", tag = "auth", request_body = PartnerTokenRequest,
    responses(
        (status = 200, body = PartnerTokenView),
        (status = 401, body = ErrorBody, description = "`wrong_credentials`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: too many wrong secrets from this address")
    )
)]
async fn token(
    State(auth): State<Auth>,
    origin: Origin,
    Json(request): Json<PartnerTokenRequest>,
) -> Result<Json<PartnerTokenView>, ApiError> {
    let device = origin.device(None);
    let token = auth.partner_token(PartnerId(request.partner_id), &request.secret, &device, clock::now()).await?;
    Ok(Json(PartnerTokenView {
        access_token: token.access.into_exposed(),
        token_type: "Bearer",
        expires_in_s: token.expires_in.as_secs(),
        scope: token.scopes.to_string(),
    }))
}
