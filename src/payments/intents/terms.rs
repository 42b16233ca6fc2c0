//! Who gets what of a fare and of a cancellation fee.
//!
//! Separate because the terms are the one thing here that changes with the date and the kind of ride.

use crate::error::Error;
use crate::fares;
use crate::money::Francs;
use crate::payments::Payments;
use crate::payments::split::Split;
use crate::time::Timestamp;

impl Payments {
    /// The shares of a fare by the terms of the day.
    ///
    /// # Errors
    /// When the amounts make no split.
    pub(in crate::payments) fn ride_split(
        &self,
        fare: Francs,
        _ride_type: &str,
        _at: Timestamp,
    ) -> Result<Split, Error> {
        let commission = fares::commission(fare, self.parts.config.commission);
        let driver = fare.checked_sub(commission).ok_or_else(|| Error::internal("a fare is too large"))?;
        Split::new(driver, commission, Francs::ZERO).map_err(Error::internal)
    }

    /// The shares of a cancellation fee: the driver's compensation, and the platform's rest.
    ///
    /// # Errors
    /// When the amounts make no split.
    pub(in crate::payments) fn cancellation_split(
        &self,
        fee: Francs,
        compensation: Francs,
        _ride_type: &str,
        _at: Timestamp,
    ) -> Result<Split, Error> {
        let compensation = compensation.min(fee);
        let rest = fee.checked_sub(compensation).ok_or_else(|| Error::internal("a fee is too large"))?;
        Split::new(compensation, rest, Francs::ZERO).map_err(Error::internal)
    }
}
