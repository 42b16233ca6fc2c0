//! The review queue: who waits longest, and that two reviewers do not look at the same.

use crate::audit::{self, Act};
use crate::drivers::handing_in::Onboarding;
use crate::drivers::standing::StandingChange;
use crate::drivers::{Document, DocumentKind, Driver, Drivers, Status, no_driver, store};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

pub use crate::drivers::store::Waiting;

/// Which of those who wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueFilter {
    /// Those of whom such a paper waits.
    pub kind: Option<DocumentKind>,
    /// Only those whom no other reviewer has taken.
    pub is_free: bool,
}

impl Drivers {
    /// Who waits for a reviewer, the longest waiting first. That the reviewer saw them is recorded.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn queue(
        &self,
        admin: UserId,
        filter: QueueFilter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Waiting>, Error> {
        let kind = filter.kind.map(DocumentKind::as_str);
        let free_for = filter.is_free.then_some(admin);
        let rows = store::waiting(&self.inner.pool, kind, free_for, page, now).await?;
        let page = Page::new(rows, page, |waiting| Position { at: waiting.since, id: waiting.driver.0 });
        let seen: Vec<UserId> = page.items.iter().map(|waiting| waiting.driver.into()).collect();
        let act = Act::of_admin(admin, "drivers.queue_read");
        audit::record_read(&self.inner.pool, &act, &seen, now).await?;
        Ok(page)
    }

    /// Drivers of a status, the newest first, for a reviewer. That they saw them is recorded.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reviewed_list(
        &self,
        admin: UserId,
        status: Option<Status>,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<Driver>, Error> {
        let page = self.list(status, page).await?;
        let seen: Vec<UserId> = page.items.iter().map(|driver| driver.id.into()).collect();
        audit::record_read(&self.inner.pool, &Act::of_admin(admin, "drivers.listed"), &seen, now).await?;
        Ok(page)
    }

    /// How a driver's standing came about, for a reviewer. That they saw it is recorded.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver.
    pub async fn reviewed_history(
        &self,
        admin: UserId,
        driver: DriverId,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<StandingChange>, Error> {
        self.driver(driver).await?;
        let history = self.history(driver, page).await?;
        audit::record_read(&self.inner.pool, &act(admin, driver, "drivers.history_read"), &[], now).await?;
        Ok(history)
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
        audit::record_read(&self.inner.pool, &act(admin, driver, "drivers.papers_read"), &[], now).await?;
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
        audit::record_read(&self.inner.pool, &act(admin, driver, "drivers.onboarding_read"), &[], now).await?;
        Ok(found)
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
    pub async fn release(&self, admin: UserId, driver: DriverId, now: Timestamp) -> Result<Driver, Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        store::release(&mut tx, driver, admin).await?;
        audit::record(&mut tx, &act(admin, driver, "drivers.claim_released"), now).await?;
        tx.commit().await?;
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
    Act { whose: Some(driver.into()), ..Act::of_admin(admin, action).on("driver", driver.0) }
}
