//! Reconciliation over HTTP, for admins: what came of a day, and statements that somebody brings.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::error::Error;
use crate::payments::reconciliation::{Day, Proof, of_csv};
use crate::payments::{Payments, ProviderId};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query, read_at_most};
use crate::web::caller::Admin;
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

/// About 50 000 lines of a portal's export.
const STATEMENT_BYTES_MAX: usize = 8 << 20;

pub(super) fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default().routes(routes!(days)).routes(routes!(upload))
}

/// Which day.
#[derive(Debug, Deserialize, IntoParams)]
struct DayParams {
    /// The day in Kigali, such as 2026-11-25.
    day: NaiveDate,
}

/// What came of a day with a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReconciledDayView)]
struct DayView {
    #[schema(example = "mtn")]
    provider: String,
    day: NaiveDate,
    /// `provider`, `file`, or `none` where there was no statement.
    #[schema(example = "provider")]
    source: String,
    /// Lines and orders by class.
    counts: BTreeMap<String, u64>,
    /// Ledger and provider side by side; empty where the provider did not say.
    proof: Vec<Proof>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    finished_at: Timestamp,
}

/// What came of a day
///
/// One item for each provider that was reconciled. What differs is in the cases.
#[utoipa::path(
    get,
    path = "/admin/reconciliation",
    tag = "payments",
    security(("bearer" = [])),
    params(DayParams),
    responses(
        (status = 200, description = "What came of it", body = Items<DayView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 422, description = "No day", body = ErrorBody),
    )
)]
async fn days(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Query(asked): Query<DayParams>,
) -> Result<Json<Items<DayView>>, ApiError> {
    let days = payments.reconciliations(admin, asked.day, clock::now()).await?;
    let view = |row: crate::payments::store::reconciliation::DayRow| -> Result<DayView, Error> {
        Ok(DayView {
            provider: row.provider,
            day: row.day,
            source: row.source,
            counts: serde_json::from_value(row.counts).map_err(Error::internal)?,
            proof: serde_json::from_value(row.proof).map_err(Error::internal)?,
            finished_at: row.finished_at,
        })
    };
    Ok(Json(Items { items: days.into_iter().map(view).collect::<Result<_, _>>()? }))
}

/// What came of a statement.
#[derive(Debug, Serialize, ToSchema)]
struct UploadView {
    #[schema(example = "mtn")]
    provider: &'static str,
    day: NaiveDate,
    /// Lines and orders by class.
    counts: BTreeMap<&'static str, u64>,
    /// Fees that were booked now, in francs.
    fees_rwf: i64,
    /// Cases that were opened now.
    cases_opened: u64,
    /// What differs, one line of text each.
    differences: Vec<String>,
    /// Ledger and provider side by side.
    proof: Vec<Proof>,
}

impl From<Day> for UploadView {
    fn from(done: Day) -> Self {
        Self {
            provider: done.provider.as_str(),
            day: done.day,
            counts: done.counts,
            fees_rwf: done.fees_rwf,
            cases_opened: done.cases_opened,
            differences: done.differences,
            proof: done.proof,
        }
    }
}

/// Bring a statement
///
/// The CSV that the provider's portal exports for a day, as it is: columns are known by their headers. Bringing it again books
/// nothing twice.
#[utoipa::path(
    post,
    path = "/admin/reconciliation/{provider}/statements",
    tag = "payments",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "`mtn`, `airtel` or `card`"), DayParams),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "What came of it", body = UploadView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 413, description = "More than 8 MiB", body = ErrorBody),
        (status = 422, description = "No such provider, no day, or rows that cannot be read", body = ErrorBody),
    )
)]
async fn upload(
    State(payments): State<Payments>,
    Admin(admin): Admin,
    Path(provider): Path<String>,
    Query(asked): Query<DayParams>,
    body: Body,
) -> Result<Json<UploadView>, ApiError> {
    let unknown = || Error::invalid("provider", &provider, "is none of mtn, airtel, card");
    let provider_id = ProviderId::from_name(&provider).ok_or_else(unknown)?;
    let bytes = read_at_most(body, STATEMENT_BYTES_MAX).await?;
    let lines = of_csv(&bytes)?;
    let done = payments.reconcile_upload(admin, provider_id, asked.day, lines, clock::now()).await?;
    Ok(Json(UploadView::from(done)))
}
