//! What the parties are told of a decision. Pure.
//!
//! Separate because it is asked twice: when a decision was just committed, and when a restart tells again what apps
//! missed. Both ask the same function about the same facts, so that both say the same. Invariants: what is said of a
//! decision follows from what was committed of it and from nothing else; one decision gives one user one message at most,
//! so that its place in the city's stream names the message.

use std::sync::Arc;

use crate::dispatch::{Decision, Fact, OfferOutcome, ReleaseReason, Trouble};
use crate::ids::{StreamSeq, UserId};
use crate::realtime::Event;
use crate::realtime::protocol::server::{Concern, Release, Withdrawal};
use crate::rides::desk::Recorded;
use crate::rides::ride::{Offer, Ride};
use crate::rides::view::{Cast, Viewer, offer_view, ride_view};
use crate::time::Timestamp;

/// A committed decision with all that is said of it.
pub struct Said {
    /// What was decided.
    pub decision: Decision,
    /// Its place in the city's stream.
    pub seq: StreamSeq,
    /// The ride right after it.
    pub ride: Arc<Ride>,
    /// False of an offer that was made and ended in one commit: its driver hears of neither.
    pub is_heard: bool,
}

impl Said {
    /// The messages to its parties.
    pub fn messages(&self, cast: &Cast) -> impl Iterator<Item = (UserId, Event)> {
        let ride = &*self.ride;
        let view = |viewer| Event::Ride(Box::new(ride_view(ride, cast, viewer)));
        let rider = || Some((ride.rider.into(), view(Viewer::Rider)));
        let messages = match &self.decision.fact {
            // The rider has the answer to the command; nobody else is concerned.
            Fact::Requested { .. } | Fact::Rescheduled { .. } => [None, None],
            Fact::OfferMade { .. } => [self.offer(), None],
            Fact::OfferClosed { offer, driver, outcome } => {
                let withdrawal = withdrawal(*outcome).filter(|_| self.is_heard);
                [withdrawal.map(|reason| ((*driver).into(), Event::OfferWithdrawn { offer_id: *offer, reason })), None]
            }
            // Nothing has changed for the rider yet; maybe the driver waits at a crossing.
            Fact::Nudged { driver, trouble } => {
                let (ride_id, trouble) = (ride.id, concern(*trouble));
                [Some(((*driver).into(), Event::Nudge { ride_id, trouble })), None]
            }
            // The ride has no driver any more; who was is told by name.
            Fact::Released { driver, reason } => {
                let (ride_id, reason) = (ride.id, release(*reason));
                [rider(), Some(((*driver).into(), Event::RideReleased { ride_id, reason }))]
            }
            // The rider and the driver are two people: an account has one role.
            Fact::SearchBegan
            | Fact::Assigned { .. }
            | Fact::OnTheWay
            | Fact::Arrived
            | Fact::StopReached { .. }
            | Fact::Started
            | Fact::Ended(_) => [rider(), ride.driver.map(|driver| (driver.into(), view(Viewer::Driver)))],
        };
        messages.into_iter().flatten()
    }

    /// What was said of a ride, decision after decision: `timeline` is all that was decided about it.
    pub fn again<'a>(ride: &'a Ride, timeline: &'a [Recorded]) -> impl Iterator<Item = Self> + 'a {
        let stood = ride.history(timeline.iter().map(|recorded| &recorded.decision));
        timeline.iter().zip(stood).map(|(Recorded { decision, seq, is_heard }, then)| Self {
            decision: decision.clone(),
            seq: *seq,
            ride: Arc::new(then),
            is_heard: *is_heard,
        })
    }

    fn offer(&self) -> Option<(UserId, Event)> {
        let offer = Offer::made_by(&self.decision).filter(|_| self.is_heard)?;
        Some((offer.driver.into(), Event::Offer(Box::new(offer_view(&offer, &self.ride)))))
    }
}

/// Hands out places in the city's stream: strictly growing, about the time in milliseconds × 1024, whatever the clock does.
#[derive(Debug)]
pub struct Sequence {
    last: StreamSeq,
}

impl Sequence {
    /// Goes on after the last place that was given.
    pub const fn after(last: StreamSeq) -> Self {
        Self { last }
    }

    /// The place of the next decision.
    pub fn next(&mut self, at: Timestamp) -> StreamSeq {
        self.last = StreamSeq(first_at(at).0.max(self.last.0 + 1));
        self.last
    }
}

/// The least place of a decision at an instant. Below 2^53 for two more centuries.
pub fn first_at(at: Timestamp) -> StreamSeq {
    StreamSeq(u64::try_from(at.as_millis()).unwrap_or(0).saturating_mul(StreamSeq::PER_MS))
}

fn withdrawal(outcome: OfferOutcome) -> Option<Withdrawal> {
    match outcome {
        // The driver knows: it was the driver's own answer.
        OfferOutcome::Declined => None,
        OfferOutcome::Expired | OfferOutcome::DriverLost => Some(Withdrawal::Expired),
        OfferOutcome::Cancelled => Some(Withdrawal::Cancelled),
        OfferOutcome::Withdrawn | OfferOutcome::Taken => Some(Withdrawal::Superseded),
    }
}

const fn release(reason: ReleaseReason) -> Release {
    match reason {
        ReleaseReason::DriverCancelled => Release::DriverCancelled,
        ReleaseReason::Stalled => Release::Stalled,
        ReleaseReason::WentAway => Release::WentAway,
        ReleaseReason::WentDark => Release::WentDark,
        ReleaseReason::BetterDriver => Release::BetterDriver,
        ReleaseReason::Late => Release::Late,
    }
}

const fn concern(trouble: Trouble) -> Concern {
    match trouble {
        Trouble::Stalled => Concern::Stalled,
        Trouble::GoingAway => Concern::GoingAway,
        Trouble::Dark => Concern::Dark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn places_grow_with_the_clock_and_against_it() {
        let noon = Timestamp::from_millis(1_790_000_000_000);
        let mut sequence = Sequence::after(StreamSeq::START);
        let mut before = StreamSeq::START;
        for at in [noon, noon, noon + Span::from_millis(1), noon - Span::from_minutes(60), Timestamp::EPOCH, noon] {
            let next = sequence.next(at);
            assert!(next > before && next >= first_at(at), "{next} at {at} after {before}");
            before = next;
        }
        assert_eq!(sequence.next(noon + Span::from_secs(1)), first_at(noon + Span::from_secs(1)));
        assert!(before.0 < 1 << 53);
    }
}
