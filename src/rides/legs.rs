//! How long a leg of a ride was to take, and how long it took.
//!
//! Separate because nobody decides by it: it is what arrival times learn from. A ride has two legs, to the pickup and to the
//! destination. What was open when the program ended is not learned from.

use rustc_hash::FxHashMap;

use crate::dispatch::{Decision, Fact, RideEnd};
use crate::geo::LatLng;
use crate::ids::RideId;
use crate::rides::ride::{Offer, Ride};
use crate::road::correction::FinishedLeg;
use crate::time::{Span, Timestamp};

/// Legs under way.
#[derive(Debug, Default)]
pub struct Legs {
    open: FxHashMap<RideId, Open>,
}

#[derive(Debug)]
struct Open {
    promised: Span,
    router: Span,
    began_at: Timestamp,
}

impl Legs {
    /// Follows a decision about a ride; `accepted` is the offer that became the assignment. `factor` says by what the
    /// promise of a leg that leads to a place is corrected now. The leg that ended with it.
    pub fn follow(
        &mut self,
        ride: &Ride,
        decision: &Decision,
        accepted: Option<&Offer>,
        factor: impl Fn(LatLng) -> f64,
    ) -> Option<FinishedLeg> {
        let began_at = decision.at;
        let begin = |promised: Span, to: LatLng| {
            let router_ms = promised.as_millis() as f64 / factor(to).max(f64::MIN_POSITIVE);
            Open { promised, router: Span::from_millis(router_ms.round() as i64), began_at }
        };
        let finish = |Open { promised, router, began_at }: Open, place| FinishedLeg {
            router,
            promised,
            actual: decision.at.since(began_at),
            place,
            began_at,
        };
        match decision.fact {
            Fact::Assigned { is_next: false, .. } => {
                self.open.insert(ride.id, begin(accepted?.pickup_eta, ride.pickup.at));
                None
            }
            Fact::Arrived => self.open.remove(&ride.id).map(|open| finish(open, ride.pickup.at)),
            // A ride that stops on the way says nothing about how long the way takes.
            Fact::Started if !ride.product.stops.is_empty() => None,
            Fact::Started => {
                self.open.insert(ride.id, begin(ride.price.duration, ride.destination.at));
                None
            }
            Fact::Ended(end) => {
                let open = self.open.remove(&ride.id)?;
                (end == RideEnd::Completed).then(|| finish(open, ride.destination.at))
            }
            // A driver who does not come after all rode no leg.
            Fact::Released { .. } => {
                self.open.remove(&ride.id);
                None
            }
            Fact::Requested { .. }
            | Fact::Rescheduled { .. }
            | Fact::SearchBegan
            | Fact::OfferMade { .. }
            | Fact::OfferClosed { .. }
            // The promise was for the rest of another ride and this leg together: nothing is learned of such a sum.
            | Fact::Assigned { .. }
            | Fact::OnTheWay
            | Fact::Nudged { .. }
            | Fact::StopReached { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{DriverId, OfferId};
    use crate::rides::ride::tests::ride;

    /// A leg as [router, promised, took] in seconds, where promises are a quarter longer than the router says.
    fn follow(facts: &[(i64, Fact)]) -> Vec<[i64; 3]> {
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
        let finished = facts.iter().filter_map(|fact| legs.follow(&ride, &decision(fact), Some(&offer), |_| 1.25));
        let finished = finished.map(|leg| [leg.router, leg.promised, leg.actual].map(Span::as_secs)).collect();
        assert!(legs.open.is_empty(), "nothing is left of a ride that ended");
        finished
    }

    fn assigned() -> Fact {
        let driver = DriverId(Uuid::from_u128(9));
        Fact::Assigned { driver, offer: OfferId { ride: ride().id, ordinal: 1 }, is_next: false }
    }

    #[test]
    fn both_legs_of_a_ride_are_told_with_what_was_said_of_them() {
        let facts =
            [(0, assigned()), (75, Fact::Arrived), (200, Fact::Started), (1_500, Fact::Ended(RideEnd::Completed))];
        assert_eq!(follow(&facts), [[48, 60, 75], [1_056, 22 * 60, 1_300]]);
    }

    #[test]
    fn a_leg_that_was_broken_off_teaches_nothing() {
        assert!(follow(&[(0, assigned()), (30, Fact::Ended(RideEnd::CancelledByCustomer))]).is_empty());
        let on_the_way = [
            (0, assigned()),
            (75, Fact::Arrived),
            (200, Fact::Started),
            (300, Fact::Ended(RideEnd::CancelledBySystem)),
        ];
        assert_eq!(follow(&on_the_way), [[48, 60, 75]]);
    }

    #[test]
    fn of_a_leg_that_began_before_the_program_nothing_is_said() {
        assert!(follow(&[(0, Fact::Arrived)]).is_empty());
        assert!(follow(&[(0, Fact::Ended(RideEnd::Completed))]).is_empty());
    }
}
