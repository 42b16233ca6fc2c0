//! Where drivers were: the position history.
//!
//! Separate from the live positions because it must never cost them anything: a ping knows nothing of it. Once every
//! `sample` all drivers in the index are looked at and newer fixes noted (`recorder`), packed by driver and minute
//! ([`segment`]), and the closed minutes copied to the store in bulk (`keeper`). Reading puts store and memory together
//! ([`path`]).
//!
//! Invariants: only who is on shift is recorded, because only they are in the index; while the database is away memory is
//! bounded, the oldest minutes are dropped and counted; an orderly stop stores everything, a kill loses what was not
//! stored, about the last minute. Positions are in no log line and no metric.

mod keeper;
pub mod path;
mod recorder;
pub mod segment;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;

use self::path::Path;
use self::recorder::Recorder;
use self::segment::{Minute, Point, Segment, decode};
use super::{Locations, store};
use crate::error::Error;
use crate::ids::DriverId;
use crate::index::Fix;
use crate::telemetry::names;
use crate::time::{Span, Timestamp};

/// Drivers noted while the lock is held once: some ten microseconds, so that no reader waits for a whole city.
const NOTED_AT_ONCE: usize = 512;

/// Numbers of the history.
#[derive(Clone, Debug)]
pub struct Config {
    /// Between two looks at all drivers.
    pub sample: Span,
    /// How long a day is kept after its end, in whole days.
    pub retention_days: i32,
    /// Days for which there is a partition before they begin.
    pub days_ahead: i32,
    /// Closed segments that wait to be stored; beyond that the oldest are dropped.
    pub buffer_segments_max: usize,
    /// Segments copied at once.
    pub copy_rows_max: usize,
    /// A copy that takes longer is taken for lost.
    pub copy_within: Duration,
    /// Wait before the next attempt while the database is away.
    pub retry: Duration,
    /// How long a reader waits for the store.
    pub read_within: Duration,
    /// Longest way that is shown.
    pub path_span_max: Span,
    /// Points of a way that are shown; more are thinned out.
    pub track_points_max: usize,
}

/// The position history. Clones share everything.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: PgPool,
    locations: Locations,
    /// Held for microseconds and never across a wait.
    recorder: Mutex<Recorder>,
    /// Something waits to be stored.
    closed: Notify,
}

impl History {
    /// The history of who is on shift in `locations`; [`run`](Self::run) makes it record.
    pub fn new(config: Config, pool: PgPool, locations: Locations) -> Self {
        let recorder = Mutex::new(Recorder::new(config.buffer_segments_max));
        Self { inner: Arc::new(Inner { config, pool, locations, recorder, closed: Notify::new() }) }
    }

    /// Notes where everybody on shift is. `seen` is only memory that is used again; one caller at a time.
    pub fn sample(&self, now: Timestamp, seen: &mut Vec<(DriverId, Fix)>) {
        seen.clear();
        self.inner.locations.index().for_each(|driver, fix, _| seen.push((driver, fix)));
        let mut noted = 0_u64;
        for some in seen.chunks(NOTED_AT_ONCE) {
            let mut recorder = self.recorder();
            noted += some.iter().filter(|(driver, fix)| recorder.see(*driver, fix)).count() as u64;
        }
        self.recorder().end_round(now);
        metrics::counter!(names::HISTORY_SAMPLES_TOTAL).increment(noted);
        self.tell_depth();
    }

    /// A driver's way from one instant to another, both included, cut after the longest span that is shown.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store does not answer in time.
    pub async fn path(&self, driver: DriverId, from: Timestamp, to: Timestamp) -> Result<Path, Error> {
        let Config { path_span_max, read_within, track_points_max, .. } = self.inner.config;
        let to = to.min(from + path_span_max);
        let (first, last) = (Minute::of(from), Minute::of(to));
        // Memory comes first: what is stored between the two looks is then seen twice and not never.
        let newest = self.inner.locations.position_of(driver).map(|fix| Point::new(fix.at, fix.position));
        let in_memory = self.recorder().of_driver(driver, first, last);
        // A minute has two segments at most in practice; whatever has more is cut rather than read without end.
        let rows_max = (i64::from(last.0) - i64::from(first.0) + 1).max(0) * 2;
        let read = store::segments(&self.inner.pool, driver, (first, last), rows_max);
        let stored = tokio::time::timeout(read_within, read)
            .await
            .map_err(|late| Error::Unavailable { retry_after: Span::from_secs(2), cause: Some(Box::new(late)) })??;
        let mut points: Vec<Point> = newest.into_iter().collect();
        for segment in stored.iter().chain(&in_memory) {
            points.append(&mut unpacked(segment));
        }
        Ok(Path::new(points, from, to, track_points_max))
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.inner.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the metrics how much is in memory, and the writer that there is something to write.
    fn tell_depth(&self) {
        let (depth, dropped) = {
            let mut recorder = self.recorder();
            (recorder.depth(), recorder.take_dropped())
        };
        let approximately = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!(names::HISTORY_SEGMENTS, "state" => "open").set(approximately(depth.open));
        metrics::gauge!(names::HISTORY_SEGMENTS, "state" => "waiting").set(approximately(depth.waiting));
        metrics::counter!(names::HISTORY_DROPPED_TOTAL, "reason" => "buffer_full").increment(dropped);
        if depth.waiting > 0 {
            self.inner.closed.notify_one();
        }
    }
}

/// A minute that cannot be read is a hole in the way, and no reason to show nothing.
fn unpacked(segment: &Segment) -> Vec<Point> {
    decode(segment.minute, &segment.packed).unwrap_or_else(|error| {
        tracing::error!(driver.id = %segment.driver, minute = segment.minute.0, %error, "a stored position segment cannot be read");
        Vec::new()
    })
}
