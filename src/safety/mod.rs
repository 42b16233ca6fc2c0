//! Safety on the road: whom to call, and incidents that people report.
//!
//! Separate because an incident outlives the ride it happened on, and need not belong to one. It asks the published view
//! of rides one question: was this person on that ride?
//!
//! Invariants: a person can name only a ride of their own in a report; a person reads only their own reports, an admin
//! reads all and that is recorded (officials read through `government`); an incident moves only as [`State::may_become`]
//! says, also when two admins move it at once.

pub mod contacts;
pub mod http;
pub mod incident;
pub mod personal;

mod store;

#[cfg(test)]
mod tests;

use sqlx::PgPool;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::error::{Checks, Error, Fault};
use crate::geo::{LatLng, RWANDA};
use crate::ids::{RideId, UserId};
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};
use crate::web::{Caller, Role};

use incident::{Kind, Severity, State};

const DESCRIPTION_CHARS_MAX: usize = 2_000;

/// What a person reports, as sent.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Word of a [`Kind`].
    pub kind: String,
    /// Word of a [`Severity`].
    pub severity: String,
    /// What happened.
    pub description: String,
    /// On which ride, if on one.
    pub ride: Option<RideId>,
    /// Latitude in degrees; with `lng` or not at all.
    pub lat: Option<f64>,
    /// Longitude in degrees.
    pub lng: Option<f64>,
}

/// Which incidents to list, as sent.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Word of a [`State`].
    pub state: Option<String>,
    /// Word of a [`Severity`].
    pub severity: Option<String>,
}

/// An incident. Fields that could tell who it was are `None` for a reader who may not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Which one.
    pub id: Uuid,
    /// Who reported it.
    pub reporter: Option<UserId>,
    /// On which ride.
    pub ride: Option<RideId>,
    /// What happened.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// How far it is worked off.
    pub state: State,
    /// What happened, in the reporter's words.
    pub description: Option<String>,
    /// Where.
    pub place: Option<LatLng>,
    /// When it was reported.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub updated_at: Timestamp,
}

impl Incident {
    /// Without what could tell who it was: the reporter, the ride, the words and the place.
    #[must_use]
    pub fn masked(self) -> Self {
        Self { reporter: None, ride: None, description: None, place: None, ..self }
    }

    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id }
    }
}

/// The service. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Safety {
    pool: PgPool,
}

impl Safety {
    /// The service on a database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Notes an incident.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field; [`Error::NotFound`] when the ride is not one of the caller's (an admin
    /// may name any); [`Error::Forbidden`] for officials, who only read.
    pub async fn report(&self, caller: &Caller, report: &Report, now: Timestamp) -> Result<Incident, Error> {
        if caller.role == Role::Government {
            return Err(Error::forbidden("forbidden", "a government official reads only"));
        }
        let incident = check(caller, report, now)?;
        if let Some(ride) = report.ride {
            let party = (caller.role != Role::Admin).then_some(caller.user);
            if !store::has_ride(&self.pool, ride, party).await? {
                return Err(Error::NotFound { what: "ride" });
            }
        }
        let mut transaction = self.pool.begin().await?;
        store::insert(&mut transaction, &incident).await?;
        if caller.role == Role::Admin {
            let act = Act::of_admin(caller.user, "incidents.reported").on("incident", incident.id);
            audit::record(&mut transaction, &act, now).await?;
        }
        transaction.commit().await?;
        if incident.severity == Severity::Critical {
            tracing::warn!(incident.id = %incident.id, kind = incident.kind.as_str(), "a critical incident was reported");
        }
        Ok(incident)
    }

