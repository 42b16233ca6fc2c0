//! The page that shows the city moving, and the figures behind it.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::rides::{CitySnapshot, Rides};
use crate::web::body::Json;
use crate::web::caller::Admin;
use crate::web::{ApiError, ErrorBody};

const PAGE: &str = include_str!("../../assets/city.html");

/// The page needs nothing from elsewhere, and may not ask for anything either.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /`.
pub(super) async fn page() -> impl IntoResponse {
    let policy = (HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY));
    ([policy], Html(PAGE))
}

/// The city's figures, and whether everybody may see them.
#[derive(Clone)]
pub(super) struct City {
    pub(super) rides: Rides,
    pub(super) is_public: bool,
}

pub(super) fn routes() -> OpenApiRouter<City> {
    OpenApiRouter::new().routes(routes!(city))
}

/// Shows the whole city at this moment
///
/// Positions and states without names, for the page at `/`. For admins; for everybody when the city is a simulated one.
#[utoipa::path(get, path = "/city", tag = "server", security((), ("bearer" = [])),
    responses((status = 200, body = CitySnapshot), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn city(State(city): State<City>, request: Request) -> Result<Json<CitySnapshot>, ApiError> {
    if !city.is_public {
        let (mut parts, _) = request.into_parts();
        Admin::from_request_parts(&mut parts, &()).await?;
    }
    Ok(Json(city.rides.city()))
}
