//! The daily job of retention: what is too old is forgotten, class by class, in bounded statements.
//!
//! Separate from the table it follows ([`super::retention`]) because this half touches the database. Running it twice, or
//! on two machines, is harmless: it looks for what is too old, and finds it once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Privacy;
use super::holding::is_held;
use super::retention::{Class, Keeper};
use super::store::{exports, holds};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::jobs::{self, Context, Failure, Job, New, Registry};
use crate::personal::{Due, Held};
use crate::telemetry::{chain, names};
use crate::time::{Span, Timestamp};
use crate::{auth, clock, drivers, locations, notifications, rides, safety};

/// How often it is looked whether the job of the day was written.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(3_600);
/// Holds of one kind.
const HOLDS_MAX: i64 = 100_000;
/// Batches of one class in one run; the rest waits for tomorrow.
const BATCHES_MAX: usize = 2_000;
/// Positions are copied for a hold so long before their day is dropped.
const COPIED_BEFORE: Span = Span::from_minutes(3 * 24 * 60);

/// Rows that were forgotten, or would be, by class.
pub type Swept = BTreeMap<Class, u64>;

/// Follows the table of retention, once a day.
#[derive(Debug, Serialize, Deserialize)]
struct Retain {}

impl Job for Retain {
    const KIND: &'static str = "privacy.retain";
    const ATTEMPTS_MAX: u16 = 10;
    const LEASE: Span = Span::from_minutes(30);
}

/// Registers the handler of the daily job.
pub(super) fn register(registry: Registry, privacy: &Privacy) -> Registry {
    let privacy = privacy.clone();
    registry.on(move |_: Retain, context: Context| {
        let privacy = privacy.clone();
        async move {
            privacy.sweep(context.now).await?;
            privacy.resume_erasures(context.now).await?;
            Ok::<(), Failure>(())
        }
    })
}