    /// Incidents, newest first: the caller's own, or all for an admin.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a filter that is no known word; [`Error::Forbidden`] for officials, who have to say for what
    /// purpose they read.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &Filter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Incident>, Error> {
        let reporter = match caller.role {
            Role::Admin => None,
            Role::Government => {
                let message = "officials read incidents under /government/incidents, for a purpose";
                return Err(Error::forbidden("forbidden", message));
            }
            Role::Customer | Role::Driver | Role::Agent => Some(caller.user),
        };
        let incidents = self.select(reporter, filter, page).await?;
        if caller.role == Role::Admin {
            let reporters: Vec<UserId> = incidents.items.iter().filter_map(|incident| incident.reporter).collect();
            let act = Act::of_admin(caller.user, "incidents.listed");
            audit::record_read(&self.pool, &act, &reporters, now).await?;
        }
        Ok(incidents)
    }

    /// Everybody's incidents, newest first, for a service that masks them and keeps the record of who saw them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a filter that is no known word.
    pub async fn everybodys(&self, filter: &Filter, page: &PageRequest) -> Result<Page<Incident>, Error> {
        self.select(None, filter, page).await
    }

    async fn select(
        &self,
        reporter: Option<UserId>,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<Incident>, Error> {
        let mut checks = Checks::new();
        let state = optional_word(&mut checks, "state", filter.state.as_deref());
        let severity = optional_word(&mut checks, "severity", filter.severity.as_deref());
        checks.finish()?;
        let rows = store::list(&self.pool, &store::Selection { reporter, state, severity }, page).await?;
        Ok(Page::new(rows, page, Incident::position))
    }

    /// Moves an incident to another state. Moving it to where it is changes nothing and is no error.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word that is no state; [`Error::NotFound`]; [`Error::Conflict`] `wrong_state` when it may
    /// not go there.
    pub async fn change_state(&self, id: Uuid, state: &str, admin: UserId, now: Timestamp) -> Result<Incident, Error> {
        let next: State = state.parse().map_err(|reason| Error::invalid("state", state, reason))?;
        let mut transaction = self.pool.begin().await?;
        let before = store::lock(&mut transaction, id).await?.ok_or(Error::NotFound { what: "incident" })?;
        let act = Act {
            whose: before.reporter,
            detail: serde_json::json!({ "from": before.state.as_str(), "to": next.as_str() }),
            ..Act::of_admin(admin, "incidents.state_changed").on("incident", id)
        };
        if before.state == next {
            // Nothing changes, but it is shown.
            audit::record(&mut transaction, &act, now).await?;
            transaction.commit().await?;
            return Ok(before);
        }
        if !before.state.may_become(next) {
            let (from, to) = (before.state.as_str(), next.as_str());
            return Err(Error::conflict("wrong_state", format!("an incident that is {from} cannot become {to}")));
        }
        store::set_state(&mut transaction, id, next, now).await?;
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        Ok(Incident { state: next, updated_at: now, ..before })
    }
}

/// The incident that a report describes, provided every field is in order.
fn check(caller: &Caller, report: &Report, now: Timestamp) -> Result<Incident, Error> {
    let mut checks = Checks::new();
    let kind = checks.accept("kind", &report.kind, report.kind.parse::<Kind>());
    let severity = checks.accept("severity", &report.severity, report.severity.parse::<Severity>());
    let description = checks.text("description", &report.description, DESCRIPTION_CHARS_MAX);
    let place = place(&mut checks, report.lat, report.lng);
    checks.finish()?;
    let (Some(kind), Some(severity)) = (kind, severity) else {
        return Err(Error::internal("a word was refused without a fault"));
    };
    Ok(Incident {
        id: Uuid::now_v7(),
        reporter: Some(caller.user),
        ride: report.ride,
        kind,
        severity,
        state: State::Reported,
        description: Some(description),
        place,
        created_at: now,
        updated_at: now,
    })
}

/// A place in Rwanda, or none when neither number was sent.
fn place(checks: &mut Checks, lat: Option<f64>, lng: Option<f64>) -> Option<LatLng> {
    let (lat, lng) = match (lat, lng) {
        (Some(lat), Some(lng)) => (lat, lng),
        (None, None) => return None,
        (Some(_), None) => {
            checks.fault(Fault::without_value("lng", "is missing beside lat"));
            return None;
        }
        (None, Some(_)) => {
            checks.fault(Fault::without_value("lat", "is missing beside lng"));
            return None;
        }
    };
    let (low, high) = (RWANDA.south_west(), RWANDA.north_east());
    for (field, value, range) in [("lat", lat, low.lat()..=high.lat()), ("lng", lng, low.lng()..=high.lng())] {
        let reason = format_args!("is outside of Rwanda, {}..={}", range.start(), range.end());
        checks.require(range.contains(&value), field, value, reason);
    }
    LatLng::new(lat, lng).ok()
}

fn optional_word<T: std::str::FromStr<Err = incident::UnknownWord>>(
    checks: &mut Checks,
    field: &str,
    word: Option<&str>,
) -> Option<T> {
    word.and_then(|word| checks.accept(field, word, word.parse()))
}
