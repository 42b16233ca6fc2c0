//! The apps: what they believe, what they do next, and what they say again until it is answered.

use std::collections::BTreeMap;

use boda::dispatch::{Canceller, Input, Pin, Refusal, Trouble};
use boda::geo::LatLng;
use boda::ids::{DriverId, OfferId, RideId, RiderId, StreamSeq, UserId};
use boda::index::Fix;
use boda::matching::record::Record;
use boda::money::{BasisPoints, Francs};
use boda::payments::{PaymentMethod, Plan};
use boda::realtime::Event;
use boda::realtime::protocol::view::RideStatus;
use boda::rides::desk::{Actor, Command, Details};
use boda::rides::product::{Parcel, Product, Schedule, Stop};
use boda::rides::ride::{Cancellation, Price, Ride, Spot};
use boda::rides::upcoming::Moved;
use boda::rides::words::{CancelReason, DeclineReason, ParcelSize, RideType};
use boda::time::{Span, Timestamp};
use rand::Rng as _;
use rand::rngs::StdRng;
use uuid::Uuid;

/// Whose app it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Rider(RiderId),
    Driver(DriverId),
}

/// A request under way.
pub struct Asked {
    pub command: Command,
    pub sent_ms: i64,
    pub tries: u32,
}

/// An app.
pub struct Phone {
    pub owner: Owner,
    /// Number of the socket, while it is open.
    pub socket: Option<u64>,
    /// When the last frame that is under way over the socket gets there: frames do not overtake each other.
    pub busy_until_ms: i64,
    /// The last control message that was dealt with.
    pub last: StreamSeq,
    pub rides: BTreeMap<RideId, Seen>,
    pub offer: Option<OfferId>,
    pub asked: BTreeMap<u64, Asked>,
    pub is_online: bool,
}

/// A ride as its party last saw it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub status: RideStatus,
    pub is_next: bool,
    pub stops_left: usize,
}

impl Phone {
    pub const fn new(owner: Owner) -> Self {
        Self {
            owner,
            socket: None,
            busy_until_ms: 0,
            last: StreamSeq::START,
            rides: BTreeMap::new(),
            offer: None,
            asked: BTreeMap::new(),
            is_online: false,
        }
    }

    pub fn user(&self) -> UserId {
        match self.owner {
            Owner::Rider(rider) => rider.into(),
            Owner::Driver(driver) => driver.into(),
        }
    }

    /// A control message came. What was dealt with before is dropped.
    pub fn hear(&mut self, seq: StreamSeq, event: &Event) {
        if seq <= self.last {
            return;
        }
        self.last = seq;
        match event {
            Event::Offer(offer) => self.offer = Some(offer.offer_id),
            Event::OfferWithdrawn { offer_id, .. } => self.drop_offer(*offer_id),
            Event::RideReleased { ride_id, .. } => {
                self.rides.remove(ride_id);
            }
            Event::Nudge { .. } => {}
            Event::Ride(view) => {
                if self.offer.is_some_and(|offer| offer.ride == view.id) {
                    self.offer = None;
                }
                if view.status.is_live() {
                    let stops_left = view.stops.iter().filter(|stop| stop.reached_at.is_none()).count();
                    let seen = Seen { status: view.status, is_next: view.is_next, stops_left };
                    self.rides.insert(view.id, seen);
                } else {
                    self.rides.remove(&view.id);
                }
            }
        }
    }

    fn drop_offer(&mut self, id: OfferId) {
        self.offer.take_if(|offer| *offer == id);
    }

    /// A request was answered.
    pub fn answered(&mut self, request: u64, result: Result<(), Refusal>) {
        let Some(Asked { command, .. }) = self.asked.remove(&request) else { return };
        match command.input {
            Input::GoOnline { .. } if result.is_ok() => self.is_online = true,
            Input::GoOffline { .. } if result.is_ok() => (self.is_online, self.offer) = (false, None),
            // Answered one way or another it is not this driver's to answer any more; a win is told.
            Input::DeclineOffer { offer, .. } => self.drop_offer(offer),
            Input::AcceptOffer { offer, .. } if result.is_err() => self.drop_offer(offer),
            _ => {}
        }
    }

    /// What the app does next. `is_calm` when everything is to come to its end.
    pub fn next(&self, now: Timestamp, is_calm: bool, fresh: u128, dice: &mut StdRng) -> Option<Command> {
        // One thing at a time, mostly.
        if !self.asked.is_empty() && (is_calm || dice.random_ratio(9, 10)) {
            return None;
        }
        match self.owner {
            Owner::Rider(rider) => self.rider(rider, now, is_calm, fresh, dice),
            Owner::Driver(driver) => self.driver(driver, now, is_calm, dice),
        }
    }

