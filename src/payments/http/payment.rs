//! How riders pay what they owe, and drivers say that they were paid.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::clock;
use crate::error::{Checks, Error, Fault};
use crate::ids::{RideId, UserId};
use crate::money::Francs;
use crate::payments::intents::{AttemptShown, CaptureShown, Intent, IntentState, PayRide, Paying, Who};
use crate::payments::{PaymentMethod, Payments, Purpose};
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::web::body::{Json, Path};
use crate::web::caller::{Driver, Rider};
use crate::web::{ApiError, Caller, ErrorBody, IdempotencyKey, Role};

pub(super) fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(ride_payment))
        .routes(routes!(pay_ride))
        .routes(routes!(choose_cash))
        .routes(routes!(cash_received))
        .routes(routes!(outstanding))
}

/// What is owed for one thing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IntentView {
    id: Uuid,
    ride_id: Uuid,
    /// `ride`, `cancellation` or `tip`.
    purpose: Purpose,
    /// What is owed in all, in francs.
    #[schema(example = 1500)]
    amount_rwf: i64,
    /// What of it is paid, in francs.
    #[schema(example = 0)]
    paid_rwf: i64,
    /// What is left, in francs.
    #[schema(example = 1500)]
    outstanding_rwf: i64,
    /// `requires_payment`: nobody is asked now. `processing`: a provider asks the payer. `cash_due`: the driver collects
    /// the rest. `succeeded`: paid. `cancelled`: not owed any more.
    state: IntentState,
    /// How it was last tried.
    method: PaymentMethod,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    succeeded_at: Option<Timestamp>,
}

impl From<&Intent> for IntentView {
    fn from(intent: &Intent) -> Self {
        Self {
            id: intent.id,
            ride_id: intent.ride.0,
            purpose: intent.purpose,
            amount_rwf: intent.split.amount().amount(),
            paid_rwf: intent.paid.amount(),
            outstanding_rwf: intent.outstanding().amount(),
            state: intent.state,
            method: intent.method,
            created_at: intent.created_at,
            succeeded_at: intent.succeeded_at,
        }
    }
}

/// What is owed, what paid it, and how it was tried.
#[derive(Debug, Serialize, ToSchema)]
struct PayingView {
    #[serde(flatten)]
    intent: IntentView,
    /// Oldest first.
    captures: Vec<CaptureShown>,
    /// Newest first; numbers and pages are shown to the payer only.
    attempts: Vec<AttemptShown>,
}

/// The payment of a ride.
#[derive(Debug, Serialize, ToSchema)]
struct RidePaymentView {
    /// The fare, a fee for calling off, a tip: what there is of them.
    items: Vec<PayingView>,
    /// What is left of all of them, in francs.
    outstanding_rwf: i64,
}

impl RidePaymentView {
    fn of(paying: Vec<Paying>) -> Self {
        let outstanding_rwf = paying.iter().map(|paying| paying.intent.outstanding().amount()).sum();
        let view = |paying: Paying| PayingView {
            intent: IntentView::from(&paying.intent),
            captures: paying.captures,
            attempts: paying.attempts,
        };
        Self { items: paying.into_iter().map(view).collect(), outstanding_rwf }
    }
}

/// How the rider pays now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayBody {
    /// `mtn_momo`, `airtel_money` or `card`.
    #[schema(example = "mtn_momo")]
    method: String,
    /// One of the rider's saved methods.
    payment_method_id: Option<Uuid>,
    /// Another wallet's number, for this time.
    #[schema(example = "0788123456")]
    phone: Option<String>,
    /// A part of what is owed, in francs; all of it when left out.
    #[schema(example = 1500)]
    amount_rwf: Option<i64>,
}

impl PayBody {
    fn check(&self) -> Result<PayRide, Error> {
        let mut checks = Checks::new();
        let method = PaymentMethod::from_name(&self.method);
        if method.is_none() {
            checks.fault(Fault::new("method", &self.method, "is not one of mtn_momo, airtel_money, card"));
        }
        let phone = match self.phone.as_deref().map(Phone::parse) {
            Some(Ok(phone)) => Some(phone),
            Some(Err(error)) => {
                checks.fault(Fault::new("phone", error.masked(), error.fault()));
                None
            }
            None => None,
        };
        if let Some(amount) = self.amount_rwf {
            checks.require(amount > 0, "amount_rwf", amount, "must be more than nothing");
        }
        checks.finish()?;
        let method = method.ok_or_else(|| Error::internal("a method that was checked is none"))?;
        Ok(PayRide { method, saved_method: self.payment_method_id, phone, amount: self.amount_rwf.map(Francs) })
    }
}

/// What a rider owes.
#[derive(Debug, Serialize, ToSchema)]
struct OutstandingView {
    /// Oldest first, the first hundred.
    items: Vec<IntentView>,
    /// What is left of them, in francs.
    #[schema(example = 0)]
    outstanding_rwf: i64,
    /// What of that keeps from booking when it grows too large: what nobody is being asked for, in francs.
    #[schema(example = 0)]
    debt_rwf: i64,
}

