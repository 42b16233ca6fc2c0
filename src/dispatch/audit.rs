//! The core's invariants, checked from scratch: slow, obvious, for tests and simulation.

use std::collections::BTreeMap;

use super::{Dispatch, Due, Duty, Stage};
use crate::ids::{DriverId, RideId};

/// An invariant that does not hold, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

macro_rules! hold {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(Violation(format!($($text)+)));
        }
    };
}

impl Dispatch {
    /// Checks every invariant of the module's documentation.
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub fn audit(&self) -> Result<(), Violation> {
        let mut duty_by_driver: BTreeMap<DriverId, Duty> = BTreeMap::new();
        let mut live = 0;
        for (&id, ride) in &self.rides {
            let claims_driver = matches!(ride.stage, Stage::Assigned | Stage::Arrived | Stage::InProgress);
            let searching = ride.stage == Stage::Searching;
            hold!(!claims_driver || ride.driver.is_some(), "ride {id} is under way without a driver");
            hold!(ride.offer.is_none() || searching, "ride {id} has an offer but does not search");
            hold!(!searching || ride.driver.is_none(), "ride {id} searches although it has a driver");
            hold!(ride.offers_made <= self.config.offers_max, "ride {id} made too many offers");
            if let Some(driver) = ride.driver.filter(|_| claims_driver) {
                let other = duty_by_driver.insert(driver, Duty::OnRide(id));
                hold!(other.is_none(), "driver {driver} has ride {id} and {other:?}");
            }
            if let Some(offer) = ride.offer {
                let other = duty_by_driver.insert(offer.driver, Duty::Offered(offer.id));
                hold!(other.is_none(), "driver {} has offer {} and {other:?}", offer.driver, offer.id);
                let armed = self.deadlines.is_armed(offer.lapses_at, Due::OfferLapses(offer.id));
                hold!(armed, "offer {} would never end", offer.id);
            }
            if searching {
                let ends = self.deadlines.is_armed(ride.gives_up_at, Due::GiveUp(id)) || ride.offer.is_some();
                hold!(ends, "ride {id} would search for ever");
            }
            if !matches!(ride.stage, Stage::Ended(_)) {
                live += 1;
                hold!(self.live_by_rider.get(&ride.rider) == Some(&id), "ride {id} is not its rider's live ride");
            }
        }
        hold!(live == self.live_by_rider.len(), "{live} live rides but {} riders with one", self.live_by_rider.len());
        for (&id, driver) in &self.drivers {
            let expected = duty_by_driver.remove(&id).unwrap_or(Duty::Free);
            hold!(driver.duty == expected, "driver {id} is {:?} but the rides say {expected:?}", driver.duty);
        }
        hold!(duty_by_driver.is_empty(), "drivers off shift have work: {duty_by_driver:?}");
        self.audit_deadlines()
    }

    /// No deadline is armed for something that is over.
    fn audit_deadlines(&self) -> Result<(), Violation> {
        for (at, due) in self.deadlines.iter() {
            let stage = |ride: RideId| self.rides.get(&ride).map(|ride| ride.stage);
            let meant = match due {
                Due::OfferLapses(offer) => {
                    let live = self.rides.get(&offer.ride).and_then(|ride| ride.offer);
                    live.is_some_and(|live| live.id == offer && live.lapses_at == at)
                }
                Due::LookAgain(ride) => {
                    let armed = self.rides.get(&ride).and_then(|ride| ride.looks_again_at);
                    armed == Some(at) && stage(ride) == Some(Stage::Searching)
                }
                Due::GiveUp(ride) => stage(ride) == Some(Stage::Searching),
                Due::Forget(ride) => matches!(stage(ride), Some(Stage::Ended(_))),
                Due::ShiftLapses(driver) => self.drivers.get(&driver).is_some_and(|driver| driver.lost_since.is_some()),
            };
            hold!(meant, "{due:?} is armed for {at} but means nothing");
        }
        Ok(())
    }
}
