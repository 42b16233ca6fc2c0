//! `/auth/keys`, and the same at `/.well-known/jwks.json`: the public keys that access tokens are checked with.

use std::sync::Arc;

use axum::Extension;
use axum::http::{HeaderName, HeaderValue, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Auth;
use crate::web::body::Json;
use crate::web::{Jwks, TokenKeys};

/// Less than the time for which a key is announced before it signs: whoever keeps the answer knows every key in time.
const KEPT_FOR: &str = "public, max-age=300";

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// Shows the public keys of access tokens
///
/// A JSON Web Key Set (RFC 7517). A new key stands here for a while before it signs. Also at `/.well-known/jwks.json`.
#[utoipa::path(get, path = "/auth/keys", tag = "auth", responses((status = 200, body = Jwks)))]
pub async fn jwks(Extension(keys): Extension<Arc<TokenKeys>>) -> ([(HeaderName, HeaderValue); 1], Json<Jwks>) {
    ([(header::CACHE_CONTROL, HeaderValue::from_static(KEPT_FOR))], Json(keys.jwks()))
}
