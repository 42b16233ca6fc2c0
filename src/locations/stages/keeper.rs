//! The task beside the queues: sweeps them, writes down what changed, tells drivers where they stand.
//!
//! Separate because here alone are timers and waits. While the database is away queues go on in memory and what changed is
//! written with the next sweep that can.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::queue::Sight;
use super::{Stages, place_view, store};
use crate::clock;
use crate::error::Error;
use crate::ids::DriverId;
use crate::realtime::Delivery;
use crate::realtime::protocol::server::{LatestKind, ServerMessage, StagePlaceView};
use crate::telemetry::{chain, names};
use crate::time::Timestamp;

impl Stages {
    /// Works until told to stop, then writes down what is left. Never fails.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(self.inner.config.sweep.to_duration());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_away = false;
        loop {
            let is_last = tokio::select! {
                () = stop.cancelled() => true,
                _ = ticks.tick() => false,
            };
            if !is_last {
                self.sweep(clock::now());
                self.tell();
            }
            match self.write().await {
                Ok(()) if is_away => {
                    tracing::info!("the database takes the queues of stages again");
                    is_away = false;
                }
                Ok(()) => {}
                Err(error) => {
                    if !is_away {
                        tracing::warn!(error = %chain(&error), "the queues of stages could not be written; they go on in memory");
                    }
                    is_away = true;
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Puts right what time changed.
    pub(super) fn sweep(&self, now: Timestamp) {
        let locations = &self.inner.locations;
        let look = |driver: DriverId| Sight {
            doing: locations.doing(driver),
            seen_at: locations.position_of(driver).map(|fix| fix.at),
        };
        let (left, places) = self.board().with(|queues| {
            queues.sweep(now, look);
            (queues.take_left(), queues.all().map(|(_, places)| places.len()).sum::<usize>())
        });
        for (_, why) in left {
            metrics::counter!(names::STAGE_LEFT_TOTAL, "reason" => why.as_str()).increment(1);
        }
        metrics::gauge!(names::STAGE_PLACES).set(places as f64);
    }

    /// Writes down the queues that changed.
    pub(super) async fn write(&self) -> Result<(), Error> {
        let (changed, queues) = self.board().with(|queues| {
            let changed: BTreeSet<_> = queues.take_changed();
            let as_they_are = |stage| (stage, queues.at(stage).map(<[_]>::to_vec).unwrap_or_default());
            let now: Vec<_> = changed.iter().copied().map(as_they_are).collect();
            (changed, now)
        });
        if changed.is_empty() {
            return Ok(());
        }
        let written = store::write(&self.inner.pool, &queues).await;
        if written.is_err() {
            self.board().with(|queues| queues.mark_changed(&changed));
        }
        written
    }

    /// Tells those drivers whose place is another than they were told.
    pub(super) fn tell(&self) {
        let zones = self.inner.locations.fences().zones();
        let all: Vec<(DriverId, StagePlaceView)> = self.board().with(|queues| {
            let of_stage = |(stage, places): (_, &[super::Place])| {
                let zone = zones.find(stage).map(Arc::clone)?;
                let view =
                    |(at, place): (usize, &super::Place)| (place.driver, place_view(&zone, at, places.len(), place));
                Some(places.iter().enumerate().map(view).collect::<Vec<_>>())
            };
            queues.all().filter_map(of_stage).flatten().collect()
        });
        let mut told = self.inner.told.lock().unwrap_or_else(PoisonError::into_inner);
        let placed: BTreeSet<DriverId> = all.iter().map(|(driver, _)| *driver).collect();
        told.retain(|driver, _| {
            let stays = placed.contains(driver);
            if !stays {
                self.show(*driver, None);
            }
            stays
        });
        for (driver, view) in all {
            if told.get(&driver) != Some(&view) && self.show(driver, Some(view.clone())) == Delivery::Queued {
                told.insert(driver, view);
            }
        }
    }

    fn show(&self, driver: DriverId, place: Option<StagePlaceView>) -> Delivery {
        self.inner.hub.show_latest(driver.into(), LatestKind::Stage, &ServerMessage::Stage { place })
    }
}
