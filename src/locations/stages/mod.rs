//! Stages: first come, first served where drivers wait for riders by custom.
//!
//! A geofence of kind `stage` opens a queue. Separate from the geofences because those say what happened and a queue says
//! who is next. `queue` has the rules, `board` is what pings and the shard meet, `keeper` the task beside, and here is what
//! people ask of it.
//!
//! The queues live in memory and are written down as they are (one row a place), not rebuilt from geofence events after a
//! restart: operators' moves, declines and rides taken are in no event, and who was first an hour ago must not depend on how
//! long events are kept. What is written is at most a second old; after a restart everybody has `dark_grace` to be heard
//! inside again.
//!
//! Invariants: a driver has one place at most, here and in the table; what an operator did, and why, is written before it
//! takes effect and never forgotten.

mod board;
pub mod http;
mod keeper;
mod queue;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::PgPool;
use uuid::Uuid;

use super::Locations;
use super::geofences::{Zone, ZoneKind};
use crate::audit;
use crate::error::Error;
use crate::geo::LatLng;
use crate::ids::{DriverId, UserId, ZoneId};
use crate::realtime::Hub;
use crate::realtime::protocol::server::StagePlaceView;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};

pub use board::Board;
pub use queue::{Doing, Place, Rules};

/// Numbers of the service; those of the queues are [`Rules`].
#[derive(Clone, Debug)]
pub struct Config {
    /// How often queues are swept, written down and told.
    pub sweep: Span,
}

#[cfg(test)]
impl Rules {
    /// Numbers for tests.
    pub(crate) const fn for_tests() -> Self {
        Self { reentry_grace: Span::from_secs(120), dark_grace: Span::from_secs(300), declines_max: 2, places_max: 100 }
    }
}

/// A stage as anybody may see one.
#[derive(Clone, Debug, PartialEq)]
pub struct NearStage {
    /// The zone.
    pub zone: Arc<Zone>,
    /// From the place that was asked about to its border; 0 inside.
    pub distance_m: f64,
    /// Drivers who wait there now.
    pub waiting: usize,
}

/// What an operator does with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Puts the driver at another place, from 0.
    Move(usize),
    /// Takes the place.
    Remove,
}

/// What an operator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Which.
    pub id: Uuid,
    /// Whose place.
    pub driver: DriverId,
    /// Where it was, from 0.
    pub from: usize,
    /// Where it is since, from 0; `None` where it was taken.
    pub to: Option<usize>,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// The stages. Clones share everything.
#[derive(Clone)]
pub struct Stages {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: PgPool,
    locations: Locations,
    hub: Arc<Hub>,
    /// What each driver was told last, but for when they joined.
    told: Mutex<BTreeMap<DriverId, StagePlaceView>>,
}

