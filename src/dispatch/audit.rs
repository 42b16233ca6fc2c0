//! The core's invariants, checked from scratch: slow, obvious, for tests and simulation.

use std::collections::{BTreeMap, BTreeSet};

use super::state::Wish;
use super::{Dispatch, Driver, Due, Ride, Stage};
use crate::ids::{DriverId, OfferId, RideId};

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

/// What the rides say of a driver.
#[derive(Debug, Default, PartialEq, Eq)]
struct Duties {
    ride: Option<RideId>,
    next: Option<RideId>,
    offer: Option<OfferId>,
}

impl Dispatch {
    /// Checks every invariant of the module's documentation.
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub fn audit(&self) -> Result<(), Violation> {
        let mut duties: BTreeMap<DriverId, Duties> = BTreeMap::new();
        let (mut live, mut scheduled) = (0, 0);
        for (&id, ride) in &self.rides {
            self.audit_ride(id, ride)?;
            note_duties(id, ride, &mut duties)?;
            match ride.stage {
                Stage::Ended(_) => {}
                Stage::Scheduled => scheduled += 1,
                Stage::Searching | Stage::Assigned | Stage::Arrived | Stage::InProgress => {
                    live += 1;
                    hold!(self.live_by_rider.get(&ride.rider) == Some(&id), "ride {id} is not its rider's live ride");
                }
            }
        }
        hold!(live == self.live_by_rider.len(), "{live} live rides but {} riders with one", self.live_by_rider.len());
        hold!(scheduled == self.scheduled, "{scheduled} scheduled rides, {} counted", self.scheduled);
        for (&id, driver) in &self.drivers {
            self.audit_driver(id, driver, &duties.remove(&id).unwrap_or_default())?;
        }
        hold!(duties.is_empty(), "drivers off shift have work: {duties:?}");
        self.audit_rounds()?;
        self.audit_deadlines()
    }

    fn audit_ride(&self, id: RideId, ride: &Ride) -> Result<(), Violation> {
        let is_searching = ride.stage == Stage::Searching;
        let has_driver = matches!(ride.stage, Stage::Assigned | Stage::Arrived | Stage::InProgress);
        hold!(!has_driver || ride.driver.is_some(), "ride {id} is under way without a driver");
        hold!(!is_searching || ride.driver.is_none(), "ride {id} searches although it has a driver");
        hold!(!ride.is_next || ride.stage == Stage::Assigned, "ride {id} is next and {:?}", ride.stage);
        let offers_max = match ride.stage {
            Stage::Searching if ride.refusals >= self.config.parallel_after => self.config.parallel_max.max(1),
            // A better driver may be asked while one is on the way.
            Stage::Searching | Stage::Assigned => 1,
            Stage::Scheduled | Stage::Arrived | Stage::InProgress | Stage::Ended(_) => 0,
        };
        hold!(ride.offers.len() <= offers_max, "ride {id} has {} offers in {:?}", ride.offers.len(), ride.stage);
        hold!(ride.refusals <= self.config.offers_max, "ride {id} was refused {} times", ride.refusals);
        for offer in &ride.offers {
            let armed = self.deadlines.is_armed(offer.lapses_at, Due::OfferLapses(offer.id));
            hold!(armed, "offer {} would never end", offer.id);
            hold!(offer.lapses_at <= offer.deadline, "offer {} outlives its deadline", offer.id);
        }
        if is_searching {
            let ends = self.deadlines.is_armed(ride.gives_up_at, Due::GiveUp(id)) || !ride.offers.is_empty();
            hold!(ends, "ride {id} would search for ever");
            let goes_on = !ride.offers.is_empty() || ride.wish == Wish::Driver;
            hold!(goes_on, "ride {id} searches, and nobody looks");
        }
        if ride.stage == Stage::Scheduled {
            let armed = self.deadlines.is_armed(ride.searching_since, Due::SearchBegins(id));
            hold!(armed, "the time of ride {id} would never come");
        }
        if ride.is_next {
            let late_at = ride.pickup_due + self.config.next_late_max;
            hold!(self.deadlines.is_armed(late_at, Due::NextLate(id)), "nobody sees that ride {id} is late");
        }
        Ok(())
    }

