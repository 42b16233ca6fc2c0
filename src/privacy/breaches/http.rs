//! The routes of the register of breaches.

use axum::extract::State as Service;
use axum::http::StatusCode;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::clocks::{Clock, State};
use super::{Breach, Breaches, Inform, Known};
use crate::clock;
use crate::error::{Checks, Error};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

/// Every route of the register, under the API's prefix.
pub fn routes() -> OpenApiRouter<Breaches> {
    OpenApiRouter::new()
        .routes(routes!(record_breach, list_breaches))
        .routes(routes!(show_breach, amend_breach))
        .routes(routes!(change_breach_state))
        .routes(routes!(decide_informing))
        .routes(routes!(breach_report))
}

/// What is known of a breach. **Names nobody**: it goes to the authority as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BreachBody {
    /// When it was known, in RFC 3339: both clocks run from here.
    #[schema(example = "2026-11-26T08:00:00Z")]
    aware_at: String,
    /// What happened, 1 to 4000 characters.
    nature: String,
    /// Kinds of data, 1 to 20.
    #[schema(example = json!(["phone", "position"]))]
    categories: Vec<String>,
    /// How many people, about.
    people: i64,
    /// How many records, about.
    records: i64,
    /// What may come of it for them.
    consequences: String,
    /// What was and is done about it.
    measures: String,
    /// How and when the people concerned are told.
    plan: String,
}

impl BreachBody {
    fn check(self) -> Result<Known, Error> {
        let mut checks = Checks::new();
        let parsed = DateTime::parse_from_rfc3339(&self.aware_at).map_err(|_| "is not an instant in RFC 3339");
        let aware_at = checks.accept("aware_at", &self.aware_at, parsed).map(|at| Timestamp::from(at.to_utc()));
        checks.finish()?;
        let aware_at = aware_at.ok_or_else(|| Error::internal("a field was let through unchecked"))?;
        let Self { nature, categories, people, records, consequences, measures, plan, .. } = self;
        Ok(Known { aware_at, nature, categories, people, records, consequences, measures, plan })
    }
}

/// A breach.
#[derive(Debug, Serialize, ToSchema)]
struct BreachView {
    id: Uuid,
    state: State,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    aware_at: Timestamp,
    nature: String,
    categories: Vec<String>,
    people: i64,
    records: i64,
    consequences: String,
    measures: String,
    plan: String,
    /// The notice to NCSA, within 48 hours (article 43).
    notice: Clock,
    /// The full report to NCSA, within 72 hours (article 44).
    report: Clock,
    /// Whether the people concerned are told (article 45); null while it is not decided.
    inform: Option<Inform>,
    inform_reason: Option<String>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    closed_at: Option<Timestamp>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    recorded_at: Timestamp,
}

impl BreachView {
    fn of(breach: Breach, now: Timestamp) -> Self {
        let (notice, report) = (breach.notice(now), breach.report(now));
        let Breach { id, known, state, closed_at, inform, recorded_at, .. } = breach;
        let (inform, inform_reason) = inform.unzip();
        let Known { aware_at, nature, categories, people, records, consequences, measures, plan } = known;
        Self {
            id,
            state,
            aware_at,
            nature,
            categories,
            people,
            records,
            consequences,
            measures,
            plan,
            notice,
            report,
            inform,
            inform_reason,
            closed_at,
            recorded_at,
        }
    }
}

/// Records a breach of personal data
///
/// From `aware_at` on the law counts 48 hours to the notice and 72 to the full report.
#[utoipa::path(post, path = "/admin/breaches", tag = "privacy", security(("bearer" = [])), request_body = BreachBody,
    responses((status = 201, body = BreachView), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn record_breach(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Json(body): Json<BreachBody>,
) -> Result<(StatusCode, Json<BreachView>), ApiError> {
    let now = clock::now();
    let breach = breaches.record(body.check()?, admin, now).await?;
    Ok((StatusCode::CREATED, Json(BreachView::of(breach, now))))
}

/// Lists breaches, newest first
#[utoipa::path(get, path = "/admin/breaches", tag = "privacy", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = Page<BreachView>), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_breaches(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<BreachView>>, ApiError> {
    let now = clock::now();
    Ok(Json(breaches.list(&page.check()?, admin, now).await?.map(|breach| BreachView::of(breach, now))))
}

