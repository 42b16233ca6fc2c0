//! What a rider may choose when a ride is booked: the method, one of their wallets, a promotion.
//!
//! Separate from intents, which come to be when the ride is over: here is only refused what could not be paid then, as long
//! as the rider can still choose something else.

use uuid::Uuid;

use super::{PaymentMethod, Payments};
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::money::Francs;
use crate::time::Timestamp;

/// What a promotion would take over of a fare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// Its code, as it is written.
    pub code: String,
    /// How much of what is to be paid.
    pub amount: Francs,
}

impl Payments {
    /// Refuses a method that nobody is there for.
    ///
    /// # Errors
    /// Conflict `payment_method_unavailable`.
    pub fn refuse_unavailable(&self, method: PaymentMethod, _now: Timestamp) -> Result<(), Error> {
        let Some(provider) = method.provider() else { return Ok(()) };
        if self.parts.providers.get(provider).is_none() {
            let text = format!("{} is not offered now; choose another method", method.as_str());
            return Err(Error::conflict("payment_method_unavailable", text));
        }
        Ok(())
    }

    /// Refuses a saved method that is not the rider's, or is of another kind.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `payment_method_id`.
    pub async fn check_saved_method(&self, _rider: RiderId, id: Uuid, _method: PaymentMethod) -> Result<(), Error> {
        // Nobody can save one yet.
        Err(Error::invalid("payment_method_id", id, "is not a saved method of yours"))
    }

    /// What a code would take over; nothing is reserved.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `promo_code`.
    pub async fn quote_promotion(
        &self,
        _rider: RiderId,
        code: &str,
        _fare: Francs,
        _at: Timestamp,
    ) -> Result<Promised, Error> {
        // There are no codes yet.
        Err(Error::invalid("promo_code", code, "is not a code that is in force"))
    }

    /// Reserves a code for a ride, and says under which id. Asked again for the same ride, it is the same reservation.
    ///
    /// # Errors
    /// As [`Payments::quote_promotion`].
    pub async fn reserve_promotion(
        &self,
        rider: RiderId,
        code: &str,
        _ride: RideId,
        fare: Francs,
        at: Timestamp,
    ) -> Result<Uuid, Error> {
        let promised = self.quote_promotion(rider, code, fare, at).await?;
        Err(Error::invalid("promo_code", promised.code, "cannot be reserved"))
    }
}
