//! Phones as they lie in `users`: sealed for one row, beside the blind index by which an account is found.
//!
//! Separate so that the words that bind a phone to its column and kind are said once: whoever seals, opens or looks up
//! agrees on them.

use crate::error::Error;
use crate::ids::UserId;
use crate::phone::Phone;
use crate::vault::{Place, Vault};

/// A sealed phone opens in this column only.
const COLUMN: &str = "users.phone";

/// Indexes of phones are equal among themselves only.
const KIND: &str = "phone";

/// What an account is found by without its phone being opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneIndex(Vec<u8>);

impl PhoneIndex {
    /// Of a phone, whoever has it.
    pub fn of(vault: &Vault, phone: Phone) -> Self {
        Self(vault.index(KIND, phone.as_str()))
    }

    /// As in the column.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A phone, ready for the row of a person.
#[derive(Clone, Debug)]
pub struct SealedPhone {
    /// Whose row: it opens in no other.
    pub user: UserId,
    /// Opened by [`open`].
    pub sealed: Vec<u8>,
    /// Found by.
    pub index: PhoneIndex,
}

impl SealedPhone {
    /// Seals a phone for a person.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(vault: &Vault, user: UserId, phone: Phone) -> Result<Self, Error> {
        let sealed = vault.seal_text(Place::new(COLUMN, user.0), phone.as_str())?;
        Ok(Self { user, sealed, index: PhoneIndex::of(vault, phone) })
    }
}

/// The phone of a person's row.
///
/// # Errors
/// When it does not open: the key is not this server's, or the row is damaged.
pub fn open(vault: &Vault, user: UserId, sealed: &[u8]) -> Result<Phone, Error> {
    let opened = vault.open_text(Place::new(COLUMN, user.0), sealed)?;
    Phone::parse(opened.expose()).map_err(Error::internal)
}
