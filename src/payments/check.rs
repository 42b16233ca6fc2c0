//! Whether the books are sound: everything that must hold between entries, kept sums, orders, captures and intents.
//!
//! Separate because an operator asks this of books that somebody may have tampered with or a restore may have torn: nothing
//! that other rooms maintain is taken on trust, and all of it is read at one moment.

use serde::Serialize;

use super::{Payments, store};
use crate::error::Error;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it: a word of docs/PAYMENTS.md.
    pub check: &'static str,
    /// What, with ids and amounts.
    pub what: String,
}

/// What a check of the books came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Transactions in the books.
    pub transactions: i64,
    /// Accounts in the books.
    pub accounts: i64,
    /// Orders to providers.
    pub attempts: i64,
    /// The checks that were made.
    pub checks: Vec<&'static str>,
    /// What is wrong: at most a hundred of each check.
    pub findings: Vec<Finding>,
}

impl Payments {
    /// Checks the books.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn check_books(&self) -> Result<Report, Error> {
        let mut moment = store::check::moment(&self.pool).await?;
        let (transactions, accounts, attempts) = store::check::sizes(&mut moment).await?;
        let mut findings = Vec::new();
        for (check, sql) in store::check::CHECKS {
            let faults = store::check::faults(&mut moment, sql).await?;
            findings.extend(faults.into_iter().map(|what| Finding { check, what }));
        }
        moment.commit().await?;
        let checks = store::check::CHECKS.iter().map(|(check, _)| *check).collect();
        Ok(Report { transactions, accounts, attempts, checks, findings })
    }
}
