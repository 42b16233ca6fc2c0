//! The platform's own conditions for a kind of ride: what it keeps, what it adds, and what of it is tax.
//!
//! Separate from tariffs, which a regulator fixes: these are the platform's, and tax law's. The commission is the platform's
//! own supply, so its tax is inside it: of a commission of 107 francs at 18 % it is `107 × 18 / 118`, rounded half up.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Checks;
use crate::money::{BasisPoints, Francs, divide_half_up};

/// Kinds of ride that have terms of their own.
pub const RIDE_TYPES: [&str; 2] = ["boda", "delivery"];
/// No fee is more, in francs.
const FEE_MAX: i64 = 1_000_000;

/// A tax letter of the revenue authority, as on receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum VatLetter {
    /// Exempt.
    A,
    /// Taxed, at 18 % today.
    B,
    /// Exported: nothing.
    C,
    /// By somebody who is not registered for the tax.
    D,
}

/// Under which letter something is sold, and how much of its price is tax: a share of the price without the tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vat {
    /// The letter.
    pub letter: VatLetter,
    /// 1,800 is 18 %. Zero for every letter but `B`.
    #[schema(example = 1800)]
    pub rate_basis_points: u32,
}

/// The numbers of terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsNumbers {
    /// What the platform keeps of a fare, its tax included.
    #[schema(example = 900)]
    pub commission_basis_points: u32,
    /// What the rider pays the platform beyond the fare, its tax included.
    #[serde(default)]
    pub service_fee_rwf: i64,
    /// Of the fare, which the driver sells.
    #[serde(default = "Vat::of_fares")]
    pub fare_vat: Vat,
    /// Of the commission and the service fee, which the platform sells.
    #[serde(default = "Vat::of_commission")]
    pub commission_vat: Vat,
    /// What a payout costs the driver, whatever the amount.
    #[serde(default)]
    pub payout_fee_rwf: i64,
    /// What a payout costs beyond that, as a share of the amount.
    #[serde(default)]
    pub payout_fee_basis_points: u32,
    /// What is withheld of payouts for the revenue authority.
    #[serde(default)]
    pub withholding_basis_points: u32,
}

/// Terms of a kind of ride, from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What proofs call them.
    pub name: String,
    /// Which kind; of every kind when left out.
    pub ride_type: Option<String>,
    /// The first day in Kigali on which they hold; none of those that always did.
    pub valid_from: Option<NaiveDate>,
    /// Where they come from.
    pub source: String,
    /// The numbers.
    pub numbers: TermsNumbers,
}

impl Vat {
    /// Of a motorcyclist below the threshold of registration.
    pub const fn of_fares() -> Self {
        Self { letter: VatLetter::D, rate_basis_points: 0 }
    }

    /// Of the platform.
    pub const fn of_commission() -> Self {
        Self { letter: VatLetter::B, rate_basis_points: 1_800 }
    }

    /// What of a price that includes the tax is tax, rounded half up.
    pub fn included_in(self, price: Francs) -> Francs {
        let rate = i128::from(self.rate_basis_points);
        Francs(divide_half_up(i128::from(price.amount()) * rate, i128::from(BasisPoints::WHOLE.0) + rate))
    }

    fn check(self, field: &str, checks: &mut Checks) {
        let rate = self.rate_basis_points;
        let rate_field = format!("{field}.rate_basis_points");
        let is_taxed = self.letter == VatLetter::B;
        checks.require(is_taxed || rate == 0, &rate_field, rate, "is not 0, and only letter B is taxed");
        checks.require(rate <= BasisPoints::WHOLE.0, &rate_field, rate, "is more than 10000");
    }
}

impl TermsNumbers {
    /// What always held: a commission, its tax, and nothing else.
    pub const fn of_commission(commission: BasisPoints) -> Self {
        Self {
            commission_basis_points: commission.0,
            service_fee_rwf: 0,
            fare_vat: Vat::of_fares(),
            commission_vat: Vat::of_commission(),
            payout_fee_rwf: 0,
            payout_fee_basis_points: 0,
            withholding_basis_points: 0,
        }
    }

    /// Notes every number that makes no terms.
    pub fn check(&self, checks: &mut Checks) {
        let whole = BasisPoints::WHOLE.0;
        for (field, share) in [
            ("commission_basis_points", self.commission_basis_points),
            ("payout_fee_basis_points", self.payout_fee_basis_points),
            ("withholding_basis_points", self.withholding_basis_points),
        ] {
            checks.require(share <= whole, field, share, format_args!("is more than {whole}"));
        }
        for (field, fee) in [("service_fee_rwf", self.service_fee_rwf), ("payout_fee_rwf", self.payout_fee_rwf)] {
            checks.require((0..=FEE_MAX).contains(&fee), field, fee, format_args!("is not 0 to {FEE_MAX} francs"));
        }
        self.fare_vat.check("fare_vat", checks);
        self.commission_vat.check("commission_vat", checks);
    }

    /// What the platform keeps of a fare, its tax included.
    pub fn commission(&self, fare: Francs) -> Francs {
        BasisPoints(self.commission_basis_points).of(fare)
    }

    /// What the rider pays beyond the fare.
    pub const fn service_fee(&self) -> Francs {
        Francs(self.service_fee_rwf)
    }

    /// What a payout of an amount costs, its tax included. It saturates.
    pub fn payout_fee(&self, amount: Francs) -> Francs {
        let share = BasisPoints(self.payout_fee_basis_points).of(amount);
        Francs(share.amount().saturating_add(self.payout_fee_rwf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tax_is_inside_the_price_and_rounded_half_up() {
        for (price, rate, tax) in
            [(107, 1_800, 16), (118, 1_800, 18), (36, 1_800, 5), (0, 1_800, 0), (107, 0, 0), (3, 10_000, 2)]
        {
            let vat = Vat { letter: VatLetter::B, rate_basis_points: rate };
            assert_eq!(vat.included_in(Francs(price)), Francs(tax), "{rate} in {price}");
        }
    }

    #[test]
    fn only_letter_b_is_taxed() {
        let numbers = TermsNumbers {
            fare_vat: Vat { letter: VatLetter::D, rate_basis_points: 1_800 },
            service_fee_rwf: -1,
            ..TermsNumbers::of_commission(BasisPoints(10_001))
        };
        let mut checks = Checks::new();
        numbers.check(&mut checks);
        let refused = checks.finish().expect_err("refused");
        let fields: Vec<_> = refused.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["commission_basis_points", "service_fee_rwf", "fare_vat.rate_basis_points"]);
    }

    #[test]
    fn what_is_left_out_is_what_is_usual() {
        let read: TermsNumbers = serde_json::from_str(r#"{"commission_basis_points": 900}"#).expect("JSON");
        assert_eq!(read, TermsNumbers::of_commission(BasisPoints(900)));
        assert_eq!(
            TermsNumbers { payout_fee_rwf: 20, payout_fee_basis_points: 100, ..read }.payout_fee(Francs(5_050)),
            Francs(71)
        );
    }
}
