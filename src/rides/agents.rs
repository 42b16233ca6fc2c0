//! Agents: people at a telephone or at a stage who book on behalf of somebody without an app.
//!
//! A role of its own and not a right of admins: an agent sees the rides that they booked themselves and nothing else, so a
//! call centre can be staffed without handing out the keys of the house. The rider is found, or made as a guest, by the
//! telephone number; a guest's number is not proven, so nobody signs in as one, and whoever proves it later takes the
//! account over. The rider hears by SMS who comes, and with which PIN. Everything an agent does is written down, refusals
//! too, and both what they do in an hour and what they have under way are bounded.

use uuid::Uuid;

use super::booking::{self, BookRide, Booked, Booker};
use super::ride::Ride;
use super::store::agents::{self as store, Load};
use super::store::{Filter, Party};
use super::view::{Viewer, ride_view};
use super::{Rides, no_ride};
use crate::audit::{self, Act};
use crate::auth::Guest;
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::{RideId, RiderId, UserId};
use crate::notifications::Language;
use crate::phone::Phone;
use crate::realtime::protocol::view::RideView;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};
use crate::web::{IdempotencyKey, RequestId, Role};

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
    /// Books for somebody who called. With a key, a repeated request meets the same ride: its id is derived from agent and
    /// key, and the number of who called is part of what was asked for.
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
        let called = check_calling(calling)?;
        let phone = called.phone;
        let booked = self.book_for_checked(agent, called, key, request).await;
        match &booked {
            // Also of one that is sent again: it was not written the first time if the database went away then.
            Ok(Booked { ride, .. }) => self.note(agent, What::Booked, Some(ride.rider.id), Some(ride.id), None).await?,
            Err(error) => {
                let rider = self.inner.people.account_of(phone).await?;
                self.note(agent, What::Refused, rider, None, Some(error.code())).await?;
            }
        }
        booked
    }

    async fn book_for_checked(
        &self,
        agent: UserId,
        called: Called,
        key: Option<&IdempotencyKey>,
        request: &BookRide,
    ) -> Result<Booked, Error> {
        let request_hash = booking::hash_for(called.phone, request);
        let id = key.map(|key| booking::derived_id(agent, key));
        // Before the bounds: what was booked is no more work, and an agent at a limit hears of it.
        if let Some(id) = id
            && let Some(replayed) = self.replay(id, request_hash, |ride| ride.booked_by == Some(agent)).await?
        {
            return Ok(replayed);
        }
        let now = clock::now();
        let load = self.load_of(agent, now).await?;
        self.refuse_hasty_agent(&load, now)?;
        self.refuse_busy_agent(&load)?;
        let Called { phone, first_name, language } = called;
        let Guest { user, is_new } = self.inner.people.guest(phone, &first_name, language, now).await?;
        if is_new {
            self.note(agent, What::GuestMade, Some(user), None, None).await?;
        }
        self.book_as(RiderId::from(user), Booker::Agent(agent), id, request_hash, request).await
    }

    /// A ride that this agent booked.
    ///
    /// # Errors
    /// Not found for every other ride.
    pub async fn show_booked(&self, agent: UserId, id: RideId, now: Timestamp) -> Result<RideView, Error> {
        let ride = self.current(id).await?;
        if ride.booked_by != Some(agent) {
            return Err(no_ride());
        }
        self.record((agent, "agents.ride_read"), Some(id), &[ride.rider.into()], now).await?;
        Ok(self.view(&ride, Viewer::Rider).await)
    }

    /// The rides that this agent booked, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn booked_by(
        &self,
        agent: UserId,
        filter: &Filter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<RideView>, Error> {
        let rides =
            super::store::history(&self.inner.pool, self.inner.people.vault(), Party::BookedBy(agent), filter, page)
                .await?;
        let page = Page::new(rides, page, |ride| Position { at: ride.requested_at, id: ride.id.0 });
        let riders: Vec<UserId> = page.items.iter().map(|ride| ride.rider.into()).collect();
        self.record((agent, "agents.rides_listed"), None, &riders, now).await?;
        let casts = self.inner.people.casts(&page.items.iter().collect::<Vec<_>>()).await?;
        let mut casts = casts.into_iter();
        Ok(page.map(|ride| ride_view(&ride, &casts.next().unwrap_or_default(), Viewer::Rider)))
    }

    /// Calls a ride off that this agent booked, as its rider would.
    ///
    /// # Errors
    /// Not found for every other ride; [`Error::RateLimited`]; as [`Rides::cancel`] otherwise.
    pub async fn cancel_booked(
        &self,
        agent: UserId,
        id: RideId,
        reason: &str,
        note: Option<&str>,
    ) -> Result<RideView, Error> {
        let ride = self.current(id).await?;
        let rider = Some(ride.rider.into());
        let cancelled = self.cancel_own(agent, &ride, reason, note).await;
        match &cancelled {
            // Again is once, but it is shown again.
            Ok(_) if !ride.status.is_live() => {
                self.record((agent, "agents.ride_read"), Some(id), &[ride.rider.into()], clock::now()).await?;
            }
            Ok(_) => self.note(agent, What::Cancelled, rider, Some(id), None).await?,
            Err(error) => self.note(agent, What::Refused, rider, Some(id), Some(error.code())).await?,
        }
        cancelled
    }

    async fn cancel_own(
        &self,
        agent: UserId,
        ride: &Ride,
        reason: &str,
        note: Option<&str>,
    ) -> Result<RideView, Error> {
        let now = clock::now();
        let is_own = ride.booked_by == Some(agent);
        if ride.status.is_live() || !is_own {
            self.refuse_hasty_agent(&self.load_of(agent, now).await?, now)?;
        }
        if !is_own {
            return Err(no_ride());
        }
        self.cancel_for(agent, ride, reason, note).await
    }

    /// What agents did, newest first; of one of them, or of all. Shown to an admin.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn agent_actions(
        &self,
        agent: Option<UserId>,
        page: &PageRequest,
        admin: UserId,
        now: Timestamp,
    ) -> Result<Page<Action>, Error> {
        let rows = store::actions(&self.inner.pool, agent, page).await?;
        let actions = Page::new(rows, page, |action: &Action| Position { at: action.at, id: action.id });
        let people: Vec<UserId> =
            actions.items.iter().flat_map(|action| std::iter::once(action.agent).chain(action.rider)).collect();
        let act = Act::of_admin(admin, "agents.actions_read");
        audit::record_read(&self.inner.pool, &act, &people, now).await?;
        Ok(actions)
    }

    async fn record(
        &self,
        (agent, action): (UserId, &'static str),
        ride: Option<RideId>,
        riders: &[UserId],
        now: Timestamp,
    ) -> Result<(), Error> {
        let act = Act { subject: ride.map(|ride| ("ride", ride.0)), ..Act::of(agent, Role::Agent, action) };
        Ok(audit::record_read(&self.inner.pool, &act, riders, now).await?)
    }

    /// What an agent did in the last hour, and has under way.
    async fn load_of(&self, agent: UserId, now: Timestamp) -> Result<Load, Error> {
        store::load(&self.inner.pool, agent, now - HOUR).await
    }

    fn refuse_hasty_agent(&self, load: &Load, now: Timestamp) -> Result<(), Error> {
        if load.actions >= i64::from(self.inner.config.agents.actions_per_hour_max) {
            let retry_after = load.oldest.map_or(HOUR, |oldest| (oldest + HOUR).since(now));
            return Err(Error::RateLimited { retry_after });
        }
        Ok(())
    }

    fn refuse_busy_agent(&self, load: &Load) -> Result<(), Error> {
        let live_rides_max = self.inner.config.agents.live_rides_max;
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
        rider: Option<UserId>,
        ride: Option<RideId>,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        let at = clock::now();
        let id = match (what, ride, detail) {
            // Once, however often the booking is sent again.
            (What::Booked, Some(ride), _) => ride.0,
            // Those who knock at a closed door fill no table: one line a minute. No key of a booking looks like this.
            (What::Refused, _, Some(store::RATE_LIMITED)) => {
                let minute = at.as_millis() / 60_000;
                booking::derived_id(agent, &IdempotencyKey(format!("\0{minute}"))).0
            }
            _ => Uuid::now_v7(),
        };
        let act = Act {
            whose: rider,
            subject: ride.map(|ride| ("ride", ride.0)),
            detail: serde_json::json!({ "refused": detail }),
            ..Act::of(agent, Role::Agent, what.audited())
        };
        let (detail, request_id) = (detail.map(str::to_owned), RequestId::current_or_none());
        let mut tx = self.inner.pool.begin().await?;
        let is_new = store::note(&mut tx, &Action { id, agent, at, what, rider, ride, detail, request_id }).await?;
        // Who knocks at a closed door fills no table here either; a booking that is sent again is shown again.
        if is_new || what != What::Refused {
            audit::record(&mut tx, &act, at).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Who called: checked.
struct Called {
    phone: Phone,
    first_name: String,
    language: Language,
}

fn check_calling(calling: &CallingRider) -> Result<Called, Error> {
    let mut checks = Checks::new();
    let phone = checks.accept("rider.phone", &calling.phone, Phone::parse(&calling.phone));
    let first_name = checks.text("rider.first_name", &calling.first_name, FIRST_NAME_CHARS_MAX);
    let code = calling.language.as_deref().unwrap_or(Language::default().as_str());
    let language = checks.accept("rider.language", code, Language::from_code(code).ok_or("is not one of rw, en, fr"));
    checks.finish()?;
    match (phone, language) {
        (Some(phone), Some(language)) => Ok(Called { phone, first_name, language }),
        _ => Err(Error::internal("checked above")),
    }
}

/// What an agent did is bounded in this span.
const HOUR: Span = Span::from_minutes(60);
/// As long as the names that people register with.
const FIRST_NAME_CHARS_MAX: usize = 60;
