//! Promotions: what the platform pays of a ride, out of a budget.
//!
//! Separate because a budget is a promise to whoever approved it: it must not be overspent, whoever books at once. So money
//! is taken from the budget when a ride is booked, by one conditional update, and given back when the ride does not
//! complete or costs less. [`Discount`] is the arithmetic, pure; `referral` is the one promotion that is always there.
//!
//! Invariants: what is reserved and used of a promotion is at most its budget (the database checks as well); a ride has at
//! most one promotion; somebody uses a code at most as often as it says; whoever approves a large budget did not propose it.

pub(super) mod admin;
pub(super) mod http;
pub(super) mod referral;
pub(super) mod store;
pub mod sweep;
pub(super) mod tips;

#[cfg(test)]
mod tests;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Payments;
use super::intent::{NewIntent, Purpose};
use crate::error::{Error, Fault};
use crate::ids::{RideId, RiderId};
use crate::money::{BasisPoints, Francs};
use crate::time::{Span, Timestamp};

use store::{Kept, Promotion};

/// Settings of promotions, referrals and tips.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A budget above this needs a second admin.
    pub approval_above: Francs,
    /// What each of the two gets of a referral.
    pub referral_reward: Francs,
    /// What referrals may cost in a month.
    pub referral_budget: Francs,
    /// The least that is tipped.
    pub tip_min: Francs,
    /// The most.
    pub tip_max: Francs,
    /// How long after a ride.
    pub tip_within: Span,
    /// How often rewards are looked for and lost reservations are given back.
    pub sweep_every: Span,
}

#[cfg(test)]
impl Config {
    /// As in `config/default.toml`.
    pub const fn for_tests() -> Self {
        Self {
            approval_above: Francs(100_000),
            referral_reward: Francs(500),
            referral_budget: Francs(1_000_000),
            tip_min: Francs(100),
            tip_max: Francs(20_000),
            tip_within: Span::from_minutes(7 * 24 * 60),
            sweep_every: Span::from_secs(10),
        }
    }
}

/// What a code takes off a fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discount {
    /// A share of it, up to so many francs.
    Share(BasisPoints, Francs),
    /// So many francs.
    Flat(Francs),
}

impl Discount {
    /// What is taken off this fare: at most all of it, and nothing of nothing.
    pub fn of(self, fare: Francs) -> Francs {
        let off = match self {
            Self::Share(share, cap) => share.of(fare).min(cap),
            Self::Flat(flat) => flat,
        };
        off.min(fare).max(Francs::ZERO)
    }
}

/// The state of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PromotionState)]
pub enum State {
    /// A second admin has to look at it.
    Proposed,
    /// It can be used, while it is valid.
    Active,
    /// It is over.
    Ended,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Proposed, Self::Active, Self::Ended];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What a rider would get at `at` by a promotion that exists: nothing is kept yet.
fn check(promotion: &Promotion, ride_type: &str, at: Timestamp) -> Result<(), Error> {
    let refuse = |code, text: &str| Err(Error::conflict(code, format!("the code {} {text}", promotion.code)));
    if promotion.state != State::Active || at >= promotion.valid_until {
        return refuse("promotion_over", "is not in use any more");
    }
    if at < promotion.valid_from {
        return refuse("promotion_not_yet", &format!("is good from {} on", promotion.valid_from));
    }
    if !promotion.ride_types.is_empty() && !promotion.ride_types.iter().any(|known| known == ride_type) {
        return refuse("promotion_other_rides", &format!("is for rides of type {}", promotion.ride_types.join(", ")));
    }
    Ok(())
}

fn refuse_kept(kept: Kept, code: &str) -> Result<Uuid, Error> {
    let refuse = |kind, text| Err(Error::conflict(kind, format!("the code {code} {text}")));
    match kept {
        Kept::Reserved(id) => Ok(id),
        Kept::Spent => refuse("promotion_spent", "has no money left for this ride"),
        Kept::UsedUp => refuse("promotion_used_up", "was used as often as one may use it"),
        Kept::NotNew => refuse("promotion_new_riders_only", "is for riders who have not ridden yet"),
        Kept::OtherRide => refuse("promotion_differs", "differs from what this ride was booked with"),
    }
}

