//! Roadside pairing over REST: what phones show, and rides that begin with it.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{PlaceBody, created, refuse_delivery};
use crate::error::{Error, Fault};
use crate::ids::QuoteId;
use crate::realtime::protocol::view::RideView;
use crate::rides::pairing::{PairRide, Proof, ToShow, tokens};
use crate::rides::product::request::ProductRequest;
use crate::rides::{BookRide, PaymentChoice, Rides};
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::{Driver, Rider};
use crate::web::{ApiError, Caller, ErrorBody, IdempotencyKey, Role};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(driver_code)).routes(routes!(rider_code)).routes(routes!(pair))
}

/// What to show at the roadside.
#[derive(Serialize, ToSchema)]
struct PairingCodeView {
    /// Four digits for the rider to type; drivers only.
    #[schema(example = "4821")]
    code: Option<String>,
    /// Until when they are good; ask again then.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    code_expires_at: Option<Timestamp>,
    /// To be shown as a QR code now, for `window_s`.
    qr: String,
    /// To make later ones of, without a network: `BODA1.{token}.{window}.{proof}`, where the window is the number of
    /// `window_s` since 1970 and the proof the first 12 bytes, in capital hexadecimal, of HMAC-SHA-256 over the window in
    /// decimal, keyed with the bytes of `secret`.
    token: String,
    /// In hexadecimal. To be kept in the phone and shown to nobody.
    secret: String,
    /// How long one QR code is shown.
    #[schema(example = 30)]
    window_s: i64,
    /// Until when `token` and `secret` are good.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    expires_at: Timestamp,
}

impl From<ToShow> for PairingCodeView {
    fn from(shown: ToShow) -> Self {
        let ToShow { code, qr, kit, kit_expires_at } = shown;
        Self {
            code: code.map(|code| format!("{:04}", code.digits)),
            code_expires_at: code.map(|code| code.until),
            qr,
            token: kit.token,
            secret: kit.secret.into_exposed(),
            window_s: tokens::WINDOW.as_secs(),
            expires_at: kit_expires_at,
        }
    }
}

/// Says what the driver shows at the roadside
///
/// Four digits that change every few minutes, and what to show as a QR code, also without a network.
#[utoipa::path(get, path = "/drivers/me/pairing-code", tag = "offers", security(("bearer" = [])),
    responses((status = 200, body = PairingCodeView),
              (status = 409, body = ErrorBody, description = "`not_online`, `driver_not_seen`")))]
async fn driver_code(State(rides): State<Rides>, Driver(driver): Driver) -> Result<Json<PairingCodeView>, ApiError> {
    Ok(Json(rides.show_driver(driver)?.into()))
}

/// Says what the rider shows at the roadside
///
/// For a driver's phone to scan.
#[utoipa::path(get, path = "/riders/me/pairing-code", tag = "rides", security(("bearer" = [])),
    responses((status = 200, body = PairingCodeView)))]
async fn rider_code(State(rides): State<Rides>, Rider(rider): Rider) -> Json<PairingCodeView> {
    Json(rides.show_rider(rider).into())
}

/// A ride that begins at the roadside.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PairBody {
    /// The four digits that the driver shows; either this or `qr`.
    #[schema(example = "4821")]
    code: Option<String>,
    /// What this phone scanned on the other one.
    qr: Option<String>,
    /// Where the two are.
    pickup: PlaceBody,
    /// To where.
    destination: PlaceBody,
    /// `boda` when left out; not `delivery`.
    ride_type: Option<String>,
    /// `cash` when left out.
    payment_method: Option<String>,
    /// From `POST /quotes` of the rider, to be kept to its price.
    #[schema(value_type = Option<Uuid>)]
    quote_id: Option<QuoteId>,
    /// At most 500 characters.
    notes: Option<String>,
    /// With `qr`: when the ride ended, of one that is handed in afterwards.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    ended_at: Option<Timestamp>,
}

/// Begins a ride with the driver, or the rider, one stands beside
///
/// A rider types the driver's digits or scans the driver's QR code; a driver scans the rider's. What was scanned may be
/// handed in later, by either phone or by both: it is one ride. With `code`, send an `Idempotency-Key`; with `qr` the
/// meeting itself is the key.
#[utoipa::path(post, path = "/rides/pair", tag = "rides", security(("bearer" = [])), request_body = PairBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of your choice")),
    responses((status = 201, body = RideView, description = "The ride has begun (or has ended, with `ended_at`)"),
              (status = 200, body = RideView, description = "It was handed in before"),
              (status = 409, body = ErrorBody, description = "`code_unknown`, `driver_far`, `driver_busy`, `driver_off_shift`, `pairing_refused`, `pairing_clock_ahead`, `pairing_too_old`, `pairing_replayed`, `pairing_overlaps`, `ride_in_progress`, and as `POST /rides`"),
              (status = 422, body = ErrorBody), (status = 429, body = ErrorBody, description = "Too many wrong codes"),
              (status = 503, body = ErrorBody, description = "Try again")))]
async fn pair(
    State(rides): State<Rides>,
    caller: Caller,
    key: Option<IdempotencyKey>,
    Json(body): Json<PairBody>,
) -> Result<Response, ApiError> {
    if !matches!(caller.role, Role::Customer | Role::Driver) {
        return Err(Error::forbidden("forbidden", "this is for riders and drivers").into());
    }
    refuse_delivery(body.ride_type.as_deref())?;
    let proof = match (body.code, body.qr) {
        (Some(code), None) => Proof::Code(code),
        (None, Some(qr)) => Proof::Scanned(qr),
        _ => {
            let fault = Fault::without_value("code", "or qr is needed, and not both");
            return Err(Error::Invalid(vec![fault]).into());
        }
    };
    let ride = BookRide {
        pickup: body.pickup.into(),
        destination: body.destination.into(),
        ride_type: body.ride_type,
        payment_method: body.payment_method,
        payment: PaymentChoice::default(),
        quote_id: body.quote_id,
        notes: body.notes,
        product: ProductRequest::default(),
    };
    let paired = rides.pair(caller, key.as_ref(), &PairRide { proof, ride, ended_at: body.ended_at }).await?;
    Ok(created(paired.replayed, paired.ride))
}
