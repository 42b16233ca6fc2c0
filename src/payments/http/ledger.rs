//! The books over HTTP: statements for those whose they are, everything for admins.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::error::Error;
use crate::ids::{RideId, UserId};
use crate::payments::books::period;
use crate::payments::ledger::{Kind, word};
use crate::payments::store::books::{AccountRow, Member, StatementItem, Wanted, WholeTransaction};
use crate::payments::{DriverEntry, KindTotal, Payments, TrialBalance};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::{Admin, Driver, Rider};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default()
        .routes(routes!(driver_ledger))
        .routes(routes!(rider_balance))
        .routes(routes!(rider_ledger))
        .routes(routes!(trial_balance))
        .routes(routes!(accounts))
        .routes(routes!(transactions))
        .routes(routes!(cooperative_statement))
}

/// Days of a statement.
#[derive(Debug, Default, Deserialize, IntoParams)]
struct Days {
    /// First day in Kigali, such as 2026-11-01.
    from: Option<NaiveDate>,
    /// Last day in Kigali.
    to: Option<NaiveDate>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Days {
    fn page(&self) -> PageParams {
        PageParams { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// One transaction of the ledger: the reader's own lines of it.
#[derive(Debug, Serialize, ToSchema)]
struct TransactionView {
    id: Uuid,
    /// When what caused it happened.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    /// The ride it is about.
    ride_id: Option<Uuid>,
    /// What it is: `cash_fare`, `wallet_fare`, `payout`, `cash_commission_netted` …
    #[schema(example = "cash_fare")]
    what: &'static str,
    /// What it is, for a person.
    #[schema(example = "cash fare")]
    memo: String,
    /// The lines on the reader's accounts.
    entries: Vec<EntryView>,
    /// By how much it changes what the reader owes, in francs: the sum of the lines.
    #[schema(example = 107)]
    owed_change_rwf: i64,
    /// What the reader owed after it, in francs; negative: what the platform owed the reader.
    #[schema(example = 107)]
    owed_after_rwf: i64,
}

/// A line on one of the reader's accounts.
#[derive(Debug, Serialize, ToSchema)]
struct EntryView {
    /// `driver_cash`: fares in the driver's hands. `driver_payable`: what rides earned, commission deducted. `rider_credit`:
    /// what the platform owes the rider.
    #[schema(example = "driver_cash")]
    account: &'static str,
    /// Debit positive, credit negative, in francs.
    #[schema(example = 1186)]
    amount_rwf: i64,
    /// What the account held after it: debits less credits.
    #[schema(example = 1186)]
    balance_rwf: i64,
}

impl From<StatementItem> for TransactionView {
    fn from(item: StatementItem) -> Self {
        let sum = |entries: &[DriverEntry]| entries.iter().map(|entry| entry.amount.amount()).sum();
        let held = |kind: Kind| item.after.iter().find(|held| held.kind == kind).map_or(0, |held| held.amount.amount());
        let view = |entry: &DriverEntry| EntryView {
            account: entry.kind.as_str(),
            amount_rwf: entry.amount.amount(),
            balance_rwf: held(entry.kind),
        };
        Self {
            id: item.id,
            at: item.at,
            ride_id: item.ride.map(Uuid::from),
            what: word(&item.cause),
            owed_change_rwf: sum(&item.entries),
            owed_after_rwf: sum(&item.after),
            entries: item.entries.iter().map(view).collect(),
            memo: item.memo,
        }
    }
}

/// My lines of the ledger
///
/// Booked last first, with what was owed after each; one item for each transaction. The sum of every `owed_change_rwf` is
/// what the balance says is owed.
#[utoipa::path(
    get,
    path = "/drivers/me/ledger",
    tag = "payments",
    security(("bearer" = [])),
    params(Days),
    responses(
        (status = 200, description = "A page of transactions", body = Page<TransactionView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a driver", body = ErrorBody),
        (status = 422, description = "A wrong `limit`, `cursor` or day", body = ErrorBody),
    )
)]
async fn driver_ledger(
    State(payments): State<Payments>,
    Driver(driver): Driver,
    Query(days): Query<Days>,
) -> Result<Json<Page<TransactionView>>, ApiError> {
    let period = period(days.from, days.to)?;
    let page = payments.driver_statement(driver, period, &days.page().check()?).await?;
    Ok(Json(page.map(TransactionView::from)))
}

/// What the platform owes a rider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"credit_rwf": 500, "as_of": "2026-11-23T08:15:02.000Z"}))]
struct CreditView {
    /// Credit for rides, in francs.
    credit_rwf: i64,
    /// When the books were looked at.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    as_of: Timestamp,
}

/// My credit
///
/// Refunds, referral rewards and payments that came too late become credit; rides use it first unless told otherwise.
#[utoipa::path(
    get,
    path = "/riders/me/balance",
    tag = "payments",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The rider's credit", body = CreditView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
    )
)]
async fn rider_balance(State(payments): State<Payments>, Rider(rider): Rider) -> Result<Json<CreditView>, ApiError> {
    let as_of = clock::now();
    let credit = payments.rider_credit(UserId::from(rider)).await?;
    Ok(Json(CreditView { credit_rwf: credit.amount(), as_of }))
}

