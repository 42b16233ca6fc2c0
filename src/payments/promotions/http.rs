//! The routes of promotions and referral, and what they show.

use axum::extract::State as Service;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::admin::NewPromotion;
use super::referral::Standing;
use super::store::Promotion;
use super::tips::{NewTip, Tip};
use super::{Discount, State};
use crate::clock;
use crate::error::Error;
use crate::ids::RideId;
use crate::money::Francs;
use crate::payments::Payments;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::{Admin, Rider};
use crate::web::page::{Items, Page, PageParams};
use crate::web::{ApiError, ErrorBody, IdempotencyKey};

/// The routes.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(my_promotions))
        .routes(routes!(my_referral, give_referral))
        .routes(routes!(list, propose))
        .routes(routes!(approve))
        .routes(routes!(end))
        .routes(routes!(tip))
}

/// A code that can be used.
#[derive(Debug, Serialize, ToSchema)]
struct OpenPromotionView {
    #[schema(example = "MURAHO")]
    code: String,
    /// A share of the fare, in percent; null of a flat discount.
    percent: Option<u32>,
    /// The most that the share may come to, in francs.
    cap_rwf: Option<i64>,
    /// So many francs; null of a share.
    flat_rwf: Option<i64>,
    /// `boda`, `delivery`; all when empty.
    ride_types: Vec<String>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    valid_until: Timestamp,
    /// How often you may use it still.
    uses_left: i32,
}

/// A promotion as admins see it.
#[derive(Debug, Serialize, ToSchema)]
struct PromotionView {
    id: Uuid,
    #[schema(example = "MURAHO")]
    code: String,
    /// A share of the fare, in percent; null of a flat discount.
    percent: Option<u32>,
    /// The most that the share may come to, in francs.
    cap_rwf: Option<i64>,
    /// So many francs; null of a share.
    flat_rwf: Option<i64>,
    /// `boda`, `delivery`; all when empty.
    ride_types: Vec<String>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    valid_from: Timestamp,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    valid_until: Timestamp,
    /// Only for riders without a completed ride.
    new_riders_only: bool,
    /// Whether riders see it in their list before they used it.
    is_shown: bool,
    uses_per_rider: i32,
    /// What it may cost in all, in francs.
    budget_rwf: i64,
    /// Of it, what is kept for rides under way and what was paid of rides, in francs.
    committed_rwf: i64,
    state: State,
    proposed_by: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    proposed_at: Timestamp,
    /// Null where no second person was needed, or none has looked at it.
    approved_by: Option<Uuid>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    approved_at: Option<Timestamp>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    ended_at: Option<Timestamp>,
}

/// Percent, cap, flat.
struct Numbers {
    percent: Option<u32>,
    cap_rwf: Option<i64>,
    flat_rwf: Option<i64>,
}

impl From<Discount> for Numbers {
    fn from(discount: Discount) -> Self {
        match discount {
            Discount::Share(share, cap) => {
                Self { percent: Some(share.0 / 100), cap_rwf: Some(cap.amount()), flat_rwf: None }
            }
            Discount::Flat(flat) => Self { percent: None, cap_rwf: None, flat_rwf: Some(flat.amount()) },
        }
    }
}

impl From<(Promotion, i32)> for OpenPromotionView {
    fn from((promotion, uses_left): (Promotion, i32)) -> Self {
        let Numbers { percent, cap_rwf, flat_rwf } = promotion.discount.into();
        let Promotion { code, ride_types, valid_until, .. } = promotion;
        Self { code, percent, cap_rwf, flat_rwf, ride_types, valid_until, uses_left }
    }
}

impl From<Promotion> for PromotionView {
    fn from(promotion: Promotion) -> Self {
        let Numbers { percent, cap_rwf, flat_rwf } = promotion.discount.into();
        Self {
            id: promotion.id,
            code: promotion.code,
            percent,
            cap_rwf,
            flat_rwf,
            ride_types: promotion.ride_types,
            valid_from: promotion.valid_from,
            valid_until: promotion.valid_until,
            new_riders_only: promotion.new_riders_only,
            is_shown: promotion.is_shown,
            uses_per_rider: promotion.uses_per_rider,
            budget_rwf: promotion.budget.amount(),
            committed_rwf: promotion.committed.amount(),
            state: promotion.state,
            proposed_by: promotion.proposed_by.0,
            proposed_at: promotion.proposed_at,
            approved_by: promotion.approved_by.map(Uuid::from),
            approved_at: promotion.approved_at,
            ended_at: promotion.ended_at,
        }
    }
}

/// A new promotion: `percent` with `cap_rwf`, or `flat_rwf`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"code": "MURAHO", "percent": 20, "cap_rwf": 300, "valid_from": "2026-12-01T00:00:00+02:00",
    "valid_until": "2027-01-01T00:00:00+02:00", "new_riders_only": true, "uses_per_rider": 2, "budget_rwf": 90000}))]
