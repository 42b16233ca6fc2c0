//! The task beside the zones: stores events, hears of other processes' changes, forgets what is old.
//!
//! Separate because here alone are timers and waits. While the database is away events wait in the channel, which is
//! bounded; an orderly stop stores what it can.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::fences::Event;
use super::{Geofences, store};
use crate::clock;
use crate::error::Error;
use crate::telemetry::{chain, names};
use crate::time::{Span, Timestamp};

/// How often old events are forgotten, and how many in one go.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
const FORGET_ROWS_MAX: i64 = 50_000;
const MINUTES_PER_DAY: i64 = 1_440;

impl Geofences {
    /// Works until told to stop, then stores what is left. Never fails.
    pub async fn run(self, stop: CancellationToken) {
        let Some(mut events) = self.fences().take_events() else {
            tracing::error!("the events of geofences are stored by another task already");
            return;
        };
        tokio::join!(self.keep_storing(&mut events, &stop), self.keep_current(&stop));
    }

    async fn keep_storing(&self, events: &mut mpsc::Receiver<Event>, stop: &CancellationToken) {
        let most = self.inner.config.batch_rows_max;
        let mut batch = Vec::with_capacity(most);
        let mut is_away = false;
        loop {
            if batch.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => {
                        events.close();
                        if events.recv_many(&mut batch, most).await == 0 {
                            return;
                        }
                    }
                    _ = events.recv_many(&mut batch, most) => {}
                }
            }
            match store::insert_events(&self.inner.pool, &batch).await {
                Ok(()) => {
                    if is_away {
                        tracing::info!("the database takes events of geofences again");
                    }
                    is_away = false;
                    batch.clear();
                }
                Err(error) => {
                    if !is_away {
                        tracing::warn!(error = %chain(&error), "the database takes no events of geofences; they wait");
                    }
                    is_away = true;
                    if stop.is_cancelled() {
                        let lost = batch.len() + events.len();
                        metrics::counter!(names::GEOFENCE_DROPPED_TOTAL, "reason" => "stopped").increment(lost as u64);
                        tracing::warn!(events = lost, "events of geofences were lost: the database did not take them");
                        return;
                    }
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(self.inner.config.retry) => {}
                    }
                }
            }
        }
    }

    async fn keep_current(&self, stop: &CancellationToken) {
        let mut refresh = interval(self.inner.config.refresh);
        let mut forget = interval(FORGET_EVERY);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = None;
        loop {
            let done = tokio::select! {
                () = stop.cancelled() => return,
                _ = refresh.tick() => self.refresh(&mut known).await,
                _ = forget.tick() => self.forget(clock::now()).await,
            };
            if let Err(error) = done {
                // Said where it matters: booking and accounts fail too.
                tracing::debug!(error = %chain(&error), "geofences were not looked after; the next round does");
            }
        }
    }

    /// Puts the zones in force anew when anybody changed one since the last look.
    pub(super) async fn refresh(&self, known: &mut Option<(i64, Option<DateTime<Utc>>)>) -> Result<(), Error> {
        metrics::gauge!(names::GEOFENCE_DRIVERS).set(self.fences().drivers() as f64);
        let state = store::state(&self.inner.pool).await?;
        if *known != Some(state) {
            self.load().await?;
            *known = Some(state);
        }
        Ok(())
    }

    /// Forgets events that are older than is kept.
    pub(super) async fn forget(&self, now: Timestamp) -> Result<(), Error> {
        let kept = Span::from_minutes(self.inner.config.retention_days * MINUTES_PER_DAY);
        let before = Timestamp::from_millis(now.as_millis() - kept.as_millis());
        while store::forget_events(&self.inner.pool, before, FORGET_ROWS_MAX).await? == FORGET_ROWS_MAX as u64 {}
        Ok(())
    }
}
