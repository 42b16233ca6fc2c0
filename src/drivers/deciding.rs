//! What reviewers decide: of one paper, or of a driver as a whole. The standing follows, and the driver is told.

use chrono::NaiveDate;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::{self, Act, Actor};
use crate::drivers::documents::{Document, DocumentKind, DocumentState, ReasonCode};
use crate::drivers::files::is_open;
use crate::drivers::onboarding::Dossier;
use crate::drivers::queue::{act, check_claim};
use crate::drivers::standing::Cause;
use crate::drivers::{Decision, Driver, Drivers, Status, SuspendedFor, no_driver, store};
use crate::error::{Checks, Error};
use crate::ids::{DriverId, UserId};
use crate::jobs::New;
use crate::notifications::{self, Key, Params};
use crate::time::Timestamp;
use crate::web::RequestId;

/// Longest reason of a decision.
pub(super) const REASON_CHARS_MAX: usize = 200;

/// What is decided of one paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaperDecision {
    /// It is fine.
    Approve,
    /// It is to be handed in once more: why, and in words.
    AskAgain(ReasonCode, Option<String>),
    /// It is not accepted: why, and in words.
    Reject(ReasonCode, Option<String>),
}

impl PaperDecision {
    const fn state(&self) -> DocumentState {
        match self {
            Self::Approve => DocumentState::Approved,
            Self::AskAgain(..) => DocumentState::AskedAgain,
            Self::Reject(..) => DocumentState::Rejected,
        }
    }

    const fn action(&self) -> &'static str {
        match self {
            Self::Approve => "drivers.document_approved",
            Self::AskAgain(..) => "drivers.document_asked_again",
            Self::Reject(..) => "drivers.document_rejected",
        }
    }

    fn reason(&self) -> (Option<ReasonCode>, Option<&str>) {
        match self {
            Self::Approve => (None, None),
            Self::AskAgain(code, words) | Self::Reject(code, words) => (Some(*code), words.as_deref()),
        }
    }
}

/// Who decides, and what is known before the driver's row is held: a second connection while it is held would wait for
/// those who wait for the row.
#[derive(Clone, Copy, Debug)]
struct Sitting {
    by: Option<UserId>,
    born: Option<NaiveDate>,
    now: Timestamp,
}

/// Checks the words of a decision.
pub(super) fn check_reason(reason: &str) -> Result<(), Error> {
    let mut checks = Checks::new();
    checks.text("reason", reason, REASON_CHARS_MAX);
    checks.finish()
}

impl Drivers {
    /// Decides about a driver as a whole and tells them. To approve is to approve every paper that waits: `newest` is the
    /// newest one that the reviewer saw, and must be said where papers are seen at all.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver; [`Error::Invalid`] for a reason that is empty or too long;
    /// [`Error::Conflict`] as [`Decision::apply`], with code `claimed` when another reviewer has the papers,
    /// `paper_changed` when another paper was handed in since, `licence_taken` or `identity_taken`, or `papers_missing` when
    /// something required was not handed in, or not approved of somebody who is to be restored.
    pub async fn decide(
        &self,
        admin: UserId,
        (driver, newest): (DriverId, Option<Uuid>),
        decision: &Decision,
        now: Timestamp,
    ) -> Result<Driver, Error> {
        if let Some(reason) = decision.reason() {
            check_reason(reason)?;
        }
        let sitting = Sitting { by: Some(admin), born: self.born(driver).await?, now };
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        if matches!(decision, Decision::Approve | Decision::Reject(_)) {
            check_claim(&before, admin, now)?;
        }
        if *decision == Decision::Approve {
            self.approve_papers(&mut tx, (&before, newest), admin, sitting).await?;
        }
        let current = store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        let from = (before.status, before.suspended_for);
        let to = decision.apply(from, current.expired_on(now.kigali_day()))?;
        if *decision == Decision::Restore {
            self.check_fulfilled(&mut tx, &current, sitting.born, now).await?;
        }
        let (by, reason) = (Some(admin), decision.reason());
        let suspended_for = (to == Status::Suspended).then_some(SuspendedFor::Decision);
        store::set_status(&mut tx, driver, to, store::Review { by, reason, suspended_for, at: now }).await?;
        let change = store::Change { from: Some(before.status), to, cause: Cause::Decision, reason, by };
        store::record_change(&mut tx, driver, change, now).await?;
        if matches!(decision, Decision::Approve | Decision::Reject(_)) {
            store::set_waiting(&mut tx, driver, false, now).await?;
        }
        let params = reason.map(|reason| ("reason".to_owned(), reason.trim().to_owned()));
        tell(&mut tx, driver, decision.message(), params.into_iter().collect(), now).await?;
        // The words stay where an erasure finds them, in the history.
        audit::record(&mut tx, &act(admin, driver, decision.action()), now).await?;
        tx.commit().await?;
        tracing::info!(driver.id = %driver, by = %admin, status = to.as_str(), "a driver was reviewed");
        self.changed(driver);
        self.driver(driver).await
    }

