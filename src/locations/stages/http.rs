//! The routes of stages: a driver's own place, an operator's view of a queue, and stages near a place for anybody.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Act, NearStage, Override, Stages};
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::{DriverId, ZoneId};
use crate::realtime::protocol::server::StagePlaceView;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::{Admin, Driver};
use crate::web::page::{Items, Page, PageParams};
use crate::web::{ApiError, ErrorBody};

const NEAR_MAX: usize = 50;
const REASON_CHARS_MAX: usize = 500;

/// Every route of stages, under the API's prefix.
pub fn routes() -> OpenApiRouter<Stages> {
    OpenApiRouter::new()
        .routes(routes!(my_place))
        .routes(routes!(stages_near))
        .routes(routes!(show_queue))
        .routes(routes!(move_in_queue))
        .routes(routes!(remove_from_queue))
        .routes(routes!(list_overrides))
}

/// Shows the driver's place in the queue of a stage
///
/// A driver who left keeps the place until `away_until`. Told over the socket as well, when it changes.
#[utoipa::path(get, path = "/driver/stage", tag = "locations", security(("bearer" = [])),
    responses((status = 200, body = StagePlaceView),
              (status = 409, body = ErrorBody, description = "`not_online`, `not_at_stage`, `no_place`")))]
async fn my_place(State(stages): State<Stages>, Driver(driver): Driver) -> Result<Json<StagePlaceView>, ApiError> {
    Ok(Json(stages.place(driver)?))
}

#[derive(Debug, Deserialize, IntoParams)]
struct NearParams {
    /// Degrees north.
    lat: f64,
    /// Degrees east.
    lng: f64,
    /// How many at most, 1 to 50; 10 when left out.
    limit: Option<usize>,
}

/// A stage as anybody may see one.
#[derive(Debug, Serialize, ToSchema)]
struct StageView {
    id: Uuid,
    /// What people call it.
    #[schema(example = "Nyabugogo")]
    name: String,
    /// Its middle, degrees north.
    lat: f64,
    /// Degrees east.
    lng: f64,
    /// As the crow flies to its border; 0 inside.
    distance_m: i64,
    /// Drivers who wait there.
    waiting: usize,
}

impl From<NearStage> for StageView {
    fn from(near: NearStage) -> Self {
        let centre = near.zone.outline.polygon().bounds().centre();
        Self {
            id: near.zone.id.into(),
            name: near.zone.name.clone(),
            lat: centre.lat(),
            lng: centre.lng(),
            distance_m: near.distance_m as i64,
            waiting: near.waiting,
        }
    }
}

/// Shows stages near a place
///
/// Nearest first, with how many drivers wait. For anybody.
#[utoipa::path(get, path = "/stages", tag = "locations", params(NearParams),
    responses((status = 200, body = Items<StageView>), (status = 422, body = ErrorBody)))]
async fn stages_near(
    State(stages): State<Stages>,
    Query(params): Query<NearParams>,
) -> Result<Json<Items<StageView>>, ApiError> {
    let limit = params.limit.unwrap_or(10);
    let mut checks = Checks::new();
    checks.require((1..=NEAR_MAX).contains(&limit), "limit", limit, format_args!("is out of range 1..={NEAR_MAX}"));
    let place = checks.place("", params.lat, params.lng);
    checks.finish()?;
    let Some(place) = place else { return Err(Error::internal("checked above").into()) };
    Ok(Json(Items { items: stages.near(place, limit).into_iter().map(StageView::from).collect() }))
}

/// A place in a queue, as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
struct QueuedView {
    /// From 1, the head.
    place: usize,
    driver_id: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    joined_at: Timestamp,
    /// Offers of the stage that were let pass in a row.
    declines: u8,
    /// The driver is outside, or not heard since a restart: the place is lost then.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    away_until: Option<Timestamp>,
}

/// A stage with its queue.
#[derive(Debug, Serialize, ToSchema)]
struct QueueView {
    stage_id: Uuid,
    name: String,
    /// The head first; whole.
    places: Vec<QueuedView>,
}

