//! Money: what a ride earned whom, and who owes it to whom.
//!
//! Separate because nobody else may write the ledger. Cash is the one method so far: the rider pays the driver in the
//! street, so no money reaches the platform; what is left to do is to write down that the driver holds the fare and
//! owes the commission.
//!
//! The chart of accounts (debit positive, credit negative):
//!
//! | account | whose | debit | credit |
//! |---|---|---|---|
//! | `driver_cash` | each driver's | a fare collected in the street | that cash was accounted for with the platform |
//! | `driver_payable` | each driver's | paid out, or netted against cash | earned: the fare less the commission |
//! | `commission_income` | the platform's | commission given back | commission earned |
//!
//! A ride of 1 186 RWF at 9 %: debit `driver_cash` 1 186; credit `driver_payable` 1 079, `commission_income` 91 and
//! `tax_payable` 16, which is inside the commission of 107. The sum of a driver's two accounts (1 186 − 1 079 = 107) is what
//! the driver owes; when it is negative the platform owes the driver. A ride paid by wallet differs in one line only: the
//! wallet's clearing account instead of `driver_cash`.
//!
//! Invariants: every transaction sums to zero (by construction in [`ledger`], checked again by the database at commit);
//! one cause is posted at most once, however often and from how many workers at once it is tried; nothing written is
//! ever changed, a correction is another transaction.

mod attempt;
mod breaker;
mod callbacks;
mod books;
mod cases;
mod check;
mod choosing;
mod disputes;
mod effects;
pub mod engine;
pub mod http;
mod intent;
pub mod intents;
pub mod jobs;
mod ladder;
pub mod ledger;
pub mod method;
pub mod methods;
pub mod operations;
pub mod payouts;
pub mod personal;
pub mod promotions;
pub mod providers;
pub mod receipts;
pub mod reconciliation;
pub mod refunds;
pub mod rehearsal;
pub mod split;
pub mod terms;

mod store;

#[cfg(test)]
mod tests;
pub mod watch;

use std::fmt;
use std::sync::Arc;

use sqlx::{PgConnection, PgPool};

use crate::audit::{self, Act};
use crate::error::Error;
use crate::fares;
use crate::ids::{DriverId, RideId, UserId};
use crate::money::{BasisPoints, Francs};
use crate::notifications::Recipients;
use crate::pricing::Prices;
#[cfg(test)]
use crate::time::Span;
use crate::time::Timestamp;
use crate::vault::{Column, Vault};

use callbacks::Hints;
use engine::Shared;
use intents::Opener;
use jobs::SettleRide;
use ledger::{Kind, Posting, PostingError};
use providers::Providers;

pub use cases::{NewCase, Severity};
pub use check::{Finding, Report};
pub use choosing::{Promised, Sold};
pub use disputes::{Dispute, NewDispute};
pub use effects::Tiding;
pub use intent::{NewIntent, Purpose};
pub use method::{PaymentMethod, Plan, ProviderId};
pub use store::books::StatementItem;
pub use store::{DriverEntry, KindTotal};

/// Every column of this service that is sealed.
pub const SEALED: &[&Column] = &[&store::attempts::WALLET, methods::SAVED_WALLET, methods::PAYOUT_WALLET];

/// Settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the platform keeps of a fare; at most the whole.
    pub commission: BasisPoints,
    /// What a rider may owe and still book.
    pub outstanding_max: Francs,
    /// Whether riders find a notice of every payment that is asked for and received, besides those that failed.
    pub tells_of_success: bool,
    /// Of the engine.
    pub engine: engine::Config,
    /// Of saved wallets.
    pub methods: methods::Config,
    /// Of payouts.
    pub payouts: payouts::terms::Config,
    /// The most that two admins give or take at once.
    pub adjustment_max: Francs,
    /// Of the watch.
    pub watch: watch::Config,
    /// Promotions, referrals and tips.
    pub promotions: promotions::Config,
    /// Who sells, on receipts.
    pub receipts: receipts::Config,
}

/// Longest reason that an admin gives, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What a driver holds and owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverBalance {
    /// Fares in the driver's hands.
    pub cash_collected: Francs,
    /// What the driver owes the platform; negative when the platform owes the driver.
    pub commission_owed: Francs,
}

/// The sums of all accounts by kind: the proof that the books are balanced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialBalance {
    /// One for each kind of account, used or not.
    pub kinds: Vec<KindTotal>,
    /// The sum of all entries there are: zero.
    pub difference: Francs,
}

/// What became of a ride that was to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was written into the ledger now.
    Posted,
    /// It had been before.
    AlreadyPosted,
    /// The fare was nothing: there is nothing to write down.
    NothingToPost,
}