struct PromotionRequest {
    /// 3 to 20 letters and digits; capitals and small letters are the same.
    code: String,
    /// 1 to 100.
    percent: Option<i64>,
    /// 1 to 100000 francs.
    cap_rwf: Option<i64>,
    /// 1 to 100000 francs.
    flat_rwf: Option<i64>,
    /// `boda`, `delivery`; all when left out.
    #[serde(default)]
    ride_types: Vec<String>,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    #[serde(default)]
    new_riders_only: bool,
    /// Shown to riders who did not type it.
    #[serde(default)]
    is_shown: bool,
    /// 1 to 1000.
    uses_per_rider: i32,
    /// In francs. Above a limit of the house another admin has to approve.
    budget_rwf: i64,
}

/// Why it ends.
#[derive(Debug, Deserialize, ToSchema)]
struct EndRequest {
    /// Up to 200 characters, for the audit log.
    reason: String,
}

/// Which promotions. (Beside the usual paging.)
#[derive(Debug, Deserialize, IntoParams)]
struct ListParams {
    /// `proposed`, `active` or `ended`; all when left out.
    state: Option<String>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A rider's own code and what came of it.
#[derive(Debug, Serialize, ToSchema)]
struct ReferralView {
    /// To be given to friends.
    #[schema(example = "K7Q2MXA")]
    code: String,
    /// What each of the two gets as credit, in francs.
    reward_rwf: i64,
    /// How many gave your code.
    invited: i64,
    /// How many of them paid for a ride.
    rewarded: i64,
    /// What you got for them, in francs.
    earned_rwf: i64,
    /// How you came yourself: `waiting` for your first paid ride, `rewarded`, `unfunded` when the month's money was spent;
    /// null when you gave nobody's code.
    own: Option<String>,
}

impl From<Standing> for ReferralView {
    fn from(standing: Standing) -> Self {
        let Standing { code, reward, invited, rewarded, earned, own } = standing;
        Self { code, reward_rwf: reward.amount(), invited, rewarded, earned_rwf: earned.amount(), own }
    }
}

/// Somebody's code.
#[derive(Debug, Deserialize, ToSchema)]
struct ReferralRequest {
    #[schema(example = "K7Q2MXA")]
    code: String,
}

/// Codes I can use now
#[utoipa::path(
    get, path = "/riders/me/promotions", tag = "payments", security(("bearer" = [])),
    responses(
        (status = 200, description = "What is shown to everybody, and codes you used that have something left", body = Items<OpenPromotionView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
    )
)]
async fn my_promotions(
    Service(payments): Service<Payments>,
    Rider(rider): Rider,
) -> Result<Json<Items<OpenPromotionView>>, ApiError> {
    let open = payments.open_promotions(rider, clock::now()).await?;
    Ok(Json(Items { items: open.into_iter().map(OpenPromotionView::from).collect() }))
}

/// My code for friends
///
/// Whoever gives it before their first ride, and then pays for one, gets credit, and so do you.
#[utoipa::path(
    get, path = "/riders/me/referral", tag = "payments", security(("bearer" = [])),
    responses(
        (status = 200, body = ReferralView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
    )
)]
async fn my_referral(
    Service(payments): Service<Payments>,
    Rider(rider): Rider,
) -> Result<Json<ReferralView>, ApiError> {
    Ok(Json(payments.referral(rider, clock::now()).await?.into()))
}

/// I came by somebody's code
///
/// Once, before the first ride. The same code again changes nothing.
#[utoipa::path(
    post, path = "/riders/me/referral", tag = "payments", security(("bearer" = [])), request_body = ReferralRequest,
    responses(
        (status = 200, body = ReferralView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
        (status = 409, description = "`referral_own_code`, `referral_given`, `referral_not_new`", body = ErrorBody),
        (status = 422, description = "`code` is nobody's", body = ErrorBody),
    )
)]
async fn give_referral(
    Service(payments): Service<Payments>,
    Rider(rider): Rider,
    Json(request): Json<ReferralRequest>,
) -> Result<Json<ReferralView>, ApiError> {
    Ok(Json(payments.give_referral(rider, &request.code, clock::now()).await?.into()))
}

/// Promotions, the newest first
#[utoipa::path(
    get, path = "/admin/promotions", tag = "admin", params(ListParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<PromotionView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "A wrong `state`, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list(
    Service(payments): Service<Payments>,
    Admin(admin): Admin,
    Query(params): Query<ListParams>,
) -> Result<Json<Page<PromotionView>>, ApiError> {
    let known = |name: &String| {
        let names = State::ALL.map(State::as_str).join(", ");
        State::from_name(name).ok_or_else(|| Error::invalid("state", name, format_args!("is not one of {names}")))
    };
    let state = params.state.as_ref().map(known).transpose()?;
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    Ok(Json(payments.promotions(admin, state, &page, clock::now()).await?.map(PromotionView::from)))
}

