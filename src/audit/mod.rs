//! The audit log: who looked at or changed what of whose, and why.
//!
//! Separate because everybody writes to it and nobody may change it. A record is written in the transaction of what it
//! tells of: if the act is committed, so is its record; what was only looked at is recorded before the answer goes out.
//! Records form a chain of hashes (`encoding`), so that one removed, changed or moved is found, and the end of the chain
//! is published outside of the database, so that its owner cannot hash the whole of it anew in silence.
//!
//! Invariants: records are numbered from 1 without gaps; nothing in this program changes or removes one; a record names
//! people by their ids only, so that it stays true, and anonymous, when a person's account is erased.
//!
//! # Order of locks
//! The end of the chain is one row, locked from [`record`] to the commit: that is what makes the numbers gapless. So acts
//! that are recorded commit one after the other (everybody else is not held up), and a record is written **last**: whoever
//! holds the end waits for nobody, so there is no deadlock. Rolled back to a savepoint, a record leaves no gap.

mod chain;
mod encoding;
mod heads;
pub mod http;
pub mod personal;
mod publishing;
mod reading;
mod rows;
mod signing;
mod store;
mod verifying;
mod watching;

#[cfg(test)]
mod tests;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::{PartnerId, UserId};
use crate::time::Timestamp;
use crate::web::{Agency, Duty, RequestId, Role};
pub use chain::{Deed, Head};
use encoding::Content;
pub use encoding::hex;
pub use heads::{BadLine, HeadsError, Occasion, PublicKey, Published};
pub use publishing::{Config, PublishError, Publisher};
pub use reading::{AccessView, Filter, Log, RecordView, Records, Turn, select};
pub use signing::{Signer, SigningError};
pub use verifying::{Finding, Verdict, verify};
pub use watching::Watching;

/// Longest reason or purpose that is kept, in characters.
pub const WHY_CHARS_MAX: usize = 500;
/// People of one record; a longer page becomes several.
const WHOSE_MAX: usize = 1_000;
/// Longest detail, as JSON.
const DETAIL_BYTES_MAX: usize = 4_096;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person signed in, and in which role.
    Person(UserId, Role),
    /// A government official, and for which agency.
    Official(UserId, Agency),
    /// The server itself: a job, a sweep.
    System,
    /// Somebody at the command line of the server.
    Operator,
    /// A partner's program.
    Partner(PartnerId),
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
    /// The reason or purpose given. Cut off behind [`WHY_CHARS_MAX`] characters.
    pub why: Option<&'a str>,
    /// What else matters: codes and counts, **nothing personal**.
    pub detail: Value,
}

impl Act<'_> {
    /// What somebody did in a role, with nothing more to say yet.
    pub const fn of(user: UserId, role: Role, action: &'static str) -> Self {
        Self { actor: Actor::Person(user, role), action, whose: None, subject: None, why: None, detail: Value::Null }
    }

    /// What an admin did.
    pub const fn of_admin(admin: UserId, action: &'static str) -> Self {
        Self::of(admin, Role::Admin, action)
    }

    /// With the thing it was done to.
    #[must_use]
    pub fn on(self, kind: &'static str, id: impl Into<Uuid>) -> Self {
        Self { subject: Some((kind, id.into())), ..self }
    }
}

/// Records an act within the caller's transaction. Call it last before the commit: it holds the head of the chain until
/// then.
///
/// # Errors
/// When the database refuses.
pub async fn record(conn: &mut PgConnection, act: &Act<'_>, now: Timestamp) -> sqlx::Result<()> {
    record_seen(conn, act, &[], now).await
}

/// [`record`] of a page of people who were looked at together: one record that names each of them, so that "who looked at
/// my data?" has an answer for everybody, at the price of one commit for a page. (A digest of the ids would be smaller, but
/// nobody could be found by it.)
///
/// # Errors
/// When the database refuses.
pub async fn record_seen(
    conn: &mut PgConnection,
    act: &Act<'_>,
    people: &[UserId],
    now: Timestamp,
) -> sqlx::Result<()> {
    let mut whose: Vec<Uuid> = act.whose.iter().chain(people).map(|person| person.0).collect();
    whose.sort_unstable();
    whose.dedup();
    let pages: Vec<&[Uuid]> = if whose.is_empty() { vec![&[]] } else { whose.chunks(WHOSE_MAX).collect() };
    for page in pages {
        store::append(conn, &content(act, page, now)).await?;
    }
    Duty::discharge();
    Ok(())
}

/// [`record_seen`] of what was only looked at, after it was read and before it is shown.
///
/// # Errors
/// When the database refuses: what cannot be recorded is not shown.
pub async fn record_read(pool: &PgPool, act: &Act<'_>, people: &[UserId], now: Timestamp) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    record_seen(&mut conn, act, people, now).await
}

/// A public key that was typed: 64 hexadecimal digits.
pub fn public_key(typed: &str) -> Option<PublicKey> {
    heads::unhex(typed)
}

fn content(act: &Act<'_>, whose: &[Uuid], now: Timestamp) -> Content {
    let (actor, actor_id, role, agency) = match &act.actor {
        Actor::Person(user, role) => ("person", Some(user.0), Some(*role), None),
        Actor::Official(user, agency) => ("person", Some(user.0), Some(Role::Government), Some(*agency)),
        Actor::System => ("system", None, None, None),
        Actor::Operator => ("operator", None, None, None),
        Actor::Partner(partner) => ("partner", Some(partner.0), None, None),
    };
    // Of riders and drivers an address would be one more trace of where they were; of officials it is evidence.
    let is_privileged = matches!(role, Some(Role::Admin | Role::Government | Role::Agent));
    Content {
        at_us: now.as_millis().saturating_mul(1_000),
        actor: actor.to_owned(),
        actor_id,
        role: role.map(|role| role.as_str().to_owned()),
        agency: agency.map(|agency| agency.as_str().to_owned()),
        action: act.action.to_owned(),
        whose: whose.to_vec(),
        subject_kind: act.subject.map(|(kind, _)| kind.to_owned()),
        subject_id: act.subject.map(|(_, id)| id),
        why: act.why.map(plain),
        request_id: RequestId::current_or_none(),
        client: Duty::client().filter(|_| is_privileged).map(|address| address.to_string()),
        detail: bounded(&act.detail),
    }
}

/// One line of bounded length: what an official typed must not forge a second line where records are listed.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_CHARS_MAX).collect()
}

/// An act is recorded even if its detail is too long; that it was is recorded instead.
fn bounded(detail: &Value) -> String {
    let text = detail.to_string();
    // Postgres keeps no NUL in a text, not even an escaped one in JSON that is ever asked for its fields.
    if text.len() <= DETAIL_BYTES_MAX && !text.contains("\\u0000") {
        return text;
    }
    tracing::warn!(
        size_bytes = text.len(),
        "the detail of an audit record was left out: too long, or with NUL characters"
    );
    serde_json::json!({ "left_out_bytes": text.len() }).to_string()
}
