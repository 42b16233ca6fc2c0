//! The key that signs published heads: made at the first start, kept beside the other keys of the server.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::heads::PublicKey;

const NAME: &str = "audit.pk8";

/// Signs heads.
#[derive(Debug)]
pub struct Signer {
    pair: Ed25519KeyPair,
}

/// The key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is no key.
    #[error("{} is not an Ed25519 key in PKCS#8 form: restore it from a backup", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
    },
    /// The system gave no randomness.
    #[error("the system gives no random numbers")]
    Randomness,
}

impl Signer {
    /// Loads the key in `dir`; makes one when there is none. It appears whole or not at all, and none is ever overwritten.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn load_or_create(dir: &Path) -> Result<Self, SigningError> {
        let path = dir.join(NAME);
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| SigningError::Io { action, path, source }
        };
        if !path.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed("create", dir))?;
            let document =
                Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SigningError::Randomness)?;
            let beside = path.with_file_name(format!(".new-{}", uuid::Uuid::new_v4().simple()));
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
            let mut file = file.map_err(failed("create", &beside))?;
            file.write_all(document.as_ref()).and_then(|()| file.sync_all()).map_err(failed("write", &beside))?;
            match fs::hard_link(&beside, &path) {
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(failed("create", &path))?,
            }
            fs::remove_file(&beside).map_err(failed("remove", &beside))?;
        }
        let document = fs::read(&path).map_err(failed("read", &path))?;
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
