//! Forgetting a person: asked for, waited for, done.
//!
//! Separate because it is the one thing here that cannot be undone. It is asked for with proof, can be called off until it
//! is due, and begins only when nothing hinders it. First every way in is closed; then service by service forgets, in pieces
//! that are a transaction each; then it is noted what was kept. Some time later everything is looked through once more: what
//! was on its way meanwhile (an SMS that was being sent, a position in memory) has arrived by then.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::exporting::checked_reason;
use super::holding::is_held;
use super::jobs::{EraseAgain, ErasePerson};
use super::kept::Kept;
use super::services::Service;
use super::store::{erasures, exports, holds, restrictions};
use super::{Privacy, kept};
use crate::audit::{self, Act, Actor};
use crate::error::Error;
use crate::ids::{DriverId, SessionId, UserId};
use crate::jobs::{self, New};
use crate::money::Francs;
use crate::personal::Progress;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::RequestId;
use crate::{auth, drivers, notifications, rides};

pub use erasures::Erasure;

/// Whoever is on shift is taken off it by `app`, at once in this process and within ten seconds in another.
const OFF_SHIFT_WITHIN: Span = Span::from_secs(3);
/// How far back others may have been told of a person.
const TOLD_SINCE: Span = Span::from_minutes(60 * 24 * 60);
/// Pieces of one service in one run: 2,000 rows each. A run that needs more goes on in the next.
const PIECES_MAX: usize = 10_000;
/// Erasures that the daily look finds at most.
const OVERDUE_MAX: i64 = 1_000;

/// Why a person cannot be forgotten for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A ride is under way or to come.
    LiveRide,
    /// The person owes the platform.
    Owes(Francs),
    /// The platform owes the person.
    IsOwed(Francs),
    /// A court or an investigation asked that nothing be deleted.
    Held,
}

