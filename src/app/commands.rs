//! The other ways to run the program: workers, one-off commands, the sandbox and the simulation by themselves.

use std::path::PathBuf;

use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::services::{Basics, run_engine, run_jobs};
use super::{Error, demo, ground, schema, stop_signal};
use crate::auth::NewUser;
use crate::clock;
use crate::config::Config;
use crate::db::{self, Database, embedded};
use crate::drivers::Round;
use crate::error::Error as ServiceError;
use crate::ids::UserId;
use crate::phone::Phone;
use crate::privacy::Swept;
use crate::redact::Secret;
use crate::sandbox::{self, Sandbox};
use crate::simulation;
use crate::telemetry::Telemetry;
use crate::time::Timestamp;
use crate::web::Agency;

/// Runs jobs only, beside one or more servers on the same database.
///
/// # Errors
/// [`Error`] when it cannot start.
pub async fn worker(config: Config) -> Result<(), Error> {
    let telemetry = Telemetry::install(&config.log)?;
    let stop = stop_signal();
    with_database(&config, async |database| {
        let vault = schema::unlock(&config, database).await?;
        let keys = schema::refresh_keys(vault.clone(), config.vault.clone(), database.pool().clone(), stop.clone());
        let keys = tokio::spawn(keys);
        let basics = Basics::build(&config, database, vault, None)?;
        basics.prices.reload().await?;
        let prices = tokio::spawn(basics.prices.clone().keep_current(stop.clone()));
        let upkeep = tokio::spawn({
            let stop = stop.clone();
            async move { telemetry.run_upkeep(stop).await }
        });
        tracing::info!(workers = config.jobs.workers_max, "working");
        let engine = run_engine(basics.payments.clone(), &stop);
        let _ = run_jobs(basics.registry(), &config, database, &stop).await;
        let _ = engine.await;
        let _ = upkeep.await;
        let _ = prices.await;
        let _ = keys.await;
        Ok(())
    })
    .await
}

/// Brings the database's schema up to date, and seals what an earlier version of this program stored open.
///
/// # Errors
/// [`Error`] when the database cannot be reached or refuses.
pub async fn migrate(config: Config) -> Result<(), Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| schema::bring_up_to_date(&config, database).await.map(drop)).await
}

/// Forgets what is too old at `now`, or counts it.
///
/// # Errors
/// [`Error`] when the database cannot be reached or refuses.
pub async fn retain(config: Config, is_dry: bool, now: Timestamp) -> Result<Swept, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        let swept = if is_dry { basics.privacy.sweep_dry(now).await } else { basics.privacy.sweep(now).await };
        swept.map_err(|error| Error::service("what is too old cannot be forgotten", error))
    })
    .await
}

/// Makes an account, the first admin for example. Works beside a running server.
///
/// # Errors
/// [`Error`] when the database cannot be reached, or the account is refused: the text says why.
pub async fn create_user(config: Config, user: NewUser) -> Result<UserId, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        let created = basics.auth.create_user(user, clock::now()).await;
        created.map_err(|error| Error::service("the account was not created", error))
    })
    .await
}

/// Goes the daily round of drivers' papers, as on a day. Works beside a running server.
///
/// # Errors
/// [`Error`] when the database cannot be reached.
pub async fn expire_papers(config: Config, as_of: Option<NaiveDate>) -> Result<Round, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        let now = clock::now();
        let gone = basics.drivers.go_round(as_of.unwrap_or(now.kigali_day()), now).await;
        gone.map_err(|error| Error::service("the round was not gone to its end", error))
    })
    .await
}

/// As [`create_user`], with a second factor, whose secret it tells.
///
/// # Errors
/// As there.
pub async fn create_user_with_second_factor(config: Config, user: NewUser) -> Result<(UserId, Secret<String>), Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        let created = basics.auth.create_user_with_second_factor(user, clock::now()).await;
        created.map_err(|error| Error::service("the account was not created", error))
    })
    .await
}

/// Takes the second factor away from somebody who lost it. Works beside a running server.
///
/// # Errors
/// [`Error`] when the database cannot be reached, or there is no such account or second factor.
pub async fn reset_second_factor(config: Config, phone: Phone, reason: &str) -> Result<(), Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        let refused = |error| Error::service("the second factor was not taken away", error);
        let user = basics.auth.account_of(phone).await.map_err(refused)?;
        let user = user.ok_or_else(|| refused(ServiceError::NotFound { what: "account" }))?;
        basics.auth.reset_second_factor(user, reason, clock::now()).await.map_err(refused)
    })
    .await
}

/// Sets for which agency an official reads. Works beside a running server.
///
/// # Errors
/// [`Error`] when the database cannot be reached, or there is no such official.
pub async fn set_agency(config: Config, phone: Phone, agency: Agency) -> Result<(), Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        let refused = |error| Error::service("the agency was not set", error);
        let user = basics.auth.account_of(phone).await.map_err(refused)?;
        let user = user.ok_or_else(|| refused(ServiceError::NotFound { what: "account" }))?;
        basics.auth.set_agency(user, agency, clock::now()).await.map_err(refused)
    })
    .await
}

/// Runs the stand-ins of the outside world by themselves.
///
/// # Errors
/// [`Error::Sandbox`].
pub async fn run_sandbox(config: Config) -> Result<(), Error> {
    Telemetry::install(&config.log)?;
    let stop = stop_signal();
    let sandbox = Sandbox::start_with(config.sandbox.listen, config.sandbox.prompt_delay).await?;
    println!("ready {}", sandbox.url());
    // Beside what programs read.
    eprintln!("{}", sandbox::introduction(sandbox.addresses()));
    stop.cancelled().await;
    sandbox.stop().await;
    Ok(())
}

/// Plays the city of `[demo]` against a running server. Its drivers are approved by `admin`, or by the admin that a demo
/// server has. Its drivers ride along the streets of `map`, or straight.
///
/// # Errors
/// [`Error`] when the map or the server cannot be used.
pub async fn simulate(
    config: Config,
    target: String,
    admin: Option<simulation::Admin>,
    map: Option<PathBuf>,
) -> Result<simulation::Summary, Error> {
    Telemetry::install(&config.log)?;
    let routes = match map {
        Some(file) => ground::routes(&file, &config)?,
        None => simulation::Routes::STRAIGHT,
    };
    let city = demo::city(&config, target, admin, routes)?;
    let stop: CancellationToken = stop_signal();
    simulation::run(city, stop).await.map_err(|error| Error::service("the simulation cannot go on", error))
}

pub(super) async fn with_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    let (database, embedded) = db::open(&config.database, embedded::Role::Command).await?;
    let done = work(&database).await;
    database.close().await;
    let stopped = match embedded {
        Some(embedded) => embedded.stop().await,
        None => Ok(()),
    };
    let value = done?;
    stopped?;
    Ok(value)
}
