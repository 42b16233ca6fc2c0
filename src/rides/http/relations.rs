//! Who wants (not) to ride with whom again, over REST.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ids::{DriverId, RiderId};
use crate::rides::Rides;
use crate::rides::relations::Named;
use crate::time::Timestamp;
use crate::web::body::{Json, Path};
use crate::web::caller::{Driver, Rider};
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new()
        .routes(routes!(drivers))
        .routes(routes!(put_driver, delete_driver))
        .routes(routes!(riders))
        .routes(routes!(put_rider, delete_rider))
}

/// What a rider wishes of a driver.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RelationBody {
    /// `blocked` or `favourite`.
    #[schema(example = "favourite")]
    relation: String,
}

/// Somebody one had a ride with, and what one wishes of them.
#[derive(Debug, Serialize, ToSchema)]
struct RelationView {
    /// Who.
    #[schema(value_type = Uuid)]
    id: crate::ids::UserId,
    /// Given name.
    #[schema(example = "Eric")]
    first_name: String,
    /// Of a driver.
    #[schema(example = "RC123B")]
    plate: Option<String>,
    /// `blocked` or `favourite`.
    #[schema(example = "favourite")]
    relation: &'static str,
    /// Since when.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    since: Timestamp,
}

impl From<Named> for RelationView {
    fn from(named: Named) -> Self {
        let Named { id, first_name, plate, relation, since } = named;
        Self { id, first_name, plate, relation: relation.as_str(), since }
    }
}

/// Lists the drivers whom the rider blocked or prefers
#[utoipa::path(get, path = "/riders/me/drivers", tag = "rides", security(("bearer" = [])),
    responses((status = 200, body = Items<RelationView>)))]
async fn drivers(State(rides): State<Rides>, Rider(rider): Rider) -> Result<Json<Items<RelationView>>, ApiError> {
    Ok(Json(Items { items: rides.drivers_of(rider).await?.into_iter().map(Into::into).collect() }))
}

/// Blocks a driver, or makes them a favourite
///
/// In place of what was wished before; from the next booking on. Blocked: never matched again. Favourite: preferred when
/// not much farther away than others, and never a promise.
#[utoipa::path(put, path = "/riders/me/drivers/{id}", tag = "rides", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = RelationBody,
    responses((status = 200, body = RelationView),
              (status = 404, body = ErrorBody, description = "No ride with this driver; a favourite needs one that was completed"),
              (status = 409, body = ErrorBody, description = "`too_many_blocked`, `too_many_favourites`"),
              (status = 422, body = ErrorBody)))]
async fn put_driver(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Path(driver): Path<DriverId>,
    Json(body): Json<RelationBody>,
) -> Result<Json<RelationView>, ApiError> {
    Ok(Json(rides.relate_to_driver(rider, driver, &body.relation).await?.into()))
}

/// Wishes nothing in particular of a driver any more
#[utoipa::path(delete, path = "/riders/me/drivers/{id}", tag = "rides", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 204, description = "Nothing is wished for any more")))]
async fn delete_driver(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Path(driver): Path<DriverId>,
) -> Result<StatusCode, ApiError> {
    rides.forget_driver(rider, driver).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the riders whom the driver blocked
#[utoipa::path(get, path = "/drivers/me/riders", tag = "drivers", security(("bearer" = [])),
    responses((status = 200, body = Items<RelationView>)))]
async fn riders(State(rides): State<Rides>, Driver(driver): Driver) -> Result<Json<Items<RelationView>>, ApiError> {
    Ok(Json(Items { items: rides.riders_of(driver).await?.into_iter().map(Into::into).collect() }))
}

/// Blocks a rider
///
/// From their next booking on the two are not matched any more; the rider is not told.
#[utoipa::path(put, path = "/drivers/me/riders/{id}", tag = "drivers", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = RelationView),
              (status = 404, body = ErrorBody, description = "No ride with this rider"),
              (status = 409, body = ErrorBody, description = "`too_many_blocked`")))]
async fn put_rider(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(rider): Path<RiderId>,
) -> Result<Json<RelationView>, ApiError> {
    Ok(Json(rides.block_rider(driver, rider).await?.into()))
}

/// Takes the block of a rider back
#[utoipa::path(delete, path = "/drivers/me/riders/{id}", tag = "drivers", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 204, description = "Not blocked any more")))]
async fn delete_rider(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(rider): Path<RiderId>,
) -> Result<StatusCode, ApiError> {
    rides.unblock_rider(driver, rider).await?;
    Ok(StatusCode::NO_CONTENT)
}
