//! The routes of geofences: GeoJSON in and out (RFC 7946).
//!
//! Separate because on the wire a zone is a Feature, which any map editor draws: longitude before latitude, the ring closed,
//! members that we do not know allowed and ignored, so that what was read can be sent back as it is.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store::ring;
use super::{Draft, EventKind, Geofences, Outline, Stored, StoredEvent, ZoneKind};
use crate::clock;
use crate::error::{Checks, Error, Fault};
use crate::geo::LatLng;
use crate::ids::ZoneId;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

const NAME_CHARS_MAX: usize = 100;
/// Of `data`, written as JSON.
const DATA_BYTES_MAX: usize = 4_096;
/// Corners of the ring that are wrong and named one by one.
const CORNERS_NAMED_MAX: usize = 5;

/// Every route of geofences, under the API's prefix.
pub fn routes() -> OpenApiRouter<Geofences> {
    OpenApiRouter::new()
        .routes(routes!(create_geofence, list_geofences))
        .routes(routes!(show_geofence, change_geofence, remove_geofence))
        .routes(routes!(list_geofence_events))
}

/// A geofence to be drawn: a GeoJSON Feature.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [[[30.130, -1.972], [30.146, -1.972], [30.146, -1.960], [30.130, -1.960], [30.130, -1.972]]]},
    "properties": {"name": "Kigali International Airport", "kind": "airport"}}))]
struct FeatureBody {
    /// `Feature`.
    #[serde(rename = "type")]
    kind: String,
    geometry: GeometryBody,
    properties: PropertiesBody,
}

/// Its outline.
#[derive(Debug, Deserialize, ToSchema)]
struct GeometryBody {
    /// `Polygon`.
    #[serde(rename = "type")]
    kind: String,
    /// One ring of `[longitude, latitude]`, the last equal to the first. Sides may not cross. No holes.
    coordinates: Vec<Vec<Vec<f64>>>,
}

/// What it is.
#[derive(Debug, Deserialize, ToSchema)]
struct PropertiesBody {
    /// 1 to 100 characters.
    name: String,
    #[schema(value_type = ZoneKind)]
    kind: String,
    /// Anything of yours, up to 4096 bytes; it means nothing to us.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    data: Map<String, Value>,
    /// When changing: the version that was read. Left out, the last one who changes it wins.
    version: Option<i32>,
}

/// A geofence: a GeoJSON Feature.
#[derive(Debug, Serialize, ToSchema)]
struct FeatureView {
    /// `Feature`.
    #[serde(rename = "type")]
    kind: &'static str,
    id: Uuid,
    geometry: GeometryView,
    properties: PropertiesView,
}

/// Its outline.
#[derive(Debug, Serialize, ToSchema)]
struct GeometryView {
    /// `Polygon`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// One closed ring of `[longitude, latitude]`.
    coordinates: Vec<Vec<[f64; 2]>>,
}

/// What it is.
#[derive(Debug, Serialize, ToSchema)]
struct PropertiesView {
    name: String,
    kind: ZoneKind,
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// Counts the changes, from 1.
    version: i32,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    changed_at: Timestamp,
    /// The admin who changed it last.
    changed_by: Uuid,
}

impl From<Stored> for FeatureView {
    fn from(stored: Stored) -> Self {
        let geometry = GeometryView { kind: "Polygon", coordinates: vec![ring(&stored.zone.outline)] };
        let properties = PropertiesView {
            name: stored.zone.name,
            kind: stored.zone.kind,
            data: stored.data,
            version: stored.version,
            created_at: stored.created_at,
            changed_at: stored.changed_at,
            changed_by: stored.changed_by.into(),
        };
        Self { kind: "Feature", id: stored.zone.id.into(), geometry, properties }
    }
}