impl Obstacle {
    /// The code on the wire and in the database.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LiveRide => "live_ride",
            Self::Owes(_) | Self::IsOwed(_) => "money_owed",
            Self::Held => "legal_hold",
        }
    }

    fn message(self) -> String {
        match self {
            Self::LiveRide => "a ride is under way or booked; end it or cancel it first".to_owned(),
            Self::Owes(amount) => format!("{} RWF of commission are owed to us; pay them first", amount.amount()),
            Self::IsOwed(amount) => format!("we owe you {} RWF; have them paid out first", amount.amount()),
            Self::Held => {
                "an authority asked us to delete nothing for now; write to our data protection officer".to_owned()
            }
        }
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Erased {
    /// Done, called off, or hindered: nothing is left for this job.
    Settled,
    /// Worth another run.
    NotYet {
        /// When.
        retry_after: Span,
    },
}

impl Privacy {
    /// Notes that a person asks to be forgotten. They have proven who they are.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the code of an `Obstacle`, or `erasure_open`.
    pub async fn ask_for_erasure(&self, person: UserId, now: Timestamp) -> Result<Erasure, Error> {
        self.note_erasure((person, person), None, now).await
    }

    /// Notes that somebody asked on paper to be forgotten. The grace is the same, so that a forged letter can be answered.
    ///
    /// # Errors
    /// As [`Privacy::ask_for_erasure`]; [`Error::NotFound`] for nobody; [`Error::Invalid`] without a reason.
    pub async fn ask_for_erasure_of(
        &self,
        admin: UserId,
        person: UserId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Erasure, Error> {
        let reason = checked_reason(reason)?;
        self.note_erasure((person, admin), Some(&reason), now).await
    }

    async fn note_erasure(
        &self,
        (person, by): (UserId, UserId),
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Erasure, Error> {
        let due_at = now + self.inner.config.erasure_grace;
        let mut tx = self.inner.pool.begin().await?;
        if !auth::personal::is_known(&mut tx, person).await? {
            return Err(Error::NotFound { what: "person" });
        }
        if let Some(obstacle) = self.obstacle(&mut tx, person).await? {
            return Err(Error::conflict(obstacle.code(), obstacle.message()));
        }
        let id = Uuid::now_v7();
        let asked = erasures::Asked { id, person, by, reason, at: now, due_at };
        if !erasures::insert(&mut tx, &asked).await? {
            return Err(Error::conflict("erasure_open", "this was asked for already"));
        }
        let mut new = New::at(now).run_at(due_at);
        new.request_id = RequestId::current_or_none();
        jobs::enqueue(&mut tx, &ErasePerson { erasure: id }, new).await?;
        if person != by {
            // The reason stands in the erasure's row: it may name the person, and goes when they are forgotten.
            let act = Act { whose: Some(person), ..Act::of_admin(by, "privacy.erasure_asked") };
            audit::record(&mut tx, &act.on("erasure", id), now).await?;
        }
        tx.commit().await?;
        self.erasure(id).await
    }

    /// Calls off what has not begun.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing is to be called off.
    pub async fn cancel_erasure(&self, person: UserId, now: Timestamp) -> Result<Erasure, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let id = erasures::cancel(&mut tx, person, now).await?.ok_or(Error::NotFound { what: "erasure" })?;
        tx.commit().await?;
        self.erasure(id).await
    }

    /// Calls somebody's erasure off, who asked for that on paper.
    ///
    /// # Errors
    /// As [`Privacy::cancel_erasure`].
    pub async fn cancel_erasure_of(&self, admin: UserId, person: UserId, now: Timestamp) -> Result<Erasure, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let id = erasures::cancel(&mut tx, person, now).await?.ok_or(Error::NotFound { what: "erasure" })?;
        let act = Act { whose: Some(person), ..Act::of_admin(admin, "privacy.erasure_cancelled") };
        audit::record(&mut tx, &act.on("erasure", id), now).await?;
        tx.commit().await?;
        self.erasure(id).await
    }

    /// Whether who asks is the person: by the password, or by having signed in a short while ago.
    ///
    /// # Errors
    /// As [`auth::Auth::prove_anew`].
    pub async fn prove(
        &self,
        who: (UserId, SessionId),
        password: Option<Secret<String>>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.inner.auth.prove_anew(who, password, self.inner.config.proof_age_max, now).await
    }

    /// The last erasure that was asked for of a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there was none.
    pub async fn erasure_of(&self, person: UserId) -> Result<Erasure, Error> {
        erasures::of_person(&self.inner.pool, person).await?.ok_or(Error::NotFound { what: "erasure" })
    }

    /// The last erasure of somebody, as an admin sees it.
    ///
    /// # Errors
    /// As [`Privacy::erasure_of`].
    pub async fn erasure_for_admin(&self, admin: UserId, person: UserId, now: Timestamp) -> Result<Erasure, Error> {
        let erasure = self.erasure_of(person).await?;
        let act = Act { whose: Some(person), ..Act::of_admin(admin, "privacy.erasure_looked_at") };
        audit::record_read(&self.inner.pool, &act.on("erasure", erasure.id), &[], now).await?;
        Ok(erasure)
    }

    async fn erasure(&self, id: Uuid) -> Result<Erasure, Error> {
        erasures::find(&self.inner.pool, id).await?.ok_or(Error::NotFound { what: "erasure" })
    }

    /// What is kept of a person after all, on which ground, until when.
    pub fn kept(&self, now: Timestamp) -> Vec<Kept> {
        kept::after_erasure(&self.inner.config.periods, now)
    }

    /// All on the caller's connection: whoever waits for a second one while holding a first starves with others that do.
    async fn obstacle(&self, conn: &mut PgConnection, person: UserId) -> Result<Option<Obstacle>, Error> {
        if rides::personal::has_live_ride(&mut *conn, person).await? {
            return Ok(Some(Obstacle::LiveRide));
        }
        let incidents = holds::held(&mut *conn, "incident", OVERDUE_MAX).await?;
        if is_held(&mut *conn, person, &incidents).await? {
            return Ok(Some(Obstacle::Held));
        }
        let owed = self.inner.payments.balance_within(conn, DriverId::from(person)).await?.commission_owed;
        Ok(match owed.amount() {
            0 => None,
            1.. => Some(Obstacle::Owes(owed)),
            _ => Some(Obstacle::IsOwed(Francs(-owed.amount()))),
        })
    }

    /// Forgets a person, if it is time and nothing hinders it. Harmless to run again.
    pub(super) async fn erase(&self, id: Uuid, now: Timestamp) -> Result<Erased, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let Some(erasure) = erasures::lock(&mut tx, id).await? else { return Ok(Erased::Settled) };
        let person = erasure.person;
        match erasure.state.as_str() {
            "waiting" if now < erasure.due_at => {
                return Ok(Erased::NotYet { retry_after: erasure.due_at.since(now) });
            }
            "waiting" => {
                if let Some(obstacle) = self.obstacle(&mut tx, person).await? {
                    // The daily look tries again; meanwhile the person sees why.
                    erasures::note_obstacle(&mut tx, id, obstacle.code()).await?;
                    tx.commit().await?;
                    return Ok(Erased::Settled);
                }
                erasures::begin(&mut tx, id).await?;
            }
            "running" => {}
            _ => return Ok(Erased::Settled),
        }
        drivers::personal::close(&mut tx, person, now).await?;
        let is_on_shift = drivers::personal::is_on_shift(&mut tx, person).await?;
        tx.commit().await?;
        self.inner.auth.close_account(person, now).await?;
        if is_on_shift {
            self.inner.drivers.standing_changed(DriverId::from(person));
            return Ok(Erased::NotYet { retry_after: OFF_SHIFT_WITHIN });
        }
        self.go_through(person, now).await?;
        self.finish(&erasure, now).await?;
        Ok(Erased::Settled)
    }

    /// Looks through everything once more.
    pub(super) async fn erase_again(&self, id: Uuid, now: Timestamp) -> Result<(), Error> {
        let erasure = self.erasure(id).await?;
        if erasure.state == "done" { self.go_through(erasure.person, now).await } else { Ok(()) }
    }

    async fn go_through(&self, person: UserId, now: Timestamp) -> Result<(), Error> {
        self.erase_mentions(person, now).await?;
        for service in Service::ALL {
            let mut pieces = 0;
            loop {
                let mut tx = self.inner.pool.begin().await?;
                let progress = service.erase(&mut tx, person, now).await?;
                tx.commit().await?;
                pieces += 1;
                if progress == Progress::Done {
                    break;
                }
                if pieces >= PIECES_MAX {
                    return Err(Error::Unavailable { retry_after: OFF_SHIFT_WITHIN, cause: None });
                }
            }
        }
        self.erase_own(person).await?;
        self.inner.auth.forget_person(person);
        self.inner.drivers.forget_card(DriverId::from(person));
        (self.inner.announce)(person);
        Ok(())
    }

    /// Others were told who comes: name, plate. Before the plate itself is forgotten.
    async fn erase_mentions(&self, person: UserId, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        let words: Vec<String> = drivers::personal::plate(&mut tx, person).await?.into_iter().collect();
        let told = rides::personal::met_since(&mut tx, person, now - TOLD_SINCE).await?;
        notifications::personal::erase_mentions(&mut tx, &told, &words, now).await?;
        Ok(tx.commit().await?)
    }

    /// What this service has: files of exports, reasons in admins' words. What was consented to stays as proof.
    async fn erase_own(&self, person: UserId) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        let files = exports::forget(&mut tx, person).await?;
        erasures::forget_reasons(&mut tx, person).await?;
        restrictions::forget_reasons(&mut tx, person).await?;
        tx.commit().await?;
        // Their keys are gone with the commit: what is left of a file that cannot be deleted now is noise.
        for file in files {
            self.inner.storage.delete(file).await?;
        }
        Ok(())
    }

    async fn finish(&self, erasure: &Erasure, now: Timestamp) -> Result<(), Error> {
        let kept = serde_json::to_value(self.kept(now)).map_err(Error::internal)?;
        let mut tx = self.inner.pool.begin().await?;
        erasures::finish(&mut tx, erasure.id, &kept, now).await?;
        let again = New::at(now)
            .run_at(now + self.inner.config.second_pass_after)
            .dedupe(format!("privacy.erase_again:{}", erasure.id));
        jobs::enqueue(&mut tx, &EraseAgain { erasure: erasure.id }, again).await?;
        let act = Act {
            actor: Actor::System,
            action: "privacy.person_erased",
            whose: Some(erasure.person),
            subject: Some(("erasure", erasure.id)),
            why: None,
            detail: Value::Null,
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        tracing::info!(erasure.id = %erasure.id, "a person was forgotten");
        Ok(())
    }

    /// Writes a job that looks at an erasure again.
    pub(super) async fn look_again(&self, erasure: Uuid, now: Timestamp, at: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        jobs::enqueue(&mut tx, &ErasePerson { erasure }, New::at(now).run_at(at)).await?;
        Ok(tx.commit().await?)
    }

    /// Sets erasures going again that are overdue: what hindered them may be gone, or their job died.
    pub(super) async fn resume_erasures(&self, now: Timestamp) -> Result<usize, Error> {
        let overdue = erasures::overdue(&self.inner.pool, now - Span::from_minutes(60), OVERDUE_MAX).await?;
        let mut tx = self.inner.pool.begin().await?;
        for id in &overdue {
            let new = New::at(now).dedupe(format!("privacy.erase_person:{id}:{}", now.kigali_day()));
            jobs::enqueue(&mut tx, &ErasePerson { erasure: *id }, new).await?;
        }
        tx.commit().await?;
        Ok(overdue.len())
    }
}
