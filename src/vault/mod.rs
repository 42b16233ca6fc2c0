//! The vault: values that lie encrypted in the database, and the index that finds them without opening them.
//!
//! Separate because no service may know a key. A service hands over a value with the place it is for, and stores what it
//! gets back; whoever steals a table, a backup or a disk reads nothing. Encryption is AES-256-GCM-SIV (RFC 8452), which
//! stays safe even if a nonce should ever come twice. The place (column and row) is bound to the value as additional data,
//! so that a sealed value moved to another row or column does not open.
//!
//! What is sealed begins with its format and the id of its key: keys are rotated by adding a newer one, which seals from
//! then on, while every key of the ring opens. A *blind index* is an HMAC of the value: equal values have equal indexes, so
//! a look-up by phone works, and the index tells nothing to whoever has no key.

mod keys;

use std::sync::Arc;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::error::Error;
use crate::redact::Secret;

pub use keys::{KeyRing, KeysError};

/// The first byte of everything sealed by this version.
const FORMAT: u8 = 1;
/// Format, key id, nonce.
const HEAD_BYTES: usize = 1 + 4 + NONCE_BYTES;
const NONCE_BYTES: usize = 12;

/// Where a value lies: it opens only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Table and column: `users.phone`.
    pub column: &'static str,
    /// The row.
    pub row: Uuid,
}

impl Place {
    /// A column of a row.
    pub const fn new(column: &'static str, row: Uuid) -> Self {
        Self { column, row }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.column.as_bytes(), &[0], self.row.as_bytes()].concat()
    }
}

/// A value that cannot be opened: of another key ring, of another place, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not something that was sealed.
    #[error("a sealed value is cut short or of an unknown format")]
    Malformed,
    /// The key is not in the ring.
    #[error("a value is sealed with key {0}, which this server does not have")]
    UnknownKey(u32),
    /// It is damaged, or lies where it does not belong.
    #[error("a sealed value is damaged or lies where it does not belong")]
    Refused,
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::internal(error)
    }
}

/// Seals, opens and indexes. Clones share one ring.
#[derive(Clone)]
pub struct Vault {
    ring: Arc<KeyRing>,
}

impl Vault {
    /// With the keys of a server.
    pub fn new(ring: KeyRing) -> Self {
        Self { ring: Arc::new(ring) }
    }

    /// With one key that everybody knows.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        Self::new(KeyRing::for_tests(&[1]))
    }

    /// Seals a value for a place, with the newest key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, place: Place, value: &[u8]) -> Result<Vec<u8>, Error> {
        let (id, key) = self.ring.newest();
        let mut nonce = [0; NONCE_BYTES];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Error::internal("the system gives no random numbers"))?;
        let payload = Payload { msg: value, aad: &place.bytes() };
        let sealed = cipher(key)
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Error::internal("a value is too long to be sealed"))?;
        let mut out = Vec::with_capacity(HEAD_BYTES + sealed.len());
        out.push(FORMAT);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Secret<Vec<u8>>, OpenError> {
        let id = key_id(sealed)?;
        let (nonce, body) = sealed[HEAD_BYTES - NONCE_BYTES..].split_at(NONCE_BYTES);
        let nonce = <[u8; NONCE_BYTES]>::try_from(nonce).map_err(|_| OpenError::Malformed)?;
        let key = self.ring.find(id).ok_or(OpenError::UnknownKey(id))?;
        let payload = Payload { msg: body, aad: &place.bytes() };
        let value = cipher(key).decrypt(&Nonce::from(nonce), payload).map_err(|_| OpenError::Refused)?;
        Ok(Secret::new(value))
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
        let mut context = hmac::Context::with_key(self.ring.index());
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        context.sign().as_ref().to_vec()
    }

    /// Whether a value is sealed with an older key than the newest: rotation seals it anew.
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        key_id(sealed).is_ok_and(|id| id != self.ring.newest().0)
    }
}

fn key_id(sealed: &[u8]) -> Result<u32, OpenError> {
    match sealed {
        [FORMAT, a, b, c, d, rest @ ..] if rest.len() >= NONCE_BYTES => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(OpenError::Malformed),
    }
}

fn cipher(key: &[u8; 32]) -> Aes256GcmSiv {
    Aes256GcmSiv::new(key.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(ids: &[u32]) -> Vault {
        Vault::new(KeyRing::for_tests(ids))
    }

    const PLACE: Place = Place::new("users.phone", Uuid::from_u128(7));

    #[test]
    fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
        let vault = vault(&[1]);
        let sealed = vault.seal_text(PLACE, "+250788123456").expect("sealed");
        assert_eq!(vault.open_text(PLACE, &sealed).expect("opened").expose(), "+250788123456");
        assert!(!sealed.windows(4).any(|piece| piece == b"2507"), "nothing of it shows");
        for other in [Place { column: "users.email", ..PLACE }, Place { row: Uuid::from_u128(8), ..PLACE }] {
            assert_eq!(vault.open(other, &sealed).expect_err("moved"), OpenError::Refused);
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_found() {
        let vault = vault(&[1]);
        let sealed = vault.seal(PLACE, b"secret").expect("sealed");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(vault.open(PLACE, &changed).is_err(), "byte {index}");
            assert!(vault.open(PLACE, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn an_older_key_still_opens_and_is_known_to_be_old() {
        let sealed = vault(&[1]).seal(PLACE, b"secret").expect("sealed");
        let rotated = vault(&[1, 2]);
        assert_eq!(rotated.open(PLACE, &sealed).expect("opened").expose(), b"secret");
        assert!(rotated.is_stale(&sealed));
        let anew = rotated.seal(PLACE, b"secret").expect("sealed");
        assert!(!rotated.is_stale(&anew));
        assert_eq!(vault(&[1]).open(PLACE, &anew).expect_err("a key of the future"), OpenError::UnknownKey(2));
    }

    #[test]
    fn equal_values_have_equal_indexes_within_a_kind() {
        let vault = vault(&[1, 2]);
        assert_eq!(vault.index("phone", "+250788123456"), vault.index("phone", "+250788123456"));
        assert_ne!(vault.index("phone", "+250788123456"), vault.index("phone", "+250788123457"));
        assert_ne!(vault.index("phone", "1"), vault.index("plate", "1"));
    }
}
