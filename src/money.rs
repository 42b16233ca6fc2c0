//! Money in whole Rwandan francs, and shares of it in basis points.
//!
//! The franc has no minor unit in practice, so an amount is an `i64` and nothing here is a float. There is no `+` on
//! money: sums that could overflow are asked for with `checked_*`, so that the caller says what an impossible amount
//! means to it. Amounts may be negative (a ledger has two sides). Shares round half away from zero, so that reversing a
//! posting gives the exact mirror of the posting.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in whole francs (RWF).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Francs(pub i64);

impl Francs {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The number of francs.
    pub const fn amount(self) -> i64 {
        self.0
    }

    /// The sum, or `None` when it does not fit.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` when it does not fit.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The same amount on the other side of the ledger, or `None` when it does not fit.
    #[must_use]
    pub const fn checked_neg(self) -> Option<Self> {
        match self.0.checked_neg() {
            Some(negated) => Some(Self(negated)),
            None => None,
        }
    }

    /// The sum of all, or `None` when it does not fit. The sum of nothing is zero.
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl fmt::Display for Francs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} RWF", self.0)
    }
}

/// A share in hundredths of a percent: 900 is 9 %, 10 000 is the whole, 15 000 is one and a half times.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BasisPoints(pub u32);

impl BasisPoints {
    /// Nothing of it.
    pub const ZERO: Self = Self(0);
    /// All of it: a factor of one.
    pub const WHOLE: Self = Self(10_000);

    /// This share of an amount, rounded to the nearest franc, halves away from zero. A product beyond any amount that
    /// [`Francs`] can hold becomes the largest (or smallest) it can.
    #[must_use]
    pub fn of(self, amount: Francs) -> Francs {
        let whole = i128::from(Self::WHOLE.0);
        Francs(divide_half_up(i128::from(amount.0) * i128::from(self.0), whole))
    }
}

impl fmt::Display for BasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

/// `numerator / denominator` to the nearest whole, halves away from zero, held to the range of `i64`. The one rounding
/// rule of money, shared with the tariffs. The denominator is positive.
pub(crate) fn divide_half_up(numerator: i128, denominator: i128) -> i64 {
    debug_assert!(denominator > 0, "a denominator of {denominator} has no half");
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    let away = if remainder.abs() >= denominator - remainder.abs() { numerator.signum() } else { 0 };
    i64::try_from(quotient + away).unwrap_or(if numerator < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn a_share_rounds_half_away_from_zero() {
        for (basis_points, amount, share) in [
            (900, 1_186, 107),
            (900, 0, 0),
            (10_000, 1_186, 1_186),
            (5_000, 1, 1),
            (5_000, -1, -1),
            (4_999, 1, 0),
            (2_500, 2, 1),
            (2_499, 2, 0),
            (15_000, 3, 5),
        ] {
            assert_eq!(BasisPoints(basis_points).of(Francs(amount)), Francs(share), "{basis_points} of {amount}");
        }
    }

    #[test]
    fn a_sum_that_does_not_fit_is_none() {
        assert_eq!(Francs(i64::MAX).checked_add(Francs(1)), None);
        assert_eq!(Francs(i64::MIN).checked_sub(Francs(1)), None);
        assert_eq!(Francs(i64::MIN).checked_neg(), None);
        assert_eq!(Francs::checked_sum([Francs(i64::MAX), Francs(1), Francs(-1)]), None);
        assert_eq!(Francs::checked_sum([Francs(400), Francs(351)]), Some(Francs(751)));
        assert_eq!(Francs::checked_sum([]), Some(Francs::ZERO));
    }

    #[test]
    fn a_share_beyond_any_amount_stops_at_the_largest() {
        assert_eq!(BasisPoints(u32::MAX).of(Francs(i64::MAX)), Francs(i64::MAX));
        assert_eq!(BasisPoints(u32::MAX).of(Francs(i64::MIN)), Francs(i64::MIN));
    }

    #[test]
    fn money_is_a_bare_number_on_the_wire_and_has_its_unit_on_a_screen() {
        assert_eq!(serde_json::to_string(&Francs(751)).expect("a number"), "751");
        assert_eq!(Francs(-751).to_string(), "-751 RWF");
        assert_eq!(BasisPoints(905).to_string(), "9.05 %");
    }

    proptest! {
        #[test]
        fn a_share_is_within_half_a_franc_and_mirrors(amount in -1_000_000_000_i64..1_000_000_000, points in any::<u16>()) {
            let share = BasisPoints(points.into()).of(Francs(amount)).0;
            let exact = amount * i64::from(points);
            prop_assert!((share * 10_000 - exact).abs() <= 5_000);
            prop_assert_eq!(BasisPoints(points.into()).of(Francs(-amount)).0, -share);
        }
    }
}
