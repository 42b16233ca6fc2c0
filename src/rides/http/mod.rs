//! The REST door to rides. Handlers read the request, call the use case and write the answer; nothing is decided here.

mod agents;
mod cancelling;
mod fares;
mod pairing;
mod products;
mod queue;
mod quotes;
mod relations;
mod shift;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{BookRide, EventView, Filter, PaymentChoice, PlaceRequest, Rides, TrackView};
use crate::clock;
use crate::error::{Checks, Error, Fault};
use crate::ids::{OfferId, QuoteId, RideId};
use crate::realtime::protocol::view::{OfferView, RideStatus, RideView};
use crate::time::Timestamp;
use crate::web::body::{Json, MaybeJson, Path, Query};
use crate::web::caller::{Driver, Rider};
use crate::web::page::{Items, Page, PageParams};
use crate::web::{ApiError, Caller, ErrorBody, IdempotencyKey};

use cancelling::RulesView;
use products::{ParcelBody, StopBody, product};

/// The routes of this service.
pub fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new()
        .merge(quotes::routes())
        .routes(routes!(book, history))
        .routes(routes!(active))
        .routes(routes!(show))
        .routes(routes!(events))
        .routes(routes!(track))
        .routes(routes!(cancel))
        .routes(routes!(rate))
        .routes(routes!(offers))
        .routes(routes!(accept))
        .routes(routes!(decline))
        .routes(routes!(arrive))
        .routes(routes!(start))
        .routes(routes!(complete))
        .merge(products::routes())
        .merge(shift::routes())
        .merge(queue::routes())
        .merge(super::decisions::http::routes())
        .merge(relations::routes())
        .merge(pairing::routes())
        .merge(agents::routes())
        .merge(cancelling::routes())
        .merge(fares::routes())
}

/// A parcel needs its receiver: who books it says that, and not somebody on their behalf or at the roadside.
fn refuse_delivery(ride_type: Option<&str>) -> Result<(), Error> {
    match ride_type {
        Some("delivery") => Err(Error::invalid("ride_type", "delivery", "is booked by its rider, with POST /rides")),
        _ => Ok(()),
    }
}

/// A place as a client names it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlaceBody {
    /// Degrees north, inside the service area.
    #[schema(example = -1.940645)]
    lat: f64,
    /// Degrees east.
    #[schema(example = 30.044477)]
    lng: f64,
    /// Address, at most 200 characters.
    #[schema(example = "Nyabugogo bus terminal")]
    address: Option<String>,
    /// What to look out for, at most 200 characters.
    landmark: Option<String>,
}

impl From<PlaceBody> for PlaceRequest {
    fn from(body: PlaceBody) -> Self {
        Self { lat: body.lat, lng: body.lng, address: body.address, landmark: body.landmark }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BookBody {
    /// From.
    pickup: PlaceBody,
    /// To.
    destination: PlaceBody,
    /// `boda` (the default): somebody rides; `delivery`: a parcel does.
    ride_type: Option<String>,
    /// RFC 3339 with its offset, of a scheduled ride; now when left out.
    #[schema(example = "2026-11-27T07:30:00+02:00")]
    pickup_at: Option<String>,
    /// Places on the way, in order; as many as `products.stops_max`.
    stops: Option<Vec<StopBody>>,
    /// What a delivery carries.
    parcel: Option<ParcelBody>,
    /// To be served first.
    express: Option<bool>,
    /// `cash` when left out; `mtn_momo`, `airtel_money`, `card`.
    payment_method: Option<String>,
    /// One of the rider's saved methods; their own telephone when left out. Not for cash.
    payment_method_id: Option<Uuid>,
    /// Whether the rider's credit is used first; true when left out.
    use_credit: Option<bool>,
    /// A promotion, at most 40 characters.
    promo_code: Option<String>,
    /// From `POST /quotes`, to be kept to its price.
    #[schema(value_type = Option<Uuid>)]
    quote_id: Option<QuoteId>,
    /// For the driver, at most 500 characters.
    notes: Option<String>,
}

/// A ride that was booked, and what calling it off costs.
#[derive(Debug, Serialize, ToSchema)]
struct BookedView {
    #[serde(flatten)]
    ride: RideView,
    /// What calling it off costs; null when nothing does.
    cancellation_rules: Option<RulesView>,
}

/// Books a ride
///
/// Now, or at `pickup_at`; over `stops`; of a person or of a parcel. Send an `Idempotency-Key`: a request repeated with the same key answers with the same ride and the header
/// `idempotent-replayed: true`, and never books a second one. The answer comes after the booking is safely stored.
#[utoipa::path(post, path = "/rides", tag = "rides", security(("bearer" = [])), request_body = BookBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of your choice")),
    responses((status = 201, body = BookedView, description = "Booked; drivers are being asked"),
              (status = 200, body = BookedView, description = "Booked by an earlier request with this key"),
              (status = 409, body = ErrorBody, description = "`ride_in_progress`, `too_many_scheduled`, `idempotency_key_reused`, `quote_expired`, `quote_differs`, `payment_method_unavailable`, `payment_outstanding`"),
              (status = 422, body = ErrorBody), (status = 503, body = ErrorBody, description = "Try again with the same key")))]
