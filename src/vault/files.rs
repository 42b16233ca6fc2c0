//! Keys as files: made once, private, never overwritten.
//!
//! Separate because whoever keeps keys on disk keeps them by the same rules. A key appears whole or not at all (written
//! beside, then linked to its name), so a second process that starts at the same moment finds either nothing or the same
//! key. A key that everybody on the machine can read is refused: it has told itself already. The group may read it, since
//! that is how orchestrators mount secrets.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::redact::Secret;
use crate::time::Timestamp;

/// Bytes of a symmetric key.
pub const KEY_BYTES: usize = 32;

/// No key is larger; a file that is was not meant to be one.
const FILE_BYTES_MAX: u64 = 4_096;

/// Bits of the mode by which everybody gets at a file.
const EVERYBODY: u32 = 0o007;

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
    /// A file is not what its name says, or not there.
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

/// Makes the directory of keys, for its owner only, where it is missing.
///
/// # Errors
/// [`KeysError::Io`].
pub fn make_dir(dir: &Path) -> Result<(), KeysError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("create", dir))
}

/// What stands between prefix and suffix in the names of a directory's files, sorted.
///
/// # Errors
/// [`KeysError::Io`].
pub fn list(dir: &Path, prefix: &str, suffix: &str) -> Result<Vec<String>, KeysError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let file = entry.map_err(io_error("list", dir))?.file_name();
        let name = file.to_str().and_then(|file| file.strip_prefix(prefix)).and_then(|rest| rest.strip_suffix(suffix));
        names.extend(name.map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Puts a fresh symmetric key in place, unless there is one.
///
/// # Errors
/// As [`create`]; [`KeysError::Randomness`].
pub fn create_random(path: &Path) -> Result<(), KeysError> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| KeysError::Randomness)?;
    create(path, &key)
}

/// Puts a file in place whole, for the owner only; one that is there already stays.
///
/// # Errors
/// [`KeysError::Io`].
pub fn create(path: &Path, content: &[u8]) -> Result<(), KeysError> {
    let beside = path.with_file_name(format!(".new-{}", uuid::Uuid::new_v4().simple()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(io_error("create", &beside))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io_error("write", &beside))?;
    let linked = match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(io_error("create", path)),
    };
    fs::remove_file(&beside).map_err(io_error("remove", &beside))?;
    linked
}

/// Reads a key of whatever length.
///
/// # Errors
/// [`KeysError::Unusable`] when everybody can read it, or it is missing or too large.
pub fn read(path: &Path) -> Result<Secret<Vec<u8>>, KeysError> {
    let unusable = |reason: &str| KeysError::Unusable { path: path.to_owned(), reason: reason.to_owned() };
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(unusable("is missing: restore it from a backup"));
        }
        other => other.map_err(io_error("read", path))?,
    };
    if about.permissions().mode() & EVERYBODY != 0 {
        return Err(unusable("can be read by everybody on this machine: make it private with chmod 600"));
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(unusable("is too large to be a key"));
    }
    fs::read(path).map(Secret::new).map_err(io_error("read", path))
}

/// Reads a symmetric key.
///
/// # Errors
/// As [`read`]; [`KeysError::Unusable`] when it is of another length.
pub fn read_symmetric(path: &Path) -> Result<Secret<[u8; KEY_BYTES]>, KeysError> {
    let bytes = read(path)?;
    let bytes = bytes.expose();
    <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Secret::new).map_err(|_| {
        let reason = format!("has {} bytes instead of {KEY_BYTES}: restore it from a backup", bytes.len());
        KeysError::Unusable { path: path.to_owned(), reason }
    })
}

/// When a file came to lie where it lies: unlike the time of its content, a copy does not bring that along.
///
/// # Errors
/// [`KeysError::Io`].
pub fn came_at(path: &Path) -> Result<Timestamp, KeysError> {
    let seconds = fs::metadata(path).map_err(io_error("read", path))?.ctime();
    Ok(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> KeysError + 'a {
    move |source| KeysError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_whole_and_private() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join("data/keys");
        make_dir(&dir).expect("made");
        let path = dir.join("a.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                create_random(&path).expect("made or there");
                read_symmetric(&path).expect("read").into_exposed()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&path)), (0o700, 0o600));
        assert_eq!(list(&dir, "", ".key").expect("listed"), ["a"], "nothing is left beside it");
    }

    #[test]
    fn a_key_that_is_missing_public_or_no_key_is_refused_with_its_path_and_what_to_do() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("a.key");
        let refusal = || read_symmetric(&path).expect_err("unusable").to_string();
        assert!(refusal().ends_with("a.key is missing: restore it from a backup"), "{}", refusal());
        create(&path, b"short").expect("made");
        assert!(refusal().ends_with("a.key has 5 bytes instead of 32: restore it from a backup"), "{}", refusal());
        fs::write(&path, [0; 5_000]).expect("written");
        assert!(refusal().ends_with("is too large to be a key"), "{}", refusal());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(refusal().contains("chmod 600"), "{}", refusal());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("changed");
        assert!(!refusal().contains("chmod"), "a mounted secret may belong to a group");
    }
}
