//! What a completed ride's fare follows from, and what its rider says against it.

use super::fare_proof::{Computed, FareProof, compute};
use super::ride::Ride;
use super::view::Viewer;
use super::words::DisputeReason;
use super::{NOTE_CHARS_MAX, Rides, no_ride, store, wrong_state};
use crate::error::{Checks, Error};
use crate::ids::{RideId, RiderId};
use crate::payments::{Dispute, NewDispute};
use crate::realtime::protocol::view::RideStatus;
use crate::time::Timestamp;
use crate::web::Caller;
use crate::web::page::{Page, PageRequest};

/// A proof with its computation, made anew.
pub struct Proven {
    /// The ride, as it is stored.
    pub ride: Ride,
    /// As it was written at completion.
    pub proof: FareProof,
    /// From the proof's inputs alone.
    pub computed: Computed,
}

impl Proven {
    /// Whether what was charged is what follows from the inputs.
    pub fn is_equal(&self) -> bool {
        let Self { ride, proof, computed } = self;
        let computed = (computed.fare.amount(), computed.total.amount());
        computed == (proof.fare_rwf, proof.total_rwf) && computed == (ride.fare.amount(), ride.to_pay().amount())
    }
}

impl Rides {
    /// What a completed ride's fare follows from, for its parties and operators.
    ///
    /// # Errors
    /// Not found for everybody else; `wrong_state` before the completion; `no_fare_proof` of rides from before proofs were
    /// kept.
    pub async fn fare_proof(&self, caller: Caller, id: RideId) -> Result<Proven, Error> {
        let (ride, viewer) = self.visible(caller, id).await?;
        if ride.status != RideStatus::Completed {
            return Err(wrong_state(Some(&ride)));
        }
        let mut proof = store::fare_proofs::find(&self.inner.pool, id)
            .await?
            .ok_or_else(|| Error::conflict("no_fare_proof", "this ride is from before proofs of fares were kept"))?;
        let computed = compute(&proof.inputs).map_err(Error::internal)?;
        if viewer == Viewer::Driver {
            // Who pays is the rider's business.
            proof.inputs.promotion_id = None;
        }
        Ok(Proven { ride, proof, computed })
    }

    /// A rider says that a fare is wrong; and whether it was said now.
    ///
    /// # Errors
    /// Not found unless it is the rider's; [`Error::Invalid`]; conflicts `wrong_state`, `dispute_too_late`,
    /// `already_disputed`.
    pub async fn dispute_fare(
        &self,
        rider: RiderId,
        id: RideId,
        (reason, comment): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<(Dispute, bool), Error> {
        let mut checks = Checks::new();
        let reason = DisputeReason::check(&mut checks, "reason", reason);
        let comment = checks.optional_text("comment", comment, NOTE_CHARS_MAX);
        checks.finish()?;
        let reason = reason.ok_or_else(|| Error::internal("checked above"))?.as_str();
        let ride = self.current(id).await?;
        if ride.rider != rider {
            return Err(no_ride());
        }
        let Some(ended_at) = ride.ended_at.filter(|_| ride.status == RideStatus::Completed) else {
            return Err(wrong_state(Some(&ride)));
        };
        let until = ended_at + self.inner.prices.config().dispute_within;
        if now > until {
            return Err(Error::conflict("dispute_too_late", format!("the fare could be disputed until {until}")));
        }
        let new = NewDispute { ride: id, rider, reason, comment, charged: ride.to_pay() };
        self.inner.payments.dispute_fare(&new, now).await
    }

    /// The rider's dispute of a ride.
    ///
    /// # Errors
    /// Not found.
    pub async fn fare_dispute(&self, rider: RiderId, id: RideId) -> Result<Dispute, Error> {
        self.inner.payments.fare_dispute(rider, id).await
    }

    /// The rider's disputes, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn fare_disputes(&self, rider: RiderId, page: &PageRequest) -> Result<Page<Dispute>, Error> {
        self.inner.payments.fare_disputes(rider, page).await
    }
}
