//! The weekly settlement, and payouts that waited for money of ours.
//!
//! Separate because nobody asks for these: jobs do. A run that is cut off is run again and pays nobody twice, since a driver
//! has one payout for a week; each driver is paid in a transaction of their own.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use uuid::Uuid;

use super::outcome::float_low;
use super::terms::{PayoutKind, judge_wallet, week_of};
use super::{Payout, State, begin, give_back, owed, send, store};
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::money::Francs;
use crate::payments::method::ProviderId;
use crate::payments::providers::{Operation, Trouble};
use crate::payments::{Payments, cases, methods};
use crate::time::{Span, Timestamp};

/// Payouts that are looked at again in one go, for each provider.
const HELD_MAX: i64 = 500;

/// Four in the morning: the week's rides are over and in the books.
const DUE_AFTER_MIDNIGHT: Span = Span::from_minutes(4 * 60);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeeklyRun {
    /// Sent to providers.
    pub sent: u32,
    /// Waiting for two admins.
    pub awaiting_approval: u32,
    /// Waiting for money of ours.
    pub held: u32,
    /// Drivers who get nothing now: less than the least, or no wallet any more.
    pub skipped: u32,
    /// What was taken from drivers' accounts.
    pub amount: i64,
}

/// When the next settlement is due.
pub(super) fn next_at(now: Timestamp) -> Timestamp {
    let week = week_of(now);
    let next = week.checked_add_days(Days::new(7)).unwrap_or(week);
    Timestamp::start_of_kigali_day(next) + DUE_AFTER_MIDNIGHT
}

/// What is left of our own money, by provider. Unknown where a provider cannot say: then it is asked for and may refuse.
struct Float(BTreeMap<ProviderId, Option<Francs>>);

impl Float {
    /// Takes an amount, if there is enough.
    fn take(&mut self, provider: ProviderId, amount: Francs) -> bool {
        match self.0.get_mut(&provider) {
            None => false,
            Some(None) => true,
            Some(Some(left)) => match left.checked_sub(amount).filter(|rest| *rest >= Francs::ZERO) {
                Some(rest) => {
                    *left = rest;
                    true
                }
                None => false,
            },
        }
    }
}

impl Payments {
    /// What our accounts have for payouts, less what they were asked for. A provider that does not answer is left out:
    /// nothing is sent there now.
    async fn float(&self) -> Result<Float, Error> {
        let mut float = BTreeMap::new();
        for provider in self.parts.providers.all().filter(|provider| provider.id() != ProviderId::Card) {
            let id = provider.id();
            match provider.balances().await {
                Ok(balances) => {
                    let available =
                        balances.iter().find(|own| own.operation == Operation::Payout).map(|own| own.available);
                    let asked = store::under_way(&self.pool, id).await?;
                    float.insert(id, available.map(|available| available.checked_sub(asked).unwrap_or(Francs::ZERO)));
                }
                Err(Trouble::Unsupported) => {
                    float.insert(id, None);
                }
                Err(error) => tracing::warn!(provider = id.as_str(), %error, "our own balance is not known"),
            }
        }
        Ok(Float(float))
    }

    /// Makes one payout for every driver with enough on the account and a wallet to pay to, for the last week that was due at
    /// `as_of`. Run again, it goes on where it was.
    ///
    /// # Errors
    /// When the database is away; drivers before are paid then.
    pub async fn pay_weekly(&self, as_of: Timestamp, now: Timestamp) -> Result<WeeklyRun, Error> {
        let week = week_of(as_of);
        let mut float = self.float().await?;
        let mut run = WeeklyRun::default();
        for driver in store::candidates(&self.pool, week, now).await? {
            match self.pay_for_week(driver, week, &mut float, now).await? {
                Some(payout) => {
                    run.amount = run.amount.saturating_add(payout.taken().amount());
                    match payout.state {
                        State::AwaitingApproval => run.awaiting_approval += 1,
                        State::Held => run.held += 1,
                        _ => run.sent += 1,
                    }
                }
                None => run.skipped += 1,
            }
        }
        Ok(run)
    }

