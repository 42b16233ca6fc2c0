//! What a ride can be beyond "now, from here to there", over REST: the fields of a booking, scheduled rides, stops.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PlaceBody;
use crate::ids::RideId;
use crate::realtime::protocol::view::RideView;
use crate::rides::Rides;
use crate::rides::product::request::{ContactRequest, ParcelRequest, ProductRequest, StopRequest};
use crate::web::body::{Json, Path};
use crate::web::caller::{Driver, Rider};
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(scheduled)).routes(routes!(reschedule)).routes(routes!(reach_stop))
}

/// Somebody without an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactBody {
    /// At most 80 characters.
    #[schema(example = "Keza")]
    name: String,
    /// A Rwandan mobile number. Shown to the parties while the ride is live, and forgotten some days after it.
    #[schema(example = "0788000001")]
    phone: String,
}

/// A place on the way.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopBody {
    /// Where.
    place: PlaceBody,
    /// Who is there.
    contact: Option<ContactBody>,
    /// What to do there, at most 200 characters.
    note: Option<String>,
}

/// What a delivery carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ParcelBody {
    /// Who hands it to the driver; the rider when left out.
    sender: Option<ContactBody>,
    /// Who gets it: is sent an SMS with the hand-over PIN when the parcel is on its way.
    receiver: ContactBody,
    /// What it is, at most 200 characters.
    #[schema(example = "a book")]
    description: String,
    /// `small` (fits a jacket), `medium` (a backpack) or `large` (the luggage rack).
    #[schema(example = "small")]
    size: String,
}

impl From<ContactBody> for ContactRequest {
    fn from(body: ContactBody) -> Self {
        Self { name: body.name, phone: body.phone }
    }
}

impl From<StopBody> for StopRequest {
    fn from(body: StopBody) -> Self {
        Self { place: body.place.into(), contact: body.contact.map(Into::into), note: body.note }
    }
}

impl From<ParcelBody> for ParcelRequest {
    fn from(body: ParcelBody) -> Self {
        Self {
            sender: body.sender.map(Into::into),
            receiver: body.receiver.into(),
            description: body.description,
            size: body.size,
        }
    }
}

/// The fields of a booking that are about its product.
pub(super) fn product(
    pickup_at: Option<String>,
    stops: Option<Vec<StopBody>>,
    parcel: Option<ParcelBody>,
    express: Option<bool>,
) -> ProductRequest {
    ProductRequest {
        pickup_at,
        stops: stops.unwrap_or_default().into_iter().map(Into::into).collect(),
        parcel: parcel.map(Into::into),
        express: express.unwrap_or(false),
    }
}

/// Shows the rider's scheduled rides, soonest first
///
/// Those whose driver is not looked for yet; the others are live. There are never more than a rider may have waiting. All
/// that ever were are in `GET /rides`.
#[utoipa::path(get, path = "/rides/scheduled", tag = "rides", security(("bearer" = [])),
    responses((status = 200, body = Items<RideView>), (status = 401, body = ErrorBody)))]
async fn scheduled(State(rides): State<Rides>, Rider(rider): Rider) -> Result<Json<Items<RideView>>, ApiError> {
    Ok(Json(Items { items: rides.scheduled(rider).await? }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RescheduleBody {
    /// RFC 3339 with its offset.
    #[schema(example = "2026-11-27T07:30:00+02:00")]
    pickup_at: String,
}

/// Moves a scheduled ride to another time
///
/// Until its driver is looked for. The price becomes that of the tariff in force at the new time.
#[utoipa::path(post, path = "/rides/{id}/reschedule", tag = "rides", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = RescheduleBody,
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`"), (status = 422, body = ErrorBody)))]
async fn reschedule(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Path(id): Path<RideId>,
    Json(body): Json<RescheduleBody>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.reschedule(rider, id, &body.pickup_at).await?))
}

/// Says that the driver is at a stop
///
/// Stops are counted from 1 and reached in their order. Said again, it is answered as the first time. From here on waiting
/// counts until the driver has left the stop.
#[utoipa::path(post, path = "/rides/{id}/stops/{n}/reached", tag = "rides", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("n" = u8, Path, description = "Which stop, from 1")),
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`, `stop_out_of_order`"),
              (status = 422, body = ErrorBody)))]
async fn reach_stop(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path((id, stop)): Path<(RideId, u8)>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.reach_stop(driver, id, stop).await?))
}
