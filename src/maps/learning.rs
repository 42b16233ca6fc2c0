//! What is learned of one map's streets, and the riding times that follow from it.
//!
//! Separate from the task so that it can be handed to a thread that may compute: a city's riding times and the router's
//! new weights are tens of milliseconds of work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::closure::Closure;
use super::store::{self, Kept};
use super::{Passage, Road};
use crate::error::Cause;
use crate::road::closures::Closures;
use crate::road::evidence::Evidence;
use crate::road::network::{ArcId, RoadClass};
use crate::road::traffic::{Config, HourOfWeek, Learned, Speeds, StreetHour, Subject, arc_key};
use crate::time::Timestamp;

/// What a swap of the riding times did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Swapped {
    /// Arcs with evidence of the last minutes.
    pub live_arcs: usize,
    /// Arcs that are shut.
    pub closed_arcs: usize,
    /// Hours of streets that are remembered.
    pub entries: usize,
    /// What it took.
    pub took: Duration,
}

/// The streets of one map and what was learned of them.
pub(super) struct Learning {
    road: Road,
    speeds: Speeds,
    /// What the router was handed last.
    handed_ms: Vec<u32>,
    /// Arcs of the closures that were in force at the last swap.
    shut: BTreeMap<Uuid, Vec<ArcId>>,
}

impl Learning {
    pub fn new(road: Road, config: &Config) -> Self {
        let speeds = Speeds::new(config, road.network.arc_count());
        Self { road, speeds, handed_ms: Vec::new(), shut: BTreeMap::new() }
    }

    pub fn take_in(&mut self, passages: &[Passage]) {
        for Passage { arc, duration, at } in passages {
            self.speeds.observe(&self.road.network, *arc, *duration, *at);
        }
    }

    /// Takes in what was kept. Streets that this map does not have stay with the store.
    pub fn restore(&mut self, kept: &[Kept]) {
        let network = &self.road.network;
        let arcs = (0..network.arc_count() as u32).map(ArcId);
        // Not kept: nobody asks again.
        let arcs_by_key: FxHashMap<u64, ArcId> = arcs.map(|arc| (arc_key(network, arc), arc)).collect();
        let learned = kept.iter().filter_map(|row| {
            let (key, hour) = (row.key?, u8::try_from(row.hour?).ok().and_then(StreetHour::new)?);
            let subject = match row.subject {
                store::Subject::Arc => Subject::Arc(*arcs_by_key.get(&key.cast_unsigned())?),
                store::Subject::Class => Subject::Class(*RoadClass::ALL.get(usize::try_from(key).ok()?)?),
                store::Subject::Cell => return None,
            };
            Some(Learned { subject, hour, evidence: evidence(row)? })
        });
        self.speeds.restore(learned);
    }

    /// What changed and is to be kept, `rows_max` rows at most.
    pub fn take_changed(&mut self, rows_max: usize) -> (Vec<Learned>, Vec<Kept>) {
        let taken = self.speeds.take_changed(rows_max);
        let kept = taken.iter().map(|Learned { subject, hour, evidence }| {
            let (subject, key) = match subject {
                Subject::Arc(arc) => (store::Subject::Arc, arc_key(&self.road.network, *arc).cast_signed()),
                Subject::Class(class) => (store::Subject::Class, *class as i64),
            };
            Kept { subject, key: Some(key), hour: Some(hour.number().into()), ..kept(*evidence) }
        });
        let mut kept: Vec<Kept> = kept.collect();
        // Two streets of one shape are one row: one statement must not write it twice.
        kept.sort_by_key(|row| (row.subject == store::Subject::Class, row.key, row.hour));
        kept.dedup_by_key(|row| (row.subject == store::Subject::Class, row.key, row.hour));
        (taken, kept)
    }

    pub fn put_back(&mut self, taken: &[Learned]) {
        self.speeds.put_back(taken);
    }

    pub fn forget(&mut self, now: Timestamp) {
        self.speeds.forget(now);
    }

    /// Hands the router the riding times of now, if they are others than before.
    ///
    /// # Errors
    /// What the router says.
    pub fn reweigh(&mut self, closures: &[Closure], reach_m: f64, now: Timestamp) -> Result<Swapped, Cause> {
        let started = Instant::now();
        let mut before = std::mem::take(&mut self.shut);
        for closure in closures {
            // The drawing of a closure never changes.
            let known = before.remove(&closure.id);
            self.shut.insert(closure.id, known.unwrap_or_else(|| closure.drawing.arcs(&self.road.network, reach_m)));
        }
        let shut: Closures = self.shut.values().flatten().copied().collect();
        let durations_ms = self.speeds.durations_ms(&self.road.network, HourOfWeek::of(now), &shut, now);
        // At night nothing changes for hours.
        if durations_ms != self.handed_ms {
            (self.road.reweigh)(durations_ms.clone())?;
            self.handed_ms = durations_ms;
        }
        Ok(Swapped {
            live_arcs: self.speeds.live_count(now),
            closed_arcs: shut.arcs().len(),
            entries: self.speeds.len(),
            took: started.elapsed(),
        })
    }
}

/// Evidence of a row; none where it cannot be any.
pub(super) fn evidence(row: &Kept) -> Option<Evidence> {
    Evidence::restored(row.mean, row.weight, u32::try_from(row.observed_at.timestamp()).ok()?)
}

/// The row of evidence, subject, key and hour still to be said.
pub(super) fn kept(Evidence { mean, weight, at_s }: Evidence) -> Kept {
    let observed_at = DateTime::<Utc>::from(Timestamp::from_millis(i64::from(at_s) * 1_000));
    Kept { subject: store::Subject::Cell, key: None, hour: None, mean, weight, observed_at }
}
