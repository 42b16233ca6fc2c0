//! The daily round: who is told that a paper ends, who may not drive any more because one has, whose rating a reviewer
//! should see.
//!
//! A round is about a day, and the same day may be gone round as often as one likes: each notice is noted when it goes out,
//! and a suspension leaves nobody to suspend. After days without a server the round of today does what is due today; what
//! was due in between and has been overtaken is not sent.

use chrono::{Days, NaiveDate};
use serde_json::json;

use crate::audit::{self, Act, Actor};
use crate::drivers::deciding::tell;
use crate::drivers::standing::Cause;
use crate::drivers::store::{Due, Expiring};
use crate::drivers::{Drivers, Status, SuspendedFor, store};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::notifications::{Key, Params};
use crate::time::Timestamp;

/// So many days before the last one a driver is told.
const NOTICE_DAYS: [i32; 3] = [1, 7, 30];
/// Drivers read at once.
const BATCH_MAX: i64 = 500;
/// The notice of the suspension itself.
const SUSPENDED: i32 = -1;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Notices that went out.
    pub notices: usize,
    /// Drivers who may not drive any more.
    pub suspended: usize,
    /// Drivers whose rating a reviewer should see.
    pub flagged: u64,
}

/// The notice that is due of a paper on a day: the nearest one only.
fn due(last: NaiveDate, today: NaiveDate) -> Option<i32> {
    let left = (last - today).num_days();
    NOTICE_DAYS.into_iter().find(|days| (0..=i64::from(*days)).contains(&left))
}

impl Drivers {
    /// Goes round for a day.
    ///
    /// # Errors
    /// When the database is away; what was done stays done.
    pub async fn go_round(&self, day: NaiveDate, now: Timestamp) -> Result<Round, Error> {
        let mut round = Round::default();
        let until = day.checked_add_days(Days::new(30)).unwrap_or(NaiveDate::MAX);
        let mut after = None;
        loop {
            let batch = store::expiring(&self.inner.pool, until, after, BATCH_MAX).await?;
            for expiring in &batch {
                match expiring.papers().filter(|(_, last)| *last < day).min_by_key(|(_, last)| *last) {
                    Some((kind, expires_on)) => {
                        let due = Due { kind, expires_on, days: SUSPENDED };
                        round.suspended += usize::from(self.suspend_expired(expiring.driver, due, day, now).await?);
                    }
                    None => round.notices += self.give_notice(expiring, day, now).await?,
                }
            }
            match batch.last() {
                Some(last) if i64::try_from(batch.len()).is_ok_and(|read| read == BATCH_MAX) => {
                    after = Some(last.driver);
                }
                _ => break,
            }
        }
        if self.inner.papers.rating_after > 0 {
            let (below, after) = (self.inner.papers.rating_below_hundredths, self.inner.papers.rating_after);
            round.flagged = store::flag_ratings(&self.inner.pool, below, after, now).await?;
        }
        Ok(round)
    }

    async fn give_notice(&self, expiring: &Expiring, day: NaiveDate, now: Timestamp) -> Result<usize, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let mut given = 0;
        for (kind, expires_on) in expiring.papers() {
            let Some(days) = due(expires_on, day) else { continue };
            if !store::note_notice(&mut tx, expiring.driver, Due { kind, expires_on, days }, now).await? {
                continue;
            }
            let params = Params::from([
                ("paper".to_owned(), kind.as_str().to_owned()),
                ("day".to_owned(), expires_on.format("%d/%m/%Y").to_string()),
            ]);
            tell(&mut tx, expiring.driver, Key::PaperExpires, params, now).await?;
            given += 1;
        }
        tx.commit().await?;
        Ok(given)
    }

    /// Takes the right to drive from somebody, unless they stand otherwise by now. Whether it was taken.
    async fn suspend_expired(&self, driver: DriverId, due: Due, day: NaiveDate, now: Timestamp) -> Result<bool, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?;
        let Some(before) = before.filter(|before| before.status == Status::Approved) else { return Ok(false) };
        let Some(paper) = before.expired_on(day) else { return Ok(false) };
        let reason = format!("your {paper} has expired");
        let review =
            store::Review { by: None, reason: Some(&reason), suspended_for: Some(SuspendedFor::Expiry), at: now };
        store::set_status(&mut tx, driver, Status::Suspended, review).await?;
        let (from, to) = (Some(before.status), Status::Suspended);
        let change = store::Change { from, to, cause: Cause::Expiry, reason: Some(&reason), by: None };
        store::record_change(&mut tx, driver, change, now).await?;
        if store::note_notice(&mut tx, driver, due, now).await? {
            let params = Params::from([("paper".to_owned(), due.kind.as_str().to_owned())]);
            tell(&mut tx, driver, Key::PaperExpired, params, now).await?;
        }
        let act = Act {
            actor: Actor::System,
            action: "drivers.suspended",
            whose: Some(driver.into()),
            subject: Some(("driver", driver.0)),
            why: Some("expiry"),
            detail: json!({"kind": due.kind, "expires_on": due.expires_on}),
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        tracing::info!(driver.id = %driver, paper, "a driver was suspended: a paper has expired");
        self.changed(driver);
        Ok(true)
    }

    /// A reviewer has looked at a driver's rating.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such driver; [`Error::Conflict`] with code `wrong_state` when it was not up for review.
    pub async fn review_rating(&self, admin: UserId, driver: DriverId, now: Timestamp) -> Result<super::Driver, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock(&mut tx, &self.inner.vault, driver).await?.ok_or_else(super::no_driver)?;
        if before.rating_flagged_at.is_none() {
            return Err(Error::conflict("wrong_state", "the rating is not up for review"));
        }
        store::rating_reviewed(&mut tx, driver).await?;
        audit::record(&mut tx, &super::queue::act(admin, driver, "drivers.rating_reviewed"), now).await?;
        tx.commit().await?;
        self.driver(driver).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_notice_is_due_and_no_other() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let last = day("2026-12-31");
        for (today, expected) in [
            ("2026-11-30", None),
            ("2026-12-01", Some(30)),
            ("2026-12-23", Some(30)),
            ("2026-12-24", Some(7)),
            ("2026-12-29", Some(7)),
            ("2026-12-30", Some(1)),
            ("2026-12-31", Some(1)),
            ("2027-01-01", None),
        ] {
            assert_eq!(due(last, day(today)), expected, "{today}");
        }
    }
}
