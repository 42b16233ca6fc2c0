//! The core after a restart: rebuilt from what was persisted.
//!
//! Nothing is decided here. Deadlines that passed while the process was down fire at the first tick; rides that were
//! searching look for candidates at the first tick.

use super::{Availability, Config, Dispatch, Driver, Due, LiveOffer, Order, Output, Pin, Ride, Stage};
use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::matching::record::Record;
use crate::time::Timestamp;

/// Everything the core must remember over a restart.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Rides that have not ended.
    pub rides: Vec<RestoredRide>,
    /// Drivers on shift.
    pub drivers: Vec<RestoredShift>,
}

/// A shift as persisted.
#[derive(Clone, Copy, Debug)]
pub struct RestoredShift {
    /// Whose.
    pub driver: DriverId,
    /// Of the driver's offers.
    pub record: Record,
    /// When the driver's last ride ended, or the shift began.
    pub idle_since: Timestamp,
}

/// A live ride as persisted.
#[derive(Clone, Debug)]
pub struct RestoredRide {
    /// Which.
    pub ride: RideId,
    /// Whose.
    pub rider: RiderId,
    /// The rider's PIN.
    pub pin: Pin,
    /// What kind of ride.
    pub order: Order,
    /// When its search began: at the request, when a scheduled ride's time had come, or when its last driver was released.
    /// None while a scheduled ride's time has not come.
    pub searching_since: Option<Timestamp>,
    /// Its driver and where the ride stands with them; `None` while searching.
    pub driver: Option<RestoredDriver>,
    /// The driver finishes another ride first.
    pub is_next: bool,
    /// The offer by which the driver won it.
    pub accepted_offer: Option<OfferId>,
    /// When the driver is to be at the pickup, by what that offer said.
    pub pickup_due: Option<Timestamp>,
    /// When the driver was nudged last.
    pub nudged_at: Option<Timestamp>,
    /// The offers that wait for an answer, oldest first.
    pub offers: Vec<RestoredOffer>,
    /// Drivers who had it on offer and passed on it (declined, did not answer, were lost), and those who were released.
    pub passed: Vec<DriverId>,
    /// Those of them who had it and were released, for whatever reason.
    pub released: Vec<DriverId>,
    /// A better driver took it over already.
    pub is_taken_over: bool,
    /// Offers made so far.
    pub offers_made: u16,
    /// Of them since `searching_since` declined, expired or lost.
    pub refusals: u16,
    /// Stops reached so far.
    pub stops_reached: u8,
    /// Facts recorded so far.
    pub facts: u32,
}

/// A driver and what the driver is available for.
#[derive(Clone, Copy, Debug)]
pub struct RestoredDriver {
    /// Who.
    pub driver: DriverId,
    /// What for.
    pub availability: Availability,
}

/// A live offer as persisted.
#[derive(Clone, Copy, Debug)]
pub struct RestoredOffer {
    /// Which.
    pub offer: OfferId,
    /// Whose.
    pub driver: DriverId,
    /// Until when.
    pub deadline: Timestamp,
    /// When the driver would be at the pickup.
    pub pickup_due: Timestamp,
}

impl Dispatch {
    /// A core that goes on where the persisted one stopped. All drivers count as disconnected until they come back.
    pub fn restore(config: Config, now: Timestamp, restored: Restored, out: &mut Vec<Output>) -> Self {
        let mut core = Self::new(config);
        for RestoredShift { driver, record, idle_since } in restored.drivers {
            core.drivers.insert(driver, Driver { idle_since, ..Driver::new(now, record) });
        }
        for ride in restored.rides {
            core.restore_ride(now, ride);
        }
        let mut on_shift: Vec<DriverId> = core.drivers.keys().copied().collect();
        on_shift.sort_unstable();
        for driver in on_shift {
            core.mark_lost(now, driver);
            core.arm_dark(now, driver);
            core.show(driver, out);
        }
        core.hurry_all(now);
        core
    }

    fn restore_ride(&mut self, now: Timestamp, restored: RestoredRide) {
        let id = restored.ride;
        let stage = match (&restored.driver, restored.searching_since) {
            (None, None) => Stage::Scheduled,
            (None, Some(_)) => Stage::Searching,
            (Some(driver), _) => match driver.availability {
                Availability::AtPickup => Stage::Arrived,
                Availability::OnTrip => Stage::InProgress,
                Availability::Off | Availability::Free | Availability::Offered | Availability::ToPickup => {
                    Stage::Assigned
                }
            },
        };
        let since = restored.searching_since.or(restored.order.search_from).unwrap_or(now);
        let mut ride = Ride::new(restored.rider, restored.pin, restored.order, stage, since);
        ride.driver = restored.driver.map(|driver| driver.driver);
        ride.is_next = restored.is_next && stage == Stage::Assigned;
        ride.accepted_offer = restored.accepted_offer;
        ride.pickup_due = restored.pickup_due.unwrap_or(now);
        ride.nudged_at = restored.nudged_at;
        ride.passed = restored.passed;
        ride.released = restored.released;
        ride.is_taken_over = restored.is_taken_over;
        ride.offers_made = restored.offers_made;
        ride.refusals = restored.refusals;
        ride.stops_reached = restored.stops_reached;
        ride.facts = restored.facts;
        ride.gives_up_at = ride.searched_until(since + self.config.search_max);
        // A driver with a ride or an offer is on shift by that fact alone.
        if let Some(driver) = ride.driver {
            let driver = self.drivers.entry(driver).or_insert_with(|| Driver::new(now, Record::default()));
            if ride.is_next {
                driver.next = Some(id);
            } else {
                driver.ride = Some(id);
            }
        }
        for &RestoredOffer { offer, driver, deadline, pickup_due } in &restored.offers {
            self.drivers.entry(driver).or_insert_with(|| Driver::new(now, Record::default())).offer = Some(offer);
            ride.offers.push(LiveOffer { id: offer, driver, deadline, lapses_at: deadline, pickup_due });
            self.deadlines.arm(deadline, Due::OfferLapses(offer));
        }
        match stage {
            Stage::Scheduled => {
                self.deadlines.arm(since, Due::SearchBegins(id));
                self.scheduled += 1;
            }
            Stage::Searching => self.deadlines.arm(ride.gives_up_at, Due::GiveUp(id)),
            Stage::Assigned | Stage::Arrived | Stage::InProgress | Stage::Ended(_) => {}
        }
        if stage != Stage::Scheduled {
            self.live_by_rider.insert(ride.rider, id);
        }
        self.rides.insert(id, ride);
        self.arm_lateness(id);
        self.review(now, id);
    }
}
