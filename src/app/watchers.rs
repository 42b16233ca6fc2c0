//! What is looked at again and again beside requests: who may drive, who objects, which papers ended, who was forgotten.
//!
//! Separate from the building of services because none of this is asked by anybody. Each looks at how things stand instead
//! of remembering what was told, so that a look that failed is made up for by the next one; each ends when it is told to stop.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::services::Services;
use crate::auth::Auth;
use crate::bus::{Message, Topic};
use crate::clock;
use crate::db::Database;
use crate::drivers::{self, Drivers};
use crate::ids::{DriverId, UserId};
use crate::payments::{self, Payments};
use crate::privacy::Privacy;
use crate::privacy::consent::Purpose;
use crate::realtime::protocol::close::CloseCode;
use crate::rides::Rides;
use crate::steering::Steering;
use crate::telemetry::names;

/// Old sign-ins deleted in one go; the rest waits an hour.
const SWEEP_ROWS_MAX: i64 = 10_000;

/// How often it is looked who objects to what rests on a legitimate interest.
const OBJECTIONS_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// How often it is looked whether everybody on shift may drive; a change of standing in this process is seen at once.
const STANDING_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// How often cases of money are counted, and the clock is looked at for the nightly reconciliation.
const MONEY_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// How often it is looked whether a new day has begun: papers that ended at midnight are seen within this.
const PAPERS_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// A driver on shift who may not drive (any more) gets no further offers. What counts is how things stand, not what was
/// heard: so nobody slips through who was on a ride, whose papers expire at midnight, or who was suspended by another
/// process or just before a restart.
pub(super) async fn take_suspended_off(drivers: Drivers, rides: Rides, stop: CancellationToken) {
    let mut changes = drivers.changes();
    let mut interval = tokio::time::interval(STANDING_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
            changed = changes.recv() => if matches!(changed, Err(RecvError::Closed)) { return },
        }
        let to_take_off = match drivers.on_shift_without_standing(clock::now()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "who may not drive could not be read");
                continue;
            }
        };
        for driver in to_take_off {
            match rides.go_offline(driver).await {
                Ok(()) => tracing::info!(driver.id = %driver, "a driver who may not drive was taken off shift"),
                // On a ride: it is finished first.
                Err(error) => tracing::debug!(driver.id = %driver, reason = error.code(), "stays on shift for now"),
            }
        }
    }
}

/// Drivers who object to hints get none: within a minute, on every node.
pub(super) async fn heed_objections(privacy: Privacy, steering: Steering, stop: CancellationToken) {
    let mut interval = tokio::time::interval(OBJECTIONS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        match privacy.objectors(Purpose::Hints).await {
            Ok(objectors) => steering.leave_alone(objectors.into_iter().map(DriverId::from).collect()),
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "who objects to hints could not be read");
            }
        }
    }
}

/// Writes down the daily round of papers and the hourly sweep of their files; which of the servers does it does not matter.
pub(super) async fn watch_papers(pool: PgPool, stop: CancellationToken) {
    let mut interval = tokio::time::interval(PAPERS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = drivers::jobs::schedule(&pool, clock::now()).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "the daily round of papers could not be written down");
        }
    }
}

/// Has last night's statements reconciled, and counts the cases of money that wait for somebody.
pub(super) async fn watch_money(payments: Payments, pool: PgPool, stop: CancellationToken) {
    let mut interval = tokio::time::interval(MONEY_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let now = clock::now();
        if let Err(error) = payments::jobs::schedule(&pool, now).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "the nightly reconciliation could not be written down");
        }
        if let Err(error) = payments.measure_cases(&mut seen, now).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "the cases of money could not be counted");
        }
    }
}

/// Codes, tokens and sessions that are of no use any more are deleted, every hour.
pub(super) async fn sweep_accounts(auth: Auth, stop: CancellationToken) {
    let mut interval = tokio::time::interval(std::time::Duration::from_secs(3_600));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = auth.sweep(SWEEP_ROWS_MAX, clock::now()).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "old sign-ins could not be deleted");
        }
    }
}

/// Whoever was forgotten by another process is forgotten by this one: names, cards, and their socket. What this misses
/// is not remembered for longer than a minute or two anyway.
pub(super) fn forget_with_others(
    services: &Services,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let (auth, drivers, hub) = (services.auth.clone(), services.drivers.clone(), Arc::clone(&services.hub));
    let mut forgotten = services.bus.subscribe(Topic::Forgotten);
    async move {
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return,
                message = forgotten.recv() => message,
            };
            match message {
                None => return,
                Some(Message::Missed) => {}
                Some(Message::Event(text)) => match text.parse::<uuid::Uuid>() {
                    Ok(id) => {
                        auth.forget_person(UserId(id));
                        drivers.forget_card(id.into());
                        hub.close(UserId(id), CloseCode::NotAuthenticated);
                    }
                    Err(error) => tracing::warn!(%error, "a message on the bus names no person"),
                },
            }
        }
    }
}

/// Figures that are read rather than counted.
pub(super) async fn gauges(rides: Rides, database: Database, stop: CancellationToken) {
    let mut interval = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let counters = rides.city().counters;
        let set = |name: &'static str, state: &'static str, value: usize| {
            metrics::gauge!(name, "state" => state).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
        };
        set(names::INDEX_DRIVERS, "free", counters.drivers_free);
        set(names::INDEX_DRIVERS, "busy", counters.drivers_online.saturating_sub(counters.drivers_free));
        let pool = database.pool();
        let idle = pool.num_idle();
        set(names::DB_CONNECTIONS, "idle", idle);
        set(names::DB_CONNECTIONS, "in_use", usize::try_from(pool.size()).unwrap_or(0).saturating_sub(idle));
    }
}