    /// [`Payments::pay_weekly`] by hand.
    ///
    /// # Errors
    /// As there; [`Error::Invalid`] for a time to come.
    pub async fn pay_weekly_by_hand(
        &self,
        admin: UserId,
        as_of: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<WeeklyRun, Error> {
        let as_of = as_of.unwrap_or(now);
        if as_of > now {
            return Err(Error::invalid("as_of", as_of, "is in the future"));
        }
        let run = self.pay_weekly(as_of, now).await?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "payouts.weekly_run"), &[], now).await?;
        Ok(run)
    }

    async fn pay_for_week(
        &self,
        driver: DriverId,
        week: NaiveDate,
        float: &mut Float,
        now: Timestamp,
    ) -> Result<Option<Payout>, Error> {
        let (parts, config) = (&self.parts, &self.parts.config.payouts);
        let mut transaction = self.pool.begin().await?;
        let wallet = methods::payout_wallet(&mut transaction, &parts.vault, driver).await?;
        let Some(wallet) = wallet.filter(|wallet| judge_wallet(Some(wallet), now).is_ok()) else { return Ok(None) };
        let owed = owed(&mut transaction, driver).await?;
        if owed.available() < config.weekly_min.max(Francs(1)) {
            return Ok(None);
        }
        let amount = owed.available().min(config.amount_max);
        let terms = config.parts(amount, PayoutKind::Weekly);
        let state = if amount >= config.approval_from {
            State::AwaitingApproval
        } else if float.take(wallet.provider, amount) {
            State::InFlight
        } else {
            State::Held
        };
        let payout = Payout {
            id: Uuid::now_v7(),
            driver,
            kind: PayoutKind::Weekly,
            week: Some(week),
            amount: terms.net,
            fee: terms.fee,
            tax: terms.tax,
            netted: owed.netted(),
            provider: wallet.provider,
            wallet_index: wallet.index.clone(),
            state,
            failure: None,
            reason: None,
            attempt: None,
            requested_at: now,
            finished_at: None,
            approvals: 0,
        };
        if state == State::Held {
            cases::open(&mut transaction, &[float_low(wallet.provider, amount, now)], now).await?;
        }
        let begun = begin(&mut transaction, parts, payout, &wallet, now).await?;
        transaction.commit().await?;
        Ok(begun)
    }

    /// Sends payouts that waited for money of ours, as far as it goes now. Answers how many were sent.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn release_held(&self, now: Timestamp) -> Result<u32, Error> {
        let mut float: Option<Float> = None;
        let mut sent = 0;
        for provider in [ProviderId::Mtn, ProviderId::Airtel] {
            for (id, amount) in store::held(&self.pool, provider, HELD_MAX).await? {
                // Providers are asked only if somebody waits.
                let known = match &mut float {
                    Some(float) => float,
                    None => float.insert(self.float().await?),
                };
                // In order: a small one does not overtake a large one for ever.
                if !known.take(provider, amount) {
                    break;
                }
                sent += u32::from(self.release(id, now).await?);
            }
        }
        Ok(sent)
    }

    async fn release(&self, id: Uuid, now: Timestamp) -> Result<bool, Error> {
        let mut transaction = self.pool.begin().await?;
        let found = store::lock(&mut transaction, id).await?.filter(|payout| payout.state == State::Held);
        let Some(mut payout) = found else { return Ok(false) };
        let wallet = methods::payout_wallet(&mut transaction, &self.parts.vault, payout.driver).await?;
        let is_sent = match wallet.filter(|wallet| wallet.index == payout.wallet_index && wallet.flagged.is_none()) {
            Some(wallet) => {
                send(&mut transaction, &self.parts, &mut payout, &wallet, now).await?;
                true
            }
            None => {
                payout.failure = Some("wallet_changed".to_owned());
                give_back(&mut transaction, &mut payout, State::Failed, now).await?;
                false
            }
        };
        transaction.commit().await?;
        Ok(is_sent)
    }
}
