//! The live side of the road map: riding times learned from our own drivers, streets that are shut, corrected arrivals.
//!
//! Separate from the map itself, which is pure and never changes while it is loaded, and from rides, which hand in what
//! they saw and ask what to promise. Without a map closures are kept for the day there is one, and arrival times are
//! corrected all the same.
//!
//! Invariants: whoever hands something in never waits; one task owns what is learned, so it is learned in order; what is
//! swapped in is whole, closures included; a database that is away costs nobody an answer.

mod closure;
pub mod http;
mod keeper;
mod learning;
mod store;
mod travel;
#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::error::{Cause, Checks, Error};
use crate::geo::LatLng;
use crate::ids::UserId;
use crate::road::correction::{self, Corrections, EtaError, FinishedLeg};
use crate::road::network::{ArcId, Network};
use crate::road::traffic;
use crate::telemetry::names;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest};

pub use travel::Corrected;

pub use closure::{Closure, Drawn, Lifted, NewClosure, State};

/// Numbers of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// The map to load.
    pub file: Option<PathBuf>,
    /// Without one, a generated town.
    pub town: bool,
    /// Between two swaps of the riding times.
    pub reweigh: Span,
    /// Between two times that what was learned is stored.
    pub persist: Span,
    /// Passages that wait to be learned from; more are dropped and counted.
    pub observations_max: usize,
    /// How far the streets may be from a place that is to be on one.
    pub snap_m_max: f64,
    /// Closures that have not ended.
    pub closures_max: i64,
    /// Learning of streets.
    pub speeds: traffic::Config,
    /// Learning of arrival times.
    pub corrections: correction::Config,
}

/// Hands new riding times to the router: one for each arc.
pub type Reweigh = Arc<dyn Fn(Vec<u32>) -> Result<(), Cause> + Send + Sync>;

/// The loaded map, as far as it is this service's business.
#[derive(Clone)]
pub struct Road {
    /// Its streets.
    pub network: Arc<Network>,
    /// Where new riding times go.
    pub reweigh: Reweigh,
}

/// Somebody rode an arc.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Passage {
    arc: ArcId,
    duration: Span,
    at: Timestamp,
}

/// The service. Clones are the same.
#[derive(Clone)]
pub struct Maps {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: PgPool,
    road: Option<Road>,
    passages: mpsc::Sender<Passage>,
    /// Taken by the task.
    inbox: Mutex<Option<mpsc::Receiver<Passage>>>,
    /// Read with every travel time, written with every leg that ends.
    corrections: RwLock<Corrections>,
}

impl Maps {
    /// The service on a database and, where there is one, a map. Nothing is learned and nothing shut before
    /// [`run`](Self::run).
    pub fn new(config: Config, pool: PgPool, road: Option<Road>) -> Self {
        let (passages, inbox) = mpsc::channel(config.observations_max.max(1));
        let corrections = RwLock::new(Corrections::new(&config.corrections));
        let inbox = Mutex::new(Some(inbox));
        Self { inner: Arc::new(Inner { config, pool, road, passages, inbox, corrections }) }
    }

    /// Somebody rode a whole arc in `duration`, until `at`. Never waits: too many at once are dropped and counted.
    pub fn observe(&self, arc: ArcId, duration: Span, at: Timestamp) {
        if self.inner.road.is_some() && self.inner.passages.try_send(Passage { arc, duration, at }).is_err() {
            metrics::counter!(names::ROAD_PASSAGES_DROPPED_TOTAL).increment(1);
        }
    }

    /// What to promise when the router says `duration` for a leg that ends at `place` and begins now.
    pub fn correct(&self, duration: Span, place: LatLng, now: Timestamp) -> Span {
        self.corrections().correct(duration, place, now)
    }

    /// By what the router's time of a leg that ends at `place` and begins now is corrected.
    pub fn factor(&self, place: LatLng, now: Timestamp) -> f64 {
        self.corrections().factor(place, now)
    }

