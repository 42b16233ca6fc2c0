//! The routes of this service and what they show.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::inquiry::{Report, Said};
use super::ride_report::{CompletedRides, DayReport};
use super::roster::{Breach, RosterEntry};
use super::{Government, RosterFilter};
use crate::audit::{RecordView, Turn};
use crate::clock;
use crate::error::{Error, Fault};
use crate::geo::LatLng;
use crate::safety::incident::{Kind, Severity, State as IncidentState};
use crate::safety::{Filter, Incident};
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::Official;
use crate::web::page::{Items, Page, PageParams};
use crate::web::period::{PeriodLimits, PeriodParams};
use crate::web::{ApiError, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Government> {
    OpenApiRouter::default()
        .routes(routes!(list_drivers))
        .routes(routes!(rides_by_day))
        .routes(routes!(list_incidents))
        .routes(routes!(access_log))
}

/// What every request of an official says in its headers: not in the address, which proxies write down.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the headers for the API document; they are read by `Headers`")]
struct InquiryParams {
    /// What the inquiry is for: 10 to 300 characters, two words at least, in UTF-8. It is kept for ten years and **read by
    /// the persons whose data is in the answer**: name nobody in it, no telephone and no identity number.
    #[param(rename = "X-Purpose", example = "Inspection of licences in Gasabo")]
    purpose: String,
    /// The number of the case in which persons are to be seen: 4 to 40 letters, digits, `/`, `-`, `.`. Only for agencies
    /// that investigate (403 `case_not_allowed` otherwise); without it persons are masked.
    #[param(rename = "X-Case-Number", example = "RNP/2026/0417")]
    case: Option<String>,
}

/// [`InquiryParams`] as sent.
struct Headers(Said);

impl<S: Sync> FromRequestParts<S> for Headers {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = |name: &'static str| -> Result<Option<String>, Error> {
            let Some(value) = parts.headers.get(name) else { return Ok(None) };
            let text = str::from_utf8(value.as_bytes());
            text.map(|text| Some(text.to_owned()))
                .map_err(|_| Error::Invalid(vec![Fault::without_value(name, "is not in UTF-8")]))
        };
        Ok(Self(Said { purpose: text("x-purpose")?, case: text("x-case-number")? }))
    }
}

/// `?plate=&status=` as sent.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RosterParams {
    /// Only the driver of this motorcycle; with or without spaces, in any case.
    #[param(example = "RC 123 A")]
    plate: Option<String>,
    /// Only drivers of this status: `pending`, `approved`, `rejected` or `suspended`.
    #[param(example = "approved")]
    status: Option<String>,
}

/// A driver and the papers, masked.
#[derive(Debug, Serialize, ToSchema)]
struct RosterEntryView {
    /// The same driver always has the same reference.
    driver_ref: Uuid,
    /// `pending`, `approved`, `rejected` or `suspended` by the platform.
    #[schema(example = "approved")]
    status: String,
    #[schema(example = "RC123A")]
    plate: String,
    /// `petrol` or `electric`.
    #[schema(example = "electric")]
    fuel: String,
    #[schema(example = "**********345")]
    licence_number_masked: String,
    /// Null without a case number.
    licence_number: Option<String>,
    #[schema(example = "A")]
    licence_category: String,
    licence_expires_on: NaiveDate,
    /// The regulator's authorisation; null when none is on record.
    authorisation_number_masked: Option<String>,
    /// Null without a case number.
    authorisation_number: Option<String>,
    authorisation_expires_on: Option<NaiveDate>,
    insurance_expires_on: NaiveDate,
    /// Null when none is on record.
    inspection_expires_on: Option<NaiveDate>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    registered_at: Timestamp,
    /// Whether the driver may carry passengers today.
    compliant: bool,
    /// Why not: `not_approved`, `licence_category`, `licence_expired`, `authorisation_missing`,
    /// `authorisation_expired`, `insurance_expired`, `inspection_expired`.
    #[schema(example = json!(["authorisation_missing"]))]
    reasons: Vec<&'static str>,
}

impl From<RosterEntry> for RosterEntryView {
    fn from(entry: RosterEntry) -> Self {
        Self {
            compliant: entry.is_compliant(),
            reasons: entry.breaches.iter().copied().map(Breach::as_str).collect(),
            driver_ref: entry.driver_ref,
            status: entry.status,
            plate: entry.plate,
            fuel: entry.fuel,
            licence_number_masked: entry.licence_number_masked,
            licence_number: entry.licence_number,
            licence_category: entry.licence_category,
            licence_expires_on: entry.licence_expires_on,
            authorisation_number_masked: entry.authorisation_number_masked,
            authorisation_number: entry.authorisation_number,
            authorisation_expires_on: entry.authorisation_expires_on,
            insurance_expires_on: entry.insurance_expires_on,
            inspection_expires_on: entry.inspection_expires_on,
            registered_at: entry.registered_at,
        }
    }
}

