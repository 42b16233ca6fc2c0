//! What a rider may choose when a ride is booked: the method, one of their wallets, a promotion.
//!
//! Separate from intents, which come to be when the ride is over: here is only refused what could not be paid then, as long
//! as the rider can still choose something else.

use uuid::Uuid;

use super::breaker::Call;
use super::providers::Operation;
use super::{PaymentMethod, Payments};
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::money::Francs;
use crate::time::Timestamp;

/// What is sold to whom, as far as a promotion asks.
#[derive(Clone, Copy, Debug)]
pub struct Sold<'a> {
    /// To whom.
    pub rider: RiderId,
    /// `boda` or `delivery`.
    pub ride_type: &'a str,
    /// What is to be paid.
    pub price: Francs,
    /// When.
    pub at: Timestamp,
}

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
    pub fn refuse_unavailable(&self, method: PaymentMethod, now: Timestamp) -> Result<(), Error> {
        let Some(provider) = method.provider() else { return Ok(()) };
        let is_down = self.shared.breakers.is_open(provider, Operation::Collection, Call::Submit, now);
        if is_down || self.parts.providers.get(provider).is_none() {
            let text = format!("{} is not offered now; choose another method", method.as_str());
            return Err(Error::conflict("payment_method_unavailable", text));
        }
        Ok(())
    }

    /// Refuses a saved method that is not the rider's, or is of another provider.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `payment_method_id`.
    pub async fn check_saved_method(&self, rider: RiderId, id: Uuid, method: PaymentMethod) -> Result<(), Error> {
        let saved = self.methods_of(rider).await?;
        let is_theirs = saved.iter().any(|saved| saved.id == id && Some(saved.provider) == method.provider());
        if is_theirs {
            Ok(())
        } else {
            Err(Error::invalid("payment_method_id", id, "is not a method of yours at this provider"))
        }
    }

    /// What a code would take over; nothing is reserved.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `promo_code`; why it is not good for this ride.
    pub async fn promised(&self, code: &str, sold: &Sold<'_>) -> Result<Promised, Error> {
        let Sold { rider, ride_type, price, at } = *sold;
        let amount = self.quote_promotion(rider, code, price, ride_type, at).await;
        Ok(Promised { code: code.to_owned(), amount: amount.map_err(|error| of_field(error, code))? })
    }

    /// Reserves a code for a ride, and says under which id; none when it takes nothing over. Asked again for the same ride,
    /// it is the same reservation.
    ///
    /// # Errors
    /// As [`Payments::promised`].
    pub async fn reserve(&self, code: &str, ride: RideId, sold: &Sold<'_>) -> Result<Option<Uuid>, Error> {
        let Sold { rider, ride_type, price, at } = *sold;
        let reserved = self.reserve_promotion(rider, code, ride, price, ride_type, at).await;
        reserved.map_err(|error| of_field(error, code))
    }
}

/// Names the field of the booking.
fn of_field(error: Error, code: &str) -> Error {
    match error {
        Error::Invalid(_) => Error::invalid("promo_code", code, "is not a code we know"),
        other => other,
    }
}
