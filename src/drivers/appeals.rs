//! A driver who was suspended or not accepted says why that is wrong; an admin decides.

use serde::Serialize;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::drivers::deciding::{check_reason, tell};
use crate::drivers::queue::act;
use crate::drivers::standing::Cause;
use crate::drivers::{Drivers, Status, no_driver, store};
use crate::error::{Checks, Error};
use crate::ids::{DriverId, UserId};
use crate::notifications::{Key, Params};
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

/// Longest appeal.
const WORDS_CHARS_MAX: usize = 1_000;
/// Appeals shown of one driver.
const APPEALS_SHOWN_MAX: i64 = 50;

/// What became of an appeal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppealOutcome)]
pub enum Outcome {
    /// The driver drives again.
    Granted,
    /// It stays as it is.
    Refused,
}

impl Outcome {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Granted, Self::Refused].into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// An appeal.
#[derive(Clone, Debug)]
pub struct Appeal {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub driver: DriverId,
    /// In the driver's own words.
    pub words: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// What became of it; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// Why, as the driver was told.
    pub reason: Option<String>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

impl Drivers {
    /// Opens an appeal against a suspension or a refusal.
    ///
    /// # Errors
    /// [`Error::Invalid`] for words that are missing or too many; [`Error::Conflict`] with code `no_papers`, `wrong_state`
    /// when there is nothing to appeal against, or `appeal_open` when one is being looked at.
    pub async fn appeal(&self, driver: DriverId, words: &str, now: Timestamp) -> Result<Appeal, Error> {
        let mut checks = Checks::new();
        let words = checks.text("words", words, WORDS_CHARS_MAX);
        checks.finish()?;
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?;
        let before = before.ok_or_else(|| Error::conflict("no_papers", super::SEND_PAPERS_FIRST))?;
        if !matches!(before.status, Status::Suspended | Status::Rejected) {
            let message = format!("somebody who is {} has nothing to appeal against", before.status.as_str());
            return Err(Error::conflict("wrong_state", message));
        }
        let id = Uuid::now_v7();
        store::insert_appeal(&mut tx, (id, driver), &words, now).await?;
        tx.commit().await?;
        let (outcome, reason, decided_at) = (None, None, None);
        Ok(Appeal { id, driver, words: Some(words), created_at: now, outcome, reason, decided_at })
    }

    /// A driver's appeals, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn appeals(&self, driver: DriverId) -> Result<Vec<Appeal>, Error> {
        store::appeals(&self.inner.pool, driver, APPEALS_SHOWN_MAX).await
    }

    /// Open appeals, the longest waiting first. That the admin saw them is recorded.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open_appeals(&self, admin: UserId, page: &PageRequest, now: Timestamp) -> Result<Page<Appeal>, Error> {
        let rows = store::open_appeals(&self.inner.pool, page).await?;
        let page = Page::new(rows, page, |appeal| Position { at: appeal.created_at, id: appeal.id });
        let seen: Vec<UserId> = page.items.iter().map(|appeal| appeal.driver.into()).collect();
        let act = Act::of_admin(admin, "drivers.appeals_read");
        audit::record_read(&self.inner.pool, &act, &seen, now).await?;
        Ok(page)
    }

    /// Decides an appeal and tells the driver. Granted, whoever was suspended drives again, and whoever was not accepted is
    /// reviewed anew.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such appeal; [`Error::Invalid`] for a reason that is empty or too long;
    /// [`Error::Conflict`] with code `wrong_state` when it is decided already or the driver stands otherwise by now, or
    /// `papers_expired` or `papers_missing` when it would let somebody drive with a paper that is no longer good or that
    /// nobody approved.
    pub async fn decide_appeal(
        &self,
        admin: UserId,
        appeal: Uuid,
        (outcome, reason): (Outcome, &str),
        now: Timestamp,
    ) -> Result<(), Error> {
        check_reason(reason)?;
        let whose =
            store::driver_of_appeal(&self.inner.pool, appeal).await?.ok_or(Error::NotFound { what: "appeal" })?;
        let born = self.born(whose).await?;
        let mut tx = self.inner.pool.begin().await?;
        let found = store::lock_appeal(&mut tx, appeal).await?.ok_or(Error::NotFound { what: "appeal" })?;
        if found.outcome.is_some() {
            return Err(Error::conflict("wrong_state", "the appeal is decided already"));
        }
        let before = store::lock(&mut tx, &self.inner.vault, found.driver).await?.ok_or_else(no_driver)?;
        let to = match (outcome, before.status) {
            (Outcome::Refused, status) => status,
            (Outcome::Granted, Status::Suspended) => Status::Approved,
            (Outcome::Granted, Status::Rejected) => Status::Pending,
            (Outcome::Granted, status) => {
                let message = format!("the driver is {} by now", status.as_str());
                return Err(Error::conflict("wrong_state", message));
            }
        };
        if let Some(paper) = before.expired_on(now.kigali_day()).filter(|_| to == Status::Approved) {
            return Err(Error::conflict("papers_expired", format!("the driver's {paper} has expired")));
        }
        if to == Status::Approved {
            self.check_fulfilled(&mut tx, &before, born, now).await?;
        }
        store::decide_appeal(&mut tx, appeal, (outcome, reason), admin, now).await?;
        if to != before.status {
            let (by, why) = (Some(admin), Some(reason));
            store::set_status(
                &mut tx,
                found.driver,
                to,
                store::Review { by, reason: None, suspended_for: None, at: now },
            )
            .await?;
            let change = store::Change { from: Some(before.status), to, cause: Cause::Appeal, reason: why, by };
            store::record_change(&mut tx, found.driver, change, now).await?;
            store::set_waiting(&mut tx, found.driver, to == Status::Pending || before.waiting_since.is_some(), now)
                .await?;
        }
        let key = if outcome == Outcome::Granted { Key::AppealGranted } else { Key::AppealRefused };
        tell(&mut tx, found.driver, key, Params::from([("reason".to_owned(), reason.trim().to_owned())]), now).await?;
        let action = if outcome == Outcome::Granted { "drivers.appeal_granted" } else { "drivers.appeal_refused" };
        let subject = Some(("driver_appeal", appeal));
        // The words stay where an erasure finds them, with the appeal.
        let act = Act { subject, ..act(admin, found.driver, action) };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        self.changed(found.driver);
        Ok(())
    }
}
