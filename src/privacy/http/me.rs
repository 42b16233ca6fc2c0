//! `/privacy`, `/me/consents`, `/me/export`, `/me/restriction`: seeing and steering what is done with one's own data.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::views::{ConsentView, ConsentsView, ExportView, SaidView, ZipFile};
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::notifications::Language;
use crate::privacy::consent::{Purpose, Version};
use crate::privacy::{Asker, Privacy, Saying, Scribe, register};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::page::Items;
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Privacy> {
    OpenApiRouter::new()
        .routes(routes!(about))
        .routes(routes!(consents))
        .routes(routes!(consent_log))
        .routes(routes!(say))
        .routes(routes!(ask_for_export, exports))
        .routes(routes!(export_file))
        .routes(routes!(restriction, restrict, lift_restriction))
}

/// Whom to turn to.
#[derive(Debug, Serialize, ToSchema)]
struct AboutView {
    /// Who answers for the data.
    controller: String,
    /// Its number with the authority; null until it has one.
    registration: Option<String>,
    /// How the data protection officer is reached.
    data_protection_officer: String,
    /// What people can do about their data, and how.
    rights: Vec<&'static str>,
}

/// `?language=` as sent.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LanguageParams {
    /// `rw`, `en` or `fr`; `rw` when left out.
    language: Option<String>,
}

/// What somebody says of a purpose.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SayRequest {
    /// Yes or no.
    given: bool,
    /// In which language the text was shown: `rw` (unless said otherwise), `en` or `fr`.
    language: Option<String>,
    /// Of the text that was shown; needed for a yes.
    version: Option<String>,
}

impl SayRequest {
    pub(super) fn check(&self, purpose: &str) -> Result<Saying, Error> {
        let purpose = Purpose::from_word(purpose).ok_or(Error::NotFound { what: "purpose" })?;
        let mut checks = Checks::new();
        let language = language(&mut checks, self.language.as_deref());
        let version = self.version.as_deref().and_then(|text| {
            let parsed = Version::parse(text).ok_or("is not 64 hexadecimal digits");
            checks.accept("version", text, parsed)
        });
        checks.finish()?;
        Ok(Saying { purpose, given: self.given, language, version })
    }
}

fn language(checks: &mut Checks, code: Option<&str>) -> Language {
    let known = |code: &str| Language::from_code(code).ok_or("is not rw, en or fr");
    code.and_then(|code| checks.accept("language", code, known(code))).unwrap_or_default()
}

/// Whether one's data is kept but not used.
#[derive(Debug, Serialize, ToSchema)]
struct RestrictionView {
    /// Null: it is used.
    #[schema(value_type = Option<String>, format = DateTime)]
    restricted_since: Option<Timestamp>,
}

/// Who answers for people's data, and what people can do about it
#[utoipa::path(get, path = "/privacy", tag = "privacy", responses((status = 200, body = AboutView)))]
async fn about(State(privacy): State<Privacy>) -> Json<AboutView> {
    let organisation = &privacy.config().organisation;
    Json(AboutView {
        controller: organisation.name.clone(),
        registration: organisation.registration.clone(),
        data_protection_officer: organisation.officer_contact.clone(),
        rights: register::RIGHTS.into(),
    })
}

