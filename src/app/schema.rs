//! Before anything else: the schema, the keys, and what lies open in the database. And ever after: keys that are added.
//!
//! Separate because everything that writes needs all three, in this order, and whoever starts first does it for all.

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::auth;
use crate::clock;
use crate::config::Config;
use crate::db::Database;
use crate::drivers;
use crate::rides;
use crate::telemetry::chain;
use crate::vault::{self, Vault};

/// Brings the database up to date, and seals what an earlier version of this program stored open.
pub(super) async fn bring_up_to_date(config: &Config, database: &Database) -> Result<Vault, Error> {
    database.migrate().await?;
    let vault = unlock(config, database).await?;
    let sealed = auth::seal_open_phones(database.pool(), &vault).await;
    sealed.map_err(|error| Error::service("the phones that lie open in the database cannot be sealed", error))?;
    let sealed = drivers::seal_open_numbers(database.pool(), &vault).await;
    sealed.map_err(|error| Error::service("the numbers of papers that lie open cannot be sealed", error))?;
    let sealed = rides::seal_open_contacts(database.pool(), &vault).await;
    sealed.map_err(|error| Error::service("the contacts that lie open in the database cannot be sealed", error))?;
    Ok(vault)
}

/// The vault with the keys of this server, which are those of its database.
pub(super) async fn unlock(config: &Config, database: &Database) -> Result<Vault, Error> {
    let unlocked = Vault::unlock(config.vault.keys_dir.clone(), database.pool(), clock::now()).await;
    unlocked.map_err(|error| Error::service("the keys that seal personal data cannot be used", error))
}

/// Takes keys that are added while this process runs. One that cannot be read is told again and again: until it is put right,
/// this process seals with the keys it has, and from the new key's time on cannot read what others seal.
pub(super) async fn refresh_keys(vault: Vault, config: vault::Config, pool: PgPool, stop: CancellationToken) {
    let mut due = tokio::time::interval(config.refresh_every.to_duration());
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = due.tick() => {}
        }
        if let Err(error) = vault.refresh(&pool, clock::now()).await {
            tracing::error!(error = %chain(&error), "the keys that seal personal data cannot be read again");
        }
    }
}
