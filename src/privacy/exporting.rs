//! A copy of everything about a person: asked for, made by a job, fetched.
//!
//! Made service by service and written away at once, so that one service's part is in memory at a time. The way of a driver
//! comes last, a day at a time from the newest, and ends where the archive would grow too large.

use serde_json::{Value, json};
use uuid::Uuid;

use super::archive::Archive;
use super::jobs::MakeExport;
use super::services::Service;
use super::store::{consents, exports, restrictions};
use super::{Privacy, REASON_CHARS_MAX, register, retention};
use crate::audit::{self, Act};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::jobs::{self, New};
use crate::locations;
use crate::personal::{EXPORT_ROWS_MAX, Part};
use crate::time::{Span, Timestamp};
use crate::web::RequestId;

pub use exports::Export;

/// Those of the services, the one of privacy itself, and the way.
const STEPS: usize = Service::ALL.len() + 2;
/// An export whose job has not come to its end after this is given up.
const GIVEN_UP_AFTER: Span = Span::from_minutes(60);
const DAY: Span = Span::from_minutes(24 * 60);
/// Exports that are listed.
const LISTED_MAX: i64 = 20;

/// Who asks for an export.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// The person.
    Themselves,
    /// An admin, for somebody who asked on paper.
    Admin(UserId, &'a str),
}

impl Privacy {
    /// Notes that a person's data is asked for; it is made by a job.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `export_running`; [`Error::RateLimited`] after too many within a day;
    /// [`Error::NotFound`] for nobody; [`Error::Invalid`] for an admin without a reason.
    pub async fn ask_for_export(&self, person: UserId, asker: Asker<'_>, now: Timestamp) -> Result<Export, Error> {
        let reason = match asker {
            Asker::Themselves => None,
            Asker::Admin(_, reason) => Some(checked_reason(reason)?),
        };
        let by = if let Asker::Admin(admin, _) = asker { admin } else { person };
        let mut tx = self.inner.pool.begin().await?;
        if !crate::auth::personal::is_known(&mut tx, person).await? {
            return Err(Error::NotFound { what: "person" });
        }
        exports::give_up(&mut tx, person, now - GIVEN_UP_AFTER, now).await?;
        let id = Uuid::now_v7();
        let steps = i32::try_from(STEPS).map_err(Error::internal)?;
        let asked = exports::Asked { id, person, by, reason: reason.as_deref(), steps, at: now };
        if !exports::insert(&mut tx, &asked).await? {
            return Err(Error::conflict("export_running", "an export is being made; wait for it"));
        }
        // This one counts as well.
        if matches!(asker, Asker::Themselves) {
            let (asked, first) = exports::asked_since(&mut tx, person, now - DAY).await?;
            if asked > self.inner.config.exports_per_day_max {
                let retry_after = first.map_or(DAY, |first| (first + DAY).since(now));
                return Err(Error::RateLimited { retry_after: retry_after.max(Span::from_secs(1)) });
            }
        }
        let mut new = New::at(now);
        new.request_id = RequestId::current_or_none();
        jobs::enqueue(&mut tx, &MakeExport { export: id }, new).await?;
        if let Asker::Admin(admin, _) = asker {
            // The reason stands in the export's row: it may name the person, and goes when they are forgotten.
            let act = Act { whose: Some(person), ..Act::of_admin(admin, "privacy.export_asked") };
            audit::record(&mut tx, &act.on("export", id), now).await?;
        }
        tx.commit().await?;
        self.export(id).await
    }

