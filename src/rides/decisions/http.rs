//! The REST door to the record of decisions.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{DecisionView, WhyNotView};
use crate::clock;
use crate::ids::RideId;
use crate::rides::Rides;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::{Admin, Driver};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

/// The routes of this part.
pub fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(decision)).routes(routes!(why_not))
}

/// Explains to whom a ride went, and why
///
/// Every round that said something new about it: who was looked at, what each would have cost by part, the prices, who was
/// chosen, who would have been next, and who did not come into question for what reason. docs/DECISIONS.md reads one.
#[utoipa::path(get, path = "/admin/rides/{id}/decision", tag = "rides", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = DecisionView), (status = 403, body = ErrorBody, description = "`forbidden`"),
              (status = 404, body = ErrorBody)))]
async fn decision(
    State(rides): State<Rides>,
    Admin(admin): Admin,
    Path(id): Path<RideId>,
) -> Result<Json<DecisionView>, ApiError> {
    Ok(Json(rides.decision(id, admin, clock::now()).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
struct WhyNotParams {
    /// Only this ride; the rides of the last hour when left out.
    #[param(value_type = Option<Uuid>)]
    ride_id: Option<RideId>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Says why rides near the driver went to somebody else
///
/// Those of the last hour for which the driver was looked at, newest first, in the driver's language. Nothing is told of
/// the other driver or of the rider.
#[utoipa::path(get, path = "/driver/why-not", tag = "offers", security(("bearer" = [])), params(WhyNotParams),
    responses((status = 200, body = Page<WhyNotView>), (status = 403, body = ErrorBody, description = "`forbidden`"),
              (status = 404, body = ErrorBody, description = "The driver was not looked at for this ride, or drove it"),
              (status = 422, body = ErrorBody)))]
async fn why_not(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Query(params): Query<WhyNotParams>,
) -> Result<Json<Page<WhyNotView>>, ApiError> {
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    Ok(Json(rides.why_not(driver, params.ride_id, &page).await?))
}
