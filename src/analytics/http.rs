//! The routes of this service and what they show.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Analytics, RideSummary};
use crate::clock;
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::{ReportsRead, Scoped};
use crate::web::period::{Period, PeriodLimits, PeriodParams};
use crate::web::{ApiError, ErrorBody, Role};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Analytics> {
    OpenApiRouter::default().routes(routes!(ride_summary))
}

/// All rides that were requested in a period, in numbers.
#[derive(Debug, Serialize, ToSchema)]
struct RideSummaryView {
    /// First instant of the period.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    from: Timestamp,
    /// First instant after the period.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    to: Timestamp,
    /// All that were requested.
    #[schema(example = 120)]
    rides_requested: i64,
    #[schema(example = 98)]
    rides_completed: i64,
    /// By anybody: the sum of the next three.
    #[schema(example = 12)]
    rides_cancelled: i64,
    cancelled_by_customer: i64,
    cancelled_by_driver: i64,
    cancelled_by_system: i64,
    #[schema(example = 8)]
    no_driver_found: i64,
    /// Still going on.
    #[schema(example = 2)]
    rides_live: i64,
    /// Completed of all that have ended, 0 to 1, four digits; null when none has.
    #[schema(example = 0.8305)]
    completion_rate: Option<f64>,
    /// Cancelled of all that have ended, 0 to 1, four digits; null when none has. The rest found no driver.
    #[schema(example = 0.1017)]
    cancellation_rate: Option<f64>,
    /// Fares of the completed rides, in francs.
    #[schema(example = 83_300)]
    revenue_rwf: i64,
    /// Distance of the completed rides as quoted, in metres.
    distance_m: i64,
    /// Time from start to end of the completed rides, in seconds.
    duration_s: i64,
    /// Drivers who completed at least one ride.
    active_drivers: i64,
    /// Riders who requested at least one ride.
    unique_customers: i64,
    /// Completed rides for each active driver, two digits; null without drivers.
    #[schema(example = 4.26)]
    rides_per_driver: Option<f64>,
    /// The hour of the Kigali day (0 to 23) with the most requests, the earlier of two; null without rides.
    #[schema(example = 17)]
    peak_hour: Option<usize>,
    /// Requested rides by hour of the Kigali day: always 24 numbers, from 00:00-00:59 on.
    #[schema(min_items = 24, max_items = 24)]
    rides_by_hour: Vec<i64>,
}

impl RideSummaryView {
    fn of(period: Period, summary: &RideSummary) -> Self {
        Self {
            from: period.from(),
            to: period.to(),
            rides_requested: summary.requested,
            rides_completed: summary.completed,
            rides_cancelled: summary.cancelled(),
            cancelled_by_customer: summary.cancelled_by_customer,
            cancelled_by_driver: summary.cancelled_by_driver,
            cancelled_by_system: summary.cancelled_by_system,
            no_driver_found: summary.no_driver_found,
            rides_live: summary.live(),
            completion_rate: summary.completion_rate(),
            cancellation_rate: summary.cancellation_rate(),
            revenue_rwf: summary.revenue.amount(),
            distance_m: summary.distance_m,
            duration_s: summary.duration.as_secs(),
            active_drivers: summary.active_drivers,
            unique_customers: summary.unique_customers,
            rides_per_driver: summary.rides_per_driver(),
            peak_hour: summary.peak_hour(),
            rides_by_hour: summary.by_hour.to_vec(),
        }
    }
}

/// The ride summary
///
/// All rides that were requested in the period (seven days when nothing is said, 400 days at most), in numbers. For
/// admins, and for partners with the scope `reports:read`.
#[utoipa::path(
    get,
    path = "/admin/analytics/rides",
    tag = "analytics",
    security(("bearer" = [])),
    params(PeriodParams),
    responses(
        (status = 200, description = "The summary", body = RideSummaryView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "`forbidden`: not an admin; `scope_missing`", body = ErrorBody),
        (status = 422, description = "A wrong `from` or `to`", body = ErrorBody),
    )
)]
async fn ride_summary(
    State(analytics): State<Analytics>,
    asker: Scoped<ReportsRead>,
    Query(period): Query<PeriodParams>,
) -> Result<Json<RideSummaryView>, ApiError> {
    let now = clock::now();
    let period = period.check(now, PeriodLimits::REPORT)?;
    let summary = analytics.ride_summary(period, asker.only(&[Role::Admin])?, now).await?;
    Ok(Json(RideSummaryView::of(period, &summary)))
}
