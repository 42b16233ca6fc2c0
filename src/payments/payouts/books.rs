//! What payouts do in the books. Pure.
//!
//! Separate because the mirror of a hold must be exactly its mirror: both are made of the same transfers here.

use super::Payout;
use crate::money::Francs;
use crate::payments::ledger::{Account, Posting, PostingError, Transfer};
use crate::payments::store::NewTransaction;
use crate::time::Timestamp;

/// Settles the cash in the driver's hands against what rides earned: a line of its own in the statement. None without cash.
pub fn netting(payout: &Payout, now: Timestamp) -> Result<Option<(NewTransaction, Posting)>, PostingError> {
    if payout.netted == Francs::ZERO {
        return Ok(None);
    }
    let debit = Account::DriverPayable(payout.driver);
    let posting =
        Posting::new(&[Transfer { debit, credit: Account::DriverCash(payout.driver), amount: payout.netted }])?;
    Ok(Some((head(payout, "netting", "cash settled against earnings", now), posting)))
}

/// Takes the money from the driver's account until the provider says.
pub fn hold(payout: &Payout, now: Timestamp) -> Result<(NewTransaction, Posting), PostingError> {
    Ok((head(payout, "hold", "payout", now), Posting::new(&transfers(payout)?)?))
}

/// Gives it back.
pub fn void(payout: &Payout, now: Timestamp) -> Result<(NewTransaction, Posting), PostingError> {
    let back: Vec<_> = transfers(payout)?
        .into_iter()
        .map(|Transfer { debit, credit, amount }| Transfer { debit: credit, credit: debit, amount })
        .collect();
    Ok((head(payout, "void", "payout given back", now), Posting::new(&back)?))
}

/// It left our account.
pub fn paid(payout: &Payout, now: Timestamp) -> Result<(NewTransaction, Posting), PostingError> {
    let (debit, credit) = (Account::PayoutsInFlight, payout.provider.disbursement());
    let posting = Posting::new(&[Transfer { debit, credit, amount: payout.amount }])?;
    Ok((head(payout, "paid", "payout arrived", now), posting))
}

/// It left our account after it had been given back: nobody knows yet whose loss that is.
pub fn late(payout: &Payout, now: Timestamp) -> Result<(NewTransaction, Posting), PostingError> {
    let (debit, credit) = (Account::Suspense, payout.provider.disbursement());
    let posting = Posting::new(&[Transfer { debit, credit, amount: payout.amount }])?;
    Ok((head(payout, "late", "payout arrived after it was given back", now), posting))
}

fn transfers(payout: &Payout) -> Result<[Transfer; 3], PostingError> {
    let debit = Account::DriverPayable(payout.driver);
    let income = payout.fee.checked_sub(payout.tax).ok_or(PostingError::TooLarge)?;
    Ok([
        Transfer { debit, credit: Account::PayoutsInFlight, amount: payout.amount },
        Transfer { debit, credit: Account::PayoutFeeIncome, amount: income },
        Transfer { debit, credit: Account::TaxPayable, amount: payout.tax },
    ])
}

fn head(payout: &Payout, what: &str, memo: &'static str, at: Timestamp) -> NewTransaction {
    NewTransaction { cause: format!("payout:{}:{what}", payout.id), ride: None, at, memo }
}
