//! The queues as everybody reaches them: pings and dispatch write, the shard and the service read.
//!
//! Separate from the rules so that those stay pure. One lock for all queues: it is taken when a driver enters or leaves a
//! zone, gets or ends a ride, and once a second for a sweep; never for a ping that changes nothing. Held for microseconds.
//! Order of the locks: a driver's presence, this one, then (for a sweep, which looks) those of shifts and index; nobody who
//! holds one of the latter asks for this one.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::queue::{Doing, Queues, Rules};
use crate::geo::LatLng;
use crate::ids::{DriverId, ZoneId};
use crate::locations::Locations;
use crate::locations::geofences::{EventKind, Step, ZoneKind};
use crate::time::Timestamp;

/// The queues of all stages.
pub struct Board {
    queues: Mutex<Queues>,
}

impl Board {
    /// No stages yet.
    pub fn new(rules: Rules) -> Self {
        Self { queues: Mutex::new(Queues::new(rules)) }
    }

    /// These zones are stages, and no others.
    pub fn set_stages(&self, stages: &BTreeSet<ZoneId>) {
        self.lock().set_stages(stages);
    }

    /// A driver did something with a zone.
    pub fn stepped(&self, driver: DriverId, step: &Step, doing: Doing, now: Timestamp) {
        match step.kind {
            EventKind::Enter => self.lock().enter(driver, step.zone, doing, now),
            EventKind::Exit => self.lock().exit(driver, step.zone, now),
            EventKind::Dwell => {}
        }
    }

    /// What a driver can be used for has changed.
    pub fn doing(&self, driver: DriverId, doing: Doing, now: Timestamp) {
        match doing {
            Doing::Off => self.lock().off(driver),
            Doing::Waiting => self.lock().free(driver, now),
            Doing::Riding => self.lock().took_ride(driver),
        }
    }

    /// A driver goes off shift.
    pub fn off(&self, driver: DriverId) {
        self.lock().off(driver);
    }

    /// Those who wait at a stage.
    pub fn placed(&self) -> BTreeSet<DriverId> {
        self.lock().all().flat_map(|(_, places)| places.iter().map(|place| place.driver)).collect()
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Queues) -> T) -> T {
        look(&mut self.lock())
    }

    /// Every change of a queue is a few assignments that cannot panic in between.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locations {
    /// Who is to be asked first for a ride that begins here, when that is inside of a stage: its queue in order, numbered
    /// from 0. Who is away, or has not been heard for as long as makes a position stale, is passed over. In memory only.
    pub fn queue_at(&self, pickup: LatLng, now: Timestamp) -> Vec<(DriverId, u16)> {
        let zones = self.fences().zones();
        let mut stages: Vec<ZoneId> =
            zones.holding(pickup).filter(|zone| zone.kind == ZoneKind::Stage).map(|zone| zone.id).collect();
        // Where stages lie over one another, the one that was drawn first and has anybody.
        stages.sort_unstable();
        let waiting = stages.into_iter().find_map(|stage| {
            let places = self.stages().with(|queues| queues.at(stage).map(<[_]>::to_vec))?;
            let here = places.into_iter().filter(|place| place.away_until.is_none());
            let here: Vec<DriverId> =
                here.map(|place| place.driver).filter(|driver| self.seen(*driver, now).is_some()).collect();
            (!here.is_empty()).then_some(here)
        });
        waiting.unwrap_or_default().into_iter().zip(0..).collect()
    }

    /// A driver let an offer of a ride that begins here pass: a stage whose queue the driver is in counts it.
    pub fn passed_at_stage(&self, driver: DriverId, pickup: LatLng) {
        let Some((stage, ..)) = self.stages().with(|queues| queues.place_of(driver)) else { return };
        let zones = self.fences().zones();
        if zones.find(stage).is_some_and(|zone| zone.outline.contains(pickup)) {
            self.stages().with(|queues| queues.declined(driver, stage));
        }
    }
}