    fn audit_driver(&self, id: DriverId, driver: &Driver, duties: &Duties) -> Result<(), Violation> {
        let own = Duties { ride: driver.ride, next: driver.next, offer: driver.offer };
        hold!(own == *duties, "driver {id} has {own:?} but the rides say {duties:?}");
        hold!(driver.next.is_none() || driver.ride.is_some(), "driver {id} has a next ride and none before it");
        hold!(driver.next.is_none() || driver.offer.is_none(), "driver {id} has a next ride and an offer");
        let ride = driver.ride.and_then(|ride| self.rides.get(&ride));
        if driver.offer.is_some() || driver.next.is_some() {
            let before = ride.map(|ride| ride.stage);
            let may_have = matches!(before, None | Some(Stage::InProgress));
            hold!(may_have, "driver {id} has more than the ride that is {before:?}");
        }
        hold!(driver.shown == self.availability(driver), "driver {id} is shown as {:?}", driver.shown);
        let is_lost_on_the_way = driver.lost_since.is_some() && ride.is_some_and(Ride::is_awaited);
        hold!(driver.dark_at.is_some() == is_lost_on_the_way, "driver {id}: dark at {:?}", driver.dark_at);
        if let Some(at) = driver.dark_at {
            hold!(self.deadlines.is_armed(at, Due::GoneDark(id)), "nobody sees that driver {id} is dark");
        }
        hold!(driver.price >= 0, "driver {id} is worth {}", driver.price);
        Ok(())
    }

    /// Rides are on the lists of what they wish for, rounds are armed for those who wait, and the last round is proven.
    fn audit_rounds(&self) -> Result<(), Violation> {
        let wishing = |wish: Wish| {
            let of = self.rides.iter().filter(move |(_, ride)| self.wish_of(ride) == wish);
            of.map(|(&id, ride)| (ride.searching_since, id)).collect::<BTreeSet<_>>()
        };
        hold!(wishing(Wish::Driver) == self.rounds.waiting, "who waits: {:?}", self.rounds.waiting);
        hold!(wishing(Wish::Better) == self.rounds.offered, "who is on offer: {:?}", self.rounds.offered);
        let standing_by = self.rides.iter().filter(|(_, ride)| self.stands_by(ride));
        let standing_by: BTreeSet<_> = standing_by.filter_map(|(&id, ride)| Some((ride.stands_by_at?, id))).collect();
        hold!(standing_by == self.rounds.standing_by, "who stands by: {:?}", self.rounds.standing_by);
        let has_round = self.rounds.round_at.is_some_and(|at| self.deadlines.is_armed(at, Due::Round));
        hold!(has_round != self.rounds.waiting.is_empty(), "{} wait, a round: {has_round}", self.rounds.waiting.len());
        let has_look = self.rounds.stand_by_at.is_some_and(|at| self.deadlines.is_armed(at, Due::StandBy));
        hold!(has_look != standing_by.is_empty(), "{} stand by, a look: {has_look}", standing_by.len());
        let proven = self.rounds.workshop.check();
        hold!(proven.is_ok(), "the last round does not hold: {proven:?}");
        Ok(())
    }

    /// No deadline is armed for something that is over.
    fn audit_deadlines(&self) -> Result<(), Violation> {
        for (at, due) in self.deadlines.iter() {
            let ride = |id: RideId| self.rides.get(&id);
            let is_meant = match due {
                Due::OfferLapses(offer) => {
                    let offers = ride(offer.ride).map(|ride| ride.offers.as_slice()).unwrap_or_default();
                    offers.iter().any(|live| live.id == offer && live.lapses_at == at)
                }
                Due::GoneDark(driver) => self.drivers.get(&driver).is_some_and(|driver| driver.dark_at == Some(at)),
                Due::NextLate(id) => ride(id).is_some_and(|ride| ride.is_next),
                Due::GiveUp(id) => {
                    ride(id).is_some_and(|ride| ride.stage == Stage::Searching && ride.gives_up_at == at)
                }
                Due::ShiftLapses(driver) => self.drivers.get(&driver).is_some_and(|driver| driver.lost_since.is_some()),
                Due::SearchBegins(id) => ride(id).is_some_and(|ride| ride.stage == Stage::Scheduled),
                Due::Round => self.rounds.round_at == Some(at),
                Due::StandBy => self.rounds.stand_by_at == Some(at),
                Due::Forget(id) => ride(id).is_some_and(|ride| matches!(ride.stage, Stage::Ended(_))),
            };
            hold!(is_meant, "{due:?} is armed for {at} but means nothing");
        }
        Ok(())
    }
}

/// Notes whom a ride claims; nobody twice in the same way.
fn note_duties(id: RideId, ride: &Ride, duties: &mut BTreeMap<DriverId, Duties>) -> Result<(), Violation> {
    let has_driver = matches!(ride.stage, Stage::Assigned | Stage::Arrived | Stage::InProgress);
    if let Some(driver) = ride.driver.filter(|_| has_driver) {
        let duties = duties.entry(driver).or_default();
        let place = if ride.is_next { &mut duties.next } else { &mut duties.ride };
        let other = place.replace(id);
        hold!(other.is_none(), "driver {driver} has ride {id} and {other:?}");
    }
    for offer in &ride.offers {
        let other = duties.entry(offer.driver).or_default().offer.replace(offer.id);
        hold!(other.is_none(), "driver {} has offer {} and {other:?}", offer.driver, offer.id);
    }
    Ok(())
}
