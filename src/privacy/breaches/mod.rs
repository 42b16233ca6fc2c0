//! The register of breaches of personal data (law 058/2021, articles 43 to 45): what happened, the two clocks, the report.
//!
//! Separate because it is about the platform's own failures, not about one person's data. Texts in it name nobody: they go
//! to the authority as they are.
//!
//! Invariants: a breach goes from open to notified to reported to closed, one step at a time, and each step is in the audit
//! log with who took it; none is closed before it was decided whether the people concerned are told; what was reported is
//! not changed any more.

pub mod clocks;
pub mod http;
mod report;
mod store;

#[cfg(test)]
mod tests;

use sqlx::PgPool;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::privacy::register::Organisation;
use crate::telemetry::names;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};

use clocks::{Clock, NOTICE_WITHIN, REPORT_WITHIN, State};

const TEXT_CHARS_MAX: usize = 4_000;
const CATEGORIES_MAX: usize = 20;
const CATEGORY_CHARS_MAX: usize = 60;
const COUNT_MAX: i64 = 1_000_000_000;

/// A breach, as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// When we knew.
    pub aware_at: Timestamp,
    /// What happened.
    pub nature: String,
    /// What kinds of data: `phone`, `position`.
    pub categories: Vec<String>,
    /// How many people, about.
    pub people: i64,
    /// How many records, about.
    pub records: i64,
    /// What may come of it for them.
    pub consequences: String,
    /// What was and is done about it.
    pub measures: String,
    /// How and when the people concerned are told.
    pub plan: String,
}

impl Known {
    /// Checks every field.
    fn check(self, now: Timestamp) -> Result<Self, Error> {
        let mut checks = Checks::new();
        checks.require(self.aware_at <= now, "aware_at", self.aware_at, "is in the future");
        let [nature, consequences, measures, plan] = [
            ("nature", &self.nature),
            ("consequences", &self.consequences),
            ("measures", &self.measures),
            ("plan", &self.plan),
        ]
        .map(|(field, text)| checks.text(field, text, TEXT_CHARS_MAX));
        let count = self.categories.len();
        let reason = format!("are not 1 to {CATEGORIES_MAX}");
        checks.require((1..=CATEGORIES_MAX).contains(&count), "categories", count, reason);
        let categories =
            self.categories.iter().map(|word| checks.text("categories", word, CATEGORY_CHARS_MAX)).collect();
        for (field, count) in [("people", self.people), ("records", self.records)] {
            checks.require((0..=COUNT_MAX).contains(&count), field, count, format_args!("is not 0 to {COUNT_MAX}"));
        }
        checks.finish()?;
        Ok(Self { nature, consequences, measures, plan, categories, ..self })
    }
}

/// Whether the people concerned are told: because the risk is high, or not, by one of the exceptions of article 45.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inform {
    /// Told: the risk is high.
    HighRisk,
    /// Not told: the risk is not high.
    NotHighRisk,
    /// Not told: the data was protected, by encryption for example.
    StrongMeasures,
    /// Not told: what was done since takes the high risk away.
    LaterMitigation,
    /// Told in public, because telling each of them is out of proportion.
    PublicNotice,
}

impl Inform {
    const ALL: [Self; 5] =
        [Self::HighRisk, Self::NotHighRisk, Self::StrongMeasures, Self::LaterMitigation, Self::PublicNotice];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HighRisk => "high_risk",
            Self::NotHighRisk => "not_high_risk",
            Self::StrongMeasures => "strong_measures",
            Self::LaterMitigation => "later_mitigation",
            Self::PublicNotice => "public_notice",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|inform| inform.as_str() == word)
    }
}

/// A breach as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub id: Uuid,
    /// What is known.
    pub known: Known,
    /// How far it is handled.
    pub state: State,
    /// When NCSA had the notice.
    pub notified_at: Option<Timestamp>,
    /// When NCSA had the report.
    pub reported_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Whether people are told, and why.
    pub inform: Option<(Inform, String)>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Breach {
    /// The clock of the notice.
    pub fn notice(&self, now: Timestamp) -> Clock {
        Clock::read(self.known.aware_at, NOTICE_WITHIN, self.notified_at, now)
    }

    /// The clock of the full report.
    pub fn report(&self, now: Timestamp) -> Clock {
        Clock::read(self.known.aware_at, REPORT_WITHIN, self.reported_at, now)
    }
}

/// The register. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Breaches {
    pool: PgPool,
    organisation: Organisation,
}

impl Breaches {
    /// The register of a database; reports name the organisation's data protection officer.
    pub const fn new(pool: PgPool, organisation: Organisation) -> Self {
        Self { pool, organisation }
    }