    fn rider(&self, rider: RiderId, now: Timestamp, is_calm: bool, fresh: u128, dice: &mut StdRng) -> Option<Command> {
        let live = self.rides.iter().next();
        if let Some((&ride, seen)) = live
            && dice.random_ratio(1, 60)
            && seen.status != RideStatus::InProgress
        {
            return Some(cancel(ride, Canceller::Rider(rider), "customer"));
        }
        if let Some((&ride, Seen { status: RideStatus::Scheduled, .. })) = live
            && dice.random_ratio(1, 20)
        {
            let search_from = now + Span::from_secs(dice.random_range(0..300));
            let schedule = schedule(now + Span::from_secs(400), search_from);
            let moved = Moved { schedule, price: price(), express: None };
            let input = Input::Reschedule { ride, rider, search_from };
            return Some(Command { details: Details::Moved(Box::new(moved)), ..plain(input) });
        }
        let is_free = live.is_none_or(|(_, seen)| seen.status == RideStatus::Scheduled && dice.random_ratio(1, 10));
        if is_calm || !is_free || dice.random_ratio(2, 3) {
            return None;
        }
        let ride = booking(RideId(Uuid::from_u128(fresh)), rider, now, dice);
        let mut order = ride.order();
        order.rider_record = Record { kept: dice.random_range(0..20), broken: dice.random_range(0..5) };
        let input = Input::RequestRide { ride: ride.id, rider, pin: ride.pin, order };
        Some(Command { details: Details::Booking(Box::new(ride)), ..plain(input) })
    }

    fn driver(&self, driver: DriverId, now: Timestamp, is_calm: bool, dice: &mut StdRng) -> Option<Command> {
        if !self.is_online {
            return (is_calm || dice.random_ratio(1, 3)).then(|| online(driver, now));
        }
        if let Some(offer) = self.offer {
            return match dice.random_range(0..10) {
                0..6 => Some(plain(Input::AcceptOffer { driver, offer })),
                6 => Some(Command {
                    details: Details::Decline(DeclineReason::TooFar),
                    ..plain(Input::DeclineOffer { driver, offer })
                }),
                _ => None,
            };
        }
        let under_way = self.rides.iter().find(|(_, seen)| !seen.is_next);
        let Some((&ride, seen)) = under_way else {
            return (!is_calm && dice.random_ratio(1, 80)).then(|| plain(Input::GoOffline { driver }));
        };
        if !is_calm && dice.random_ratio(3, 4) {
            return None;
        }
        if dice.random_ratio(1, 30) {
            let rematch = dice.random_ratio(3, 4);
            return Some(cancel(ride, Canceller::Driver { driver, rematch }, "driver"));
        }
        Some(plain(match seen.status {
            RideStatus::DriverAssigned => Input::Arrive { driver, ride },
            RideStatus::DriverArrived => {
                let pin = if dice.random_ratio(1, 8) { Pin::from_random(dice.random()) } else { pin_of(ride) };
                Input::Start { driver, ride, pin }
            }
            _ if seen.stops_left > 0 && dice.random_ratio(9, 10) => Input::ReachStop {
                driver,
                ride,
                stop: u8::try_from(stops_of(ride) - seen.stops_left + 1).expect("few"),
            },
            _ => Input::Complete { driver, ride, pin: dice.random_ratio(9, 10).then(|| pin_of(ride)) },
        }))
    }
}

/// A command without more to it.
pub fn plain(input: Input) -> Command {
    Command { input, details: Details::None, actor: Actor::SYSTEM, request_id: None }
}

/// Begins a shift.
pub fn online(driver: DriverId, now: Timestamp) -> Command {
    let fix = Fix::new(place(0), now);
    let details = Details::Shift { fix, ride_types: vec![RideType::Boda] };
    Command { details, ..plain(Input::GoOnline { driver, record: Record::default() }) }
}

