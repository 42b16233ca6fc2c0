//! `/admin/driver-reviews`, claims, decisions about single papers, appeals and ratings.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::drivers::appeals::Outcome;
use crate::drivers::documents::ReasonCode;
use crate::drivers::http::DriverPapersView;
use crate::drivers::http::onboarding::{AppealView, OnboardingView, StandingChangeView};
use crate::drivers::queue::{QueueFilter, Waiting};
use crate::drivers::{DocumentKind, Drivers, PaperDecision};
use crate::error::{Checks, Error};
use crate::ids::DriverId;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new()
        .routes(routes!(queue))
        .routes(routes!(claim, release))
        .routes(routes!(decide))
        .routes(routes!(onboarding))
        .routes(routes!(history))
        .routes(routes!(rating))
        .routes(routes!(appeals))
        .routes(routes!(decide_appeal))
}

/// Which of those who wait. (Beside the usual paging.)
#[derive(Debug, Deserialize, IntoParams)]
struct QueueParams {
    /// Only those of whom such a paper waits: `licence`, `insurance`...
    kind: Option<String>,
    /// Only those whom no other reviewer has taken.
    free: Option<bool>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Somebody who waits for a reviewer.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingView {
    driver_id: Uuid,
    status: String,
    plate: String,
    /// Kinds of papers that wait.
    kinds: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    waiting_since: Timestamp,
    /// The reviewer who has taken the papers.
    claimed_by: Option<Uuid>,
    #[schema(value_type = Option<String>, format = DateTime)]
    claimed_until: Option<Timestamp>,
}

impl From<Waiting> for WaitingView {
    fn from(waiting: Waiting) -> Self {
        let Waiting { driver, status, plate, kinds, since, claimed_by, claimed_until } = waiting;
        Self { driver_id: driver.0, status, plate, kinds, waiting_since: since, claimed_by, claimed_until }
    }
}

/// What is decided of a paper.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"decision": "ask_again", "reason_code": "unreadable", "reason": "the lower half is dark"}))]
struct PaperDecisionRequest {
    /// `approve`, `ask_again` or `reject`.
    decision: String,
    /// Why, unless approved: `unreadable`, `wrong_document`, `expired`, `does_not_match`, `incomplete`,
    /// `electric_required`, `not_genuine` or `other`. The driver is told in their language.
    reason_code: Option<String>,
    /// The driver is told this as well, in these words; up to 200 characters. Needed with `other`.
    reason: Option<String>,
}

impl PaperDecisionRequest {
    fn check(self) -> Result<PaperDecision, Error> {
        let mut checks = Checks::new();
        let reason = self.reason.filter(|reason| !reason.trim().is_empty());
        if self.decision == "approve" {
            return Ok(PaperDecision::Approve);
        }
        let make: Option<fn(ReasonCode, Option<String>) -> PaperDecision> = match self.decision.as_str() {
            "ask_again" => Some(PaperDecision::AskAgain),
            "reject" => Some(PaperDecision::Reject),
            _ => None,
        };
        let make = checks.accept("decision", &self.decision, make.ok_or("is not approve, ask_again or reject"));
        let typed = self.reason_code.unwrap_or_default();
        let known = || format!("is not one of {}", ReasonCode::ALL.map(ReasonCode::as_str).join(", "));
        let code = checks.accept("reason_code", &typed, ReasonCode::from_name(&typed).ok_or_else(known));
        if code == Some(ReasonCode::Other) {
            checks.require(reason.is_some(), "reason", "", "is needed with the reason code other");
        }
        checks.finish()?;
        let unchecked = || Error::internal("a field was let through unchecked");
        Ok(make.ok_or_else(unchecked)?(code.ok_or_else(unchecked)?, reason))
    }
}

/// What becomes of an appeal.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"outcome": "granted", "reason": "the complaint was about another motorcycle"}))]
struct AppealDecisionRequest {
    /// `granted` or `refused`.
    outcome: String,
    /// The driver is told this, in these words; up to 200 characters.
    reason: String,
}

/// Who waits for a reviewer, the longest waiting first
#[utoipa::path(
    get, path = "/admin/driver-reviews", tag = "admin", params(QueueParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<WaitingView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: kind, free, limit or cursor")
    )
)]
async fn queue(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Query(params): Query<QueueParams>,
) -> Result<Json<Page<WaitingView>>, ApiError> {
    let known = |name: &String| {
        let names = DocumentKind::ALL.map(DocumentKind::as_str).join(", ");
        DocumentKind::from_name(name).ok_or_else(|| Error::invalid("kind", name, format_args!("is not one of {names}")))
    };
    let kind = params.kind.as_ref().map(known).transpose()?;
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    let filter = QueueFilter { kind, is_free: params.free.unwrap_or(false) };
    Ok(Json(drivers.queue(admin, filter, &page, clock::now()).await?.map(WaitingView::from)))
}

