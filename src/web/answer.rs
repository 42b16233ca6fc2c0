//! The one place where an error becomes an HTTP answer.
//!
//! Separate so that no handler chooses a status code or a text for a failure: it returns [`Error`] and this file maps
//! it, exhaustively. 5xx bodies are constant text; the cause goes to the log, once, here.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Fault};
use crate::telemetry;
use crate::web::RequestId;

/// Body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Stable: switch on this.
    pub code: String,
    /// For a person; may change.
    pub message: String,
    /// Quote this when asking for help.
    pub request_id: String,
    /// The wrong fields, all of them; empty unless `code` is `invalid_value` or `malformed_body`.
    pub faults: Vec<FaultBody>,
}

/// One wrong field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultBody {
    /// Path of the field, e.g. `pickup.lat`.
    pub field: String,
    /// The value as sent, shortened; null where it is missing or secret.
    pub value: Option<String>,
    /// Why it is refused.
    pub reason: String,
}

impl From<&Fault> for FaultBody {
    fn from(fault: &Fault) -> Self {
        Self { field: fault.field.clone(), value: fault.value.clone(), reason: fault.reason.clone() }
    }
}

/// An [`Error`] on its way to the client. Handlers return `Result<_, ApiError>`; `?` converts.
#[derive(Debug)]
pub struct ApiError {
    error: Error,
    status: StatusCode,
    code: &'static str,
}

impl ApiError {
    /// The body could not be read at all: 400 instead of 422.
    pub(super) fn malformed(fault: Fault) -> Self {
        Self { error: Error::Invalid(vec![fault]), status: StatusCode::BAD_REQUEST, code: "malformed_body" }
    }

    /// The body is larger than the server takes.
    pub(super) fn too_large() -> Self {
        let fault = Fault::without_value("body", "is larger than the server accepts");
        Self { error: Error::Invalid(vec![fault]), status: StatusCode::PAYLOAD_TOO_LARGE, code: "body_too_large" }
    }

    /// The body is of a type the route does not read; `must` says which it reads.
    pub fn unsupported_type(must: &'static str) -> Self {
        let fault = Fault::without_value("content-type", must);
        Self {
            error: Error::Invalid(vec![fault]),
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "unsupported_media_type",
        }
    }

    /// There is no such address, or not with this method.
    pub fn no_route(status: StatusCode) -> Self {
        let code = if status == StatusCode::METHOD_NOT_ALLOWED { "method_not_allowed" } else { "not_found" };
        Self { error: Error::NotFound { what: "address" }, status, code }
    }
}

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        let error = error.into();
        let status = match &error {
            Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Error::Forbidden { .. } => StatusCode::FORBIDDEN,
            Error::RateLimited { .. } | Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let code = error.code();
        Self { error, status, code }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self.error {
            Error::Internal(cause) => tracing::error!(error = %telemetry::chain(cause.as_ref()), "a request failed"),
            Error::Unavailable { cause: Some(cause), .. } => {
                tracing::warn!(error = %telemetry::chain(cause.as_ref()), "a request was refused: something is away");
            }
            _ => {}
        }
        let body = ErrorBody {
            code: self.code.to_owned(),
            message: self.error.to_string(),
            request_id: RequestId::current(),
            faults: self.error.faults().iter().map(FaultBody::from).collect(),
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Error::RateLimited { retry_after }
        | Error::TooMany { retry_after, .. }
        | Error::Unavailable { retry_after, .. } = &self.error
        {
            let value = HeaderValue::from(u64::try_from(retry_after.as_secs_up().max(1)).unwrap_or(1));
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"boda\"");
            response.headers_mut().insert(HeaderName::from_static("www-authenticate"), challenge);
        }
        response
    }
}
