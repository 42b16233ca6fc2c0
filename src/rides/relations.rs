//! Who wants (not) to ride with whom again, and what the past says of people: what a booking and a shift begin with.
//!
//! A rider blocks drivers and has favourites, a driver blocks riders; only people who had a ride together, so that nobody
//! can be picked out of the city by id. Blocked by either side, the two are not matched, and neither is told by whom. It
//! counts from the next booking on.

use super::Rides;
use super::standing::Standing;
use super::store::relations::{self as store, Holder, Since};
use super::words::Relation;
use crate::clock;
use crate::error::{Checks, Error};
use crate::ids::{DriverId, RiderId, UserId};
use crate::matching::record::Record;
use crate::time::{Span, Timestamp};

/// Bounds of relations and of records.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// People whom one person blocks at most.
    pub blocked_max: u32,
    /// Favourites of one rider at most.
    pub favourites_max: u32,
    /// How far back a record looks.
    pub record_span: Span,
    /// And at so many offers or rides at most.
    pub record_newest_max: u32,
}

/// A relation with somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bond<T> {
    /// With whom.
    pub with: T,
    /// Which.
    pub relation: Relation,
    /// Since when.
    pub since: Timestamp,
}

/// A relation with somebody who has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who.
    pub id: UserId,
    /// Given name.
    pub first_name: String,
    /// Of a driver.
    pub plate: Option<String>,
    /// Which relation.
    pub relation: Relation,
    /// Since when.
    pub since: Timestamp,
}

impl Config {
    /// How far back records look at `now`.
    pub fn since(&self, now: Timestamp) -> Since {
        Since { from: now - self.record_span, newest: i64::from(self.record_newest_max) }
    }

    const fn most(&self, relation: Relation) -> u32 {
        match relation {
            Relation::Blocked => self.blocked_max,
            Relation::Favourite => self.favourites_max,
        }
    }
}

impl Rides {
    /// What a rider wishes of a driver from now on, in place of what they wished before.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown word; [`Error::NotFound`] for a driver with whom the rider had no ride (none that
    /// was completed, for a favourite); `too_many_blocked`, `too_many_favourites`.
    pub async fn relate_to_driver(&self, rider: RiderId, driver: DriverId, word: &str) -> Result<Named, Error> {
        let mut checks = Checks::new();
        let relation = Relation::check(&mut checks, "relation", word);
        checks.finish()?;
        let relation = relation.ok_or_else(|| Error::internal("checked above"))?;
        let since = self.relate(Holder::Rider(rider), (rider, driver), relation).await?;
        Ok(self.drivers_named(&[Bond { with: driver, relation, since }]).await?.remove(0))
    }

    /// A driver does not want to ride with a rider again.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a rider with whom the driver had no ride; `too_many_blocked`.
    pub async fn block_rider(&self, driver: DriverId, rider: RiderId) -> Result<Named, Error> {
        let since = self.relate(Holder::Driver(driver), (rider, driver), Relation::Blocked).await?;
        Ok(self.riders_named(&[Bond { with: rider, relation: Relation::Blocked, since }]).await?.remove(0))
    }

    /// A rider wishes nothing in particular of a driver any more. Also when there was nothing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_driver(&self, rider: RiderId, driver: DriverId) -> Result<(), Error> {
        store::delete_relation(&self.inner.pool, Holder::Rider(rider), (rider, driver)).await
    }

    /// A driver takes a rider's block back. Also when there was none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unblock_rider(&self, driver: DriverId, rider: RiderId) -> Result<(), Error> {
        store::delete_relation(&self.inner.pool, Holder::Driver(driver), (rider, driver)).await
    }

    /// The drivers whom a rider blocked or prefers, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn drivers_of(&self, rider: RiderId) -> Result<Vec<Named>, Error> {
        self.drivers_named(&store::relations_of_rider(&self.inner.pool, rider).await?).await
    }

    /// The riders whom a driver blocked, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn riders_of(&self, driver: DriverId) -> Result<Vec<Named>, Error> {
        self.riders_named(&store::relations_of_driver(&self.inner.pool, driver).await?).await
    }

    /// What is known of a rider who books.
    pub(super) async fn standing_of(&self, rider: RiderId, now: Timestamp) -> Result<Standing, Error> {
        store::standing(&self.inner.pool, rider, self.inner.config.relations.since(now)).await
    }

    /// What is known of a driver who begins a shift.
    pub(super) async fn record_of(&self, driver: DriverId, now: Timestamp) -> Result<Record, Error> {
        let since = self.inner.config.relations.since(now);
        let records = store::driver_records(&self.inner.pool, &[driver], since).await?;
        Ok(records.get(&driver).copied().unwrap_or_default())
    }

    async fn relate(&self, holder: Holder, pair: (RiderId, DriverId), relation: Relation) -> Result<Timestamp, Error> {
        let (what, other) = match holder {
            Holder::Rider(_) => ("driver", pair.1.0),
            Holder::Driver(_) => ("rider", pair.0.0),
        };
        if !store::met(&self.inner.pool, pair.0, pair.1, relation).await? {
            return Err(Error::NotFound { what });
        }
        let mut tx = self.inner.pool.begin().await?;
        store::lock_relations(&mut tx, holder).await?;
        let most = self.inner.config.relations.most(relation);
        if store::relations_beside(&mut tx, holder, other, relation).await? >= i64::from(most) {
            let code = match relation {
                Relation::Blocked => "too_many_blocked",
                Relation::Favourite => "too_many_favourites",
            };
            return Err(Error::conflict(code, format!("there are {most} already; take one away first")));
        }
        let bond = Bond { with: (), relation, since: clock::now() };
        let since = store::put_relation(&mut tx, holder, pair, bond).await?;
        tx.commit().await?;
        Ok(since)
    }

    async fn drivers_named(&self, bonds: &[Bond<DriverId>]) -> Result<Vec<Named>, Error> {
        let ids: Vec<DriverId> = bonds.iter().map(|bond| bond.with).collect();
        let cards = self.inner.drivers.cards(&ids).await?;
        let named = |bond: &Bond<DriverId>| {
            let card = cards.get(&bond.with);
            Named {
                id: bond.with.into(),
                first_name: card.map(|card| card.first_name.clone()).unwrap_or_default(),
                plate: card.map(|card| card.plate.clone()),
                relation: bond.relation,
                since: bond.since,
            }
        };
        Ok(bonds.iter().map(named).collect())
    }

    async fn riders_named(&self, bonds: &[Bond<RiderId>]) -> Result<Vec<Named>, Error> {
        let ids: Vec<UserId> = bonds.iter().map(|bond| bond.with.into()).collect();
        let names = self.inner.people.first_names(&ids).await?;
        let named = |bond: &Bond<RiderId>| Named {
            id: bond.with.into(),
            first_name: names.get(&UserId::from(bond.with)).cloned().unwrap_or_default(),
            plate: None,
            relation: bond.relation,
            since: bond.since,
        };
        Ok(bonds.iter().map(named).collect())
    }
}
