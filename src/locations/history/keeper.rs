//! The tasks of the history: one looks at the index, one writes to the store and keeps its partitions.
//!
//! Separate because here alone are timers and waits. The two share nothing but the recorder: however long the store takes,
//! the sampling goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::History;
use super::segment::{Minute, Segment};
use crate::clock;
use crate::error::Error;
use crate::locations::store::{self, Day};
use crate::telemetry::{chain, names};
use crate::time::Timestamp;

/// How often it is looked which days are to be made and dropped. Days are made long before they begin.
const UPKEEP_EVERY: Duration = Duration::from_secs(1_800);

/// What the writer knows of the store.
#[derive(Default)]
struct Known {
    /// Have a partition.
    days: BTreeSet<Day>,
    /// The last attempt failed; said once.
    is_away: bool,
}

impl History {
    /// Records until told to stop, then stores what is left. Never fails: while the database is away segments wait.
    pub async fn run(self, stop: CancellationToken) {
        let all_closed = CancellationToken::new();
        tokio::join!(self.keep_sampling(&stop, &all_closed), self.keep_writing(&all_closed));
    }

    async fn keep_sampling(&self, stop: &CancellationToken, all_closed: &CancellationToken) {
        let mut interval = tokio::time::interval(self.inner.config.sample.to_duration());
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut seen = Vec::new();
        let mut goes_on = true;
        while goes_on {
            tokio::select! {
                () = stop.cancelled() => goes_on = false,
                _ = interval.tick() => {}
            }
            // Milliseconds of work in a large city: not on a thread that answers requests.
            let history = self.clone();
            let round = tokio::task::spawn_blocking(move || {
                history.sample(clock::now(), &mut seen);
                seen
            });
            match round.await {
                Ok(back) => seen = back,
                Err(error) => {
                    tracing::error!(%error, "positions are not recorded any more; restart to record again");
                    break;
                }
            }
        }
        self.recorder().close_all();
        self.tell_depth();
        all_closed.cancel();
    }

    async fn keep_writing(&self, all_closed: &CancellationToken) {
        let mut known = Known::default();
        let mut upkeep_at = Instant::now();
        loop {
            let is_last = all_closed.is_cancelled();
            let mut written = Ok(());
            if !is_last && Instant::now() >= upkeep_at {
                written = self.upkeep(&mut known, clock::now()).await;
                upkeep_at = Instant::now() + if written.is_ok() { UPKEEP_EVERY } else { self.inner.config.retry };
            }
            if written.is_ok() {
                written = self.write_all(&mut known).await;
            }
            self.tell_depth();
            self.tell_store(&mut known, &written);
            if is_last {
                return self.give_up();
            }
            let next_try = match written {
                Ok(()) => upkeep_at,
                Err(_) => Instant::now() + self.inner.config.retry,
            };
            let woken = async {
                match written {
                    Ok(()) => self.inner.closed.notified().await,
                    // What closes meanwhile is no reason to try sooner.
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = all_closed.cancelled() => {}
                () = woken => {}
                () = tokio::time::sleep_until(next_try) => {}
            }
        }
    }

    /// Stores what waits, batch by batch.
    async fn write_all(&self, known: &mut Known) -> Result<(), Error> {
        loop {
            let batch = self.recorder().take_batch(self.inner.config.copy_rows_max);
            if batch.is_empty() {
                return Ok(());
            }
            let started = Instant::now();
            let write = tokio::time::timeout(self.inner.config.copy_within, self.write(known, &batch)).await;
            // Given back without being copied.
            drop(batch);
            match write.unwrap_or_else(|late| Err(Error::internal(late))) {
                Ok(rows) => {
                    self.recorder().batch_stored();
                    metrics::counter!(names::HISTORY_ROWS_TOTAL).increment(rows);
                    metrics::histogram!(names::HISTORY_COPY_SECONDS).record(started.elapsed().as_secs_f64());
                }
                Err(error) => {
                    self.recorder().batch_returned();
                    // Somebody may have dropped a day by hand.
                    known.days.clear();
                    return Err(error);
                }
            }
        }
    }

    async fn write(&self, known: &mut Known, batch: &[Segment]) -> Result<u64, Error> {
        let days: BTreeSet<Day> = batch.iter().map(|segment| Day::of(segment.minute)).collect();
        self.make(known, days).await?;
        store::copy(&self.inner.pool, batch).await
    }

    async fn make(&self, known: &mut Known, days: BTreeSet<Day>) -> Result<(), Error> {
        for day in days {
            if !known.days.contains(&day) {
                store::make_day(&self.inner.pool, day).await?;
                known.days.insert(day);
            }
        }
        Ok(())
    }

    /// Makes the days to come and drops those that are too old. The same however often it runs.
    async fn upkeep(&self, known: &mut Known, now: Timestamp) -> Result<(), Error> {
        let today = Day::of(Minute::of(now));
        known.days = store::days(&self.inner.pool).await?.into_iter().collect();
        self.make(known, (0..=self.inner.config.days_ahead).map(|ahead| Day(today.0 + ahead)).collect()).await?;
        let oldest = Day(today.0 - self.inner.config.retention_days);
        for day in known.days.range(..oldest).copied().collect::<Vec<_>>() {
            store::drop_day(&self.inner.pool, day).await?;
            known.days.remove(&day);
            tracing::info!(day = day.0, "a day of the position history was dropped: it is older than is kept");
        }
        Ok(())
    }

    /// One line when the store goes away and one when it is back.
    fn tell_store(&self, known: &mut Known, written: &Result<(), Error>) {
        match written {
            Err(error) if !known.is_away => {
                tracing::warn!(error = %chain(error), "the database takes no position history; it waits in memory");
            }
            Ok(()) if known.is_away => tracing::info!("the database takes position history again"),
            _ => {}
        }
        known.is_away = written.is_err();
    }

    /// The end: what could not be stored is lost.
    fn give_up(&self) {
        let lost = self.recorder().give_up();
        if lost > 0 {
            metrics::counter!(names::HISTORY_DROPPED_TOTAL, "reason" => "stopped").increment(lost as u64);
            tracing::warn!(segments = lost, "position history was lost: the database did not take it before the end");
        }
    }

    /// One round of upkeep, for tests.
    #[cfg(test)]
    pub(super) async fn upkeep_once(&self, now: Timestamp) -> Result<(), Error> {
        self.upkeep(&mut Known::default(), now).await
    }

    /// Closes and stores everything, for tests and measurements: the end of [`run`](Self::run) by itself.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn store_everything(&self) -> Result<(), Error> {
        self.recorder().close_all();
        self.write_all(&mut Known::default()).await
    }
}
