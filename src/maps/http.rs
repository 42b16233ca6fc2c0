//! The routes of this service and what they take and show.

use axum::extract::State as Service;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Closure, Drawn, Maps, NewClosure, State};
use crate::clock;
use crate::geo::LatLng;
use crate::road::closures::Drawing;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Maps> {
    OpenApiRouter::default().routes(routes!(shut_streets, list_closures)).routes(routes!(lift_closure))
}

/// Streets to be shut: a `geometry`, or `points`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Kigali Peace Marathon", "from": "2026-11-29T04:00:00Z", "until": "2026-11-29T11:00:00Z",
                          "geometry": {"type": "LineString", "coordinates": [[30.0927, -1.9536], [30.0941, -1.9549]]}}))]
struct ClosureBody {
    /// For colleagues; 1 to 200 characters.
    reason: String,
    /// RFC 3339; now when left out.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    from: Option<String>,
    /// RFC 3339; until it is lifted when left out.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    until: Option<String>,
    /// `both` (unless said otherwise), or `along`: only in the direction of the line.
    #[schema(example = "both")]
    direction: Option<String>,
    /// The streets along a line, or those in an area.
    geometry: Option<GeometryBody>,
    /// The street nearest to each of up to 1000 places, between two junctions.
    points: Option<Vec<PointBody>>,
}

/// GeoJSON (RFC 7946): longitude comes first.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoadClosureGeometry)]
struct GeometryBody {
    /// `LineString` or `Polygon`.
    #[schema(example = "LineString")]
    r#type: String,
    /// Up to 1000 positions; of a polygon one ring of them.
    coordinates: Value,
}

/// A place on a street.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoadClosurePoint)]
struct PointBody {
    /// Degrees.
    lat: f64,
    /// Degrees.
    lng: f64,
}

impl From<ClosureBody> for NewClosure {
    fn from(body: ClosureBody) -> Self {
        let ClosureBody { reason, from, until, direction, geometry, points } = body;
        let geometry = geometry.map(|drawn| Drawn::Geometry { kind: drawn.r#type, coordinates: drawn.coordinates });
        let pairs = |points: Vec<PointBody>| points.into_iter().map(|point| (point.lat, point.lng)).collect();
        let points = points.map(|points| Drawn::Points(pairs(points)));
        Self { reason, from, until, direction, drawn: geometry.into_iter().chain(points).collect() }
    }
}

/// Streets that are shut for a time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoadClosure)]
struct ClosureView {
    id: Uuid,
    reason: String,
    state: State,
    /// As drawn, in GeoJSON: a `LineString`, a `Polygon`, or the points as a `MultiPoint`.
    geometry: Value,
    /// `both`, or `along`: only in the direction of the line.
    direction: &'static str,
    /// Directions of streets between two junctions that this shut on the map of the day it was drawn; null without a map.
    arcs: Option<i32>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    from: Timestamp,
    /// Null: until it is lifted.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    until: Option<Timestamp>,
    /// The admin who shut them.
    created_by: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
    /// The admin who opened them before the time.
    lifted_by: Option<Uuid>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    lifted_at: Option<Timestamp>,
}

impl ClosureView {
    fn new(closure: Closure, now: Timestamp) -> Self {
        Self {
            id: closure.id,
            state: closure.state(now),
            geometry: geometry(&closure.drawing),
            direction: if matches!(closure.drawing, Drawing::Line { is_one_way: true, .. }) { "along" } else { "both" },
            reason: closure.reason,
            arcs: closure.arcs,
            from: closure.from,
            until: closure.until,
            created_by: closure.created_by.into(),
            created_at: closure.created_at,
            lifted_by: closure.lifted.map(|lifted| lifted.by.into()),
            lifted_at: closure.lifted.map(|lifted| lifted.at),
        }
    }
}

fn geometry(drawing: &Drawing) -> Value {
    let position = |place: &LatLng| json!([place.lng(), place.lat()]);
    let mut positions: Vec<Value> = drawing.places().iter().map(position).collect();
    match drawing {
        Drawing::Points(_) => json!({"type": "MultiPoint", "coordinates": positions}),
        Drawing::Line { .. } => json!({"type": "LineString", "coordinates": positions}),
        Drawing::Area { .. } => {
            // A ring ends where it began.
            if positions.first() != positions.last() {
                positions.extend(positions.first().cloned());
            }
            json!({"type": "Polygon", "coordinates": [positions]})
        }
    }
}

/// `?state=` as sent.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FilterParams {
    /// Only closures in this state.
    #[param(value_type = Option<State>)]
    state: Option<String>,
}

/// Shut streets for a time
///
/// Nobody is sent through them from the next swap of riding times on, within `map.reweigh_s` seconds. It ends by itself.
#[utoipa::path(
    post,
    path = "/admin/road-closures",
    tag = "roads",
    security(("bearer" = [])),
    request_body = ClosureBody,
    responses(
        (status = 201, description = "Shut", body = ClosureView),
        (status = 400, description = "The body cannot be read", body = ErrorBody),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 409, description = "`too_many_closures`: lift one first", body = ErrorBody),
        (status = 422, description = "Wrong fields, all of them named", body = ErrorBody),
    )
)]
async fn shut_streets(
    Service(maps): Service<Maps>,
    Admin(admin): Admin,
    Json(body): Json<ClosureBody>,
) -> Result<(StatusCode, Json<ClosureView>), ApiError> {
    let now = clock::now();
    let closure = maps.close(admin, body.into(), now).await?;
    Ok((StatusCode::CREATED, Json(ClosureView::new(closure, now))))
}

/// Streets that are, were or will be shut
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/admin/road-closures",
    tag = "roads",
    security(("bearer" = [])),
    params(FilterParams, PageParams),
    responses(
        (status = 200, description = "A page of closures", body = Page<ClosureView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "A wrong `state`, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list_closures(
    Service(maps): Service<Maps>,
    Admin(admin): Admin,
    Query(filter): Query<FilterParams>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<ClosureView>>, ApiError> {
    let now = clock::now();
    let closures = maps.closures(filter.state.as_deref(), &page.check()?, admin, now).await?;
    Ok(Json(closures.map(|closure| ClosureView::new(closure, now))))
}

/// Open streets before the time
///
/// With the next swap of riding times. Lifting what was lifted or has ended changes nothing.
#[utoipa::path(
    delete,
    path = "/admin/road-closures/{id}",
    tag = "roads",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The closure")),
    responses(
        (status = 204, description = "The streets are open, as far as this closure goes"),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such closure", body = ErrorBody),
    )
)]
async fn lift_closure(
    Service(maps): Service<Maps>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    maps.lift(admin, id, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
