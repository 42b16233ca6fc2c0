//! `boda keys`: the keys of a house, beside running servers.

use super::commands::with_database;
use super::{Error, schema};
use crate::auth;
use crate::clock;
use crate::config::Config;
use crate::drivers;
use crate::payments;
use crate::privacy;
use crate::rides;
use crate::telemetry::Telemetry;
use crate::time::Timestamp;
use crate::vault::rotation::{self, KeyState, Outcome};
use crate::vault::{Column, KeysError};

/// All that is sealed anywhere, as the services tell it.
fn sealed_columns() -> Vec<&'static Column> {
    [auth::SEALED, drivers::SEALED, payments::SEALED, privacy::SEALED, rides::SEALED].concat()
}

/// The keys that seal, and how much each has sealed.
///
/// # Errors
/// [`Error`] when the database or the keys cannot be used.
pub async fn list_keys(config: Config) -> Result<Vec<KeyState>, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let listed = rotation::list(&config.vault.keys_dir, database.pool(), &sealed_columns(), clock::now()).await;
        listed.map_err(|error| Error::service("the keys cannot be listed", error))
    })
    .await
}

/// Makes the file of the next key that seals, to be carried to the other servers; nothing is sealed with it yet.
///
/// # Errors
/// [`Error`] when the database or the keys cannot be used.
pub async fn prepare_vault_key(config: Config) -> Result<u32, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        schema::unlock(&config, database).await?;
        let prepared = rotation::prepare(&config.vault.keys_dir, database.pool()).await;
        prepared.map_err(|error| Error::service("no key was made", error))
    })
    .await
}

/// Introduces the next key that seals, made now or prepared before: its number, and from when on it seals.
///
/// # Errors
/// [`Error`] when the database or the keys cannot be used.
pub async fn rotate_vault_key(config: Config) -> Result<(u32, Timestamp), Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        schema::unlock(&config, database).await?;
        let grace = config.vault.rotation_grace;
        let rotated = rotation::rotate(&config.vault.keys_dir, database.pool(), clock::now(), grace).await;
        rotated.map_err(|error| Error::service("no key was introduced", error))
    })
    .await
}

/// Puts a newer key that signs access tokens beside those that are there; its id.
///
/// # Errors
/// When the file cannot be made.
pub fn rotate_token_key(config: &Config) -> Result<String, KeysError> {
    auth::keys::add_token_key(&config.vault.keys_dir, clock::now())
}

/// Seals anew what older keys have sealed; `progress` is told how many values of which column are done.
///
/// # Errors
/// [`Error`] when the database or the keys cannot be used.
pub async fn reseal(config: Config, progress: impl FnMut(&'static str, u64)) -> Result<Outcome, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::unlock(&config, database).await?;
        let resealed = rotation::reseal(&vault, database.pool(), &sealed_columns(), progress).await;
        resealed.map_err(|error| Error::service("not everything was sealed anew", error))
    })
    .await
}

/// Opens everything that is sealed, or some of each column.
///
/// # Errors
/// [`Error`] when the database or the keys cannot be used.
pub async fn check_keys(config: Config, sample: Option<i64>) -> Result<Outcome, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let vault = schema::unlock(&config, database).await?;
        let checked = rotation::check(&vault, database.pool(), &sealed_columns(), sample).await;
        checked.map_err(|error| Error::service("not everything could be opened", error))
    })
    .await
}
