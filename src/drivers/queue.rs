//! The review queue: who waits longest, and that two reviewers do not look at the same.

use serde_json::Value;

use crate::audit::{self, Act, Actor};
use crate::drivers::handing_in::Onboarding;
use crate::drivers::{Document, DocumentKind, Driver, Drivers, no_driver, store};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::Role;
use crate::web::page::{Page, PageRequest, Position};

pub use crate::drivers::store::Waiting;

/// Which of those who wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueFilter {
    /// Those of whom such a paper waits.
    pub kind: Option<DocumentKind>,
    /// Those whom no other reviewer than this one has taken.
    pub free_for: Option<UserId>,
}

impl Drivers {
    /// Who waits for a reviewer, the longest waiting first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn queue(&self, filter: QueueFilter, page: &PageRequest, now: Timestamp) -> Result<Page<Waiting>, Error> {
        let kind = filter.kind.map(DocumentKind::as_str);
        let rows = store::waiting(&self.inner.pool, kind, filter.free_for, page, now).await?;
        Ok(Page::new(rows, page, |waiting| Position { at: waiting.since, id: waiting.driver.0 }))
    }

    /// A driver with all that was handed in, numbers included, for a reviewer. That they saw it is recorded.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver.
    pub async fn reviewed(
        &self,
        admin: UserId,
        driver: DriverId,
        now: Timestamp,
    ) -> Result<(Driver, Vec<Document>), Error> {
        let found = (self.driver(driver).await?, self.documents(driver).await?);
        self.record_view(admin, driver, "drivers.papers_viewed", now).await?;
        Ok(found)
    }

    /// How everything stands that is required of a driver, for a reviewer. That they saw it is recorded.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver.
    pub async fn reviewed_onboarding(
        &self,
        admin: UserId,
        driver: DriverId,
        now: Timestamp,
    ) -> Result<Onboarding, Error> {
        self.driver(driver).await?;
        let found = self.onboarding(driver, now).await?;
        self.record_view(admin, driver, "drivers.onboarding_viewed", now).await?;
        Ok(found)
    }

    async fn record_view(
        &self,
        admin: UserId,
        driver: DriverId,
        action: &'static str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        audit::record(&mut tx, &act(admin, driver, action), now).await?;
        Ok(tx.commit().await?)
    }

    /// Takes a driver's papers for a while; taking them again prolongs that.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver; [`Error::Conflict`] with code `claimed` when another reviewer has them.
    pub async fn claim(&self, admin: UserId, driver: DriverId, now: Timestamp) -> Result<Driver, Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        let until = now + self.inner.papers.claim_lasts;
        if !store::claim(&mut tx, driver, admin, until, now).await? {
            return Err(claimed());
        }
        audit::record(&mut tx, &act(admin, driver, "drivers.claimed"), now).await?;
        tx.commit().await?;
        self.driver(driver).await
    }

    /// Gives a driver's papers back; those that one has not taken stay where they are.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver.
    pub async fn release(&self, admin: UserId, driver: DriverId) -> Result<Driver, Error> {
        let mut conn = self.inner.pool.acquire().await?;
        store::release(&mut conn, driver, admin).await?;
        drop(conn);
        self.driver(driver).await
    }
}

/// Refuses a reviewer whom another one was quicker than.
pub(super) fn check_claim(driver: &Driver, admin: UserId, now: Timestamp) -> Result<(), Error> {
    match driver.claim {
        Some((by, until)) if by != admin && until > now => Err(claimed()),
        _ => Ok(()),
    }
}

fn claimed() -> Error {
    Error::conflict("claimed", "another reviewer has taken these papers")
}

/// An act of a reviewer about a driver, without a reason.
pub(super) fn act(admin: UserId, driver: DriverId, action: &'static str) -> Act<'static> {
    Act {
        actor: Actor::Person(admin, Role::Admin),
        action,
        whose: Some(driver.into()),
        subject: Some(("driver", driver.0)),
        why: None,
        detail: Value::Null,
    }
}