/// One Kigali day. What fewer than 5 rides would tell is held back (null).
#[derive(Debug, Serialize, ToSchema)]
struct DayView {
    #[schema(example = "2026-11-16")]
    day: NaiveDate,
    /// Fewer than 5 rides were requested on that day: every figure is null.
    suppressed: bool,
    /// Fewer than 5 rides were completed: what was measured on them (from `rides_cash` on) is null.
    completed_suppressed: bool,
    rides_requested: Option<i64>,
    /// Cancelled by anybody.
    rides_cancelled: Option<i64>,
    rides_without_driver: Option<i64>,
    /// Incidents reported on that day, on a ride or not.
    incidents: Option<i64>,
    /// The rides requested on that day that were completed.
    rides_completed: Option<i64>,
    /// Of the completed rides, paid in cash.
    rides_cash: Option<i64>,
    /// Of the completed rides, paid in any other way.
    rides_cashless: Option<i64>,
    /// Of the completed rides, on electric motorcycles.
    rides_electric: Option<i64>,
    /// Drivers who completed at least one.
    active_drivers: Option<i64>,
    /// As quoted, in metres.
    distance_m: Option<i64>,
    /// From start to end, in seconds.
    riding_s: Option<i64>,
    /// Waited on the way, in seconds.
    waiting_s: Option<i64>,
    /// In francs.
    fare_min_rwf: Option<i64>,
    /// In francs.
    fare_mean_rwf: Option<i64>,
    /// In francs.
    fare_max_rwf: Option<i64>,
}

impl From<DayReport> for DayView {
    fn from(report: DayReport) -> Self {
        let figures = report.figures.as_ref();
        let completed = figures.and_then(|figures| figures.of_completed.as_ref());
        Self {
            day: report.day,
            suppressed: figures.is_none(),
            completed_suppressed: completed.is_none(),
            rides_requested: figures.map(|figures| figures.requested),
            rides_cancelled: figures.map(|figures| figures.cancelled),
            rides_without_driver: figures.map(|figures| figures.no_driver_found),
            incidents: figures.map(|figures| figures.incidents),
            rides_completed: figures.map(|figures| figures.completed),
            rides_cash: completed.map(|rides| rides.cash),
            rides_cashless: completed.map(CompletedRides::cashless),
            rides_electric: completed.map(|rides| rides.electric),
            active_drivers: completed.map(|rides| rides.active_drivers),
            distance_m: completed.map(|rides| rides.distance_m),
            riding_s: completed.map(|rides| rides.riding.as_secs()),
            waiting_s: completed.map(|rides| rides.waiting.as_secs()),
            fare_min_rwf: completed.map(|rides| rides.fare_min.amount()),
            fare_mean_rwf: completed.map(|rides| rides.fare_mean.amount()),
            fare_max_rwf: completed.map(|rides| rides.fare_max.amount()),
        }
    }
}

/// Drivers and their papers
///
/// The newest registration first. For the regulator and the police; whole numbers of papers with a case number. Who looks up
/// what is recorded, and told to the drivers.
#[utoipa::path(
    get,
    path = "/government/drivers",
    tag = "government",
    security(("bearer" = [])),
    params(InquiryParams, RosterParams, PageParams),
    responses(
        (status = 200, description = "A page of the roster", body = Page<RosterEntryView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "`forbidden`: not a government official; `no_agency`, `agency_not_allowed`, `case_not_allowed`", body = ErrorBody),
        (status = 422, description = "No purpose; a wrong filter, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list_drivers(
    State(government): State<Government>,
    Official(official): Official,
    Headers(said): Headers,
    Query(filter): Query<RosterParams>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<RosterEntryView>>, ApiError> {
    let inquiry = government.inquiry(official, Report::Drivers, &said).await?;
    let filter = RosterFilter { plate: filter.plate, status: filter.status };
    let drivers = government.drivers(&inquiry, &filter, &page.check()?, clock::now()).await?;
    Ok(Json(drivers.map(RosterEntryView::from)))
}

/// Rides by day
///
/// Every Kigali day that the period touches (seven days when nothing is said, 400 days at most), oldest first, by the day
/// of the request. What fewer than 5 rides would tell is held back.
#[utoipa::path(
    get,
    path = "/government/reports/rides",
    tag = "government",
    security(("bearer" = [])),
    params(InquiryParams, PeriodParams),
    responses(
        (status = 200, description = "One item for each day", body = Items<DayView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "`forbidden`: not a government official; `no_agency`, `agency_not_allowed`, `case_not_allowed`", body = ErrorBody),
        (status = 422, description = "No purpose; a wrong `from` or `to`", body = ErrorBody),
    )
)]
async fn rides_by_day(
    State(government): State<Government>,
    Official(official): Official,
    Headers(said): Headers,
    Query(period): Query<PeriodParams>,
) -> Result<Json<Items<DayView>>, ApiError> {
    let inquiry = government.inquiry(official, Report::RidesByDay, &said).await?;
    let now = clock::now();
    let period = period.check(now, PeriodLimits::REPORT)?;
    let days = government.rides_by_day(&inquiry, period, now).await?;
    Ok(Json(Items { items: days.into_iter().map(DayView::from).collect() }))
}

