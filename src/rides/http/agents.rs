//! Bookings by agents, and the trail of what they did.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{CancelBody, PlaceBody, created, refuse_delivery};
use crate::clock;
use crate::ids::{QuoteId, RideId, UserId};
use crate::realtime::protocol::view::RideView;
use crate::rides::agents::{Action, CallingRider};
use crate::rides::product::request::ProductRequest;
use crate::rides::{BookRide, Filter, PaymentChoice, Rides};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::{Admin, Agent};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody, IdempotencyKey};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new()
        .routes(routes!(book, list))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(actions))
}

/// Who called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallingBody {
    /// A Rwandan mobile number, in any usual spelling.
    #[schema(example = "0788123456")]
    phone: String,
    /// What the driver calls them; an account that exists and was proven keeps its own name.
    #[schema(example = "Aline")]
    first_name: String,
    /// `rw` (unless said otherwise), `en` or `fr`: what a new guest is written to in.
    language: Option<String>,
}

/// A booking on behalf of somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BookForBody {
    /// Who called.
    rider: CallingBody,
    /// From.
    pickup: PlaceBody,
    /// To.
    destination: PlaceBody,
    /// `boda` when left out; not `delivery`.
    ride_type: Option<String>,
    /// `cash` when left out.
    payment_method: Option<String>,
    /// For the driver, at most 500 characters.
    notes: Option<String>,
}

/// Books a ride for somebody who called
///
/// The rider is found by the number, or made as a guest. An SMS tells them who comes, with plate and PIN. Send an
/// `Idempotency-Key`, as for `POST /rides`.
#[utoipa::path(post, path = "/agent/rides", tag = "agents", security(("bearer" = [])), request_body = BookForBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of your choice")),
    responses((status = 201, body = RideView, description = "Booked; drivers are being asked"),
              (status = 200, body = RideView, description = "Booked by an earlier request with this key"),
              (status = 403, body = ErrorBody, description = "`forbidden`: not an agent; `account_disabled`: the rider's"),
              (status = 409, body = ErrorBody, description = "`ride_in_progress`, `phone_not_a_rider`, `too_many_live_rides`, `idempotency_key_reused`"),
              (status = 422, body = ErrorBody), (status = 429, body = ErrorBody, description = "Too many bookings and cancellations in an hour"),
              (status = 503, body = ErrorBody, description = "Try again with the same key")))]
async fn book(
    State(rides): State<Rides>,
    Agent(agent): Agent,
    key: Option<IdempotencyKey>,
    Json(body): Json<BookForBody>,
) -> Result<Response, ApiError> {
    refuse_delivery(body.ride_type.as_deref())?;
    let CallingBody { phone, first_name, language } = body.rider;
    let calling = CallingRider { phone, first_name, language };
    let request = BookRide {
        pickup: body.pickup.into(),
        destination: body.destination.into(),
        ride_type: body.ride_type,
        payment_method: body.payment_method,
        payment: PaymentChoice::default(),
        quote_id: None::<QuoteId>,
        notes: body.notes,
        product: ProductRequest::default(),
    };
    let booked = rides.book_for(agent, &calling, key.as_ref(), &request).await?;
    Ok(created(booked.replayed, booked.ride))
}

/// Lists the rides the agent booked, newest first
#[utoipa::path(get, path = "/agent/rides", tag = "agents", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = Page<RideView>), (status = 422, body = ErrorBody)))]
async fn list(
    State(rides): State<Rides>,
    Agent(agent): Agent,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<RideView>>, ApiError> {
    Ok(Json(rides.booked_by(agent, &Filter::default(), &page.check()?, clock::now()).await?))
}

/// Shows a ride the agent booked, as its rider sees it
#[utoipa::path(get, path = "/agent/rides/{id}", tag = "agents", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody, description = "Not booked by this agent")))]
async fn show(
    State(rides): State<Rides>,
    Agent(agent): Agent,
    Path(id): Path<RideId>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.show_booked(agent, id, clock::now()).await?))
}

/// Calls a ride off that the agent booked
///
/// As its rider would: with a rider's reasons, and at a rider's cost.
#[utoipa::path(post, path = "/agent/rides/{id}/cancel", tag = "agents", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = CancelBody,
    responses((status = 200, body = RideView), (status = 404, body = ErrorBody, description = "Not booked by this agent"),
              (status = 409, body = ErrorBody, description = "`wrong_state`"), (status = 422, body = ErrorBody),
              (status = 429, body = ErrorBody, description = "Too many bookings and cancellations in an hour")))]
async fn cancel(
    State(rides): State<Rides>,
    Agent(agent): Agent,
    Path(id): Path<RideId>,
    Json(body): Json<CancelBody>,
) -> Result<Json<RideView>, ApiError> {
    Ok(Json(rides.cancel_booked(agent, id, &body.reason, body.note.as_deref()).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ActionParams {
    /// Of this agent only.
    #[param(value_type = Option<Uuid>)]
    agent_id: Option<UserId>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What an agent did.
#[derive(Debug, Serialize, ToSchema)]
struct ActionView {
    id: Uuid,
    /// Who.
    #[schema(value_type = Uuid)]
    agent_id: UserId,
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    /// `guest_made`, `booked`, `refused` or `cancelled`.
    #[schema(example = "booked")]
    action: &'static str,
    /// For whom; null where a refused booking was for a number that is nobody's.
    #[schema(value_type = Option<Uuid>)]
    rider_id: Option<UserId>,
    /// Which ride; null where there is none, as for a booking that was refused.
    #[schema(value_type = Option<Uuid>)]
    ride_id: Option<RideId>,
    /// The code of a refusal.
    detail: Option<String>,
    /// The request behind it.
    request_id: Option<String>,
}

impl From<Action> for ActionView {
    fn from(action: Action) -> Self {
        let Action { id, agent, at, what, rider, ride, detail, request_id } = action;
        Self { id, agent_id: agent, at, action: what.as_str(), rider_id: rider, ride_id: ride, detail, request_id }
    }
}

/// Lists what agents did, newest first
#[utoipa::path(get, path = "/admin/agent-actions", tag = "admin", security(("bearer" = [])), params(ActionParams),
    responses((status = 200, body = Page<ActionView>), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn actions(
    State(rides): State<Rides>,
    Admin(admin): Admin,
    Query(params): Query<ActionParams>,
) -> Result<Json<Page<ActionView>>, ApiError> {
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    Ok(Json(rides.agent_actions(params.agent_id, &page, admin, clock::now()).await?.map(ActionView::from)))
}