    /// Approves what waits of a driver who has everything that is required.
    async fn approve_papers(
        &self,
        conn: &mut PgConnection,
        (driver, newest): (&Driver, Option<Uuid>),
        admin: UserId,
        Sitting { born, now, .. }: Sitting,
    ) -> Result<(), Error> {
        // Said before what is missing: from elsewhere it cannot be done at all.
        Decision::Approve.apply((driver.status, driver.suspended_for), None)?;
        let documents = store::documents(&mut *conn, &self.inner.vault, driver.id).await?;
        let unready = self.dossier(driver, &documents, born, now).unready();
        if !unready.is_empty() {
            let names: Vec<_> = unready.iter().map(|step| step.requirement.as_str()).collect();
            if let Some(paper) = driver.expired_on(now.kigali_day()) {
                return Err(Error::conflict("papers_expired", format!("the driver's {paper} has expired")));
            }
            return Err(Error::conflict("papers_missing", format!("not in order yet: {}", names.join(", "))));
        }
        let is_seen = newest.is_some() && newest == documents.first().map(|document| document.id);
        if !is_seen && (newest.is_some() || self.inner.papers.is_complete) {
            let message = "`newest` is not the newest paper of this driver: look at what was handed in since";
            return Err(Error::conflict("paper_changed", message));
        }
        store::approve_submitted(conn, driver.id, admin, now).await?;
        for document in documents.iter().filter(|document| is_open(document)) {
            store::apply_facts(conn, &self.inner.vault, driver.id, &document.facts).await?;
        }
        Ok(())
    }

