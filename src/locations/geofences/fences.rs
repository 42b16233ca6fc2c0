//! The zones in force and the drivers in them, beside the ping path.
//!
//! Separate from the service because a ping may not wait: no database, no lock that others hold for long, no queue without
//! an end. A driver outside of every zone costs four comparisons: the connection remembers a square in which there is none.
//! Near or in a zone the driver's presence is looked up by id, so that it outlives the connection. Events go through a
//! bounded channel; when it is full they are dropped and counted, and the ping goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use rustc_hash::FxBuildHasher;
use tokio::sync::mpsc;

use super::presence::{Presence, Rules, Step};
use super::zone::{Zone, ZoneKind};
use super::zones::{Quiet, ZoneSet};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::telemetry::names;
use crate::time::Timestamp;

/// Numbers of the fences.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a driver is taken to be in a zone.
    pub rules: Rules,
    /// Events that wait to be stored; beyond that new ones are dropped.
    pub events_waiting_max: usize,
    /// Drivers in or at zones at once; beyond that new ones are not followed.
    pub drivers_max: usize,
}

/// A driver did something with a zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Who.
    pub driver: DriverId,
    /// With which zone, what and when.
    pub step: Step,
}

/// What a connection remembers from one ping to the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whereabouts {
    /// No zone is in there, as of this version of the zones.
    quiet: Option<(Quiet, u64)>,
}

/// The zones in force.
pub struct Fences {
    config: Config,
    zones: ArcSwap<ZoneSet>,
    /// Counts the swaps. Raised after a swap: who reads it first and the zones next never takes old zones for new ones.
    version: AtomicU64,
    present: DashMap<DriverId, Presence, FxBuildHasher>,
    events: mpsc::Sender<Event>,
    untaken: Mutex<Option<mpsc::Receiver<Event>>>,
}

impl Fences {
    /// No zones yet.
    pub fn new(config: Config) -> Self {
        let (events, untaken) = mpsc::channel(config.events_waiting_max);
        Self {
            config,
            zones: ArcSwap::default(),
            version: AtomicU64::new(0),
            present: DashMap::default(),
            events,
            untaken: Mutex::new(Some(untaken)),
        }
    }

    /// Other zones take the place of all.
    pub fn swap(&self, zones: ZoneSet) {
        self.zones.store(Arc::new(zones));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The zones in force.
    pub fn zones(&self) -> Arc<ZoneSet> {
        self.zones.load_full()
    }

    /// The no-go zone that holds a place.
    pub fn refusing(&self, place: LatLng) -> Option<Arc<Zone>> {
        self.zones.load().holding(place).find(|zone| zone.kind == ZoneKind::NoGo).cloned()
    }

    /// The events, for the one who stores them; `None` for everybody after the first.
    pub fn take_events(&self) -> Option<mpsc::Receiver<Event>> {
        self.untaken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes in where a driver is. `also` hears at once of what the driver does with a zone; it may not come back here.
    #[inline]
    pub fn follow(
        &self,
        driver: DriverId,
        whereabouts: &mut Whereabouts,
        (place, at): (LatLng, Timestamp),
        also: impl FnMut(Step),
    ) {
        let version = self.version.load(Ordering::Acquire);
        let is_quiet = |(quiet, as_of): (Quiet, u64)| as_of == version && quiet.holds(place);
        if !whereabouts.quiet.is_some_and(is_quiet) {
            whereabouts.quiet = self.follow_near(driver, place, at, also).map(|quiet| (quiet, version));
        }
    }

    /// As [`follow`](Self::follow), where there may be a zone.
    fn follow_near(&self, driver: DriverId, place: LatLng, at: Timestamp, mut also: impl FnMut(Step)) -> Option<Quiet> {
        let zones = self.zones.load();
        let mut tell = |step| {
            self.tell(driver, step);
            also(step);
        };
        if let Some(mut presence) = self.present.get_mut(&driver) {
            presence.follow(&zones, &self.config.rules, place, at, &mut tell);
            if !presence.is_empty() {
                return None;
            }
        } else {
            let quiet = zones.quiet_around(place);
            if quiet.is_some() {
                return quiet;
            }
            let mut presence = Presence::default();
            presence.follow(&zones, &self.config.rules, place, at, &mut tell);
            if presence.is_empty() {
                return None;
            }
            if self.present.len() >= self.config.drivers_max {
                metrics::counter!(names::GEOFENCE_DROPPED_TOTAL, "reason" => "too_many_drivers").increment(1);
                return None;
            }
            self.present.insert(driver, presence);
            return None;
        }
        self.present.remove_if(&driver, |_, presence| presence.is_empty());
        zones.quiet_around(place)
    }

    /// A driver goes off shift: out of every zone.
    pub fn end(&self, driver: DriverId) {
        if let Some((_, presence)) = self.present.remove(&driver) {
            presence.end(&mut |step| self.tell(driver, step));
        }
    }

    /// How many drivers are in or at a zone.
    pub fn drivers(&self) -> usize {
        self.present.len()
    }

    fn tell(&self, driver: DriverId, step: Step) {
        metrics::counter!(names::GEOFENCE_EVENTS_TOTAL, "kind" => step.kind.as_str()).increment(1);
        if self.events.try_send(Event { driver, step }).is_err() {
            metrics::counter!(names::GEOFENCE_DROPPED_TOTAL, "reason" => "queue_full").increment(1);
        }
    }
}
