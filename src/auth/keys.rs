//! The keys of this service: one that codes are derived with, and those that sign access tokens.
//!
//! Separate because it is the one part of this service that touches files, by the rules of [`files`].
//!
//! Keys that sign tokens are rotated by putting a newer `token-YYYYMMDD.pk8` beside the old one ([`add_token_key`]), while the
//! servers run: each looks now and then ([`token_keys`]). A new key verifies at once and signs after it was there for a while,
//! so that all others know it by then. An old one is taken away when its tokens have expired; one that is taken away earlier,
//! say because it was stolen, verifies nothing any more.

use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::redact::Secret;
use crate::time::Timestamp;
use crate::vault::files::{self, KEY_BYTES, KeysError};
use crate::web::KeyDocument;

const CODE_KEY_NAME: &str = "code.key";
const TOKEN_KEY_PREFIX: &str = "token-";
const TOKEN_KEY_SUFFIX: &str = ".pk8";

/// The keys of this server.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Sign-in codes are derived with this.
    pub code: Secret<[u8; KEY_BYTES]>,
    /// Access tokens are signed with these, oldest first: id and PKCS#8 document, as
    /// [`crate::web::TokenKeys::new`] takes them.
    pub tokens: Secret<Vec<(String, Vec<u8>)>>,
}

/// Loads the keys in `dir`; makes what is missing. `now` names a new token key by its day.
///
/// # Errors
/// [`KeysError`] when a key can be neither read nor made, or others can read it.
pub fn load_or_create(dir: &Path, now: Timestamp) -> Result<Keys, KeysError> {
    files::make_dir(dir)?;
    let code_path = dir.join(CODE_KEY_NAME);
    if !code_path.exists() {
        files::create_random(&code_path)?;
    }
    let code = files::read_symmetric(&code_path)?;
    let mut days = token_days(dir)?;
    if days.is_empty() {
        create_token_key(dir, &now.kigali_day().format("%Y%m%d").to_string())?;
        // Looked up again: another process may have been faster, around midnight even under another name.
        days = token_days(dir)?;
    }
    let load = |day: String| {
        let id = format!("{TOKEN_KEY_PREFIX}{day}");
        let document = files::read(&dir.join(format!("{id}{TOKEN_KEY_SUFFIX}")))?;
        Ok((id, document.into_exposed()))
    };
    let tokens = days.into_iter().map(load).collect::<Result<Vec<_>, KeysError>>()?;
    Ok(Keys { code, tokens: Secret::new(tokens) })
}

/// Puts a newer token key beside those that are there; its id. Servers take it when they read the directory again.
///
/// # Errors
/// [`KeysError`]; also when there are too many keys of one day.
pub fn add_token_key(dir: &Path, now: Timestamp) -> Result<String, KeysError> {
    files::make_dir(dir)?;
    let (day, known) = (now.kigali_day().format("%Y%m%d").to_string(), token_days(dir)?);
    // Letters, because names in their order are keys in their order: 20261126 before 20261126b before 20261127.
    let names = std::iter::once(day.clone()).chain(('b'..='z').map(|letter| format!("{day}{letter}")));
    let newest = known.last().map_or("", String::as_str);
    let mut later = names.filter(|name| name.as_str() > newest);
    let name = later.next().ok_or_else(|| KeysError::Unusable {
        path: dir.join(format!("{TOKEN_KEY_PREFIX}{newest}{TOKEN_KEY_SUFFIX}")),
        reason: "is newer than every name that a key of today can have: look at the clock of this machine".to_owned(),
    })?;
    create_token_key(dir, &name)?;
    Ok(format!("{TOKEN_KEY_PREFIX}{name}"))
}

/// The keys that sign tokens as they lie there now, oldest first.
///
/// # Errors
/// [`KeysError`] when one cannot be read, or others can read it.
pub fn token_keys(dir: &Path) -> Result<Vec<KeyDocument>, KeysError> {
    let load = |day: String| {
        let id = format!("{TOKEN_KEY_PREFIX}{day}");
        let path = dir.join(format!("{id}{TOKEN_KEY_SUFFIX}"));
        Ok(KeyDocument { id, document: files::read(&path)?, since: files::came_at(&path)? })
    };
    token_days(dir)?.into_iter().map(load).collect()
}

fn create_token_key(dir: &Path, name: &str) -> Result<(), KeysError> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeysError::Randomness)?;
    files::create(&dir.join(format!("{TOKEN_KEY_PREFIX}{name}{TOKEN_KEY_SUFFIX}")), document.as_ref())
}

/// What the names of the token keys say of their age, oldest first.
fn token_days(dir: &Path) -> Result<Vec<String>, KeysError> {
    files::list(dir, TOKEN_KEY_PREFIX, TOKEN_KEY_SUFFIX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

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
    fn the_newest_token_key_comes_last_also_of_one_day() {
        let home = tempfile::tempdir().expect("a directory");
        load_or_create(home.path(), now()).expect("made");
        let day = |days: i64| now() + Span::from_secs(86_400 * days);
        for (at, id) in [(now(), "token-20260921b"), (now(), "token-20260921c"), (day(1), "token-20260922")] {
            assert_eq!(add_token_key(home.path(), at).expect("added"), id);
        }
        let keys = load_or_create(home.path(), now()).expect("loaded");
        let ids: Vec<_> = keys.tokens.expose().iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["token-20260921", "token-20260921b", "token-20260921c", "token-20260922"]);
        TokenKeys::new(keys.tokens.expose(), Span::from_secs(900)).expect("usable");
        let error = add_token_key(home.path(), now()).expect_err("the clock was put back").to_string();
        assert!(error.contains("token-20260922.pk8 is newer"), "{error}");
        let seen = token_keys(home.path()).expect("loaded");
        let of_seen: Vec<_> = seen.iter().map(|key| key.id.as_str()).collect();
        assert_eq!(of_seen, ids);
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
