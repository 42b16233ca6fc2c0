//! Agents: people at a telephone or at a stage who book on behalf of somebody without an app.
//!
//! A role of its own and not a right of admins: an agent sees the rides that they booked themselves and nothing else, so a
//! call centre can be staffed without handing out the keys of the house. The rider is found, or made as a guest, by the
//! telephone number; a guest's number is not proven, so nobody signs in as one, and whoever proves it later takes the
//! account over. The rider hears by SMS who comes, and with which PIN. Everything an agent does is written down, refusals
//! too, and both what they do in an hour and what they have under way are bounded.

use uuid::Uuid;

use super::booking::{BookRide, Booked, Booker};
use super::store::agents as store;
use super::store::{Filter, Party};
use super::view::{Viewer, ride_view};
use super::{Rides, no_ride};
use crate::auth::Guest;
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::{RideId, RiderId, UserId};
use crate::notifications::Language;
use crate::phone::Phone;
use crate::realtime::protocol::view::RideView;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};
use crate::web::{IdempotencyKey, RequestId};

pub use store::{Action, What};

/// Bounds of what an agent does.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Rides of one agent that have not ended.
    pub live_rides_max: u32,
    /// Bookings and cancellations of one agent in an hour, refused ones included.
    pub actions_per_hour_max: u32,
}

/// Who called.
#[derive(Clone)]
pub struct CallingRider {
    /// Their number, in any usual spelling.
    pub phone: String,
    /// What the driver is to call them. Not asked for when the number is known.
    pub first_name: String,
    /// To write to them in; `rw` when left out.
    pub language: Option<String>,
}

impl Rides {
    /// Books for somebody who called. With a key, a repeated request meets the same ride.
    ///
    /// # Errors
    /// As [`Rides::book`], and `phone_not_a_rider` for the number of a driver or of staff, `account_disabled`,
    /// `too_many_live_rides`, [`Error::RateLimited`].
    pub async fn book_for(
        &self,
        agent: UserId,
        calling: &CallingRider,
        key: Option<&IdempotencyKey>,
        request: &BookRide,
    ) -> Result<Booked, Error> {
        let now = clock::now();
        let (phone, first_name, language) = check_calling(calling)?;
        self.refuse_busy_agent(agent, now).await?;
        let people = &self.inner.people;
        let guest = people.guest(phone, &first_name, language, now).await?;
        let Guest { user, is_new } = guest;
        if is_new {
            self.note(agent, What::GuestMade, user, None, None).await?;
        }
        // An agent's key is the agent's own: riders and other agents may use the same.
        let key = key.map(|key| IdempotencyKey(format!("agent {agent} {}", key.0)));
        let booked = self.book_as(RiderId::from(user), Booker::Agent(agent), key.as_ref(), request).await;
        match &booked {
            Ok(booked) if booked.replayed => {}
            Ok(booked) => self.note(agent, What::Booked, user, Some(booked.ride.id), None).await?,
            Err(error) => self.note(agent, What::Refused, user, None, Some(error.code())).await?,
        }
        booked
    }

    /// A ride that this agent booked.
    ///
    /// # Errors
    /// Not found for every other ride.
    pub async fn show_booked(&self, agent: UserId, id: RideId) -> Result<RideView, Error> {
        let ride = self.current(id).await?;
        if ride.booked_by != Some(agent) {
            return Err(no_ride());
        }
        Ok(self.view(&ride, Viewer::Rider).await)
    }

    /// The rides that this agent booked, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn booked_by(&self, agent: UserId, filter: &Filter, page: &PageRequest) -> Result<Page<RideView>, Error> {
        let rides = super::store::history(&self.inner.pool, Party::BookedBy(agent), filter, page).await?;
        let page = Page::new(rides, page, |ride| Position { at: ride.requested_at, id: ride.id.0 });
        let casts = self.inner.people.casts(&page.items.iter().collect::<Vec<_>>()).await?;
        let mut casts = casts.into_iter();
        Ok(page.map(|ride| ride_view(&ride, &casts.next().unwrap_or_default(), Viewer::Rider)))
    }

    /// Calls a ride off that this agent booked, as its rider would.
    ///
    /// # Errors
    /// Not found for every other ride; as [`Rides::cancel`] otherwise.
    pub async fn cancel_booked(
        &self,
        agent: UserId,
        id: RideId,
        reason: &str,
        note: Option<&str>,
    ) -> Result<RideView, Error> {
        let ride = self.current(id).await?;
        if ride.booked_by != Some(agent) {
            return Err(no_ride());
        }
        let was_live = ride.status.is_live();
        let view = self.cancel_for(agent, &ride, reason, note).await?;
        if was_live {
            self.note(agent, What::Cancelled, ride.rider.into(), Some(id), None).await?;
        }
        Ok(view)
    }

    /// What agents did, newest first; of one of them, or of all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn agent_actions(&self, agent: Option<UserId>, page: &PageRequest) -> Result<Page<Action>, Error> {
        let rows = store::actions(&self.inner.pool, agent, page).await?;
        Ok(Page::new(rows, page, |action| Position { at: action.at, id: action.id }))
    }

    async fn refuse_busy_agent(&self, agent: UserId, now: Timestamp) -> Result<(), Error> {
        let Config { live_rides_max, actions_per_hour_max } = self.inner.config.agents;
        let hour = Span::from_minutes(60);
        let load = store::load(&self.inner.pool, agent, now - hour).await?;
        if load.actions >= i64::from(actions_per_hour_max) {
            let retry_after = load.oldest.map_or(hour, |oldest| (oldest + hour).since(now));
            return Err(Error::RateLimited { retry_after });
        }
        if load.live_rides >= i64::from(live_rides_max) {
            let text = format!("you have {live_rides_max} rides under way; wait until one has ended");
            return Err(Error::conflict("too_many_live_rides", text));
        }
        Ok(())
    }

    async fn note(
        &self,
        agent: UserId,
        what: What,
        rider: UserId,
        ride: Option<RideId>,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        let action = Action {
            id: Uuid::now_v7(),
            agent,
            at: clock::now(),
            what,
            rider,
            ride,
            detail: detail.map(str::to_owned),
            request_id: RequestId::current_or_none(),
        };
        store::note(&self.inner.pool, &action).await
    }
}

fn check_calling(calling: &CallingRider) -> Result<(Phone, String, Language), Error> {
    let mut checks = Checks::new();
    let phone = checks.accept("rider.phone", &calling.phone, Phone::parse(&calling.phone));
    let first_name = checks.text("rider.first_name", &calling.first_name, FIRST_NAME_CHARS_MAX);
    let code = calling.language.as_deref().unwrap_or(Language::default().as_str());
    let language = checks.accept("rider.language", code, Language::from_code(code).ok_or("is not one of rw, en, fr"));
    checks.finish()?;
    match (phone, language) {
        (Some(phone), Some(language)) => Ok((phone, first_name, language)),
        _ => Err(Error::internal("checked above")),
    }
}

/// As long as the names that people register with.
const FIRST_NAME_CHARS_MAX: usize = 60;
