//! The durable jobs of this service: making an export, forgetting a person.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::erasing::Erased;
use super::{Privacy, sweep};
use crate::jobs::{Context, Failure, Job, Registry};
use crate::time::Span;

/// Makes an export.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MakeExport {
    /// Which.
    pub export: Uuid,
}

impl Job for MakeExport {
    const KIND: &'static str = "privacy.make_export";
    const ATTEMPTS_MAX: u16 = 5;
    const LEASE: Span = Span::from_secs(300);
}

/// Forgets a person when the time has come.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ErasePerson {
    /// Which erasure.
    pub erasure: Uuid,
}

impl Job for ErasePerson {
    const KIND: &'static str = "privacy.erase_person";
    const ATTEMPTS_MAX: u16 = 20;
    const LEASE: Span = Span::from_secs(300);
}

/// Looks through everything once more, some time after an erasure.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EraseAgain {
    /// Which erasure.
    pub erasure: Uuid,
}

impl Job for EraseAgain {
    const KIND: &'static str = "privacy.erase_again";
    const ATTEMPTS_MAX: u16 = 20;
    const LEASE: Span = Span::from_secs(300);
}

/// Registers the handlers of this service's jobs.
#[must_use]
pub fn register_jobs(registry: Registry, privacy: &Privacy) -> Registry {
    let (exports, erasures, again) = (privacy.clone(), privacy.clone(), privacy.clone());
    sweep::register(registry, privacy)
        .on(move |job: MakeExport, context| {
            let privacy = exports.clone();
            async move { make_export(&privacy, &job, &context).await }
        })
        .on(move |job: ErasePerson, context| {
            let privacy = erasures.clone();
            async move {
                match privacy.erase(job.erasure, context.now).await? {
                    Erased::Settled => Ok(()),
                    // Waiting is no failure: another job looks again.
                    Erased::NotYet { retry_after } => {
                        Ok(privacy.look_again(job.erasure, context.now, context.now + retry_after).await?)
                    }
                }
            }
        })
        .on(move |job: EraseAgain, context| {
            let privacy = again.clone();
            async move { Ok(privacy.erase_again(job.erasure, context.now).await?) }
        })
}

async fn make_export(privacy: &Privacy, job: &MakeExport, context: &Context) -> Result<(), Failure> {
    let made = privacy.make_export(job.export, context.now).await;
    if made.is_err() && context.attempt >= MakeExport::ATTEMPTS_MAX {
        privacy.give_up_export(job.export, context.now).await?;
    }
    Ok(made?)
}
