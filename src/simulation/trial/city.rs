//! One city under one policy, from the first wish to the last ride.
//!
//! Separate because it is the world: it owns the clock, the people and where they are, hands the production core what
//! happens and does what the core decides. It decides nothing about matching. Invariants: time never goes back; a ride
//! ends in exactly one way; nobody is moved but by a drive.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::dispatch::{Availability, Input, Output, RideEnd};
use crate::index::{self, DriverIndex, DriverState, Neighbour};
use crate::time::{Span, Timestamp};

use super::engine::{self, Engine, Heard};
use super::ground::{Drive, Place};
use super::people::{self, Answer};
use super::queue::{Event, Queue};
use super::tally::{End, Figures, Tally};
use super::wishes::{Wish, Wishing};
use super::{Policy, World};

/// How often somebody looks at the city as a whole.
const LOOK_EVERY: Span = Span::from_minutes(1);
/// Room in the index for drivers who come while others go.
const SLACK: u32 = 1_024;

/// A driver.
#[derive(Debug)]
pub(super) struct Driver {
    /// Where the driver stood when what they do now began.
    pub(super) place: Place,
    /// Where the engine thinks the driver is,
    pub(super) shown: Place,
    /// and how often that changed.
    pub(super) moves: u32,
    pub(super) doing: Doing,
    pub(super) drive: Option<Motion>,
    /// Grows whenever the driver does something else, so that what was planned before means nothing.
    pub(super) plan: u32,
    /// A ride accepted while on another.
    pub(super) next: Option<u32>,
    pub(super) wants_home: bool,
    pub(super) slot: Option<index::Slot>,
    /// Since when the driver does it.
    pub(super) since: Timestamp,
    pub(super) online_since: Timestamp,
    pub(super) work: super::tally::Work,
}

/// What a driver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Off,
    /// Stands, or rides about; perhaps with an offer.
    Free,
    ToPickup(u32),
    AtPickup(u32),
    WithRider(u32),
    Paying(u32),
}

/// A drive under way.
#[derive(Clone, Debug)]
pub(super) struct Motion {
    pub(super) drive: Drive,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) to: Place,
}

/// A ride.
#[derive(Debug, Default)]
pub(super) struct Ride {
    /// Grows with each driver.
    pub(super) plan: u32,
    pub(super) driver: Option<u32>,
    pub(super) assigned_at: Option<Timestamp>,
    pub(super) set_out_at: Option<Timestamp>,
    pub(super) arrived_at: Option<Timestamp>,
    pub(super) distance_m: u32,
    pub(super) end: Option<End>,
    /// Riding times to the pickup that are known: by driver, from where in number of moves, and milliseconds.
    pub(super) known: FxHashMap<u32, (u32, Option<u32>)>,
}

/// The city.
pub(super) struct City<'w> {
    pub(super) world: &'w World,
    pub(super) seed: u64,
    pub(super) policy: Policy,
    pub(super) now: Timestamp,
    pub(super) wishing: Wishing<'w>,
    pub(super) wishes: Vec<Wish>,
    pub(super) engine: Engine,
    pub(super) index: DriverIndex,
    pub(super) queue: Queue,
    pub(super) drivers: Vec<Driver>,
    pub(super) rides: Vec<Ride>,
    /// When rides are expected to end, with their drivers.
    pub(super) finishing: BTreeSet<(Timestamp, u32)>,
    pub(super) tally: Tally,
    pub(super) near: Vec<Neighbour>,
    until: Timestamp,
}

impl<'w> City<'w> {
    pub(super) fn new(world: &'w World, seed: u64, policy: Policy, per_hour: f64) -> Self {
        let begin = world.begins_at;
        let until = begin + world.span();
        let wishing = Wishing::new(world);
        let wishes = wishing.all(seed, begin, world.span(), per_hour);
        let config =
            index::Config { area: world.ground.area(), cell_m: world.cell_m, drivers_max: world.drivers + SLACK };
        let index = DriverIndex::new(config).expect("the numbers of a world were checked");
        let mut rides = Vec::new();
        rides.resize_with(wishes.len(), Ride::default);
        let mut city = Self {
            world,
            seed,
            policy,
            now: begin,
            wishing,
            engine: Engine::new(world.core.clone(), policy),
            index,
            queue: Queue::default(),
            drivers: Vec::new(),
            rides,
            finishing: BTreeSet::new(),
            tally: Tally::new(world, seed, policy),
            near: Vec::new(),
            wishes,
            until,
        };
        for driver in 0..world.drivers {
            city.comes(true);
            city.restless_later(driver);
        }
        for (ride, wish) in (0..).zip(&city.wishes) {
            city.queue.plan(wish.at, Event::Wish { ride });
        }
        city.queue.plan(begin, Event::Looks);
        city
    }

