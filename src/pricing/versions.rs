//! How a price comes into force: proposed by one admin, approved by another, for a day that lies ahead.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::terms::RIDE_TYPES;
use super::{Prices, TariffPrices, TermsNumbers, store};
use crate::audit::{self, Act};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

const NAME_CHARS_MAX: usize = 80;
const SOURCE_CHARS_MAX: usize = 500;
/// Nobody decides today what holds in ten years.
const AHEAD_DAYS_MAX: i64 = 3_650;

/// How far a version is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PriceVersionState)]
pub enum State {
    /// Waits for somebody else's approval.
    Proposed,
    /// Holds from its day on.
    Approved,
    /// Never holds.
    Withdrawn,
}

impl State {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// From the name in the database.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Proposed, Self::Approved, Self::Withdrawn].into_iter().find(|state| state.as_str() == word)
    }
}

/// What kind of version, for the database, the log and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tariff,
    Terms,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tariff => "tariff",
            Self::Terms => "terms",
        }
    }

    const fn act(self, step: State) -> &'static str {
        match (self, step) {
            (Self::Tariff, State::Proposed) => "tariffs.proposed",
            (Self::Tariff, State::Approved) => "tariffs.approved",
            (Self::Tariff, State::Withdrawn) => "tariffs.withdrawn",
            (Self::Terms, State::Proposed) => "terms.proposed",
            (Self::Terms, State::Approved) => "terms.approved",
            (Self::Terms, State::Withdrawn) => "terms.withdrawn",
        }
    }
}

/// What is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The regulator's prices.
    Tariff(TariffPrices),
    /// The platform's terms.
    Terms {
        /// For which kind of ride.
        ride_type: String,
        /// The numbers.
        numbers: TermsNumbers,
    },
}

impl Content {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Tariff(_) => Kind::Tariff,
            Self::Terms { .. } => Kind::Terms,
        }
    }
}

/// What somebody proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What proofs and receipts call it; of one thing for ever.
    pub name: String,
    /// The first day in Kigali, `2027-03-01`.
    pub valid_from: String,
    /// The document it comes from.
    pub source: String,
    /// The numbers.
    pub content: Content,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// The first day in Kigali on which it holds.
    pub valid_from: NaiveDate,
    /// The document it comes from.
    pub source: String,
    /// The numbers.
    pub content: Content,
    /// How far it is decided.
    pub state: State,
    /// Who proposed it.
    pub proposer: UserId,
    /// When.
    pub proposed_at: Timestamp,
    /// Who approved it, and when.
    pub approved: Option<(UserId, Timestamp)>,
    /// Who withdrew it, and when.
    pub withdrawn: Option<(UserId, Timestamp)>,
}

impl Proposal {
    fn check(self, by: UserId, now: Timestamp) -> Result<Version, Error> {
        let mut checks = Checks::new();
        let name = checks.text("name", &self.name, NAME_CHARS_MAX);
        let source = checks.text("source", &self.source, SOURCE_CHARS_MAX);
        let parsed =
            NaiveDate::parse_from_str(&self.valid_from, "%Y-%m-%d").map_err(|_| "is not a day like 2027-03-01");
        let valid_from = checks.accept("valid_from", &self.valid_from, parsed);
        if let Some(day) = valid_from {
            let ahead = day.signed_duration_since(now.kigali_day()).num_days();
            checks.require(ahead > 0, "valid_from", day, "is not after today: prices are never changed after the fact");
            checks.require(ahead <= AHEAD_DAYS_MAX, "valid_from", day, "is more than ten years ahead");
        }
        match &self.content {
            Content::Tariff(prices) => prices.check(&mut checks),
            Content::Terms { ride_type, numbers } => {
                let is_known = RIDE_TYPES.contains(&ride_type.as_str());
                checks.require(is_known, "ride_type", ride_type, "is not one of boda, delivery");
                numbers.check(&mut checks);
            }
        }
        checks.finish()?;
        Ok(Version {
            id: Uuid::now_v7(),
            name,
            valid_from: valid_from.ok_or_else(|| Error::internal("checked above"))?,
            source,
            content: self.content,
            state: State::Proposed,
            proposer: by,
            proposed_at: now,
            approved: None,
            withdrawn: None,
        })
    }
}

