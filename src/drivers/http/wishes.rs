//! `/drivers/me/wishes`: what a driver wishes to be asked for.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::drivers::{Drivers, WishesNow, WishesRequest};
use crate::money::Francs;
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::Driver;
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new().routes(routes!(show, put))
}

/// What a driver wishes to be asked for. Null is not wished for.
#[derive(Debug, Serialize, ToSchema)]
struct WishesView {
    /// Only rides on the way there; null once it has lapsed.
    home: Option<HomeView>,
    /// How often the way home can be switched on again today.
    #[schema(example = 1)]
    home_uses_left: u32,
    /// The farthest pickup by road.
    #[schema(example = 3000)]
    pickup_distance_m_max: Option<u32>,
    /// The least fare as quoted.
    #[schema(example = 600)]
    fare_rwf_min: Option<i64>,
    /// The kinds of ride; null for all of the papers.
    ride_types: Option<Vec<String>>,
}

/// Home, and until when it is wished for.
#[derive(Debug, Serialize, ToSchema)]
struct HomeView {
    lat: f64,
    lng: f64,
    label: Option<String>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    until: Timestamp,
}

impl From<WishesNow> for WishesView {
    fn from(WishesNow { wishes, home_uses_left }: WishesNow) -> Self {
        let home = wishes.home.map(|home| HomeView {
            lat: home.place.lat(),
            lng: home.place.lng(),
            label: home.label,
            until: home.until,
        });
        Self {
            home,
            home_uses_left,
            pickup_distance_m_max: wishes.pickup_distance_m_max,
            fare_rwf_min: wishes.fare_min.map(Francs::amount),
            ride_types: wishes.ride_types,
        }
    }
}

/// One's own wishes
#[utoipa::path(
    get, path = "/drivers/me/wishes", tag = "drivers", security(("bearer" = [])),
    responses(
        (status = 200, body = WishesView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver")
    )
)]
async fn show(State(drivers): State<Drivers>, Driver(driver): Driver) -> Result<Json<WishesView>, ApiError> {
    Ok(Json(drivers.wishes(driver, clock::now()).await?.into()))
}

/// Says what one wishes to be asked for
///
/// In place of all wishes before; in force with the next search, on shift or not. Home lapses by itself, and can be
/// switched on so many times a day: wishing for another home, or again after it was switched off, is one more time.
#[utoipa::path(
    put, path = "/drivers/me/wishes", tag = "drivers", security(("bearer" = [])), request_body = WishesRequest,
    responses(
        (status = 200, body = WishesView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 409, body = ErrorBody, description = "`no_papers`, `home_uses_spent`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn put(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Json(request): Json<WishesRequest>,
) -> Result<Json<WishesView>, ApiError> {
    Ok(Json(drivers.put_wishes(driver, &request, clock::now()).await?.into()))
}