/// Shows a breach
#[utoipa::path(get, path = "/admin/breaches/{id}", tag = "privacy", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = BreachView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_breach(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<BreachView>, ApiError> {
    let now = clock::now();
    Ok(Json(BreachView::of(breaches.show(id, admin, now).await?, now)))
}

/// Says more of a breach, or something else
///
/// As a whole, until it is reported.
#[utoipa::path(put, path = "/admin/breaches/{id}", tag = "privacy", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = BreachBody,
    responses((status = 200, body = BreachView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`wrong_state`: it was reported"), (status = 422, body = ErrorBody)))]
async fn amend_breach(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(body): Json<BreachBody>,
) -> Result<Json<BreachView>, ApiError> {
    let now = clock::now();
    Ok(Json(BreachView::of(breaches.amend(id, body.check()?, admin, now).await?, now)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BreachStateBody)]
struct StateBody {
    /// `notified` (NCSA has the notice), `reported` (NCSA has the full report) or `closed`.
    #[schema(example = "notified")]
    state: String,
}

/// Takes the next step of a breach
#[utoipa::path(post, path = "/admin/breaches/{id}/state", tag = "privacy", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = StateBody,
    responses((status = 200, body = BreachView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`wrong_state`; `not_decided`: whether the people concerned are told"),
        (status = 422, body = ErrorBody)))]
async fn change_breach_state(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(body): Json<StateBody>,
) -> Result<Json<BreachView>, ApiError> {
    let now = clock::now();
    let state = State::from_word(&body.state).filter(|state| *state != State::Open);
    let state =
        state.ok_or_else(|| Error::invalid("state", &body.state, "is not one of notified, reported, closed"))?;
    Ok(Json(BreachView::of(breaches.advance(id, state, admin, now).await?, now)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InformBody {
    /// `high_risk` (they are told), `public_notice` (in public), or why not: `not_high_risk`, `strong_measures`,
    /// `later_mitigation`.
    #[schema(example = "high_risk")]
    inform: String,
    /// Why, 1 to 4000 characters.
    reason: String,
}

/// Decides whether the people concerned are told
#[utoipa::path(post, path = "/admin/breaches/{id}/informing", tag = "privacy", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = InformBody,
    responses((status = 200, body = BreachView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`wrong_state`: it is closed"), (status = 422, body = ErrorBody)))]
async fn decide_informing(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(body): Json<InformBody>,
) -> Result<Json<BreachView>, ApiError> {
    let now = clock::now();
    let reason = "is not one of high_risk, public_notice, not_high_risk, strong_measures, later_mitigation";
    let inform = Inform::from_word(&body.inform).ok_or_else(|| Error::invalid("inform", &body.inform, reason))?;
    let breach = breaches.decide(id, inform, &body.reason, (admin, now)).await?;
    Ok(Json(BreachView::of(breach, now)))
}

/// The report of a breach, ready to be sent.
#[derive(Debug, Serialize, ToSchema)]
struct BreachReportView {
    /// Everything the report says.
    breach: BreachView,
    /// How the data protection officer is reached.
    officer_contact: String,
    /// The report as a text.
    text: String,
}

/// Writes the report of a breach to NCSA
#[utoipa::path(get, path = "/admin/breaches/{id}/report", tag = "privacy", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = BreachReportView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn breach_report(
    Service(breaches): Service<Breaches>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<BreachReportView>, ApiError> {
    let now = clock::now();
    let breach = breaches.show(id, admin, now).await?;
    let text = breaches.report_text(&breach, now);
    let officer_contact = breaches.organisation.officer_contact.clone();
    Ok(Json(BreachReportView { breach: BreachView::of(breach, now), officer_contact, text }))
}
