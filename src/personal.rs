//! What a service tells of a person, and how it forgets one: the words between the services and `privacy`.
//!
//! Separate because services stand above `privacy` and cannot import it. Each service with rows about people has a file
//! `personal.rs` with two functions: `export` gives everything about a person as [`Part`]s, `erase` forgets the person a
//! bounded piece at a time. Whoever adds a table or a column about people adds it there; a test in `privacy` that looks
//! through all tables finds what was forgotten.
//!
//! An erasure is idempotent and can be interrupted anywhere: each piece is a transaction of its own, and looks for what is
//! left instead of remembering what was done.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use crate::time::Timestamp;

/// Rows of one table that one piece of an erasure changes at most.
pub const ERASE_ROWS_MAX: i64 = 2_000;

/// Rows of one table that an export gives at most: the newest. More than anybody has within the retention.
pub const EXPORT_ROWS_MAX: i64 = 200_000;

/// What stands in a text that must not be empty, after its owner was forgotten.
pub const ERASED: &str = "erased";

/// One file of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name in the archive: `rides_as_rider.json`.
    pub file: Cow<'static, str>,
    /// A list of objects, or one object.
    pub content: Value,
}

impl Part {
    /// A part with any content.
    pub fn new(file: impl Into<Cow<'static, str>>, content: Value) -> Self {
        Self { file: file.into(), content }
    }

    /// A part that is a list.
    pub fn list(file: impl Into<Cow<'static, str>>, rows: Vec<Value>) -> Self {
        Self::new(file, Value::Array(rows))
    }
}

/// What legal holds keep from being deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// People, and with them everything of theirs.
    pub people: Vec<Uuid>,
    /// Rides.
    pub rides: Vec<Uuid>,
    /// Incidents.
    pub incidents: Vec<Uuid>,
}

/// What is too old by now.
#[derive(Clone, Copy, Debug)]
pub struct Due<'a> {
    /// Nothing that is younger.
    pub before: Timestamp,
    /// Rows that one call changes at most.
    pub rows_max: i64,
    /// But what is held.
    pub held: &'a Held,
}

/// How far a piece of an erasure came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing of the person is left in this service.
    Done,
    /// Call again, in another transaction.
    More,
}

impl Progress {
    /// After statements that were bounded by [`ERASE_ROWS_MAX`]: whoever changed that many rows may have left some.
    pub fn after(changed: &[u64]) -> Self {
        let is_full = |rows: &u64| *rows >= ERASE_ROWS_MAX.unsigned_abs();
        if changed.iter().any(is_full) { Self::More } else { Self::Done }
    }
}
