//! Who gets what of an amount, also when it is paid piece by piece.
//!
//! Separate and pure, because pieces must add up: whatever the pieces and their order, once all is paid everybody has
//! exactly the share of the whole. Each piece gets the difference of two roundings of what was paid up to it.

use crate::money::{Francs, divide_half_up};

/// The shares of an amount when all of it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The driver's.
    pub driver: Francs,
    /// The platform's, its tax included.
    pub platform: Francs,
    /// Of the platform's, what is owed as tax.
    pub tax: Francs,
}

/// What a piece gives whom. Together it is the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The driver's.
    pub driver: Francs,
    /// The platform's, without tax.
    pub income: Francs,
    /// The state's.
    pub tax: Francs,
}

/// Shares that make no split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shares are negative, too large, or the tax is more than the platform's share")]
pub struct SplitError;

impl Split {
    /// A split of `driver + platform`.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn new(driver: Francs, platform: Francs, tax: Francs) -> Result<Self, SplitError> {
        let is_sound = driver >= Francs::ZERO && tax >= Francs::ZERO && tax <= platform;
        let fits = driver.checked_add(platform).is_some();
        if is_sound && fits { Ok(Self { driver, platform, tax }) } else { Err(SplitError) }
    }

    /// All of it.
    pub fn amount(&self) -> Francs {
        Francs(self.driver.amount() + self.platform.amount())
    }

    /// What a piece gives whom that raises what is paid from `before` to `after`; both are within the amount.
    pub fn piece(&self, before: Francs, after: Francs) -> Shares {
        let whole = i128::from(self.amount().amount()).max(1);
        let part =
            |share: Francs, paid: Francs| divide_half_up(i128::from(share.amount()) * i128::from(paid.amount()), whole);
        let grown = |share: Francs| part(share, after) - part(share, before);
        let (platform, tax) = (grown(self.platform), grown(self.tax));
        // Rounded apart, the tax of a piece could be a franc more than the platform's share of it.
        let tax = tax.min(platform);
        let driver = after.amount() - before.amount() - platform;
        Shares { driver: Francs(driver), income: Francs(platform - tax), tax: Francs(tax) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn split() -> impl Strategy<Value = Split> {
        (0_i64..100_000, 0_i64..100_000, 0_i64..=100).prop_map(|(driver, platform, percent)| {
            Split::new(Francs(driver), Francs(platform), Francs(platform * percent / 100)).expect("sound")
        })
    }

    proptest! {
        #[test]
        fn pieces_add_up_to_the_whole(split in split(), cuts in prop::collection::vec(0.0_f64..1.0, 0..6)) {
            let whole = split.amount().amount();
            let mut ends: Vec<i64> = cuts.iter().map(|cut| (cut * whole as f64) as i64).chain([whole]).collect();
            ends.sort_unstable();
            let (mut before, mut driver, mut platform) = (0, 0, 0);
            for after in ends {
                let shares = split.piece(Francs(before), Francs(after));
                prop_assert!(shares.driver >= Francs::ZERO && shares.income >= Francs::ZERO && shares.tax >= Francs::ZERO);
                let sum = shares.driver.amount() + shares.income.amount() + shares.tax.amount();
                prop_assert_eq!(sum, after - before);
                driver += shares.driver.amount();
                platform += shares.income.amount() + shares.tax.amount();
                before = after;
            }
            prop_assert_eq!((driver, platform), (split.driver.amount(), split.platform.amount()));
        }
    }
}