/// Takes a driver's papers, so that no other reviewer looks at them
///
/// For some minutes; again to prolong them.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/claim", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`claimed` by another reviewer"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path")
    )
)]
async fn claim(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<DriverPapersView>, ApiError> {
    Ok(Json(drivers.claim(admin, DriverId(id), clock::now()).await?.into()))
}

/// Gives a driver's papers back
#[utoipa::path(
    delete, path = "/admin/drivers/{id}/claim", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path")
    )
)]
async fn release(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<DriverPapersView>, ApiError> {
    Ok(Json(drivers.release(admin, DriverId(id), clock::now()).await?.into()))
}

/// Decides about one paper
///
/// The driver is told. With the last paper that was required a driver is approved, or comes back whose papers had expired.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/documents/{document_id}/decision", tag = "admin", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("document_id" = Uuid, Path)), request_body = PaperDecisionRequest,
    responses(
        (status = 200, body = DriverPapersView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`, `claimed`, `papers_expired`, `papers_missing`, `licence_taken`, `identity_taken`"),
        (status = 413, body = ErrorBody, description = "`body_too_large`"),
        (status = 415, body = ErrorBody, description = "`unsupported_media_type`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path, decision, reason_code or reason")
    )
)]
async fn decide(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path((id, document)): Path<(Uuid, Uuid)>,
    Json(request): Json<PaperDecisionRequest>,
) -> Result<Json<DriverPapersView>, ApiError> {
    let decision = request.check()?;
    Ok(Json(drivers.decide_paper(admin, (DriverId(id), document), &decision, clock::now()).await?.into()))
}

/// How everything that is required of a driver stands
#[utoipa::path(
    get, path = "/admin/drivers/{id}/onboarding", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = OnboardingView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path")
    )
)]
async fn onboarding(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<OnboardingView>, ApiError> {
    Ok(Json(drivers.reviewed_onboarding(admin, DriverId(id), clock::now()).await?.into()))
}

/// How a driver's standing came about, newest first
#[utoipa::path(
    get, path = "/admin/drivers/{id}/history", tag = "admin", params(("id" = Uuid, Path), PageParams),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<StandingChangeView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path, limit or cursor")
    )
)]
async fn history(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<StandingChangeView>>, ApiError> {
    let history = drivers.reviewed_history(admin, DriverId(id), &page.check()?, clock::now()).await?;
    Ok(Json(history.map(StandingChangeView::from)))
}

/// A reviewer has looked at a driver's rating
///
/// It comes up again after as many new ratings as the rule says.
#[utoipa::path(
    post, path = "/admin/drivers/{id}/rating-review", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`: the rating is not up for review"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path")
    )
)]
async fn rating(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<DriverPapersView>, ApiError> {
    Ok(Json(drivers.review_rating(admin, DriverId(id), clock::now()).await?.into()))
}

/// Open appeals, the longest waiting first
#[utoipa::path(
    get, path = "/admin/driver-appeals", tag = "admin", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<AppealView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: limit or cursor")
    )
)]
async fn appeals(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<AppealView>>, ApiError> {
    Ok(Json(drivers.open_appeals(admin, &page.check()?, clock::now()).await?.map(AppealView::from)))
}

/// Decides an appeal
///
/// The driver is told. Granted, whoever was suspended drives again; whoever was not accepted is reviewed anew.
#[utoipa::path(
    post, path = "/admin/driver-appeals/{id}/decision", tag = "admin", params(("id" = Uuid, Path)),
    security(("bearer" = [])), request_body = AppealDecisionRequest,
    responses(
        (status = 204),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`wrong_state`, `papers_expired`"),
        (status = 413, body = ErrorBody, description = "`body_too_large`"),
        (status = 415, body = ErrorBody, description = "`unsupported_media_type`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path, outcome or reason")
    )
)]
async fn decide_appeal(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<AppealDecisionRequest>,
) -> Result<StatusCode, ApiError> {
    let known = || Error::invalid("outcome", &request.outcome, "is not granted or refused");
    let outcome = Outcome::from_name(&request.outcome).ok_or_else(known)?;
    drivers.decide_appeal(admin, id, (outcome, &request.reason), clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
