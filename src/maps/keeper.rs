//! The task of the live map: it learns from passages, swaps the riding times, and stores what was learned.
//!
//! Separate because here alone are timers and waits. What is wrong with the database is said once and tried again: the
//! closures that were in force stay so meanwhile, and what was learned waits in memory, which is bounded.

use std::sync::PoisonError;

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::closure::Closure;
use super::learning::{Learning, Swapped, evidence, kept};
use super::store::{self, Kept};
use super::{Maps, Passage};
use crate::clock;
use crate::error::Error;
use crate::road::correction::{Scope, is_cell};
use crate::road::network::RoadClass;
use crate::road::traffic::{HourOfWeek, StreetHour};
use crate::telemetry::{chain, names};
use crate::time::{Span, Timestamp};

/// Passages taken in one go.
const BATCH_MAX: usize = 4_096;
/// Rows written in one statement, and statements of one round: what is left waits for the next.
const ROWS_MAX: usize = 10_000;
const STATEMENTS_MAX: usize = 20;
/// Wait before what was learned is asked for again while the database is away.
const RETRY: Span = Span::from_secs(5);
/// What was not seen for so many half-lives counts for a thousandth, and is deleted.
const HALF_LIVES_KEPT: i64 = 10;
/// How often that is done.
const FORGET_EVERY: Span = Span::from_minutes(6 * 60);

/// What the task holds.
pub(super) struct Keeper {
    maps: Maps,
    /// None without a map, and when a computation panicked.
    learning: Option<Learning>,
    /// In force, as far as is known.
    closures: Vec<Closure>,
    forget_at: Timestamp,
    /// The last attempt failed; said once.
    is_away: bool,
}

impl Maps {
    /// Learns, swaps and stores until told to stop, then stores what is left. Never fails.
    pub async fn run(self, stop: CancellationToken) {
        let taken = self.inner.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut inbox) = taken else {
            tracing::error!("the live map is kept by another task already");
            return;
        };
        let config = &self.inner.config;
        let (mut reweigh, mut persist) = (every(config.reweigh), every(config.persist));
        let mut keeper = Keeper::new(self.clone());
        while let Err(error) = keeper.load(clock::now()).await {
            keeper.complain("what was learned of streets cannot be read", &error);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY.to_duration()) => {}
            }
        }
        // The first tick of an interval is at once: nothing to store yet.
        persist.reset();
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                count = inbox.recv_many(&mut batch, BATCH_MAX) => {
                    keeper.take_in(&mut batch);
                    if count == 0 {
                        break;
                    }
                }
                _ = reweigh.tick() => {
                    keeper.reweigh(clock::now()).await;
                }
                _ = persist.tick() => keeper.persist(clock::now()).await,
            }
        }
        keeper.finish(&mut inbox).await;
    }
}

