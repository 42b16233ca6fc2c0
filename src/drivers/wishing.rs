//! Saying what one wishes for, and being asked accordingly.

use super::wishes::board::Stored;
use super::wishes::{Asked, Home, Unwished, Wishes, WishesRequest};
use super::{Drivers, SEND_PAPERS_FIRST, store};
use crate::error::Error;
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// Bounds of the way home.
#[derive(Clone, Copy, Debug)]
pub struct HomeConfig {
    /// How often a day it can be switched on.
    pub uses_per_day_max: u32,
    /// How long it stays on.
    pub lasts: Span,
    /// By how much nearer a ride must bring a driver, in percent of the distance.
    pub nearer_min_percent: u32,
}

#[cfg(test)]
impl HomeConfig {
    /// For tests of other services.
    pub const FOR_TESTS: Self = Self { uses_per_day_max: 2, lasts: Span::from_minutes(120), nearer_min_percent: 30 };
}

/// Wishes in force, and how often home can still be wished for.
#[derive(Clone, Debug, PartialEq)]
pub struct WishesNow {
    /// What is wished for.
    pub wishes: Wishes,
    /// How often the way home can be switched on again today.
    pub home_uses_left: u32,
}

impl Drivers {
    /// What a driver wishes for now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn wishes(&self, driver: DriverId, now: Timestamp) -> Result<WishesNow, Error> {
        let pool = &self.inner.pool;
        let stored = store::wishes(pool, driver).await?;
        let used = store::home_uses(pool, driver, now.kigali_day()).await?;
        Ok(self.wishes_now(stored.map(|stored| stored.wishes).unwrap_or_default(), used, now))
    }

    /// Takes new wishes in place of the old ones; they are in force with the next search. Home is wished for as long as
    /// it was when it is wished for already; otherwise that is one more use of it today.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] with code `no_papers`, or `home_uses_spent` when home was wished for as
    /// often as it can be in a day; the wishes before stay in force then.
    pub async fn put_wishes(
        &self,
        driver: DriverId,
        request: &WishesRequest,
        now: Timestamp,
    ) -> Result<WishesNow, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let papers = store::lock(&mut tx, &self.inner.vault, driver).await?;
        let papers = papers.ok_or_else(|| Error::conflict("no_papers", SEND_PAPERS_FIRST))?.papers;
        let wanted = request.check(&papers.ride_types)?;
        let before = store::lock_wishes(&mut tx, driver).await?;
        let day = now.kigali_day();
        // The clock may step back; the order of changes does not.
        let changed_at = before.as_ref().map_or(now, |before| now.max(before.changed_at + Span::from_millis(1)));
        let home_before = before.and_then(|before| before.wishes.in_force(now).home);
        let home = match wanted.home {
            None => None,
            Some(home) => {
                let until = match home_before.filter(|before| home.is_at(before)) {
                    Some(before) => before.until,
                    None => {
                        let uses_max = self.inner.home.uses_per_day_max;
                        if !store::use_home(&mut tx, driver, day, uses_max).await? {
                            let text = format!("the way home can be switched on {uses_max} times a day");
                            return Err(Error::conflict("home_uses_spent", text));
                        }
                        now + self.inner.home.lasts
                    }
                };
                Some(Home { place: home.place, label: home.label, until })
            }
        };
        let (pickup_distance_m_max, fare_min) = (wanted.pickup_distance_m_max, wanted.fare_min);
        let wishes = Wishes { home, pickup_distance_m_max, fare_min, ride_types: wanted.ride_types };
        let stored = Stored { wishes, changed_at };
        store::put_wishes(&mut tx, driver, &stored).await?;
        tx.commit().await?;
        self.inner.board.put(driver, stored.clone());
        let used = store::home_uses(&self.inner.pool, driver, day).await?;
        Ok(self.wishes_now(stored.wishes, used, now))
    }

    /// Whether a driver wishes to be asked. Out of memory: dispatch asks this for every candidate.
    ///
    /// # Errors
    /// The wish that is against it.
    pub fn wish_for(&self, driver: DriverId, asked: &Asked<'_>, now: Timestamp) -> Result<(), Unwished> {
        match self.inner.board.of(driver) {
            Some(stored) => stored.wishes.allows(asked, self.inner.home.nearer_min_percent, now),
            None => Ok(()),
        }
    }

    /// Reads the wishes of all drivers, at a start.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn load_wishes(&self) -> Result<(), Error> {
        for (driver, stored) in store::all_wishes(&self.inner.pool).await? {
            self.inner.board.put(driver, stored);
        }
        Ok(())
    }

    /// Reads the wishes of a driver who begins a shift: another node may have changed them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn load_wishes_of(&self, driver: DriverId) -> Result<(), Error> {
        if let Some(stored) = store::wishes(&self.inner.pool, driver).await? {
            self.inner.board.put(driver, stored);
        }
        Ok(())
    }

    fn wishes_now(&self, wishes: Wishes, used: u32, now: Timestamp) -> WishesNow {
        let home_uses_left = self.inner.home.uses_per_day_max.saturating_sub(used);
        WishesNow { wishes: wishes.in_force(now), home_uses_left }
    }
}
