//! One value under one key: its bytes as sealed, and the place they are bound to.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::error::Error;
use crate::redact::Secret;

/// The first byte of everything sealed by this version.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
/// Format, key id, nonce.
const HEAD_BYTES: usize = 1 + 4 + NONCE_BYTES;

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

/// A column of sealed values, as the service that owns the table tells it: rotation and checks go through it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What values are sealed for: [`Place::column`].
    pub place: &'static str,
    /// The table.
    pub table: &'static str,
    /// The column of the table that holds the values.
    pub column: &'static str,
    /// The column by which the table is gone through: a uuid, unique and not null.
    pub key: &'static str,
    /// The column that tells [`Place::row`].
    pub row: &'static str,
    /// The column that holds the blind index of the value, and the kind it is of.
    pub index: Option<(&'static str, &'static str)>,
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

/// Which key sealed a value.
pub(super) fn key_id(sealed: &[u8]) -> Result<u32, OpenError> {
    match sealed {
        [FORMAT, a, b, c, d, rest @ ..] if rest.len() >= NONCE_BYTES => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(OpenError::Malformed),
    }
}

/// Seals a value with a key, named by its id.
pub(super) fn seal((id, key): (u32, &Aes256GcmSiv), place: Place, value: &[u8]) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Error::internal("the system gives no random numbers"))?;
    let payload = Payload { msg: value, aad: &place.bytes() };
    let sealed =
        key.encrypt(&Nonce::from(nonce), payload).map_err(|_| Error::internal("a value is too long to be sealed"))?;
    let mut out = Vec::with_capacity(HEAD_BYTES + sealed.len());
    out.push(FORMAT);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// Opens a value with the key that sealed it.
pub(super) fn open(key: &Aes256GcmSiv, place: Place, sealed: &[u8]) -> Result<Secret<Vec<u8>>, OpenError> {
    let head = sealed.get(HEAD_BYTES - NONCE_BYTES..).ok_or(OpenError::Malformed)?;
    let (nonce, body) = head.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Malformed)?;
    let payload = Payload { msg: body, aad: &place.bytes() };
    key.decrypt(&Nonce::from(*nonce), payload).map(Secret::new).map_err(|_| OpenError::Refused)
}
