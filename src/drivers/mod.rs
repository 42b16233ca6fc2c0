//! Drivers: their papers, who may drive, how they are rated, and when they are on shift.
//!
//! A driver is an account of the role driver plus papers that an admin approved. Other services ask two things: may this
//! driver drive ([`Drivers::standing`]), and what is a rider shown of them ([`Drivers::cards`]). Ratings, counters and
//! shifts are written by the services that know of them, in their own transactions, through the functions below.
//!
//! How papers come in and are decided upon: `onboarding` (what is required, pure), `handing_in`, `deciding`, `expiry`.
//!
//! Invariants: nobody drives whose papers were not approved as they are now (new ones go back to review; one that follows a
//! paper in force is reviewed beside it); a suspension ends only by an admin, unless it came from a paper's last day; a
//! driver has at most one open shift; every change of standing is in its history, and every act of a reviewer in the audit
//! log.

mod appeals;
pub mod authority;
mod deciding;
mod documents;
mod expiry;
mod files;
mod handing_in;
pub mod http;
pub mod jobs;
mod onboarding;
mod papers;
pub mod personal;
mod queue;
mod review;
mod sealing;
mod seed;
mod shifts;
mod standing;
mod store;
pub mod wishes;
mod wishing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use rustc_hash::FxHashMap;
use sqlx::PgPool;
use tokio::sync::{Semaphore, broadcast};

use crate::auth::{Auth, Recent};
use crate::clock;
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::phone::Phone;
use crate::storage::Storage;
use crate::time::{Span, Timestamp};
use crate::vault::Vault;
use crate::web::page::{Page, PageRequest, Position};

pub use appeals::Appeal;
pub use deciding::PaperDecision;
pub use documents::{Document, DocumentKind, DocumentRequest};
pub use expiry::Round;
pub use papers::{Fuel, Papers, PapersRequest};
pub use review::{Decision, Status, SuspendedFor};
pub use sealing::seal_open_numbers;
pub use seed::Begin;
pub use store::{SEALED, close_shift, on_shift, open_shift, record_completed, record_rating, ride_types, was_on_shift};
pub use wishes::{Asked, Unwished, WishesRequest};
pub use wishing::{HomeConfig, WishesNow};

use authority::{Authority, Manual};
use wishes::board::Board;

const SEND_PAPERS_FIRST: &str = "send your licence and motorcycle first, with PUT /drivers/me";
/// Changes of standing that a slow listener may fall behind by.
const CHANGES_MAX: usize = 1_024;

/// Bounds of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Drivers whose cards are remembered (twice as many at most).
    pub cards_remembered_max: usize,
    /// How long a card is remembered; other nodes see a change after at most twice this.
    pub card_age_max: Span,
    /// The way home.
    pub home: HomeConfig,
    /// Papers.
    pub papers: PapersConfig,
}

/// Bounds and rules of papers.
#[derive(Clone, Copy, Debug)]
pub struct PapersConfig {
    /// Whether every paper of the list is required, or licence, motorcycle and insurance as data.
    pub is_complete: bool,
    /// Largest picture of a person or a thing.
    pub photo_bytes_max: usize,
    /// Largest scan of a paper.
    pub document_bytes_max: usize,
    /// Files that are taken at the same time.
    pub uploads_max: usize,
    /// How long papers are kept for the reviewer who took them.
    pub claim_lasts: Span,
    /// Under this average a rating is put before a reviewer, in hundredths of a star.
    pub rating_below_hundredths: i64,
    /// After this many ratings since a reviewer last looked; 0 is never.
    pub rating_after: i32,
    /// How old a file that nobody refers to gets.
    pub orphan_age_min: Span,
}

#[cfg(test)]
impl PapersConfig {
    /// Rehearsal rules with small bounds.
    pub const FOR_TESTS: Self = Self {
        is_complete: false,
        photo_bytes_max: 20_000,
        document_bytes_max: 20_000,
        uploads_max: 2,
        claim_lasts: Span::from_minutes(20),
        rating_below_hundredths: 350,
        rating_after: 3,
        orphan_age_min: Span::from_minutes(60),
    };
}