/// Make a promotion
///
/// In use at once, or `proposed` until another admin approves it, when its budget is above the limit of the house.
#[utoipa::path(
    post, path = "/admin/promotions", tag = "admin", security(("bearer" = [])), request_body = PromotionRequest,
    responses(
        (status = 201, body = PromotionView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 409, description = "`promotion_code_taken`", body = ErrorBody),
        (status = 422, description = "Wrong fields, all of them named", body = ErrorBody),
    )
)]
async fn propose(
    Service(payments): Service<Payments>,
    Admin(admin): Admin,
    Json(request): Json<PromotionRequest>,
) -> Result<(StatusCode, Json<PromotionView>), ApiError> {
    let wished = NewPromotion {
        code: request.code,
        percent: request.percent,
        cap_rwf: request.cap_rwf,
        flat_rwf: request.flat_rwf,
        ride_types: request.ride_types,
        valid_from: request.valid_from,
        valid_until: request.valid_until,
        new_riders_only: request.new_riders_only,
        is_shown: request.is_shown,
        uses_per_rider: request.uses_per_rider,
        budget_rwf: request.budget_rwf,
    };
    let promotion = payments.propose_promotion(admin, &wished, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(promotion.into())))
}

/// Approve a promotion that another admin proposed
#[utoipa::path(
    post, path = "/admin/promotions/{id}/approve", tag = "admin", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which promotion")),
    responses(
        (status = 200, body = PromotionView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such promotion", body = ErrorBody),
        (status = 409, description = "`same_admin`, `promotion_not_proposed`", body = ErrorBody),
    )
)]
async fn approve(
    Service(payments): Service<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<PromotionView>, ApiError> {
    Ok(Json(payments.approve_promotion(admin, id, clock::now()).await?.into()))
}

/// End a promotion
///
/// Nothing more is kept from its budget; rides that were booked with it still get what they were promised.
#[utoipa::path(
    post, path = "/admin/promotions/{id}/end", tag = "admin", security(("bearer" = [])), request_body = EndRequest,
    params(("id" = Uuid, Path, description = "Which promotion")),
    responses(
        (status = 200, body = PromotionView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such promotion", body = ErrorBody),
        (status = 422, description = "A wrong `reason`", body = ErrorBody),
    )
)]
async fn end(
    Service(payments): Service<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<EndRequest>,
) -> Result<Json<PromotionView>, ApiError> {
    Ok(Json(payments.end_promotion(admin, id, &request.reason, clock::now()).await?.into()))
}

/// A tip for the driver.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"amount_rwf": 300, "method": "mtn_momo"}))]
struct TipRequest {
    /// In francs.
    amount_rwf: i64,
    /// `mtn_momo`, `airtel_money` or `card`; as the ride was paid when left out. A tip in cash is given by hand.
    method: Option<String>,
    /// One of your saved methods.
    saved_method_id: Option<Uuid>,
}

/// A tip that is given or on its way.
#[derive(Debug, Serialize, ToSchema)]
struct TipView {
    ride_id: Uuid,
    amount_rwf: i64,
    /// `processing` while a provider asks, `succeeded` when it is paid, `requires_payment` when it was not.
    #[schema(example = "processing")]
    state: String,
    #[schema(example = "mtn_momo")]
    method: String,
}

/// Tip the driver of a completed ride
///
/// All of it is the driver's. Once for each ride, within some days of its end. How it goes on is seen and repeated where the
/// ride's payment is: `/rides/{id}/payment`.
#[utoipa::path(
    post, path = "/rides/{id}/tip", tag = "payments", security(("bearer" = [])), request_body = TipRequest,
    params(("id" = Uuid, Path, description = "Which ride"), ("Idempotency-Key" = String, Header, description = "Of your choice")),
    responses(
        (status = 200, description = "The tip; also when it was given before", body = TipView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
        (status = 404, description = "Not a ride of yours", body = ErrorBody),
        (status = 409, description = "`ride_not_completed`, `tip_too_late`, `tip_given` (another amount)", body = ErrorBody),
        (status = 422, description = "A wrong `amount_rwf` or `method`, or no `Idempotency-Key`", body = ErrorBody),
    )
)]
async fn tip(
    Service(payments): Service<Payments>,
    Rider(rider): Rider,
    Path(id): Path<Uuid>,
    // One tip for each ride is idempotent by itself; the key is asked for as everywhere where money moves.
    _key: IdempotencyKey,
    Json(request): Json<TipRequest>,
) -> Result<Json<TipView>, ApiError> {
    let wished =
        NewTip { amount: Francs(request.amount_rwf), method: request.method, saved_method: request.saved_method_id };
    let Tip { ride, amount, state, method } = payments.tip(rider, RideId(id), &wished, clock::now()).await?;
    Ok(Json(TipView { ride_id: ride.into(), amount_rwf: amount.amount(), state, method }))
}
