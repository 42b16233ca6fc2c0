//! A certificate and its key, as they stand in two files.
//!
//! Separate because reading files that somebody is writing at this moment is where things go wrong: nothing is used before
//! all of it was read and found to belong together.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::Config;

/// A chain and a key take some kilobytes; more was not meant to be one.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Certificate and key cannot be used. Says nothing of what the key is.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("{} cannot be read", file.display())]
    Unread {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} {reason}", file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The two do not go together, or not with this program.
    #[error("certificate and key cannot be used together")]
    Unusable(#[source] rustls::Error),
}

impl PairError {
    pub(super) fn unusable(error: impl Into<rustls::Error>) -> Self {
        Self::Unusable(error.into())
    }
}

/// The texts of both files.
#[derive(PartialEq, Eq)]
pub struct Pair {
    certificate_file: PathBuf,
    certificate: Vec<u8>,
    key_file: PathBuf,
    key: Vec<u8>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificate_file", &self.certificate_file).finish_non_exhaustive()
    }
}

impl Pair {
    /// Reads both files.
    pub fn read(config: &Config) -> Result<Self, PairError> {
        let (certificate_file, key_file) = (config.certificate_file.clone(), config.key_file.clone());
        let (certificate, key) = (read(&certificate_file)?, read(&key_file)?);
        Ok(Self { certificate_file, certificate, key_file, key })
    }

    /// The two, ready to be used, if they belong together.
    pub fn certified(&self) -> Result<CertifiedKey, PairError> {
        let content = |file: &Path, reason: String| PairError::Content { file: file.to_owned(), reason };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| content(&self.certificate_file, format!("is not PEM: {error}")))?;
        if chain.is_empty() {
            return Err(content(&self.certificate_file, "holds no certificate in PEM".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| content(&self.key_file, "holds no private key in PEM".to_owned()))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(PairError::Unusable)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, PairError> {
    let unread = |source| PairError::Unread { file: file.to_owned(), source };
    let length = std::fs::metadata(file).map_err(unread)?.len();
    if length > FILE_BYTES_MAX {
        let reason = format!("is larger than {FILE_BYTES_MAX} bytes");
        return Err(PairError::Content { file: file.to_owned(), reason });
    }
    std::fs::read(file).map_err(unread)
}
