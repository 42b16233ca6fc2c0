//! A ride's place in the queue of an area without a free driver.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::ids::RideId;
use crate::realtime::protocol::server::RideQueueView;
use crate::rides::Rides;
use crate::web::body::{Json, Path};
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(ride_queue))
}

/// A searching ride and its queue.
#[derive(Debug, Serialize, ToSchema)]
struct SearchView {
    ride_id: Uuid,
    /// Null while a free driver is in reach.
    queue: Option<RideQueueView>,
}

/// Shows a searching ride's place where a whole area is short of drivers
///
/// For its rider and admins. Those who wait longest are served first; the wait is an estimate. Told over the socket as
/// `ride_queue` when it changes.
#[utoipa::path(get, path = "/rides/{id}/queue", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = SearchView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`: no driver is looked for any more")))]
async fn ride_queue(
    State(rides): State<Rides>,
    caller: Caller,
    Path(id): Path<RideId>,
) -> Result<Json<SearchView>, ApiError> {
    Ok(Json(SearchView { ride_id: id.into(), queue: rides.queue_of(caller, id).await? }))
}
