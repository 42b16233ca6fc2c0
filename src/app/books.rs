//! The commands of operators on the books. They work beside a running server.

use chrono::NaiveDate;

use super::commands::with_database;
use super::services::Basics;
use super::{Error, schema};
use crate::clock;
use crate::config::Config;
use crate::db::Database;
use crate::payments::reconciliation::{Day, Source};
use crate::payments::{Payments, ProviderId, Report, TrialBalance};
use crate::telemetry::Telemetry;
use crate::time::Timestamp;

async fn payments(config: &Config, database: &Database) -> Result<Payments, Error> {
    let vault = schema::bring_up_to_date(config, database).await?;
    Ok(Basics::build(config, database, vault, None)?.payments)
}

/// Checks the books.
///
/// # Errors
/// [`Error`] when the database cannot be reached.
pub async fn check_books(config: Config) -> Result<Report, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let checked = payments(&config, database).await?.check_books().await;
        checked.map_err(|error| Error::service("the books were not checked", error))
    })
    .await
}

/// The sums of all accounts by kind, now or as they stood.
///
/// # Errors
/// [`Error`] when the database cannot be reached.
pub async fn trial_balance(config: Config, as_of: Option<Timestamp>) -> Result<TrialBalance, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let balance = payments(&config, database).await?.trial_balance_unseen(as_of).await;
        balance.map_err(|error| Error::service("the books were not read", error))
    })
    .await
}

/// Reconciles a day with one provider, or all of them.
///
/// # Errors
/// [`Error`] when the database or a statement cannot be reached.
pub async fn reconcile(
    config: Config,
    day: NaiveDate,
    provider: Option<ProviderId>,
    source: Source,
) -> Result<Vec<Day>, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let payments = payments(&config, database).await?;
        let mut days = Vec::new();
        for with in ProviderId::ALL.into_iter().filter(|with| provider.is_none_or(|wanted| wanted == *with)) {
            let done = payments.reconcile(with, day, source.clone(), clock::now()).await;
            days.push(done.map_err(|error| Error::service("the day was not reconciled", error))?);
        }
        Ok(days)
    })
    .await
}
