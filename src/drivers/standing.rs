//! The history of a driver's standing: what changed it, when, and why. Pure, but for reading it.

use serde::Serialize;
use uuid::Uuid;

use crate::drivers::{Drivers, Status, store};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

/// What changed a standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StandingCause)]
pub enum Cause {
    /// The driver handed papers in.
    Papers,
    /// A reviewer decided.
    Decision,
    /// A paper's last day passed.
    Expiry,
    /// The papers were renewed and approved.
    Renewal,
    /// An appeal was granted.
    Appeal,
}

impl Cause {
    const ALL: [Self; 5] = [Self::Papers, Self::Decision, Self::Expiry, Self::Renewal, Self::Appeal];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Papers => "papers",
            Self::Decision => "decision",
            Self::Expiry => "expiry",
            Self::Renewal => "renewal",
            Self::Appeal => "appeal",
        }
    }

    /// From the word in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }
}

/// A change of standing.
#[derive(Clone, Debug)]
pub struct StandingChange {
    /// Which.
    pub id: Uuid,
    /// Before; `None` at the beginning.
    pub from: Option<Status>,
    /// After.
    pub to: Status,
    /// By what.
    pub cause: Cause,
    /// Why, as the driver was told.
    pub reason: Option<String>,
    /// Who decided; nobody where the server or the driver's papers did.
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

impl Drivers {
    /// How a driver's standing came about, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn history(&self, driver: DriverId, page: &PageRequest) -> Result<Page<StandingChange>, Error> {
        let rows = store::history(&self.inner.pool, driver, page).await?;
        Ok(Page::new(rows, page, |change| Position { at: change.at, id: change.id }))
    }
}
