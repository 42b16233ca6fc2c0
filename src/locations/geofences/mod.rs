//! Geofences: zones that admins draw, and what drivers do with them.
//!
//! Separate from the live positions because a zone is an admin's wish and no fact: drawn, changed and removed by people, kept
//! in the database, in force a moment later. The service has the zones and their changes; `fences` is what a ping meets,
//! `presence` decides what a fix means, `keeper` stores what happened.
//!
//! Invariants: the zones in force are those of the database as of the last change here, or of `refresh` ago where another
//! process changed them; a stay has one enter and one exit, unless the process ended meanwhile: it then begins anew. Of two
//! admins who change a zone at once the last one wins, unless they say which version they changed.

mod fences;
pub mod http;
mod keeper;
mod presence;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod zone;
mod zones;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use sqlx::PgPool;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::Locations;
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::{UserId, ZoneId};
use crate::telemetry::names;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

pub use fences::{Config as FencesConfig, Event, Fences, Whereabouts};
pub use presence::{Presence, Rules, Step};
pub use zone::{EventKind, Outline, OutlineError, Zone, ZoneKind};
pub use zones::ZoneSet;

/// Numbers of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Corners of an outline.
    pub corners_max: usize,
    /// Zones in force at once.
    pub zones_max: i64,
    /// Events stored at once.
    pub batch_rows_max: usize,
    /// Wait before the next attempt while the database is away.
    pub retry: Duration,
    /// How often it is looked whether another process changed the zones.
    pub refresh: Duration,
    /// How long events are kept, in days.
    pub retention_days: i64,
}

/// A zone as an admin wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub kind: ZoneKind,
    /// Where it is.
    pub outline: Outline,
    /// What the admin's own programs keep with it.
    pub data: Map<String, Value>,
}

/// A zone as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The zone.
    pub zone: Zone,
    /// What the admin's own programs keep with it.
    pub data: Map<String, Value>,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was drawn.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: UserId,
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Which.
    pub id: Uuid,
    /// What happened.
    pub event: Event,
}

/// The zones and their events. Clones share everything.
#[derive(Clone)]
pub struct Geofences {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: PgPool,
    locations: Locations,
    /// Held while zones are read from the database and put in force, so that newer ones never make way for older ones.
    loading: Mutex<()>,
}

