//! The routes of prices: for admins who decide, and for everybody who wants to know what holds.

use axum::extract::State as Service;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::versions::Kind;
use super::{Content, Prices, Proposal, RIDE_TYPES, State, TariffPrices, Terms, TermsNumbers, Version};
use crate::clock;
use crate::error::Error;
use crate::fares::Tariff;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Prices> {
    OpenApiRouter::new()
        .routes(routes!(tariffs))
        .routes(routes!(list_tariffs, propose_tariff))
        .routes(routes!(approve_tariff))
        .routes(routes!(withdraw_tariff))
        .routes(routes!(list_terms, propose_terms))
        .routes(routes!(approve_terms))
        .routes(routes!(withdraw_terms))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TariffBody {
    /// What receipts call it: 1 to 80 characters, of one tariff for ever.
    #[schema(example = "RURA 2027-03-01")]
    name: String,
    /// The first day in Kigali on which it holds; after today.
    #[schema(example = "2027-03-01")]
    valid_from: String,
    /// The document it comes from, 1 to 500 characters.
    source: String,
    /// The prices.
    prices: TariffPrices,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    /// What proofs call them: 1 to 80 characters, of one for ever.
    #[schema(example = "terms 2027-03-01")]
    name: String,
    /// `boda` or `delivery`.
    #[schema(example = "boda")]
    ride_type: String,
    /// The first day in Kigali on which they hold; after today.
    #[schema(example = "2027-03-01")]
    valid_from: String,
    /// The document they come from, 1 to 500 characters.
    source: String,
    /// The numbers.
    numbers: TermsNumbers,
}

/// A version: of a tariff it has `prices`, of terms `ride_type` and `numbers`.
#[derive(Debug, Serialize, ToSchema)]
struct VersionView {
    id: Uuid,
    name: String,
    /// The first day in Kigali on which it holds.
    #[schema(example = "2027-03-01")]
    valid_from: String,
    source: String,
    state: State,
    prices: Option<TariffPrices>,
    ride_type: Option<String>,
    numbers: Option<TermsNumbers>,
    proposed_by: Uuid,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    proposed_at: Timestamp,
    approved_by: Option<Uuid>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    approved_at: Option<Timestamp>,
    withdrawn_by: Option<Uuid>,
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    withdrawn_at: Option<Timestamp>,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        let (prices, ride_type, numbers) = match version.content {
            Content::Tariff(prices) => (Some(prices), None, None),
            Content::Terms { ride_type, numbers } => (None, Some(ride_type), Some(numbers)),
        };
        Self {
            id: version.id,
            name: version.name,
            valid_from: version.valid_from.to_string(),
            source: version.source,
            state: version.state,
            prices,
            ride_type,
            numbers,
            proposed_by: version.proposer.0,
            proposed_at: version.proposed_at,
            approved_by: version.approved.map(|(by, _)| by.0),
            approved_at: version.approved.map(|(_, at)| at),
            withdrawn_by: version.withdrawn.map(|(by, _)| by.0),
            withdrawn_at: version.withdrawn.map(|(_, at)| at),
        }
    }
}

/// What holds, and what is next.
#[derive(Debug, Serialize, ToSchema)]
struct PricesView {
    /// The tariff in force.
    tariff: Option<TariffView>,
    /// The next one; null while none is approved.
    next_tariff: Option<TariffView>,
    /// The platform's terms, one for each kind of ride.
    terms: Vec<TermsView>,
}

/// A tariff.
#[derive(Debug, Serialize, ToSchema)]
struct TariffView {
    #[schema(example = "RURA 2022-08-22")]
    name: String,
    #[schema(example = "2022-08-22")]
    valid_from: String,
    /// Where it was published.
    source: String,
    prices: TariffPrices,
}

/// The terms of a kind of ride.
#[derive(Debug, Serialize, ToSchema)]
struct TermsView {
    #[schema(example = "boda")]
    ride_type: &'static str,
    /// In force.
    now: TermsOfView,
    /// The next ones; null while none are approved.
    next: Option<TermsOfView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TermsOfView {
    name: String,
    /// Null of those that always held.
    valid_from: Option<String>,
    source: String,
    numbers: TermsNumbers,
}

impl From<&Tariff> for TariffView {
    fn from(tariff: &Tariff) -> Self {
        Self {
            name: tariff.name.to_string(),
            valid_from: tariff.valid_from.to_string(),
            source: tariff.source.to_string(),
            prices: TariffPrices::from(tariff),
        }
    }
}

impl From<&Terms> for TermsOfView {
    fn from(terms: &Terms) -> Self {
        Self {
            name: terms.name.clone(),
            valid_from: terms.valid_from.map(|day| day.to_string()),
            source: terms.source.clone(),
            numbers: terms.numbers,
        }
    }
}

/// What rides cost
///
/// The tariff and the terms in force, and the next ones where some are approved, each with the document it comes from.
#[utoipa::path(get, path = "/tariffs", tag = "prices", responses((status = 200, body = PricesView)))]
async fn tariffs(Service(prices): Service<Prices>) -> Result<Json<PricesView>, ApiError> {
    let (book, now) = (prices.book(), clock::now());
    let today = now.kigali_day();
    let next = book.tariffs().tariffs().iter().find(|tariff| tariff.valid_from > today);
    let terms = |ride_type: &'static str| TermsView {
        ride_type,
        now: book.terms_at(ride_type, now).into(),
        next: book.terms_after(ride_type, now).map(Into::into),
    };
    Ok(Json(PricesView {
        tariff: book.tariffs().at(now).map(Into::into),
        next_tariff: next.map(Into::into),
        terms: RIDE_TYPES.map(terms).into(),
    }))
}

