//! The core after a restart: rebuilt from what was persisted.
//!
//! Nothing is decided here. Deadlines that passed while the process was down fire at the first tick; rides that were
//! searching look for candidates at the first tick.

use super::{Availability, Config, Dispatch, Driver, Due, Duty, LiveOffer, Order, Output, Pin, Ride, Stage};
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
        for driver in restored.drivers {
            core.drivers.insert(driver.driver, Driver { duty: Duty::Free, lost_since: None });
        }
        for ride in restored.rides {
            core.restore_ride(now, ride);
        }
        let mut on_shift: Vec<_> = core.drivers.iter().map(|(id, driver)| (*id, driver.duty)).collect();
        on_shift.sort_unstable_by_key(|(id, _)| *id);
        for (driver, duty) in on_shift {
            core.mark_lost(now, driver);
            out.push(Output::Availability { driver, availability: core.availability(duty) });
        }
        core
    }

    fn availability(&self, duty: Duty) -> Availability {
        match duty {
            Duty::Free => Availability::Free,
            Duty::Offered(_) => Availability::Offered,
            Duty::OnRide(ride) => match self.rides.get(&ride).map(|ride| ride.stage) {
                Some(Stage::Arrived) => Availability::AtPickup,
                Some(Stage::InProgress) => Availability::OnTrip,
                Some(Stage::Searching | Stage::Assigned | Stage::Ended(_)) | None => Availability::ToPickup,
            },
        }
    }

    fn restore_ride(&mut self, now: Timestamp, restored: RestoredRide) {
        let id = restored.ride;
        let stage = match restored.driver.map(|driver| driver.availability) {
            None => Stage::Searching,
            Some(Availability::AtPickup) => Stage::Arrived,
            Some(Availability::OnTrip) => Stage::InProgress,
            Some(_) => Stage::Assigned,
        };
        let gives_up_at = restored.searching_since.unwrap_or(now) + self.config.search_max;
        let mut ride = Ride {
            rider: restored.rider,
            pin: restored.pin,
            stage,
            gives_up_at,
            looks_again_at: None,
            passed: restored.passed,
            offers_made: restored.offers_made,
            offer: None,
            driver: restored.driver.map(|driver| driver.driver),
            accepted_offer: restored.accepted_offer,
            facts: restored.facts,
            pins_wrong: 0,
            pin_locked_until: Timestamp::EPOCH,
        };
        // A driver with a ride or an offer is on shift by that fact alone.
        if let Some(driver) = ride.driver {
            self.drivers.insert(driver, Driver { duty: Duty::OnRide(id), lost_since: None });
        }
        if stage == Stage::Searching {
            self.deadlines.arm(gives_up_at, Due::GiveUp(id));
            if let Some(&RestoredOffer { offer, driver, deadline, .. }) = restored.offers.first() {
                self.drivers.insert(driver, Driver { duty: Duty::Offered(offer), lost_since: None });
                ride.offer = Some(LiveOffer { id: offer, driver, deadline, lapses_at: deadline });
                self.deadlines.arm(deadline, Due::OfferLapses(offer));
            } else {
                ride.looks_again_at = Some(now);
                self.deadlines.arm(now, Due::LookAgain(id));
            }
        }
        self.live_by_rider.insert(ride.rider, id);
        self.rides.insert(id, ride);
    }
}
