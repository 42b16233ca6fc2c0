//! The routes of the log: for admins, and for the person whose data was looked at.

use axum::extract::State;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Actor;
use super::reading::{ACTION_CHARS_MAX, AccessView, Filter, Log, RecordView, Records, Turn};
use crate::clock;
use crate::error::{Checks, Error};
use crate::time::Timestamp;
use crate::web::body::{Json, Query};
use crate::web::caller::Admin;
use crate::web::{Agency, ApiError, Caller, ErrorBody, Role};

/// Every route of the log, under the API's prefix.
pub fn routes() -> OpenApiRouter<Log> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(mine))
}

#[derive(Debug, Deserialize, IntoParams)]
struct FilterParams {
    /// Done by this person.
    who: Option<Uuid>,
    /// Concerning this person.
    whose: Option<Uuid>,
    /// Of this action, in full.
    #[param(example = "rides.read")]
    action: Option<String>,
    /// Done to this thing.
    subject: Option<Uuid>,
    /// By officials of this agency.
    #[param(example = "RURA")]
    agency: Option<String>,
    /// Not before this instant, in RFC 3339.
    #[param(example = "2026-11-16T00:00:00Z")]
    from: Option<String>,
    /// Before this instant, in RFC 3339.
    to: Option<String>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FilterParams {
    fn check(self) -> Result<(Filter, Turn), Error> {
        let mut checks = Checks::new();
        let action = checks.optional_text("action", self.action.as_deref(), ACTION_CHARS_MAX);
        let agency = self.agency.as_deref().and_then(|name| {
            checks.accept(
                "agency",
                name,
                Agency::from_name(name).ok_or("is not one of RURA, RTDA, RRA, BNR, NCSA, RNP"),
            )
        });
        let mut instant = |field, text: Option<&str>| text.and_then(|text| checks.accept(field, text, instant(text)));
        let (from, to) = (instant("from", self.from.as_deref()), instant("to", self.to.as_deref()));
        checks.finish()?;
        let Self { who, whose, subject, limit, cursor, .. } = self;
        let filter = Filter { who, whose, action, subject, agency, of_officials: false, from, to };
        Ok((filter, Turn::check(limit, cursor.as_deref())?))
    }
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc().into()).map_err(|_| "is not an instant in RFC 3339")
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordsView {
    /// The newest first.
    pub items: Vec<RecordView>,
    /// Send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl From<Records> for RecordsView {
    fn from(Records { items, next_cursor }: Records) -> Self {
        Self { items, next_cursor }
    }
}

/// Lists who looked at or changed what of whose
///
/// The newest first. The log only grows; that it was read is its newest record. `boda audit verify` checks that nothing was
/// taken out or changed.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", security(("bearer" = [])), params(FilterParams),
    responses((status = 200, body = RecordsView), (status = 401, body = ErrorBody),
              (status = 403, body = ErrorBody, description = "`forbidden`: not an admin"),
              (status = 422, body = ErrorBody, description = "A wrong filter, `limit` or `cursor`")))]
async fn list(
    State(log): State<Log>,
    Admin(admin): Admin,
    Query(params): Query<FilterParams>,
) -> Result<Json<RecordsView>, ApiError> {
    let (filter, turn) = params.check()?;
    let records = log.list(Actor::Person(admin, Role::Admin), &filter, turn, clock::now()).await?;
    Ok(Json(records.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
struct MineParams {
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of accesses.
#[derive(Debug, Serialize, ToSchema)]
struct AccessLogView {
    /// The newest first.
    items: Vec<AccessView>,
    /// Send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// Shows who else looked at or changed my data
///
/// By office, not by clerk: which role, for which agency, when, and for what purpose. The newest first. An access under the
/// case number of an investigation is told of after some months, without its purpose (law 058/2021, article 18).
#[utoipa::path(get, path = "/me/access-log", tag = "me", security(("bearer" = [])), params(MineParams),
    responses((status = 200, body = AccessLogView), (status = 401, body = ErrorBody),
              (status = 422, body = ErrorBody, description = "A wrong `limit` or `cursor`")))]
async fn mine(
    State(log): State<Log>,
    caller: Caller,
    Query(params): Query<MineParams>,
) -> Result<Json<AccessLogView>, ApiError> {
    let turn = Turn::check(params.limit, params.cursor.as_deref())?;
    let (items, next_cursor) = log.of_person(caller.user, turn, clock::now()).await?;
    Ok(Json(AccessLogView { items, next_cursor }))
}
