//! A driver's shift over REST: beginning it, positions for an app without a socket, ending it.
//!
//! Positions are here and not with `locations`, because who moves on a ride is watched: the rider is shown.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::error::{Checks, Error};
use crate::index::Fix;
use crate::locations::Track;
use crate::rides::Rides;
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::Driver;
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(go_online)).routes(routes!(go_offline)).routes(routes!(send_location))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OnlineBody {
    /// Degrees north.
    #[schema(example = -1.940645)]
    lat: f64,
    /// Degrees east.
    #[schema(example = 30.044477)]
    lng: f64,
}

/// Whether the driver is on shift.
#[derive(Debug, Serialize, ToSchema)]
struct OnlineView {
    online: bool,
}

/// Begins the driver's shift
#[utoipa::path(post, path = "/drivers/me/online", tag = "offers", security(("bearer" = [])), request_body = OnlineBody,
    responses((status = 200, body = OnlineView), (status = 403, body = ErrorBody, description = "`driver_not_approved`"),
              (status = 422, body = ErrorBody)))]
async fn go_online(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Json(body): Json<OnlineBody>,
) -> Result<Json<OnlineView>, ApiError> {
    let mut checks = Checks::new();
    let place = checks.place("", body.lat, body.lng);
    checks.finish()?;
    let Some(place) = place else { return Err(Error::internal("checked above").into()) };
    rides.go_online(driver, place).await?;
    Ok(Json(OnlineView { online: true }))
}

/// Ends the driver's shift
#[utoipa::path(post, path = "/drivers/me/offline", tag = "offers", security(("bearer" = [])),
    responses((status = 200, body = OnlineView), (status = 409, body = ErrorBody, description = "`driver_on_ride`")))]
async fn go_offline(State(rides): State<Rides>, Driver(driver): Driver) -> Result<Json<OnlineView>, ApiError> {
    rides.go_offline(driver).await?;
    Ok(Json(OnlineView { online: false }))
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
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Json(body): Json<LocationBody>,
) -> Result<StatusCode, ApiError> {
    let now = clock::now();
    let mut checks = Checks::new();
    let position = checks.place("", body.lat, body.lng);
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
    rides.ping(driver, &mut Track::default(), fix, now).map_err(|refused| refused.into_error(&fix))?;
    Ok(StatusCode::ACCEPTED)
}
