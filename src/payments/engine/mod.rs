//! The engine: sends what is prepared, asks about what is open, and writes down what providers say.
//!
//! Separate because it is the only place that talks to providers about orders. What an answer means is decided in
//! `attempt`; what follows for rides, refunds and payouts in their rooms, in the same transaction.
//!
//! One task claims what is due (rows are the queue), calls run beside each other within a bound, and one task writes
//! down what they answered, many in one transaction. All memory is in the rows: an engine that dies leaves claims that
//! run out, and whoever comes next asks before it sends.

mod call;
mod limiter;
mod prepare;
mod write;

#[cfg(test)]
mod tests;

pub(in crate::payments) use prepare::prepare;
pub(in crate::payments) use write::late_success;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::Payments;
use super::breaker::Breakers;
use super::method::ProviderId;
use super::store::attempts::{self, Claimed};
use crate::error::Error;
use crate::jobs::{Clock, listen};
use crate::telemetry::chain;
use crate::time::{Span, Timestamp};

use call::Answered;
use limiter::Limiter;

/// Rows of one claim, and answers of one transaction.
const BATCH_MAX: usize = 64;
/// Somebody who died woke nobody; and the ladder has whole seconds.
const POLL: Duration = Duration::from_millis(250);
/// While the database is away.
const PAUSE: Duration = Duration::from_secs(1);
/// How long calls that are on their way are waited for at the end. Later ones are asked about by the next engine.
const DRAIN: Duration = Duration::from_secs(10);

/// Settings of the engine; reasons stand in `config/default.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Calls to providers at once, in this process.
    pub calls_max: usize,
    /// How often each provider may be asked how orders stand, in a second.
    pub status_reads_per_s: BTreeMap<ProviderId, u32>,
    /// Where providers reach us; none: they cannot, and everything is asked.
    pub callback_base_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { calls_max: 128, status_reads_per_s: BTreeMap::new(), callback_base_url: None }
    }
}

/// What every part of a process that has to do with attempts shares.
#[derive(Debug)]
pub(super) struct Shared {
    /// Who is down.
    pub breakers: Breakers,
    /// Something may be due.
    pub woken: Notify,
    limiters: BTreeMap<ProviderId, Limiter>,
}

impl Shared {
    /// Nothing known yet.
    pub fn new(config: &Config) -> Self {
        let limiters =
            config.status_reads_per_s.iter().map(|(provider, per_s)| (*provider, Limiter::new(*per_s))).collect();
        Self { breakers: Breakers::default(), woken: Notify::new(), limiters }
    }
}

/// The engine of one process.
#[derive(Clone)]
pub struct Engine {
    payments: Payments,
    clock: Clock,
}

impl Engine {
    /// With the time as `clock` tells it.
    pub fn new(payments: Payments, clock: Clock) -> Self {
        Self { payments, clock }
    }

    /// Works until `stop`, then lets the calls that are on their way end. Uses one connection for notifications as long
    /// as it runs, one to claim and one to write.
    pub async fn run(self, stop: CancellationToken) {
        let (answers, answered) = mpsc::channel(4 * BATCH_MAX);
        let pause = Span::from_secs(1);
        tokio::join!(
            self.claim_all(answers, &stop),
            self.write_all(answered, &stop),
            listen(attempts::CHANNEL, &self.payments.pool, &self.shared().woken, pause, &stop),
        );
    }

    fn shared(&self) -> &Shared {
        &self.payments.shared
    }

    async fn claim_all(&self, answers: mpsc::Sender<Answered>, stop: &CancellationToken) {
        let calls_max = self.payments.parts.config.engine.calls_max;
        let calls = Arc::new(Semaphore::new(calls_max));
        loop {
            // At least one place must be free.
            let place = tokio::select! {
                () = stop.cancelled() => return,
                place = Arc::clone(&calls).acquire_owned() => place,
            };
            drop(place);
            let limit = calls.available_permits().clamp(1, BATCH_MAX);
            let claimed = match self.claim(limit, (self.clock)()).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "no attempts of payments could be claimed");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(PAUSE) => continue,
                    }
                }
            };
            let is_all = claimed.len() < limit;
            for claimed in claimed {
                let Ok(place) = Arc::clone(&calls).acquire_owned().await else { return };
                let (engine, answers) = (self.clone(), answers.clone());
                tokio::spawn(async move {
                    let answered = engine.call(claimed).await;
                    // Nobody listens any more: the claim runs out, and it is asked about.
                    let _ = answers.send(answered).await;
                    drop(place);
                });
            }
            if is_all {
                self.probe((self.clock)());
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.shared().woken.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
    }

    /// Takes what is due. Committed when this returns: from here on what was prepared may have been sent.
    ///
    /// # Errors
    /// When the database is away.
    async fn claim(&self, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, Error> {
        let parts = &self.payments.parts;
        let hosts: Vec<_> =
            parts.providers.all().map(|provider| (provider.id(), provider.base_url().to_owned())).collect();
        let limit = i64::try_from(limit).unwrap_or(1);
        attempts::claim(&self.payments.pool, &parts.vault, &hosts, limit, now).await
    }

    async fn write_all(&self, mut answered: mpsc::Receiver<Answered>, stop: &CancellationToken) {
        let work = async {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            while answered.recv_many(&mut batch, BATCH_MAX).await > 0 {
                self.write(&batch, (self.clock)()).await;
                batch.clear();
            }
        };
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            () = work => {}
            () = late => tracing::warn!("calls to payment providers were left; they are asked about by the next engine"),
        }
    }
}
