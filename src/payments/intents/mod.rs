//! Intents: what is owed for a ride, and how it is paid piece by piece.
//!
//! Separate because here money finds its owner. An intent is paid by captures, of whatever tender and in whatever order,
//! until nothing is owed; what a provider moved beyond that is the rider's credit, so that no franc is lost and nobody
//! pays twice.
//!
//! Invariants: whoever changes an intent holds its row, and intents are locked in the order of their ids; a capture, its
//! posting and the intent's `paid` are written together; a capture of a provider is one attempt's that succeeded, and
//! every attempt that succeeded has one.

mod opening;
mod paying;
mod wallets;

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Parts;
use super::attempt::{Ended, Outcome};
use super::effects::{Effects, Tiding};
use super::intent::Purpose;
use super::ledger::{Account, Posting, PostingError, Transfer};
use super::method::PaymentMethod;
use super::providers::AttemptId;
use super::split::Split;
use super::store::{self, NewTransaction};
use crate::error::Error;
use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::jobs::{New, NewJob};
use crate::money::Francs;
use crate::notifications::{Key, Params, PostNotice, SendSms};
use crate::time::Timestamp;

pub use opening::Opener;
pub use paying::{AttemptShown, CaptureShown, Outstanding, PayRide, Paying, Who};

/// Where an intent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// It is owed, and nobody is asked now.
    RequiresPayment,
    /// A provider asks the payer.
    Processing,
    /// The driver is to collect the rest.
    CashDue,
    /// It is paid.
    Succeeded,
    /// It is not owed any more.
    Cancelled,
}

impl IntentState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::RequiresPayment, Self::Processing, Self::CashDue, Self::Succeeded, Self::Cancelled];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPayment => "requires_payment",
            Self::Processing => "processing",
            Self::CashDue => "cash_due",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Which.
    pub id: Uuid,
    /// What for.
    pub purpose: Purpose,
    /// Which ride.
    pub ride: RideId,
    /// Who owes.
    pub payer: RiderId,
    /// Whose share there is.
    pub driver: Option<DriverId>,
    /// How much, and who gets what of it.
    pub split: Split,
    /// What of it is paid.
    pub paid: Francs,
    /// Where it is.
    pub state: IntentState,
    /// How it was last tried.
    pub method: PaymentMethod,
    /// Since when it is owed.
    pub created_at: Timestamp,
    /// Since when it is paid.
    pub succeeded_at: Option<Timestamp>,
}

/// What pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tender {
    /// In the street.
    Cash,
    /// What the platform owed the rider.
    Credit,
    /// The platform pays.
    Promotion,
    /// A provider's attempt.
    Provider(super::method::ProviderId, AttemptId),
}

impl Tender {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Credit => "credit",
            Self::Promotion => "promotion",
            Self::Provider(provider, _) => provider.as_str(),
        }
    }
}

/// A piece that pays an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCapture {
    /// Of which.
    pub intent: Uuid,
    /// How.
    pub tender: Tender,
    /// What of it counts for the intent.
    pub amount: Francs,
    /// What does not: the rider's credit.
    pub surplus: Francs,
}

impl Intent {
    /// What is still owed.
    pub fn outstanding(&self) -> Francs {
        if self.state == IntentState::Cancelled {
            return Francs::ZERO;
        }
        self.split.amount().checked_sub(self.paid).unwrap_or(Francs::ZERO)
    }

    /// Pays with a piece: what is owed is paid by it, what is more becomes credit. The posting goes into `effects`, the
    /// capture is the caller's to write, with the intent.
    pub(super) fn capture(
        &mut self,
        tender: Tender,
        amount: Francs,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<NewCapture, PostingError> {
        let applied = amount.min(self.outstanding());
        let surplus = amount.checked_sub(applied).ok_or(PostingError::TooLarge)?;
        let before = self.paid;
        let after = before.checked_add(applied).ok_or(PostingError::TooLarge)?;
        let shares = self.split.piece(before, after);
        let payer = UserId::from(self.payer);
        let (debit, cause, memo) = match tender {
            // Without a driver nobody can have collected it.
            Tender::Cash => {
                let driver = self.driver.ok_or(PostingError::Empty)?;
                (Account::DriverCash(driver), format!("intent:{}:cash", self.id), self.memo("cash"))
            }
            Tender::Credit => (Account::RiderCredit(payer), format!("intent:{}:credit", self.id), self.memo("credit")),
            Tender::Promotion => (Account::Promotions, format!("intent:{}:promotion", self.id), self.memo("promotion")),
            Tender::Provider(provider, attempt) => {
                (provider.collection(), format!("attempt:{}:capture", attempt.0), self.memo(provider.as_str()))
            }
        };
        let earner = self.driver.map_or(Account::CommissionIncome, Account::DriverPayable);
        let credits = [
            (earner, shares.driver),
            (Account::CommissionIncome, shares.income),
            (Account::TaxPayable, shares.tax),
            (Account::RiderCredit(payer), surplus),
        ];
        let transfers = credits.map(|(credit, amount)| Transfer { debit, credit, amount });
        let posting = Posting::new(&transfers)?;
        effects.postings.push((NewTransaction { cause, ride: Some(self.ride), at: now, memo }, posting));
        self.paid = after;
        let is_open = !matches!(self.state, IntentState::Cancelled | IntentState::Succeeded);
        if is_open && self.paid == self.split.amount() {
            (self.state, self.succeeded_at) = (IntentState::Succeeded, Some(now));
        }
        Ok(NewCapture { intent: self.id, tender, amount: applied, surplus })
    }

    /// For a person who reads the books.
    const fn memo(&self, tender: &str) -> &'static str {
        match (self.purpose, tender.as_bytes()) {
            (Purpose::Ride, b"cash") => "cash fare",
            (Purpose::Ride, b"credit") => "fare paid by credit",
            (Purpose::Ride, b"promotion") => "fare paid by a promotion",
            (Purpose::Ride, b"mtn") => "fare paid by MTN MoMo",
            (Purpose::Ride, b"airtel") => "fare paid by Airtel Money",
            (Purpose::Ride, _) => "fare paid by card",
            (Purpose::Cancellation, _) => "cancellation fee",
            (Purpose::Tip, _) => "tip",
        }
    }