    /// Records a breach.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub async fn record(&self, known: Known, admin: UserId, now: Timestamp) -> Result<Breach, Error> {
        let breach = Breach {
            id: Uuid::now_v7(),
            known: known.check(now)?,
            state: State::Open,
            notified_at: None,
            reported_at: None,
            closed_at: None,
            inform: None,
            recorded_at: now,
        };
        let mut tx = self.pool.begin().await?;
        store::insert(&mut tx, &breach, admin).await?;
        audit::record(&mut tx, &Act::of_admin(admin, "breaches.recorded").on("breach", breach.id), now).await?;
        tx.commit().await?;
        tracing::info!(breach.id = %breach.id, "a breach of personal data was recorded; NCSA is to be notified within 48 h");
        Ok(breach)
    }

    /// Says more, or something else, while the report is not sent.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::NotFound`]; conflict `wrong_state` for one that was reported.
    pub async fn amend(&self, id: Uuid, known: Known, admin: UserId, now: Timestamp) -> Result<Breach, Error> {
        let known = known.check(now)?;
        let change = |breach: &mut Breach| {
            if breach.state >= State::Reported {
                return Err(Error::conflict("wrong_state", "what was reported is not changed any more"));
            }
            breach.known = known;
            Ok(())
        };
        self.change(id, "breaches.amended", (admin, now), change).await
    }

    /// One step on: the notice was sent, the report was sent, nothing is left to do.
    ///
    /// # Errors
    /// [`Error::NotFound`]; conflict `wrong_state`, or `not_decided` for one that is to be closed before it was decided whether
    /// people are told.
    pub async fn advance(&self, id: Uuid, to: State, admin: UserId, now: Timestamp) -> Result<Breach, Error> {
        let (action, change): (_, fn(&mut Breach) -> &mut Option<Timestamp>) = match to {
            State::Open => return Err(Error::conflict("wrong_state", "a breach begins open")),
            State::Notified => ("breaches.notified", |breach| &mut breach.notified_at),
            State::Reported => ("breaches.reported", |breach| &mut breach.reported_at),
            State::Closed => ("breaches.closed", |breach| &mut breach.closed_at),
        };
        let step = |breach: &mut Breach| {
            breach.state.advance(to)?;
            if to == State::Closed && breach.inform.is_none() {
                let message = "decide first whether the people concerned are told";
                return Err(Error::conflict("not_decided", message));
            }
            breach.state = to;
            *change(breach) = Some(now);
            Ok(())
        };
        self.change(id, action, (admin, now), step).await
    }

    /// Decides whether the people concerned are told.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::NotFound`]; conflict `wrong_state` for one that is closed.
    pub async fn decide(
        &self,
        id: Uuid,
        inform: Inform,
        reason: &str,
        (admin, now): (UserId, Timestamp),
    ) -> Result<Breach, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", reason, TEXT_CHARS_MAX);
        checks.finish()?;
        let decide = |breach: &mut Breach| {
            if breach.state == State::Closed {
                return Err(Error::conflict("wrong_state", "a breach that is closed stays as it is"));
            }
            breach.inform = Some((inform, reason));
            Ok(())
        };
        self.change(id, "breaches.informing_decided", (admin, now), decide).await
    }

    async fn change(
        &self,
        id: Uuid,
        action: &'static str,
        (admin, now): (UserId, Timestamp),
        change: impl FnOnce(&mut Breach) -> Result<(), Error>,
    ) -> Result<Breach, Error> {
        let mut tx = self.pool.begin().await?;
        let mut breach = store::lock(&mut tx, id).await?.ok_or(Error::NotFound { what: "breach" })?;
        change(&mut breach)?;
        store::update(&mut tx, &breach).await?;
        audit::record(&mut tx, &Act::of_admin(admin, action).on("breach", id), now).await?;
        tx.commit().await?;
        Ok(breach)
    }

    /// Breaches, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(&self, page: &PageRequest, admin: UserId, now: Timestamp) -> Result<Page<Breach>, Error> {
        let rows = store::page(&self.pool, page).await?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "breaches.listed"), &[], now).await?;
        Ok(Page::new(rows, page, |breach| Position { at: breach.recorded_at, id: breach.id }))
    }

    /// One breach.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show(&self, id: Uuid, admin: UserId, now: Timestamp) -> Result<Breach, Error> {
        let breach = store::find(&self.pool, id).await?.ok_or(Error::NotFound { what: "breach" })?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "breaches.read").on("breach", id), &[], now).await?;
        Ok(breach)
    }

    /// The report to NCSA as text, with everything that the law names.
    pub fn report_text(&self, breach: &Breach, now: Timestamp) -> String {
        report::text(breach, &self.organisation, now)
    }

    /// Tells the metrics again and again how many notices are overdue.
    pub async fn watch(self, stop: tokio_util::sync::CancellationToken) {
        loop {
            match store::overdue(&self.pool, crate::clock::now()).await {
                Ok((notices, reports)) => {
                    // Counts far below 2^53.
                    metrics::gauge!(names::BREACH_NOTICES_OVERDUE, "notice" => "ncsa_48h").set(notices as f64);
                    metrics::gauge!(names::BREACH_NOTICES_OVERDUE, "notice" => "ncsa_72h").set(reports as f64);
                }
                Err(error) => tracing::warn!(%error, "overdue notices of breaches could not be counted"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(WATCH_EVERY.to_duration()) => {}
            }
        }
    }
}

/// How often overdue notices are counted.
const WATCH_EVERY: Span = Span::from_secs(60);