/// My lines of the ledger
///
/// What gave and what took credit, booked last first.
#[utoipa::path(
    get,
    path = "/riders/me/ledger",
    tag = "payments",
    security(("bearer" = [])),
    params(Days),
    responses(
        (status = 200, description = "A page of transactions", body = Page<TransactionView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
        (status = 422, description = "A wrong `limit`, `cursor` or day", body = ErrorBody),
    )
)]
async fn rider_ledger(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Query(days): Query<Days>,
) -> Result<Json<Page<TransactionView>>, ApiError> {
    let period = period(days.from, days.to)?;
    let page = payments.rider_statement(UserId::from(rider), period, &days.page().check()?).await?;
    Ok(Json(page.map(TransactionView::from)))
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
    /// How many accounts of that kind there are now.
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

/// As of when.
#[derive(Debug, Deserialize, IntoParams)]
struct AsOf {
    /// The books as they stood at this instant, such as 2026-11-23T22:00:00Z; now when left out.
    as_of: Option<chrono::DateTime<chrono::Utc>>,
}

/// The trial balance
///
/// The sums of all accounts of the ledger by kind; in sound books they come to zero. With `as_of` what was booked before.
#[utoipa::path(
    get,
    path = "/admin/ledger/trial-balance",
    tag = "payments",
    security(("bearer" = [])),
    params(AsOf),
    responses(
        (status = 200, description = "The trial balance", body = TrialBalanceView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "A wrong `as_of`", body = ErrorBody),
    )
)]
async fn trial_balance(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(asked): Query<AsOf>,
) -> Result<Json<TrialBalanceView>, ApiError> {
    let now = clock::now();
    let Some(as_of) = asked.as_of.map(Timestamp::from) else {
        return Ok(Json(TrialBalanceView::of(&payments.trial_balance(admin, now).await?, now)));
    };
    Ok(Json(TrialBalanceView::of(&payments.trial_balance_at(admin, as_of, now).await?, as_of)))
}

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
struct AccountParams {
    /// Of this kind only, such as `driver_payable`.
    kind: Option<String>,
    /// Of this person only.
    owner_id: Option<Uuid>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An account with its sums, in francs.
#[derive(Debug, Serialize, ToSchema)]
struct AccountView {
    id: i64,
    #[schema(example = "driver_payable")]
    kind: &'static str,
    /// Whose; null of the platform's own.
    owner_id: Option<Uuid>,
    debit_rwf: i64,
    /// As a positive amount.
    credit_rwf: i64,
    /// Debits less credits.
    balance_rwf: i64,
}

impl From<AccountRow> for AccountView {
    fn from(row: AccountRow) -> Self {
        let (debit_rwf, credit_rwf) = (row.debit.amount(), row.credit.amount());
        let balance_rwf = debit_rwf - credit_rwf;
        Self { id: row.id, kind: row.kind.as_str(), owner_id: row.owner, debit_rwf, credit_rwf, balance_rwf }
    }
}

/// The accounts of the ledger
///
/// The newest first, with the sums that the database keeps.
#[utoipa::path(
    get,
    path = "/admin/ledger/accounts",
    tag = "payments",
    security(("bearer" = [])),
    params(AccountParams),
    responses(
        (status = 200, description = "A page of accounts", body = Page<AccountView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "No such kind, or a wrong `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn accounts(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(asked): Query<AccountParams>,
) -> Result<Json<Page<AccountView>>, ApiError> {
    let kind = match &asked.kind {
        Some(name) => {
            let unknown = || Error::invalid("kind", name, "is no kind of account");
            Some(Kind::from_name(name).ok_or_else(unknown)?)
        }
        None => None,
    };
    let page = PageParams { limit: asked.limit, cursor: asked.cursor }.check()?;
    let accounts = payments.accounts(admin, kind, asked.owner_id, &page, clock::now()).await?;
    Ok(Json(accounts.map(AccountView::from)))
}

/// Which transactions: at most one of `cause`, `ride_id`, `account`.
#[derive(Debug, Deserialize, IntoParams)]
struct TransactionParams {
    /// The one of this cause, such as `attempt:UUID:capture`.
    cause: Option<String>,
    /// Those about a ride.
    ride_id: Option<Uuid>,
    /// Those that touch the account of this number.
    account: Option<i64>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A whole transaction.
#[derive(Debug, Serialize, ToSchema)]
struct WholeTransactionView {
    id: Uuid,
    /// When what caused it happened.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    /// What caused it; nothing is ever booked twice for one cause.
    #[schema(example = "ride:0197c1de-2f0a-7c3e-9d8a-0a1b2c3d4e5f:cash")]
    cause: String,
    #[schema(example = "cash_fare")]
    what: &'static str,
    ride_id: Option<Uuid>,
    memo: String,
    /// All its lines; they come to zero.
    lines: Vec<LineView>,
}

/// A line of a transaction.
#[derive(Debug, Serialize, ToSchema)]
struct LineView {
    /// The number of the account.
    account: i64,
    #[schema(example = "driver_payable")]
    kind: &'static str,
    owner_id: Option<Uuid>,
    /// Debit positive, credit negative, in francs.
    amount_rwf: i64,
}

impl From<WholeTransaction> for WholeTransactionView {
    fn from(whole: WholeTransaction) -> Self {
        let line = |(account, kind, owner_id, amount): (i64, Kind, Option<Uuid>, crate::money::Francs)| LineView {
            account,
            kind: kind.as_str(),
            owner_id,
            amount_rwf: amount.amount(),
        };
        Self {
            id: whole.id,
            at: whole.at,
            what: word(&whole.cause),
            cause: whole.cause,
            ride_id: whole.ride.map(Uuid::from),
            memo: whole.memo,
            lines: whole.lines.into_iter().map(line).collect(),
        }
    }
}

/// The transactions of the ledger
///
/// Booked last first, with all their lines.
#[utoipa::path(
    get,
    path = "/admin/ledger/transactions",
    tag = "payments",
    security(("bearer" = [])),
    params(TransactionParams),
    responses(
        (status = 200, description = "A page of transactions", body = Page<WholeTransactionView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "More than one filter, or a wrong `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn transactions(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(asked): Query<TransactionParams>,
) -> Result<Json<Page<WholeTransactionView>>, ApiError> {
    let wanted = match (asked.cause, asked.ride_id, asked.account) {
        (None, None, None) => Wanted::All,
        (Some(cause), None, None) => Wanted::Cause(cause),
        (None, Some(ride), None) => Wanted::Ride(RideId(ride)),
        (None, None, Some(account)) => Wanted::Account(account),
        _ => return Err(Error::invalid("cause", "", "is given together with ride_id or account: one of them").into()),
    };
    let page = PageParams { limit: asked.limit, cursor: asked.cursor }.check()?;
    let found = payments.transactions(admin, &wanted, &page, clock::now()).await?;
    Ok(Json(found.map(WholeTransactionView::from)))
}

/// Which days of a cooperative, and how they are written.
#[derive(Debug, Deserialize, IntoParams)]
struct CooperativeParams {
    /// First day in Kigali.
    from: Option<NaiveDate>,
    /// Last day in Kigali.
    to: Option<NaiveDate>,
    /// `json` (the default) or `csv`.
    format: Option<String>,
}

/// What the drivers of a cooperative earned, collected and were paid.
#[derive(Debug, Serialize, ToSchema)]
struct CooperativeView {
    #[schema(example = "COTAMOKI")]
    cooperative: String,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    drivers: Vec<Member>,
    /// The sum of what all of them earned, in francs.
    earned_rwf: i64,
    /// The sum of what all of them were paid out, in francs.
    paid_out_rwf: i64,
}

/// A cooperative's statement
///
/// For each driver whose approved membership the cooperative issued: rides, earnings, payouts, cash. Days are days in Kigali,
/// both included, by when a ride ended.
#[utoipa::path(
    get,
    path = "/admin/cooperatives/{name}/statement",
    tag = "payments",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "As on the approved papers; capitals do not matter"), CooperativeParams),
    responses(
        (status = 200, description = "The statement", content(
            (CooperativeView = "application/json"), (String = "text/csv"))),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No driver has an approved membership of that cooperative", body = ErrorBody),
        (status = 422, description = "A wrong day or format", body = ErrorBody),
    )
)]
async fn cooperative_statement(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(name): Path<String>,
    Query(asked): Query<CooperativeParams>,
) -> Result<Response, ApiError> {
    let is_csv = match asked.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => return Err(Error::invalid("format", other, "is neither json nor csv").into()),
    };
    let period = period(asked.from, asked.to)?;
    let drivers = payments.cooperative_statement(admin, &name, period, clock::now()).await?;
    if is_csv {
        let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment")];
        return Ok((headers, Body::from(as_csv(&drivers)?)).into_response());
    }
    let (mut earned_rwf, mut paid_out_rwf) = (0, 0);
    for driver in &drivers {
        earned_rwf += driver.earned_rwf;
        paid_out_rwf += driver.paid_out_rwf;
    }
    let (from, to) = (asked.from, asked.to);
    Ok(Json(CooperativeView { cooperative: name, from, to, drivers, earned_rwf, paid_out_rwf }).into_response())
}

fn as_csv(drivers: &[Member]) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for driver in drivers {
        writer.serialize(driver).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|error| Error::internal(error.into_error()))
}
