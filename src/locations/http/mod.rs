//! Free drivers on the map, for riders who look before they book; and the routes of places.

pub mod places;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::error::{Checks, Error};
use crate::locations::{Locations, Nearby};
use crate::web::body::{Json, Query};
use crate::web::caller::Rider;
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

/// The routes of this service.
pub fn routes() -> OpenApiRouter<Locations> {
    OpenApiRouter::new().routes(routes!(nearby))
}

#[derive(Debug, Deserialize, IntoParams)]
struct NearbyParams {
    /// Degrees north.
    lat: f64,
    /// Degrees east.
    lng: f64,
    /// How many at most, 1 to 20; 10 when left out.
    limit: Option<usize>,
}

/// A free driver, without a name.
#[derive(Debug, Serialize, ToSchema)]
struct NearbyView {
    lat: f64,
    lng: f64,
    /// Which way the motorcycle points, if known.
    bearing_deg: Option<u16>,
    /// Travel time to the place asked about.
    eta_s: i64,
}

/// Shows free drivers near a place
#[utoipa::path(get, path = "/drivers/nearby", tag = "locations", security(("bearer" = [])), params(NearbyParams),
    responses((status = 200, body = Items<NearbyView>), (status = 422, body = ErrorBody)))]
async fn nearby(
    State(locations): State<Locations>,
    _: Rider,
    Query(params): Query<NearbyParams>,
) -> Result<Json<Items<NearbyView>>, ApiError> {
    let limit = params.limit.unwrap_or(10);
    let mut checks = Checks::new();
    checks.require((1..=20).contains(&limit), "limit", limit, "is out of range 1..=20");
    let from = checks.place("", params.lat, params.lng);
    checks.finish()?;
    let Some(from) = from else { return Err(Error::internal("checked above").into()) };
    let view = |near: Nearby| NearbyView {
        lat: near.position.lat(),
        lng: near.position.lng(),
        bearing_deg: near.bearing_deg,
        eta_s: near.eta.as_secs(),
    };
    let items = locations.nearby(from, limit, clock::now()).into_iter().map(view).collect();
    Ok(Json(Items { items }))
}