/// What somebody does who should not.
pub fn mischief(owner: Owner, ride: RideId, ordinal: u16, dice: &mut StdRng) -> Command {
    let offer = OfferId { ride, ordinal };
    match owner {
        Owner::Rider(rider) => cancel(ride, Canceller::Rider(rider), "customer"),
        Owner::Driver(driver) => match dice.random_range(0..8) {
            0 => plain(Input::AcceptOffer { driver, offer }),
            1 => plain(Input::DeclineOffer { driver, offer }),
            2 => plain(Input::Arrive { driver, ride }),
            3 => plain(Input::Start { driver, ride, pin: pin_of(ride) }),
            4 => plain(Input::Complete { driver, ride, pin: Some(pin_of(ride)) }),
            5 => plain(Input::ReachStop { driver, ride, stop: dice.random_range(0..4) }),
            6 => cancel(ride, Canceller::Driver { driver, rematch: dice.random() }, "driver"),
            _ => {
                let trouble = [Trouble::Stalled, Trouble::GoingAway, Trouble::Dark][dice.random_range(0..3)];
                plain(Input::PickupTrouble { driver, ride, trouble })
            }
        },
    }
}

/// Two people met at the roadside.
pub fn pairing(ride: RideId, rider: RiderId, driver: DriverId, now: Timestamp) -> Command {
    let record = Ride { paired_at: Some(now), ..ordinary(ride, rider, now) };
    let input = Input::Pair { ride, rider, driver, pin: record.pin };
    Command { details: Details::Booking(Box::new(record)), ..plain(input) }
}

fn cancel(ride: RideId, by: Canceller, word: &'static str) -> Command {
    let (reason, fee) = (CancelReason::Other, Francs::ZERO);
    let cancellation = Cancellation { by: word, reason, note: None, fee, compensation: fee, cause: None };
    Command { details: Details::Cancellation(cancellation), ..plain(Input::Cancel { ride, by }) }
}

fn pin_of(ride: RideId) -> Pin {
    Pin::from_random(u32::try_from(ride.0.as_u128() % 9_973).expect("small"))
}

fn stops_of(ride: RideId) -> usize {
    usize::try_from(ride.0.as_u128() % 7).expect("small").saturating_sub(4)
}

fn place(n: i32) -> LatLng {
    LatLng::new(-1.94 - 0.001 * f64::from(n), 30.06).expect("on the globe")
}

fn spot(n: i32) -> Spot {
    Spot { at: place(n), address: None, landmark: None }
}

/// One of all kinds of ride.
fn booking(id: RideId, rider: RiderId, now: Timestamp, dice: &mut StdRng) -> Ride {
    let mut ride = ordinary(id, rider, now);
    let stop = |n| Stop { spot: spot(n), contact: None, note: None, reached_at: None, waiting: Span::ZERO };
    ride.product.stops = (0..stops_of(id)).map(|n| stop(i32::try_from(n).expect("few") + 1)).collect();
    if dice.random_ratio(1, 6) {
        ride.ride_type = RideType::Delivery;
        ride.product.parcel = Some(Parcel {
            sender: None,
            receiver: None,
            description: "a book".into(),
            size: ParcelSize::Small,
            handover: pin_of(id),
        });
    }
    if dice.random_ratio(1, 6) {
        let pickup_at = now + Span::from_secs(dice.random_range(60..400));
        let search_from = now + Span::from_secs(dice.random_range(20..240));
        ride.product.schedule = Some(schedule(pickup_at, search_from));
        ride.status = RideStatus::Scheduled;
    }
    ride.product.express = dice.random_ratio(1, 10).then_some(BasisPoints(1_000));
    ride
}

fn schedule(pickup_at: Timestamp, search_from: Timestamp) -> Schedule {
    Schedule { pickup_at, search_from, promised_from: pickup_at, promised_to: pickup_at }
}

fn price() -> Price {
    Price {
        quote: None,
        tariff: "none".into(),
        begins_at: Timestamp::EPOCH,
        terms: String::new(),
        service_fee: Francs::ZERO,
        surge: BasisPoints::WHOLE,
        distance_m: 3_000,
        duration: Span::from_minutes(9),
        quoted: Francs(700),
    }
}

fn ordinary(id: RideId, rider: RiderId, now: Timestamp) -> Ride {
    Ride {
        id,
        rider,
        driver: None,
        is_next: false,
        status: RideStatus::Requested,
        ride_type: RideType::Boda,
        product: Product::default(),
        payment_method: PaymentMethod::Cash,
        payment_plan: Plan::default(),
        pickup: spot(0),
        destination: spot(20),
        notes: None,
        request_hash: [0; 32],
        price: price(),
        fare: Francs(700),
        matched_distance_m: None,
        waiting: Span::ZERO,
        pin: pin_of(id),
        cancellation: None,
        booked_by: None,
        paired_at: None,
        offers_made: 0,
        requested_at: now,
        assigned_at: None,
        arrived_at: None,
        started_at: None,
        ended_at: None,
    }
}
