//! What riders say is wrong with a fare: one dispute for a ride, and the case in which a person settles it.
//!
//! Separate from cases, which are the platform's: this is what the rider said and is told. A dispute and its case are
//! committed together; how it goes on is read from the case, so the two cannot disagree.

use serde_json::json;
use uuid::Uuid;

use super::cases::{self, NewCase, Severity};
use super::{Payments, store};
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::money::Francs;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

/// A fare that is to be disputed; the ride is known to be the rider's, completed, and not too long ago.
#[derive(Clone)]
pub struct NewDispute {
    /// Of which ride.
    pub ride: RideId,
    /// By whom.
    pub rider: RiderId,
    /// A word of the list that rides show.
    pub reason: &'static str,
    /// In the rider's own words.
    pub comment: Option<String>,
    /// What was charged.
    pub charged: Francs,
}

/// A dispute as the rider is shown it.
#[derive(Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Which.
    pub id: Uuid,
    /// Of which ride.
    pub ride: RideId,
    /// What is wrong.
    pub reason: String,
    /// In the rider's own words.
    pub comment: Option<String>,
    /// What was charged.
    pub charged: Francs,
    /// When it was said.
    pub opened_at: Timestamp,
    /// `open`, `taken` or `resolved`: how far the case is.
    pub state: String,
    /// What came of it.
    pub resolution: Option<String>,
    /// When.
    pub resolved_at: Option<Timestamp>,
}

/// What the case of a ride's dispute is known by.
pub(super) fn cause(ride: RideId) -> String {
    format!("fare_dispute:{ride}")
}

impl Payments {
    /// Opens a dispute and its case; and whether it was opened now. Sent again word for word, the first one is shown.
    ///
    /// # Errors
    /// Conflict `already_disputed`.
    pub async fn dispute_fare(&self, new: &NewDispute, now: Timestamp) -> Result<(Dispute, bool), Error> {
        let mut tx = self.pool.begin().await?;
        let is_new = store::disputes::insert(&mut tx, new, Uuid::now_v7(), now).await?;
        if is_new {
            let case = NewCase {
                kind: "fare_dispute",
                cause: cause(new.ride),
                severity: Severity::Medium,
                person: Some(new.rider.into()),
                ride: Some(new.ride),
                attempt: None,
                amount: new.charged,
                detail: json!({ "reason": new.reason, "charged_rwf": new.charged.amount() }),
            };
            cases::open(&mut tx, &[case], now).await?;
        }
        tx.commit().await?;
        let dispute = self.fare_dispute(new.rider, new.ride).await?;
        if !is_new && (dispute.reason != new.reason || dispute.comment != new.comment) {
            return Err(Error::conflict("already_disputed", "this fare was disputed before; the case is looked at"));
        }
        Ok((dispute, is_new))
    }

    /// The rider's dispute of a ride.
    ///
    /// # Errors
    /// Not found.
    pub async fn fare_dispute(&self, rider: RiderId, ride: RideId) -> Result<Dispute, Error> {
        let found = store::disputes::find(&self.pool, rider, ride).await?;
        found.ok_or(Error::NotFound { what: "dispute" })
    }

    /// The rider's disputes, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn fare_disputes(&self, rider: RiderId, page: &PageRequest) -> Result<Page<Dispute>, Error> {
        let rows = store::disputes::list(&self.pool, rider, page).await?;
        Ok(Page::new(rows, page, |dispute| Position { at: dispute.opened_at, id: dispute.id }))
    }
}
