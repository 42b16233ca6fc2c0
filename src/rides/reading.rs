//! Reading rides: one, the live ones, the history, the timeline.

use serde::Serialize;
use utoipa::ToSchema;

use super::ride::Ride;
use super::store::Party;
use super::view::{Viewer, offer_view, ride_view};
use super::{Filter, Rides, no_ride, store};
use crate::audit::{self, Act};
use crate::clock;
use crate::dispatch::{Canceller, Input};
use crate::error::Error;
use crate::ids::{DriverId, RideId, UserId};
use crate::realtime::Snapshot;
use crate::realtime::protocol::view::{OfferView, RideStatus, RideView};
use crate::road::Origin;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};
use crate::web::{Caller, Role};

/// One entry of a ride's timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Position in the timeline, from 1.
    pub seq: i32,
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
    /// `requested`, `rescheduled`, `search_began`, `offer_made`, `offer_closed`, `driver_assigned`, `driver_on_the_way`,
    /// `driver_nudged`, `driver_released`, `driver_arrived`, `stop_reached`, `started`, or the final status.
    pub kind: String,
    /// `customer`, `driver`, `agent`, `admin` or `system`.
    pub actor: String,
    /// Details; for operators only, otherwise empty.
    pub data: serde_json::Value,
}

impl Rides {
    /// A ride, for its parties and operators.
    ///
    /// # Errors
    /// Not found for everybody else.
    pub async fn show(&self, caller: Caller, id: RideId) -> Result<RideView, Error> {
        let (ride, viewer) = self.visible(caller, id).await?;
        Ok(self.view(&ride, viewer).await)
    }

    pub(super) async fn visible(&self, caller: Caller, id: RideId) -> Result<(Ride, Viewer), Error> {
        let ride = match self.inner.live.ride(id) {
            Some(ride) => (*ride).clone(),
            None => self.stored(id).await?,
        };
        let viewer = match caller.role {
            Role::Customer if is_party(&ride, caller) => Viewer::Rider,
            Role::Driver if is_party(&ride, caller) => Viewer::Driver,
            Role::Admin => Viewer::Operator,
            _ => return Err(no_ride()),
        };
        if viewer == Viewer::Operator {
            let act = Act::of_admin(caller.user, "rides.read").on("ride", id);
            audit::record_read(&self.inner.pool, &act, &parties(&ride), clock::now()).await?;
        }
        Ok((ride, viewer))
    }

    /// The caller's live ride; after a driver's ride under way the next one, if there is one.
    ///
    /// # Errors
    /// Never; a caller without one gets none.
    pub async fn active(&self, caller: Caller) -> Result<Vec<RideView>, Error> {
        let viewer = if caller.role == Role::Driver { Viewer::Driver } else { Viewer::Rider };
        let next = (caller.role == Role::Driver).then(|| self.inner.live.next_of(caller.user.into())).flatten();
        let mut views = Vec::new();
        for (ride, cast) in self.inner.live.shown_to(caller.user).into_iter().chain(next) {
            if !is_party(&ride, caller) {
                continue;
            }
            views.push(match cast {
                // As last told: a whole city that reconnects reads no names from the database.
                Some(cast) => self.with_queue(ride_view(&ride, &cast, viewer)),
                None => self.view(&ride, viewer).await,
            });
        }
        Ok(views)
    }

    /// The caller's rides, newest first; an operator sees everybody's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn history(
        &self,
        caller: Caller,
        filter: &Filter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<RideView>, Error> {
        let (party, viewer) = match caller.role {
            Role::Customer => (Party::Rider(caller.user.into()), Viewer::Rider),
            Role::Driver => (Party::Driver(caller.user.into()), Viewer::Driver),
            Role::Admin => (Party::Anyone, Viewer::Operator),
            Role::Government => return Err(Error::forbidden("forbidden", "this role reads reports, not rides")),
            Role::Agent => return Err(Error::forbidden("forbidden", "agents find their rides under /agent/rides")),
        };
        let rides = store::history(&self.inner.pool, self.inner.people.vault(), party, filter, page).await?;
        let page = Page::new(rides, page, |ride| Position { at: ride.requested_at, id: ride.id.0 });
        if viewer == Viewer::Operator {
            let people: Vec<UserId> = page.items.iter().flat_map(parties).collect();
            let act = Act::of_admin(caller.user, "rides.listed");
            audit::record_read(&self.inner.pool, &act, &people, now).await?;
        }
        let casts = self.inner.people.casts(&page.items.iter().collect::<Vec<_>>()).await?;
        let mut casts = casts.into_iter();
        Ok(page.map(|ride| ride_view(&ride, &casts.next().unwrap_or_default(), viewer)))
    }

