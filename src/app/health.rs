//! Is the process alive, is it ready, what does it measure, what is it.

use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Server;
use crate::bus::{self, Bus};
use crate::clock;
use crate::db::Database;
use crate::locations::Locations;
use crate::rides::AreaView;
use crate::sandbox::Addresses;
use crate::telemetry::Telemetry;
use crate::time::Timestamp;
use crate::web::body::Json;

/// What the checks look at.
#[derive(Clone)]
pub(super) struct Checked {
    pub(super) server: Server,
    pub(super) database: Database,
    pub(super) bus: Bus,
    pub(super) telemetry: Telemetry,
}

/// Outside of the API's prefix: for machines, not for clients.
pub(super) fn routes(checked: Checked) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(checked)
}

#[derive(Serialize)]
struct LiveBody {
    status: &'static str,
}

/// The process answers; nothing more.
async fn live() -> Json<LiveBody> {
    Json(LiveBody { status: "live" })
}

#[derive(Serialize)]
struct ReadyBody {
    status: &'static str,
    checks: ReadyChecks,
}

#[derive(Serialize)]
struct ReadyChecks {
    accepting: &'static str,
    database: &'static str,
    migrations: &'static str,
    bus: &'static str,
}

/// Whether to send requests here. The bus does not count: losing it loses no fact.
async fn ready(State(checked): State<Checked>) -> Response {
    let word = |holds: bool| if holds { "ok" } else { "failed" };
    let accepting = checked.server.ready.load(Ordering::Acquire);
    let database = checked.database.health().await.is_ok();
    let migrations = database && checked.database.pending_migrations().await.is_ok_and(|pending| pending == 0);
    let bus = if checked.bus.health() == bus::Health::Away { "degraded" } else { "ok" };
    let is_ready = accepting && database && migrations;
    let checks =
        ReadyChecks { accepting: word(accepting), database: word(database), migrations: word(migrations), bus };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadyBody { status: if is_ready { "ready" } else { "not_ready" }, checks })).into_response()
}

async fn metrics(State(checked): State<Checked>) -> impl IntoResponse {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], checked.telemetry.render())
}

/// What `GET /server` needs.
#[derive(Clone)]
pub(super) struct About {
    pub(super) server: Server,
    pub(super) locations: Locations,
}

/// Under the API's prefix: for clients.
pub(super) fn about_routes() -> OpenApiRouter<About> {
    OpenApiRouter::new().routes(routes!(about))
}

/// What a client may want to know before anything else.
#[derive(Serialize, ToSchema)]
struct ServerView {
    /// `boda`.
    name: &'static str,
    /// Of the program.
    version: &'static str,
    /// To compare the phone's clock with.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    server_time: Timestamp,
    /// Whether this is a simulated city.
    demo: bool,
    /// Where the stand-ins of the outside world listen, when they run.
    sandbox_url: Option<String>,
    /// Each stand-in, where they run.
    sandbox: Option<Addresses>,
    /// Where rides are served.
    service_area: AreaView,
}

/// Describes the server
#[utoipa::path(get, path = "/server", tag = "server", responses((status = 200, body = ServerView)))]
async fn about(State(about): State<About>) -> Json<ServerView> {
    Json(ServerView {
        name: "boda",
        version: env!("CARGO_PKG_VERSION"),
        server_time: clock::now(),
        demo: about.server.demo,
        sandbox_url: about.server.sandbox.as_ref().map(|sandbox| sandbox.base.clone()),
        sandbox: about.server.sandbox,
        service_area: about.locations.area().into(),
    })
}
