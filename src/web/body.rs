//! Bodies, query strings and path segments, with refusals that name the field.
//!
//! Axum's own extractors answer in plain text; these answer in our error body.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Fault;
use crate::web::ApiError;

/// A JSON body, in or out.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        use axum::extract::rejection::JsonRejection as Rejection;
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(Rejection::JsonDataError(error)) => Err(ApiError::malformed(fault_of(&deepest(&error)))),
            Err(Rejection::JsonSyntaxError(error)) => Err(ApiError::malformed(fault_of(&deepest(&error)))),
            Err(Rejection::MissingJsonContentType(_)) => Err(ApiError::unsupported_type("must be application/json")),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(ApiError::too_large()),
            Err(error) => Err(ApiError::malformed(Fault::without_value("body", deepest(&error)))),
        }
    }
}

/// A JSON body that may be left out altogether: no byte is no body.
#[derive(Debug)]
pub struct MaybeJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let bytes = match Bytes::from_request(whole, state).await {
            Ok(bytes) => bytes,
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => return Err(ApiError::too_large()),
            Err(error) => return Err(ApiError::malformed(Fault::without_value("body", deepest(&error)))),
        };
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let Json(value) = Json::from_request(Request::from_parts(parts, Body::from(bytes)), state).await?;
        Ok(Self(Some(value)))
    }
}

/// A body that is no JSON, read piece by piece. What is too much is read on for a while and thrown away: a client that is
/// hung up on in the middle of sending hears no answer.
///
/// # Errors
/// 413 when it is larger than allowed, 400 when it broke off.
pub async fn read_at_most(body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let patience = bytes_max.saturating_mul(2);
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > patience) {
        return Err(ApiError::too_large());
    }
    let mut stream = body.into_data_stream();
    let (mut kept, mut size) = (Vec::new(), 0);
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| ApiError::malformed(Fault::without_value("body", deepest(&error))))?;
        size += piece.len();
        if size > patience {
            return Err(ApiError::too_large());
        }
        if size <= bytes_max {
            kept.extend_from_slice(&piece);
        } else {
            kept = Vec::new();
        }
    }
    if size > bytes_max { Err(ApiError::too_large()) } else { Ok(kept.into()) }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The innermost message: the one that says what is wrong, without the framework's preamble.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// `pickup.lat: invalid type: string "x", expected f64 at line 1 column 20` names a field before the colon; without
/// one the fault is the body's. A message in backquotes (missing or unknown field) names it there.
fn fault_of(message: &str) -> Fault {
    let quoted = message.split('`').nth(1);
    let dotted = message.split_once(": ").map(|(path, _)| path).filter(|path| !path.contains(' '));
    let names_field = message.contains("missing field") || message.contains("unknown field");
    let field = dotted.or(quoted.filter(|_| names_field)).unwrap_or("body");
    Fault::without_value(field, message)
}

/// A query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(crate::error::Error::Invalid(vec![query_fault(&deepest(&error))]).into()),
        }
    }
}

fn query_fault(message: &str) -> Fault {
    let fault = fault_of(message);
    if fault.field == "body" { Fault::without_value("query", message) } else { fault }
}

/// A path segment. One that cannot be read names nothing that exists.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(error) => {
                let fault = Fault::without_value("path", deepest(&error));
                Err(crate::error::Error::Invalid(vec![fault]).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found_in_the_parsers_message() {
        let check = |message: &str, field: &str| assert_eq!(fault_of(message).field, field, "{message}");
        check("pickup.lat: invalid type: string \"x\", expected f64 at line 1 column 20", "pickup.lat");
        check("missing field `phone` at line 1 column 2", "phone");
        check("unknown field `fone`, expected one of `phone`", "fone");
        check("expected value at line 1 column 1", "body");
    }
}