/// Lists tariffs, newest first
///
/// Those that were proposed here. What is built in is not among them; `GET /tariffs` shows it while it holds.
#[utoipa::path(get, path = "/admin/tariffs", tag = "prices", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = Page<VersionView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 422, body = ErrorBody)))]
async fn list_tariffs(
    service: Service<Prices>,
    admin: Admin,
    page: Query<PageParams>,
) -> Result<Json<Page<VersionView>>, ApiError> {
    list(service, admin, page, Kind::Tariff).await
}

/// Lists terms, newest first
#[utoipa::path(get, path = "/admin/terms", tag = "prices", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = Page<VersionView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 422, body = ErrorBody)))]
async fn list_terms(
    service: Service<Prices>,
    admin: Admin,
    page: Query<PageParams>,
) -> Result<Json<Page<VersionView>>, ApiError> {
    list(service, admin, page, Kind::Terms).await
}

async fn list(
    Service(prices): Service<Prices>,
    Admin(admin): Admin,
    Query(page): Query<PageParams>,
    kind: Kind,
) -> Result<Json<Page<VersionView>>, ApiError> {
    let versions = prices.versions(kind, &page.check()?, admin, clock::now()).await?;
    Ok(Json(versions.map(VersionView::from)))
}

/// Proposes a tariff
///
/// It holds for nobody until another admin approves it.
#[utoipa::path(post, path = "/admin/tariffs", tag = "prices", security(("bearer" = [])), request_body = TariffBody,
    responses((status = 201, body = VersionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`name_taken`"), (status = 422, body = ErrorBody)))]
async fn propose_tariff(
    service: Service<Prices>,
    admin: Admin,
    Json(body): Json<TariffBody>,
) -> Result<(StatusCode, Json<VersionView>), ApiError> {
    let TariffBody { name, valid_from, source, prices } = body;
    propose(service, admin, Proposal { name, valid_from, source, content: Content::Tariff(prices) }).await
}

/// Proposes terms
///
/// They hold for nobody until another admin approves them.
#[utoipa::path(post, path = "/admin/terms", tag = "prices", security(("bearer" = [])), request_body = TermsBody,
    responses((status = 201, body = VersionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`name_taken`"), (status = 422, body = ErrorBody)))]
async fn propose_terms(
    service: Service<Prices>,
    admin: Admin,
    Json(body): Json<TermsBody>,
) -> Result<(StatusCode, Json<VersionView>), ApiError> {
    let TermsBody { name, ride_type, valid_from, source, numbers } = body;
    propose(service, admin, Proposal { name, valid_from, source, content: Content::Terms { ride_type, numbers } }).await
}

async fn propose(
    Service(prices): Service<Prices>,
    Admin(admin): Admin,
    proposal: Proposal,
) -> Result<(StatusCode, Json<VersionView>), ApiError> {
    let version = prices.propose(proposal, admin, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(version.into())))
}

/// Approves a tariff that another admin proposed
///
/// From its day on rides are priced by it; rides that were quoted before keep their price.
#[utoipa::path(post, path = "/admin/tariffs/{id}/approve", tag = "prices", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = VersionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`four_eyes`, `wrong_state`, `day_passed`, `day_taken`")))]
async fn approve_tariff(service: Service<Prices>, admin: Admin, id: Path<Uuid>) -> Result<Json<VersionView>, ApiError> {
    decide(service, admin, id, (Kind::Tariff, State::Approved)).await
}

/// Approves terms that another admin proposed
#[utoipa::path(post, path = "/admin/terms/{id}/approve", tag = "prices", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = VersionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody, description = "`four_eyes`, `wrong_state`, `day_passed`, `day_taken`")))]
async fn approve_terms(service: Service<Prices>, admin: Admin, id: Path<Uuid>) -> Result<Json<VersionView>, ApiError> {
    decide(service, admin, id, (Kind::Terms, State::Approved)).await
}

/// Withdraws a tariff before its day
#[utoipa::path(post, path = "/admin/tariffs/{id}/withdraw", tag = "prices", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = VersionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "`in_force`")))]
async fn withdraw_tariff(
    service: Service<Prices>,
    admin: Admin,
    id: Path<Uuid>,
) -> Result<Json<VersionView>, ApiError> {
    decide(service, admin, id, (Kind::Tariff, State::Withdrawn)).await
}

/// Withdraws terms before their day
#[utoipa::path(post, path = "/admin/terms/{id}/withdraw", tag = "prices", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = VersionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "`in_force`")))]
async fn withdraw_terms(service: Service<Prices>, admin: Admin, id: Path<Uuid>) -> Result<Json<VersionView>, ApiError> {
    decide(service, admin, id, (Kind::Terms, State::Withdrawn)).await
}

async fn decide(
    Service(prices): Service<Prices>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    (kind, to): (Kind, State),
) -> Result<Json<VersionView>, ApiError> {
    let now = clock::now();
    let version = match to {
        State::Approved => prices.approve(kind, id, admin, now).await?,
        State::Withdrawn => prices.withdraw(kind, id, admin, now).await?,
        State::Proposed => return Err(Error::internal("nothing is un-decided").into()),
    };
    Ok(Json(version.into()))
}
