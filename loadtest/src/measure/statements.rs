//! Which statements a server's own Postgres was asked: by having it write them all to its log, and reading the log.
//!
//! Counters of Postgres are published up to ten seconds late and do not name the statement; the log is exact.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor};

/// Names of the private Postgres, as the server makes it.
const DATABASE: &str = "boda";
const PORT: u16 = 5432;

/// The statements of one private Postgres.
#[derive(Debug)]
pub struct Statements {
    log: PathBuf,
    cluster: PathBuf,
}

impl Statements {
    /// Of the server whose data lie in `data_dir`.
    pub fn of(data_dir: &Path) -> Self {
        Self { log: data_dir.join("postgres.log"), cluster: data_dir.join("postgres") }
    }

    /// Has every statement written down from now on, restarts included.
    ///
    /// # Errors
    /// A sentence, when the database cannot be reached.
    pub async fn write_down(&self) -> Result<(), String> {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.cluster).port(PORT);
        let options = options.username("boda").database(DATABASE);
        let failed = |err: sqlx::Error| format!("cannot have the statements of Postgres written down: {err}");
        let mut connection = options.connect().await.map_err(failed)?;
        for statement in ["ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()"] {
            connection.execute(statement).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Where the log ends now.
    pub fn mark(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |meta| meta.len())
    }

    /// The statements that read, of those written after `mark`, shortened, with how often each was executed; the job
    /// queue's own polling is left out.
    pub fn reads_since(&self, mark: u64) -> BTreeMap<String, usize> {
        let Ok(bytes) = fs::read(&self.log) else { return BTreeMap::new() };
        let from = usize::try_from(mark).unwrap_or(usize::MAX).min(bytes.len());
        reads(&String::from_utf8_lossy(&bytes[from..]))
    }
}

/// Reading statements in a log. A statement goes on over lines that begin with a tab.
fn reads(log: &str) -> BTreeMap<String, usize> {
    let joined = log.replace("\n\t", " ");
    let statements = joined.lines().filter_map(|line| {
        let (_, rest) = line.split_once("LOG:  ")?;
        let statement = rest.strip_prefix("execute ").or_else(|| rest.strip_prefix("statement: "))?;
        let statement = statement.split_once(": ").map_or(statement, |(_, text)| text).trim();
        Some(statement.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    let reading = |text: &String| {
        let word = text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        (word == "SELECT" || word == "WITH") && !is_housekeeping(text)
    };
    let mut counts = BTreeMap::new();
    for text in statements.filter(reading) {
        *counts.entry(text.chars().take(160).collect()).or_default() += 1;
    }
    counts
}

/// The job queue looks for work and measures its backlog whatever the sockets do.
fn is_housekeeping(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    lower.contains("from jobs") || lower.contains("into jobs") || lower.contains("update jobs") || lower == "select 1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_that_are_not_housekeeping_are_told() {
        let log = "2026-11-25 19:00:00.000 UTC [1] LOG:  execute sqlx_s_1: SELECT id\n\tFROM users WHERE id = $1\n\
                   2026-11-25 19:00:00.000 UTC [1] DETAIL:  parameters: $1 = 'x'\n\
                   2026-11-25 19:00:00.000 UTC [1] LOG:  execute sqlx_s_2: INSERT INTO rides VALUES ($1)\n\
                   2026-11-25 19:00:00.000 UTC [1] LOG:  execute sqlx_s_3: SELECT count(*) FROM jobs\n\
                   2026-11-25 19:00:00.000 UTC [1] LOG:  statement: BEGIN\n\
                   2026-11-25 19:00:00.000 UTC [1] LOG:  statement: SELECT 2\n\
                   2026-11-25 19:00:00.000 UTC [1] LOG:  execute sqlx_s_4: SELECT 2\n";
        let expected = [("SELECT 2".to_owned(), 2), ("SELECT id FROM users WHERE id = $1".to_owned(), 1)];
        assert_eq!(reads(log), BTreeMap::from(expected));
    }
}
