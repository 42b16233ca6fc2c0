//! The routes of this service and what they show.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{DriverBalance, DriverTransaction, KindTotal, Payments, TrialBalance};
use super::{promotions, receipts};
use crate::clock;
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::{Admin, Driver};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(driver_balance))
        .routes(routes!(driver_ledger))
        .routes(routes!(trial_balance))
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

/// One transaction of the ledger: the driver's own lines of it.
#[derive(Debug, Serialize, ToSchema)]
struct TransactionView {
    id: Uuid,
    /// When what caused it happened.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    /// The ride it is about.
    ride_id: Option<Uuid>,
    /// What it is, for a person.
    #[schema(example = "cash fare")]
    memo: String,
    /// The lines on the driver's accounts.
    entries: Vec<EntryView>,
    /// By how much it changes what the driver owes, in francs: the sum of the lines.
    #[schema(example = 107)]
    owed_change_rwf: i64,
}

/// A line on one of the driver's accounts.
#[derive(Debug, Serialize, ToSchema)]
struct EntryView {
    /// `driver_cash`: fares in the driver's hands. `driver_payable`: what rides earned, commission deducted.
    #[schema(example = "driver_cash")]
    account: &'static str,
    /// Debit positive, credit negative, in francs.
    #[schema(example = 1186)]
    amount_rwf: i64,
}

impl From<DriverTransaction> for TransactionView {
    fn from(transaction: DriverTransaction) -> Self {
        let entries = transaction.entries.iter();
        Self {
            id: transaction.id,
            at: transaction.at,
            ride_id: transaction.ride.map(Uuid::from),
            memo: transaction.memo,
            owed_change_rwf: entries.clone().map(|entry| entry.amount.amount()).sum(),
            entries: entries
                .map(|entry| EntryView { account: entry.kind.as_str(), amount_rwf: entry.amount.amount() })
                .collect(),
        }
    }
}

/// The sums of all accounts by kind.
#[derive(Debug, Serialize, ToSchema)]
struct TrialBalanceView {
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    as_of: Timestamp,
    /// One for each kind of account, used or not.
    kinds: Vec<KindTotalView>,
    /// The sum of all balances, in francs: zero in sound books.
    #[schema(example = 0)]
    difference_rwf: i64,
}

/// The sums of all accounts of one kind, in francs.
#[derive(Debug, Serialize, ToSchema)]
struct KindTotalView {
    #[schema(example = "commission_income")]
    kind: &'static str,
    /// How many accounts of that kind there are.
    accounts: i64,
    debit_rwf: i64,
    /// As a positive amount.
    credit_rwf: i64,
    /// Debits less credits.
    balance_rwf: i64,
}

impl TrialBalanceView {
    fn of(balance: &TrialBalance, as_of: Timestamp) -> Self {
        let kind = |total: &KindTotal| KindTotalView {
            kind: total.kind.as_str(),
            accounts: total.accounts,
            debit_rwf: total.debit.amount(),
            credit_rwf: total.credit.amount(),
            balance_rwf: total.balance().amount(),
        };
        let kinds = balance.kinds.iter().map(kind).collect();
        Self { as_of, kinds, difference_rwf: balance.difference.amount() }
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

/// My lines of the ledger
///
/// Newest first; one item for each transaction. The sum of every `owed_change_rwf` is what the balance says is owed.
#[utoipa::path(
    get,
    path = "/drivers/me/ledger",
    tag = "payments",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "A page of transactions", body = Page<TransactionView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a driver", body = ErrorBody),
        (status = 422, description = "A wrong `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn driver_ledger(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<TransactionView>>, ApiError> {
    let transactions = payments.driver_ledger(driver, &page.check()?).await?;
    Ok(Json(transactions.map(TransactionView::from)))
}

/// The trial balance
///
/// The sums of all accounts of the ledger by kind; in sound books they come to zero.
#[utoipa::path(
    get,
    path = "/admin/ledger/trial-balance",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The trial balance", body = TrialBalanceView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
    )
)]
async fn trial_balance(
    State(payments): State<Payments>,
    Admin(admin): Admin,
) -> Result<Json<TrialBalanceView>, ApiError> {
    let as_of = clock::now();
    Ok(Json(TrialBalanceView::of(&payments.trial_balance(admin, as_of).await?, as_of)))
}
