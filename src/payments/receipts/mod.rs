//! Receipts: what a ride cost and how it was paid, as numbers for an app and as a page for paper.
//!
//! Separate because a receipt is only read off: it is written anew from what stands in the books whenever it is asked for, so
//! it cannot disagree with them, and it has no number of its own. It is not a fiscal receipt, and says so: those are numbered
//! without gaps by the revenue authority's device.
//!
//! Invariants: lines add up to the total; pieces that were paid add up to what is paid of it; every word that came from
//! a person is escaped on the page, which has no script.

pub(super) mod http;
mod page;
mod store;
mod words;

#[cfg(test)]
mod tests;

use uuid::Uuid;

use super::Payments;
use super::intent::Purpose;
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::money::{Francs, divide_half_up};
use crate::notifications::Language;
use crate::time::Timestamp;

use store::{Owed, Paid, Refunded, Ridden};
use words::Word;

/// Settings of receipts: who sells, as it is printed.
#[derive(Clone, Debug)]
pub struct Config {
    /// The platform's name.
    pub seller: String,
    /// Its number at the revenue authority; none until it has one.
    pub tin: Option<String>,
    /// Where it is.
    pub address: Option<String>,
}

#[cfg(test)]
impl Config {
    /// Nobody's.
    pub fn for_tests() -> Self {
        Self { seller: "Boda <Kigali> & Co".into(), tin: Some("123456789".into()), address: None }
    }
}

/// A line: what was sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub word: Word,
    /// For how much, tax included.
    pub amount: Francs,
    /// Under which letter.
    pub tax: Tax,
}

/// A tax letter of the revenue authority with its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tax {
    /// `A` to `D`.
    pub letter: char,
    /// 1 800 is 18 %.
    pub rate_basis_points: u32,
}

impl Tax {
    /// A fare is sold by the driver, who is below the threshold of registration.
    const OF_FARES: Self = Self { letter: 'D', rate_basis_points: 0 };
    /// Fees are sold by the platform.
    const OF_FEES: Self = Self { letter: 'B', rate_basis_points: 1_800 };

    /// What of a price that includes it is tax.
    fn included_in(self, price: Francs) -> Francs {
        let rate = i128::from(self.rate_basis_points);
        Francs(divide_half_up(i128::from(price.amount()) * rate, 10_000 + rate))
    }
}

/// The sum of all lines under one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxTotal {
    /// Which.
    pub tax: Tax,
    /// The prices, tax included.
    pub amount: Francs,
    /// The tax in them.
    pub included: Francs,
}

/// A receipt, in a language.
#[derive(Clone, Debug)]
pub struct Receipt {
    ride: RideId,
    language: Language,
    issued_at: Timestamp,
    seller: Config,
    ridden: Ridden,
    lines: Vec<Line>,
    taxes: Vec<TaxTotal>,
    paid: Vec<Paid>,
    refunds: Vec<Refunded>,
    total: Francs,
    total_paid: Francs,
}

fn sum(amounts: impl IntoIterator<Item = Francs>) -> Result<Francs, Error> {
    Francs::checked_sum(amounts).ok_or_else(|| Error::internal("the sum of a receipt does not fit"))
}

/// What was sold. The commission is the driver's cost and no line: the rider pays the fare, which is the driver's supply, and
/// what the platform adds to it.
fn lines_of(owed: &[Owed], fare: Francs) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |word, amount: Francs, tax| {
        if amount > Francs::ZERO {
            lines.push(Line { word, amount, tax });
        }
    };
    for one in owed {
        match one.purpose {
            Purpose::Ride => {
                let fare = fare.min(one.amount);
                line(Word::Fare, fare, Tax::OF_FARES);
                line(Word::ServiceFee, Francs(one.amount.amount() - fare.amount()), Tax::OF_FEES);
            }
            Purpose::Cancellation => {
                line(Word::CancellationFee, one.driver, Tax::OF_FARES);
                line(Word::CancellationFee, one.platform, Tax::OF_FEES);
            }
            Purpose::Tip => line(Word::Tip, one.amount, Tax::OF_FARES),
        }
    }
    lines
}

fn taxes_of(lines: &[Line]) -> Result<Vec<TaxTotal>, Error> {
    let mut taxes: Vec<_> = lines.iter().map(|line| line.tax).collect();
    taxes.sort_unstable();
    taxes.dedup();
    let total = |tax: Tax| {
        let amount = sum(lines.iter().filter(|line| line.tax == tax).map(|line| line.amount))?;
        Ok(TaxTotal { tax, amount, included: tax.included_in(amount) })
    };
    taxes.into_iter().map(total).collect()
}

impl Payments {
    /// The receipt of a rider's ride, in a language or in the rider's own.
    ///
    /// # Errors
    /// [`Error::NotFound`] for somebody else's ride; `no_receipt` while nothing is owed for it.
    pub async fn receipt(
        &self,
        rider: RiderId,
        ride: RideId,
        language: Option<Language>,
        now: Timestamp,
    ) -> Result<Receipt, Error> {
        let ridden = store::ride(&self.pool, rider, ride).await?.ok_or(Error::NotFound { what: "ride" })?;
        let owed = store::owed(&self.pool, ride).await?;
        if owed.is_empty() {
            let message = format!("the ride is {} and nothing is to be paid for it (yet)", ridden.status);
            return Err(Error::conflict("no_receipt", message));
        }
        let lines = lines_of(&owed, ridden.fare);
        Ok(Receipt {
            ride,
            language: language.or_else(|| Language::from_code(&ridden.language)).unwrap_or_default(),
            issued_at: now,
            seller: self.parts.config.receipts.clone(),
            taxes: taxes_of(&lines)?,
            lines,
            paid: store::paid(&self.pool, ride).await?,
            refunds: store::refunded(&self.pool, ride).await?,
            total: sum(owed.iter().map(|one| one.amount))?,
            total_paid: sum(owed.iter().map(|one| one.paid))?,
            ridden,
        })
    }
}

impl Receipt {
    fn say(&self, word: Word) -> &'static str {
        word.in_language(self.language)
    }

    fn due(&self) -> Francs {
        Francs(self.total.amount() - self.total_paid.amount())
    }

    /// What people are told on the telephone: the end of the ride's id, whose beginning is a time.
    fn short_reference(&self) -> String {
        let id: Uuid = self.ride.into();
        let text = id.simple().to_string();
        text[text.len() - 8..].to_ascii_uppercase()
    }
}

/// An instant in Kigali: `25/11/2026 07:30`.
fn kigali(at: Timestamp) -> String {
    format!("{} {}", at.kigali_day().format("%d/%m/%Y"), at.kigali_time())
}
