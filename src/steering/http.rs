//! The routes of steering: the heat map, and where a driver is wanted.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Steering, rounded};
use crate::clock;
use crate::demand::Hot;
use crate::realtime::protocol::server::HintView;
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::{Driver, HeatmapRead, Scoped};
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody, Role};

/// Every route of steering, under the API's prefix.
pub fn routes() -> OpenApiRouter<Steering> {
    OpenApiRouter::new().routes(routes!(heatmap)).routes(routes!(my_hints))
}

/// Where drivers are short: a GeoJSON FeatureCollection.
#[derive(Debug, Serialize, ToSchema)]
struct HeatmapView {
    /// `FeatureCollection`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it was made; null before the first time.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    as_of: Option<Timestamp>,
    /// The cells that are short and may be shown.
    features: Vec<HotFeature>,
}

/// A cell: a GeoJSON Feature.
#[derive(Debug, Serialize, ToSchema)]
struct HotFeature {
    /// `Feature`.
    #[serde(rename = "type")]
    kind: &'static str,
    geometry: HexagonView,
    properties: HotProperties,
}

/// Its outline.
#[derive(Debug, Serialize, ToSchema)]
struct HexagonView {
    /// `Polygon`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// One closed ring of `[longitude, latitude]`.
    coordinates: [Vec<[f64; 2]>; 1],
}

/// What is known of it.
#[derive(Debug, Serialize, ToSchema)]
struct HotProperties {
    /// The H3 cell, of resolution 8.
    #[schema(example = "886ad36a31fffff")]
    cell: String,
    /// How short of drivers it is, 10 to 100 in tens.
    #[schema(example = 40)]
    intensity: u8,
}

impl From<&Hot> for HotFeature {
    fn from(hot: &Hot) -> Self {
        let corners = hot.cell.corners();
        let ring = corners.iter().chain(corners.first());
        let coordinates = [ring.map(|corner| [rounded(corner.lng()), rounded(corner.lat())]).collect()];
        Self {
            kind: "Feature",
            geometry: HexagonView { kind: "Polygon", coordinates },
            properties: HotProperties { cell: hot.cell.name(), intensity: hot.intensity },
        }
    }
}

/// Shows where drivers are short
///
/// For drivers and admins, and for partners with the scope `heatmap:read`. Cells with too few requests to be anonymous are left out.
#[utoipa::path(get, path = "/heatmap", tag = "demand", security(("bearer" = [])),
    responses((status = 200, body = HeatmapView), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "`forbidden`, `scope_missing`")))]
async fn heatmap(State(steering): State<Steering>, asker: Scoped<HeatmapRead>) -> Result<Json<HeatmapView>, ApiError> {
    asker.only(&[Role::Driver, Role::Admin])?;
    let moment = steering.moment();
    let features = moment.picture.hot.iter().map(HotFeature::from).collect();
    Ok(Json(HeatmapView { kind: "FeatureCollection", as_of: moment.at, features }))
}

/// Shows where the driver is wanted
///
/// One hint at most, for a driver who has been free for a while; told over the socket as well. Nobody has to follow it.
#[utoipa::path(get, path = "/driver/hints", tag = "demand", security(("bearer" = [])),
    responses((status = 200, body = Items<HintView>), (status = 403, body = ErrorBody)))]
async fn my_hints(State(steering): State<Steering>, Driver(driver): Driver) -> Json<Items<HintView>> {
    Json(Items { items: steering.hint_for(driver, clock::now()).into_iter().collect() })
}
