//! Verifying the log: every record, the end of the chain, every published head.
//!
//! Everything is read in one snapshot, so that a server that goes on recording does not disturb. Records are copied out a page
//! at a time; while one page is hashed the next is on its way.

use std::fmt;

use sqlx::{Acquire as _, PgPool};

use super::chain::{Deed, Head, Walk};
use super::heads::{self, BadLine, PublicKey, Published};
use super::rows::{self, Row};
use super::store;
use crate::error::Error;

/// Records of a page: some 6 MB.
const PAGE_ROWS: i64 = 20_000;
/// Records behind a wrong one that are looked at to say what was done.
const BEHIND_ROWS: i64 = 20_000;

/// Everything that is wrong. Nothing, if all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The chain.
    Chain(Deed),
    /// The end of the chain is no more.
    HeadMissing,
    /// The published heads.
    Line(BadLine),
    /// What refuses changes of the tables was taken away or switched off.
    Unguarded(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(deed) => deed.fmt(f),
            Self::HeadMissing => f.write_str("the head of the log, the row of audit_head, is missing"),
            Self::Line(line) => line.fmt(f),
            Self::Unguarded(trigger) => {
                write!(f, "the trigger {trigger}, which refuses changes of the log, is missing or switched off")
            }
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Records that fit.
    pub records: i64,
    /// Published heads that were compared.
    pub heads: usize,
    /// The last one of them.
    pub last_published: Option<Published>,
    /// What is wrong; the first record that is comes first.
    pub findings: Vec<Finding>,
}

/// Verifies the log against itself and against the text of files of published heads, of which lines signed with `trusted`
/// keys count. `progress` is told how many records fit so far, and of how many.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(
    pool: &PgPool,
    published: &[String],
    trusted: &[PublicKey],
    mut progress: impl FnMut(i64, i64) + Send,
) -> Result<Verdict, Error> {
    let mut findings = Vec::new();
    let mut lines = Vec::new();
    for text in published {
        let (heads, bad) = heads::read(text, trusted);
        lines.extend(heads);
        findings.extend(bad.into_iter().map(Finding::Line));
    }
    let published: Vec<Head> = lines.iter().map(|line| line.head).collect();
    let mut conn = pool.acquire().await?;
    let mut tx = conn.begin().await?;
    store::one_snapshot(&mut tx).await?;
    findings.splice(0..0, store::missing_guards(&mut tx).await?.into_iter().map(Finding::Unguarded));
    let head = store::head(&mut tx).await?;
    let total = head.map_or(0, |head| head.seq);
    if head.is_none() {
        findings.insert(0, Finding::HeadMissing);
    }
    let mut walk = Walk::new(&published);
    let mut page = store::page(&mut tx, i64::MIN, PAGE_ROWS).await?;
    let deed = loop {
        let Some(last) = page.last().map(|row| row.seq) else {
            break walk.finish(head).filter(|deed| head.is_some() || !matches!(deed, Deed::HeadChanged { .. }));
        };
        let hashing = tokio::task::spawn_blocking(move || {
            let fits = walk.follow(&page);
            (walk, page, fits)
        });
        let (next, hashed) = tokio::join!(store::page(&mut tx, last, PAGE_ROWS), hashing);
        let (walked, rows, fits) = hashed.map_err(Error::internal)?;
        walk = walked;
        if let Err(place) = fits {
            let mut behind: Vec<Row> = rows[place..].to_vec();
            behind.extend(next?);
            if let Some(last) = behind.last().map(|row| row.seq) {
                behind.extend(store::page(&mut tx, last, BEHIND_ROWS).await?);
            }
            break Some(walk.name(&behind, head));
        }
        progress(walk.at().seq, total);
        page = next?;
    };
    tx.rollback().await?;
    findings.splice(0..0, deed.map(Finding::Chain));
    let last_published = lines.into_iter().max_by_key(|line| line.at);
    Ok(Verdict { records: walk.at().seq, heads: published.len(), last_published, findings })
}

/// Parses on behalf of [`store::page`].
pub(super) fn parse(copied: &[u8]) -> Result<Vec<Row>, sqlx::Error> {
    rows::parse(copied).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
