//! Publishing the end of the chain, and looking at the start whether what was published last still holds.

use std::path::PathBuf;

use sqlx::PgPool;

use super::heads::{self, HeadsError, Occasion, Published};
use super::signing::{Signer, SigningError};
use super::{Head, hex, store};
use crate::telemetry::names;
use crate::time::{Span, Timestamp};

/// Where heads are published, how often, and what the person does not hear at once.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file.
    pub heads_file: PathBuf,
    /// The directory of the signing key.
    pub keys_dir: PathBuf,
    /// Between two publications of a running server.
    pub publish_every: Span,
    /// How long an access under a case number is kept from the person it concerns.
    pub case_hidden_for: Span,
}

/// The end of the chain was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The file.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// The key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The database.
    #[error("the head of the audit log cannot be read")]
    Database(#[from] sqlx::Error),
    /// The table.
    #[error("the head of the audit log, the row of audit_head, is missing")]
    HeadMissing,
}

/// Publishes. Clones share one key.
#[derive(Clone, Debug)]
pub struct Publisher {
    pool: PgPool,
    heads_file: PathBuf,
    signer: std::sync::Arc<Signer>,
}

impl Publisher {
    /// With the key of the server, which is made when there is none.
    ///
    /// # Errors
    /// [`PublishError::Signing`], [`PublishError::Heads`].
    pub fn open(pool: PgPool, config: &Config) -> Result<Self, PublishError> {
        let signer = std::sync::Arc::new(Signer::load_or_create(&config.keys_dir)?);
        heads::make_room(&config.heads_file)?;
        Ok(Self { pool, heads_file: config.heads_file.clone(), signer })
    }

    /// The key by which what is published here is checked.
    pub fn public_key(&self) -> super::PublicKey {
        self.signer.public_key()
    }

    /// The text of what was published; `None` when nothing was.
    ///
    /// # Errors
    /// [`PublishError::Heads`].
    pub fn published(&self) -> Result<Option<String>, PublishError> {
        Ok(heads::load(&self.heads_file)?)
    }

    /// Publishes the end of the chain as it is now. It goes into the log as well: a collector of logs keeps a copy.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn publish(&self, occasion: Occasion, now: Timestamp) -> Result<Published, PublishError> {
        let mut conn = self.pool.acquire().await?;
        let head = store::head(&mut conn).await?.ok_or(PublishError::HeadMissing)?;
        drop(conn);
        let published = heads::append(&self.heads_file, &self.signer, head, occasion, now)?;
        // Seconds since 1970 are far below 2^53.
        metrics::gauge!(names::AUDIT_PUBLISHED_TIMESTAMP_SECONDS).set((now.as_millis() / 1_000) as f64);
        metrics::gauge!(names::AUDIT_RECORDS).set(head.seq as f64);
        tracing::info!(seq = head.seq, hash = hex(&head.hash), "the head of the audit log was published");
        Ok(published)
    }

    /// Whether the head that was published last is still in the chain: a look at one record. `Some` is the one that is not.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn contradicted(&self) -> Result<Option<Head>, PublishError> {
        let Some(text) = self.published()? else { return Ok(None) };
        let last = heads::last(&text, &[self.public_key()]).map(|line| line.head);
        let Some(last) = last.filter(|head| head.seq > 0) else { return Ok(None) };
        let mut conn = self.pool.acquire().await?;
        let holds = store::hash_of(&mut conn, last.seq).await?.is_some_and(|hash| hash == last.hash);
        Ok((!holds).then_some(last))
    }
}