/// Shows the queue of a stage
#[utoipa::path(get, path = "/admin/stages/{id}/queue", tag = "locations", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = QueueView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_queue(
    State(stages): State<Stages>,
    Admin(admin): Admin,
    Path(id): Path<ZoneId>,
) -> Result<Json<QueueView>, ApiError> {
    let (zone, places) = stages.show_queue(id, admin, clock::now()).await?;
    let queued = (1..).zip(places).map(|(number, place)| QueuedView {
        place: number,
        driver_id: place.driver.into(),
        joined_at: place.joined_at,
        declines: place.declines,
        away_until: place.away_until,
    });
    Ok(Json(QueueView { stage_id: zone.id.into(), name: zone.name.clone(), places: queued.collect() }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveBody {
    /// From 1, the head; beyond the end is the end.
    #[schema(example = 1)]
    place: i64,
    /// Why, 1 to 500 characters. Kept for good.
    #[schema(example = "Came first; the phone was off")]
    reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RemoveBody {
    /// Why, 1 to 500 characters. Kept for good.
    #[schema(example = "Left the motorcycle here and went home")]
    reason: String,
}

/// Moves a driver in the queue of a stage
#[utoipa::path(post, path = "/admin/stages/{id}/queue/{driver_id}/move", tag = "locations", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("driver_id" = Uuid, Path)), request_body = MoveBody,
    responses((status = 204, description = "Moved"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`no_place`"), (status = 422, body = ErrorBody)))]
async fn move_in_queue(
    State(stages): State<Stages>,
    Admin(admin): Admin,
    Path((id, driver)): Path<(ZoneId, DriverId)>,
    Json(body): Json<MoveBody>,
) -> Result<StatusCode, ApiError> {
    let mut checks = Checks::new();
    let place = usize::try_from(body.place).ok().filter(|place| (1..=1_000_000).contains(place));
    checks.require(place.is_some(), "place", body.place, "is out of range 1..=1000000");
    let reason = checks.text("reason", &body.reason, REASON_CHARS_MAX);
    checks.finish()?;
    let Some(place) = place else { return Err(Error::internal("checked above").into()) };
    stages.act((id, driver), Act::Move(place - 1), &reason, admin, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a driver's place in the queue of a stage
///
/// The driver gets no new one there before having left the stage.
#[utoipa::path(post, path = "/admin/stages/{id}/queue/{driver_id}/remove", tag = "locations", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("driver_id" = Uuid, Path)), request_body = RemoveBody,
    responses((status = 204, description = "Taken"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`no_place`"), (status = 422, body = ErrorBody)))]
async fn remove_from_queue(
    State(stages): State<Stages>,
    Admin(admin): Admin,
    Path((id, driver)): Path<(ZoneId, DriverId)>,
    Json(body): Json<RemoveBody>,
) -> Result<StatusCode, ApiError> {
    let mut checks = Checks::new();
    let reason = checks.text("reason", &body.reason, REASON_CHARS_MAX);
    checks.finish()?;
    stages.act((id, driver), Act::Remove, &reason, admin, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an operator did with a queue.
#[derive(Debug, Serialize, ToSchema)]
struct OverrideView {
    id: Uuid,
    driver_id: Uuid,
    /// Where the place was, from 1.
    from_place: usize,
    /// Where it is since; null when it was taken.
    to_place: Option<usize>,
    reason: String,
    /// The admin.
    by: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
}

impl From<Override> for OverrideView {
    fn from(noted: Override) -> Self {
        Self {
            id: noted.id,
            driver_id: noted.driver.into(),
            from_place: noted.from + 1,
            to_place: noted.to.map(|to| to + 1),
            reason: noted.reason,
            by: noted.by.into(),
            at: noted.at,
        }
    }
}

/// Lists what operators did with the queue of a stage
///
/// Newest first.
#[utoipa::path(get, path = "/admin/stages/{id}/overrides", tag = "locations", security(("bearer" = [])),
    params(("id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<OverrideView>), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_overrides(
    State(stages): State<Stages>,
    Admin(admin): Admin,
    Path(id): Path<ZoneId>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<OverrideView>>, ApiError> {
    Ok(Json(stages.overrides(id, &page.check()?, admin, clock::now()).await?.map(OverrideView::from)))
}