impl Geofences {
    /// The zones of the database in force for `locations`; [`run`](Self::run) stores what happens.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(config: Config, pool: PgPool, locations: Locations) -> Result<Self, Error> {
        let geofences = Self { inner: Arc::new(Inner { config, pool, locations, loading: Mutex::new(()) }) };
        geofences.load().await?;
        Ok(geofences)
    }

    fn fences(&self) -> &Fences {
        self.inner.locations.fences()
    }

    /// Corners of an outline.
    pub fn corners_max(&self) -> usize {
        self.inner.config.corners_max
    }

    /// Puts the zones of the database in force.
    async fn load(&self) -> Result<(), Error> {
        let _turn = self.inner.loading.lock().await;
        let zones: Vec<Zone> = store::all(&self.inner.pool).await?.into_iter().map(|stored| stored.zone).collect();
        metrics::gauge!(names::GEOFENCE_ZONES).set(zones.len() as f64);
        let stages = zones.iter().filter(|zone| zone.kind == ZoneKind::Stage).map(|zone| zone.id).collect();
        self.fences().swap(ZoneSet::new(zones));
        self.inner.locations.stages().set_stages(&stages);
        Ok(())
    }

    /// Draws a zone.
    ///
    /// # Errors
    /// Conflict `too_many_geofences`.
    pub async fn create(&self, draft: &Draft, by: UserId, now: Timestamp) -> Result<Stored, Error> {
        let max = self.inner.config.zones_max;
        if store::count(&self.inner.pool).await? >= max {
            let message = format!("there are {max} geofences, which is as many as there may be; remove one first");
            return Err(Error::conflict("too_many_geofences", message));
        }
        let id = ZoneId(Uuid::now_v7());
        let mut tx = self.inner.pool.begin().await?;
        store::insert(&mut tx, id, draft, by, now).await?;
        audit::record(&mut tx, &Act::of_admin(by, "geofences.drawn").on("geofence", id), now).await?;
        tx.commit().await?;
        tracing::info!(zone.id = %id, user.id = %by, kind = draft.kind.as_str(), "a geofence was drawn");
        self.load().await?;
        self.find(id).await
    }

    /// Changes a zone; given a version, only that one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; conflict `geofence_changed` when it is of another version by now.
    pub async fn change(
        &self,
        (id, version): (ZoneId, Option<i32>),
        draft: &Draft,
        by: UserId,
        now: Timestamp,
    ) -> Result<Stored, Error> {
        let mut tx = self.inner.pool.begin().await?;
        if !store::update(&mut tx, (id, version), draft, by, now).await? {
            drop(tx);
            let is = self.find(id).await?.version;
            let message = format!("somebody changed it meanwhile: it is of version {is}; read it again");
            return Err(Error::conflict("geofence_changed", message));
        }
        audit::record(&mut tx, &Act::of_admin(by, "geofences.changed").on("geofence", id), now).await?;
        tx.commit().await?;
        tracing::info!(zone.id = %id, user.id = %by, kind = draft.kind.as_str(), "a geofence was changed");
        self.load().await?;
        self.find(id).await
    }

    /// Takes a zone out of force. Its events are still read.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove(&self, id: ZoneId, by: UserId, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        if !store::remove(&mut tx, id, by, now).await? {
            return Err(Error::NotFound { what: "geofence" });
        }
        audit::record(&mut tx, &Act::of_admin(by, "geofences.removed").on("geofence", id), now).await?;
        tx.commit().await?;
        tracing::info!(zone.id = %id, user.id = %by, "a geofence was removed");
        self.load().await
    }

    /// A zone in force, shown to an admin.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show(&self, id: ZoneId, by: UserId, now: Timestamp) -> Result<Stored, Error> {
        let found = self.find(id).await?;
        let act = Act::of_admin(by, "geofences.read").on("geofence", id);
        audit::record_read(&self.inner.pool, &act, &[], now).await?;
        Ok(found)
    }

    async fn find(&self, id: ZoneId) -> Result<Stored, Error> {
        store::find(&self.inner.pool, id).await?.ok_or(Error::NotFound { what: "geofence" })
    }

    /// Zones in force, newest first, shown to an admin.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, page: &PageRequest, by: UserId, now: Timestamp) -> Result<Page<Stored>, Error> {
        let position = |stored: &Stored| Position { at: stored.created_at, id: stored.zone.id.0 };
        let zones = Page::new(store::page(&self.inner.pool, page).await?, page, position);
        audit::record_read(&self.inner.pool, &Act::of_admin(by, "geofences.listed"), &[], now).await?;
        Ok(zones)
    }

    /// What drivers did with a zone, newest first; also one that was removed.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn events(
        &self,
        id: ZoneId,
        page: &PageRequest,
        by: UserId,
        now: Timestamp,
    ) -> Result<Page<StoredEvent>, Error> {
        let events = store::events(&self.inner.pool, id, page).await?;
        if events.is_empty() && !store::was_there(&self.inner.pool, id).await? {
            return Err(Error::NotFound { what: "geofence" });
        }
        let position = |stored: &StoredEvent| Position { at: stored.event.step.at, id: stored.id };
        let events = Page::new(events, page, position);
        let drivers: Vec<UserId> = events.items.iter().map(|stored| stored.event.driver.into()).collect();
        let act = Act::of_admin(by, "geofences.events_read").on("geofence", id);
        audit::record_read(&self.inner.pool, &act, &drivers, now).await?;
        Ok(events)
    }
}