/// Why a ride was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// These numbers never make a posting.
    #[error("the ride cannot be settled")]
    Amounts(#[from] PostingError),
    /// The database refused or was away.
    #[error("the ledger's database refused")]
    Database(#[from] sqlx::Error),
    /// What is owed could not be opened.
    #[error("what is owed could not be opened")]
    Intent(#[from] Error),
}

/// Tells apps at once. It must not wait.
pub type Tell = Arc<dyn Fn(&Tiding) + Send + Sync>;

/// What the service is made of.
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub pool: PgPool,
    /// Seals the numbers of wallets.
    pub vault: Vault,
    /// Settings.
    pub config: Config,
    /// What the platform keeps, by date.
    pub prices: Prices,
    /// How people are reached: whose own telephone is their wallet unless they saved another.
    pub recipients: Recipients,
    /// What people are called: compared with the holders of their wallets.
    pub names: methods::Names,
    /// Who moves money.
    pub providers: Providers,
    /// Tells apps.
    pub tell: Tell,
    /// Where the stand-ins of the outside world listen, if they run: they have statements for programs.
    pub sandbox_url: Option<String>,
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Payments {
    pool: PgPool,
    parts: Arc<Parts>,
    shared: Arc<Shared>,
    opener: Arc<Opener>,
    hints: Arc<Hints>,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Config {
    /// As by default, with small bounds.
    pub fn for_tests() -> Self {
        Self {
            commission: BasisPoints(900),
            outstanding_max: Francs::ZERO,
            tells_of_success: true,
            engine: engine::Config::default(),
            methods: methods::Config { saved_max: 3, hold: Span::from_minutes(24 * 60) },
            payouts: payouts::terms::Config {
                amount_min: Francs(500),
                amount_max: Francs(500_000),
                fee: Francs(100),
                fee_share: BasisPoints(100),
                tax: BasisPoints(1_800),
                a_day_max: 30,
                approval_from: Francs(200_000),
                weekly_min: Francs(500),
            },
            adjustment_max: Francs(100_000),
            watch: watch::Config {
                single_from: Francs(10_000_000),
                day_from: Francs(10_000_000),
                payouts_a_day_max: 3,
                small_fare: Francs(1_000),
                small_rides_a_day_max: 3,
                declines_a_day_max: 3,
                wallet_change_window: Span::from_minutes(72 * 60),
                attempts_an_hour_max: 3,
            },
            promotions: promotions::Config::for_tests(),
            receipts: receipts::Config::for_tests(),
        }
    }
}

#[cfg(test)]
impl Parts {
    /// Without providers, and nobody is told.
    pub fn for_tests(pool: PgPool) -> Self {
        use futures_util::FutureExt as _;
        Self {
            prices: Prices::for_tests(pool.clone()),
            pool,
            vault: Vault::for_tests(),
            config: Config::for_tests(),
            recipients: Arc::new(|_| std::future::ready(Ok(None)).boxed()),
            names: Arc::new(|_| std::future::ready(Ok(Some("Keza Uwase".to_owned()))).boxed()),
            providers: Providers::default(),
            tell: Arc::new(|_| {}),
            sandbox_url: None,
        }
    }
}

impl Payments {
    /// The service.
    pub fn new(parts: Parts) -> Self {
        let shared = Arc::new(Shared::new(&parts.config.engine));
        let (pool, parts) = (parts.pool.clone(), Arc::new(parts));
        Self { pool, parts, shared, opener: Arc::default(), hints: Arc::default() }
    }

    /// For a record of who looked.
    pub(in crate::payments) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Writes a completed ride into the ledger, once.
    ///
    /// # Errors
    /// [`SettleError`]; nothing was written then, and it is safe to try again.
    pub async fn settle_ride(&self, ride: &SettleRide) -> Result<Settled, SettleError> {
        let commission = fares::commission(ride.fare_rwf, self.parts.config.commission);
        let posting = match Posting::cash_ride(ride.driver_id, ride.fare_rwf, commission) {
            Ok(posting) => posting,
            Err(PostingError::Empty) => return Ok(Settled::NothingToPost),
            Err(error) => return Err(error.into()),
        };
        let new = store::NewTransaction {
            cause: cause(ride.ride_id, ride.payment_method),
            ride: Some(ride.ride_id),
            at: ride.completed_at,
            memo: "cash fare",
        };
        let mut transaction = self.pool.begin().await?;
        let posted = store::post(&mut transaction, &new, &posting).await?;
        transaction.commit().await?;
        Ok(if posted { Settled::Posted } else { Settled::AlreadyPosted })
    }

    /// What a driver holds and owes; nothing for a driver without rides.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn balance(&self, driver: DriverId) -> Result<DriverBalance, Error> {
        Self::balance_of(&store::driver_sums(&self.pool, driver).await?)
    }

    /// As [`Payments::balance`], on a connection of the caller's.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn balance_within(&self, conn: &mut PgConnection, driver: DriverId) -> Result<DriverBalance, Error> {
        Self::balance_of(&store::driver_sums(conn, driver).await?)
    }

    fn balance_of(sums: &[DriverEntry]) -> Result<DriverBalance, Error> {
        let sum = |kind: Kind| sums.iter().find(|total| total.kind == kind).map_or(Francs::ZERO, |total| total.amount);
        let cash_collected = sum(Kind::DriverCash);
        let commission_owed = cash_collected
            .checked_add(sum(Kind::DriverPayable))
            .ok_or_else(|| Error::internal("a driver's balance does not fit"))?;
        Ok(DriverBalance { cash_collected, commission_owed })
    }

    /// The sums of all accounts by kind, shown to an admin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn trial_balance(&self, admin: UserId, now: Timestamp) -> Result<TrialBalance, Error> {
        let balance = self.trial_balance_unseen(None).await?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "ledger.balance_read"), &[], now).await?;
        Ok(balance)
    }
}

/// What a ride's settlement is known by: one for each ride and method, for ever.
fn cause(ride: RideId, method: PaymentMethod) -> String {
    format!("ride:{ride}:{}", method.as_str())
}
