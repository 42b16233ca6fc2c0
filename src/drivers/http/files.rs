//! The files of papers, in and out: `/drivers/me/documents/{kind}/file` and what reviewers fetch.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::drivers::files::{Download, Upload};
use crate::drivers::http::DocumentView;
use crate::drivers::{DocumentKind, Drivers};
use crate::error::Error;
use crate::ids::DriverId;
use crate::storage::FileType;
use crate::web::body::{Json, Path, read_at_most};
use crate::web::caller::{Admin, Driver};
use crate::web::{ApiError, ErrorBody};

/// What may be sent, for the refusal of something else.
const TYPES: &str = "must be image/jpeg, image/png, image/webp or application/pdf";

pub(super) fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new().routes(routes!(put, own)).routes(routes!(reviewed))
}

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is there to be described")]
struct FileBytes(Vec<u8>);

/// Sends the picture or scan of a paper
///
/// The bytes themselves, with their type. What they are is found out from them: a file that is not what it says, that is two
/// files in one, that does something when opened, or that the malware scanner knows, is refused. Pictures lose what cameras
/// write beside them. It belongs to the paper of that kind that waits for review; where there is none, the one before is
/// handed in anew with this file. A photo needs nothing before it.
#[utoipa::path(
    put, path = "/drivers/me/documents/{kind}/file", tag = "drivers", security(("bearer" = [])),
    params(("kind" = DocumentKind, Path)),
    request_body(
        content(
            (FileBytes = "image/jpeg"), (FileBytes = "image/png"), (FileBytes = "image/webp"),
            (FileBytes = "application/pdf")
        )
    ),
    responses(
        (status = 200, body = DocumentView),
        (status = 400, body = ErrorBody, description = "`malformed_body`: it broke off"),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 404, body = ErrorBody, description = "`not_found`: no such kind of paper"),
        (status = 409, body = ErrorBody, description = "`no_papers`, `no_document`, `too_many_documents`"),
        (status = 413, body = ErrorBody, description = "`body_too_large`"),
        (status = 415, body = ErrorBody, description = "`unsupported_media_type`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: file"),
        (status = 503, body = ErrorBody, description = "`unavailable`: too many at once, or the store or the scanner is away")
    )
)]
async fn put(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Path(kind): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<DocumentView>, ApiError> {
    let kind = of_name(&kind)?;
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(FileType::from_name).ok_or_else(|| ApiError::unsupported_type(TYPES))?;
    let _place = drivers.begin_upload()?;
    let bytes = read_at_most(body, drivers.file_bytes_max(kind)).await?;
    let upload = Upload { kind, declared, bytes: &bytes };
    Ok(Json(drivers.put_file(driver, upload, clock::now()).await?.into()))
}

/// Fetches the picture or scan of one's own paper
#[utoipa::path(
    get, path = "/drivers/me/documents/{kind}/file", tag = "drivers", security(("bearer" = [])),
    params(("kind" = DocumentKind, Path)),
    responses(
        (status = 200, content(
            (FileBytes = "image/jpeg"), (FileBytes = "image/png"), (FileBytes = "image/webp"),
            (FileBytes = "application/pdf")
        )),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`: not a driver"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 503, body = ErrorBody, description = "`unavailable`: the store is away")
    )
)]
async fn own(
    State(drivers): State<Drivers>,
    Driver(driver): Driver,
    Path(kind): Path<String>,
) -> Result<Response, ApiError> {
    Ok(download(drivers.own_file(driver, of_name(&kind)?).await?))
}

/// Fetches the picture or scan of a driver's paper
///
/// That it was fetched is recorded.
#[utoipa::path(
    get, path = "/admin/drivers/{id}/documents/{document_id}/file", tag = "admin", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("document_id" = Uuid, Path)),
    responses(
        (status = 200, content(
            (FileBytes = "image/jpeg"), (FileBytes = "image/png"), (FileBytes = "image/webp"),
            (FileBytes = "application/pdf")
        )),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 403, body = ErrorBody, description = "`forbidden`"),
        (status = 404, body = ErrorBody, description = "`not_found`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: path"),
        (status = 503, body = ErrorBody, description = "`unavailable`: the store is away")
    )
)]
async fn reviewed(
    State(drivers): State<Drivers>,
    Admin(admin): Admin,
    Path((id, document)): Path<(Uuid, Uuid)>,
) -> Result<Response, ApiError> {
    Ok(download(drivers.reviewed_file(admin, DriverId(id), document, clock::now()).await?))
}

fn of_name(name: &str) -> Result<DocumentKind, Error> {
    DocumentKind::from_name(name).ok_or(Error::NotFound { what: "kind of document" })
}

/// A file to be saved, never shown in place, never kept on the way.
fn download(download: Download) -> Response {
    let Download { kind, file_type, bytes } = download;
    let name = format!("attachment; filename=\"{}.{}\"", kind.as_str(), file_type.extension());
    let disposition = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file_type.as_str())),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("content-security-policy"), HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    (headers, bytes).into_response()
}