/// `?state=&severity=` as sent.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct IncidentParams {
    /// `reported`, `investigating`, `resolved` or `closed`.
    #[param(example = "reported")]
    state: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    #[param(example = "critical")]
    severity: Option<String>,
}

/// An incident as an official sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GovernmentIncidentView)]
struct IncidentView {
    id: Uuid,
    kind: Kind,
    severity: Severity,
    #[schema(value_type = crate::safety::incident::State)]
    state: IncidentState,
    /// In the reporter's words; null without a case number.
    description: Option<String>,
    /// Null without a case number.
    reporter_id: Option<Uuid>,
    /// Null without a case number.
    ride_id: Option<Uuid>,
    /// Degrees; null without a case number.
    lat: Option<f64>,
    /// Degrees; null without a case number.
    lng: Option<f64>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
    /// When its state changed last.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    updated_at: Timestamp,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let Incident { id, reporter, ride, kind, severity, state, description, place, created_at, updated_at } =
            incident;
        Self {
            id,
            kind,
            severity,
            state,
            description,
            reporter_id: reporter.map(Uuid::from),
            ride_id: ride.map(Uuid::from),
            lat: place.map(LatLng::lat),
            lng: place.map(LatLng::lng),
            created_at,
            updated_at,
        }
    }
}

/// Incidents
///
/// Newest first. For the regulator, the planners of roads and the police; persons, words and places for the police with a case
/// number. Who looks up what is recorded, and told to those who reported.
#[utoipa::path(
    get,
    path = "/government/incidents",
    tag = "government",
    security(("bearer" = [])),
    params(InquiryParams, IncidentParams, PageParams),
    responses(
        (status = 200, description = "A page of incidents", body = Page<IncidentView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "`forbidden`: not a government official; `no_agency`, `agency_not_allowed`, `case_not_allowed`", body = ErrorBody),
        (status = 422, description = "No purpose; a wrong filter, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list_incidents(
    State(government): State<Government>,
    Official(official): Official,
    Headers(said): Headers,
    Query(filter): Query<IncidentParams>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<IncidentView>>, ApiError> {
    let inquiry = government.inquiry(official, Report::Incidents, &said).await?;
    let filter = Filter { state: filter.state, severity: filter.severity };
    let incidents = government.incidents(&inquiry, &filter, &page.check()?, clock::now()).await?;
    Ok(Json(incidents.map(IncidentView::from)))
}

/// What an official asked for.
#[derive(Debug, Serialize, ToSchema)]
struct InquiryView {
    /// Its number in the audit log.
    seq: i64,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    #[schema(example = "RNP")]
    agency: Option<String>,
    official_id: Option<Uuid>,
    /// Which report.
    #[schema(example = "government.drivers_listed")]
    action: String,
    purpose: Option<String>,
    #[schema(example = "RNP/2026/0417")]
    case_number: Option<String>,
    /// How many persons were in the answer.
    people: usize,
}

impl From<RecordView> for InquiryView {
    fn from(record: RecordView) -> Self {
        let case_number = record.detail.get("case").and_then(|case| case.as_str()).map(str::to_owned);
        let RecordView { seq, at, agency, actor_id, action, why, whose, .. } = record;
        Self { seq, at, agency, official_id: actor_id, action, purpose: why, case_number, people: whose.len() }
    }
}

/// A page of what officials asked for.
#[derive(Debug, Serialize, ToSchema)]
struct InquiriesView {
    /// The newest first.
    items: Vec<InquiryView>,
    /// Send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AccessLogParams {
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which official asked for what
///
/// Newest first: those of the own agency; of all agencies for NCSA. That this was read is its newest entry.
#[utoipa::path(
    get,
    path = "/government/access-log",
    tag = "government",
    security(("bearer" = [])),
    params(InquiryParams, AccessLogParams),
    responses(
        (status = 200, description = "A page of inquiries", body = InquiriesView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "`forbidden`: not a government official; `no_agency`, `case_not_allowed`", body = ErrorBody),
        (status = 422, description = "No purpose; a wrong `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn access_log(
    State(government): State<Government>,
    Official(official): Official,
    Headers(said): Headers,
    Query(params): Query<AccessLogParams>,
) -> Result<Json<InquiriesView>, ApiError> {
    let inquiry = government.inquiry(official, Report::AccessLog, &said).await?;
    let turn = Turn::check(params.limit, params.cursor.as_deref())?;
    let records = government.access_log(&inquiry, turn, clock::now()).await?;
    let items = records.items.into_iter().map(InquiryView::from).collect();
    Ok(Json(InquiriesView { items, next_cursor: records.next_cursor }))
}
