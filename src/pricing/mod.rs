//! Prices by date: the regulator's tariffs and the platform's own terms, who proposed them and who approved them.
//!
//! Separate from `fares`, which computes, and from `rides`, which sells: a price comes into force by a decision of two people,
//! on a day that lies ahead, with a document it comes from. What is built in ([`PriceBook::built_in`]) is the floor of
//! history; what was approved lies on top of it.
//!
//! Invariants: nothing is retroactive, so an instant that is past has the same price for ever; who proposes does not approve;
//! what was approved is never edited, only withdrawn before its day. Every server reads what is approved again and again, so
//! all of them know it within seconds, long before its day.

mod book;
mod content;
pub mod http;
mod store;
mod terms;
mod versions;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::money::BasisPoints;
use crate::telemetry::chain;
use crate::time::Span;

pub use book::{CurrentPrices, PriceBook};
pub use content::{NightPrices, TariffPrices};
pub use terms::{RIDE_TYPES, Terms, TermsNumbers, Vat, VatLetter};
pub use versions::{Content, Proposal, State, Version};

/// Settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the platform keeps of a fare where no terms were approved.
    pub commission: BasisPoints,
    /// How often what is approved is read anew.
    pub reload_every: Span,
    /// How long after a ride its fare can be disputed.
    pub dispute_within: Span,
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Prices {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    config: Config,
    built_in: PriceBook,
    current: CurrentPrices,
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices").finish_non_exhaustive()
    }
}

impl Prices {
    /// With what is built in; [`reload`](Self::reload) adds what was approved.
    pub fn new(pool: PgPool, config: Config) -> Self {
        let built_in = PriceBook::built_in(config.commission);
        let current = CurrentPrices::new(built_in.clone());
        Self { inner: Arc::new(Inner { pool, config, built_in, current }) }
    }

    /// Built in ones only.
    #[cfg(test)]
    pub fn for_tests(pool: PgPool) -> Self {
        Self::new(
            pool,
            Config {
                commission: BasisPoints(900),
                reload_every: Span::from_secs(1),
                dispute_within: Span::from_minutes(60),
            },
        )
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The book of now, and of later: whoever keeps it sees what changes.
    pub fn current(&self) -> &CurrentPrices {
        &self.inner.current
    }

    /// The book of now.
    pub fn book(&self) -> Arc<PriceBook> {
        self.inner.current.load()
    }

    /// Reads what was approved.
    ///
    /// # Errors
    /// When the database is away, or holds what makes no book: the former book stays.
    pub async fn reload(&self) -> Result<(), Error> {
        let approved = store::approved(&self.inner.pool).await?;
        let (mut tariffs, mut terms) = (Vec::new(), Vec::new());
        for version in approved {
            let is_withdrawn = version.state == State::Withdrawn;
            match version.content {
                Content::Tariff(prices) => {
                    let tariff = prices.tariff(&version.name, version.valid_from, &version.source);
                    tariffs.push((tariff, is_withdrawn));
                }
                Content::Terms { ride_type, numbers } => {
                    let Version { name, valid_from, source, .. } = version;
                    let (ride_type, valid_from) = (Some(ride_type), Some(valid_from));
                    terms.push((Terms { name, ride_type, valid_from, source, numbers }, is_withdrawn));
                }
            }
        }
        let book = self.inner.built_in.with(tariffs, terms).map_err(Error::internal)?;
        if *self.book() != book {
            tracing::info!("prices were read anew");
            self.inner.current.put(book);
        }
        Ok(())
    }

    /// Reads again and again what was approved, here or elsewhere, until told to stop.
    pub async fn keep_current(self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(self.inner.config.reload_every.to_duration());
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => {}
            }
            if let Err(error) = self.reload().await {
                tracing::warn!(error = %chain(&error), "prices could not be read anew; the former hold");
            }
        }
    }
}