    /// A person's newest exports, the last first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn exports(&self, person: UserId) -> Result<Vec<Export>, Error> {
        Ok(exports::of_person(&self.inner.pool, person, LISTED_MAX).await?)
    }

    /// An export, whoever's.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn export(&self, id: Uuid) -> Result<Export, Error> {
        exports::find(&self.inner.pool, id).await?.ok_or(Error::NotFound { what: "export" })
    }

    /// The file of one's own export.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is somebody else's, not ready, or gone.
    pub async fn export_file(&self, person: UserId, id: Uuid, now: Timestamp) -> Result<Vec<u8>, Error> {
        let export = self.export(id).await?;
        if export.person != person {
            return Err(Error::NotFound { what: "export" });
        }
        self.file(id, now).await
    }

    /// The file of somebody's export, for handing it over.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not ready, or gone.
    pub async fn export_file_for_admin(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<Vec<u8>, Error> {
        let export = self.export(id).await?;
        let bytes = self.file(id, now).await?;
        let act = Act { whose: Some(export.person), ..Act::of_admin(admin, "privacy.export_fetched") };
        audit::record_read(&self.inner.pool, &act.on("export", id), &[], now).await?;
        Ok(bytes)
    }

    /// How somebody's export stands, as an admin sees it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn export_for_admin(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<Export, Error> {
        let export = self.export(id).await?;
        let act = Act { whose: Some(export.person), ..Act::of_admin(admin, "privacy.export_looked_at") };
        audit::record_read(&self.inner.pool, &act.on("export", id), &[], now).await?;
        Ok(export)
    }

    async fn file(&self, id: Uuid, now: Timestamp) -> Result<Vec<u8>, Error> {
        let stored = exports::file(&self.inner.pool, id, now).await?.ok_or(Error::NotFound { what: "export" })?;
        self.inner.storage.get(&stored).await
    }

    /// Makes an export that was asked for, and stores it. Made twice it is stored once.
    ///
    /// # Errors
    /// When the database or the storage is away; to be tried again.
    pub(super) async fn make_export(&self, id: Uuid, now: Timestamp) -> Result<(), Error> {
        let export = self.export(id).await?;
        if export.state != "waiting" {
            return Ok(());
        }
        let person = export.person;
        let mut archive = Archive::new();
        for (step, service) in (1..).zip(Service::ALL) {
            let parts = service.export(&self.inner.pool, &self.inner.vault, person).await?;
            archive = pack(archive, parts).await?;
            exports::progress(&self.inner.pool, id, step).await?;
        }
        archive = pack(archive, self.own_parts(person, now).await?).await?;
        let (archive, left_out) = self.pack_way(archive, person).await?;
        let manifest = self.manifest(person, archive.files(), &left_out, now);
        let finish = move || archive.finish(&manifest);
        let bytes = tokio::task::spawn_blocking(finish).await.map_err(Error::internal)??;
        let file = self.inner.storage.put(id, &bytes).await?;
        let size_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let times = (now, now + self.inner.config.export_kept);
        if !exports::ready(&self.inner.pool, &file, size_bytes, times).await? {
            // Forgotten meanwhile: nobody is to find it.
            self.inner.storage.delete(id).await?;
        }
        Ok(())
    }

    /// Notes that an export will not be made.
    pub(super) async fn give_up_export(&self, id: Uuid, now: Timestamp) -> Result<(), Error> {
        Ok(exports::fail(&self.inner.pool, id, now).await?)
    }

    /// What was said yes or no to, what was asked for, and who looked at what.
    async fn own_parts(&self, person: UserId, now: Timestamp) -> Result<Vec<Part>, Error> {
        let pool = &self.inner.pool;
        let hidden_since = now - self.inner.config.case_hidden_for;
        let mut parts = audit::personal::export(pool, person, hidden_since).await?;
        parts.push(Part::list("consents.json", consents::export(pool, person).await?));
        parts.push(Part::list("privacy_requests.json", restrictions::requests(pool, person, EXPORT_ROWS_MAX).await?));
        Ok(parts)
    }

    /// The way of a driver, day by day from the newest, as far as there is room; the days that were left out.
    async fn pack_way(&self, mut archive: Archive, person: UserId) -> Result<(Archive, Vec<String>), Error> {
        let mut left_out = Vec::new();
        for day in locations::personal::days(&self.inner.pool, person).await? {
            if archive.size_bytes() >= self.inner.config.export_bytes_max {
                left_out.push(day.date()?.to_string());
                continue;
            }
            let part = locations::personal::way(&self.inner.pool, person, day).await?;
            archive = pack(archive, vec![part]).await?;
        }
        Ok((archive, left_out))
    }

    /// What article 18 asks for beside the copy: purposes, recipients, sources, how long, and whom to turn to.
    fn manifest(&self, person: UserId, files: &[String], left_out: &[String], now: Timestamp) -> Value {
        let config = &self.inner.config;
        json!({
            "what": "everything boda holds about one person (law 058/2021, articles 18 to 20)",
            "person": person,
            "made_at": now,
            "format": 1,
            "described_in": "docs/PRIVACY.md",
            "files": files,
            "days_left_out": left_out,
            "controller": config.organisation.json(),
            "processing": register::activities_json(),
            "transfers_abroad": register::transfers_json(&config.organisation),
            "retention": retention::table_json(&config.periods),
            "rights": register::RIGHTS,
        })
    }
}

/// Compressing takes a processor for a while: not on a thread that answers requests.
async fn pack(mut archive: Archive, parts: Vec<Part>) -> Result<Archive, Error> {
    let pack = move || {
        for part in &parts {
            archive.add(part)?;
        }
        Ok(archive)
    };
    tokio::task::spawn_blocking(pack).await.map_err(Error::internal)?
}

/// A reason that an admin gives.
pub(super) fn checked_reason(reason: &str) -> Result<String, Error> {
    let mut checks = Checks::new();
    let reason = checks.text("reason", reason, REASON_CHARS_MAX);
    checks.finish()?;
    Ok(reason)
}
