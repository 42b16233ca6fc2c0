//! The parties of a completed ride rate each other, once.

use super::reading::is_party;
use super::store::{Rating, Saved};
use super::{NOTE_CHARS_MAX, Rides, no_ride, store};
use crate::auth;
use crate::clock;
use crate::drivers;
use crate::error::{Checks, Error};
use crate::ids::{RideId, UserId};
use crate::realtime::protocol::view::RideStatus;
use crate::web::{Caller, Role};

impl Rides {
    /// Rates the other party of a completed ride, 1 to 5 stars. The same rating sent again is accepted.
    ///
    /// # Errors
    /// Not found unless the caller took part; `wrong_state` before completion; `already_rated` with other stars.
    pub async fn rate(&self, caller: Caller, id: RideId, stars: i64, comment: Option<&str>) -> Result<(), Error> {
        let mut checks = Checks::new();
        checks.require((1..=5).contains(&stars), "stars", stars, "is out of range 1..=5");
        let comment = checks.optional_text("comment", comment, NOTE_CHARS_MAX);
        checks.finish()?;
        let stars = i16::try_from(stars).map_err(Error::internal)?;
        let ride = self.stored(id).await?;
        let driver = ride.driver.filter(|_| is_party(&ride, caller)).ok_or_else(no_ride)?;
        if ride.status != RideStatus::Completed {
            return Err(super::wrong_state(Some(&ride)));
        }
        let by_driver = caller.role == Role::Driver;
        let about: UserId = if by_driver { ride.rider.into() } else { driver.into() };
        let rating = Rating {
            ride: id,
            by_role: caller.role.as_str(),
            by: caller.user,
            about,
            stars,
            comment,
            at: clock::now(),
        };
        let mut transaction = self.inner.pool.begin().await?;
        match store::save_rating(&mut transaction, &rating).await? {
            Saved::Before => return Ok(()),
            Saved::Otherwise => return Err(Error::conflict("already_rated", "you rated this ride before")),
            Saved::New if by_driver => auth::record_rating(&mut transaction, about, stars).await?,
            Saved::New => drivers::record_rating(&mut transaction, driver, stars).await?,
        }
        transaction.commit().await?;
        if !by_driver {
            self.inner.drivers.forget_card(driver);
        }
        Ok(())
    }
}
