//! The routes of this service and what they take and show.

use axum::extract::State as Service;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::contacts::{CONTACTS, Contact};
use super::incident::{Kind, Severity, State};
use super::{Filter, Incident, Report, Safety};
use crate::clock;
use crate::geo::LatLng;
use crate::ids::RideId;
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{Items, Page, PageParams};
use crate::web::{ApiError, Caller, ErrorBody};

/// Every route of this service, under the API's prefix.
pub fn routes() -> OpenApiRouter<Safety> {
    OpenApiRouter::default()
        .routes(routes!(emergency_contacts))
        .routes(routes!(report_incident, list_incidents))
        .routes(routes!(change_incident_state))
}

/// Whom to call.
#[derive(Debug, Serialize, ToSchema)]
struct ContactView {
    /// What it is for.
    #[schema(example = "police")]
    service: &'static str,
    /// To be dialled as it stands.
    #[schema(example = "112")]
    number: &'static str,
    /// Its name in each language.
    name: NameView,
}

/// A name in the three languages.
#[derive(Debug, Serialize, ToSchema)]
struct NameView {
    #[schema(example = "Polisi y'u Rwanda")]
    rw: &'static str,
    #[schema(example = "Police and general emergency")]
    en: &'static str,
    #[schema(example = "Police et urgence générale")]
    fr: &'static str,
}

impl From<&Contact> for ContactView {
    fn from(contact: &Contact) -> Self {
        let name = NameView { rw: contact.name_rw, en: contact.name_en, fr: contact.name_fr };
        Self { service: contact.service.as_str(), number: contact.number, name }
    }
}

/// What happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "accident", "severity": "high", "description": "We slid on wet road at Kimironko.",
                          "lat": -1.949596, "lng": 30.12557}))]
struct ReportBody {
    #[schema(value_type = Kind)]
    kind: String,
    /// `critical` when somebody is in danger; but call 112 first.
    #[schema(value_type = Severity)]
    severity: String,
    /// 1 to 2000 characters.
    description: String,
    /// One of your own rides.
    ride_id: Option<Uuid>,
    /// Degrees, in Rwanda; with `lng` or not at all.
    lat: Option<f64>,
    /// Degrees, in Rwanda; with `lat` or not at all.
    lng: Option<f64>,
}

impl From<ReportBody> for Report {
    fn from(body: ReportBody) -> Self {
        let ReportBody { kind, severity, description, ride_id, lat, lng } = body;
        Self { kind, severity, description, ride: ride_id.map(RideId), lat, lng }
    }
}

/// An incident.
#[derive(Debug, Serialize, ToSchema)]
struct IncidentView {
    id: Uuid,
    kind: Kind,
    severity: Severity,
    state: State,
    /// In the reporter's words.
    description: Option<String>,
    /// Who reported it.
    reporter_id: Option<Uuid>,
    /// On which ride, if on one.
    ride_id: Option<Uuid>,
    /// Degrees; null where no place was named.
    lat: Option<f64>,
    /// Degrees; null where no place was named.
    lng: Option<f64>,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
    /// When its state changed last.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    updated_at: Timestamp,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        Self {
            id: incident.id,
            kind: incident.kind,
            severity: incident.severity,
            state: incident.state,
            description: incident.description,
            reporter_id: incident.reporter.map(Uuid::from),
            ride_id: incident.ride.map(Uuid::from),
            lat: incident.place.map(LatLng::lat),
            lng: incident.place.map(LatLng::lng),
            created_at: incident.created_at,
            updated_at: incident.updated_at,
        }
    }
}

/// `?state=&severity=` as sent.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FilterParams {
    /// Only incidents in this state.
    #[param(value_type = Option<State>)]
    state: Option<String>,
    /// Only incidents of this severity.
    #[param(value_type = Option<Severity>)]
    severity: Option<String>,
}

/// Where the incident is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StateBody {
    #[schema(value_type = State, example = "investigating")]
    state: String,
}

/// Whom to call in an emergency
///
/// Needs no account. Keep a copy on the phone: it changes with years, not with days.
#[utoipa::path(
    get,
    path = "/safety/contacts",
    tag = "safety",
    responses((status = 200, description = "The national emergency numbers", body = Items<ContactView>))
)]
async fn emergency_contacts() -> Json<Items<ContactView>> {
    Json(Items { items: CONTACTS.iter().map(ContactView::from).collect() })
}

/// Report an incident
///
/// Any signed-in person but officials. `ride_id` must be a ride of the caller's.
#[utoipa::path(
    post,
    path = "/safety/incidents",
    tag = "safety",
    security(("bearer" = [])),
    request_body = ReportBody,
    responses(
        (status = 201, description = "Noted", body = IncidentView),
        (status = 400, description = "The body cannot be read", body = ErrorBody),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Officials read only", body = ErrorBody),
        (status = 404, description = "No such ride of the caller's", body = ErrorBody),
        (status = 422, description = "Wrong fields, all of them named", body = ErrorBody),
    )
)]
async fn report_incident(
    Service(safety): Service<Safety>,
    caller: Caller,
    Json(body): Json<ReportBody>,
) -> Result<(StatusCode, Json<IncidentView>), ApiError> {
    let incident = safety.report(&caller, &body.into(), clock::now()).await?;
    Ok((StatusCode::CREATED, Json(incident.into())))
}

/// Incidents
///
/// Newest first: one's own; all for an admin, which is recorded. Officials read under `/government/incidents`.
#[utoipa::path(
    get,
    path = "/safety/incidents",
    tag = "safety",
    security(("bearer" = [])),
    params(FilterParams, PageParams),
    responses(
        (status = 200, description = "A page of incidents", body = Page<IncidentView>),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "`forbidden`: officials read elsewhere", body = ErrorBody),
        (status = 422, description = "A wrong filter, `limit` or `cursor`", body = ErrorBody),
    )
)]
async fn list_incidents(
    Service(safety): Service<Safety>,
    caller: Caller,
    Query(filter): Query<FilterParams>,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<IncidentView>>, ApiError> {
    let filter = Filter { state: filter.state, severity: filter.severity };
    let incidents = safety.list(&caller, &filter, &page.check()?, clock::now()).await?;
    Ok(Json(incidents.map(IncidentView::from)))
}

/// Move an incident to another state
///
/// From `reported` to any later one, from `investigating` on, from `resolved` back to `investigating`; `closed` is final.
/// Moving it to where it is changes nothing.
#[utoipa::path(
    post,
    path = "/admin/incidents/{id}/state",
    tag = "safety",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The incident")),
    request_body = StateBody,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentView),
        (status = 400, description = "The body cannot be read", body = ErrorBody),
        (status = 401, description = "Not signed in", body = ErrorBody),
        (status = 403, description = "Not an admin", body = ErrorBody),
        (status = 404, description = "No such incident", body = ErrorBody),
        (status = 409, description = "`wrong_state`: it may not go there", body = ErrorBody),
        (status = 422, description = "No such state", body = ErrorBody),
    )
)]
async fn change_incident_state(
    Service(safety): Service<Safety>,
    Admin(admin): Admin,
    Path(id): Path<Uuid>,
    Json(body): Json<StateBody>,
) -> Result<Json<IncidentView>, ApiError> {
    Ok(Json(safety.change_state(id, &body.state, admin, clock::now()).await?.into()))
}
