//! The routes of payouts and what they show.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::terms::PayoutKind;
use super::{Payout, PayoutQuote, WeeklyRun};
use crate::clock;
use crate::error::Error;
use crate::money::Francs;
use crate::payments::Payments;
use crate::payments::method::ProviderId;
use crate::time::Timestamp;
use crate::web::body::{Json, MaybeJson, Path, Query};
use crate::web::caller::{Admin, Driver};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody, IdempotencyKey};

/// Every route of this room.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(quote))
        .routes(routes!(list, request))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(admin_list))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(run_week))
}

/// A payout.
#[derive(Debug, Serialize, ToSchema)]
struct PayoutView {
    id: Uuid,
    driver_id: Uuid,
    kind: PayoutKind,
    /// The Monday of a weekly one.
    week: Option<NaiveDate>,
    state: super::State,
    /// What leaves the driver's account, in francs.
    #[schema(example = 1000)]
    amount_rwf: i64,
    /// What it costs, its tax included.
    #[schema(example = 110)]
    fee_rwf: i64,
    /// What arrives.
    #[schema(example = 890)]
    net_rwf: i64,
    /// Cash in the driver's hands that was settled against earnings before.
    netted_rwf: i64,
    provider: ProviderId,
    /// Why it failed, or waits: `payee_blocked`, `own_account` …
    failure: Option<String>,
    /// Why an admin said no.
    reason: Option<String>,
    /// How many of the two admins have said yes, of a large one.
    approvals: i64,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    requested_at: Timestamp,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    finished_at: Option<Timestamp>,
}

impl From<Payout> for PayoutView {
    fn from(payout: Payout) -> Self {
        Self {
            id: payout.id,
            driver_id: payout.driver.0,
            kind: payout.kind,
            week: payout.week,
            state: payout.state,
            amount_rwf: payout.taken().amount(),
            fee_rwf: payout.fee.amount(),
            net_rwf: payout.amount.amount(),
            netted_rwf: payout.netted.amount(),
            provider: payout.provider,
            failure: payout.failure,
            reason: payout.reason,
            approvals: payout.approvals,
            requested_at: payout.requested_at,
            finished_at: payout.finished_at,
        }
    }
}

/// What a payout would be now.
#[derive(Debug, Serialize, ToSchema)]
struct PayoutQuoteView {
    amount_rwf: i64,
    fee_rwf: i64,
    net_rwf: i64,
    /// Cash in your hands that would be settled against earnings before.
    netted_rwf: i64,
    /// What you can take out now.
    available_rwf: i64,
    /// Whether two admins have to say yes first.
    needs_approval: bool,
    /// Whether asking for it now would do.
    is_possible: bool,
    /// Why not, for programs.
    #[schema(example = "balance_too_low")]
    code: Option<&'static str>,
    /// Why not, for people.
    message: Option<String>,
    /// When everything is paid without a fee.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    next_weekly_at: Timestamp,
}

impl From<PayoutQuote> for PayoutQuoteView {
    fn from(quote: PayoutQuote) -> Self {
        Self {
            amount_rwf: quote.amount.amount(),
            fee_rwf: quote.fee.amount(),
            net_rwf: quote.net.amount(),
            netted_rwf: quote.netted.amount(),
            available_rwf: quote.available.amount(),
            needs_approval: quote.needs_approval,
            is_possible: quote.why_not.is_none(),
            code: quote.why_not.map(super::WhyNot::code),
            message: quote.why_not.map(super::WhyNot::text),
            next_weekly_at: quote.next_weekly_at,
        }
    }
}

/// Which amount.
#[derive(Debug, Deserialize, IntoParams)]
struct QuoteParams {
    /// What is to leave the account, in whole francs.
    amount_rwf: i64,
}

/// What a payout would cost me
#[utoipa::path(
    get, path = "/drivers/me/payout-quote", tag = "payments", params(QuoteParams), security(("bearer" = [])),
    responses(
        (status = 200, body = PayoutQuoteView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: amount_rwf")
    )
)]
async fn quote(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Query(params): Query<QuoteParams>,
) -> Result<Json<PayoutQuoteView>, ApiError> {
    Ok(Json(payments.payout_quote(driver, Francs(params.amount_rwf), clock::now()).await?.into()))
}

/// How much.
#[derive(Debug, Deserialize, ToSchema)]
struct PayoutRequest {
    /// What is to leave the account, in whole francs; the fee is taken from it.
    #[schema(example = 1000)]
    amount_rwf: i64,
}

/// Pay me out now
///
/// The same `Idempotency-Key` again answers the same payout, with 200.
#[utoipa::path(
    post, path = "/drivers/me/payouts", tag = "payments", security(("bearer" = [])), request_body = PayoutRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 printable characters")),
    responses(
        (status = 200, body = PayoutView, description = "It was asked for before, with this key"),
        (status = 201, body = PayoutView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 409, body = ErrorBody, description = "`no_payout_wallet`, `wallet_on_hold`, `wallet_not_verified`, `wallet_name_differs`, `wallet_flagged`, `amount_too_small`, `amount_too_large`, `balance_too_low`, `too_many_payouts`, `idempotency_key_reused`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: amount_rwf, Idempotency-Key")
    )
)]
async fn request(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    key: IdempotencyKey,
    Json(request): Json<PayoutRequest>,
) -> Result<(StatusCode, Json<PayoutView>), ApiError> {
    let requested = payments.request_payout(driver, &key, Francs(request.amount_rwf), clock::now()).await?;
    let status = if requested.replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(requested.payout.into())))
}

