//! What calling a ride off costs, over REST: the rules before one books, the price while one rides.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::fares::cancellation::CancellationRules;
use crate::ids::RideId;
use crate::rides::Rides;
use crate::time::Timestamp;
use crate::web::body::{Json, Path};
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(rules)).routes(routes!(cost))
}

/// What calling a ride off costs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulesView {
    /// What receipts call these rules.
    #[schema(example = "boda 2026-11-01")]
    name: String,
    /// The first day in Kigali on which they hold; a ride goes by the rules of the day it was booked.
    valid_from: chrono::NaiveDate,
    /// Where they come from.
    source: String,
    /// Calling off costs nothing for so long after a driver was assigned,
    #[schema(example = 120)]
    free_after_assigned_s: i64,
    /// and this much after that.
    #[schema(example = 200)]
    on_the_way_rwf: i64,
    /// How long the driver waits at the pickup
    #[schema(example = 300)]
    wait_at_pickup_s: i64,
    /// before calling off, or not being there, costs this.
    #[schema(example = 400)]
    no_show_rwf: i64,
    /// It costs nothing when the driver is later than promised by more than this.
    #[schema(example = 180)]
    late_excused_after_s: i64,
    /// What the driver gets of a fee, in basis points.
    #[schema(example = 10_000)]
    to_driver_basis_points: u32,
}

impl From<&CancellationRules> for RulesView {
    fn from(rules: &CancellationRules) -> Self {
        Self {
            name: rules.name.to_string(),
            valid_from: rules.valid_from,
            source: rules.source.to_string(),
            free_after_assigned_s: rules.free_after_assigned.as_secs(),
            on_the_way_rwf: rules.on_the_way.amount(),
            wait_at_pickup_s: rules.wait_at_pickup.as_secs(),
            no_show_rwf: rules.no_show.amount(),
            late_excused_after_s: rules.late_excused_after.as_secs(),
            to_driver_basis_points: rules.to_driver.0,
        }
    }
}

/// The rules of all times.
#[derive(Debug, Serialize, ToSchema)]
struct AllRulesView {
    /// Those of a ride that is booked now; null where there are none, and nothing costs anything.
    in_force: Option<RulesView>,
    /// All, oldest first.
    items: Vec<RulesView>,
}

/// Says what calling a ride off costs
///
/// Nothing before a driver was assigned, soon after that, when the driver is late or does not come nearer, or when somebody
/// does not feel safe. Never more than the ride.
#[utoipa::path(get, path = "/cancellation-rules", tag = "rides", responses((status = 200, body = AllRulesView)))]
async fn rules(State(rides): State<Rides>) -> Json<AllRulesView> {
    let in_force = rides.cancellation_rules(clock::now()).map(RulesView::from);
    Json(AllRulesView { in_force, items: rides.all_cancellation_rules().iter().map(RulesView::from).collect() })
}

/// What calling off would cost now.
#[derive(Debug, Serialize, ToSchema)]
struct CostView {
    /// What the rider would owe.
    #[schema(example = 0)]
    fee_rwf: i64,
    /// Why: as `fee_reason` of a cancellation.
    #[schema(example = "in_time")]
    fee_reason: &'static str,
    /// What the driver would get of it.
    #[schema(example = 0)]
    compensation_rwf: i64,
    /// Until when it costs nothing; null when that does not depend on the time.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    free_until: Option<Timestamp>,
}

/// Says what calling this ride off would cost the caller now
#[utoipa::path(get, path = "/rides/{id}/cancellation-cost", tag = "rides", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = CostView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`: it is over")))]
async fn cost(State(rides): State<Rides>, caller: Caller, Path(id): Path<RideId>) -> Result<Json<CostView>, ApiError> {
    let cost = rides.cancellation_cost(caller, id).await?;
    Ok(Json(CostView {
        fee_rwf: cost.charge.fee.amount(),
        fee_reason: cost.charge.cause.as_str(),
        compensation_rwf: cost.charge.compensation.amount(),
        free_until: cost.free_until,
    }))
}
