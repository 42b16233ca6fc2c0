//! `/drivers/me`: a driver's own papers.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::drivers::http::{DocumentView, DriverPapersView};
use crate::drivers::{DocumentRequest, Drivers, PapersRequest};
use crate::web::body::Json;
use crate::web::caller::Driver;
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

pub(super) fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new().routes(routes!(show, put)).routes(routes!(documents, add_document))
}

/// One's own papers and standing
#[utoipa::path(
    get, path = "/drivers/me", tag = "drivers", security(("bearer" = [])),
    responses(
        (status = 200, body = DriverPapersView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 404, body = ErrorBody, description = "`not_found`: no papers were sent yet")
    )
)]
async fn show(State(drivers): State<Drivers>, Driver(driver): Driver) -> Result<Json<DriverPapersView>, ApiError> {
    Ok(Json(drivers.driver(driver).await?.into()))
}

/// Sends one's papers
///
/// Papers that differ from those before go to review: until an admin approves them, no rides. The same ones change
/// nothing. A paper that only follows one in force is better handed in with `POST /drivers/me/documents`: it is reviewed
/// while the old one counts.
#[utoipa::path(
    put, path = "/drivers/me", tag = "drivers", security(("bearer" = [])), request_body = PapersRequest,
    responses(
        (status = 200, body = DriverPapersView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 409, body = ErrorBody, description = "`plate_taken`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn put(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Json(request): Json<PapersRequest>,
) -> Result<Json<DriverPapersView>, ApiError> {
    let now = clock::now();
    Ok(Json(drivers.put_papers(driver, &request.check(now)?, now).await?.into()))
}

/// One's own documents, newest first
#[utoipa::path(
    get, path = "/drivers/me/documents", tag = "drivers", security(("bearer" = [])),
    responses(
        (status = 200, body = Items<DocumentView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver")
    )
)]
async fn documents(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
) -> Result<Json<Items<DocumentView>>, ApiError> {
    let documents = drivers.documents(driver).await?;
    Ok(Json(Items { items: documents.into_iter().map(DocumentView::from).collect() }))
}

/// Hands a paper in, as data
///
/// What of its kind waits for review makes room for it; what is in force stays so until this one is approved.
#[utoipa::path(
    post, path = "/drivers/me/documents", tag = "drivers", security(("bearer" = [])), request_body = DocumentRequest,
    responses(
        (status = 201, body = DocumentView),
        (status = 400, body = ErrorBody, description = "`malformed_body`"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 409, body = ErrorBody, description = "`no_papers`, `too_many_documents`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`, with every fault")
    )
)]
async fn add_document(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Json(request): Json<DocumentRequest>,
) -> Result<(StatusCode, Json<DocumentView>), ApiError> {
    let now = clock::now();
    let document = drivers.add_document(driver, request.check(now)?, now).await?;
    Ok((StatusCode::CREATED, Json(document.into())))
}