    /// Lives until every ride is over, and says how it was.
    pub(super) fn live(mut self) -> Figures {
        while self.step() {}
        self.tally.figures(&self.wishes, &self.rides, &mut self.drivers, self.now)
    }

    /// The next thing that happens; false when everything is over.
    pub(super) fn step(&mut self) -> bool {
        if self.is_over() {
            return false;
        }
        let planned = self.queue.next_at();
        let due = self.engine.next_deadline();
        match (planned, due) {
            (_, Some(due)) if planned.is_none_or(|planned| due <= planned) => {
                self.now = self.now.max(due);
                let mut out = Vec::new();
                self.engine.tick(self.now, &mut out);
                self.follow(&mut out);
            }
            (Some(_), _) => {
                let Some((at, event)) = self.queue.take() else { return false };
                self.now = self.now.max(at);
                self.happens(event);
            }
            (None, _) => return false,
        }
        true
    }

    /// Nobody wishes any more, and nobody rides.
    fn is_over(&self) -> bool {
        self.now >= self.until && self.tally.open() == 0
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Wish { ride } => {
                self.tally.asked(ride, self.now);
                let patience = self.wishes[ride as usize].patience;
                self.queue.plan(self.now + patience, Event::GivesUp { ride, plan: 0 });
                self.tell(engine::request(ride));
            }
            Event::GivesUp { ride, plan } => {
                let waits = &self.rides[ride as usize];
                if waits.end.is_none() && waits.driver.is_none() && waits.plan == plan {
                    self.tell(engine::call_off(ride));
                }
            }
            Event::CallsOff { ride, plan } => {
                let waits = &self.rides[ride as usize];
                if waits.end.is_none() && waits.plan == plan && waits.arrived_at.is_none() {
                    self.tell(engine::call_off(ride));
                }
            }
            Event::Answers { driver, offer, answer } => match answer {
                Answer::Accepts => self.tell(engine::accept(driver, offer)),
                Answer::Declines => self.tell(engine::decline(driver, offer)),
                Answer::Ignores => {}
            },
            Event::Looks => self.looks(),
            Event::ShiftEnds { driver } => {
                self.drivers[driver as usize].wants_home = true;
                self.goes_home(driver);
            }
            Event::GetsThere { driver, plan }
            | Event::Boards { driver, plan }
            | Event::Paid { driver, plan }
            | Event::Restless { driver, plan }
            | Event::Pings { driver, plan } => {
                if self.drivers[driver as usize].plan == plan {
                    self.goes_on(driver, event);
                }
            }
        }
    }

    /// Hands the core an input, and does what follows.
    pub(super) fn tell(&mut self, input: Input) {
        let mut out = Vec::new();
        self.engine.handle(self.now, input, &mut out);
        self.follow(&mut out);
    }

    /// Does what the core decided, answering its questions on the way, as a shard does.
    fn follow(&mut self, out: &mut Vec<Output>) {
        let mut seen = 0;
        while seen < out.len() {
            let output = std::mem::replace(&mut out[seen], Output::Done);
            seen += 1;
            let heard = engine::heard(output);
            self.tally.heard(self.now, &heard);
            match heard {
                Heard::Asked(asked) => {
                    let answers = asked.iter().map(|one| (one.ride, self.suitable(one))).collect();
                    self.engine.handle(self.now, engine::candidates(answers), out);
                }
                Heard::State { driver, state } => self.state(driver, state),
                Heard::Offered { ride, driver, offer, pickup } => {
                    let (answer, thinking) = people::answer(self.seed, driver, ride, pickup);
                    self.queue.plan(self.now + thinking, Event::Answers { driver, offer, answer });
                }
                Heard::Assigned { ride, driver, is_next } => self.assigned(ride, driver, is_next),
                Heard::OnTheWay { ride } => self.on_the_way(ride),
                Heard::Released { ride, driver } => self.released(ride, driver),
                Heard::Ended { ride, end } => self.ended(ride, end),
                Heard::OfferClosed { .. } | Heard::Solved(_) | Heard::Refused | Heard::Nothing => {}
            }
        }
        out.clear();
    }

    /// The index follows the core at once.
    fn state(&mut self, driver: u32, state: Availability) {
        let state = match state {
            Availability::Off => return,
            Availability::Free => DriverState::Free,
            Availability::Offered => DriverState::Offered,
            Availability::ToPickup => DriverState::ToPickup,
            Availability::AtPickup => DriverState::AtPickup,
            Availability::OnTrip => DriverState::OnTrip,
        };
        if state == DriverState::Free {
            self.shows(driver);
        }
        self.index.set_state(engine::driver_id(driver), state);
    }

    fn assigned(&mut self, ride: u32, driver: u32, is_next: bool) {
        let place = self.place_of(driver);
        let waits = &mut self.rides[ride as usize];
        waits.plan += 1;
        waits.driver = Some(driver);
        waits.assigned_at = Some(self.now);
        waits.known = FxHashMap::default();
        let wish = &self.wishes[ride as usize];
        let rest = if is_next { self.rest_of(driver) } else { Span::ZERO };
        let from = if is_next {
            self.drivers[driver as usize].drive.as_ref().map_or(place, |motion| motion.to)
        } else {
            place
        };
        let mut times = Vec::new();
        self.world.ground.durations(&[from], &wish.from, &mut times);
        let leg_ms = times.first().copied().flatten().unwrap_or(0);
        let promised = Span::from_millis(rest.as_millis() + i64::from(leg_ms));
        let waited = self.now.since(wish.at);
        if let Some(after) = people::calls_off(self.seed, ride, waited, promised, wish.tolerance) {
            let plan = self.rides[ride as usize].plan;
            self.queue.plan(self.now + after, Event::CallsOff { ride, plan });
        }
        if is_next {
            self.drivers[driver as usize].next = Some(ride);
        } else {
            self.sets_out(driver, ride);
        }
    }

    fn on_the_way(&mut self, ride: u32) {
        if let Some(driver) = self.rides[ride as usize].driver {
            self.drivers[driver as usize].next = None;
            self.sets_out(driver, ride);
        }
    }

    /// The ride searches on; its rider has some patience left.
    fn released(&mut self, ride: u32, driver: u32) {
        self.lets_go(ride, driver);
        let waits = &mut self.rides[ride as usize];
        waits.driver = None;
        waits.assigned_at = None;
        waits.set_out_at = None;
        let (plan, patience) = (waits.plan, self.wishes[ride as usize].patience);
        self.queue.plan(self.now + patience, Event::GivesUp { ride, plan });
    }

    fn ended(&mut self, ride: u32, end: RideEnd) {
        let had = &mut self.rides[ride as usize];
        let driver = had.driver;
        let end = match end {
            RideEnd::Completed => End::Served,
            RideEnd::CancelledByCustomer if driver.is_some() => End::CalledOff,
            RideEnd::CancelledByCustomer => End::GaveUp,
            RideEnd::NoDriverFound => End::NoDriver,
            RideEnd::CancelledByDriver | RideEnd::CancelledBySystem => End::Dropped,
        };
        had.end = Some(end);
        had.known = FxHashMap::default();
        self.tally.ended(ride, end);
        if let Some(driver) = driver {
            self.lets_go(ride, driver);
        }
    }

    fn looks(&mut self) {
        let count = |doing: fn(Doing) -> bool| self.drivers.iter().filter(|driver| doing(driver.doing)).count() as u32;
        let free = count(|doing| doing == Doing::Free);
        let with_rider = count(|doing| matches!(doing, Doing::WithRider(_) | Doing::Paying(_)));
        let online = count(|doing| doing != Doing::Off);
        self.tally.looked(self.now, [free, with_rider, online]);
        if self.now < self.until {
            self.queue.plan(self.now + LOOK_EVERY, Event::Looks);
        }
    }
}