impl Privacy {
    /// Sees to it that there is a job for each day, until told to stop.
    pub async fn keep_days(self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(LOOK_EVERY);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => {}
            }
            if let Err(error) = self.enqueue_day(clock::now()).await {
                tracing::warn!(error = %chain(&error), "the daily job of retention could not be written");
            }
        }
    }

    async fn enqueue_day(&self, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        let new = New::at(now).dedupe(format!("privacy.retain:{}", now.kigali_day()));
        jobs::enqueue(&mut tx, &Retain {}, new).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets what is too old at `now`.
    ///
    /// # Errors
    /// When the database or the storage is away; what was forgotten until then stays so.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, Error> {
        let held = self.held().await?;
        self.keep_held_positions(&held, now).await?;
        let mut swept = Swept::new();
        for class in daily() {
            let rows = self.sweep_class(class, &held, now).await?;
            metrics::counter!(names::RETENTION_ROWS_TOTAL, "class" => class.as_str()).increment(rows);
            swept.insert(class, rows);
        }
        Ok(swept)
    }

    /// What [`Privacy::sweep`] would forget at `now`. Changes nothing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep_dry(&self, now: Timestamp) -> Result<Swept, Error> {
        let held = self.held().await?;
        let mut conn = self.inner.pool.acquire().await?;
        let mut swept = Swept::new();
        for class in daily() {
            let due = self.due(class, &held, now);
            let rows = match class {
                Class::Notifications => notifications::personal::count_old_texts(&mut conn, due).await?,
                Class::SmsRecords => notifications::personal::count_old_records(&mut conn, due).await?,
                Class::Rides => rides::personal::count_old(&mut conn, due).await?,
                Class::Comments => rides::personal::count_old_comments(&mut conn, due).await?,
                Class::Incidents => safety::personal::count_old(&mut conn, due).await?,
                Class::Shifts => drivers::personal::count_old_shifts(&mut conn, due).await?,
                Class::Exports => exports::count_expired(&mut conn, now).await?,
                Class::Papers => i64::try_from(with_old_papers(&mut conn, due).await?.len()).unwrap_or(i64::MAX),
                _ => return Err(nobody_sweeps(class)),
            };
            swept.insert(class, rows.unsigned_abs());
        }
        Ok(swept)
    }

    async fn sweep_class(&self, class: Class, held: &Held, now: Timestamp) -> Result<u64, Error> {
        let due = self.due(class, held, now);
        if class == Class::Papers {
            return self.forget_old_papers(due, now).await;
        }
        let mut total = 0;
        for _ in 0..BATCHES_MAX {
            let rows = match class {
                Class::Exports => self.expire_exports(now).await?,
                _ => {
                    let mut tx = self.inner.pool.begin().await?;
                    let rows = forget(&mut tx, class, due).await?;
                    tx.commit().await?;
                    rows
                }
            };
            total += rows;
            if rows < due.rows_max.unsigned_abs() {
                break;
            }
        }
        Ok(total)
    }

    async fn expire_exports(&self, now: Timestamp) -> Result<u64, Error> {
        let expired = exports::expire(&self.inner.pool, now, self.inner.config.retention_rows_max).await?;
        for file in &expired {
            self.inner.storage.delete(*file).await?;
        }
        Ok(expired.len() as u64)
    }

    /// Of drivers whose account was closed long ago: each in a transaction of its own, as an erasure does it.
    async fn forget_old_papers(&self, due: Due<'_>, now: Timestamp) -> Result<u64, Error> {
        let mut conn = self.inner.pool.acquire().await?;
        let people = with_old_papers(&mut conn, due).await?;
        drop(conn);
        for person in &people {
            let mut tx = self.inner.pool.begin().await?;
            drivers::personal::erase_papers(&mut tx, *person, now).await?;
            tx.commit().await?;
            self.inner.drivers.forget_card(DriverId::from(*person));
        }
        Ok(people.len() as u64)
    }

    pub(super) async fn held(&self) -> Result<Held, Error> {
        let pool = &self.inner.pool;
        let incidents = holds::held(pool, "incident", HOLDS_MAX).await?;
        let mut rides = holds::held(pool, "ride", HOLDS_MAX).await?;
        rides.extend(safety::personal::rides_of(pool, &incidents).await?);
        Ok(Held { people: holds::held(pool, "person", HOLDS_MAX).await?, rides, incidents })
    }

    async fn keep_held_positions(&self, held: &Held, now: Timestamp) -> Result<(), Error> {
        let dropped_before = now - self.inner.config.periods.positions + COPIED_BEFORE;
        let mut tx = self.inner.pool.begin().await?;
        let mut drivers = rides::personal::drivers_of(&mut tx, &held.rides).await?;
        drivers.extend(&held.people);
        locations::personal::keep_held(&mut tx, &drivers, dropped_before).await?;
        Ok(tx.commit().await?)
    }

    fn due<'a>(&self, class: Class, held: &'a Held, now: Timestamp) -> Due<'a> {
        let config = &self.inner.config;
        Due { before: now - class.period(&config.periods), rows_max: config.retention_rows_max, held }
    }
}

async fn forget(conn: &mut PgConnection, class: Class, due: Due<'_>) -> Result<u64, Error> {
    match class {
        Class::Notifications => notifications::personal::forget_old_texts(conn, due).await,
        Class::SmsRecords => notifications::personal::delete_old_records(conn, due).await,
        Class::Rides => rides::personal::wear_old(conn, due).await,
        Class::Comments => rides::personal::forget_old_comments(conn, due).await,
        Class::Incidents => safety::personal::forget_old(conn, due).await,
        Class::Shifts => drivers::personal::delete_old_shifts(conn, due).await,
        _ => Err(nobody_sweeps(class)),
    }
}

/// The classes that this job sees to.
fn daily() -> impl Iterator<Item = Class> {
    Class::ALL.into_iter().filter(|class| class.rule().keeper == Keeper::DailyJob)
}

async fn with_old_papers(conn: &mut PgConnection, due: Due<'_>) -> Result<Vec<UserId>, Error> {
    let (mut found, mut after) = (Vec::new(), UserId(Uuid::nil()));
    for _ in 0..BATCHES_MAX {
        let closed = auth::personal::closed_drivers(&mut *conn, due, after).await?;
        let Some(last) = closed.last() else { break };
        after = *last;
        for person in closed {
            // Most were forgotten long ago, and cost one look.
            let has_papers = drivers::personal::plate(&mut *conn, person).await?.is_some();
            if has_papers && !is_held(&mut *conn, person, &due.held.incidents).await? {
                found.push(person);
            }
        }
    }
    Ok(found)
}

fn nobody_sweeps(class: Class) -> Error {
    Error::internal(format!("the daily job does not know how to forget {}", class.as_str()))
}