/// A driver's papers and standing.
#[derive(Clone, Debug)]
pub struct Driver {
    /// Who.
    pub id: DriverId,
    /// What they showed.
    pub papers: Papers,
    /// Where they stand.
    pub status: Status,
    /// Why, where they were told.
    pub status_reason: Option<String>,
    /// Of somebody suspended.
    pub suspended_for: Option<SuspendedFor>,
    /// The last day of the authorisation in force.
    pub authorisation_expires_on: Option<NaiveDate>,
    /// When it was last decided.
    pub reviewed_at: Option<Timestamp>,
    /// Since when something waits for a reviewer.
    pub waiting_since: Option<Timestamp>,
    /// The reviewer who took the papers, until when.
    pub claim: Option<(UserId, Timestamp)>,
    /// Since when the rating waits for a reviewer.
    pub rating_flagged_at: Option<Timestamp>,
    /// Average stars, `None` without ratings.
    pub rating: Option<f64>,
    /// How many ratings.
    pub ratings_count: i32,
    /// Rides brought to their destination.
    pub rides_completed: i32,
    /// Whether a shift is open.
    pub is_online: bool,
    /// When the papers were first sent.
    pub created_at: Timestamp,
}

impl Driver {
    /// The first paper that is no longer good on a day.
    pub fn expired_on(&self, day: NaiveDate) -> Option<&'static str> {
        let is_expired = self.authorisation_expires_on.is_some_and(|last| last < day);
        self.papers.expired_on(day).or(is_expired.then_some("authorisation"))
    }
}

/// Whether a driver may drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Approved, and every paper good today.
    pub approved: bool,
    /// Why not, for the driver.
    pub reason: Option<String>,
    /// What they drive.
    pub ride_types: Vec<String>,
}

/// What a rider is shown of a driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Given name.
    pub first_name: String,
    /// To find the motorcycle by.
    pub plate: String,
    /// Average stars, `None` without ratings.
    pub rating: Option<f64>,
    /// To call while the ride is live.
    pub phone: Phone,
}

/// The service.
#[derive(Clone)]
pub struct Drivers {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    auth: Auth,
    vault: Vault,
    storage: Storage,
    cards: Mutex<Recent<DriverId, Card>>,
    changes: broadcast::Sender<DriverId>,
    home: HomeConfig,
    board: Board,
    papers: PapersConfig,
    uploads: Semaphore,
    authority: Arc<dyn Authority>,
    approves: bool,
}

impl Drivers {
    /// Names and numbers come from `auth`.
    pub fn new(pool: PgPool, auth: Auth, vault: Vault, storage: Storage, config: &Config) -> Self {
        let cards = Mutex::new(Recent::new(config.cards_remembered_max, config.card_age_max));
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let inner = Inner {
            pool,
            auth,
            vault,
            storage,
            cards,
            changes,
            home: config.home,
            board: Board::default(),
            papers: config.papers,
            uploads: Semaphore::new(config.papers.uploads_max),
            authority: Arc::new(Manual),
            approves: false,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same, asking an authority about papers; whether what it calls valid is approved at once.
    #[must_use]
    pub fn verified_by(mut self, authority: Arc<dyn Authority>, approves: bool) -> Self {
        let inner = Arc::get_mut(&mut self.inner).expect("nobody has a clone of what was just built");
        (inner.authority, inner.approves) = (authority, approves);
        self
    }

    /// Drivers whose papers or standing were changed in this process.
    pub fn changes(&self) -> broadcast::Receiver<DriverId> {
        self.inner.changes.subscribe()
    }

    /// A driver's papers and standing.
    ///
    /// # Errors
    /// [`Error::NotFound`] before any papers were sent.
    pub async fn driver(&self, driver: DriverId) -> Result<Driver, Error> {
        store::driver(&self.inner.pool, &self.inner.vault, driver).await?.ok_or_else(no_driver)
    }

    /// A driver's documents, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn documents(&self, driver: DriverId) -> Result<Vec<Document>, Error> {
        store::documents(&self.inner.pool, &self.inner.vault, driver).await
    }

    /// Drivers for review, the newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(&self, status: Option<Status>, page: &PageRequest) -> Result<Page<Driver>, Error> {
        let rows = store::list(&self.inner.pool, &self.inner.vault, status, page).await?;
        Ok(Page::new(rows, page, |driver| Position { at: driver.created_at, id: driver.id.0 }))
    }

