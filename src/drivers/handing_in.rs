//! Papers come in: the first ones, changed ones, one that follows another; what is missing still.

use uuid::Uuid;

use crate::drivers::authority::Verification;
use crate::drivers::documents::{Document, DocumentKind, Facts};
use crate::drivers::onboarding::{Dossier, Step};
use crate::drivers::standing::Cause;
use crate::drivers::{Driver, Drivers, Papers, SEND_PAPERS_FIRST, Status, jobs, no_driver, store};
use crate::error::Error;
use crate::ids::DriverId;
use crate::notifications::Language;
use crate::time::Timestamp;

/// Papers of one driver, old ones included.
const DOCUMENTS_MAX: i64 = 100;

/// How everything that is required stands.
#[derive(Clone, Debug)]
pub struct Onboarding {
    /// Where the driver stands; `None` before any papers were sent.
    pub status: Option<Status>,
    /// Why, where they were told.
    pub status_reason: Option<String>,
    /// Each requirement.
    pub steps: Vec<Step>,
    /// What the driver speaks.
    pub language: Language,
}

impl Drivers {
    /// Takes a driver's papers. Papers that differ from those before go (back) to review; the same ones change nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `plate_taken` when another driver has that plate.
    pub async fn put_papers(&self, driver: DriverId, papers: &Papers, now: Timestamp) -> Result<Driver, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?;
        let changed = papers.changed_since(before.as_ref().map(|before| &before.papers));
        if changed.is_empty() {
            return before.ok_or_else(no_driver);
        }
        let from = before.map(|before| before.status);
        let to = from.map_or(Status::Pending, Status::after_new_papers);
        store::put_papers(&mut tx, &self.inner.vault, (driver, papers), to, now).await?;
        store::record_change(&mut tx, driver, by_papers(from, to), now).await?;
        if from.is_some() {
            store::clear_the_way(&mut tx, driver, &changed).await?;
            store::replace_in_force(&mut tx, driver, &changed).await?;
        }
        let facts = changed.iter().filter_map(|kind| papers.facts(*kind)).map(|facts| (facts, None)).collect();
        self.write(&mut tx, driver, facts, now).await?;
        tx.commit().await?;
        self.changed(driver);
        self.driver(driver).await
    }

    /// Takes a paper's data. What of its kind waits for review makes room for it; what is in force stays so until this one
    /// is approved. Of somebody whose papers were not accepted it begins a new review.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `no_papers` before the papers were sent, or `too_many_documents`.
    pub async fn add_document(&self, driver: DriverId, facts: Facts, now: Timestamp) -> Result<Document, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let before = self.lock_for_document(&mut tx, driver).await?;
        store::clear_the_way(&mut tx, driver, &[facts.kind]).await?;
        let ids = self.write(&mut tx, driver, vec![(facts, None)], now).await?;
        self.wait_again(&mut tx, &before, now).await?;
        let written = store::documents(&mut *tx, &self.inner.vault, driver).await?;
        tx.commit().await?;
        self.changed(driver);
        let missing = || Error::internal("a paper that was written is not there");
        written.into_iter().find(|document| ids.contains(&document.id)).ok_or_else(missing)
    }

    /// How everything that is required stands, for the driver.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn onboarding(&self, driver: DriverId, now: Timestamp) -> Result<Onboarding, Error> {
        let profile = self.inner.auth.profile(driver.into()).await?;
        let known = store::driver(&self.inner.pool, &self.inner.vault, driver).await?;
        let documents = self.documents(driver).await?;
        let dossier = Dossier {
            today: now.kigali_day(),
            born: profile.date_of_birth,
            driver: known.as_ref(),
            documents: &documents,
            is_complete: self.inner.papers.is_complete,
        };
        let steps = dossier.steps();
        let (status, status_reason) = match known {
            Some(driver) => (Some(driver.status), driver.status_reason),
            None => (None, None),
        };
        Ok(Onboarding { status, status_reason, steps, language: profile.language })
    }

    /// The driver's row, held, with room for another paper.
    pub(super) async fn lock_for_document(
        &self,
        conn: &mut sqlx::PgConnection,
        driver: DriverId,
    ) -> Result<Driver, Error> {
        let before = store::lock(conn, &self.inner.vault, driver).await?;
        let before = before.ok_or_else(|| Error::conflict("no_papers", SEND_PAPERS_FIRST))?;
        if store::documents_count(conn, driver).await? >= DOCUMENTS_MAX {
            return Err(Error::conflict("too_many_documents", "no more documents are kept; contact support"));
        }
        Ok(before)
    }

    /// Writes papers as handed in, each with the file that it takes over, and has the authority asked; their ids.
    pub(super) async fn write(
        &self,
        conn: &mut sqlx::PgConnection,
        driver: DriverId,
        papers: Vec<(Facts, Option<Uuid>)>,
        now: Timestamp,
    ) -> Result<Vec<Uuid>, Error> {
        let is_asked = |kind: DocumentKind| kind.is_verifiable() && self.inner.authority.is_there();
        let documents: Vec<_> = papers
            .into_iter()
            .map(|(facts, file)| store::NewDocument {
                id: Uuid::now_v7(),
                verification: is_asked(facts.kind).then_some(Verification::Asked),
                facts,
                file,
            })
            .collect();
        store::insert_documents(conn, &self.inner.vault, driver, &documents, now).await?;
        let asked = documents.iter().filter(|document| document.verification.is_some()).map(|document| document.id);
        jobs::have_verified(conn, driver, asked, now).await?;
        Ok(documents.into_iter().map(|document| document.id).collect())
    }

    /// Somebody handed something in: it waits, and whoever was not accepted is reviewed anew.
    pub(super) async fn wait_again(
        &self,
        conn: &mut sqlx::PgConnection,
        before: &Driver,
        now: Timestamp,
    ) -> Result<(), Error> {
        store::set_waiting(conn, before.id, true, now).await?;
        if before.status == Status::Rejected {
            let review = store::Review { by: None, reason: None, suspended_for: None, at: now };
            store::set_status(conn, before.id, Status::Pending, review).await?;
            store::record_change(conn, before.id, by_papers(Some(before.status), Status::Pending), now).await?;
        }
        Ok(())
    }
}

/// The paper of a kind that a file belongs to: the one on the way, else the one in force.
pub(super) fn current(documents: &[Document], kind: DocumentKind) -> Option<&Document> {
    let of_kind = |wanted: fn(&Document) -> bool| {
        documents.iter().find(|document| document.facts.kind == kind && wanted(document))
    };
    of_kind(Document::is_on_the_way).or_else(|| of_kind(Document::is_in_force))
}

fn by_papers<'a>(from: Option<Status>, to: Status) -> store::Change<'a> {
    store::Change { from, to, cause: Cause::Papers, reason: None, by: None }
}
