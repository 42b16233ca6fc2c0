//! Legal holds: what must not be deleted for now, whatever its time. And the register that the authority asks for.

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::exporting::checked_reason;
use super::store::holds;
use super::{Privacy, register};
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::UserId;
use crate::safety;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

pub use holds::Hold;

/// What can be held.
pub const KINDS: [&str; 3] = ["person", "ride", "incident"];

/// Whether a hold keeps what is a person's: one on them, on a ride of theirs, or on one of these incidents that they
/// reported.
pub(super) async fn is_held(conn: &mut PgConnection, person: UserId, incidents: &[Uuid]) -> Result<bool, Error> {
    Ok(holds::touches(&mut *conn, person).await? || safety::personal::reported_one_of(conn, person, incidents).await?)
}

impl Privacy {
    /// Begins a hold.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `already_held`; [`Error::Invalid`] for another kind or no reason.
    pub async fn hold(
        &self,
        admin: UserId,
        (kind, subject): (&str, Uuid),
        reason: &str,
        now: Timestamp,
    ) -> Result<Hold, Error> {
        let reason = checked_reason(reason)?;
        let unknown = || Error::invalid("kind", kind, "is not person, ride or incident");
        let kind = KINDS.into_iter().find(|known| *known == kind).ok_or_else(unknown)?;
        let (id, kind) = (Uuid::now_v7(), kind.to_owned());
        let hold = Hold { id, kind, subject, reason, by_user: admin, since: now, lifted_at: None };
        let mut tx = self.inner.pool.begin().await?;
        if !holds::insert(&mut tx, &hold).await? {
            return Err(Error::conflict("already_held", "this is held already"));
        }
        audit::record(&mut tx, &act("privacy.hold_begun", admin, &hold), now).await?;
        tx.commit().await?;
        Ok(hold)
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none in force of that id.
    pub async fn lift_hold(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<Hold, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let hold = holds::lift(&mut tx, id, admin, now).await?.ok_or(Error::NotFound { what: "hold" })?;
        audit::record(&mut tx, &act("privacy.hold_lifted", admin, &hold), now).await?;
        tx.commit().await?;
        Ok(hold)
    }

    /// The register of processing, for an admin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn register_for(&self, admin: UserId, now: Timestamp) -> Result<Value, Error> {
        audit::record_read(&self.inner.pool, &Act::of_admin(admin, "privacy.register_read"), &[], now).await?;
        let config = &self.inner.config;
        Ok(register::json(&config.organisation, &config.periods))
    }

    /// Holds, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn holds(&self, admin: UserId, page: &PageRequest, now: Timestamp) -> Result<Page<Hold>, Error> {
        let rows = holds::list(&self.inner.pool, page).await?;
        audit::record_read(&self.inner.pool, &Act::of_admin(admin, "privacy.holds_listed"), &[], now).await?;
        Ok(Page::new(rows, page, |hold| Position { at: hold.since, id: hold.id }))
    }
}

fn act<'a>(action: &'static str, admin: UserId, hold: &'a Hold) -> Act<'a> {
    let whose = (hold.kind == "person").then_some(UserId(hold.subject));
    let detail = json!({"kind": hold.kind, "subject": hold.subject});
    Act { whose, why: Some(&hold.reason), detail, ..Act::of_admin(admin, action) }.on("hold", hold.id)
}