async fn book(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    key: Option<IdempotencyKey>,
    Json(body): Json<BookBody>,
) -> Result<Response, ApiError> {
    let request = BookRide {
        pickup: body.pickup.into(),
        destination: body.destination.into(),
        ride_type: body.ride_type,
        payment_method: body.payment_method,
        payment: PaymentChoice {
            saved_method: body.payment_method_id,
            uses_credit: body.use_credit,
            promo_code: body.promo_code,
        },
        quote_id: body.quote_id,
        notes: body.notes,
        product: product(body.pickup_at, body.stops, body.parcel, body.express),
    };
    let booked = rides.book(rider, key.as_ref(), &request).await?;
    let rules = rides.cancellation_rules(booked.ride.requested_at).map(RulesView::from);
    Ok(created(booked.replayed, BookedView { ride: booked.ride, cancellation_rules: rules }))
}

/// Made now, or by an earlier request, which the header says.
fn created(replayed: bool, view: impl Serialize) -> Response {
    if replayed {
        let header = (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
        return (StatusCode::OK, [header], Json(view)).into_response();
    }
    (StatusCode::CREATED, Json(view)).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
struct HistoryParams {
    /// Only these states, separated by commas.
    status: Option<String>,
    /// Requested at or after, RFC 3339.
    #[param(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    from: Option<Timestamp>,
    /// Requested before, RFC 3339.
    #[param(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    to: Option<Timestamp>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists rides, newest first
///
/// A rider sees the rides taken, a driver the rides driven, an admin all.
#[utoipa::path(get, path = "/rides", tag = "rides", security(("bearer" = [])), params(HistoryParams),
    responses((status = 200, body = Page<RideView>), (status = 422, body = ErrorBody)))]
async fn history(
    State(rides): State<Rides>,
    caller: Caller,
    Query(params): Query<HistoryParams>,
) -> Result<Json<Page<RideView>>, ApiError> {
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    let mut checks = Checks::new();
    let mut statuses = Vec::new();
    for word in params.status.iter().flat_map(|words| words.split(',')).map(str::trim).filter(|word| !word.is_empty()) {
        match RideStatus::from_wire(word) {
            Some(status) => statuses.push(status),
            None => checks.fault(Fault::new("status", word, "is not a state of a ride")),
        }
    }
    if let (Some(from), Some(to)) = (params.from, params.to) {
        checks.require(from <= to, "from", from, "is later than to");
    }
    checks.finish()?;
    let filter = Filter { statuses, from: params.from, to: params.to };
    Ok(Json(rides.history(caller, &filter, &page, clock::now()).await?))
}

/// Shows the caller's live ride
#[utoipa::path(get, path = "/rides/active", tag = "rides", security(("bearer" = [])),
    responses((status = 200, body = Items<RideView>)))]
async fn active(State(rides): State<Rides>, caller: Caller) -> Result<Json<Items<RideView>>, ApiError> {
    Ok(Json(Items { items: rides.active(caller).await? }))
}

/// Shows a ride
#[utoipa::path(get, path = "/rides/{id}", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody)))]
async fn show(State(rides): State<Rides>, caller: Caller, Path(id): Path<RideId>) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.show(caller, id).await?))
}

/// Shows the timeline of a ride
#[utoipa::path(get, path = "/rides/{id}/events", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = Items<EventView>), (status = 404, body = ErrorBody)))]
async fn events(
    State(rides): State<Rides>,
    caller: Caller,
    Path(id): Path<RideId>,
) -> Result<Json<Items<EventView>>, ApiError> {
    Ok(Json(Items { items: rides.events(caller, id).await? }))
}

