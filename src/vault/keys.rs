//! The key ring on disk: made at the first start, loaded ever after.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::redact::Secret;

const KEY_BYTES: usize = 32;
const INDEX_NAME: &str = "index.key";
const PREFIX: &str = "vault-";
const SUFFIX: &str = ".key";

/// The keys that seal and open, and the one that indexes.
pub struct KeyRing {
    /// By id, the newest last.
    keys: Vec<(u32, Secret<[u8; KEY_BYTES]>)>,
    index: hmac::Key,
}

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is not what its name says.
    #[error("{path} {reason}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The system gave no randomness.
    #[error("the system gives no random numbers")]
    Randomness,
}

impl KeyRing {
    /// Loads the ring in `dir` (`vault-0001.key`, … and `index.key`); makes what is missing.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load_or_create(dir: &Path) -> Result<Self, KeysError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("create", dir))?;
        if ids(dir)?.is_empty() {
            create(&dir.join(name(1)))?;
        }
        let index_path = dir.join(INDEX_NAME);
        if !index_path.exists() {
            create(&index_path)?;
        }
        let load = |id: u32| Ok((id, read(&dir.join(name(id)))?));
        let keys = ids(dir)?.into_iter().map(load).collect::<Result<Vec<_>, KeysError>>()?;
        let index = hmac::Key::new(hmac::HMAC_SHA256, read(&index_path)?.expose());
        Ok(Self { keys, index })
    }

    pub(super) fn newest(&self) -> (u32, &[u8; KEY_BYTES]) {
        let (id, key) = self.keys.last().expect("a ring is never made without a key");
        (*id, key.expose())
    }

    pub(super) fn find(&self, id: u32) -> Option<&[u8; KEY_BYTES]> {
        self.keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key.expose())
    }

    pub(super) const fn index(&self) -> &hmac::Key {
        &self.index
    }

    /// A ring that everybody knows.
    #[cfg(test)]
    pub fn for_tests(ids: &[u32]) -> Self {
        let byte = |id: u32| u8::try_from(id % 251).expect("less than 256");
        let keys = ids.iter().map(|id| (*id, Secret::new([byte(*id); KEY_BYTES]))).collect();
        Self { keys, index: hmac::Key::new(hmac::HMAC_SHA256, &[255; KEY_BYTES]) }
    }
}

fn name(id: u32) -> String {
    format!("{PREFIX}{id:04}{SUFFIX}")
}

/// Ids of the keys, oldest first.
fn ids(dir: &Path) -> Result<Vec<u32>, KeysError> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let file = entry.map_err(io_error("list", dir))?.file_name();
        let id = file.to_str().and_then(|file| file.strip_prefix(PREFIX)).and_then(|rest| rest.strip_suffix(SUFFIX));
        ids.extend(id.and_then(|id| id.parse::<u32>().ok()));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Puts a fresh key in place whole, for the owner only; one that is there already stays.
fn create(path: &Path) -> Result<(), KeysError> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| KeysError::Randomness)?;
    let beside = path.with_file_name(format!(".new-{}", uuid::Uuid::new_v4().simple()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(io_error("create", &beside))?;
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(io_error("write", &beside))?;
    let linked = match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(io_error("create", path)),
    };
    fs::remove_file(&beside).map_err(io_error("remove", &beside))?;
    linked
}

fn read(path: &Path) -> Result<Secret<[u8; KEY_BYTES]>, KeysError> {
    let mode = fs::metadata(path).map_err(io_error("read", path))?.permissions().mode();
    if mode & 0o007 != 0 {
        let reason = "can be read by everybody on this machine: make it private with chmod 600".to_owned();
        return Err(KeysError::Unusable { path: path.to_owned(), reason });
    }
    let bytes = fs::read(path).map_err(io_error("read", path))?;
    <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Secret::new).map_err(|_| {
        let reason = format!("has {} bytes instead of {KEY_BYTES}: restore it from a backup", bytes.len());
        KeysError::Unusable { path: path.to_owned(), reason }
    })
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> KeysError + 'a {
    move |source| KeysError::Io { action, path: path.to_owned(), source }
}
