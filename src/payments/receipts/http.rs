//! The route of receipts, and what it shows.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::words::{Word, of_tender};
use super::{Receipt, kigali};
use crate::clock;
use crate::error::Error;
use crate::ids::RideId;
use crate::notifications::Language;
use crate::payments::Payments;
use crate::payments::intent::Purpose;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Rider;
use crate::web::{ApiError, ErrorBody};

/// The page loads nothing and runs nothing; its style stands in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes.
pub fn routes() -> OpenApiRouter<Payments> {
    OpenApiRouter::default().routes(routes!(receipt))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ReceiptParams {
    /// `rw`, `en` or `fr`; your own when left out.
    language: Option<String>,
}

/// A receipt: numbers, and the words of its language ready to be printed beside them.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiptView {
    ride_id: Uuid,
    /// For the telephone.
    #[schema(example = "9F3C21AB")]
    reference: String,
    language: Language,
    /// "Receipt".
    title: String,
    /// That it is not a fiscal receipt.
    notice: String,
    /// Always false: fiscal receipts come from the revenue authority's device.
    is_fiscal: bool,
    seller: SellerView,
    ride: RiddenView,
    /// They add up to the total.
    lines: Vec<ReceiptLineView>,
    total_rwf: i64,
    /// Pieces that were paid; their amounts add up to `paid_rwf`.
    tenders: Vec<TenderView>,
    paid_rwf: i64,
    due_rwf: i64,
    /// One for each tax letter that occurs.
    taxes: Vec<ReceiptTaxView>,
    /// What went back to wallets.
    refunds: Vec<ReceiptRefundView>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    issued_at: Timestamp,
    /// The same in Kigali, as printed.
    #[schema(example = "25/11/2026 07:30")]
    issued: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct SellerView {
    name: String,
    tin: Option<String>,
    address: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RiddenView {
    #[schema(example = "boda")]
    ride_type: String,
    #[schema(example = "completed")]
    status: String,
    driver: Option<String>,
    plate: Option<String>,
    from: Option<String>,
    to: Option<String>,
    distance_m: i32,
    /// Times in Kigali, as printed.
    #[schema(example = "25/11/2026 07:30")]
    booked: String,
    started: Option<String>,
    ended: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ReceiptLineView {
    /// `fare`, `service_fee`, `cancellation_fee`, `tip`.
    #[schema(example = "fare")]
    kind: &'static str,
    #[schema(example = "Fare")]
    text: &'static str,
    amount_rwf: i64,
    #[schema(example = "D")]
    tax_letter: char,
}

#[derive(Debug, Serialize, ToSchema)]
struct TenderView {
    /// `cash`, `mtn`, `airtel`, `card`, `credit`, `promotion`.
    #[schema(example = "mtn")]
    tender: String,
    #[schema(example = "MTN MoMo")]
    text: &'static str,
    amount_rwf: i64,
    /// What was paid beyond what was owed: it became credit.
    surplus_rwf: i64,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    /// The provider's own name of it.
    reference: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ReceiptTaxView {
    #[schema(example = "B")]
    letter: char,
    #[schema(example = 1800)]
    rate_basis_points: u32,
    /// Prices under this letter, tax included.
    amount_rwf: i64,
    /// The tax in them.
    tax_rwf: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ReceiptRefundView {
    text: &'static str,
    amount_rwf: i64,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    at: Timestamp,
    reference: Option<String>,
}

fn kind(word: Word) -> &'static str {
    match word {
        Word::ServiceFee => "service_fee",
        Word::CancellationFee => "cancellation_fee",
        Word::Tip => Purpose::Tip.as_str(),
        _ => "fare",
    }
}

impl From<&Receipt> for ReceiptView {
    fn from(receipt: &Receipt) -> Self {
        let say = |word| receipt.say(word);
        let ridden = &receipt.ridden;
        Self {
            ride_id: receipt.ride.into(),
            reference: receipt.short_reference(),
            language: receipt.language,
            title: say(Word::Receipt).to_owned(),
            notice: say(Word::NotFiscal).to_owned(),
            is_fiscal: false,
            seller: SellerView {
                name: receipt.seller.seller.clone(),
                tin: receipt.seller.tin.clone(),
                address: receipt.seller.address.clone(),
            },
            ride: RiddenView {
                ride_type: ridden.ride_type.clone(),
                status: ridden.status.clone(),
                driver: ridden.driver.clone(),
                plate: ridden.plate.clone(),
                from: ridden.pickup.clone(),
                to: ridden.destination.clone(),
                distance_m: ridden.distance_m,
                booked: kigali(ridden.requested_at),
                started: ridden.started_at.map(kigali),
                ended: ridden.ended_at.map(kigali),
            },
            lines: receipt
                .lines
                .iter()
                .map(|line| ReceiptLineView {
                    kind: kind(line.word),
                    text: say(line.word),
                    amount_rwf: line.amount.amount(),
                    tax_letter: line.tax.letter,
                })
                .collect(),
            total_rwf: receipt.total.amount(),
            tenders: receipt
                .paid
                .iter()
                .map(|piece| TenderView {
                    tender: piece.tender.clone(),
                    text: say(of_tender(&piece.tender)),
                    amount_rwf: piece.amount.amount(),
                    surplus_rwf: piece.surplus.amount(),
                    at: piece.at,
                    reference: piece.reference.clone(),
                })
                .collect(),
            paid_rwf: receipt.total_paid.amount(),
            due_rwf: receipt.due().amount(),
            taxes: receipt
                .taxes
                .iter()
                .map(|total| ReceiptTaxView {
                    letter: total.tax.letter,
                    rate_basis_points: total.tax.rate_basis_points,
                    amount_rwf: total.amount.amount(),
                    tax_rwf: total.included.amount(),
                })
                .collect(),
            refunds: receipt
                .refunds
                .iter()
                .map(|back| ReceiptRefundView {
                    text: say(Word::Refund),
                    amount_rwf: back.amount.amount(),
                    at: back.at,
                    reference: back.reference.clone(),
                })
                .collect(),
            issued_at: receipt.issued_at,
            issued: kigali(receipt.issued_at),
        }
    }
}

/// Whether the caller asks for a page rather than for data: names it, and not data before it.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut kinds = accept.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
    kinds.find(|kind| matches!(*kind, "text/html" | "application/json")) == Some("text/html")
}

/// The receipt of a ride
///
/// What it cost and how it was paid, at any time from its end on; written anew from the books each time. With
/// `Accept: text/html` a page to be printed. It is **not a fiscal receipt**.
#[utoipa::path(
    get, path = "/rides/{id}/receipt", tag = "payments", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which ride"), ReceiptParams),
    responses(
        (status = 200, description = "The receipt", body = ReceiptView),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not a rider", body = ErrorBody),
        (status = 404, description = "Not a ride of yours", body = ErrorBody),
        (status = 409, description = "`no_receipt`: nothing is to be paid for it (yet)", body = ErrorBody),
        (status = 422, description = "A wrong `language`", body = ErrorBody),
    )
)]
async fn receipt(
    State(payments): State<Payments>,
    Rider(rider): Rider,
    Path(id): Path<Uuid>,
    Query(params): Query<ReceiptParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let known = |code: &String| {
        Language::from_code(code).ok_or_else(|| Error::invalid("language", code, "is not one of rw, en, fr"))
    };
    let language = params.language.as_ref().map(known).transpose()?;
    let receipt = payments.receipt(rider, RideId(id), language, clock::now()).await?;
    if wants_page(&headers) {
        let policy = (HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY));
        return Ok(([policy], Html(receipt.page())).into_response());
    }
    Ok(Json(ReceiptView::from(&receipt)).into_response())
}
