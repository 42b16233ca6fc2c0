//! Every route under one roof, with what is the same for all of them: request ids, the client's address, metrics, headers,
//! limits, panics.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::health::{About, Checked};
use super::services::Services;
use super::sockets::SocketHandler;
use super::{Server, city_page, health, operations};
use crate::audit::{self, Watching};
use crate::clock;
use crate::config::Config;
use crate::db::Database;
use crate::error::Error;
use crate::privacy::breaches::{self, Breaches};
use crate::realtime::protocol::asyncapi;
use crate::realtime::{self, Sockets};
use crate::telemetry::Telemetry;
use crate::time::Span;
use crate::web::client::find_client;
use crate::web::headers::{Headers, add_headers};
use crate::web::limits::{self, Limits};
use crate::web::{self, API_PREFIX, ApiError, openapi};
use crate::{
    analytics, auth, drivers, government, locations, maps, notifications, payments, pricing, privacy, rides, safety,
    steering,
};

/// The whole HTTP side.
pub(super) fn build(
    config: &Config,
    services: &Services,
    server: Server,
    telemetry: Telemetry,
    database: Database,
) -> Result<Router, super::Error> {
    let (api, mut document) = api(config, services, &server, &database).split_for_parts();
    openapi::complete(&mut document);
    let handler = SocketHandler {
        tokens: Arc::clone(&services.tokens),
        rides: services.rides.clone(),
        locations: services.locations.clone(),
        hub: Arc::clone(&services.hub),
        stages: services.stages.clone(),
        steering: services.steering.clone(),
    };
    let sockets = Sockets::start(Arc::clone(&services.hub), handler)
        .map_err(|error| super::Error::service("the socket threads cannot be started", error))?;
    let checked = Checked { server, database, bus: services.bus.clone(), telemetry };
    let requests = api
        .merge(health::routes(checked))
        .merge(SwaggerUi::new("/api/docs").url("/api/openapi.json", document))
        .route("/api/asyncapi.json", get(live_document(&asyncapi::document())))
        .route("/.well-known/jwks.json", get(auth::http::jwks))
        .route("/", get(city_page::page))
        .layer(middleware::from_fn(web::hold_to_duty))
        .layer(middleware::from_fn_with_state(config.server.request_timeout, limit_time));
    let edge = &config.edge;
    let limits = Arc::new(Limits::new(edge.limits.clone(), &services.bus, clock::now()));
    let router = requests
        // A socket lives longer than any request may.
        .nest(API_PREFIX, realtime::router(sockets))
        .fallback(|| async { ApiError::no_route(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { ApiError::no_route(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(DefaultBodyLimit::max(config.server.body_bytes_max))
        .layer(middleware::from_fn_with_state(limits, limits::enforce))
        .layer(Extension(Arc::clone(&services.tokens)))
        .layer(CatchPanicLayer::custom(|_| ApiError::from(Error::internal("a request panicked")).into_response()))
        .layer(middleware::from_fn_with_state(Arc::new(Headers::new(&edge.headers)), add_headers))
        .layer(middleware::from_fn(web::measure))
        .layer(middleware::from_fn_with_state(Arc::new(edge.proxies.clone()), find_client))
        .layer(middleware::from_fn(web::assign_request_id));
    Ok(router)
}

/// Answers with the description of the sockets, which is written out once.
fn live_document(document: &serde_json::Value) -> impl Fn() -> std::future::Ready<Response> + Clone + use<> {
    let text = Bytes::from(document.to_string());
    move || {
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        std::future::ready((headers, text.clone()).into_response())
    }
}

/// Every service's routes with their description.
fn api(config: &Config, services: &Services, server: &Server, database: &Database) -> OpenApiRouter {
    let about = About { server: server.clone(), locations: services.locations.clone() };
    let is_public = config.server.city_page_public;
    let (rides, maps, streets) = (services.rides.clone(), services.maps.clone(), services.streets.clone());
    let log = audit::Log::new(database.pool().clone(), config.audit.case_hidden_for);
    let register = Breaches::new(database.pool().clone(), config.privacy.organisation.clone());
    let watching = Arc::new(Watching::new(database.pool().clone()));
    let city = city_page::City { rides, maps, streets, is_public, watching };
    let routes = OpenApiRouter::new()
        .merge(health::about_routes().with_state(about))
        .merge(city_page::routes().with_state(city))
        .merge(auth::http::routes().with_state(services.auth.clone()))
        .merge(notifications::http::routes().with_state(services.notifications.clone()))
        .merge(drivers::http::routes().with_state(services.drivers.clone()))
        .merge(maps::http::routes().with_state(services.maps.clone()))
        .merge(locations::http::routes().with_state(services.locations.clone()))
        .merge(locations::http::places::routes().with_state(services.places.clone()))
        .merge(locations::geofences::http::routes().with_state(services.geofences.clone()))
        .merge(locations::stages::http::routes().with_state(services.stages.clone()))
        .merge(steering::http::routes().with_state(services.steering.clone()))
        .merge(rides::http::routes().with_state(services.rides.clone()))
        .merge(pricing::http::routes().with_state(services.prices.clone()))
        .merge(payments::http::routes().with_state(services.payments.clone()))
        .merge(safety::http::routes().with_state(services.safety.clone()))
        .merge(analytics::http::routes().with_state(services.analytics.clone()))
        .merge(government::http::routes().with_state(services.government.clone()))
        .merge(audit::http::routes().with_state(log))
        .merge(breaches::http::routes().with_state(register))
        .merge(privacy::http::routes().with_state(services.privacy.clone()))
        .merge(operations::routes().with_state(database.pool().clone()));
    OpenApiRouter::with_openapi(openapi::Document::openapi()).nest(API_PREFIX, routes)
}

/// A request that takes too long is given up; what it changed it had not acknowledged.
async fn limit_time(State(within): State<Span>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(within.to_duration(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::from(Error::Unavailable { retry_after: Span::from_secs(2), cause: None }).into_response(),
    }
}
