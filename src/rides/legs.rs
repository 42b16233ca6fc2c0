//! How long a leg of a ride was to take, and how long it took.
//!
//! Separate because nobody decides by it: it is what arrival times learn from. A ride has two legs, to the pickup and to the
//! destination. What was open when the program ended is not learned from.

use rustc_hash::FxHashMap;

use crate::dispatch::{Decision, Fact, RideEnd};
use crate::geo::LatLng;
use crate::ids::RideId;
use crate::rides::ride::{Offer, Ride};
use crate::time::{Span, Timestamp};

/// A leg that came to its end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FinishedLeg {
    /// What was told when it began.
    pub predicted: Span,
    /// What it took.
    pub actual: Span,
    /// Where it led.
    pub to: LatLng,
    /// When it began.
    pub began_at: Timestamp,
}

/// Legs under way.
#[derive(Debug, Default)]
pub struct Legs {
    open: FxHashMap<RideId, Open>,
}

#[derive(Debug)]
struct Open {
    predicted: Span,
    began_at: Timestamp,
}

impl Legs {
    /// Follows a decision about a ride; `accepted` is the offer that became the assignment. The leg that ended with it.
    pub fn follow(&mut self, ride: &Ride, decision: &Decision, accepted: Option<&Offer>) -> Option<FinishedLeg> {
        let finish = |open: Open, to| FinishedLeg {
            predicted: open.predicted,
            actual: decision.at.since(open.began_at),
            to,
            began_at: open.began_at,
        };
        match decision.fact {
            Fact::Assigned { .. } => {
                let predicted = accepted?.pickup_eta;
                self.open.insert(ride.id, Open { predicted, began_at: decision.at });
                None
            }
            Fact::Arrived => self.open.remove(&ride.id).map(|open| finish(open, ride.pickup.at)),
            Fact::Started => {
                self.open.insert(ride.id, Open { predicted: ride.price.duration, began_at: decision.at });
                None
            }
            Fact::Ended(end) => {
                let open = self.open.remove(&ride.id)?;
                (end == RideEnd::Completed).then(|| finish(open, ride.destination.at))
            }
            Fact::Requested { .. } | Fact::OfferMade { .. } | Fact::OfferClosed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{DriverId, OfferId};
    use crate::rides::ride::tests::ride;

    /// A leg as (said, took) in seconds.
    fn follow(facts: &[(i64, Fact)]) -> Vec<(i64, i64)> {
        let ride = ride();
        let offer = Offer {
            id: OfferId { ride: ride.id, ordinal: 1 },
            driver: DriverId(Uuid::from_u128(9)),
            pickup_eta: Span::from_secs(60),
            pickup_distance_m: 300,
            offered_at: Timestamp::EPOCH,
            deadline: Timestamp::EPOCH,
        };
        let mut legs = Legs::default();
        let decision = |(second, fact): &(i64, Fact)| {
            let at = Timestamp::from_millis(second * 1_000);
            Decision { ride: ride.id, seq: 1, at, fact: fact.clone() }
        };
        let finished = facts.iter().filter_map(|fact| legs.follow(&ride, &decision(fact), Some(&offer)));
        let finished = finished.map(|leg| (leg.predicted.as_secs(), leg.actual.as_secs())).collect();
        assert!(legs.open.is_empty(), "nothing is left of a ride that ended");
        finished
    }

    fn assigned() -> Fact {
        let driver = DriverId(Uuid::from_u128(9));
        Fact::Assigned { driver, offer: OfferId { ride: ride().id, ordinal: 1 } }
    }

    #[test]
    fn both_legs_of_a_ride_are_told_with_what_was_said_of_them() {
        let facts =
            [(0, assigned()), (75, Fact::Arrived), (200, Fact::Started), (1_500, Fact::Ended(RideEnd::Completed))];
        assert_eq!(follow(&facts), [(60, 75), (22 * 60, 1_300)]);
    }

    #[test]
    fn a_leg_that_was_broken_off_teaches_nothing() {
        assert_eq!(follow(&[(0, assigned()), (30, Fact::Ended(RideEnd::CancelledByCustomer))]), []);
        let on_the_way = [
            (0, assigned()),
            (75, Fact::Arrived),
            (200, Fact::Started),
            (300, Fact::Ended(RideEnd::CancelledBySystem)),
        ];
        assert_eq!(follow(&on_the_way), [(60, 75)]);
    }

    #[test]
    fn of_a_leg_that_began_before_the_program_nothing_is_said() {
        assert_eq!(follow(&[(0, Fact::Arrived)]), []);
        assert_eq!(follow(&[(0, Fact::Ended(RideEnd::Completed))]), []);
    }
}