impl Prices {
    /// Proposes a version.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field; conflict `name_taken`.
    pub async fn propose(&self, proposal: Proposal, admin: UserId, now: Timestamp) -> Result<Version, Error> {
        let version = proposal.check(admin, now)?;
        let book = self.inner.built_in.clone();
        let is_built_in = match version.content {
            Content::Tariff(_) => book.tariff_named(&version.name).is_some(),
            Content::Terms { .. } => book.terms_named(&version.name).is_some(),
        };
        let mut tx = self.inner.pool.begin().await?;
        if is_built_in || !store::insert(&mut tx, &version).await? {
            return Err(Error::conflict("name_taken", "another version has this name; a name is of one for ever"));
        }
        let act = Act::of_admin(admin, version.content.kind().act(State::Proposed)).on("price_version", version.id);
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        Ok(version)
    }

    /// Approves a version that somebody else proposed. Approved already by the same admin, it is shown as it is.
    ///
    /// # Errors
    /// Not found; conflicts `four_eyes`, `wrong_state`, `day_passed`, `day_taken`.
    pub(super) async fn approve(&self, kind: Kind, id: Uuid, admin: UserId, now: Timestamp) -> Result<Version, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let version = store::lock(&mut tx, kind, id).await?.ok_or(Error::NotFound { what: "version" })?;
        if version.proposer == admin {
            return Err(Error::conflict("four_eyes", "who proposed it cannot approve it; ask another admin"));
        }
        let is_again = version.approved.is_some_and(|(approver, _)| approver == admin);
        if version.state != State::Proposed && !(version.state == State::Approved && is_again) {
            return Err(Error::conflict("wrong_state", format!("it is {} already", version.state.as_str())));
        }
        if version.state == State::Proposed {
            if version.valid_from <= now.kigali_day() {
                let text = format!("it was to hold from {}, which is not after today", version.valid_from);
                return Err(Error::conflict("day_passed", text));
            }
            if !store::approve(&mut tx, id, admin, now).await? {
                let text = format!("another approved version begins on {}; withdraw that first", version.valid_from);
                return Err(Error::conflict("day_taken", text));
            }
        }
        self.finish(tx, kind, State::Approved, (id, admin, now)).await
    }

    /// Withdraws a version that does not hold yet. Withdrawn already, it is shown as it is.
    ///
    /// # Errors
    /// Not found; conflict `in_force`: what held is never undone, another version replaces it.
    pub(super) async fn withdraw(&self, kind: Kind, id: Uuid, admin: UserId, now: Timestamp) -> Result<Version, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let version = store::lock(&mut tx, kind, id).await?.ok_or(Error::NotFound { what: "version" })?;
        match version.state {
            State::Approved if version.valid_from <= now.kigali_day() => {
                return Err(Error::conflict("in_force", "it holds already; approve another that replaces it"));
            }
            State::Withdrawn => {}
            State::Proposed | State::Approved => store::withdraw(&mut tx, id, admin, now).await?,
        }
        self.finish(tx, kind, State::Withdrawn, (id, admin, now)).await
    }

    async fn finish(
        &self,
        mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
        kind: Kind,
        step: State,
        (id, admin, now): (Uuid, UserId, Timestamp),
    ) -> Result<Version, Error> {
        let version = store::lock(&mut tx, kind, id).await?.ok_or(Error::NotFound { what: "version" })?;
        audit::record(&mut tx, &Act::of_admin(admin, kind.act(step)).on("price_version", id), now).await?;
        tx.commit().await?;
        // This server at once, the others within seconds; it is days until it matters.
        self.reload().await?;
        Ok(version)
    }

    /// Every version of a kind, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn versions(
        &self,
        kind: Kind,
        page: &PageRequest,
        admin: UserId,
        now: Timestamp,
    ) -> Result<Page<Version>, Error> {
        let rows = store::list(&self.inner.pool, kind, page).await?;
        let action = if kind == Kind::Tariff { "tariffs.listed" } else { "terms.listed" };
        audit::record_read(&self.inner.pool, &Act::of_admin(admin, action), &[], now).await?;
        Ok(Page::new(rows, page, |version| Position { at: version.proposed_at, id: version.id }))
    }
}