fn every(span: Span) -> Interval {
    let mut interval = tokio::time::interval(span.to_duration());
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl Keeper {
    pub(super) fn new(maps: Maps) -> Self {
        let learning = maps.inner.road.clone().map(|road| Learning::new(road, &maps.inner.config.speeds));
        Self { maps, learning, closures: Vec::new(), forget_at: Timestamp::EPOCH, is_away: false }
    }

    /// Reads what was learned before.
    pub(super) async fn load(&mut self, now: Timestamp) -> Result<(), Error> {
        self.forget(now).await?;
        let inner = &self.maps.inner;
        let corrections = store::corrections(&inner.pool, rows(inner.config.corrections.entries_max)).await?;
        self.maps.corrections_to_change().restore(corrections.iter().filter_map(correction));
        if let Some(learning) = &mut self.learning {
            let classes = RoadClass::ALL.len() * StreetHour::COUNT;
            let speeds = store::speeds(&inner.pool, rows(inner.config.speeds.entries_max + classes)).await?;
            learning.restore(&speeds);
            tracing::info!(
                speeds = speeds.len(),
                corrections = corrections.len(),
                "what was learned of streets is loaded"
            );
        }
        Ok(())
    }

    pub(super) fn take_in(&mut self, batch: &mut Vec<Passage>) {
        if let Some(learning) = &mut self.learning {
            learning.take_in(batch);
        }
        batch.clear();
    }

    /// Swaps the riding times; none without a map, and when that went wrong.
    pub(super) async fn reweigh(&mut self, now: Timestamp) -> Option<Swapped> {
        let inner = &self.maps.inner;
        match store::in_force(&inner.pool, now, inner.config.closures_max).await {
            Ok(closures) => {
                self.closures = closures;
                self.is_away = false;
            }
            Err(error) => {
                // Those that are known go on, and end when they should.
                self.closures.retain(|closure| closure.until.is_none_or(|until| now < until));
                self.complain("closures cannot be read", &error.into());
            }
        }
        metrics::gauge!(names::ROAD_CLOSURES).set(self.closures.len() as f64);
        let mut learning = self.learning.take()?;
        let (closures, reach_m) = (self.closures.clone(), self.maps.inner.config.snap_m_max);
        let round = tokio::task::spawn_blocking(move || {
            let swapped = learning.reweigh(&closures, reach_m, now);
            (learning, swapped)
        });
        match round.await {
            Ok((learning, swapped)) => {
                self.learning = Some(learning);
                swapped
                    .inspect(tell)
                    .inspect_err(|error| {
                        tracing::error!(error = %chain(&**error), "the router does not take new riding times");
                    })
                    .ok()
            }
            Err(error) => {
                tracing::error!(%error, "riding times stay as they are; restart to learn again");
                None
            }
        }
    }

    /// Stores what changed, as much as one round may.
    pub(super) async fn persist(&mut self, now: Timestamp) {
        let stored = async {
            self.persist_speeds().await?;
            self.persist_corrections().await?;
            if now >= self.forget_at { self.forget(now).await } else { Ok(()) }
        };
        match stored.await {
            Ok(()) => self.is_away = false,
            Err(error) => self.complain("what was learned of streets cannot be stored", &error),
        }
    }

    async fn persist_speeds(&mut self) -> Result<(), Error> {
        let Some(learning) = &mut self.learning else { return Ok(()) };
        for _ in 0..STATEMENTS_MAX {
            let (taken, kept) = learning.take_changed(ROWS_MAX);
            if kept.is_empty() {
                break;
            }
            if let Err(error) = store::save_speeds(&self.maps.inner.pool, &kept).await {
                learning.put_back(&taken);
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn persist_corrections(&mut self) -> Result<(), Error> {
        for _ in 0..STATEMENTS_MAX {
            let taken = self.maps.corrections_to_change().take_changed(ROWS_MAX);
            if taken.is_empty() {
                break;
            }
            let row = |(scope, evidence): &(Scope, _)| Kept {
                key: scope.cell.map(u64::cast_signed),
                hour: scope.hour.map(|hour| hour.number().into()),
                ..kept(*evidence)
            };
            let rows: Vec<Kept> = taken.iter().map(row).collect();
            if let Err(error) = store::save_corrections(&self.maps.inner.pool, &rows).await {
                self.maps.corrections_to_change().put_back(&taken);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Drops what is too old to count, in memory and in the store.
    async fn forget(&mut self, now: Timestamp) -> Result<(), Error> {
        let config = &self.maps.inner.config;
        let half_life_ms = config.speeds.half_life.as_millis().max(config.corrections.half_life.as_millis());
        let before = now - Span::from_millis(half_life_ms.saturating_mul(HALF_LIVES_KEPT));
        store::forget(&self.maps.inner.pool, before).await?;
        self.maps.corrections_to_change().forget(now);
        if let Some(learning) = &mut self.learning {
            learning.forget(now);
        }
        self.forget_at = now + FORGET_EVERY;
        Ok(())
    }

    async fn finish(&mut self, inbox: &mut mpsc::Receiver<Passage>) {
        inbox.close();
        let mut batch = Vec::new();
        while inbox.recv_many(&mut batch, BATCH_MAX).await > 0 {
            self.take_in(&mut batch);
        }
        self.persist(clock::now()).await;
    }

    fn complain(&mut self, what: &'static str, error: &Error) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(error = %chain(error), "{what}; it is tried again");
        }
    }
}

/// A number of rows, as the database takes it.
fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn correction(row: &Kept) -> Option<(Scope, crate::road::evidence::Evidence)> {
    let cell = row.key.map(i64::cast_unsigned);
    let hour = match row.hour {
        Some(number) => Some(HourOfWeek::new(u8::try_from(number).ok()?)?),
        None => None,
    };
    // A cell of another resolution was written by another version.
    cell.is_none_or(is_cell).then_some((Scope { cell, hour }, evidence(row)?))
}

fn tell(swapped: &Swapped) {
    metrics::histogram!(names::ROAD_REWEIGH_SECONDS).record(swapped.took.as_secs_f64());
    let gauge = |name: &'static str, value: usize| metrics::gauge!(name).set(value as f64);
    gauge(names::ROAD_LIVE_ARCS, swapped.live_arcs);
    gauge(names::ROAD_CLOSED_ARCS, swapped.closed_arcs);
    gauge(names::ROAD_LEARNED_HOURS, swapped.entries);
}
