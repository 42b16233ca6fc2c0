//! What drivers do between decisions: they ride, stand, board riders, take money, go home.
//!
//! Separate from the loop because it is about one driver at a time. A drive has a beginning, an end and a way; where the
//! driver is in between follows from the time.

use rand::Rng;

use super::chance::{About, chance};
use super::city::{City, Doing, Driver, Motion};
use super::engine;
use super::ground::Place;
use super::people;
use super::queue::Event;
use super::tally::Work;
use crate::index::{Fix, RideClasses};
use crate::time::{Span, Timestamp};

/// A driver who rides about without work tells where every so often.
const PING_EVERY: Span = Span::from_secs(10);
/// Where to ride without work: the nearest of so many places that riders come from.
const LOOKED_AT: usize = 4;
/// Where no way leads, one gets on at walking pace, in milliseconds a metre.
const PUSHING_MS_PER_M: f64 = 400.0;

impl City<'_> {
    /// Somebody begins a shift.
    pub(super) fn comes(&mut self, is_first: bool) {
        let driver = self.drivers.len() as u32;
        let mut rng = chance(self.seed, About::Driver, u64::from(driver), 0);
        let place = self.wishing.place(&mut rng);
        let minutes = rng.random_range(people::SHIFT_MIN.0..people::SHIFT_MIN.1);
        // At the beginning everybody is somewhere in the middle of a shift.
        let left = if is_first { minutes * rng.random::<f64>() } else { minutes };
        let at = self.index.go_online(engine::driver_id(driver), place.at, self.now, RideClasses::ANY);
        self.drivers.push(Driver {
            place,
            shown: place,
            moves: 0,
            doing: Doing::Free,
            drive: None,
            plan: 0,
            next: None,
            wants_home: false,
            slot: at.ok(),
            since: self.now,
            online_since: self.now,
            work: Work::default(),
        });
        self.queue.plan(self.now + Span::from_millis((left * 60_000.0) as i64), Event::ShiftEnds { driver });
        self.tell(engine::go_online(driver));
    }

    /// A driver who wants to go home does, once nobody is on the bike; somebody else comes.
    pub(super) fn goes_home(&mut self, driver: u32) {
        let who = &self.drivers[driver as usize];
        if !who.wants_home || who.doing != Doing::Free {
            return;
        }
        self.does(driver, Doing::Off);
        self.index.go_offline(engine::driver_id(driver));
        let (now, window) = (self.now, self.tally.window());
        let who = &mut self.drivers[driver as usize];
        who.drive = None;
        who.work.online(who.online_since, now, window);
        self.tell(engine::go_offline(driver));
        self.comes(false);
        let newcomer = self.drivers.len() as u32 - 1;
        self.restless_later(newcomer);
    }

    /// Where a driver really is.
    pub(super) fn place_of(&self, driver: u32) -> Place {
        let who = &self.drivers[driver as usize];
        let Some(motion) = &who.drive else { return who.place };
        if self.now >= motion.until {
            return motion.to;
        }
        let whole = motion.until.since(motion.since).as_millis().max(1);
        let share = self.now.since(motion.since).as_millis() as f64 / whole as f64;
        self.world.ground.along(&motion.drive, share)
    }

    /// The engine learns where a driver is.
    pub(super) fn shows(&mut self, driver: u32) {
        let place = self.place_of(driver);
        let now = self.now;
        let who = &mut self.drivers[driver as usize];
        if place != who.shown {
            who.moves += 1;
            who.shown = place;
        }
        if let Some(slot) = who.slot {
            self.index.update(slot, Fix::new(place.at, now));
        }
    }

    /// What is left of the drive that a driver is on, as the map has it, and of what follows it.
    pub(super) fn rest_of(&self, driver: u32) -> Span {
        match &self.drivers[driver as usize].drive {
            Some(motion) => motion.until.since(self.now),
            None => Span::ZERO,
        }
    }

    /// A driver does something else from now on.
    pub(super) fn does(&mut self, driver: u32, doing: Doing) {
        let place = self.place_of(driver);
        let (now, window) = (self.now, self.tally.window());
        let who = &mut self.drivers[driver as usize];
        who.work.did(who.doing, who.since, now, window);
        (who.doing, who.since, who.place, who.drive) = (doing, now, place, None);
        who.plan += 1;
    }

    /// A driver begins a drive. `slower` is how much longer it takes than the map says.
    fn drives(&mut self, driver: u32, to: Place, slower: f64) -> (Timestamp, u32) {
        let from = self.place_of(driver);
        let Some(drive) = self.world.ground.drive(from, to) else {
            // No street leads there: it happens where a map has loose ends. They push.
            let pushing = Span::from_millis((from.at.distance_m(to.at) * PUSHING_MS_PER_M) as i64);
            self.drivers[driver as usize].place = to;
            return (self.now + pushing, 0);
        };
        let distance_m = drive.distance_m;
        let duration_ms = (f64::from(drive.duration_ms) * slower) as i64;
        let until = self.now + Span::from_millis(duration_ms);
        self.drivers[driver as usize].drive = Some(Motion { drive, since: self.now, until, to });
        (until, distance_m)
    }

    pub(super) fn sets_out(&mut self, driver: u32, ride: u32) {
        self.does(driver, Doing::ToPickup(ride));
        self.rides[ride as usize].set_out_at = Some(self.now);
        let slower = people::pickup_slower(self.seed, driver, ride);
        let (until, _) = self.drives(driver, self.wishes[ride as usize].from, slower);
        let plan = self.drivers[driver as usize].plan;
        self.queue.plan(until, Event::GetsThere { driver, plan });
    }

    /// A ride is over for a driver: one way or another.
    pub(super) fn lets_go(&mut self, ride: u32, driver: u32) {
        let who = &mut self.drivers[driver as usize];
        if who.next == Some(ride) {
            who.next = None;
            return;
        }
        let has_it = matches!(who.doing, Doing::ToPickup(has) | Doing::AtPickup(has) | Doing::WithRider(has) | Doing::Paying(has) if has == ride);
        if has_it {
            self.does(driver, Doing::Free);
            self.shows(driver);
            self.restless_later(driver);
        }
    }

    /// What was planned for a driver happens.
    pub(super) fn goes_on(&mut self, driver: u32, event: Event) {
        let doing = self.drivers[driver as usize].doing;
        match (event, doing) {
            (Event::GetsThere { .. }, Doing::ToPickup(ride)) => {
                self.does(driver, Doing::AtPickup(ride));
                self.rides[ride as usize].arrived_at = Some(self.now);
                let plan = self.drivers[driver as usize].plan;
                let boarding = self.wishes[ride as usize].boarding;
                self.queue.plan(self.now + boarding, Event::Boards { driver, plan });
                self.tell(engine::arrive(driver, ride));
            }
            (Event::Boards { .. }, Doing::AtPickup(ride)) => {
                self.does(driver, Doing::WithRider(ride));
                let wish = &self.wishes[ride as usize];
                let (to, slower) = (wish.to, wish.slower);
                let (until, distance_m) = self.drives(driver, to, slower);
                self.rides[ride as usize].distance_m = distance_m;
                let plan = self.drivers[driver as usize].plan;
                self.queue.plan(until, Event::GetsThere { driver, plan });
                self.finishing.insert((until, driver));
                self.tell(engine::start(driver, ride));
            }
            (Event::GetsThere { .. }, Doing::WithRider(ride)) => {
                self.does(driver, Doing::Paying(ride));
                let plan = self.drivers[driver as usize].plan;
                let paying = self.wishes[ride as usize].paying;
                self.queue.plan(self.now + paying, Event::Paid { driver, plan });
            }
            (Event::Paid { .. }, Doing::Paying(ride)) => {
                let ridden_since = self.drivers[driver as usize].since;
                self.finishing.remove(&(ridden_since, driver));
                let distance_m = self.rides[ride as usize].distance_m;
                let earned = self.tally.earned(self.now, distance_m);
                self.drivers[driver as usize].work.income += earned;
                self.tell(engine::complete(driver, ride));
                self.goes_home(driver);
            }
            (Event::GetsThere { .. }, Doing::Free) => {
                self.does(driver, Doing::Free);
                self.shows(driver);
                self.restless_later(driver);
            }
            (Event::Restless { .. }, Doing::Free) => self.rides_about(driver),
            (Event::Pings { .. }, Doing::Free) => {
                self.shows(driver);
                self.pings_later(driver);
            }
            _ => {}
        }
    }

    pub(super) fn restless_later(&mut self, driver: u32) {
        let who = &self.drivers[driver as usize];
        let mut rng = chance(self.seed, About::Drift, u64::from(driver), u64::from(who.plan));
        let minutes = -(1.0 - rng.random::<f64>()).ln() * people::RESTLESS_MIN;
        let at = self.now + Span::from_millis((minutes * 60_000.0) as i64);
        self.queue.plan(at, Event::Restless { driver, plan: who.plan });
    }

    /// Without work for a while: to where riders are, not far.
    fn rides_about(&mut self, driver: u32) {
        self.does(driver, Doing::Free);
        let plan = self.drivers[driver as usize].plan;
        let mut rng = chance(self.seed, About::Drift, u64::from(driver), u64::from(plan));
        let here = self.place_of(driver);
        let places = (0..LOOKED_AT).map(|_| self.wishing.place(&mut rng));
        let nearest = places.min_by(|a, b| here.at.distance_m(a.at).total_cmp(&here.at.distance_m(b.at)));
        let Some(to) = nearest else { return };
        let (until, _) = self.drives(driver, to, 1.0);
        self.queue.plan(until, Event::GetsThere { driver, plan });
        self.pings_later(driver);
    }

    fn pings_later(&mut self, driver: u32) {
        let who = &self.drivers[driver as usize];
        if who.drive.as_ref().is_some_and(|motion| self.now + PING_EVERY < motion.until) {
            self.queue.plan(self.now + PING_EVERY, Event::Pings { driver, plan: who.plan });
        }
    }
}
