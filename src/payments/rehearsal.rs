//! The books by themselves, for measuring: many made-up postings, and the questions that people ask of them.
//!
//! Separate because a bench has no city, no keys and no providers, only a database. It goes through the same statements as
//! the service; nothing of it is used by the program.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use super::ledger::{Account, Kind, Posting, PostingError, Transfer};
use super::store::{self, NewTransaction, books};
use crate::ids::DriverId;
use crate::money::Francs;
use crate::time::Timestamp;
use crate::web::page::{PageRequest, Position};

/// Postings of one transaction.
const BATCH: usize = 500;

/// The books.
#[derive(Debug)]
pub struct Books {
    pool: PgPool,
    drivers: Vec<DriverId>,
}

impl Books {
    /// On an empty database that was brought up to date, with made-up drivers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open(pool: PgPool, drivers: u32) -> Result<Self, sqlx::Error> {
        let ids: Vec<Uuid> = (0..drivers).map(|_| Uuid::now_v7()).collect();
        books::make_people(&pool, &ids).await?;
        Ok(Self { pool, drivers: ids.into_iter().map(DriverId).collect() })
    }

    /// Writes this many postings of wallet fares, three lines each, in batches. Answers how long it took.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn post(&self, postings: usize, at: Timestamp) -> Result<Duration, sqlx::Error> {
        let begun = Instant::now();
        let unfit = |error: PostingError| sqlx::Error::Encode(error.into());
        let mut number = 0;
        while number < postings {
            let mut batch = Vec::with_capacity(BATCH);
            while number < postings && batch.len() < BATCH {
                // The first driver has half of all rides: the longest statement there is.
                let whose = if number % 2 == 0 { 0 } else { number / 2 % self.drivers.len() };
                let (debit, driver) = (Account::MtnCollection, Account::DriverPayable(self.drivers[whose]));
                let posting = Posting::new(&[
                    Transfer { debit, credit: driver, amount: Francs(910) },
                    Transfer { debit, credit: Account::CommissionIncome, amount: Francs(90) },
                ]);
                let cause = format!("attempt:{}:capture", Uuid::now_v7());
                let new = NewTransaction { cause, ride: None, at, memo: "fare" };
                batch.push((new, posting.map_err(unfit)?));
                number += 1;
            }
            let mut transaction = self.pool.begin().await?;
            store::post_all(&mut transaction, &batch).await?;
            transaction.commit().await?;
        }
        Ok(begun.elapsed())
    }

    /// How long the trial balance takes, and by how much it is off.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn trial_balance(&self, as_of: Option<Timestamp>) -> Result<(Duration, i64), sqlx::Error> {
        let begun = Instant::now();
        let totals = match as_of {
            Some(as_of) => books::kind_totals_at(&self.pool, as_of).await?,
            None => store::kind_totals(&self.pool).await?,
        };
        Ok((begun.elapsed(), totals.iter().map(|total| total.balance().amount()).sum()))
    }

    /// How long a page of the longest statement takes: the first, or one behind it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn page(&self, before: Option<Uuid>) -> Result<(Duration, Option<Uuid>), sqlx::Error> {
        let begun = Instant::now();
        let before = before.map(|id| Position { at: Timestamp::EPOCH, id });
        let page = PageRequest { limit: 20, before };
        let kinds = [Kind::DriverCash, Kind::DriverPayable];
        let items = books::statement(&self.pool, self.drivers[0].0, &kinds, books::Period::default(), &page).await?;
        Ok((begun.elapsed(), items.last().map(|item| item.id)))
    }

    /// How long a page of the busiest account takes, for an admin.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn account_page(&self) -> Result<Duration, sqlx::Error> {
        let page = PageRequest { limit: 20, before: None };
        let house = books::accounts(&self.pool, Some(Kind::MtnCollection), None, &page).await?;
        let begun = Instant::now();
        for account in house {
            books::transactions(&self.pool, &books::Wanted::Account(account.id), &page).await?;
        }
        Ok(begun.elapsed())
    }

    /// An id in the middle of the longest statement.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn middle(&self) -> Result<Option<Uuid>, sqlx::Error> {
        books::middle(&self.pool).await
    }
}