    /// Learns from a leg that somebody rode to its end.
    pub fn leg_finished(&self, leg: &FinishedLeg) {
        let mut corrections = self.corrections_to_change();
        if !corrections.leg_finished(leg) {
            return;
        }
        let error = corrections.error();
        drop(corrections);
        let off_s = (leg.actual.as_millis() - leg.promised.as_millis()) as f64 / 1e3;
        metrics::histogram!(names::ETA_ERROR_SECONDS).record(off_s.abs());
        for (figure, value_s) in [("median", error.median_s), ("p90", error.p90_s), ("bias", error.bias_s)] {
            metrics::gauge!(names::ETA_ERROR_LAST_SECONDS, "figure" => figure).set(value_s as f64);
        }
    }

    /// How far off the last promises were.
    pub fn eta_error(&self) -> EtaError {
        self.corrections().error()
    }

    /// Shuts streets. It takes effect with the next swap of riding times within its time, and ends by itself.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field; [`Error::Conflict`] `too_many_closures`.
    pub async fn close(&self, admin: UserId, new: NewClosure, now: Timestamp) -> Result<Closure, Error> {
        let mut closure = new.check(admin, now)?;
        if let Some(road) = self.inner.road.clone() {
            let (drawing, reach_m) = (closure.drawing.clone(), self.inner.config.snap_m_max);
            let arcs = tokio::task::spawn_blocking(move || drawing.arcs(&road.network, reach_m))
                .await
                .map_err(Error::internal)?;
            if arcs.is_empty() {
                let (field, reason) = closure::means_no_street(&closure.drawing, reach_m);
                return Err(Error::Invalid(vec![crate::error::Fault::without_value(field, reason)]));
            }
            closure.arcs = Some(i32::try_from(arcs.len()).unwrap_or(i32::MAX));
        }
        let mut tx = self.inner.pool.begin().await?;
        if !store::insert(&mut tx, &closure, self.inner.config.closures_max).await? {
            let max = self.inner.config.closures_max;
            let message = format!("there are {max} closures already that have not ended; lift one first");
            return Err(Error::conflict("too_many_closures", message));
        }
        audit::record(&mut tx, &Act::of_admin(admin, "roads.shut").on("road_closure", closure.id), now).await?;
        tx.commit().await?;
        tracing::info!(closure.id = %closure.id, admin.id = %admin, arcs = closure.arcs, "streets are shut");
        Ok(closure)
    }

    /// Closures, newest first; of one state where `state` is its word. Shown to an admin.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word that is no state.
    pub async fn closures(
        &self,
        state: Option<&str>,
        page: &PageRequest,
        admin: UserId,
        now: Timestamp,
    ) -> Result<Page<Closure>, Error> {
        let mut checks = Checks::new();
        let state = state.and_then(|word| checks.accept("state", word, word.parse::<State>()));
        checks.finish()?;
        let rows = store::list(&self.inner.pool, state, page, now).await?;
        audit::record_read(&self.inner.pool, &Act::of_admin(admin, "roads.closures_listed"), &[], now).await?;
        Ok(Page::new(rows, page, Closure::position))
    }

    /// Opens the streets of a closure again, with the next swap. Lifting what was lifted or has ended changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn lift(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        let is_lifted = store::lift(&mut tx, id, admin, now).await?;
        if !is_lifted && !store::exists(&mut tx, id).await? {
            return Err(Error::NotFound { what: "road closure" });
        }
        audit::record(&mut tx, &Act::of_admin(admin, "roads.opened").on("road_closure", id), now).await?;
        tx.commit().await?;
        if is_lifted {
            tracing::info!(closure.id = %id, admin.id = %admin, "a closure was lifted");
        }
        Ok(())
    }

    fn corrections(&self) -> RwLockReadGuard<'_, Corrections> {
        // What a panic left half done is one leg counted on some of its levels.
        self.inner.corrections.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn corrections_to_change(&self) -> RwLockWriteGuard<'_, Corrections> {
        self.inner.corrections.write().unwrap_or_else(PoisonError::into_inner)
    }
}
