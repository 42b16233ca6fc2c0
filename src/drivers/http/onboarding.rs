//! `/drivers/me/onboarding`, history, appeals and shifts: how a driver stands, and what they can do about it.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::drivers::appeals::{Appeal, Outcome};
use crate::drivers::documents::ReasonCode;
use crate::drivers::handing_in::Onboarding;
use crate::drivers::onboarding::{Next, State as Requirement, Step};
use crate::drivers::shifts::DayOnShift;
use crate::drivers::standing::{Cause, StandingChange};
use crate::drivers::{Drivers, Status};
use crate::notifications::Language;
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::Driver;
use crate::web::page::{Items, Page, PageParams};
use crate::web::period::{PeriodLimits, PeriodParams};
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new()
        .routes(routes!(onboarding))
        .routes(routes!(history))
        .routes(routes!(appeals, appeal))
        .routes(routes!(shifts))
}

/// How everything that is required stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OnboardingView {
    /// Null before any papers were sent.
    status: Option<Status>,
    /// Why, when rejected or suspended.
    status_reason: Option<String>,
    /// Whether everything that is required is approved.
    complete: bool,
    /// In the order in which they are asked for.
    requirements: Vec<RequirementView>,
}

/// How one requirement stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RequirementView {
    /// `profile`, or the kind of a document.
    requirement: &'static str,
    /// Whether nobody drives without it.
    required: bool,
    state: Requirement,
    /// What to do; null when there is nothing to do.
    next: Option<Next>,
    /// The same in the driver's language.
    next_text: Option<&'static str>,
    /// Why it was not accepted.
    reason_code: Option<ReasonCode>,
    /// The same in the reviewer's words.
    reason: Option<String>,
    expires_on: Option<NaiveDate>,
    /// How the paper stands that is to follow the one in force.
    renewal: Option<Requirement>,
}

impl RequirementView {
    fn of(step: Step, language: Language) -> Self {
        Self {
            requirement: step.requirement.as_str(),
            required: step.is_required,
            state: step.state,
            next: step.next,
            next_text: step.next.map(|next| next.words(language)),
            reason_code: step.reason_code,
            reason: step.reason,
            expires_on: step.expires_on,
            renewal: step.renewal,
        }
    }
}

impl From<Onboarding> for OnboardingView {
    fn from(onboarding: Onboarding) -> Self {
        let Onboarding { status, status_reason, steps, language } = onboarding;
        let complete = steps.iter().all(|step| !step.is_required || step.state == Requirement::Approved);
        let requirements = steps.into_iter().map(|step| RequirementView::of(step, language)).collect();
        Self { status, status_reason, complete, requirements }
    }
}

/// A change of standing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StandingChangeView {
    /// Null at the beginning.
    from: Option<Status>,
    to: Status,
    cause: Cause,
    reason: Option<String>,
    /// The admin who decided. Shown to admins only.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl StandingChangeView {
    /// For the driver, who need not know which admin it was.
    fn anonymous(change: StandingChange) -> Self {
        Self { by: None, ..Self::from(change) }
    }
}

impl From<StandingChange> for StandingChangeView {
    fn from(change: StandingChange) -> Self {
        let StandingChange { from, to, cause, reason, by, at, .. } = change;
        Self { from, to, cause, reason, by: by.map(|by| by.0), at }
    }
}

/// An appeal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppealView {
    id: Uuid,
    driver_id: Uuid,
    /// In the driver's own words.
    words: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Null while it is open.
    outcome: Option<Outcome>,
    /// Why, as the driver was told.
    reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    decided_at: Option<Timestamp>,
}

impl From<Appeal> for AppealView {
    fn from(appeal: Appeal) -> Self {
        let Appeal { id, driver, words, created_at, outcome, reason, decided_at } = appeal;
        Self { id, driver_id: driver.0, words, created_at, outcome, reason, decided_at }
    }
}

/// Why it is wrong.
#[derive(Debug, Deserialize, ToSchema)]
struct AppealRequest {
    /// 1 to 1,000 characters.
    #[schema(example = "The complaint was about another motorcycle.")]
    words: String,
}

/// A day with what a driver worked on it.
#[derive(Debug, Serialize, ToSchema)]
struct DayOnShiftView {
    day: NaiveDate,
    online_s: i64,
    /// Shifts that touch the day.
    shifts: u32,
}

impl From<DayOnShift> for DayOnShiftView {
    fn from(day: DayOnShift) -> Self {
        Self { day: day.day, online_s: day.online.as_secs(), shifts: day.shifts }
    }
}

/// What is missing before one may drive, and what to do next
#[utoipa::path(
    get, path = "/drivers/me/onboarding", tag = "drivers", security(("bearer" = [])),
    responses(
        (status = 200, body = OnboardingView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver")
    )
)]
async fn onboarding(State(drivers): State<Drivers>, Driver(driver): Driver) -> Result<Json<OnboardingView>, ApiError> {
    Ok(Json(drivers.onboarding(driver, clock::now()).await?.into()))
}

/// How one's standing came about, newest first
#[utoipa::path(
    get, path = "/drivers/me/history", tag = "drivers", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<StandingChangeView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: limit or cursor")
    )
)]
async fn history(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<StandingChangeView>>, ApiError> {
    Ok(Json(drivers.history(driver, &page.check()?).await?.map(StandingChangeView::anonymous)))
}

/// One's own appeals, newest first
#[utoipa::path(
    get, path = "/drivers/me/appeals", tag = "drivers", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<AppealView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver")
    )
)]
async fn appeals(State(drivers): State<Drivers>, Driver(driver): Driver) -> Result<Json<Items<AppealView>>, ApiError> {
    let appeals = drivers.appeals(driver).await?;
    Ok(Json(Items { items: appeals.into_iter().map(AppealView::from).collect() }))
}

/// Appeals against a suspension or a refusal
///
/// One at a time.
#[utoipa::path(
    post, path = "/drivers/me/appeals", tag = "drivers", security(("bearer" = [])), request_body = AppealRequest,
    responses(
        (status = 201, body = AppealView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 409, body = ErrorBody, description = "`no_papers`, `wrong_state`, `appeal_open`"),
        (status = 413, body = ErrorBody, description = "`body_too_large`"),
        (status = 415, body = ErrorBody, description = "`unsupported_media_type`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: words")
    )
)]
async fn appeal(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Json(request): Json<AppealRequest>,
) -> Result<(StatusCode, Json<AppealView>), ApiError> {
    let appeal = drivers.appeal(driver, &request.words, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(appeal.into())))
}

/// How long one was on shift, by day
///
/// The last seven days, unless asked otherwise.
#[utoipa::path(
    get, path = "/drivers/me/shifts", tag = "drivers", params(PeriodParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Items<DayOnShiftView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: from or to")
    )
)]
async fn shifts(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Query(period): Query<PeriodParams>,
) -> Result<Json<Items<DayOnShiftView>>, ApiError> {
    let now = clock::now();
    let days = drivers.shifts_by_day(driver, period.check(now, PeriodLimits::REPORT)?, now).await?;
    Ok(Json(Items { items: days.into_iter().map(DayOnShiftView::from).collect() }))
}