/// Capitals without spaces, as codes are kept; `None` for what is no code.
fn plain_code(typed: &str) -> Option<String> {
    let code = typed.trim().to_ascii_uppercase();
    let is_code = (3..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

impl Payments {
    async fn promotion_by_code(&self, typed: &str) -> Result<Promotion, Error> {
        let unknown = || Error::Invalid(vec![Fault::new("promotion", typed, "is not a code we know")]);
        let code = plain_code(typed).ok_or_else(unknown)?;
        let found = store::by_code(&self.pool, &code).await?;
        // One that waits for approval is nobody's business yet.
        found.filter(|promotion| promotion.state != State::Proposed).ok_or_else(unknown)
    }

    /// What a code takes off a fare, for a quote. Nothing is kept for it: see [`Payments::reserve_promotion`].
    ///
    /// # Errors
    /// [`Error::Invalid`] on `promotion` for one that nobody made; `promotion_over`, `promotion_not_yet`,
    /// `promotion_other_rides`, `promotion_new_riders_only`, `promotion_used_up`, `promotion_spent`.
    pub async fn quote_promotion(
        &self,
        rider: RiderId,
        code: &str,
        fare: Francs,
        ride_type: &str,
        at: Timestamp,
    ) -> Result<Francs, Error> {
        let promotion = self.promotion_by_code(code).await?;
        check(&promotion, ride_type, at)?;
        let discount = promotion.discount.of(fare);
        let kept = store::would_keep(&self.pool, &promotion, rider, discount).await?;
        if let Some(refused) = kept {
            refuse_kept(refused, &promotion.code)?;
        }
        Ok(discount)
    }

    /// Keeps what a code takes off this fare for a ride that is about to be booked; answers what goes into its
    /// [`Plan`](super::Plan), or `None` when the code takes nothing off it. Asked again for the same ride it answers the
    /// same. Whoever then does not book calls [`Payments::release_promotion`]; if nobody does, a sweep will.
    ///
    /// # Errors
    /// As [`Payments::quote_promotion`].
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different fact about one booking, and their types tell them apart"
    )]
    pub async fn reserve_promotion(
        &self,
        rider: RiderId,
        code: &str,
        ride: RideId,
        fare: Francs,
        ride_type: &str,
        at: Timestamp,
    ) -> Result<Option<Uuid>, Error> {
        let promotion = self.promotion_by_code(code).await?;
        if let Some(kept) = store::kept_for(&self.pool, promotion.id, rider, ride).await? {
            return refuse_kept(kept, &promotion.code).map(Some);
        }
        check(&promotion, ride_type, at)?;
        let amount = promotion.discount.of(fare);
        if amount == Francs::ZERO {
            return Ok(None);
        }
        let mut transaction = self.pool.begin().await?;
        let kept = store::keep(&mut transaction, &promotion, rider, ride, amount, at).await?;
        if matches!(kept, Kept::Reserved(_)) {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        refuse_kept(kept, &promotion.code).map(Some)
    }

    /// Gives back what is kept for a ride that does not complete. Also when there is nothing, or it was used.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn release_promotion(&self, ride: RideId, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        store::release(&mut transaction, ride, now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// How much of an intent the platform pays, within the transaction that opens it; what was kept beyond that goes back into
/// the budget. Asked again for the same ride it answers the same. A ride that was called off gives all of it back.
///
/// # Errors
/// When the database is away.
pub(in crate::payments) async fn redeem(
    conn: &mut PgConnection,
    promotion: Option<Uuid>,
    intent: &NewIntent,
    now: Timestamp,
) -> Result<Francs, sqlx::Error> {
    let Some(id) = promotion else { return Ok(Francs::ZERO) };
    match intent.purpose {
        Purpose::Ride => store::redeem(conn, id, intent.ride, intent.split.amount(), now).await,
        Purpose::Cancellation => {
            store::release(conn, intent.ride, now).await?;
            Ok(Francs::ZERO)
        }
        Purpose::Tip => Ok(Francs::ZERO),
    }
}
