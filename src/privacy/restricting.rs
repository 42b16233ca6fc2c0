//! Restriction (art. 22): data that is kept but not used, while a person disputes it or needs it for a claim.
//!
//! While it holds, nobody dispatches, books, studies or markets with the person's data: no ride can be booked or taken, no
//! purpose that rests on consent or interest is followed. What is kept stays kept, and what the law asks for goes on.

use super::Privacy;
use super::exporting::checked_reason;
use super::store::restrictions;
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::{auth, drivers, rides};

pub use restrictions::Restriction;

impl Privacy {
    /// The restriction in force, if there is one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn restriction(&self, person: UserId) -> Result<Option<Restriction>, Error> {
        Ok(restrictions::in_force(&self.inner.pool, person).await?)
    }

    /// Restricts at a person's wish; again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `live_ride` or `on_shift`: what is under way cannot go on without its data.
    pub async fn restrict(&self, person: UserId, now: Timestamp) -> Result<(), Error> {
        self.begin(person, person, None, now).await
    }

    /// Restricts for somebody who asked on paper.
    ///
    /// # Errors
    /// As [`Privacy::restrict`]; [`Error::NotFound`] for nobody; [`Error::Invalid`] without a reason.
    pub async fn restrict_for(&self, admin: UserId, person: UserId, reason: &str, now: Timestamp) -> Result<(), Error> {
        let reason = checked_reason(reason)?;
        self.begin(person, admin, Some(&reason), now).await
    }

    async fn begin(&self, person: UserId, by: UserId, reason: Option<&str>, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        if !auth::personal::is_known(&mut tx, person).await? {
            return Err(Error::NotFound { what: "person" });
        }
        if rides::personal::has_live_ride(&mut tx, person).await? {
            return Err(Error::conflict("live_ride", "a ride is under way or booked; end it or cancel it first"));
        }
        if drivers::personal::is_on_shift(&mut tx, person).await? {
            return Err(Error::conflict("on_shift", "a shift is open; end it first"));
        }
        if restrictions::insert(&mut tx, person, (by, reason), now).await? {
            auth::personal::restrict(&mut tx, person, Some(now)).await?;
        }
        if by != person {
            let act = Act { whose: Some(person), ..Act::of_admin(by, "privacy.restricted") };
            audit::record(&mut tx, &act, now).await?;
        }
        tx.commit().await?;
        self.inner.auth.forget_person(person);
        Ok(())
    }

    /// Ends the restriction; without one nothing changes.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lift_restriction(&self, person: UserId, by: UserId, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        if restrictions::lift(&mut tx, person, by, now).await? {
            auth::personal::restrict(&mut tx, person, None).await?;
        }
        if by != person {
            let act = Act { whose: Some(person), ..Act::of_admin(by, "privacy.restriction_lifted") };
            audit::record(&mut tx, &act, now).await?;
        }
        tx.commit().await?;
        self.inner.auth.forget_person(person);
        Ok(())
    }
}
