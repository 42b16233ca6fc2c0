//! Prices over REST: what a ride would cost.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PlaceBody;
use super::cancelling::RulesView;
use crate::error::Error;
use crate::fares::cancellation::CancellationRules;
use crate::ids::QuoteId;
use crate::rides::{AskPrice, Quote, Rides};
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::Rider;
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Rides> {
    OpenApiRouter::new().routes(routes!(quote))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuoteBody {
    /// From.
    pickup: PlaceBody,
    /// To.
    destination: PlaceBody,
    /// `boda` (the default) or `delivery`.
    ride_type: Option<String>,
    /// Places on the way, in order; as many as `products.stops_max`.
    stops: Option<Vec<PlaceBody>>,
    /// RFC 3339 with its offset, of a scheduled ride: the price is that of the tariff in force then.
    #[schema(example = "2026-11-27T07:30:00+02:00")]
    pickup_at: Option<String>,
    /// To be served first.
    express: Option<bool>,
    /// A promotion, at most 40 characters: what it would take over is shown, nothing is reserved.
    promo_code: Option<String>,
}

/// What a ride will cost.
#[derive(Debug, Serialize, ToSchema)]
struct QuoteView {
    /// Send this as `quote_id` when booking, to be kept to the price.
    #[schema(value_type = Uuid)]
    quote_id: QuoteId,
    /// Kind of vehicle.
    ride_type: String,
    /// The price in whole francs.
    #[schema(example = 845)]
    fare_rwf: i64,
    /// What the platform adds to the fare, by its terms.
    #[schema(example = 0)]
    service_fee_rwf: i64,
    /// What a promotion takes over; null without one.
    promotion: Option<PromisedView>,
    /// Fare and service fee, less the promotion.
    #[schema(example = 845)]
    to_pay_rwf: i64,
    /// Length of the ride.
    distance_m: u32,
    /// Riding time.
    duration_s: i64,
    /// Until when it can be booked.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    expires_at: Timestamp,
    /// What the price is made of.
    breakdown: BreakdownView,
    /// What calling the ride off would cost, if it is booked today; null when nothing does.
    cancellation: Option<RulesView>,
}

/// What a promotion takes over.
#[derive(Debug, Serialize, ToSchema)]
struct PromisedView {
    code: String,
    amount_rwf: i64,
}

/// The parts of a price; they add up to the fare.
#[derive(Debug, Serialize, ToSchema)]
struct BreakdownView {
    /// The base price.
    base_rwf: i64,
    /// For distance beyond what the base price covers.
    distance_rwf: i64,
    /// For riding time.
    time_rwf: i64,
    /// For waiting.
    waiting_rwf: i64,
    /// For the hour of the day.
    night_rwf: i64,
    /// For express.
    express_rwf: i64,
    /// For demand.
    surge_rwf: i64,
    /// The surge factor in basis points; 10,000 is none.
    surge_basis_points: u32,
    /// Which tariff.
    #[schema(example = "RURA 2022-08-22")]
    tariff: String,
}

impl QuoteView {
    fn new(quote: &Quote, rules: Option<&CancellationRules>) -> Result<Self, Error> {
        let promised_rwf = quote.promotion.as_ref().map_or(0, |promised| promised.amount.amount());
        let fare = quote.fare.ok_or_else(|| Error::internal("a fresh quote has its parts"))?;
        Ok(Self {
            quote_id: quote.id,
            ride_type: quote.wish.ride_type.as_str().to_owned(),
            fare_rwf: quote.price.quoted.amount(),
            service_fee_rwf: quote.price.service_fee.amount(),
            promotion: quote
                .promotion
                .as_ref()
                .map(|promised| PromisedView { code: promised.code.clone(), amount_rwf: promised.amount.amount() }),
            to_pay_rwf: quote.price.to_pay().amount().saturating_sub(promised_rwf).max(0),
            distance_m: quote.price.distance_m,
            duration_s: quote.price.duration.as_secs(),
            expires_at: quote.expires_at,
            breakdown: BreakdownView {
                base_rwf: fare.base.amount(),
                distance_rwf: fare.distance.amount(),
                time_rwf: fare.time.amount(),
                waiting_rwf: fare.waiting.amount(),
                night_rwf: fare.night.amount(),
                express_rwf: fare.express.amount(),
                surge_rwf: fare.surge.amount(),
                surge_basis_points: fare.surge_basis_points.0,
                tariff: quote.price.tariff.clone(),
            },
            cancellation: rules.map(RulesView::from),
        })
    }
}

/// Says what a ride would cost
#[utoipa::path(post, path = "/quotes", tag = "rides", security(("bearer" = [])), request_body = QuoteBody,
    responses((status = 200, body = QuoteView), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn quote(
    State(rides): State<Rides>,
    Rider(rider): Rider,
    Json(body): Json<QuoteBody>,
) -> Result<Json<QuoteView>, ApiError> {
    let request = AskPrice {
        pickup: body.pickup.into(),
        destination: body.destination.into(),
        ride_type: body.ride_type,
        stops: body.stops.unwrap_or_default().into_iter().map(Into::into).collect(),
        pickup_at: body.pickup_at,
        express: body.express.unwrap_or(false),
        promo_code: body.promo_code,
    };
    let quote = rides.quote(rider, &request).await?;
    Ok(Json(QuoteView::new(&quote, rides.cancellation_rules(quote.created_at))?))
}