/// My payouts, newest first
#[utoipa::path(
    get, path = "/drivers/me/payouts", tag = "payments", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<PayoutView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: limit, cursor")
    )
)]
async fn list(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<PayoutView>>, ApiError> {
    Ok(Json(payments.payouts_of(driver, &page.check()?).await?.map(PayoutView::from)))
}

/// One of my payouts
#[utoipa::path(
    get, path = "/drivers/me/payouts/{id}", tag = "payments", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = PayoutView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn show(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Path(id): Path<Uuid>,
) -> Result<Json<PayoutView>, ApiError> {
    Ok(Json(payments.payout_of(driver, id).await?.into()))
}

/// Take back a payout that waits
#[utoipa::path(
    post, path = "/drivers/me/payouts/{id}/cancel", tag = "payments", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = PayoutView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`payout_not_waiting`")
    )
)]
async fn cancel(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Path(id): Path<Uuid>,
) -> Result<Json<PayoutView>, ApiError> {
    Ok(Json(payments.cancel_payout(driver, id, clock::now()).await?.into()))
}

/// Which payouts. (Beside the usual paging.)
#[derive(Debug, Deserialize, IntoParams)]
struct ListParams {
    /// `awaiting_approval`, `held`, `in_flight`, `paid`, `failed`, `cancelled` or `rejected`; all when left out.
    state: Option<String>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Payouts, newest first
#[utoipa::path(
    get, path = "/admin/payouts", tag = "admin", params(ListParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<PayoutView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: state, limit, cursor")
    )
)]
async fn admin_list(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(params): Query<ListParams>,
) -> Result<Json<Page<PayoutView>>, ApiError> {
    let known = |name: &String| {
        let names = super::State::ALL.map(super::State::as_str).join(", ");
        super::State::from_name(name)
            .ok_or_else(|| Error::invalid("state", name, format_args!("is not one of {names}")))
    };
    let state = params.state.as_ref().map(known).transpose()?;
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    Ok(Json(payments.payouts_listed(admin, state, &page, clock::now()).await?.map(PayoutView::from)))
}

/// Say yes to a large payout
///
/// The second admin's yes sends it.
#[utoipa::path(
    post, path = "/admin/payouts/{id}/approve", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 200, body = PayoutView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`, `payee`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`payout_not_waiting`, `approved_already`, `wallet_changed`, `wallet_on_hold`, `wallet_flagged`")
    )
)]
async fn approve(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<PayoutView>, ApiError> {
    Ok(Json(payments.approve_payout(admin, id, clock::now()).await?.into()))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
struct RejectPayoutRequest {
    /// The driver reads this; up to 500 characters.
    #[schema(example = "the wallet is being looked at")]
    reason: String,
}

/// Say no to a payout that waits
///
/// The money is the driver's again.
#[utoipa::path(
    post, path = "/admin/payouts/{id}/reject", tag = "admin", params(("id" = Uuid, Path)), security(("bearer" = [])),
    request_body = RejectPayoutRequest,
    responses(
        (status = 200, body = PayoutView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 409, body = ErrorBody, description = "`payout_not_waiting`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: reason")
    )
)]
async fn reject(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<RejectPayoutRequest>,
) -> Result<Json<PayoutView>, ApiError> {
    Ok(Json(payments.reject_payout(admin, id, &request.reason, clock::now()).await?.into()))
}

/// Which week.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct WeeklyRequest {
    /// The settlement that was last due then is run; now when left out.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    as_of: Option<Timestamp>,
}

/// What a weekly run did.
#[derive(Debug, Serialize, ToSchema)]
struct WeeklyRunView {
    sent: u32,
    awaiting_approval: u32,
    /// Waiting for money of ours.
    held: u32,
    /// Drivers who get nothing now.
    skipped: u32,
    /// What was taken from drivers' accounts, in francs.
    amount_rwf: i64,
}

impl From<WeeklyRun> for WeeklyRunView {
    fn from(run: WeeklyRun) -> Self {
        let WeeklyRun { sent, awaiting_approval, held, skipped, amount } = run;
        Self { sent, awaiting_approval, held, skipped, amount_rwf: amount }
    }
}

/// Run the weekly settlement by hand
///
/// Run twice for a week it pays nobody twice.
#[utoipa::path(
    post, path = "/admin/payouts/weekly", tag = "admin", security(("bearer" = [])), request_body = WeeklyRequest,
    responses(
        (status = 200, body = WeeklyRunView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: as_of")
    )
)]
async fn run_week(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    MaybeJson(request): MaybeJson<WeeklyRequest>,
) -> Result<Json<WeeklyRunView>, ApiError> {
    let as_of = request.unwrap_or_default().as_of;
    Ok(Json(payments.pay_weekly_by_hand(admin, as_of, clock::now()).await?.into()))
}
