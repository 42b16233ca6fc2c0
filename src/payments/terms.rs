//! Who gets what of a fare, by the terms that it was sold by.
//!
//! Separate from [`split`](super::split), which only adds up: here the platform's terms become shares. The commission and the
//! service fee are the platform's own supply and contain their tax; a fare's own tax, where there is one, is inside the
//! driver's share and theirs to declare.

use super::Payments;
use super::jobs::SettleRide;
use super::split::{Split, SplitError};
use crate::error::Error;
use crate::money::Francs;
use crate::pricing::TermsNumbers;
use crate::time::Timestamp;

impl Payments {
    /// Who gets what of a fare, by the terms that held at an instant: together `fare` and the service fee.
    ///
    /// # Errors
    /// For a negative fare.
    pub(in crate::payments) async fn ride_split(
        &self,
        fare: Francs,
        ride_type: &str,
        at: Timestamp,
    ) -> Result<Split, Error> {
        let book = self.parts.prices.book();
        ride_split(fare, &book.terms_at(ride_type, at).numbers).map_err(Error::internal)
    }

    /// Who gets what of a completed ride, by the terms it was sold by: it may have been quoted before these changed.
    ///
    /// # Errors
    /// As [`Payments::ride_split`].
    pub(in crate::payments) async fn split_of(&self, ride: &SettleRide) -> Result<Split, Error> {
        let book = self.parts.prices.book();
        match ride.terms.as_deref().and_then(|name| book.terms_named(name)) {
            Some(terms) => ride_split(ride.fare_rwf, &terms.numbers).map_err(Error::internal),
            None => self.ride_split(ride.fare_rwf, &ride.ride_type, ride.completed_at).await,
        }
    }

    /// Who gets what of the fee of a ride that was called off: the driver the compensation, the platform what is left.
    ///
    /// # Errors
    /// When the compensation is more than the fee.
    pub(in crate::payments) async fn cancellation_split(
        &self,
        fee: Francs,
        compensation: Francs,
        ride_type: &str,
        at: Timestamp,
    ) -> Result<Split, Error> {
        let book = self.parts.prices.book();
        cancellation_split(fee, compensation, &book.terms_at(ride_type, at).numbers).map_err(Error::internal)
    }
}

fn ride_split(fare: Francs, terms: &TermsNumbers) -> Result<Split, SplitError> {
    let commission = terms.commission(fare);
    let driver = fare.checked_sub(commission).ok_or(SplitError)?;
    let platform = commission.checked_add(terms.service_fee()).ok_or(SplitError)?;
    Split::new(driver, platform, terms.commission_vat.included_in(platform))
}

fn cancellation_split(fee: Francs, compensation: Francs, terms: &TermsNumbers) -> Result<Split, SplitError> {
    let platform = fee.checked_sub(compensation).ok_or(SplitError)?;
    Split::new(compensation, platform, terms.commission_vat.included_in(platform))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::money::BasisPoints;
    use crate::pricing::{Vat, VatLetter};

    fn terms(commission: u32, service_fee: i64, vat: u32) -> TermsNumbers {
        TermsNumbers {
            service_fee_rwf: service_fee,
            commission_vat: Vat { letter: VatLetter::B, rate_basis_points: vat },
            ..TermsNumbers::of_commission(BasisPoints(commission))
        }
    }

    #[test]
    fn the_platform_keeps_its_commission_and_owes_the_tax_inside_it() {
        // The regulator's fares at 9 %, with 18 % inside the commission.
        for (fare, driver, platform, tax) in [
            (400, 364, 36, 5),
            (751, 683, 68, 10),
            (1_186, 1_079, 107, 16),
            (4_846, 4_410, 436, 67),
            (5_871, 5_343, 528, 81),
        ] {
            let expected = Split::new(Francs(driver), Francs(platform), Francs(tax));
            assert_eq!(ride_split(Francs(fare), &terms(900, 0, 1_800)), expected, "{fare}");
        }
        let with_fee = ride_split(Francs(1_186), &terms(900, 50, 1_800)).expect("sound");
        assert_eq!((with_fee.driver, with_fee.platform, with_fee.tax), (Francs(1_079), Francs(157), Francs(24)));
        assert_eq!(ride_split(Francs(1_186), &terms(0, 0, 1_800)).map(|split| split.platform), Ok(Francs(0)));
    }

    #[test]
    fn a_fee_is_the_drivers_as_far_as_it_compensates() {
        let split = |fee, compensation| cancellation_split(Francs(fee), Francs(compensation), &terms(900, 50, 1_800));
        assert_eq!(split(400, 400), Split::new(Francs(400), Francs(0), Francs(0)));
        assert_eq!(split(400, 200), Split::new(Francs(200), Francs(200), Francs(31)));
        assert_eq!(split(200, 400), Err(SplitError));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nobody_gets_less_than_nothing(
            fare in 0_i64..10_000_000, commission in 0_u32..=10_000, fee in 0_i64..10_000, vat in 0_u32..=10_000,
        ) {
            let split = ride_split(Francs(fare), &terms(commission, fee, vat)).expect("sound");
            prop_assert_eq!(split.amount(), Francs(fare + fee));
            prop_assert!(split.tax <= split.platform && split.driver >= Francs::ZERO);
        }
    }
}
