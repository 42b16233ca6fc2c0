//! The books as people read them: statements of drivers, riders and cooperatives, accounts, transactions, trial balances.
//!
//! Separate from writing them, which is nobody's wish but what follows from facts. Invariants: whatever an admin reads of
//! somebody is recorded with the name of whom it is about; nothing here changes anything.

use chrono::NaiveDate;
use uuid::Uuid;

use super::ledger::Kind;
use super::store::books::{self as store, AccountRow, Member, Period, StatementItem, Wanted, WholeTransaction};
use super::{KindTotal, Payments, TrialBalance};
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::money::Francs;
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};

const DRIVER: [Kind; 2] = [Kind::DriverCash, Kind::DriverPayable];
const RIDER: [Kind; 1] = [Kind::RiderCredit];
const COOPERATIVE_CHARS_MAX: usize = 80;

/// The days `from` to `to` of the Kigali calendar, both included.
///
/// # Errors
/// [`Error::Invalid`] naming `to` where it is before `from`.
pub(super) fn period(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<Period, Error> {
    if let (Some(first), Some(last)) = (from, to)
        && last < first
    {
        return Err(Error::invalid("to", last, format_args!("is before from, {first}")));
    }
    Ok(Period {
        from: from.map(Timestamp::start_of_kigali_day),
        to: to.map(|day| Timestamp::start_of_kigali_day(day) + Span::from_secs(86_400)),
    })
}

impl Payments {
    /// The driver's own lines of the ledger, booked last first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn driver_ledger(&self, driver: DriverId, page: &PageRequest) -> Result<Page<StatementItem>, Error> {
        self.statement(driver.0, &DRIVER, Period::default(), page).await
    }

    /// As [`Payments::driver_ledger`], of some days.
    pub(super) async fn driver_statement(
        &self,
        driver: DriverId,
        period: Period,
        page: &PageRequest,
    ) -> Result<Page<StatementItem>, Error> {
        self.statement(driver.0, &DRIVER, period, page).await
    }

    /// The rider's own lines of the ledger, booked last first.
    pub(super) async fn rider_statement(
        &self,
        rider: UserId,
        period: Period,
        page: &PageRequest,
    ) -> Result<Page<StatementItem>, Error> {
        self.statement(rider.0, &RIDER, period, page).await
    }

    async fn statement(
        &self,
        owner: Uuid,
        kinds: &[Kind],
        period: Period,
        page: &PageRequest,
    ) -> Result<Page<StatementItem>, Error> {
        let rows = store::statement(&self.pool, owner, kinds, period, page).await?;
        Ok(Page::new(rows, page, StatementItem::position))
    }

    /// What the platform owes a rider; nothing for a rider without credit.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rider_credit(&self, rider: UserId) -> Result<Francs, Error> {
        let page = PageRequest { limit: 1, before: None };
        let accounts = store::accounts(&self.pool, Some(Kind::RiderCredit), Some(rider.0), &page).await?;
        Ok(accounts.first().map_or(Francs::ZERO, |account| Francs(account.credit.amount() - account.debit.amount())))
    }

    /// The sums of all accounts by kind as they stood in the books at an instant, shown to an admin.
    pub(super) async fn trial_balance_at(
        &self,
        admin: UserId,
        as_of: Timestamp,
        now: Timestamp,
    ) -> Result<TrialBalance, Error> {
        let balance = self.trial_balance_unseen(Some(as_of)).await?;
        audit::record_read(&self.pool, &Act::of_admin(admin, "ledger.balance_read"), &[], now).await?;
        Ok(balance)
    }

    /// The trial balance, for a command of an operator: nobody is shown it through a door.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn trial_balance_unseen(&self, as_of: Option<Timestamp>) -> Result<TrialBalance, Error> {
        let kinds = match as_of {
            Some(as_of) => store::kind_totals_at(&self.pool, as_of).await?,
            None => super::store::kind_totals(&self.pool).await?,
        };
        let difference = Francs::checked_sum(kinds.iter().map(KindTotal::balance))
            .ok_or_else(|| Error::internal("the sum of the ledger does not fit"))?;
        Ok(TrialBalance { kinds, difference })
    }

    /// A page of accounts, shown to an admin.
    pub(super) async fn accounts(
        &self,
        admin: UserId,
        kind: Option<Kind>,
        owner: Option<Uuid>,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<AccountRow>, Error> {
        let rows = store::accounts(&self.pool, kind, owner, page).await?;
        let people: Vec<_> = rows.iter().filter_map(|row| row.owner).map(UserId).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "ledger.accounts_read"), &people, now).await?;
        // The number of the account stands where others have a time.
        Ok(Page::new(rows, page, |row| Position { at: Timestamp::from_millis(row.id), id: Uuid::nil() }))
    }

    /// A page of transactions with all their lines, shown to an admin.
    pub(super) async fn transactions(
        &self,
        admin: UserId,
        wanted: &Wanted,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<WholeTransaction>, Error> {
        let rows = store::transactions(&self.pool, wanted, page).await?;
        let people: Vec<_> = rows.iter().flat_map(|row| &row.lines).filter_map(|line| line.2).map(UserId).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "ledger.transactions_read"), &people, now).await?;
        Ok(Page::new(rows, page, |row| Position { at: row.at, id: row.id }))
    }

    /// What each driver of a cooperative earned, collected and was paid in some days, shown to an admin. Drivers belong to
    /// the cooperative that issued their approved membership, now.
    pub(super) async fn cooperative_statement(
        &self,
        admin: UserId,
        name: &str,
        period: Period,
        now: Timestamp,
    ) -> Result<Vec<Member>, Error> {
        let mut checks = crate::error::Checks::new();
        let name = checks.text("name", name, COOPERATIVE_CHARS_MAX);
        checks.finish()?;
        let members = store::cooperative(&self.pool, &name, period).await?;
        if members.is_empty() {
            return Err(Error::NotFound { what: "cooperative" });
        }
        let people: Vec<_> = members.iter().map(|member| UserId(member.driver_id)).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "ledger.cooperative_read"), &people, now).await?;
        Ok(members)
    }
}
