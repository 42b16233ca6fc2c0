//! How long a driver stands at a stop: from when the stop was reached until the driver has left it.
//!
//! Separate from the core, which hears of stops that are reached and of nothing in between: that a driver has left is seen
//! from positions. It decides nothing but money, so what is not known (the phone was silent, the program was started anew)
//! counts as no waiting, in the rider's favour.

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::dispatch::{Decision, Fact};
use crate::geo::LatLng;
use crate::ids::{DriverId, RideId};
use crate::index::Fix;
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};

/// Drivers who are at a stop, or on the way from one.
pub struct Waits {
    /// Farther than this from the stop, the driver has left.
    left_m: f64,
    stands: DashMap<DriverId, Stand, FxBuildHasher>,
}

/// The stop a driver reached last.
#[derive(Clone, Copy)]
struct Stand {
    ride: RideId,
    stop: u8,
    place: LatLng,
    since: Timestamp,
    left_at: Option<Timestamp>,
}

/// A stop, counted from 1, and how long the driver stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Which.
    pub stop: u8,
    /// How long.
    pub span: Span,
}

impl Waits {
    /// Nobody at a stop.
    pub fn new(left_m: f64) -> Self {
        Self { left_m, stands: DashMap::default() }
    }

    /// Sees where a driver is who may be at a stop; `now` is the server's clock, as the stop's time is.
    pub fn moved(&self, driver: DriverId, fix: &Fix, now: Timestamp) {
        if self.stands.is_empty() {
            return;
        }
        if let Some(mut stand) = self.stands.get_mut(&driver)
            && stand.left_at.is_none()
            && stand.place.distance_m(fix.position) > self.left_m
        {
            stand.left_at = Some(now);
        }
    }

    /// Follows a decision about a ride: a stop is reached, or the ride ends. How long the driver stood at the stop before.
    pub fn follow(&self, ride: &Ride, decision: &Decision) -> Option<Waited> {
        let driver = ride.driver?;
        let next = match decision.fact {
            Fact::StopReached { stop } => Some(stop),
            Fact::Ended(_) => None,
            _ => return None,
        };
        let before = self.stands.remove_if(&driver, |_, stand| stand.ride == ride.id).map(|(_, stand)| stand);
        let place = next.and_then(|stop| ride.product.stops.get(usize::from(stop).checked_sub(1)?));
        if let (Some(stop), Some(place)) = (next, place) {
            let stand = Stand { ride: ride.id, stop, place: place.spot.at, since: decision.at, left_at: None };
            self.stands.insert(driver, stand);
        }
        let Stand { stop, since, left_at, .. } = before?;
        Some(Waited { stop, span: left_at.map_or(Span::ZERO, |left_at| left_at.since(since)) })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dispatch::RideEnd;
    use crate::rides::product::tests::stop;
    use crate::rides::ride::tests::ride;

    /// A fact of a minute, with positions (minute, metres north of the first stop) seen before it.
    type Step = (i64, Fact, &'static [(i64, f64)]);

    /// What is said of each fact.
    fn follow(steps: &[Step]) -> Vec<Option<(u8, i64)>> {
        let driver = DriverId(Uuid::from_u128(9));
        let mut ride = ride();
        ride.driver = Some(driver);
        ride.product.stops = vec![stop(-1.94, 30.06), stop(-1.93, 30.06)];
        let waits = Waits::new(60.0);
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let mut said = Vec::new();
        for (minute, fact, fixes) in steps {
            for (minute, north_m) in *fixes {
                let place = LatLng::new(-1.94 + north_m / 111_195.0, 30.06).expect("valid");
                waits.moved(driver, &Fix::new(place, at(*minute)), at(*minute));
            }
            let decision = Decision { ride: ride.id, seq: 1, at: at(*minute), fact: fact.clone() };
            said.push(waits.follow(&ride, &decision).map(|waited| (waited.stop, waited.span.as_secs() / 60)));
        }
        assert!(waits.stands.is_empty(), "nothing is left of a ride that ended");
        said
    }

    #[test]
    fn waiting_lasts_from_reaching_a_stop_to_leaving_it() {
        let reached = |stop| Fact::StopReached { stop };
        let end = Fact::Ended(RideEnd::Completed);
        let said = follow(&[
            (0, Fact::Started, &[]),
            (10, reached(1), &[(5, 2_000.0), (9, 30.0)]),
            // Left after 14 minutes; coming by again changes nothing.
            (40, reached(2), &[(12, 50.0), (24, 61.0), (26, 0.0), (30, 1_112.0)]),
            (50, end.clone(), &[(41, 1_112.0), (43, 1_500.0)]),
        ]);
        assert_eq!(said, [None, None, Some((1, 14)), Some((2, 3))]);
        // Nothing was seen: nothing is charged.
        assert_eq!(follow(&[(10, reached(1), &[]), (40, end, &[])]), [None, Some((1, 0))]);
    }
}
