//! Positions over REST: for apps without a socket, and for riders who look before they book.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Locations, Nearby};
use crate::clock;
use crate::error::{Checks, Error};
use crate::geo::LatLng;
use crate::index::Fix;
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::{Driver, Rider};
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

/// The routes of this service.
pub fn routes() -> OpenApiRouter<Locations> {
    OpenApiRouter::new().routes(routes!(send_location)).routes(routes!(nearby))
}

/// A position, as a ping over the socket.
#[derive(Debug, Deserialize, ToSchema)]
struct LocationBody {
    /// Degrees north.
    #[schema(example = -1.9441)]
    lat: f64,
    /// Degrees east.
    #[schema(example = 30.0605)]
    lng: f64,
    /// When, milliseconds since 1970 UTC; now when left out.
    t_ms: Option<i64>,
    /// Direction of travel in degrees clockwise from north, 0 to 360.
    bearing_deg: Option<f64>,
    /// Metres per second.
    speed_mps: Option<f32>,
}

/// Says where the driver is
///
/// The same as a `ping` over the socket, for an app that has none open.
#[utoipa::path(post, path = "/drivers/me/location", tag = "locations", security(("bearer" = [])), request_body = LocationBody,
    responses((status = 202, description = "The position is searchable"), (status = 409, body = ErrorBody, description = "`not_online`"),
              (status = 422, body = ErrorBody, description = "Outside of the service area, too old, or not a number")))]
async fn send_location(
    State(locations): State<Locations>,
    Driver(driver): Driver,
    Json(body): Json<LocationBody>,
) -> Result<StatusCode, ApiError> {
    let now = clock::now();
    let mut checks = Checks::new();
    let position = checks.accept("lat", body.lat, LatLng::new(body.lat, body.lng));
    let bearing = body.bearing_deg.unwrap_or(0.0);
    checks.require((0.0..=360.0).contains(&bearing), "bearing_deg", bearing, "is out of range 0..=360");
    let speed = body.speed_mps.unwrap_or(0.0);
    checks.require((0.0..=100.0).contains(&speed), "speed_mps", speed, "is out of range 0..=100");
    checks.finish()?;
    let Some(position) = position else { return Err(Error::internal("checked above").into()) };
    let mut fix = Fix::new(position, body.t_ms.map_or(now, Timestamp::from_millis));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 0 to 360")]
    {
        fix.bearing_deg = body.bearing_deg.map(|deg| deg.round() as u16 % 360);
    }
    fix.speed_mps = body.speed_mps;
    locations.ping(driver, fix, now).map_err(|refused| refused.into_error(&fix))?;
    Ok(StatusCode::ACCEPTED)
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
    let from = checks.accept("lat", params.lat, LatLng::new(params.lat, params.lng));
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
