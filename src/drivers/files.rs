//! The files of papers: taken, looked at, sealed, handed out again to whoever may see them, and swept.
//!
//! A row is there before its file is: a process that ends in between leaves a row that the sweep finds, and no file that
//! nobody knows of.

use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::drivers::documents::{Document, DocumentKind, DocumentState, Facts};
use crate::drivers::handing_in::current;
use crate::drivers::{Drivers, store};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::storage::FileType;
use crate::time::{Span, Timestamp};

/// Files swept in one go; the rest waits for the next round.
const SWEPT_MAX: i64 = 1_000;

/// A file that was sent.
#[derive(Debug)]
pub struct Upload<'a> {
    /// Of which paper.
    pub kind: DocumentKind,
    /// What it is said to be.
    pub declared: FileType,
    /// All of it.
    pub bytes: &'a [u8],
}

/// A file to be handed out.
#[derive(Debug)]
pub struct Download {
    /// Of which paper.
    pub kind: DocumentKind,
    /// A picture or pages.
    pub file_type: FileType,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Drivers {
    /// How large a file of this kind may be.
    pub fn file_bytes_max(&self, kind: DocumentKind) -> usize {
        let papers = &self.inner.papers;
        if kind.is_picture() { papers.photo_bytes_max } else { papers.document_bytes_max }
    }

    /// A place among the files that are taken at the same time, until it is dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub fn begin_upload(&self) -> Result<impl Sized + '_, Error> {
        let full = |_| Error::Unavailable { retry_after: Span::from_secs(2), cause: None };
        self.inner.uploads.try_acquire().map_err(full)
    }

    /// Takes the file of a paper, which is handed in anew with the same data: the id of a paper names what a reviewer saw, so
    /// that nobody approves a file that took its place meanwhile.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `file`, as [`crate::storage::Storage::admit`]; [`Error::Conflict`] with code `no_papers`,
    /// `no_document` before anything was said of that paper, or `too_many_documents`.
    pub async fn put_file(&self, driver: DriverId, upload: Upload<'_>, now: Timestamp) -> Result<Document, Error> {
        let Upload { kind, declared, bytes } = upload;
        if kind.is_picture() && !declared.is_picture() {
            return Err(Error::invalid("file", declared.as_str(), "is not a picture"));
        }
        // Before the work: who may not hand anything in learns it at once.
        let known = self.documents(driver).await?;
        if current(&known, kind).is_none() && kind != DocumentKind::Photo {
            self.driver(driver).await.map_err(|_| Error::conflict("no_papers", super::SEND_PAPERS_FIRST))?;
            return Err(no_document(kind));
        }
        let kept = self.inner.storage.admit(bytes, declared).await?;
        let id = Uuid::now_v7();
        let size_bytes = i32::try_from(kept.len()).map_err(Error::internal)?;
        self.driver(driver).await.map_err(|_| Error::conflict("no_papers", super::SEND_PAPERS_FIRST))?;
        store::coming_file(&self.inner.pool, (id, driver), declared, size_bytes, now).await?;
        let stored = self.inner.storage.put(id, &kept).await?;

        let mut tx = self.inner.pool.begin().await?;
        let before = self.lock_for_document(&mut tx, driver).await?;
        if !store::keep_file(&mut tx, &stored).await? {
            return Err(Error::Unavailable { retry_after: Span::from_secs(2), cause: None });
        }
        let known = store::documents(&mut *tx, &self.inner.vault, driver).await?;
        let facts = current(&known, kind).map_or_else(|| Facts::bare(kind), |document| document.facts.clone());
        store::clear_the_way(&mut tx, driver, &[kind]).await?;
        self.write(&mut tx, driver, vec![(facts, Some(id))], now).await?;
        self.wait_again(&mut tx, &before, now).await?;
        let documents = store::documents(&mut *tx, &self.inner.vault, driver).await?;
        tx.commit().await?;
        self.changed(driver);
        let of_file = |document: &Document| document.file.is_some_and(|file| file.id == id);
        documents.into_iter().find(of_file).ok_or_else(|| Error::internal("a file that was put is not there"))
    }

    /// The file of a driver's own paper of a kind: of the one on the way, else of the one in force.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn own_file(&self, driver: DriverId, kind: DocumentKind) -> Result<Download, Error> {
        let documents = self.documents(driver).await?;
        self.open(current(&documents, kind).ok_or_else(no_file)?).await
    }

    /// The file of a driver's paper, for a reviewer. That they saw it is recorded before they do.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn reviewed_file(
        &self,
        admin: UserId,
        driver: DriverId,
        document: Uuid,
        now: Timestamp,
    ) -> Result<Download, Error> {
        let documents = self.documents(driver).await?;
        let document = documents.iter().find(|known| known.id == document).ok_or_else(no_file)?;
        let download = self.open(document).await?;
        let act = Act {
            whose: Some(driver.into()),
            detail: json!({"kind": document.facts.kind}),
            ..Act::of_admin(admin, "drivers.document_read").on("driver_document", document.id)
        };
        audit::record_read(&self.inner.pool, &act, &[], now).await?;
        Ok(download)
    }

    async fn open(&self, document: &Document) -> Result<Download, Error> {
        let file = document.file.ok_or_else(no_file)?;
        let stored = store::file(&self.inner.pool, file.id).await?.ok_or_else(no_file)?;
        let bytes = self.inner.storage.get(&stored).await?;
        Ok(Download { kind: document.facts.kind, file_type: file.file_type, bytes })
    }

    /// Takes files off the shelf that nobody refers to: uploads that broke off, papers handed in anew. How many.
    ///
    /// # Errors
    /// When the database or the shelf is away.
    pub async fn sweep_files(&self, now: Timestamp) -> Result<usize, Error> {
        let before = now - self.inner.papers.orphan_age_min;
        let ids = store::unreferenced_files(&self.inner.pool, before, SWEPT_MAX).await?;
        for id in &ids {
            self.inner.storage.delete(*id).await?;
            store::forget_file(&self.inner.pool, *id).await?;
        }
        Ok(ids.len())
    }
}

fn no_file() -> Error {
    Error::NotFound { what: "file" }
}

fn no_document(kind: DocumentKind) -> Error {
    let message = format!("say first what {} it is, with POST /drivers/me/documents", kind.as_str());
    Error::conflict("no_document", message)
}

/// Whether a paper may still be decided about.
pub(super) fn is_open(document: &Document) -> bool {
    document.state == DocumentState::Submitted
}
