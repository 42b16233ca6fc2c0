//! Drivers: their papers, who may drive, how they are rated, and when they are on shift.
//!
//! A driver is an account of the role driver plus papers that an admin approved. Other services ask two things: may this
//! driver drive ([`Drivers::standing`]), and what is a rider shown of them ([`Drivers::cards`]). Ratings, counters and
//! shifts are written by the services that know of them, in their own transactions, through the functions below.
//!
//! Invariants: nobody drives whose papers were not approved as they are now (new papers go back to review); a suspension
//! ends only by an admin; a driver has at most one open shift.

mod documents;
pub mod http;
mod papers;
pub mod personal;
mod review;
mod seed;
mod store;
pub mod wishes;
mod wishing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use sqlx::PgPool;
use tokio::sync::broadcast;

use crate::auth::{Auth, Recent};
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::{DriverId, UserId};
use crate::jobs::New;
use crate::notifications::{self, Params};
use crate::phone::Phone;
use crate::storage::Storage;
use crate::time::{Span, Timestamp};
use crate::vault::Vault;
use crate::web::RequestId;
use crate::web::page::{Page, PageRequest, Position};

pub use documents::{Document, DocumentKind, DocumentRequest};
pub use papers::{Fuel, Papers, PapersRequest};
pub use review::{Decision, Status};
pub use seed::Begin;
pub use store::{close_shift, on_shift, open_shift, record_completed, record_rating, ride_types, was_on_shift};
pub use wishes::{Asked, Unwished, WishesRequest};
pub use wishing::{HomeConfig, WishesNow};

use wishes::board::Board;

/// Longest reason of a decision.
const REASON_CHARS_MAX: usize = 200;
const SEND_PAPERS_FIRST: &str = "send your licence and motorcycle first, with PUT /drivers/me";
/// Papers of one driver, old ones included.
const DOCUMENTS_MAX: i64 = 100;
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
    /// When an admin last decided.
    pub reviewed_at: Option<Timestamp>,
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
}

impl Drivers {
    /// Names and numbers come from `auth`.
    pub fn new(pool: PgPool, auth: Auth, vault: Vault, storage: Storage, config: &Config) -> Self {
        let cards = Mutex::new(Recent::new(config.cards_remembered_max, config.card_age_max));
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let (home, board) = (config.home, Board::default());
        Self { inner: Arc::new(Inner { pool, auth, vault, storage, cards, changes, home, board }) }
    }

    /// Drivers whose papers or standing were changed in this process.
    pub fn changes(&self) -> broadcast::Receiver<DriverId> {
        self.inner.changes.subscribe()
    }

    /// Takes a driver's papers. Papers that differ from those before go (back) to review; the same ones change nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `plate_taken` when another driver has that plate.
    pub async fn put_papers(&self, driver: DriverId, papers: &Papers, now: Timestamp) -> Result<Driver, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, driver).await?;
        let is_same = before.as_ref().is_some_and(|before| before.papers == *papers);
        if !is_same {
            let status = before.map_or(Status::Pending, |before| before.status.after_new_papers());
            store::put_papers(&mut tx, driver, papers, status, now).await?;
        }
        tx.commit().await?;
        if !is_same {
            self.changed(driver);
        }
        self.driver(driver).await
    }

    /// A driver's papers and standing.
    ///
    /// # Errors
    /// [`Error::NotFound`] before any papers were sent.
    pub async fn driver(&self, driver: DriverId) -> Result<Driver, Error> {
        store::driver(&self.inner.pool, driver).await?.ok_or_else(no_driver)
    }

    /// Takes a document.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `no_papers` before the papers were sent, or `too_many_documents`.
    pub async fn add_document(&self, driver: DriverId, document: &Document) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        if store::lock(&mut tx, driver).await?.is_none() {
            return Err(Error::conflict("no_papers", SEND_PAPERS_FIRST));
        }
        if store::documents_count(&mut tx, driver).await? >= DOCUMENTS_MAX {
            return Err(Error::conflict("too_many_documents", "no more documents are kept; contact support"));
        }
        store::insert_document(&mut tx, driver, document).await?;
        Ok(tx.commit().await?)
    }

    /// A driver's documents, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn documents(&self, driver: DriverId) -> Result<Vec<Document>, Error> {
        store::documents(&self.inner.pool, driver).await
    }

    /// Drivers for review, the newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(&self, status: Option<Status>, page: &PageRequest) -> Result<Page<Driver>, Error> {
        let rows = store::list(&self.inner.pool, status, page).await?;
        Ok(Page::new(rows, page, |driver| Position { at: driver.created_at, id: driver.id.0 }))
    }

    /// Decides about a driver and tells them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver; [`Error::Invalid`] for a reason that is empty or too long;
    /// [`Error::Conflict`] as [`Decision::apply`].
    pub async fn decide(
        &self,
        admin: UserId,
        driver: DriverId,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<Driver, Error> {
        if let Some(reason) = decision.reason() {
            let mut checks = Checks::new();
            checks.text("reason", reason, REASON_CHARS_MAX);
            checks.finish()?;
        }
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, driver).await?.ok_or_else(no_driver)?;
        let status = decision.apply(before.status, &before.papers, now.kigali_day())?;
        store::set_status(&mut tx, driver, status, store::Review { by: admin, reason: decision.reason(), at: now })
            .await?;
        let params = decision.reason().map(|reason| ("reason".to_owned(), reason.trim().to_owned()));
        let mut new = New::at(now);
        new.request_id = RequestId::current_or_none();
        let params = params.into_iter().collect::<Params>();
        notifications::tell(&mut tx, driver.into(), decision.message(), params, new).await?;
        tx.commit().await?;
        tracing::info!(driver.id = %driver, by = %admin, status = status.as_str(), "a driver was reviewed");
        self.changed(driver);
        self.driver(driver).await
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
        let Some(driver) = store::driver(&self.inner.pool, driver).await? else {
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
            Status::Approved => {
                driver.papers.expired_on(now.kigali_day()).map(|paper| format!("your {paper} has expired"))
            }
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
