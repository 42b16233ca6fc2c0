//! What the core remembers of a ride and of a driver.
//!
//! Separate because every concern of the core reads and writes it. Small on purpose: a city has tens of thousands of
//! drivers on shift.

use super::{Availability, Order, Pin, RideEnd};
use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::matching::record::Record;
use crate::time::Timestamp;

/// Where a ride stands inside the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its time has not come.
    Scheduled,
    /// It has no driver. It may have offers out.
    Searching,
    /// A driver has it: on the way, or (`is_next`) with another ride to finish first.
    Assigned,
    /// The driver stands at the pickup.
    Arrived,
    /// The rider is on the bike.
    InProgress,
    /// Over, and remembered for a while.
    Ended(RideEnd),
}

/// What a ride wants of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It has a driver, or is over, or nobody else may be asked.
    Nothing,
    /// A driver.
    Driver,
    /// It is on offer to one driver, and would rather go to a better one.
    Better,
}

/// An offer that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveOffer {
    pub(super) id: OfferId,
    pub(super) driver: DriverId,
    /// What the driver was told.
    pub(super) deadline: Timestamp,
    /// When it really lapses: earlier than the deadline while the driver's connection is broken.
    pub(super) lapses_at: Timestamp,
    /// When the driver would be at the pickup.
    pub(super) pickup_due: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Ride {
    pub(super) rider: RiderId,
    pub(super) pin: Pin,
    pub(super) order: Order,
    pub(super) stage: Stage,
    /// When the search begins that is under way or was last; of a scheduled ride, when it will.
    pub(super) searching_since: Timestamp,
    /// When that search is given up.
    pub(super) gives_up_at: Timestamp,
    /// That time came while an offer was out: nobody else is asked.
    pub(super) is_time_up: bool,
    /// It was asked for alone, and no answer has come yet.
    pub(super) is_asked_alone: bool,
    /// What it wants of the next round.
    pub(super) wish: Wish,
    /// Drivers who had this ride, on offer or to drive, and did not keep it. Bounded by `offers_max` and `rematches_max`.
    pub(super) passed: Vec<DriverId>,
    /// Those of them who had taken it.
    pub(super) released: Vec<DriverId>,
    pub(super) offers_made: u16,
    /// Offers of this search that were declined, expired or lost.
    pub(super) refusals: u16,
    /// Offers that wait for an answer, oldest first: one, or a few where many were refused.
    pub(super) offers: Vec<LiveOffer>,
    pub(super) driver: Option<DriverId>,
    pub(super) accepted_offer: Option<OfferId>,
    /// The driver finishes another ride first.
    pub(super) is_next: bool,
    /// When the driver is to be at the pickup, by what the offer said.
    pub(super) pickup_due: Timestamp,
    /// When a better driver is looked for; none where that is not done.
    pub(super) stands_by_at: Option<Timestamp>,
    /// A better driver took it over already.
    pub(super) is_taken_over: bool,
    pub(super) nudged_at: Option<Timestamp>,
    pub(super) stops_reached: u8,
    /// Facts recorded so far: the next one's sequence number minus one.
    pub(super) facts: u32,
    pub(super) pins_wrong: u8,
    pub(super) pin_locked_until: Timestamp,
}

impl Ride {
    /// A ride nothing has happened to.
    pub(super) fn new(rider: RiderId, pin: Pin, order: Order, stage: Stage, searching_since: Timestamp) -> Self {
        Self {
            rider,
            pin,
            order,
            stage,
            searching_since,
            gives_up_at: searching_since,
            is_time_up: false,
            is_asked_alone: false,
            wish: Wish::Nothing,
            passed: Vec::new(),
            released: Vec::new(),
            offers_made: 0,
            refusals: 0,
            offers: Vec::new(),
            driver: None,
            accepted_offer: None,
            is_next: false,
            pickup_due: searching_since,
            stands_by_at: None,
            is_taken_over: false,
            nudged_at: None,
            stops_reached: 0,
            facts: 0,
            pins_wrong: 0,
            pin_locked_until: Timestamp::EPOCH,
        }
    }

    /// Whether its driver is on the way to the pickup.
    pub(super) const fn is_awaited(&self) -> bool {
        matches!(self.stage, Stage::Assigned) && !self.is_next
    }

    /// Notes that a driver had it and did not keep it.
    pub(super) fn pass(&mut self, driver: DriverId) {
        if !self.passed.contains(&driver) {
            self.passed.push(driver);
        }
    }

    /// Who has it, on offer or to drive: the one whom a better driver would replace.
    pub(super) fn holder(&self) -> Option<DriverId> {
        self.driver.or_else(|| self.offers.first().filter(|_| self.wish == Wish::Better).map(|offer| offer.driver))
    }

    /// The offer with this id, if it waits for this driver's answer.
    pub(super) fn live_offer(&self, id: OfferId, driver: DriverId) -> Option<LiveOffer> {
        self.offers.iter().find(|live| live.id == id && live.driver == driver).copied()
    }
}

/// A driver on shift.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    /// The ride under way: to its pickup, at it, or with its rider.
    pub(super) ride: Option<RideId>,
    /// The ride after it.
    pub(super) next: Option<RideId>,
    pub(super) offer: Option<OfferId>,
    /// When the connection broke, while it is broken.
    pub(super) lost_since: Option<Timestamp>,
    /// When the ride under way is given to another, if nothing is heard till then.
    pub(super) dark_at: Option<Timestamp>,
    /// When the last ride ended, or the shift began.
    pub(super) idle_since: Timestamp,
    /// Of the driver's offers.
    pub(super) record: Record,
    /// What the driver was worth to others in the last round.
    pub(super) price: i64,
    /// What was said last of it.
    pub(super) shown: Availability,
}

impl Driver {
    /// A driver whose shift begins.
    pub(super) const fn new(now: Timestamp, record: Record) -> Self {
        Self {
            ride: None,
            next: None,
            offer: None,
            lost_since: None,
            dark_at: None,
            idle_since: now,
            record,
            price: 0,
            shown: Availability::Off,
        }
    }
}