impl Stages {
    /// The queues as they were written down last; [`run`](Self::run) goes on with that. After the geofences are in force.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(
        config: Config,
        pool: PgPool,
        locations: Locations,
        hub: Arc<Hub>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        for (stage, places) in store::places(&pool).await? {
            locations.stages().with(|queues| queues.restore(stage, places, now));
        }
        Ok(Self { inner: Arc::new(Inner { config, pool, locations, hub, told: Mutex::default() }) })
    }

    fn board(&self) -> &Board {
        self.inner.locations.stages()
    }

    fn zone(&self, stage: ZoneId) -> Result<Arc<Zone>, Error> {
        let zones = self.inner.locations.fences().zones();
        let zone = zones.find(stage).filter(|zone| zone.kind == ZoneKind::Stage);
        zone.cloned().ok_or(Error::NotFound { what: "stage" })
    }

    /// A driver's own place.
    ///
    /// # Errors
    /// Conflicts: `not_online`; `not_at_stage` outside of every stage; `no_place` inside of one without a place.
    pub fn place(&self, driver: DriverId) -> Result<StagePlaceView, Error> {
        if !self.inner.locations.is_on_shift(driver) {
            return Err(Error::conflict("not_online", "go online first: a place is for drivers on shift"));
        }
        let (view, is_at_stage) = self.board().with(|queues| {
            let placed = queues.place_of(driver);
            let waiting = |stage| queues.at(stage).map_or(0, <[_]>::len);
            (placed.map(|(stage, at, place)| (stage, at, place, waiting(stage))), queues.is_at_stage(driver))
        });
        match view {
            Some((stage, at, place, waiting)) => Ok(place_view(&*self.zone(stage)?, at, waiting, &place)),
            None if is_at_stage => Err(Error::conflict(
                "no_place",
                "you are at a stage without a place: you have a ride, all places are taken, or an operator took yours",
            )),
            None => Err(Error::conflict("not_at_stage", "you are at no stage; a place is given inside of one")),
        }
    }

    /// A stage and its queue, the head first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn queue(&self, stage: ZoneId) -> Result<(Arc<Zone>, Vec<Place>), Error> {
        let zone = self.zone(stage)?;
        Ok((zone, self.board().with(|queues| queues.at(stage).map(<[_]>::to_vec)).unwrap_or_default()))
    }

    /// The stages nearest to a place, and how many drivers wait there.
    pub fn near(&self, place: LatLng, limit: usize) -> Vec<NearStage> {
        let zones = self.inner.locations.fences().zones();
        let stages = zones.iter().filter(|zone| zone.kind == ZoneKind::Stage);
        let mut near: Vec<NearStage> = stages
            .map(|zone| {
                let is_inside = zone.outline.contains(place);
                let distance_m = if is_inside { 0.0 } else { zone.outline.border_m(place) };
                NearStage { zone: Arc::clone(zone), distance_m, waiting: 0 }
            })
            .collect();
        near.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.zone.id.cmp(&b.zone.id)));
        near.truncate(limit);
        let is_here = |place: &&Place| place.away_until.is_none();
        self.board().with(|queues| {
            for stage in &mut near {
                stage.waiting = queues.at(stage.zone.id).map_or(0, |places| places.iter().filter(is_here).count());
            }
        });
        near
    }

    /// An operator moves a driver in a queue, or takes the place. Written down first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a stage that is none; conflict `no_place` for a driver who does not wait there.
    pub async fn act(
        &self,
        (stage, driver): (ZoneId, DriverId),
        act: Act,
        reason: &str,
        by: UserId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let no_place = || Error::conflict("no_place", "the driver does not wait at this stage (any more)");
        let (_, places) = self.queue(stage)?;
        let from = places.iter().position(|place| place.driver == driver).ok_or_else(no_place)?;
        let to = match act {
            Act::Move(to) => Some(to.min(places.len() - 1)),
            Act::Remove => None,
        };
        let id = Uuid::now_v7();
        let noted = Override { id, driver, from, to, reason: reason.to_owned(), by, at: now };
        let mut tx = self.inner.pool.begin().await?;
        store::insert_override(&mut tx, stage, &noted).await?;
        let action = if to.is_some() { "stages.place_moved" } else { "stages.place_taken" };
        let act = audit::Act {
            whose: Some(driver.into()),
            why: Some(reason),
            ..audit::Act::of_admin(by, action).on("stage", stage)
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        let done = self.board().with(|queues| match to {
            Some(to) => queues.put(driver, stage, to),
            None => queues.remove(driver, stage),
        });
        tracing::info!(zone.id = %stage, driver.id = %driver, user.id = %by, done, "an operator changed a queue");
        // Gone while it was written down: that an operator wanted it stays on the record.
        if done { Ok(()) } else { Err(no_place()) }
    }

    /// [`Self::queue`], shown to an admin.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_queue(
        &self,
        stage: ZoneId,
        by: UserId,
        now: Timestamp,
    ) -> Result<(Arc<Zone>, Vec<Place>), Error> {
        let (zone, places) = self.queue(stage)?;
        let drivers: Vec<UserId> = places.iter().map(|place| place.driver.into()).collect();
        let act = audit::Act::of_admin(by, "stages.queue_read").on("stage", stage);
        audit::record_read(&self.inner.pool, &act, &drivers, now).await?;
        Ok((zone, places))
    }

    /// What operators did with a queue, newest first, shown to an admin.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn overrides(
        &self,
        stage: ZoneId,
        page: &PageRequest,
        by: UserId,
        now: Timestamp,
    ) -> Result<Page<Override>, Error> {
        let rows = store::overrides(&self.inner.pool, stage, page).await?;
        if rows.is_empty() {
            self.zone(stage)?;
        }
        let overrides = Page::new(rows, page, |row| Position { at: row.at, id: row.id });
        let drivers: Vec<UserId> = overrides.items.iter().map(|noted| noted.driver.into()).collect();
        let act = audit::Act::of_admin(by, "stages.overrides_read").on("stage", stage);
        audit::record_read(&self.inner.pool, &act, &drivers, now).await?;
        Ok(overrides)
    }

    /// A driver's app has come back and knows nothing.
    pub fn tell_again(&self, driver: DriverId) {
        self.inner.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&driver);
    }
}

fn place_view(zone: &Zone, at: usize, waiting: usize, place: &Place) -> StagePlaceView {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    StagePlaceView {
        stage_id: zone.id,
        name: zone.name.clone(),
        place: number(at + 1),
        waiting: number(waiting),
        joined_at: place.joined_at,
        away_until: place.away_until,
    }
}
