//! The server's own keys on disk: made at the first start, loaded ever after.
//!
//! Separate because it is the one part of this service that touches files. A key appears whole or not at all (written
//! beside, then linked to its name), so a second process that starts at the same moment finds either nothing or the
//! same key; nothing is ever overwritten.
//!
//! Keys that sign tokens are rotated by putting a newer `token-YYYYMMDD.pk8` beside the old one, while the servers run:
//! each looks now and then ([`token_keys`]). A new key verifies at once and signs after it was there for a while, so that
//! all others know it by then. An old one is taken away when its tokens have expired; one that is taken away earlier, say
//! because it was stolen, verifies nothing any more.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::Ed25519KeyPair;
use uuid::Uuid;

use crate::redact::Secret;
use crate::time::Timestamp;
use crate::web::KeyDocument;

const CODE_KEY_BYTES: usize = 32;
const CODE_KEY_NAME: &str = "code.key";
const TOKEN_KEY_PREFIX: &str = "token-";
const TOKEN_KEY_SUFFIX: &str = ".pk8";

/// The keys of this server.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Sign-in codes are derived with this.
    pub code: Secret<[u8; CODE_KEY_BYTES]>,
    /// Access tokens are signed with these, oldest first: id and PKCS#8 document, as
    /// [`crate::web::TokenKeys::new`] takes them.
    pub tokens: Secret<Vec<(String, Vec<u8>)>>,
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

/// Loads the keys in `dir`; makes what is missing. `now` names a new token key by its day.
///
/// # Errors
/// [`KeysError`] when a key can be neither read nor made, or others can read it.
pub fn load_or_create(dir: &Path, now: Timestamp) -> Result<Keys, KeysError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("create", dir))?;
    let rng = SystemRandom::new();

    let code_path = dir.join(CODE_KEY_NAME);
    if !code_path.exists() {
        let mut key = [0; CODE_KEY_BYTES];
        rng.fill(&mut key).map_err(|_| KeysError::Randomness)?;
        create(&code_path, &key)?;
    }
    let bytes = read(&code_path)?;
    let code = <[u8; CODE_KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| KeysError::Unusable {
        path: code_path,
        reason: format!("has {} bytes instead of {CODE_KEY_BYTES}: restore it from a backup", bytes.len()),
    })?;

    let mut names = token_names(dir)?;
    if names.is_empty() {
        let document = Ed25519KeyPair::generate_pkcs8(&rng).map_err(|_| KeysError::Randomness)?;
        let id = format!("{TOKEN_KEY_PREFIX}{}", now.kigali_day().format("%Y%m%d"));
        create(&dir.join(format!("{id}{TOKEN_KEY_SUFFIX}")), document.as_ref())?;
        // Looked up again: another process may have been faster, around midnight even under another name.
        names = token_names(dir)?;
    }
    let load = |id: String| {
        let document = read(&dir.join(format!("{id}{TOKEN_KEY_SUFFIX}")))?;
        Ok((id, document))
    };
    let tokens = names.into_iter().map(load).collect::<Result<Vec<_>, KeysError>>()?;
    Ok(Keys { code: Secret::new(code), tokens: Secret::new(tokens) })
}

/// The keys that sign tokens as they lie there now, oldest first.
///
/// # Errors
/// [`KeysError`] when one cannot be read, or others can read it.
pub fn token_keys(dir: &Path) -> Result<Vec<KeyDocument>, KeysError> {
    let load = |id: String| {
        let path = dir.join(format!("{id}{TOKEN_KEY_SUFFIX}"));
        // When it came to lie here: unlike the time of its content, a copy does not bring that along.
        let since = fs::metadata(&path).map_err(io_error("read", &path))?.ctime();
        Ok(KeyDocument {
            id,
            document: Secret::new(read(&path)?),
            since: Timestamp::from_millis(since.saturating_mul(1_000)),
        })
    };
    token_names(dir)?.into_iter().map(load).collect()
}

/// Ids of the token keys, oldest first.
fn token_names(dir: &Path) -> Result<Vec<String>, KeysError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let name = entry.map_err(io_error("list", dir))?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(TOKEN_KEY_SUFFIX));
        names.extend(id.filter(|id| id.starts_with(TOKEN_KEY_PREFIX)).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Puts a file in place whole, for the owner only; one that is there already stays.
fn create(path: &Path, content: &[u8]) -> Result<(), KeysError> {
    let beside = path.with_file_name(format!(".new-{}", Uuid::new_v4().simple()));
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

fn read(path: &Path) -> Result<Vec<u8>, KeysError> {
    let mode = fs::metadata(path).map_err(io_error("read", path))?.permissions().mode();
    if mode & 0o007 != 0 {
        let reason = "can be read by everybody on this machine: make it private with chmod 600".to_owned();
        return Err(KeysError::Unusable { path: path.to_owned(), reason });
    }
    fs::read(path).map_err(io_error("read", path))
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> KeysError + 'a {
    move |source| KeysError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;
    use crate::web::TokenKeys;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000)
    }

    #[test]
    fn keys_are_made_once_and_private() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join("data/keys");
        let first = load_or_create(&dir, now()).expect("made");
        let second = load_or_create(&dir, now() + Span::from_secs(86_400 * 400)).expect("loaded");
        assert_eq!(first.code.expose(), second.code.expose());
        assert_eq!(first.tokens.expose(), second.tokens.expose());
        assert_eq!(first.tokens.expose()[0].0, "token-20260921");
        TokenKeys::new(first.tokens.expose(), Span::from_secs(900)).expect("usable");
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for entry in fs::read_dir(&dir).expect("listed") {
            assert_eq!(mode(&entry.expect("listed").path()), 0o600);
        }
    }

    #[test]
    fn the_newest_token_key_comes_last() {
        let home = tempfile::tempdir().expect("a directory");
        load_or_create(home.path(), now()).expect("made");
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
        create(&home.path().join("token-20270101.pk8"), document.as_ref()).expect("created");
        let keys = load_or_create(home.path(), now()).expect("loaded");
        let ids: Vec<_> = keys.tokens.expose().iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["token-20260921", "token-20270101"]);
        let seen = token_keys(home.path()).expect("loaded");
        let ids: Vec<_> = seen.iter().map(|key| key.id.as_str()).collect();
        assert_eq!(ids, ["token-20260921", "token-20270101"]);
        assert!(seen.iter().all(|key| crate::clock::now().since(key.since) < Span::from_minutes(10)));
    }

    #[test]
    fn processes_that_start_together_agree_on_the_keys() {
        let home = tempfile::tempdir().expect("a directory");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let start = || load_or_create(home.path(), now()).expect("made or loaded");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        for other in &keys[1..] {
            assert_eq!(other.code.expose(), keys[0].code.expose());
            assert_eq!(other.tokens.expose(), keys[0].tokens.expose());
        }
    }

    #[test]
    fn a_broken_or_public_key_is_refused_with_its_path() {
        let home = tempfile::tempdir().expect("a directory");
        load_or_create(home.path(), now()).expect("made");
        let path = home.path().join(CODE_KEY_NAME);
        fs::write(&path, b"short").expect("written");
        let error = load_or_create(home.path(), now()).expect_err("5 bytes").to_string();
        assert!(error.contains("code.key has 5 bytes instead of 32"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        let error = load_or_create(home.path(), now()).expect_err("public").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