async fn view(payments: &Payments, ride: RideId, user: UserId) -> Result<Json<RidePaymentView>, ApiError> {
    Ok(Json(RidePaymentView::of(payments.of_ride(ride, Who::Party(user)).await?)))
}

/// How a ride is paid
///
/// For the rider and the driver of the ride, and for admins. There is nothing before the ride has ended.
#[utoipa::path(
    get,
    path = "/rides/{id}/payment",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The ride")),
    responses(
        (status = 200, description = "The payment", body = RidePaymentView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 404, description = "Nothing is owed for such a ride", body = ErrorBody),
        (status = 422, description = "The id is not a UUID", body = ErrorBody),
    )
)]
async fn ride_payment(
    State(payments): State<Payments>,
    caller: Caller,
    Path(ride): Path<RideId>,
) -> Result<Json<RidePaymentView>, ApiError> {
    if caller.role != Role::Admin {
        return view(&payments, ride, caller.user).await;
    }
    let paying = payments.of_ride(ride, Who::Admin(caller.user)).await?;
    let people: Vec<_> = paying.iter().map(|paying| UserId::from(paying.intent.payer)).collect();
    let act = Act::of_admin(caller.user, "payments.ride_read").on("ride", ride);
    audit::record_read(payments.pool(), &act, &people, clock::now()).await.map_err(Error::from)?;
    Ok(Json(RidePaymentView::of(paying)))
}

/// Pay a ride
///
/// Asks the wallet for what is still owed, or a part of it; the answer comes by the socket (`payment`) and can be read with
/// `GET`. A repetition with the same `Idempotency-Key` asks nobody twice. What is left can be paid by another method.
#[utoipa::path(
    post,
    path = "/rides/{id}/payment",
    tag = "payments",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The ride"),
        ("Idempotency-Key" = String, Header, description = "1 to 255 printable ASCII characters"),
    ),
    request_body = PayBody,
    responses(
        (status = 202, description = "The provider is asked", body = RidePaymentView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
        (status = 404, description = "Nothing is owed for such a ride of the caller's", body = ErrorBody),
        (status = 409, description = "`payment_in_progress`, `nothing_to_pay`, `provider_unavailable`, \
                                      `idempotency_key_reused`", body = ErrorBody),
        (status = 422, description = "A wrong field", body = ErrorBody),
    )
)]
async fn pay_ride(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Path(ride): Path<RideId>,
    key: IdempotencyKey,
    Json(body): Json<PayBody>,
) -> Result<(StatusCode, Json<RidePaymentView>), ApiError> {
    payments.pay_ride(ride, rider, &body.check()?, &key, clock::now()).await?;
    Ok((StatusCode::ACCEPTED, view(&payments, ride, rider.into()).await?))
}

/// Pay the driver in cash after all
///
/// A prompt that is still on a phone is not to be answered; if it is, its money becomes credit. Choosing again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/rides/{id}/payment/cash",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The ride")),
    responses(
        (status = 200, description = "The driver is told", body = RidePaymentView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
        (status = 404, description = "Nothing is owed for such a ride of the caller's", body = ErrorBody),
        (status = 409, description = "`nothing_to_pay`", body = ErrorBody),
        (status = 422, description = "The id is not a UUID", body = ErrorBody),
    )
)]
async fn choose_cash(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Path(ride): Path<RideId>,
) -> Result<Json<RidePaymentView>, ApiError> {
    payments.choose_cash(ride, rider, clock::now()).await?;
    view(&payments, ride, rider.into()).await
}

/// I was paid in cash
///
/// What was still owed for the ride is in the driver's hands.
#[utoipa::path(
    post,
    path = "/rides/{id}/payment/cash-received",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The ride")),
    responses(
        (status = 200, description = "The ride is paid", body = RidePaymentView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a driver", body = ErrorBody),
        (status = 404, description = "Nothing is owed for such a ride of the caller's", body = ErrorBody),
        (status = 409, description = "`nothing_to_pay`, `payment_in_progress`", body = ErrorBody),
        (status = 422, description = "The id is not a UUID", body = ErrorBody),
    )
)]
async fn cash_received(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Path(ride): Path<RideId>,
) -> Result<Json<RidePaymentView>, ApiError> {
    payments.cash_received(ride, driver, clock::now()).await?;
    view(&payments, ride, driver.into()).await
}

/// What I owe
#[utoipa::path(
    get,
    path = "/riders/me/outstanding",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What is not paid", body = OutstandingView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
    )
)]
async fn outstanding(State(payments): State<Payments>, Rider(rider): Rider) -> Result<Json<OutstandingView>, ApiError> {
    let outstanding = payments.outstanding(rider).await?;
    let items: Vec<_> = outstanding.intents.iter().map(IntentView::from).collect();
    let outstanding_rwf = items.iter().map(|item| item.outstanding_rwf).sum();
    Ok(Json(OutstandingView { items, outstanding_rwf, debt_rwf: outstanding.debt.amount() }))
}
