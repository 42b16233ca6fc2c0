//! The key that signs published heads: made at the first start, kept beside the other keys of the server.

use std::fs;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::heads::PublicKey;
use crate::vault::files::{self, KeysError};

const NAME: &str = "audit.pk8";

/// Signs heads.
#[derive(Debug)]
pub struct Signer {
    pair: Ed25519KeyPair,
}

/// The key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The files cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It is no key.
    #[error("{} is not an Ed25519 key in PKCS#8 form: restore it from a backup", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
    },
}

impl Signer {
    /// Loads the key in `dir`; makes one when there is none. It appears whole or not at all, and none is ever overwritten.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn load_or_create(dir: &Path) -> Result<Self, SigningError> {
        let path = dir.join(NAME);
        if !path.exists() {
            files::make_dir(dir)?;
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeysError::Randomness)?;
            files::create(&path, document.as_ref())?;
        }
        let unreadable = |source| KeysError::Io { action: "read", path: path.clone(), source };
        let document = fs::read(&path).map_err(unreadable)?;
        match Ed25519KeyPair::from_pkcs8(&document) {
            Ok(pair) => Ok(Self { pair }),
            Err(_) => Err(SigningError::Unusable { path }),
        }
    }

    /// For whoever checks the signatures.
    pub fn public_key(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        key
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(text).as_ref());
        signature
    }

    /// A fresh key.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("there is randomness");
        Self { pair: Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("fresh") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = directory.path().join("keys");
        let first = Signer::load_or_create(&keys).expect("made").public_key();
        assert_eq!(Signer::load_or_create(&keys).expect("loaded").public_key(), first);
        fs::write(keys.join(NAME), b"rubbish").expect("written");
        assert!(matches!(Signer::load_or_create(&keys), Err(SigningError::Unusable { .. })));
    }
}
