//! The names in a view: who rides and who drives, from the services that own them.

use rustc_hash::FxHashMap;

use crate::auth::{Auth, Guest};
use crate::drivers::Drivers;
use crate::error::Error;
use crate::ids::{DriverId, RiderId, UserId};
use crate::notifications::Language;
use crate::phone::Phone;
use crate::rides::ride::Ride;
use crate::rides::view::Cast;
use crate::time::Timestamp;
use crate::vault::Vault;

/// The two services that know people.
#[derive(Clone)]
pub struct People {
    auth: Auth,
    drivers: Drivers,
}

impl People {
    /// Asks these.
    pub fn new(auth: Auth, drivers: Drivers) -> Self {
        Self { auth, drivers }
    }

    /// What contacts of rides are sealed and opened with: as everything of people.
    pub fn vault(&self) -> &Vault {
        self.auth.vault()
    }

    /// Whether there is such a rider.
    ///
    /// # Errors
    /// When they are not in memory and the database does not answer.
    pub async fn knows(&self, rider: RiderId) -> Result<bool, Error> {
        Ok(!self.auth.people(&[rider.into()]).await?.is_empty())
    }

    /// Refuses whoever's data is kept but not used: no ride is booked with it.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `processing_restricted`; when they are not in memory and the database does not answer.
    pub async fn refuse_restricted(&self, rider: RiderId) -> Result<(), Error> {
        let people = self.auth.people(&[rider.into()]).await?;
        if people.get(&rider.into()).is_some_and(|person| person.is_restricted) {
            let message = "the rider asked that their data be kept but not used; lift that restriction to ride";
            return Err(Error::conflict("processing_restricted", message));
        }
        Ok(())
    }

    /// Whether there is such a rider and the account is open.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_open(&self, rider: RiderId) -> Result<bool, Error> {
        // Asked first, because it remembers the name.
        Ok(self.knows(rider).await? && self.auth.is_open(rider.into()).await?)
    }

    /// Whose this number is, in whatever role.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of(&self, phone: Phone) -> Result<Option<UserId>, Error> {
        self.auth.account_of(phone).await
    }

    /// The language that somebody is spoken to in.
    ///
    /// # Errors
    /// When they are not in memory and the database does not answer.
    pub async fn language_of(&self, user: UserId) -> Result<Language, Error> {
        Ok(self.auth.people(&[user]).await?.get(&user).map(|person| person.language).unwrap_or_default())
    }

    /// The account of a rider for whom somebody books.
    ///
    /// # Errors
    /// As [`Auth::guest`].
    pub async fn guest(
        &self,
        phone: Phone,
        first_name: &str,
        language: Language,
        now: Timestamp,
    ) -> Result<Guest, Error> {
        self.auth.guest(phone, first_name, language, now).await
    }

    /// Given names. Whoever does not exist is left out.
    ///
    /// # Errors
    /// When they are not in memory and the database does not answer.
    pub async fn first_names(&self, ids: &[UserId]) -> Result<FxHashMap<UserId, String>, Error> {
        let people = self.auth.people(ids).await?;
        Ok(people.into_iter().map(|(id, person)| (id, person.first_name)).collect())
    }

    /// The people of many rides, in order.
    ///
    /// # Errors
    /// When they are not in memory and the database does not answer.
    pub async fn casts(&self, rides: &[&Ride]) -> Result<Vec<Cast>, Error> {
        if rides.is_empty() {
            return Ok(Vec::new());
        }
        let riders: Vec<_> = rides.iter().map(|ride| ride.rider.into()).collect();
        let drivers: Vec<DriverId> = rides.iter().filter_map(|ride| ride.driver).collect();
        let people = self.auth.people(&riders).await?;
        let cards = if drivers.is_empty() { Default::default() } else { self.drivers.cards(&drivers).await? };
        let cast = |ride: &&Ride| Cast {
            rider_name: people.get(&ride.rider.into()).map(|person| person.first_name.clone()).unwrap_or_default(),
            driver: ride.driver.and_then(|driver| cards.get(&driver)).cloned(),
        };
        Ok(rides.iter().map(cast).collect())
    }

    /// The people of one ride. A view without names beats no view: what cannot be looked up is left empty and logged.
    pub async fn cast(&self, ride: &Ride) -> Cast {
        match self.casts(&[ride]).await {
            Ok(casts) => casts.into_iter().next().unwrap_or_default(),
            Err(error) => {
                tracing::warn!(ride.id = %ride.id, error = %crate::telemetry::chain(&error), "the names of a ride are missing");
                Cast::default()
            }
        }
    }
}