    /// Decides about one paper and tells the driver. With the last one that was required a driver is approved, or comes back
    /// whose papers had expired.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such paper of that driver; [`Error::Invalid`] for a reason that is too long;
    /// [`Error::Conflict`] with code `wrong_state` when it does not wait, `claimed` when another reviewer has the papers,
    /// `papers_expired`, `papers_missing` without its file, or `licence_taken` or `identity_taken` when another driver has that
    /// licence or identity. A paper that was handed in anew has another id.
    pub async fn decide_paper(
        &self,
        admin: UserId,
        (driver, document): (DriverId, Uuid),
        decision: &PaperDecision,
        now: Timestamp,
    ) -> Result<Driver, Error> {
        if let (_, Some(words)) = decision.reason() {
            check_reason(words)?;
        }
        let sitting = Sitting { by: Some(admin), born: self.born(driver).await?, now };
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        check_claim(&before, admin, now)?;
        let documents = store::documents(&mut *tx, &self.inner.vault, driver).await?;
        let found = documents.iter().find(|known| known.id == document).ok_or(Error::NotFound { what: "document" })?;
        self.settle_paper(&mut tx, (&before, found), decision, sitting).await?;
        let (code, _) = decision.reason();
        // The words stay where an erasure finds them, with the paper.
        let act = Act {
            subject: Some(("driver_document", document)),
            detail: json!({"kind": found.facts.kind, "code": code}),
            ..act(admin, driver, decision.action())
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        self.changed(driver);
        self.driver(driver).await
    }

    /// Approves a paper that the authority calls valid, where that is enough. Nothing when it does not wait any more.
    pub(super) async fn approve_verified(&self, driver: DriverId, document: Uuid, now: Timestamp) -> Result<(), Error> {
        let sitting = Sitting { by: None, born: self.born(driver).await?, now };
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        let documents = store::documents(&mut *tx, &self.inner.vault, driver).await?;
        let Some(found) = documents.iter().find(|known| known.id == document && self.is_whole(known)) else {
            return Ok(());
        };
        if !is_open(found) || found.is_expired(now.kigali_day()) {
            return Ok(());
        }
        self.settle_paper(&mut tx, (&before, found), &PaperDecision::Approve, sitting).await?;
        let act = Act {
            actor: Actor::System,
            action: PaperDecision::Approve.action(),
            whose: Some(driver.into()),
            subject: Some(("driver_document", document)),
            why: None,
            detail: json!({"kind": found.facts.kind}),
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        self.changed(driver);
        Ok(())
    }

    /// Whether nothing of a paper is missing.
    fn is_whole(&self, document: &Document) -> bool {
        !self.inner.papers.is_complete || !document.facts.kind.needs_file() || document.file.is_some()
    }

    async fn settle_paper(
        &self,
        conn: &mut PgConnection,
        (driver, document): (&Driver, &Document),
        decision: &PaperDecision,
        sitting: Sitting,
    ) -> Result<(), Error> {
        let Sitting { by, now, .. } = sitting;
        let kind = document.facts.kind;
        if !is_open(document) {
            let message = format!("a paper that is {} is not waiting for a decision", document.state.as_str());
            return Err(Error::conflict("wrong_state", message));
        }
        if *decision == PaperDecision::Approve {
            if document.is_expired(now.kigali_day()) {
                return Err(Error::conflict("papers_expired", format!("the driver's {} has expired", kind.as_str())));
            }
            if !self.is_whole(document) {
                return Err(Error::conflict("papers_missing", format!("there is no file of this {}", kind.as_str())));
            }
            store::replace_in_force(conn, driver.id, &[kind]).await?;
            store::apply_facts(conn, &self.inner.vault, driver.id, &document.facts).await?;
        }
        let (code, reason) = decision.reason();
        let decided = store::Decided { state: decision.state(), code, reason, by, at: now };
        store::decide_document(conn, document.id, decided).await?;
        if let Some(code) = code {
            tell_paper(conn, driver.id, kind, (code, reason), now).await?;
        }
        self.follow(conn, driver.id, sitting).await
    }

    /// Lets the standing follow from the papers.
    async fn follow(
        &self,
        conn: &mut PgConnection,
        driver: DriverId,
        Sitting { by, born, now }: Sitting,
    ) -> Result<(), Error> {
        let driver = store::lock(conn, &self.inner.vault, driver).await?.ok_or_else(no_driver)?;
        let documents = store::documents(&mut *conn, &self.inner.vault, driver.id).await?;
        let waits = documents.iter().any(is_open);
        store::set_waiting(conn, driver.id, waits, now).await?;
        let (cause, key) = match (driver.status, driver.suspended_for) {
            (Status::Pending, _) => (Cause::Decision, Key::AccountApproved),
            (Status::Suspended, Some(SuspendedFor::Expiry)) => (Cause::Renewal, Key::AccountRestored),
            _ => return Ok(()),
        };
        let is_good = driver.expired_on(now.kigali_day()).is_none();
        if !is_good || !self.dossier(&driver, &documents, born, now).is_fulfilled() {
            return Ok(());
        }
        let review = store::Review { by, reason: None, suspended_for: None, at: now };
        store::set_status(conn, driver.id, Status::Approved, review).await?;
        let change = store::Change { from: Some(driver.status), to: Status::Approved, cause, reason: None, by };
        store::record_change(conn, driver.id, change, now).await?;
        tell(conn, driver.id, key, Params::new(), now).await?;
        Ok(())
    }

    /// Refuses to let somebody drive of whom something required was not approved: papers sent during a suspension.
    pub(super) async fn check_fulfilled(
        &self,
        conn: &mut PgConnection,
        driver: &Driver,
        born: Option<NaiveDate>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let documents = store::documents(&mut *conn, &self.inner.vault, driver.id).await?;
        // As they will stand: papers that came with the approval, and never by themselves, count.
        let approved = Driver { status: Status::Approved, ..driver.clone() };
        let open = self.dossier(&approved, &documents, born, now).unapproved();
        if open.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = open.iter().map(|step| step.requirement.as_str()).collect();
        Err(Error::conflict("papers_missing", format!("not approved yet: {}", names.join(", "))))
    }

    /// When a driver was born, where that matters.
    pub(super) async fn born(&self, driver: DriverId) -> Result<Option<NaiveDate>, Error> {
        // Not asked where it does not matter: hundreds of made-up drivers are approved at once.
        if !self.inner.papers.is_complete {
            return Ok(None);
        }
        self.driver(driver).await?;
        Ok(self.inner.auth.profile(driver.into()).await?.date_of_birth)
    }

    fn dossier<'a>(
        &self,
        driver: &'a Driver,
        documents: &'a [Document],
        born: Option<NaiveDate>,
        now: Timestamp,
    ) -> Dossier<'a> {
        let is_complete = self.inner.papers.is_complete;
        Dossier { today: now.kigali_day(), born, driver: Some(driver), documents, is_complete }
    }
}

/// Tells a driver something, as part of the caller's transaction.
pub(super) async fn tell(
    conn: &mut PgConnection,
    driver: DriverId,
    key: Key,
    params: Params,
    now: Timestamp,
) -> Result<(), Error> {
    let mut new = New::at(now);
    new.request_id = RequestId::current_or_none();
    Ok(notifications::tell(conn, driver.into(), key, params, new).await?)
}

async fn tell_paper(
    conn: &mut PgConnection,
    driver: DriverId,
    kind: DocumentKind,
    (code, reason): (ReasonCode, Option<&str>),
    now: Timestamp,
) -> Result<(), Error> {
    let words = reason.map(|words| format!(" {}", words.trim())).unwrap_or_default();
    let params = Params::from([
        ("paper".to_owned(), kind.as_str().to_owned()),
        ("cause".to_owned(), code.as_str().to_owned()),
        ("words".to_owned(), words),
    ]);
    tell(conn, driver, Key::PaperAskedAgain, params, now).await
}
