//! Storage of files: documents that people hand in, exports that they fetch. On disk, or S3-compatible.
//!
//! Separate because no service may know where a file lies. Each file is encrypted with a key of its own before it leaves
//! this process; the key, sealed by the vault, is kept in the row that refers to the file. So the store and its backups
//! read nothing, and a file whose row's key is deleted is gone for ever, wherever copies of it lie.
//!
//! What somebody sent goes through [`Storage::admit`] before it is put: its type by its content, its size, malware.

pub mod content;
mod disk;
#[cfg(test)]
mod memory;
pub mod s3;
pub mod scanner;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aes_gcm_siv::aead::{Aead, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::error::{Error, Fault};
use crate::time::Span;
use crate::vault::{Place, Vault};

pub use content::{FileType, PictureBounds};
pub use disk::Disk;

use content::examine;
use scanner::{NoScanner, Scanner, Verdict};

/// Where files lie and how they are looked at.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where they lie; `None` is the data directory.
    pub bucket: Option<s3::Config>,
    /// The malware scanner, if there is one, and how long it may take.
    pub scanner: Option<(scanner::Address, Span)>,
    /// The largest picture.
    pub pictures: PictureBounds,
}

/// Where encrypted bytes lie, by name.
pub trait Shelf: Send + Sync {
    /// Puts a file; one of the same name is replaced.
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), Error>>;
    /// Fetches a file; `None` when there is none.
    fn get(&self, name: &str) -> BoxFuture<'_, Result<Option<Bytes>, Error>>;
    /// Removes a file; it is fine when there is none.
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), Error>>;
}

/// What the row of a file keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Names the file on the shelf.
    pub id: Uuid,
    /// Its key, sealed by the vault.
    pub sealed_key: Vec<u8>,
}

/// Puts and fetches files, encrypted. Clones share one shelf.
#[derive(Clone)]
pub struct Storage {
    shelf: Arc<dyn Shelf>,
    vault: Vault,
    scanner: Arc<dyn Scanner>,
    pictures: PictureBounds,
}

/// Where a file's key lies.
pub const KEY_COLUMN: &str = "file.key";

/// A key seals one file only, so the nonce never comes twice with it.
const NONCE: [u8; 12] = [0; 12];

impl Storage {
    /// On a shelf, with keys sealed by the vault; without a malware scanner.
    pub fn new(shelf: Arc<dyn Shelf>, vault: Vault, pictures: PictureBounds) -> Self {
        Self { shelf, vault, scanner: Arc::new(NoScanner), pictures }
    }

    /// The same with a malware scanner.
    #[must_use]
    pub fn scanned_by(self, scanner: Arc<dyn Scanner>) -> Self {
        Self { scanner, ..self }
    }

    /// In the memory of a test.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        Self::new(Arc::new(memory::Memory::default()), Vault::for_tests(), content::tests::BOUNDS)
    }

    /// Looks at a file that somebody sent; what is to be kept of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `file` when it is not what it says, or is malware; [`Error::Unavailable`] when the malware
    /// scanner is away.
    pub async fn admit(&self, bytes: &[u8], declared: FileType) -> Result<Vec<u8>, Error> {
        let refused = |reason: &dyn std::fmt::Display| Error::Invalid(vec![Fault::without_value("file", reason)]);
        let kept = examine(bytes, declared, self.pictures).map_err(|refusal| refused(&refusal))?;
        // The whole of it: what is cut off would tell of the rest.
        match self.scanner.scan(bytes).await? {
            Verdict::Clean => Ok(kept.into_owned()),
            Verdict::Infected => Err(refused(&"is taken for malware by the scanner")),
        }
    }

    /// Encrypts and puts a file.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the shelf is away.
    pub async fn put(&self, id: Uuid, content: &[u8]) -> Result<Stored, Error> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| Error::internal("the system gives no random numbers"))?;
        let sealed_key = self.vault.seal(Place::new(KEY_COLUMN, id), &key)?;
        let encrypted = Aes256GcmSiv::new(&key.into())
            .encrypt(&Nonce::from(NONCE), content)
            .map_err(|_| Error::internal("a file is too large to be encrypted"))?;
        self.shelf.put(&id.to_string(), encrypted.into()).await?;
        Ok(Stored { id, sealed_key })
    }

    /// Fetches and decrypts a file.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the shelf is away; [`Error::Internal`] when the file is missing or damaged.
    pub async fn get(&self, file: &Stored) -> Result<Vec<u8>, Error> {
        let key = self.vault.open(Place::new(KEY_COLUMN, file.id), &file.sealed_key)?;
        let key = <[u8; 32]>::try_from(key.expose().as_slice()).map_err(Error::internal)?;
        let encrypted = self.shelf.get(&file.id.to_string()).await?;
        let encrypted = encrypted.ok_or_else(|| Error::internal("a stored file is missing"))?;
        let damaged = |_| Error::internal("a stored file is damaged");
        Aes256GcmSiv::new(&key.into()).decrypt(&Nonce::from(NONCE), encrypted.as_ref()).map_err(damaged)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the shelf is away.
    pub async fn delete(&self, id: Uuid) -> Result<(), Error> {
        self.shelf.delete(&id.to_string()).await
    }
}
