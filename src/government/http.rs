//! The routes of this service and what they show.

use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ride_report::{CompletedRides, DayReport};
use super::roster::{Breach, RosterEntry};
use super::{Government, RosterFilter};
use crate::clock;
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::Official;
use crate::web::page::{Items, Page, PageParams};
use crate::web::period::{PeriodLimits, PeriodParams};
use crate::web::{ApiError, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Government> {
    OpenApiRouter::default().routes(routes!(list_drivers)).routes(routes!(rides_by_day))
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
    #[schema(example = "A")]
    licence_category: String,
    licence_expires_on: NaiveDate,
    /// The regulator's authorisation; null when none is on record.
    authorisation_number_masked: Option<String>,
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
            licence_category: entry.licence_category,
            licence_expires_on: entry.licence_expires_on,
            authorisation_number_masked: entry.authorisation_number_masked,
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
/// The newest registration first, masked. Who looks up what is recorded.
#[utoipa::path(
    get,
    path = "/government/drivers",
    tag = "government",
    security(("bearer" = [])),
    params(RosterParams, PageParams),
    responses(
        (status = 200, description = "A page of the roster", body = Page<RosterEntryView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a government official", body = ErrorBody),
        (status = 422, description = "A wrong filter, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list_drivers(
    State(government): State<Government>,
    Official(official): Official,
    Query(filter): Query<RosterParams>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<RosterEntryView>>, ApiError> {
    let filter = RosterFilter { plate: filter.plate, status: filter.status };
    let drivers = government.drivers(official, &filter, &page.check()?, clock::now()).await?;
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
    params(PeriodParams),
    responses(
        (status = 200, description = "One item for each day", body = Items<DayView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a government official", body = ErrorBody),
        (status = 422, description = "A wrong `from` or `to`", body = ErrorBody),
    )
)]
async fn rides_by_day(
    State(government): State<Government>,
    Official(official): Official,
    Query(period): Query<PeriodParams>,
) -> Result<Json<Items<DayView>>, ApiError> {
    let period = period.check(clock::now(), PeriodLimits::REPORT)?;
    let days = government.rides_by_day(official, period).await?;
    Ok(Json(Items { items: days.into_iter().map(DayView::from).collect() }))
}
