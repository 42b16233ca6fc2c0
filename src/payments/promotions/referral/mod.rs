//! Referral: who brings somebody along gets credit, and so does who was brought, once the newcomer paid for a ride.
//!
//! Separate from codes because nobody makes or ends it, and what it gives is credit and no discount. Invariants: somebody is
//! brought along once, before their first ride, by somebody else; each pair is rewarded once (the cause in the ledger is the
//! pair's); a month costs no more than its budget.

pub(super) mod store;

use ring::rand::{SecureRandom, SystemRandom};

use super::super::ledger::{Account, Posting, Transfer};
use super::super::store::{NewTransaction, post};
use crate::error::Error;
use crate::ids::{RiderId, UserId};
use crate::money::Francs;
use crate::payments::Payments;
use crate::time::Timestamp;

use store::{Given, Referral};

/// Without what looks like something else when it is read out or typed.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CODE_CHARS: usize = 7;
/// Tries to find a code that nobody has; the chance that one is taken is nearly nothing.
const TRIES: usize = 5;

/// A rider's own code and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// To be given to others.
    pub code: String,
    /// What each of the two gets.
    pub reward: Francs,
    /// How many gave it.
    pub invited: i64,
    /// How many of these paid for a ride, within the budget.
    pub rewarded: i64,
    /// What the rider got for them.
    pub earned: Francs,
    /// How the rider was brought along, if by somebody: `waiting`, `rewarded`, `unfunded`.
    pub own: Option<String>,
}

fn fresh_code() -> Result<String, Error> {
    let mut bytes = [0; CODE_CHARS];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the system has no random numbers"))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

impl Payments {
    /// The rider's code, made when it is first asked for, and what came of it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn referral(&self, rider: RiderId, now: Timestamp) -> Result<Standing, Error> {
        for _ in 0..TRIES {
            let Some(code) = store::code_of(&self.pool, rider, &fresh_code()?, now).await? else { continue };
            let counts = store::counts(&self.pool, rider).await?;
            return Ok(Standing {
                code,
                reward: self.parts.config.promotions.referral_reward,
                invited: counts.invited,
                rewarded: counts.rewarded,
                earned: counts.earned,
                own: counts.own,
            });
        }
        Err(Error::internal("no code could be found that nobody has"))
    }

    /// A new rider says by whose code they came.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a code that is nobody's; `referral_own_code`, `referral_given` for a second code,
    /// `referral_not_new` after the first ride.
    pub async fn give_referral(&self, rider: RiderId, typed: &str, now: Timestamp) -> Result<Standing, Error> {
        let code = typed.trim().to_ascii_uppercase();
        match store::give(&self.pool, rider, &code, now).await? {
            Given::Taken | Given::Again => self.referral(rider, now).await,
            Given::Unknown => Err(Error::invalid("code", typed, "is not the code of a rider")),
            Given::Own => Err(Error::conflict("referral_own_code", "this is your own code; give it to others")),
            Given::Other => Err(Error::conflict("referral_given", "you gave a code before; it cannot be changed")),
            Given::NotNew => {
                Err(Error::conflict("referral_not_new", "a code is given before the first ride, and you have ridden"))
            }
        }
    }

    /// Rewards pairs whose newcomer has paid for a ride; answers how many were looked at.
    ///
    /// # Errors
    /// When the database is away. What was rewarded stays so.
    pub(in crate::payments) async fn reward_referrals(&self, now: Timestamp, most: i64) -> Result<usize, sqlx::Error> {
        let due = store::due(&self.pool, most).await?;
        for referral in &due {
            self.reward(referral, now).await?;
        }
        Ok(due.len())
    }

    async fn reward(&self, referral: &Referral, now: Timestamp) -> Result<(), sqlx::Error> {
        let config = &self.parts.config.promotions;
        let (reward, budget) = (config.referral_reward, config.referral_budget);
        let mut transaction = self.pool.begin().await?;
        let both = Francs(reward.amount().saturating_mul(2));
        let month = now.kigali_day();
        let has_budget = reward > Francs::ZERO && store::spend(&mut transaction, month, both, budget).await?;
        let given = if has_budget { reward } else { Francs::ZERO };
        // Somebody else was faster: what was taken from the month is taken back with the rest.
        if !store::close(&mut transaction, referral.id, given, now).await? {
            return transaction.rollback().await;
        }
        if has_budget {
            let credit = |user: UserId| Transfer {
                debit: Account::Promotions,
                credit: Account::RiderCredit(user),
                amount: reward,
            };
            let posting = Posting::new(&[credit(referral.referee), credit(referral.referrer)])
                .map_err(|error| sqlx::Error::Decode(error.into()))?;
            let cause = format!("referral:{}:{}", referral.referrer, referral.referee);
            let new = NewTransaction { cause, ride: None, at: now, memo: "referral" };
            post(&mut transaction, &new, &posting).await?;
        }
        transaction.commit().await
    }
}
