//! The task that counts, draws and tells.

use std::collections::BTreeMap;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Hint, Steering, lock};
use crate::clock;
use crate::demand::Cell;
use crate::ids::DriverId;
use crate::realtime::Delivery;
use crate::realtime::protocol::server::{HintView, LatestKind, ServerMessage};
use crate::telemetry::names;

impl Steering {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(self.inner.config.sample.to_duration());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let steering = self.clone();
            // Fifty thousand free drivers take a fifth of a second (H3 and sorting), which no socket or request waits for.
            let done = tokio::task::spawn_blocking(move || {
                steering.round(clock::now());
                steering.tell();
                steering.measure();
            });
            if let Err(panic) = done.await {
                tracing::error!(%panic, "a round of steering ended unexpectedly; the next one comes");
            }
        }
    }

    /// Tells drivers of hints that are new, and of those that are not meant any more.
    pub(super) fn tell(&self) {
        let given: BTreeMap<DriverId, Hint> = lock(&self.inner.guidance).given.clone();
        let told: BTreeMap<DriverId, Cell> = lock(&self.inner.guidance).told.clone();
        for driver in told.keys().filter(|driver| !given.contains_key(driver)) {
            self.show(*driver, None);
            lock(&self.inner.guidance).told.remove(driver);
        }
        for (driver, hint) in given.iter().filter(|(driver, hint)| told.get(driver) != Some(&hint.cell)) {
            let Some(view) = self.view(hint) else { continue };
            if self.show(*driver, Some(view)) == Delivery::Queued {
                metrics::counter!(names::DEMAND_HINTS_TOTAL).increment(1);
                lock(&self.inner.guidance).told.insert(*driver, hint.cell);
            }
        }
    }

    fn show(&self, driver: DriverId, hint: Option<HintView>) -> Delivery {
        self.inner.hub.show_latest(driver.into(), LatestKind::Hint, &ServerMessage::Hint { hint })
    }

    fn measure(&self) {
        let (cells, dropped) = {
            let mut counts = lock(&self.inner.counts);
            (counts.len(), counts.take_dropped())
        };
        metrics::gauge!(names::DEMAND_CELLS).set(cells as f64);
        metrics::counter!(names::DEMAND_DROPPED_TOTAL).increment(dropped);
        let moment = self.moment();
        metrics::gauge!(names::DEMAND_CELLS_SHORT).set(moment.picture.hot.len() as f64);
        let short: u64 = moment.picture.balances.values().map(|balance| balance.shortage()).sum();
        let unserved: u32 = moment.totals.values().map(|totals| totals.unserved).sum();
        metrics::gauge!(names::DEMAND_UNSERVED).set(f64::from(unserved));
        metrics::gauge!(names::DEMAND_RIDERS_SHORT).set(short as f64 / 1_000.0);
    }
}
