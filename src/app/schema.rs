//! Before anything else: the schema, the keys, and what lies open in the database.
//!
//! Separate because everything that writes needs all three, in this order, and whoever starts first does it for all.

use super::Error;
use crate::auth;
use crate::config::Config;
use crate::db::Database;
use crate::drivers;
use crate::vault::{KeyRing, Vault};

/// Brings the database up to date, and seals what an earlier version of this program stored open.
pub(super) async fn bring_up_to_date(config: &Config, database: &Database) -> Result<Vault, Error> {
    database.migrate().await?;
    let vault = open_vault(config)?;
    let sealed = auth::seal_open_phones(database.pool(), &vault).await;
    sealed.map_err(|error| Error::service("the phones that lie open in the database cannot be sealed", error))?;
    let sealed = drivers::seal_open_numbers(database.pool(), &vault).await;
    sealed.map_err(|error| Error::service("the numbers of papers that lie open cannot be sealed", error))?;
    Ok(vault)
}

/// The vault with the keys of this server.
pub(super) fn open_vault(config: &Config) -> Result<Vault, Error> {
    let ring = KeyRing::load_or_create(&config.data_dir.join("keys"))
        .map_err(|error| Error::service("the keys that seal personal data cannot be used", error))?;
    Ok(Vault::new(ring))
}