    /// The timeline of a ride.
    ///
    /// # Errors
    /// Not found unless the caller may see the ride.
    pub async fn events(&self, caller: Caller, id: RideId) -> Result<Vec<EventView>, Error> {
        let (_, viewer) = self.visible(caller, id).await?;
        let operator = viewer == Viewer::Operator;
        let view = |event: store::Event| EventView {
            seq: event.seq,
            at: event.at,
            kind: event.kind,
            actor: event.actor,
            // Who else was asked is not the parties' business.
            data: if operator { event.data } else { serde_json::json!({}) },
        };
        Ok(store::events(&self.inner.pool, id).await?.into_iter().map(view).collect())
    }

    /// Travel time from where the driver is to where the ride goes next, in seconds.
    pub(super) fn eta_s(&self, ride: &Ride, from: Origin) -> Option<i64> {
        let to = match ride.status {
            RideStatus::DriverAssigned => ride.pickup.at,
            RideStatus::InProgress => ride.next_place(),
            RideStatus::DriverArrived => return Some(0),
            _ => return None,
        };
        self.inner.locations.travel().duration(from, to).ok().map(Span::as_secs)
    }

    /// The offers a driver has to answer: one at most.
    pub fn offers(&self, driver: DriverId) -> Vec<OfferView> {
        let offer = self.inner.live.offer_of(driver);
        offer.and_then(|offer| Some(offer_view(&offer, &*self.inner.live.ride(offer.id.ride)?))).into_iter().collect()
    }

    /// Everything live about a caller, for `welcome`.
    ///
    /// # Errors
    /// Never at present; the signature leaves room for a store.
    pub async fn snapshot(&self, caller: Caller) -> Result<Snapshot, Error> {
        let (next, under_way): (Vec<_>, Vec<_>) = self.active(caller).await?.into_iter().partition(is_to_come(caller));
        let (ride, next_ride) = (under_way.into_iter().next(), next.into_iter().next());
        let driver = (caller.role == Role::Driver).then(|| DriverId::from(caller.user));
        Ok(Snapshot {
            online: driver.map(|driver| self.inner.locations.is_on_shift(driver)),
            ride,
            next_ride,
            offers: driver.map(|driver| self.offers(driver)).unwrap_or_default(),
        })
    }
}

/// Whether a driver has taken a ride for after the one under way. A rider has one ride, whoever drives it.
fn is_to_come(caller: Caller) -> impl Fn(&RideView) -> bool {
    move |ride| caller.role == Role::Driver && ride.is_next
}

/// Whose ride it is, for the audit log.
pub(super) fn parties(ride: &Ride) -> Vec<UserId> {
    let driver = ride.driver.map(UserId::from);
    std::iter::once(ride.rider.into()).chain(driver).collect()
}

/// Whether the caller rides or drives it.
pub(super) fn is_party(ride: &Ride, caller: Caller) -> bool {
    match caller.role {
        Role::Customer => ride.rider == caller.user.into(),
        Role::Driver => ride.driver == Some(caller.user.into()),
        Role::Admin | Role::Government | Role::Agent => false,
    }
}

/// Whether an ended ride is what a repeated command asks for.
pub(super) fn is_done_already(ride: &Ride, input: &Input) -> bool {
    match input {
        Input::Complete { .. } | Input::Arrive { .. } | Input::Start { .. } | Input::ReachStop { .. } => {
            ride.status == RideStatus::Completed
        }
        Input::Cancel { by: Canceller::Rider(_), .. } => ride.status == RideStatus::CancelledByCustomer,
        Input::Cancel { by: Canceller::Driver { .. }, .. } => ride.status == RideStatus::CancelledByDriver,
        Input::Cancel { by: Canceller::System, .. } => ride.status == RideStatus::CancelledBySystem,
        _ => false,
    }
}
