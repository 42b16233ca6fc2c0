//! Every service that has something about people, in the order in which an erasure goes through them.
//!
//! Separate because it is the one place to add a service to. Accounts come last: until then the row of the person says who
//! they were to whoever has to look for it.

use sqlx::{PgConnection, PgPool};

use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;
use crate::{auth, drivers, locations, notifications, payments, rides, safety};

/// A service with rows about people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Rides, quotes, offers, ratings.
    Rides,
    /// Where drivers were.
    Locations,
    /// What people were told.
    Notifications,
    /// Incidents.
    Safety,
    /// The ledger.
    Payments,
    /// Papers and shifts.
    Drivers,
    /// Profile and sessions.
    Auth,
}

impl Service {
    /// Every service, in the order of an erasure.
    pub const ALL: [Self; 7] =
        [Self::Rides, Self::Locations, Self::Notifications, Self::Safety, Self::Payments, Self::Drivers, Self::Auth];

    /// Everything this service has about a person, but the way of a driver.
    pub async fn export(self, pool: &PgPool, vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
        match self {
            Self::Rides => rides::personal::export(pool, vault, person).await,
            Self::Locations => locations::personal::export(pool, vault, person).await,
            Self::Notifications => notifications::personal::export(pool, vault, person).await,
            Self::Safety => safety::personal::export(pool, vault, person).await,
            Self::Payments => payments::personal::export(pool, vault, person).await,
            Self::Drivers => drivers::personal::export(pool, vault, person).await,
            Self::Auth => auth::personal::export(pool, vault, person).await,
        }
    }

    /// One piece of forgetting a person.
    pub async fn erase(self, conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<Progress, Error> {
        match self {
            Self::Rides => rides::personal::erase(conn, person, now).await,
            Self::Locations => locations::personal::erase(conn, person, now).await,
            Self::Notifications => notifications::personal::erase(conn, person, now).await,
            Self::Safety => safety::personal::erase(conn, person, now).await,
            Self::Payments => payments::personal::erase(conn, person, now).await,
            Self::Drivers => drivers::personal::erase(conn, person, now).await,
            Self::Auth => auth::personal::erase(conn, person, now).await,
        }
    }
}
