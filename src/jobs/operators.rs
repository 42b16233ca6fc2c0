//! What operators see of the queue, and the one thing they may do: give a dead job another chance.
//!
//! Separate because it is the read side. A payload is never part of it: payloads may hold personal data.

use sqlx::PgConnection;

use super::{Error, store};
use crate::ids::JobId;
use crate::time::Timestamp;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Waits for its time, or for a worker.
    Ready,
    /// A worker runs it, or died running it.
    Leased,
    /// It succeeded.
    Done,
    /// It failed for good; somebody must look.
    Dead,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Leased, Self::Done, Self::Dead];

    /// As stored and as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// From its text; `None` when there is no such state.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub(super) fn from_column(text: &str) -> Self {
        Self::parse(text).expect("the column's check admits these four only")
    }
}

/// A job as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Which job.
    pub id: JobId,
    /// What it does.
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// Not run before this.
    pub run_at: Timestamp,
    /// Runs begun so far.
    pub attempts: u32,
    /// After so many failed runs it is dead.
    pub attempts_max: u32,
    /// Until when the present run may take.
    pub leased_until: Option<Timestamp>,
    /// Why the latest failed run failed.
    pub last_error: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was done or dead.
    pub finished_at: Option<Timestamp>,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last job of the page was written.
    pub created_at: Timestamp,
    /// That job.
    pub id: JobId,
}

/// Which jobs to show.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those behind this, in the order of the list.
    pub after: Option<Cursor>,
    /// Jobs on one page; the caller bounds it.
    pub limit: u16,
}

/// One page of jobs, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The jobs.
    pub items: Vec<JobView>,
    /// Where to go on; `None` on the last page.
    pub next: Option<Cursor>,
}

/// How many jobs of one kind are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What they do.
    pub kind: String,
    /// Where they stand.
    pub state: State,
    /// How many.
    pub jobs: u64,
}

/// A page of the queue, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(conn: &mut PgConnection, listing: &Listing) -> Result<Page, Error> {
    let limit = usize::from(listing.limit);
    let mut items = store::list(conn, listing, limit + 1).await?;
    let is_last = items.len() <= limit;
    items.truncate(limit);
    let next = if is_last { None } else { items.last().map(|job| Cursor { created_at: job.created_at, id: job.id }) };
    Ok(Page { items, next })
}

/// The whole queue in numbers. Reads every row kept: for people, not for a scrape.
///
/// # Errors
/// When the database refuses.
pub async fn counts(conn: &mut PgConnection) -> Result<Vec<Count>, Error> {
    Ok(store::counts(conn).await?)
}

/// Makes a dead job ready again, with all its attempts. False when there is no such dead job.
///
/// # Errors
/// When the database refuses.
pub async fn retry_dead(conn: &mut PgConnection, id: JobId, now: Timestamp) -> Result<bool, Error> {
    Ok(store::retry_dead(conn, id, now).await?)
}
