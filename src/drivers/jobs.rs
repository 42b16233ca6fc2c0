//! The durable jobs of this service: asking the authority about a paper, the daily round, sweeping files.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::authority::{Outcome, Question, Verification};
use crate::drivers::{Drivers, store};
use crate::error::Error;
use crate::ids::DriverId;
use crate::jobs::{self, Context, Failure, Job, New, NewJob, Registry};
use crate::time::{Span, Timestamp};
use crate::web::RequestId;

/// Asks the authority about a paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPaper {
    /// Whose.
    pub driver_id: DriverId,
    /// Which.
    pub document_id: Uuid,
}

impl Job for VerifyPaper {
    const KIND: &'static str = "drivers.verify_paper";
    // With the queue's backing off about an hour; then the reviewer decides alone.
    const ATTEMPTS_MAX: u16 = 8;
    const LEASE: Span = Span::from_secs(90);
}

/// Goes round for a day: notices, suspensions, ratings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoRound {
    /// Which day, of the Kigali calendar.
    pub day: NaiveDate,
}

impl Job for GoRound {
    const KIND: &'static str = "drivers.go_round";
    // Only our own database can be in the way: keep trying until the next day's round does the same.
    const ATTEMPTS_MAX: u16 = 50;
    const LEASE: Span = Span::from_minutes(10);
}

/// Takes files off the shelf that nobody refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepFiles {
    /// Names the hour, so that there is one job for each.
    pub hour: i64,
}

impl Job for SweepFiles {
    const KIND: &'static str = "drivers.sweep_files";
    const ATTEMPTS_MAX: u16 = 3;
    const LEASE: Span = Span::from_minutes(5);
}

/// Has the authority asked about papers, as part of the caller's transaction.
pub(super) async fn have_verified(
    conn: &mut PgConnection,
    driver: DriverId,
    documents: impl Iterator<Item = Uuid>,
    now: Timestamp,
) -> Result<(), Error> {
    let new = New { request_id: RequestId::current_or_none(), ..New::at(now) };
    let job = |document_id| NewJob::of(&VerifyPaper { driver_id: driver, document_id }, new.clone());
    let jobs = documents.map(job).collect::<Result<Vec<_>, _>>()?;
    jobs::enqueue_all(conn, &jobs).await?;
    Ok(())
}

/// Writes down what is to be done by the clock, at most once for each day and hour: harmless to call as often as one likes,
/// from as many processes as there are.
///
/// # Errors
/// When the database is away.
pub async fn schedule(pool: &PgPool, now: Timestamp) -> Result<(), Error> {
    let mut conn = pool.acquire().await?;
    let day = now.kigali_day();
    jobs::enqueue(&mut conn, &GoRound { day }, New::at(now).dedupe(format!("drivers.go_round:{day}"))).await?;
    let hour = now.as_millis() / 3_600_000;
    jobs::enqueue(&mut conn, &SweepFiles { hour }, New::at(now).dedupe(format!("drivers.sweep_files:{hour}"))).await?;
    Ok(())
}

/// Registers the handlers of this service.
#[must_use]
pub fn register(registry: Registry, drivers: &Drivers) -> Registry {
    let (verifying, going, sweeping) = (drivers.clone(), drivers.clone(), drivers.clone());
    registry
        .on(move |job: VerifyPaper, context| {
            let drivers = verifying.clone();
            async move { drivers.verify(job, context).await }
        })
        .on(move |GoRound { day }, context: Context| {
            let drivers = going.clone();
            async move {
                let round = drivers.go_round(day, context.now).await?;
                tracing::info!(
                    %day, notices = round.notices, suspended = round.suspended, flagged = round.flagged,
                    "the daily round of papers is done"
                );
                Ok(())
            }
        })
        .on(move |_: SweepFiles, context: Context| {
            let drivers = sweeping.clone();
            async move {
                let swept = drivers.sweep_files(context.now).await?;
                if swept > 0 {
                    tracing::info!(files = swept, "files of nobody were swept");
                }
                Ok(())
            }
        })
}

impl Drivers {
    /// Asks, and notes what is said. What cannot be found out is noted too, in the end.
    pub(super) async fn verify(&self, job: VerifyPaper, context: Context) -> Result<(), Failure> {
        let VerifyPaper { driver_id, document_id } = job;
        let documents = self.documents(driver_id).await?;
        let Some(document) = documents.into_iter().find(|document| document.id == document_id) else { return Ok(()) };
        let Some(number) = document.facts.number.clone() else { return Ok(()) };
        let profile = self.inner.auth.profile(driver_id.into()).await?;
        let question = Question {
            kind: document.facts.kind,
            number,
            first_name: profile.first_name,
            last_name: profile.last_name,
        };
        let is_last = context.attempt >= VerifyPaper::ATTEMPTS_MAX;
        let verification = match self.inner.authority.ask(&question).await {
            Outcome::Said(verification) => verification,
            Outcome::TryAgain(reason) if !is_last => return Err(Failure::retry(reason)),
            Outcome::TryAgain(reason) | Outcome::NotUnderstood(reason) => {
                tracing::info!(document.id = %document_id, reason, "a paper could not be verified; the reviewer decides");
                Verification::Unanswered
            }
            Outcome::NobodyToAsk => Verification::Unanswered,
        };
        let mut conn = self.inner.pool.acquire().await?;
        let is_there = store::verified(&mut conn, document_id, verification, context.now).await?;
        drop(conn);
        if is_there && verification == Verification::Valid && self.inner.approves {
            self.approve_verified(driver_id, document_id, context.now).await?;
        }
        Ok(())
    }
}