    /// Whether a driver may drive now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn standing(&self, driver: DriverId, now: Timestamp) -> Result<Standing, Error> {
        if self.inner.auth.is_restricted(driver.into()).await? {
            let reason = "your data is kept but not used, as you asked; lift that restriction to drive".to_owned();
            return Ok(Standing { approved: false, reason: Some(reason), ride_types: Vec::new() });
        }
        let Some(driver) = store::driver(&self.inner.pool, &self.inner.vault, driver).await? else {
            let reason = Some(SEND_PAPERS_FIRST.to_owned());
            return Ok(Standing { approved: false, reason, ride_types: Vec::new() });
        };
        let because = |text: &str| match &driver.status_reason {
            Some(reason) => format!("{text}: {reason}"),
            None => text.to_owned(),
        };
        let reason = match driver.status {
            Status::Pending => Some("your papers have not been approved yet".to_owned()),
            Status::Rejected => Some(because("your papers were not accepted")),
            Status::Suspended => Some(because("your account is suspended")),
            Status::Approved => driver.expired_on(now.kigali_day()).map(|paper| format!("your {paper} has expired")),
        };
        Ok(Standing { approved: reason.is_none(), reason, ride_types: driver.papers.ride_types })
    }

    /// Who is on shift although [`Drivers::standing`] says that they may not drive.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn on_shift_without_standing(&self, now: Timestamp) -> Result<Vec<DriverId>, Error> {
        Ok(store::on_shift_without_standing(&self.inner.pool, now.kigali_day()).await?)
    }

    /// What riders are shown of drivers. Whoever does not exist is left out. Remembered for a while.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn cards(&self, ids: &[DriverId]) -> Result<FxHashMap<DriverId, Card>, Error> {
        let now = clock::now();
        let mut found = FxHashMap::default();
        let mut unknown = Vec::new();
        {
            let mut cards = self.remembered();
            for id in ids {
                match cards.look_up(id, now) {
                    Some(card) => {
                        found.insert(*id, card.clone());
                    }
                    None => unknown.push(*id),
                }
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let people: Vec<UserId> = unknown.iter().map(|id| UserId::from(*id)).collect();
        let people = self.inner.auth.people(&people).await?;
        let rows = store::motorcycles(&self.inner.pool, &unknown).await?;
        let mut cards = self.remembered();
        for (id, motorcycle) in rows {
            let Some(person) = people.get(&id.into()) else { continue };
            let card = Card {
                first_name: person.first_name.clone(),
                plate: motorcycle.plate,
                rating: motorcycle.rating,
                phone: person.phone,
            };
            cards.remember(id, card.clone(), now);
            found.insert(id, card);
        }
        Ok(found)
    }

    /// Forgets what was remembered of a driver, whose name or rating changed.
    pub fn forget_card(&self, driver: DriverId) {
        self.remembered().forget(&driver);
    }

    /// A driver's standing was changed by another service.
    pub fn standing_changed(&self, driver: DriverId) {
        self.changed(driver);
    }

    fn changed(&self, driver: DriverId) {
        self.forget_card(driver);
        // Nobody listens in a process without a city: that is fine.
        let _ = self.inner.changes.send(driver);
    }

    /// Survives a panic of another holder: what is remembered is never half-written.
    fn remembered(&self) -> MutexGuard<'_, Recent<DriverId, Card>> {
        self.inner.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_driver() -> Error {
    Error::NotFound { what: "driver" }
}

#[cfg(test)]
mod tests;