/// What is done with one's data, and what was said yes or no to
#[utoipa::path(
    get, path = "/me/consents", tag = "privacy", params(LanguageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = ConsentsView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn consents(
    State(privacy): State<Privacy>,
    caller: Caller,
    Query(params): Query<LanguageParams>,
) -> Result<Json<ConsentsView>, ApiError> {
    let mut checks = Checks::new();
    let language = language(&mut checks, params.language.as_deref());
    checks.finish()?;
    let said = privacy.consents(caller.user).await?;
    let is_restricted = privacy.restriction(caller.user).await?.is_some();
    Ok(Json(ConsentsView::new(&said, is_restricted, language)))
}

/// Everything one said yes or no to, newest first
#[utoipa::path(
    get, path = "/me/consents/log", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<SaidView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn consent_log(State(privacy): State<Privacy>, caller: Caller) -> Result<Json<Items<SaidView>>, ApiError> {
    let log = privacy.consent_log(caller.user).await?;
    Ok(Json(Items { items: log.into_iter().map(SaidView::from).collect() }))
}

/// Says yes or no to a purpose
///
/// A yes names the version of the text that was shown. A no to a purpose of `legitimate_interest` is an objection.
#[utoipa::path(
    put, path = "/me/consents/{purpose}", tag = "privacy", params(("purpose" = String, Path, example = "marketing")),
    security(("bearer" = [])), request_body = SayRequest,
    responses(
        (status = 200, body = ConsentView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`guardian_needed`: too young to consent alone"),
        (status = 404, body = ErrorBody, description = "`not_found`: no such purpose"),
        (status = 409, body = ErrorBody, description = "`text_changed`: show the text of today"),
        (status = 422, body = ErrorBody, description = "`invalid_value`")
    )
)]
async fn say(
    State(privacy): State<Privacy>,
    caller: Caller,
    Path(purpose): Path<String>,
    Json(request): Json<SayRequest>,
) -> Result<Json<ConsentView>, ApiError> {
    let saying = request.check(&purpose)?;
    privacy.say(caller.user, saying, Scribe::Themselves, clock::now()).await?;
    Ok(Json(view(&privacy, caller.user, saying).await?))
}

pub(super) async fn view(privacy: &Privacy, person: UserId, saying: Saying) -> Result<ConsentView, Error> {
    let said = privacy.consents(person).await?;
    let is_restricted = privacy.restriction(person).await?.is_some();
    Ok(ConsentView::new(saying.purpose, &said, is_restricted, saying.language))
}

/// Asks for a copy of everything about oneself
///
/// Made within a minute; look at `GET /me/export` until it is `ready`.
#[utoipa::path(
    post, path = "/me/export", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 202, body = ExportView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`: this account does not exist any more"),
        (status = 409, body = ErrorBody, description = "`export_running`"),
        (status = 429, body = ErrorBody, description = "`rate_limited`: some in a day are enough")
    )
)]
async fn ask_for_export(
    State(privacy): State<Privacy>,
    caller: Caller,
) -> Result<(StatusCode, Json<ExportView>), ApiError> {
    let export = privacy.ask_for_export(caller.user, Asker::Themselves, clock::now()).await?;
    Ok((StatusCode::ACCEPTED, Json(export.into())))
}

/// One's exports, newest first
#[utoipa::path(
    get, path = "/me/export", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<ExportView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn exports(State(privacy): State<Privacy>, caller: Caller) -> Result<Json<Items<ExportView>>, ApiError> {
    let exports = privacy.exports(caller.user).await?;
    Ok(Json(Items { items: exports.into_iter().map(ExportView::from).collect() }))
}

/// Fetches an export of one's own: a ZIP of JSON
#[utoipa::path(
    get, path = "/me/exports/{id}/file", tag = "privacy", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = ZipFile, content_type = "application/zip"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`: not yours, not ready, or gone")
    )
)]
async fn export_file(
    State(privacy): State<Privacy>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<ZipFile, ApiError> {
    Ok(ZipFile(privacy.export_file(caller.user, id, clock::now()).await?))
}

/// Whether one's data is kept but not used
#[utoipa::path(
    get, path = "/me/restriction", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 200, body = RestrictionView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn restriction(State(privacy): State<Privacy>, caller: Caller) -> Result<Json<RestrictionView>, ApiError> {
    let restriction = privacy.restriction(caller.user).await?;
    Ok(Json(RestrictionView { restricted_since: restriction.map(|restriction| restriction.since) }))
}

/// Has one's data kept but not used
///
/// No ride can be booked or taken while it lasts.
#[utoipa::path(
    put, path = "/me/restriction", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`: this account does not exist any more"),
        (status = 409, body = ErrorBody, description = "`live_ride`, `on_shift`")
    )
)]
async fn restrict(State(privacy): State<Privacy>, caller: Caller) -> Result<StatusCode, ApiError> {
    privacy.restrict(caller.user, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has one's data used again
#[utoipa::path(
    delete, path = "/me/restriction", tag = "privacy", security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`")
    )
)]
async fn lift_restriction(State(privacy): State<Privacy>, caller: Caller) -> Result<StatusCode, ApiError> {
    privacy.lift_restriction(caller.user, caller.user, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