/// A page of geofences: a GeoJSON FeatureCollection.
#[derive(Debug, Serialize, ToSchema)]
struct FeatureCollectionView {
    /// `FeatureCollection`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Newest first.
    features: Vec<FeatureView>,
    /// Send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// What a driver did with a geofence.
#[derive(Debug, Serialize, ToSchema)]
struct GeofenceEventView {
    id: Uuid,
    driver_id: Uuid,
    kind: EventKind,
    /// Of the fix that brought it about.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
}

impl From<StoredEvent> for GeofenceEventView {
    fn from(stored: StoredEvent) -> Self {
        let step = stored.event.step;
        Self { id: stored.id, driver_id: stored.event.driver.into(), kind: step.kind, at: step.at }
    }
}

impl FeatureBody {
    /// Checks everything at once.
    fn check(self, corners_max: usize) -> Result<Draft, Error> {
        let mut checks = Checks::new();
        checks.require(self.kind == "Feature", "type", &self.kind, "is not Feature");
        let name = checks.text("properties.name", &self.properties.name, NAME_CHARS_MAX);
        let kind = ZoneKind::parse(&self.properties.kind);
        if kind.is_none() {
            let known: Vec<_> = ZoneKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let reason = format!("is none of {}", known.join(", "));
            checks.fault(Fault::new("properties.kind", &self.properties.kind, reason));
        }
        let data = self.properties.data;
        let bytes = serde_json::to_vec(&data).map_err(Error::internal)?.len();
        if bytes > DATA_BYTES_MAX {
            let reason = format!("has {bytes} bytes; {DATA_BYTES_MAX} are allowed");
            checks.fault(Fault::without_value("properties.data", reason));
        }
        let outline = self.geometry.check(corners_max, &mut checks);
        checks.finish()?;
        match (kind, outline) {
            (Some(kind), Some(outline)) => Ok(Draft { name, kind, outline, data }),
            _ => Err(Error::internal("checked above")),
        }
    }
}

const COORDINATES: &str = "geometry.coordinates";

impl GeometryBody {
    fn check(self, corners_max: usize, checks: &mut Checks) -> Option<Outline> {
        if self.kind != "Polygon" {
            checks.fault(Fault::new("geometry.type", &self.kind, "is not Polygon"));
            return None;
        }
        let [ring] = self.coordinates.as_slice() else {
            let reason = format!("has {} rings instead of one; holes are not possible", self.coordinates.len());
            checks.fault(Fault::without_value(COORDINATES, reason));
            return None;
        };
        let field = format!("{COORDINATES}[0]");
        if ring.len() < 4 || ring.len() > corners_max + 1 {
            let reason = format!("has {} positions, which is out of range 4..={}", ring.len(), corners_max + 1);
            checks.fault(Fault::without_value(field, reason));
            return None;
        }
        if ring.first() != ring.last() {
            checks.fault(Fault::without_value(field, "is not closed: its last position is not its first"));
            return None;
        }
        let mut corners = Vec::with_capacity(ring.len());
        let mut wrong = 0;
        for (number, position) in ring.iter().enumerate() {
            match corner(position) {
                Ok(corner) => corners.push(corner),
                Err(reason) => {
                    wrong += 1;
                    if wrong <= CORNERS_NAMED_MAX {
                        checks.fault(Fault::new(format!("{field}[{number}]"), format!("{position:?}"), reason));
                    }
                }
            }
        }
        if wrong > 0 {
            return None;
        }
        let outline = Outline::new(corners, corners_max);
        outline.map_err(|error| checks.fault(Fault::without_value(field, error))).ok()
    }
}

/// `[longitude, latitude]`, perhaps with a height, which is ignored.
fn corner(position: &[f64]) -> Result<LatLng, String> {
    match position {
        [lng, lat] | [lng, lat, _] => LatLng::new(*lat, *lng).map_err(|error| format!("is not on the globe: {error}")),
        _ => Err("is not [longitude, latitude]".to_owned()),
    }
}

/// Draws a geofence
///
/// In force when this is answered. Kind `no_go` refuses rides that begin or end inside.
#[utoipa::path(post, path = "/admin/geofences", tag = "locations", security(("bearer" = [])), request_body = FeatureBody,
    responses((status = 201, body = FeatureView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`too_many_geofences`"), (status = 422, body = ErrorBody)))]
async fn create_geofence(
    State(geofences): State<Geofences>,
    Admin(admin): Admin,
    Json(body): Json<FeatureBody>,
) -> Result<(StatusCode, Json<FeatureView>), ApiError> {
    let draft = body.check(geofences.corners_max())?;
    let stored = geofences.create(&draft, admin, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(stored.into())))
}

/// Lists geofences
///
/// Newest first, as a GeoJSON FeatureCollection.
#[utoipa::path(get, path = "/admin/geofences", tag = "locations", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = FeatureCollectionView), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_geofences(
    State(geofences): State<Geofences>,
    Admin(admin): Admin,
    Query(page): Query<PageParams>,
) -> Result<Json<FeatureCollectionView>, ApiError> {
    let Page { items, next_cursor } = geofences.list(&page.check()?, admin, clock::now()).await?.map(FeatureView::from);
    Ok(Json(FeatureCollectionView { kind: "FeatureCollection", features: items, next_cursor }))
}

/// Shows a geofence
#[utoipa::path(get, path = "/admin/geofences/{id}", tag = "locations", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = FeatureView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_geofence(
    State(geofences): State<Geofences>,
    Admin(admin): Admin,
    Path(id): Path<ZoneId>,
) -> Result<Json<FeatureView>, ApiError> {
    Ok(Json(geofences.show(id, admin, clock::now()).await?.into()))
}

/// Changes a geofence
///
/// As a whole. With `properties.version`, only if nobody changed it since that version was read; without it the last one
/// who changes it wins. In force when this is answered.
#[utoipa::path(put, path = "/admin/geofences/{id}", tag = "locations", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = FeatureBody,
    responses((status = 200, body = FeatureView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "`geofence_changed`"),
        (status = 422, body = ErrorBody)))]
async fn change_geofence(
    State(geofences): State<Geofences>,
    Admin(admin): Admin,
    Path(id): Path<ZoneId>,
    Json(body): Json<FeatureBody>,
) -> Result<Json<FeatureView>, ApiError> {
    let version = body.properties.version;
    let draft = body.check(geofences.corners_max())?;
    Ok(Json(geofences.change((id, version), &draft, admin, clock::now()).await?.into()))
}

/// Removes a geofence
///
/// Its events can still be read.
#[utoipa::path(delete, path = "/admin/geofences/{id}", tag = "locations", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is gone"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn remove_geofence(
    State(geofences): State<Geofences>,
    Admin(admin): Admin,
    Path(id): Path<ZoneId>,
) -> Result<StatusCode, ApiError> {
    geofences.remove(id, admin, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what drivers did with a geofence
///
/// Newest first: `enter`, `dwell` (once in a stay), `exit`.
#[utoipa::path(get, path = "/admin/geofences/{id}/events", tag = "locations", security(("bearer" = [])),
    params(("id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<GeofenceEventView>), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_geofence_events(
    State(geofences): State<Geofences>,
    Admin(admin): Admin,
    Path(id): Path<ZoneId>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<GeofenceEventView>>, ApiError> {
    let events = geofences.events(id, &page.check()?, admin, clock::now()).await?;
    Ok(Json(events.map(GeofenceEventView::from)))
}
