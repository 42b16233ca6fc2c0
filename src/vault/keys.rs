//! The key ring: the keys of one moment, as they lie in a directory.

use std::path::Path;

use aes_gcm_siv::Aes256GcmSiv;
use aes_gcm_siv::aead::KeyInit;
use ring::hmac;

use super::files::{self, KeysError};

/// Of the key that indexes.
pub(super) const INDEX_NAME: &str = "index.key";
const PREFIX: &str = "vault-";
const SUFFIX: &str = ".key";

/// The keys that seal and open, and the one that indexes.
pub struct KeyRing {
    /// By id, the newest last.
    keys: Vec<(u32, Aes256GcmSiv)>,
    /// Which of them seals.
    sealing: u32,
    index: hmac::Key,
}

impl KeyRing {
    /// Loads the ring in `dir` (`vault-0001.key`, … and `index.key`). The newest key seals.
    ///
    /// # Errors
    /// [`KeysError`], also when there is none.
    pub fn load(dir: &Path) -> Result<Self, KeysError> {
        let ids = ids(dir)?;
        let sealing = *ids.last().ok_or_else(|| KeysError::Unusable {
            path: dir.join(name(1)),
            reason: "is missing: restore it from a backup".to_owned(),
        })?;
        let load = |id: u32| {
            let key = files::read_symmetric(&dir.join(name(id)))?;
            Ok((id, Aes256GcmSiv::new(key.expose().into())))
        };
        let keys = ids.into_iter().map(load).collect::<Result<Vec<_>, KeysError>>()?;
        let index = files::read_symmetric(&dir.join(INDEX_NAME))?;
        Ok(Self { keys, sealing, index: hmac::Key::new(hmac::HMAC_SHA256, index.expose()) })
    }

    /// Loads the ring in `dir`; makes what is missing.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load_or_create(dir: &Path) -> Result<Self, KeysError> {
        files::make_dir(dir)?;
        if ids(dir)?.is_empty() {
            create(dir, 1)?;
        }
        if !dir.join(INDEX_NAME).exists() {
            files::create_random(&dir.join(INDEX_NAME))?;
        }
        Self::load(dir)
    }

    /// With another of its keys sealing; `None` when it has no such key.
    pub(super) fn sealing_with(self, id: u32) -> Option<Self> {
        self.find(id)?;
        Some(Self { sealing: id, ..self })
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> (u32, &Aes256GcmSiv) {
        let key = self.find(self.sealing).expect("a ring is never made without the key that seals");
        (self.sealing, key)
    }

    pub(super) fn find(&self, id: u32) -> Option<&Aes256GcmSiv> {
        self.keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }

    /// Ids of all keys, oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|(id, _)| *id)
    }

    pub(super) const fn index(&self) -> &hmac::Key {
        &self.index
    }

    /// A ring that everybody knows.
    #[cfg(test)]
    pub fn for_tests(ids: &[u32]) -> Self {
        let byte = |id: u32| u8::try_from(id % 251).expect("less than 256");
        let keys = ids.iter().map(|id| (*id, Aes256GcmSiv::new(&[byte(*id); files::KEY_BYTES].into()))).collect();
        let sealing = *ids.last().expect("a key");
        Self { keys, sealing, index: hmac::Key::new(hmac::HMAC_SHA256, &[255; files::KEY_BYTES]) }
    }
}

/// Of a key that seals.
pub(super) fn name(id: u32) -> String {
    format!("{PREFIX}{id:04}{SUFFIX}")
}

/// Puts a fresh key in place; one that is there stays.
pub(super) fn create(dir: &Path, id: u32) -> Result<(), KeysError> {
    files::create_random(&dir.join(name(id)))
}

/// Ids of the keys in a directory, oldest first.
pub(super) fn ids(dir: &Path) -> Result<Vec<u32>, KeysError> {
    let names = files::list(dir, PREFIX, SUFFIX)?;
    let mut ids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).filter(|id| *id > 0).collect();
    ids.sort_unstable();
    Ok(ids)
}
