//! The watch: patterns that a person must look at, and one limit that stops people.
//!
//! Separate because it looks at facts of every other room and changes none. A rule opens a case for admins; nobody else
//! learns of it: to tell somebody that they are looked at is an offence (tipping-off). What is wrong by itself is refused
//! where it is asked for, what only looks wrong is let through and looked at.
//!
//! Invariants: one pattern of one person is one case a day; a rule that is run twice, or by two servers, opens nothing twice;
//! nothing personal is in a case beside ids.

mod store;

#[cfg(test)]
mod tests;

use serde_json::json;
use sqlx::PgConnection;

use super::Payments;
use super::cases::{self, NewCase, Severity};
use crate::error::Error;
use crate::ids::UserId;
use crate::money::Francs;
use crate::time::{Span, Timestamp};

use store::Finding;

/// Within which attempts are counted.
const HOUR: Span = Span::from_minutes(60);

/// Thresholds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A single order from this on is looked at.
    pub single_from: Francs,
    /// As much of one person within a day.
    pub day_from: Francs,
    /// Payouts to one wallet within a day.
    pub payouts_a_day_max: i64,
    /// A ride up to this fare counts as small,
    pub small_fare: Francs,
    /// and more of them than this between the same two people within a day are looked at.
    pub small_rides_a_day_max: i64,
    /// Declined collections of one person, or of one wallet, within a day.
    pub declines_a_day_max: i64,
    /// A payout within this of a change of the wallet is looked at.
    pub wallet_change_window: Span,
    /// Collections of one person within an hour; further ones are refused.
    pub attempts_an_hour_max: i64,
}

/// Refuses a further collection from somebody who was asked too often within the hour.
///
/// # Errors
/// [`Error::TooMany`] with code `too_many_payment_attempts`, as long as the oldest of them is within the hour.
#[allow(dead_code, reason = "the use cases of intents call it")]
pub(super) async fn may_try(
    conn: &mut PgConnection,
    config: &Config,
    person: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    let (count, first) = store::attempts_since(conn, person, now - HOUR).await?;
    if count < config.attempts_an_hour_max {
        return Ok(());
    }
    let free_at = first.unwrap_or(now) + HOUR;
    Err(Error::TooMany { code: "too_many_payment_attempts", retry_after: free_at.since(now).max(Span::from_secs(1)) })
}

impl Payments {
    /// Looks at the last day by every rule. Answers how many cases were opened.
    ///
    /// # Errors
    /// When the database is away; run again, it opens what is missing.
    pub async fn watch(&self, now: Timestamp) -> Result<u64, Error> {
        let (pool, config, day) = (&self.pool, &self.parts.config.watch, now.kigali_day());
        let mut found = Vec::new();
        for finding in store::single(pool, config, now).await? {
            let subject = finding.attempt.map_or(finding.person.0, |attempt| attempt.0);
            found.push(case("aml_threshold", "single", format!("watch:single:{subject}"), Severity::High, &finding));
        }
        for finding in store::aggregated(pool, config, now).await? {
            let cause = format!("watch:day:{}:{day}", finding.person);
            found.push(case("aml_threshold", "aggregated_24h", cause, Severity::High, &finding));
        }
        for finding in store::shared_wallets(pool, now).await? {
            let cause = format!("watch:shared:{}:{}", finding.person, finding.other.unwrap_or(finding.person));
            found.push(case("shared_wallet", "rider_and_driver", cause, Severity::Medium, &finding));
        }
        for finding in store::pairs(pool, config, now).await? {
            let other = finding.other.unwrap_or(finding.person);
            let cause = format!("watch:pair:{}:{other}:{day}", finding.person);
            found.push(case("same_pair", "small_rides", cause, Severity::Medium, &finding));
        }
        for finding in store::declined(pool, config, now).await? {
            let cause = format!("watch:declined:{}:{day}", finding.person);
            found.push(case("velocity", "declined", cause, Severity::Low, &finding));
        }
        for finding in store::declined_wallets(pool, config, now).await? {
            let cause = format!("watch:declined_wallet:{}:{day}", finding.person);
            found.push(case("velocity", "declined_wallet", cause, Severity::Medium, &finding));
        }
        if found.is_empty() {
            return Ok(0);
        }
        let mut transaction = pool.begin().await?;
        let opened = cases::open(&mut transaction, &found, now).await?;
        transaction.commit().await?;
        Ok(opened)
    }
}

fn case(kind: &'static str, rule: &str, cause: String, severity: Severity, finding: &Finding) -> NewCase {
    NewCase {
        kind,
        cause,
        severity,
        person: Some(finding.person),
        ride: None,
        attempt: finding.attempt,
        amount: finding.amount,
        detail: json!({ "rule": rule, "count": finding.count, "other": finding.other }),
    }
}
