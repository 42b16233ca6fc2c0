//! Cases of money over HTTP, for admins.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::error::Checks;
use crate::payments::Payments;
use crate::payments::cases::Ending;
use crate::payments::store::cases::{CaseRow, Wanted};
use crate::time::{Span, Timestamp};
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

const HOURS_MAX: i64 = 24 * 3_660;
const STATES: [&str; 3] = ["open", "taken", "resolved"];
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

pub(super) fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(take))
        .routes(routes!(resolve))
        .routes(routes!(approve))
}

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
struct CaseParams {
    /// `open`, `taken` or `resolved`.
    state: Option<String>,
    /// Such as `missing_here`.
    kind: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    severity: Option<String>,
    /// Opened at least so many hours ago.
    older_than: Option<i64>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What only a person can settle.
#[derive(Debug, Serialize, ToSchema)]
struct CaseView {
    id: Uuid,
    #[schema(example = "missing_here")]
    kind: String,
    /// What it is about: one thing is one case.
    #[schema(example = "statement:mtn:9001")]
    cause: String,
    #[schema(example = "high")]
    severity: String,
    /// Whom it concerns.
    person_id: Option<Uuid>,
    ride_id: Option<Uuid>,
    attempt_id: Option<Uuid>,
    amount_rwf: i64,
    /// What was found.
    detail: serde_json::Value,
    /// `open`, `taken` or `resolved`.
    #[schema(example = "open")]
    state: String,
    /// Which admin looks after it.
    owner_id: Option<Uuid>,
    resolution: Option<String>,
    reason: Option<String>,
    /// Where one admin wants money from suspense to go; another has to approve.
    proposal: Option<serde_json::Value>,
    proposed_by: Option<Uuid>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    opened_at: Timestamp,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    taken_at: Option<Timestamp>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    resolved_at: Option<Timestamp>,
    /// Whole hours since it was opened, until it was resolved.
    age_hours: i64,
}

impl CaseView {
    fn of(case: CaseRow, now: Timestamp) -> Self {
        let until = case.resolved_at.unwrap_or(now);
        Self {
            id: case.id,
            kind: case.kind,
            cause: case.cause,
            severity: case.severity,
            person_id: case.person.map(Uuid::from),
            ride_id: case.ride.map(Uuid::from),
            attempt_id: case.attempt,
            amount_rwf: case.amount.amount(),
            detail: case.detail,
            state: case.state,
            owner_id: case.owner.map(Uuid::from),
            resolution: case.resolution,
            reason: case.reason,
            proposal: case.proposal,
            proposed_by: case.proposed_by.map(Uuid::from),
            age_hours: until.since(case.opened_at).as_secs().max(0) / 3_600,
            opened_at: case.opened_at,
            taken_at: case.taken_at,
            resolved_at: case.resolved_at,
        }
    }
}

/// The cases of money
///
/// Newest first: money that nobody knows, orders that nobody can explain, patterns that look wrong.
#[utoipa::path(
    get,
    path = "/admin/money-cases",
    tag = "payments",
    security(("bearer" = [])),
    params(CaseParams),
    responses(
        (status = 200, description = "A page of cases", body = Page<CaseView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "A wrong filter, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(asked): Query<CaseParams>,
) -> Result<Json<Page<CaseView>>, ApiError> {
    let now = clock::now();
    let mut checks = Checks::new();
    for (field, value, words) in
        [("state", &asked.state, STATES.as_slice()), ("severity", &asked.severity, SEVERITIES.as_slice())]
    {
        if let Some(value) = value {
            let known = words.contains(&value.as_str());
            checks.require(known, field, value, format_args!("is none of {}", words.join(", ")));
        }
    }
    if let Some(hours) = asked.older_than {
        checks.require(
            (0..=HOURS_MAX).contains(&hours),
            "older_than",
            hours,
            format_args!("is out of range 0..={HOURS_MAX}"),
        );
    }
    checks.finish()?;
    let opened_before = asked.older_than.map(|hours| now - Span::from_secs(hours * 3_600));
    let wanted = Wanted { state: asked.state, kind: asked.kind, severity: asked.severity, opened_before };
    let page = PageParams { limit: asked.limit, cursor: asked.cursor }.check()?;
    let cases = payments.cases(admin, &wanted, &page, now).await?;
    Ok(Json(cases.map(|case| CaseView::of(case, now))))
}

/// One case
#[utoipa::path(
    get,
    path = "/admin/money-cases/{id}",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The case", body = CaseView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such case", body = ErrorBody),
        (status = 422, description = "No id", body = ErrorBody),
    )
)]
async fn show(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<CaseView>, ApiError> {
    let now = clock::now();
    Ok(Json(CaseView::of(payments.case(admin, id, now).await?, now)))
}

/// Look after a case
///
/// Whoever takes a case is its owner; taking one's own again changes nothing.
#[utoipa::path(
    post,
    path = "/admin/money-cases/{id}/take",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The case", body = CaseView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such case", body = ErrorBody),
        (status = 409, description = "`case_taken`: by another admin; `case_resolved`", body = ErrorBody),
        (status = 422, description = "No id", body = ErrorBody),
    )
)]
async fn take(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<CaseView>, ApiError> {
    let now = clock::now();
    Ok(Json(CaseView::of(payments.take_case(admin, id, now).await?, now)))
}

/// How a case ends.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CaseEnding, example = json!({"resolution": "posted", "account": "rider_credit",
    "owner_id": "0197c1de-2f0a-7c3e-9d8a-0a1b2c3d4e5f", "reason": "paid twice at the stage; the rider showed the message"}))]
struct EndingBody {
    /// `explained`, `corrected`, `written_off`, `duplicate`; `posted` where money is in suspense.
    resolution: String,
    /// Why; name nobody.
    reason: String,
    /// With `posted`: the kind of account that the money goes to.
    account: Option<String>,
    /// With `posted`: whose account, where the kind has owners.
    owner_id: Option<Uuid>,
}

/// End a case
///
/// Where money is in suspense for the case, `posted` proposes the account it goes to, and another admin approves; no other
/// resolution is possible then.
#[utoipa::path(
    post,
    path = "/admin/money-cases/{id}/resolve",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    request_body = EndingBody,
    responses(
        (status = 200, description = "The case: resolved, or with a proposal", body = CaseView),
        (status = 400, description = "No JSON", body = ErrorBody),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such case", body = ErrorBody),
        (status = 409, description = "`case_resolved`, `money_in_suspense`, `nothing_in_suspense`", body = ErrorBody),
        (status = 422, description = "A wrong resolution, reason, account or owner", body = ErrorBody),
    )
)]
async fn resolve(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(body): Json<EndingBody>,
) -> Result<Json<CaseView>, ApiError> {
    let now = clock::now();
    let EndingBody { resolution, reason, account, owner_id } = body;
    let ending = Ending { resolution, reason, account, owner_id };
    Ok(Json(CaseView::of(payments.resolve_case(admin, id, &ending, now).await?, now)))
}

/// Approve what was proposed
///
/// By another admin than the one who proposed: the money is posted and the case is over. Twice is once.
#[utoipa::path(
    post,
    path = "/admin/money-cases/{id}/approve",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The case, resolved", body = CaseView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such case", body = ErrorBody),
        (status = 409, description = "`four_eyes`: by the one who proposed; `nothing_proposed`, `case_resolved`, `overdrawn`", body = ErrorBody),
        (status = 422, description = "No id", body = ErrorBody),
    )
)]
async fn approve(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<CaseView>, ApiError> {
    let now = clock::now();
    Ok(Json(CaseView::of(payments.approve_case(admin, id, now).await?, now)))
}
