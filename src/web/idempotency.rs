//! The `Idempotency-Key` header: the client's promise that a repeated request is the same request.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::error::Error;
use crate::web::ApiError;

const CHARS_MAX: usize = 255;

/// A client-chosen key, 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

fn read(parts: &Parts) -> Result<Option<IdempotencyKey>, Error> {
    let Some(value) = parts.headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let printable = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if text.trim().is_empty() || text.len() > CHARS_MAX || !printable {
        let reason = "must be 1 to 255 printable ASCII characters";
        return Err(Error::invalid("Idempotency-Key", String::from_utf8_lossy(value.as_bytes()), reason));
    }
    Ok(Some(IdempotencyKey(text.to_owned())))
}

impl<S: Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ApiError> {
        Ok(read(parts)?)
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let missing = || Error::invalid("Idempotency-Key", "", "is required here");
        Ok(read(parts)?.ok_or_else(missing)?)
    }
}
