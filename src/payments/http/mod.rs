//! The routes of this service and what they show.

mod callbacks;
mod operations;
mod payment;
mod cases;
mod ledger;
mod reconciliation;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{DriverBalance, Payments, promotions, receipts};
use crate::clock;
use crate::time::Timestamp;
use crate::web::body::Json;
use crate::web::caller::Driver;
use crate::web::{ApiError, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(driver_balance))
        .merge(payment::routes())
        .merge(operations::routes())
        .merge(callbacks::routes())
        .merge(ledger::routes())
        .merge(cases::routes())
        .merge(reconciliation::routes())
        .merge(super::methods::http::routes())
        .merge(super::payouts::http::routes())
        .merge(super::refunds::http::routes())
        .merge(promotions::http::routes())
        .merge(receipts::http::routes())
}

/// What a driver holds and owes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"cash_collected_rwf": 1186, "commission_owed_rwf": 107, "as_of": "2026-11-23T08:15:02.000Z"}))]
struct BalanceView {
    /// Fares in the driver's hands, in francs.
    cash_collected_rwf: i64,
    /// What the driver owes the platform, in francs; negative when the platform owes the driver.
    commission_owed_rwf: i64,
    /// When the books were looked at. A ride that ended just before may still be on its way into them.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    as_of: Timestamp,
}

impl BalanceView {
    fn of(balance: DriverBalance, as_of: Timestamp) -> Self {
        Self {
            cash_collected_rwf: balance.cash_collected.amount(),
            commission_owed_rwf: balance.commission_owed.amount(),
            as_of,
        }
    }
}

/// What I hold and owe
///
/// Cash rides leave the fare with the driver; the commission on them is owed to the platform.
#[utoipa::path(
    get,
    path = "/drivers/me/balance",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The driver's balance", body = BalanceView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a driver", body = ErrorBody),
    )
)]
async fn driver_balance(
    State(payments): State<Payments>,
    Driver(driver): Driver,
) -> Result<Json<BalanceView>, ApiError> {
    let as_of = clock::now();
    Ok(Json(BalanceView::of(payments.balance(driver).await?, as_of)))
}