    /// What the apps of rider and driver are told.
    pub(super) fn tell(&self, failure: Option<&str>, now: Timestamp, effects: &mut Effects) {
        let users = [Some(UserId::from(self.payer)), self.driver.map(UserId::from)];
        effects.tidings.extend(users.into_iter().flatten().map(|user| Tiding {
            user,
            ride: self.ride,
            purpose: self.purpose.as_str().to_owned(),
            state: self.state.as_str().to_owned(),
            amount_rwf: self.split.amount().amount(),
            paid_rwf: self.paid.amount(),
            method: self.method.as_str().to_owned(),
            failure: failure.map(str::to_owned),
            at: now,
        }));
    }

    /// What people call the ride.
    fn reference(&self) -> String {
        let id = self.ride.0.simple().to_string();
        id[id.len() - 8..].to_uppercase()
    }
}

/// Attempts to collect ended: pays what they were for, or asks for another way. In the transaction that ends them.
///
/// # Errors
/// When the database is away or an intent is missing.
pub(super) async fn ended(
    conn: &mut PgConnection,
    parts: &Parts,
    ended: &[Ended],
    now: Timestamp,
    effects: &mut Effects,
) -> Result<(), Error> {
    let ids: Vec<_> = ended.iter().map(|ended| ended.attempt.subject).collect();
    let intents = store::intents::lock(conn, &ids).await?;
    let mut intents: BTreeMap<Uuid, Intent> = intents.into_iter().map(|intent| (intent.id, intent)).collect();
    let mut captures = Vec::new();
    for ended in ended {
        let intent = intents
            .get_mut(&ended.attempt.subject)
            .ok_or_else(|| Error::internal("an attempt to collect has no intent"))?;
        match &ended.outcome {
            Outcome::Succeeded { .. } => {
                let tender = Tender::Provider(ended.attempt.provider, ended.attempt.id);
                captures.push(intent.capture(tender, ended.attempt.amount, now, effects).map_err(Error::internal)?);
                // Of a late one, another attempt may be open.
                if intent.state == IntentState::Processing && !ended.is_late {
                    intent.state = IntentState::RequiresPayment;
                }
                intent.tell(None, now, effects);
                if parts.config.tells_of_success {
                    effects.jobs.push(received(intent, ended, now)?);
                }
            }
            Outcome::Failed(refusal) => {
                if intent.state == IntentState::Processing {
                    intent.state = IntentState::RequiresPayment;
                }
                intent.tell(Some(refusal.reason.as_str()), now, effects);
                // Who chose cash meanwhile, or has paid, need not hear of it.
                if intent.state == IntentState::RequiresPayment {
                    effects.jobs.extend(failed(intent, ended, now)?);
                }
            }
        }
    }
    let intents: Vec<_> = intents.into_values().collect();
    store::intents::update(conn, &intents, now).await?;
    store::intents::insert_captures(conn, &captures, now).await?;
    Ok(())
}

fn received(intent: &Intent, ended: &Ended, now: Timestamp) -> Result<NewJob, Error> {
    let params = Params::from([
        ("amount".to_owned(), ended.attempt.amount.amount().to_string()),
        ("ref".to_owned(), intent.reference()),
    ]);
    let notice = PostNotice { user: intent.payer.into(), key: Key::PaymentReceived, params };
    Ok(NewJob::of(&notice, New::at(now).dedupe(format!("payment-received:{}", ended.attempt.id.0)))?)
}

fn failed(intent: &Intent, ended: &Ended, now: Timestamp) -> Result<[NewJob; 2], Error> {
    let params = Params::from([("ref".to_owned(), intent.reference())]);
    let user = UserId::from(intent.payer);
    let sms = SendSms::new(user, Key::PaymentFailed, params.clone(), now);
    let notice = PostNotice { user, key: Key::PaymentFailed, params };
    let new = |kind: &str| New::at(now).dedupe(format!("payment-failed-{kind}:{}", ended.attempt.id.0));
    Ok([NewJob::of(&sms, new("sms"))?, NewJob::of(&notice, new("notice"))?])
}
