//! Attempts and providers, for operators.

use axum::extract::State as Of;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::error::{Checks, Error, Fault};
use crate::payments::attempt::State;
use crate::payments::breaker::{Call, Phase};
use crate::payments::operations::{AttemptFilter, AttemptRow, ProviderState};
use crate::payments::providers::Operation;
use crate::payments::{Payments, ProviderId};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Items, Page, PageParams};
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(check))
        .routes(routes!(providers))
        .routes(routes!(reset))
}

/// Which attempts.
#[derive(Debug, Deserialize, IntoParams)]
struct Filter {
    /// `prepared`, `submitting`, `pending`, `unresolved`, `succeeded`, `failed`, `rejected` or `integrity_failure`.
    state: Option<String>,
    /// `mtn`, `airtel` or `card`.
    provider: Option<String>,
    /// `collection`, `refund` or `payout`.
    operation: Option<String>,
    /// Made since then: RFC 3339.
    #[param(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    since: Option<Timestamp>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Filter {
    fn check(&self) -> Result<AttemptFilter, Error> {
        let mut checks = Checks::new();
        let filter = AttemptFilter {
            state: named(&mut checks, "state", self.state.as_deref(), State::from_name),
            provider: named(&mut checks, "provider", self.provider.as_deref(), ProviderId::from_name),
            operation: named(&mut checks, "operation", self.operation.as_deref(), Operation::from_name),
            since: self.since,
        };
        checks.finish()?;
        Ok(filter)
    }
}

fn named<T>(
    checks: &mut Checks,
    field: &str,
    value: Option<&str>,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = value?;
    let named = from_name(value);
    if named.is_none() {
        checks.fault(Fault::new(field, value, "is no such name"));
    }
    named
}

/// A breaker.
#[derive(Debug, Serialize, ToSchema)]
struct BreakerView {
    /// `collection`, `refund` or `payout`.
    operation: &'static str,
    /// `submit`: orders. `status`: how they stand.
    call: Call,
    /// `closed`: calls go out. `half_open`: a few do. `open`: none does.
    phase: Phase,
    /// Calls that are counted now.
    calls: usize,
    /// Those of them that went wrong.
    bad: usize,
    /// Of an open one: when it is tried out.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    until: Option<Timestamp>,
}

/// Our account at a provider.
#[derive(Debug, Serialize, ToSchema)]
struct OwnBalanceView {
    /// What it is for: `collection`, `refund` or `payout`.
    operation: &'static str,
    /// In francs, as the provider says.
    available_rwf: i64,
}

/// A provider.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderView {
    provider: ProviderId,
    /// Whether it is set up.
    is_configured: bool,
    /// Where orders go.
    base_url: Option<String>,
    /// As the process that answers sees it.
    breakers: Vec<BreakerView>,
    /// Null when the provider did not say.
    balances: Option<Vec<OwnBalanceView>>,
    /// Attempts that are not over.
    open: i64,
}

impl From<ProviderState> for ProviderView {
    fn from(state: ProviderState) -> Self {
        let breakers = state.breakers.into_iter().map(|breaker| BreakerView {
            operation: breaker.operation.as_str(),
            call: breaker.call,
            phase: breaker.phase,
            calls: breaker.calls,
            bad: breaker.bad,
            until: breaker.until,
        });
        let balances = state.balances.ok().map(|balances| {
            let view = |balance: crate::payments::providers::OwnBalance| OwnBalanceView {
                operation: balance.operation.as_str(),
                available_rwf: balance.available.amount(),
            };
            balances.into_iter().map(view).collect()
        });
        Self {
            provider: state.provider,
            is_configured: state.is_configured,
            base_url: state.base_url,
            breakers: breakers.collect(),
            balances,
            open: state.open,
        }
    }
}

/// Payments at providers
///
/// Newest first: collections, refunds and payouts.
#[utoipa::path(
    get,
    path = "/admin/payments",
    tag = "payments",
    security(("bearer" = [])),
    params(Filter),
    responses(
        (status = 200, description = "A page of attempts", body = Page<AttemptRow>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "A wrong filter, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list(
    Of(payments): Of<Payments>,
    Admin(admin): Admin,
    Query(filter): Query<Filter>,
) -> Result<Json<Page<AttemptRow>>, ApiError> {
    let page = PageParams { limit: filter.limit, cursor: filter.cursor.clone() }.check()?;
    Ok(Json(payments.attempts(admin, &filter.check()?, &page, clock::now()).await?))
}

/// A payment at a provider
#[utoipa::path(
    get,
    path = "/admin/payments/{id}",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The attempt")),
    responses(
        (status = 200, description = "The attempt", body = AttemptRow),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such attempt", body = ErrorBody),
        (status = 422, description = "The id is not a UUID", body = ErrorBody),
    )
)]
async fn one(
    Of(payments): Of<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<AttemptRow>, ApiError> {
    Ok(Json(payments.attempt(admin, id, clock::now()).await?))
}

/// Ask a provider about a payment now
///
/// Not sooner than ten seconds after it was last asked. Of one that failed, a success is still heard.
#[utoipa::path(
    post,
    path = "/admin/payments/{id}/check",
    tag = "payments",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The attempt")),
    responses(
        (status = 200, description = "It is asked", body = AttemptRow),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such attempt", body = ErrorBody),
        (status = 409, description = "`payment_over`", body = ErrorBody),
        (status = 422, description = "The id is not a UUID", body = ErrorBody),
    )
)]
async fn check(
    Of(payments): Of<Payments>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<AttemptRow>, ApiError> {
    Ok(Json(payments.check_attempt(admin, id, clock::now()).await?))
}

/// How the providers do
///
/// Breakers are those of the process that answers; balances are asked for now.
#[utoipa::path(
    get,
    path = "/admin/payment-providers",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Every provider", body = Items<ProviderView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
    )
)]
async fn providers(Of(payments): Of<Payments>, Admin(admin): Admin) -> Result<Json<Items<ProviderView>>, ApiError> {
    let states = payments.provider_states(admin, clock::now()).await?;
    Ok(Json(Items { items: states.into_iter().map(ProviderView::from).collect() }))
}

/// Close the breakers of a provider
///
/// Of the process that answers.
#[utoipa::path(
    post,
    path = "/admin/payment-providers/{provider}/reset",
    tag = "payments",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "`mtn`, `airtel` or `card`")),
    responses(
        (status = 204, description = "They are closed"),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such provider", body = ErrorBody),
    )
)]
async fn reset(
    Of(payments): Of<Payments>,
    Admin(admin): Admin,
    Path(provider): Path<String>,
) -> Result<StatusCode, ApiError> {
    let provider = ProviderId::from_name(&provider).ok_or(Error::NotFound { what: "provider" })?;
    payments.reset_breakers(admin, provider, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
