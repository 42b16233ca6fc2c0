//! What the parties are told of a decision. Pure.
//!
//! Separate because it is asked twice: when a decision was just committed, and when a restart tells again what apps
//! missed. Both ask the same function about the same facts, so that both say the same. Invariants: what is said of a
//! decision follows from what was committed of it and from nothing else; one decision gives one user one message at most,
//! so that its place in the city's stream names the message.

use std::sync::Arc;

use crate::dispatch::{Decision, Fact, OfferOutcome};
use crate::ids::{StreamSeq, UserId};
use crate::realtime::Event;
use crate::realtime::protocol::server::Withdrawal;
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
        let messages = match &self.decision.fact {
            Fact::Requested { .. } => [None, None],
            Fact::OfferMade { .. } => [self.offer(), None],
            Fact::OfferClosed { offer, driver, outcome } => {
                let withdrawal = withdrawal(*outcome).filter(|_| self.is_heard);
                [withdrawal.map(|reason| ((*driver).into(), Event::OfferWithdrawn { offer_id: *offer, reason })), None]
            }
            // The rider and the driver are two people: an account has one role.
            Fact::SearchBegan
            | Fact::Assigned { .. }
            | Fact::OnTheWay
            | Fact::Nudged { .. }
            | Fact::Released { .. }
            | Fact::Arrived
            | Fact::StopReached { .. }
            | Fact::Started
            | Fact::Ended(_) => [
                Some((ride.rider.into(), view(Viewer::Rider))),
                ride.driver.map(|driver| (driver.into(), view(Viewer::Driver))),
            ],
        };
        messages.into_iter().flatten()
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
        OfferOutcome::Cancelled | OfferOutcome::Withdrawn | OfferOutcome::Taken => Some(Withdrawal::Cancelled),
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
