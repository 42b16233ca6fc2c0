//! The proof of a fare and disputes of it, over REST.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::ids::RideId;
use crate::payments::Dispute;
use crate::rides::Rides;
use crate::rides::disputing::Proven;
use crate::rides::fare_proof::{DistanceReason, FareInputs, Step};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Rider;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, Caller, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(fare_proof)).routes(routes!(dispute, show_dispute)).routes(routes!(disputes))
}

/// What a fare follows from, computed anew from what was stored at completion.
#[derive(Debug, Serialize, ToSchema)]
struct FareProofView {
    #[schema(value_type = Uuid)]
    ride_id: RideId,
    /// Everything it is computed from, as stored at completion.
    inputs: FareInputs,
    /// The distance that is charged, in metres.
    #[schema(example = 8000)]
    distance_m: u32,
    /// Why that one.
    distance_reason: DistanceReason,
    /// The sum, step by step.
    steps: Vec<Step>,
    /// The fare as computed now.
    #[schema(example = 1186)]
    fare_rwf: i64,
    /// With the service fee.
    #[schema(example = 1186)]
    total_rwf: i64,
    /// The fare that was charged.
    #[schema(example = 1186)]
    charged_fare_rwf: i64,
    /// With the service fee: what was to be paid.
    #[schema(example = 1186)]
    charged_total_rwf: i64,
    /// Whether what was charged is what follows from the inputs.
    is_equal: bool,
}

impl From<Proven> for FareProofView {
    fn from(proven: Proven) -> Self {
        let is_equal = proven.is_equal();
        let Proven { ride, proof, computed } = proven;
        Self {
            ride_id: ride.id,
            inputs: proof.inputs,
            distance_m: computed.distance_m,
            distance_reason: computed.distance_reason,
            steps: computed.steps,
            fare_rwf: computed.fare.amount(),
            total_rwf: computed.total.amount(),
            charged_fare_rwf: ride.fare.amount(),
            charged_total_rwf: ride.to_pay().amount(),
            is_equal,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DisputeBody {
    /// `distance`, `waiting`, `route`, `price`, `promotion`, `not_my_ride` or `other`.
    #[schema(example = "waiting")]
    reason: String,
    /// In the rider's own words, at most 500 characters.
    comment: Option<String>,
}

/// A dispute of a fare.
#[derive(Serialize, ToSchema)]
struct DisputeView {
    id: Uuid,
    #[schema(value_type = Uuid)]
    ride_id: RideId,
    /// What is wrong.
    reason: String,
    comment: Option<String>,
    /// What was charged.
    charged_rwf: i64,
    /// `open`; `taken`: somebody looks at it; `resolved`.
    #[schema(example = "open")]
    state: String,
    /// What came of it; null until it is resolved.
    resolution: Option<String>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    opened_at: Timestamp,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    resolved_at: Option<Timestamp>,
}

impl From<Dispute> for DisputeView {
    fn from(dispute: Dispute) -> Self {
        Self {
            id: dispute.id,
            ride_id: dispute.ride,
            reason: dispute.reason,
            comment: dispute.comment,
            charged_rwf: dispute.charged.amount(),
            state: dispute.state,
            resolution: dispute.resolution,
            opened_at: dispute.opened_at,
            resolved_at: dispute.resolved_at,
        }
    }
}

/// Proves a fare
///
/// Of a completed ride, for its rider, its driver and admins: everything the fare was computed from, each step of the sum,
/// and whether the sum made anew is what was charged.
#[utoipa::path(get, path = "/rides/{id}/fare-proof", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = FareProofView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`: not completed; `no_fare_proof`: too old")))]
async fn fare_proof(
    State(rides): State<Rides>,
    caller: Caller,
    Path(id): Path<RideId>,
) -> Result<Json<FareProofView>, ApiError> {
    Ok(Json(rides.fare_proof(caller, id).await?.into()))
}

/// Disputes a fare
///
/// Once for each ride, within `pricing.dispute_within_days` of its end. A person looks at it. Sent again word for word, it is
/// the same dispute.
#[utoipa::path(post, path = "/rides/{id}/fare-dispute", tag = "rides", security(("bearer" = [])), request_body = DisputeBody,
    params(("id" = Uuid, Path)),
    responses((status = 201, body = DisputeView), (status = 200, body = DisputeView, description = "Said before"),
              (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`wrong_state`, `dispute_too_late`, `already_disputed`"),
              (status = 422, body = ErrorBody)))]
async fn dispute(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Path(id): Path<RideId>,
    Json(body): Json<DisputeBody>,
) -> Result<(StatusCode, Json<DisputeView>), ApiError> {
    let said = (body.reason.as_str(), body.comment.as_deref());
    let (dispute, is_new) = rides.dispute_fare(rider, id, said, clock::now()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(dispute.into())))
}

/// Shows the dispute of a fare
#[utoipa::path(get, path = "/rides/{id}/fare-dispute", tag = "rides", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 200, body = DisputeView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody)))]
async fn show_dispute(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Path(id): Path<RideId>,
) -> Result<Json<DisputeView>, ApiError> {
    Ok(Json(rides.fare_dispute(rider, id).await?.into()))
}

/// Lists my disputes of fares, newest first
#[utoipa::path(get, path = "/riders/me/fare-disputes", tag = "rides", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = Page<DisputeView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 422, body = ErrorBody)))]
async fn disputes(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<DisputeView>>, ApiError> {
    Ok(Json(rides.fare_disputes(rider, &page.check()?).await?.map(DisputeView::from)))
}
