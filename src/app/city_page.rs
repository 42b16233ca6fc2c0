//! The page that shows the city moving, and the figures behind it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::streets::{Streets, StreetsView};
use crate::audit::{Act, Watching};
use crate::clock;
use crate::maps::Maps;
use crate::rides::{CitySnapshot, EtaErrorView, Rides};
use crate::road::correction::EtaError;
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
    pub(super) maps: Maps,
    pub(super) streets: Option<Arc<Streets>>,
    pub(super) is_public: bool,
    pub(super) watching: Arc<Watching>,
}

impl City {
    async fn check(&self, request: Request) -> Result<(), ApiError> {
        if !self.is_public {
            let (mut parts, _) = request.into_parts();
            let Admin(admin) = Admin::from_request_parts(&mut parts, &()).await?;
            self.watching.record(&Act::of_admin(admin, "city.watched"), admin, clock::now()).await?;
        }
        Ok(())
    }
}

pub(super) fn routes() -> OpenApiRouter<City> {
    OpenApiRouter::new().routes(routes!(city)).routes(routes!(streets))
}

/// Shows the whole city at this moment
///
/// Positions and states without names, for the page at `/`. For admins; for everybody when the city is a simulated one.
#[utoipa::path(get, path = "/city", tag = "server", security((), ("bearer" = [])),
    responses((status = 200, body = CitySnapshot), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn city(State(city): State<City>, request: Request) -> Result<Json<CitySnapshot>, ApiError> {
    city.check(request).await?;
    let EtaError { median_s, p90_s, bias_s, legs } = city.maps.eta_error();
    let eta_error = (legs > 0).then_some(EtaErrorView { median_s, p90_s, bias_s, legs });
    Ok(Json(CitySnapshot { eta_error, ..city.rides.city() }))
}

/// Shows the streets
///
/// For the page at `/`, by class, most important first: lines as encoded polylines (precision 5). Changes only with the
/// map, which the `ETag` tells. Empty without a map.
#[utoipa::path(get, path = "/city/streets", tag = "server", security((), ("bearer" = [])),
    responses((status = 200, body = StreetsView), (status = 204, description = "There is no map"),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn streets(State(city): State<City>, request: Request) -> Result<Response, ApiError> {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    city.check(request).await?;
    let Some(streets) = city.streets else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let tag = streets.tag();
    // Asked again every time, answered anew only when the map is another. Private: who may see it is not for all.
    let headers = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if known.is_some_and(|known| known == tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((headers, kind, streets.body()).into_response())
}
