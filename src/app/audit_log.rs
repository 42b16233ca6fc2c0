//! The audit log of a running server (its end is published), and the commands of operators on it.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::Error;
use super::commands::with_database;
use crate::audit::{
    self, Actor, Filter, Log, Occasion, PublicKey, Published, Publisher, RecordView, Records, Turn, Verdict,
};
use crate::clock;
use crate::config::Config;
use crate::db::Database;
use crate::telemetry::{Telemetry, chain};
use crate::time::Span;

/// Publishes the end of the log as a server starts. What was published last must still be in it.
pub(super) async fn begin(config: &Config, database: &Database) -> Result<Publisher, Error> {
    let publisher = open(config, database)?;
    let failed = |error| Error::service("the head of the audit log cannot be published", error);
    if let Some(head) = publisher.contradicted().await.map_err(failed)? {
        // The city goes on: whoever tampered must not be able to stop it as well.
        tracing::error!(
            seq = head.seq,
            "the audit log is not the one that was published; run `boda audit verify` (docs/OPERATIONS.md)"
        );
    }
    publisher.publish(Occasion::Start, clock::now()).await.map_err(failed)?;
    Ok(publisher)
}

/// Publishes again and again while the server runs.
pub(super) async fn publish_daily(publisher: Publisher, every: Span, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every.to_duration()) => {}
        }
        if let Err(error) = publisher.publish(Occasion::Daily, clock::now()).await {
            tracing::error!(error = %chain(&error), "the head of the audit log was not published");
        }
    }
}

/// Publishes as a server stops. Where the database is the reason for the stop, it cannot.
pub(super) async fn end(publisher: &Publisher) {
    let within = std::time::Duration::from_secs(3);
    match tokio::time::timeout(within, publisher.publish(Occasion::Stop, clock::now())).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "the head of the audit log was not published at the stop")
        }
        Err(_) => tracing::warn!("the head of the audit log was not published at the stop: the database is slow"),
    }
}

fn open(config: &Config, database: &Database) -> Result<Publisher, Error> {
    Publisher::open(database.pool().clone(), &config.audit)
        .map_err(|error| Error::service("the heads of the audit log cannot be published", error))
}

/// What is to be verified against.
#[derive(Debug)]
pub struct Asked {
    /// Files of published heads; the server's own when there is none.
    pub heads: Vec<PathBuf>,
    /// Keys that sign heads beside the server's own.
    pub keys: Vec<PublicKey>,
}

/// What came of it.
#[derive(Debug)]
pub struct Checked {
    /// The verdict.
    pub verdict: Verdict,
    /// The server has published nothing yet, and no copy was named.
    pub nothing_published: bool,
}

/// Verifies the whole log. `progress` is told how many records fit so far, and of how many.
///
/// # Errors
/// [`Error`] when the database or a file cannot be read.
pub async fn audit_verify(
    config: Config,
    asked: Asked,
    progress: impl FnMut(i64, i64) + Send,
) -> Result<Checked, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let failed = |error| Error::service("the published heads cannot be read", error);
        let publisher = open(&config, database)?;
        let mut texts = Vec::new();
        for file in &asked.heads {
            texts.push(std::fs::read_to_string(file).map_err(|error| {
                Error::service("a file of published heads cannot be read", format!("{}: {error}", file.display()))
            })?);
        }
        if texts.is_empty() {
            texts.extend(publisher.published().map_err(failed)?);
        }
        let mut trusted = asked.keys;
        trusted.push(publisher.public_key());
        let nothing_published = texts.is_empty();
        let verdict = audit::verify(database.pool(), &texts, &trusted, progress).await?;
        Ok(Checked { verdict, nothing_published })
    })
    .await
}

/// Records of the log. That they were read is recorded.
///
/// # Errors
/// [`Error`] when the database cannot be reached.
pub async fn audit_list(config: Config, filter: Filter, turn: Turn) -> Result<Records, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let log = Log::new(database.pool().clone(), config.audit.case_hidden_for);
        Ok(log.list(Actor::Operator, &filter, turn, clock::now()).await?)
    })
    .await
}

/// A record by its number.
///
/// # Errors
/// [`Error`] when there is none, or the database cannot be reached.
pub async fn audit_show(config: Config, seq: i64) -> Result<RecordView, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let log = Log::new(database.pool().clone(), config.audit.case_hidden_for);
        let shown = log.show(Actor::Operator, seq, clock::now()).await;
        shown.map_err(|error| Error::service("the record cannot be shown", error))
    })
    .await
}

/// What was published, and the key by which it is checked.
///
/// # Errors
/// [`Error`] when the file or the key cannot be read.
pub async fn audit_heads(config: Config) -> Result<(String, PublicKey), Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let publisher = open(&config, database)?;
        let failed = |error| Error::service("the published heads cannot be read", error);
        Ok((publisher.published().map_err(failed)?.unwrap_or_default(), publisher.public_key()))
    })
    .await
}

/// Publishes the end of the log now.
///
/// # Errors
/// [`Error`] when the database or the file cannot be used.
pub async fn audit_publish(config: Config) -> Result<Published, Error> {
    Telemetry::install(&config.log)?;
    with_database(&config, async |database| {
        let published = open(&config, database)?.publish(Occasion::Command, clock::now()).await;
        published.map_err(|error| Error::service("the head of the audit log cannot be published", error))
    })
    .await
}
