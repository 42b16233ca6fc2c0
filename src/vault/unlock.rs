//! Keys and database together: a server whose keys are not those of its database does not start.
//!
//! Separate from the vault itself, which knows neither files' whereabouts nor a database. For each key that a database
//! needs, `vault_keys` holds a *canary*: a known value that the key sealed (or, of the key that indexes, its index). So a lost
//! `index.key` is said at the start, and not by everybody who cannot sign in; and a directory of keys is filled only where
//! nothing is sealed yet, because fresh keys beside sealed values would only hide that the old ones are gone.
//!
//! Which key seals is said by the database too: the newest one whose time has come. Between being introduced and sealing, a
//! key only opens, so that every server reads it first ([`Vault::refresh`]).

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use ring::hmac;
use sqlx::PgPool;
use uuid::Uuid;

use super::files::KeysError;
use super::keys::{self, INDEX_NAME, KeyRing};
use super::sealed::{self, Place};
use super::store::{self, KnownKey};
use super::{Vault, index};
use crate::error::Error;
use crate::time::Timestamp;

/// What canaries are made of.
const KNOWN: &str = "boda";

/// The number that `vault_keys` gives to the key that indexes.
const INDEX_ID: u32 = 0;

/// Why there is no vault.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The files.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A key is another one than the one of that name.
    #[error(
        "{file} is not the key that this database's values were sealed with: restore it from a backup, or name the \
         directory of its keys in vault.keys_dir"
    )]
    Foreign {
        /// Which.
        file: PathBuf,
    },
    /// A key is not there.
    #[error(
        "{file} is missing, and this database holds values that need it: restore it from a backup, or name the directory \
         of its keys in vault.keys_dir"
    )]
    Missing {
        /// Which.
        file: PathBuf,
    },
    /// No key may seal.
    #[error("none of the keys that this database knows may seal yet: the clock of this machine is behind the others'")]
    NoneSeals,
    /// The database.
    #[error("the keys that this database needs cannot be looked up")]
    Database(#[from] sqlx::Error),
    /// The machine.
    #[error(transparent)]
    System(#[from] Error),
}

impl Vault {
    /// The vault of a database, with the keys in `dir`. Keys are made where nothing is sealed yet.
    ///
    /// # Errors
    /// [`UnlockError`]: the text says which file is missing or wrong.
    pub async fn unlock(dir: PathBuf, pool: &PgPool, now: Timestamp) -> Result<Self, UnlockError> {
        if store::known_keys(pool).await?.is_empty() {
            introduce_all(&KeyRing::load_or_create(&dir)?, pool, now).await?;
        }
        // Read again, also after introducing: another server with other keys may have been faster.
        let ring = ring_for(&dir, &store::known_keys(pool).await?, now)?;
        Ok(Self::with_home(ring, Some(dir)))
    }

    /// Reads keys that were added, and takes the newest one whose time has come to seal. Nothing changes on an error.
    ///
    /// # Errors
    /// [`UnlockError`].
    pub async fn refresh(&self, pool: &PgPool, now: Timestamp) -> Result<(), UnlockError> {
        let Some(dir) = &self.inner.dir else { return Ok(()) };
        let ring = ring_for(dir, &store::known_keys(pool).await?, now)?;
        let before = self.inner.ring.load().sealing().0;
        if before != ring.sealing().0 {
            tracing::info!(key = ring.sealing().0, "another key seals from now on");
        }
        self.inner.ring.store(Arc::new(ring));
        self.inner.missing.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

/// The keys of a database, every one of them proven.
fn ring_for(dir: &Path, known: &[KnownKey], now: Timestamp) -> Result<KeyRing, UnlockError> {
    for key in known {
        let file = dir.join(if key.id == INDEX_ID { INDEX_NAME.to_owned() } else { keys::name(key.id) });
        if !file.exists() {
            return Err(UnlockError::Missing { file });
        }
    }
    let ring = KeyRing::load(dir)?;
    for key in known {
        let is_right = match key.id {
            // Compared as `hmac` does, in constant time: the index of a known value is as good as a look at the key.
            INDEX_ID => hmac::verify(ring.index(), &canary_input(), &key.canary).is_ok(),
            id => ring.find(id).is_some_and(|cipher| sealed::open(cipher, place(id), &key.canary).is_ok()),
        };
        if !is_right {
            let name = if key.id == INDEX_ID { INDEX_NAME.to_owned() } else { keys::name(key.id) };
            return Err(UnlockError::Foreign { file: dir.join(name) });
        }
    }
    let may_seal = |key: &&KnownKey| key.id != INDEX_ID && key.seals_from.is_some_and(|from| from <= now);
    let sealing = known.iter().filter(may_seal).map(|key| key.id).max().ok_or(UnlockError::NoneSeals)?;
    ring.sealing_with(sealing).ok_or(UnlockError::NoneSeals)
}

/// Introduces every key of a ring, all at once.
async fn introduce_all(ring: &KeyRing, pool: &PgPool, now: Timestamp) -> Result<(), UnlockError> {
    let mut tx = pool.begin().await?;
    let canary = index(ring, "canary", KNOWN);
    store::introduce(&mut tx, &KnownKey { id: INDEX_ID, canary, created_at: now, seals_from: None }).await?;
    for id in ring.ids() {
        store::introduce(&mut tx, &introduction(ring, id, now, now)?).await?;
    }
    Ok(tx.commit().await?)
}

/// A key of a ring as the database is to know it.
pub(super) fn introduction(
    ring: &KeyRing,
    id: u32,
    now: Timestamp,
    seals_from: Timestamp,
) -> Result<KnownKey, UnlockError> {
    let key = ring.find(id).ok_or_else(|| Error::internal("a key that was just read is not there"))?;
    let canary = sealed::seal((id, key), place(id), KNOWN.as_bytes())?;
    Ok(KnownKey { id, canary, created_at: now, seals_from: Some(seals_from) })
}

/// As [`index`] puts kind and value together.
fn canary_input() -> Vec<u8> {
    [b"canary".as_slice(), &[0], KNOWN.as_bytes()].concat()
}

fn place(id: u32) -> Place {
    Place::new("vault_keys.canary", Uuid::from_u128(id.into()))
}
