//! Tips: more than the fare, for the driver alone.
//!
//! Separate from codes because here nobody but the rider pays. Invariants: one tip for each ride, by who rode, within some days
//! of its end and within bounds; no commission and no tax is taken of it. A tip in cash is given by hand and is not ours.

use super::store;
use crate::error::{Checks, Error};
use crate::ids::{RideId, RiderId};
use crate::money::Francs;
use crate::payments::Payments;
use crate::payments::intent::{NewIntent, Purpose};
use crate::payments::method::{PaymentMethod, Plan};
use crate::payments::split::Split;
use crate::time::Timestamp;

use uuid::Uuid;

/// A tip as a rider sends it.
#[derive(Clone, Debug)]
pub struct NewTip {
    /// How much.
    pub amount: Francs,
    /// How, in the word of the wire; as the ride was paid when left out.
    pub method: Option<String>,
    /// One of the rider's saved methods.
    pub saved_method: Option<Uuid>,
}

/// A tip that is given or on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// For which ride.
    pub ride: RideId,
    /// How much.
    pub amount: Francs,
    /// The state of its intent.
    pub state: String,
    /// How it is paid.
    pub method: String,
}

impl Payments {
    /// Gives a tip. Sent again with the same amount it answers how the first one stands.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `amount_rwf` or `method`; [`Error::NotFound`] for somebody else's ride;
    /// `ride_not_completed`, `tip_too_late`, `tip_given` for a second one of another amount.
    pub async fn tip(&self, rider: RiderId, ride: RideId, tip: &NewTip, now: Timestamp) -> Result<Tip, Error> {
        let config = &self.parts.config.promotions;
        let (least, most) = (config.tip_min.amount(), config.tip_max.amount());
        let mut checks = Checks::new();
        let amount = tip.amount.amount();
        checks.require(
            (least..=most).contains(&amount),
            "amount_rwf",
            amount,
            format_args!("is out of range {least}..={most}"),
        );
        let wished = tip.method.as_deref().map(|word| (word, PaymentMethod::from_name(word)));
        if let Some((word, method)) = wished {
            let is_ours = method.is_some_and(|method| method.provider().is_some());
            checks.require(
                is_ours,
                "method",
                word,
                "is not one of mtn_momo, airtel_money, card; cash is given by hand",
            );
        }
        checks.finish()?;
        let ridden = store::ridden(&self.pool, rider, ride).await?.ok_or(Error::NotFound { what: "ride" })?;
        let (Some(driver), Some(ended_at)) = (ridden.driver, ridden.completed_at) else {
            return Err(Error::conflict("ride_not_completed", "a tip is given after a completed ride"));
        };
        if let Some(given) = store::tip_of(&self.pool, ride).await? {
            return repeated(given, tip.amount);
        }
        if now - config.tip_within > ended_at {
            let days = config.tip_within.as_secs() / 86_400;
            return Err(Error::conflict("tip_too_late", format!("a tip is given within {days} days of the ride")));
        }
        let method = wished.and_then(|(_, method)| method).or_else(|| PaymentMethod::from_name(&ridden.method));
        // A ride paid by hand says nothing of a wallet: the usual one is asked.
        let method = method.filter(|method| method.provider().is_some()).unwrap_or(PaymentMethod::MtnMomo);
        let split = Split::new(tip.amount, Francs::ZERO, Francs::ZERO).map_err(Error::internal)?;
        let new = NewIntent {
            purpose: Purpose::Tip,
            ride,
            payer: rider,
            driver: Some(driver),
            split,
            method,
            plan: Plan { saved_method: tip.saved_method, ..Plan::default() },
            at: now,
        };
        self.open_intent(&new, now).await?;
        let given = store::tip_of(&self.pool, ride).await?;
        // Two at once: the other one may have been of another amount.
        repeated(given.ok_or_else(|| Error::internal("a tip that was opened is not there"))?, tip.amount)
    }
}

fn repeated(given: Tip, amount: Francs) -> Result<Tip, Error> {
    if given.amount == amount {
        return Ok(given);
    }
    let message = format!("a tip of {} francs was given for this ride", given.amount.amount());
    Err(Error::conflict("tip_given", message))
}
