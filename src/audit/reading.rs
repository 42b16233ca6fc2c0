//! Reading the log: for operators, for admins, for an agency, and for the person whose data was looked at.
//!
//! Separate from writing because what may be shown differs by who asks: a person learns which office looked, when and what
//! for, not which clerk. Reading the log is an access to personal data, and recorded like any other.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Act, Actor, record_read, store};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::time::{Span, Timestamp};
use crate::web::{Agency, Role};

/// Longest name of an action that is asked for.
pub const ACTION_CHARS_MAX: usize = 64;
const LIMIT_MAX: u32 = 100;

/// A record as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RecordView {
    /// Its place in the log, from 1, without gaps.
    pub seq: i64,
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
    /// `person`, `system` (the server by itself) or `operator` (somebody at its command line).
    #[schema(example = "person")]
    pub actor: String,
    /// Which person.
    pub actor_id: Option<Uuid>,
    /// In which role.
    #[schema(example = "admin")]
    pub role: Option<String>,
    /// For which agency.
    #[schema(example = "RURA")]
    pub agency: Option<String>,
    /// What was done.
    #[schema(example = "rides.read")]
    pub action: String,
    /// Whose data or standing it concerned.
    pub whose: Vec<Uuid>,
    /// What kind of thing it was done to.
    #[schema(example = "ride")]
    pub subject_kind: Option<String>,
    /// Which of them.
    pub subject_id: Option<Uuid>,
    /// The reason or purpose that was given.
    pub why: Option<String>,
    /// The request behind it.
    pub request_id: Option<String>,
    /// The address an admin, official or agent came from.
    pub client: Option<String>,
    /// What else was noted: codes and counts; null where there is nothing.
    #[schema(value_type = Option<Object>)]
    pub detail: Value,
    /// SHA-256 over this record and the one before, in hexadecimal digits.
    pub hash: String,
}

/// An access to a person's data, as the person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccessView {
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
    /// `admin`, `government`, `agent`, another role of somebody else, `system` (the server by itself) or `operator`.
    #[schema(example = "government")]
    pub by: String,
    /// Of an official: `RURA`, `RTDA`, `RRA`, `BNR`, `NCSA` or `RNP`.
    #[schema(example = "RURA")]
    pub agency: Option<String>,
    /// What was done.
    #[schema(example = "government.drivers_listed")]
    pub action: String,
    /// The reason or purpose that was given.
    #[schema(example = "Inspection of licences in Gasabo")]
    pub purpose: Option<String>,
}

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Done by this person.
    pub who: Option<Uuid>,
    /// Concerning this person.
    pub whose: Option<Uuid>,
    /// Of this action.
    pub action: Option<String>,
    /// Done to this thing.
    pub subject: Option<Uuid>,
    /// By officials of this agency.
    pub agency: Option<Agency>,
    /// By officials, of whatever agency.
    pub of_officials: bool,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Which page of them, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Only records before this one.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: i64,
}

impl Turn {
    /// As asked for: `cursor` is the number of the last record that was shown.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `limit` or `cursor`.
    pub fn check(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, Error> {
        let mut checks = Checks::new();
        let limit = limit.unwrap_or(20);
        checks.require(
            (1..=LIMIT_MAX).contains(&limit),
            "limit",
            limit,
            format_args!("is out of range 1..={LIMIT_MAX}"),
        );
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let before = cursor.and_then(|cursor| {
            let parsed = cursor.parse::<i64>().ok().filter(|seq| *seq > 0).ok_or("is not a cursor of this list");
            checks.accept("cursor", cursor, parsed)
        });
        checks.finish()?;
        Ok(Self { before, limit: i64::from(limit) })
    }

    /// Cuts the one record too many off, and tells the next cursor.
    fn cut<T>(self, mut rows: Vec<T>, seq: impl Fn(&T) -> i64) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let cursor = rows.last().filter(|_| more).map(|last| seq(last).to_string());
        (rows, cursor)
    }
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    /// The newest first.
    pub items: Vec<RecordView>,
    /// For the next page.
    pub next_cursor: Option<String>,
}

/// The log, for those who may read it. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Log {
    pool: PgPool,
    /// How long an access under a case number is kept from the person it concerns.
    case_hidden_for: Span,
}

impl Log {
    /// The log of a database.
    pub const fn new(pool: PgPool, case_hidden_for: Span) -> Self {
        Self { pool, case_hidden_for }
    }

    /// Records, the newest first. That they were read is recorded first, and is the first of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, reader: Actor, filter: &Filter, turn: Turn, now: Timestamp) -> Result<Records, Error> {
        let whose = filter.whose.map(UserId);
        let subject = filter.subject.map(|id| ("subject", id));
        let act = Act { actor: reader, action: "audit.read", whose, subject, why: None, detail: Value::Null };
        record_read(&self.pool, &act, &[], now).await?;
        select(&self.pool, filter, turn).await
    }

    /// A record by its number, for an operator.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show(&self, reader: Actor, seq: i64, now: Timestamp) -> Result<RecordView, Error> {
        let turn = Turn { before: Some(seq.saturating_add(1)), limit: 1 };
        let found = store::list(&self.pool, &Filter::default(), turn).await?.into_iter().next();
        let record = found.filter(|record| record.seq == seq).ok_or(Error::NotFound { what: "audit record" })?;
        let people: Vec<UserId> = record.whose.iter().copied().map(UserId).collect();
        let act =
            Act { actor: reader, action: "audit.read", whose: None, subject: None, why: None, detail: Value::Null };
        record_read(&self.pool, &act, &people, now).await?;
        Ok(record)
    }

    /// Who else looked at or changed a person's data, for that person. Accesses under a case number are told of when an
    /// investigation is hardly spoilt by it any more, and without the purpose.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of_person(
        &self,
        person: UserId,
        turn: Turn,
        now: Timestamp,
    ) -> Result<(Vec<AccessView>, Option<String>), Error> {
        let hidden_since = now - self.case_hidden_for;
        let rows = store::of_person(&self.pool, person, hidden_since, turn).await?;
        let (rows, next_cursor) = turn.cut(rows, |record| record.seq);
        Ok((rows.into_iter().map(AccessView::of).collect(), next_cursor))
    }
}

/// Records, the newest first, for a service that keeps the record of who read them.
///
/// # Errors
/// When the database does not answer.
pub async fn select(pool: &PgPool, filter: &Filter, turn: Turn) -> Result<Records, Error> {
    let rows = store::list(pool, filter, turn).await?;
    let (items, next_cursor) = turn.cut(rows, |record| record.seq);
    Ok(Records { items, next_cursor })
}

impl AccessView {
    fn of(record: RecordView) -> Self {
        let has_case = record.detail.get("case").is_some_and(|case| !case.is_null());
        let is_office =
            record.role.as_deref().is_some_and(|role| role != Role::Customer.as_str() && role != Role::Driver.as_str());
        Self {
            at: record.at,
            by: record.role.unwrap_or(record.actor),
            agency: record.agency,
            action: record.action,
            // Another person's words are theirs.
            purpose: record.why.filter(|_| is_office && !has_case),
        }
    }
}
