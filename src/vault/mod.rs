//! The vault: values that lie encrypted in the database, and the index that finds them without opening them.
//!
//! Separate because no service may know a key. A service hands over a value with the place it is for, and stores what it
//! gets back; whoever steals a table, a backup or a disk reads nothing. Encryption is AES-256-GCM-SIV (RFC 8452), which
//! stays safe even if a nonce should ever come twice. The place (column and row) is bound to the value as additional data,
//! so that a sealed value moved to another row or column does not open.
//!
//! What is sealed begins with its format and the id of its key: keys are rotated by adding a newer one, which seals once all
//! servers have it, while every key of the ring opens. The table `vault_keys` says which keys a database needs and which
//! one seals (`unlock`); the keys themselves are files ([`files`]). A *blind index* is an HMAC of the value: equal values have equal indexes, so
//! a look-up by phone works, and the index tells nothing to whoever has no key.

pub mod files;
mod keys;
pub mod rotation;
mod sealed;
mod store;
#[cfg(test)]
mod tests;
mod unlock;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ring::hmac;

use crate::error::Error;
use crate::redact::Secret;
use crate::time::Span;

pub use files::KeysError;
pub use keys::KeyRing;
pub use sealed::{Column, OpenError, Place};
pub use unlock::UnlockError;

use sealed::key_id;

/// Ids of keys that are remembered as missing: damaged values may name any.
const MISSING_MAX: usize = 64;

/// Where keys lie, and how new ones come into use.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory of all keys of a server, those of other rooms included.
    pub keys_dir: PathBuf,
    /// How often a server looks for keys that were added.
    pub refresh_every: Span,
    /// How long after its introduction a key begins to seal: every server has looked by then.
    pub rotation_grace: Span,
}

/// Seals, opens and indexes. Clones share one ring.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    ring: ArcSwap<KeyRing>,
    /// Where the keys lie; none in tests.
    dir: Option<PathBuf>,
    /// Keys that were looked for there in vain since the last refresh.
    missing: Mutex<BTreeSet<u32>>,
}

impl Vault {
    /// With these keys and no others; a server's own are had by [`Vault::unlock`].
    pub fn new(ring: KeyRing) -> Self {
        Self::with_home(ring, None)
    }

    fn with_home(ring: KeyRing, dir: Option<PathBuf>) -> Self {
        let inner = Inner { ring: ArcSwap::from_pointee(ring), dir, missing: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// With one key that everybody knows.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        Self::new(KeyRing::for_tests(&[1]))
    }

    /// Seals a value for a place, with the key that seals now.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, place: Place, value: &[u8]) -> Result<Vec<u8>, Error> {
        sealed::seal(self.inner.ring.load().sealing(), place, value)
    }

    /// Opens what was sealed for this place. A key that came since the last refresh is looked for where the keys lie, once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Secret<Vec<u8>>, OpenError> {
        let id = key_id(sealed)?;
        let mut ring = self.inner.ring.load();
        if ring.find(id).is_none() && self.look_for(id) {
            ring = self.inner.ring.load();
        }
        sealed::open(ring.find(id).ok_or(OpenError::UnknownKey(id))?, place, sealed)
    }

    /// Reads the keys again for one that is missing; whether it is there now.
    fn look_for(&self, id: u32) -> bool {
        let Some(dir) = &self.inner.dir else { return false };
        let mut missing = self.inner.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.len() >= MISSING_MAX || missing.contains(&id) {
            return false;
        }
        let sealing = self.inner.ring.load().sealing().0;
        // What is wrong with the files is told by the next refresh.
        let ring = KeyRing::load(dir).ok().filter(|ring| ring.find(id).is_some());
        match ring.and_then(|ring| ring.sealing_with(sealing)) {
            Some(ring) => self.inner.ring.store(Arc::new(ring)),
            None => {
                missing.insert(id);
                return false;
            }
        }
        true
    }

    /// [`Vault::seal`] of a text.
    ///
    /// # Errors
    /// As there.
    pub fn seal_text(&self, place: Place, value: &str) -> Result<Vec<u8>, Error> {
        self.seal(place, value.as_bytes())
    }

    /// [`Vault::open`] of a text.
    ///
    /// # Errors
    /// As there; [`OpenError::Malformed`] when it is no text.
    pub fn open_text(&self, place: Place, sealed: &[u8]) -> Result<Secret<String>, OpenError> {
        let value = self.open(place, sealed)?.into_exposed();
        String::from_utf8(value).map(Secret::new).map_err(|_| OpenError::Malformed)
    }

    /// The blind index of a value of a kind (`phone`): the same for the same value, whatever row it is in.
    pub fn index(&self, kind: &'static str, value: &str) -> Vec<u8> {
        index(&self.inner.ring.load(), kind, value)
    }

    /// Whether a value is sealed with another key than the one that seals now. (Rotation asks the database, for many at once.)
    #[cfg(test)]
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        key_id(sealed).is_ok_and(|id| id != self.inner.ring.load().sealing().0)
    }
}

fn index(ring: &KeyRing, kind: &'static str, value: &str) -> Vec<u8> {
    let mut context = hmac::Context::with_key(ring.index());
    context.update(kind.as_bytes());
    context.update(&[0]);
    context.update(value.as_bytes());
    context.sign().as_ref().to_vec()
}