/// Shows where the driver is, and the way the ride took
///
/// For its parties and admins, also after the ride. The driver and admins see the way from the moment the driver was
/// assigned, the rider from the start of the ride: where a driver came from is not the rider's business.
#[utoipa::path(get, path = "/rides/{id}/track", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = TrackView), (status = 404, body = ErrorBody)))]
async fn track(
    State(rides): State<Rides>,
    caller: Caller,
    Path(id): Path<RideId>,
) -> Result<Json<TrackView>, ApiError> {
    Ok(Json(rides.track(caller, id).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelBody {
    /// Riders: `changed_mind`, `driver_too_far`, `driver_no_show`, `wrong_pickup`, `unsafe`, `other`. Drivers:
    /// `rider_no_show`, `vehicle_problem`, `unsafe`, `too_far`, `other`.
    #[schema(example = "changed_mind")]
    reason: String,
    /// In your own words, at most 500 characters.
    note: Option<String>,
}

/// Calls a ride off
///
/// By its rider or driver before it starts, by an admin at any time.
#[utoipa::path(post, path = "/rides/{id}/cancel", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = CancelBody,
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`"), (status = 422, body = ErrorBody)))]
async fn cancel(
    State(rides): State<Rides>,
    caller: Caller,
    Path(id): Path<RideId>,
    Json(body): Json<CancelBody>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.cancel(caller, id, &body.reason, body.note.as_deref()).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RatingBody {
    /// 1 to 5.
    #[schema(example = 5)]
    stars: i64,
    /// In your own words, at most 500 characters.
    comment: Option<String>,
}

/// Rates the other party of a completed ride
#[utoipa::path(post, path = "/rides/{id}/rating", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = RatingBody,
    responses((status = 201, description = "Rated"), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`, `already_rated`"), (status = 422, body = ErrorBody)))]
async fn rate(
    State(rides): State<Rides>,
    caller: Caller,
    Path(id): Path<RideId>,
    Json(body): Json<RatingBody>,
) -> Result<StatusCode, ApiError> {
    rides.rate(caller, id, body.stars, body.comment.as_deref()).await?;
    Ok(StatusCode::CREATED)
}

/// Shows the offers that wait for the driver's answer
#[utoipa::path(get, path = "/offers", tag = "offers", security(("bearer" = [])),
    responses((status = 200, body = Items<OfferView>)))]
async fn offers(State(rides): State<Rides>, Driver(driver): Driver) -> Json<Items<OfferView>> {
    Json(Items { items: rides.offers(driver) })
}

/// Takes an offer
#[utoipa::path(post, path = "/offers/{offer_id}/accept", tag = "offers", security(("bearer" = [])),
    params(("offer_id" = String, Path)),
    responses((status = 200, body = RideView), (status = 409, body = ErrorBody, description = "`offer_gone`")))]
async fn accept(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(offer): Path<OfferId>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.accept(driver, offer).await?))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeclineBody {
    /// `too_far`, `low_fare`, `wrong_direction`, `busy`, `other`.
    reason: Option<String>,
}

/// Passes on an offer
#[utoipa::path(post, path = "/offers/{offer_id}/decline", tag = "offers", security(("bearer" = [])),
    params(("offer_id" = String, Path)), request_body = DeclineBody,
    responses((status = 204, description = "Passed on"), (status = 409, body = ErrorBody, description = "`offer_gone`")))]
async fn decline(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(offer): Path<OfferId>,
    Json(body): Json<DeclineBody>,
) -> Result<StatusCode, ApiError> {
    rides.decline(driver, offer, body.reason.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that the driver stands at the pickup
#[utoipa::path(post, path = "/rides/{id}/arrive", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`")))]
async fn arrive(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(id): Path<RideId>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.arrive(driver, id).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartBody {
    /// The four digits the rider says.
    #[schema(example = "4821")]
    pin: String,
}

/// Starts the ride with the rider's PIN
#[utoipa::path(post, path = "/rides/{id}/start", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = StartBody,
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_pin`, `pin_locked`, `wrong_state`")))]
async fn start(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(id): Path<RideId>,
    Json(body): Json<StartBody>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.start(driver, id, &body.pin).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompleteBody {
    /// The four digits that the receiver of a parcel says. Without a parcel there are none.
    #[schema(example = "7305")]
    pin: Option<String>,
}

/// Completes the ride
///
/// Fixes the final fare. With cash, the driver has collected it now; the commission owed is posted to the ledger. A delivery
/// is completed with the PIN that its receiver was sent; other rides need no body.
#[utoipa::path(post, path = "/rides/{id}/complete", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = Option<CompleteBody>,
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`, `handover_pin_needed`, `wrong_pin`, `pin_locked`"),
              (status = 422, body = ErrorBody)))]
async fn complete(
    State(rides): State<Rides>,
    Driver(driver): Driver,
    Path(id): Path<RideId>,
    MaybeJson(body): MaybeJson<CompleteBody>,
) -> Result<Json<RideView>, ApiError> {
    let pin = body.and_then(|body| body.pin);
    Ok(Json(rides.complete(driver, id, pin.as_deref()).await?))
}
