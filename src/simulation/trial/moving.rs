//! A fleet that moves once a second, in real time: what the index and the core carry on this machine.
//!
//! Separate from the city because nothing is jumped over here: every driver's position is written into the production index
//! in every second, by several threads, and between two of these rounds the production core matches the requests of that
//! second over it. People are simple: drivers ride straight, take nine offers of ten a second after they got them, and
//! riders are ready. Moves are injected below the socket.

use std::time::Instant;

use serde::Serialize;

use super::Policy;
use super::engine::{self, Asked, Engine, Heard, Suitable};
use super::statistics::{mean, quantile};
use crate::dispatch::{self, Availability, Output};
use crate::geo::{Area, LatLng};
use crate::ids::OfferId;
use crate::index::{self, DriverIndex, DriverState, Fix, Nearest, Neighbour, RideClasses, Slot, Update};
use crate::time::{Span, Timestamp};

/// Everybody rides at this, in metres a second,
const SPEED_MPS: f64 = 6.0;
/// and along streets a third farther than straight.
const DETOUR: f64 = 1.33;
/// A degree of latitude, near the equator also of longitude, in metres.
const DEGREE_M: f64 = 111_195.0;
/// A ride goes so far north or south, and east or west, at most.
const RIDE_M: f64 = 4_000.0;
/// From one offer to the next: answering, pickup and ride, on average.
const CYCLE_S: f64 = 780.0;
/// A driver without work turns after so many seconds.
const TURN_S: u64 = 40;
/// Nobody is too old here.
const ANY_AGE: Span = Span::from_minutes(60);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Moving {
    /// Drivers who move.
    pub drivers: u32,
    /// For how long.
    pub seconds: u32,
    /// How rides are given to them.
    pub policy: Policy,
    /// Where chance comes from.
    pub seed: u64,
    /// Requests over what the fleet can do.
    pub demand: f64,
    /// Threads that move drivers.
    pub threads: usize,
    /// Where they are.
    pub area: Area,
    /// Numbers of the core.
    pub core: dispatch::Config,
    /// Side of a cell of the index.
    pub cell_m: f64,
    /// Candidates for a ride.
    pub candidates_max: usize,
    /// How far away they may be.
    pub search_radius_m: f64,
}

/// How it went.
#[derive(Clone, Debug, Serialize)]
pub struct Pace {
    /// Drivers who moved.
    pub drivers: u32,
    /// How rides were given to them.
    pub policy: Policy,
    /// Threads that moved them.
    pub threads: usize,
    /// Seconds lived.
    pub simulated_s: f64,
    /// Seconds it took.
    pub wall_s: f64,
    /// Seconds lived in a second: 1 is real time.
    pub pace: f64,
    /// A second's work, moves and matching, in milliseconds: the mean,
    pub settle_mean_ms: f64,
    /// all but one in twenty,
    pub settle_p95_ms: f64,
    /// and the longest.
    pub settle_max_ms: f64,
    /// Of it moving, on average.
    pub moving_mean_ms: f64,
    /// Of it matching, on average.
    pub matching_mean_ms: f64,
    /// Positions written.
    pub moves: u64,
    /// Rides asked for.
    pub requests: u32,
    /// Offers made.
    pub offers: u32,
    /// Rides that got a driver.
    pub assigned: u32,
    /// Rounds of matching solved.
    pub rounds: u32,
    /// Of them certified.
    pub certified: u32,
    /// Rides in the largest round.
    pub round_rides_max: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Free,
    ToPickup,
    WithRider,
}

/// A driver: where, how many ten-millionths of a degree a second, for how much longer.
#[derive(Clone, Copy, Debug)]
struct Mover {
    lat: i32,
    lng: i32,
    north: i32,
    east: i32,
    left_s: u32,
    ride: u32,
    doing: Doing,
    slot: Slot,
}

struct Herd<'m> {
    moving: &'m Moving,
    engine: Engine,
    index: DriverIndex,
    movers: Vec<Mover>,
    /// Pickup and destination of each ride.
    rides: Vec<(LatLng, LatLng)>,
    answers: Vec<(u32, OfferId)>,
    near: Vec<Neighbour>,
    offers: u32,
    assigned: u32,
    rounds: [u32; 3],
}

impl Moving {
    /// Lives for so long and measures.
    ///
    /// # Errors
    /// When there can be no such index.
    pub fn run(&self, told: &dyn Fn(u32, f64)) -> Result<Pace, index::ConfigError> {
        let mut herd = Herd::new(self)?;
        let begin = Timestamp::from_millis(1_767_596_400_000);
        let per_s = self.demand * f64::from(self.drivers) / CYCLE_S;
        let mut spent: Vec<[f64; 2]> = Vec::new();
        let (mut moves, began) = (0, Instant::now());
        for second in 1..=self.seconds {
            let now = begin + Span::from_secs(second.into());
            let started = Instant::now();
            let (there, moved) = herd.moves(now);
            moves += moved;
            let moving_s = started.elapsed().as_secs_f64();
            let due = (per_s * f64::from(second)) as usize;
            herd.matches(now, &there, due);
            spent.push([moving_s * 1_000.0, started.elapsed().as_secs_f64() * 1_000.0]);
            told(second, started.elapsed().as_secs_f64());
        }
        let wall_s = began.elapsed().as_secs_f64();
        let mut settles: Vec<f64> = spent.iter().map(|spent| spent[1]).collect();
        settles.sort_by(f64::total_cmp);
        let moving_mean_ms = mean(&spent.iter().map(|spent| spent[0]).collect::<Vec<f64>>());
        Ok(Pace {
            drivers: self.drivers,
            policy: self.policy,
            threads: self.threads,
            simulated_s: self.seconds.into(),
            wall_s,
            pace: f64::from(self.seconds) / wall_s,
            settle_mean_ms: mean(&settles),
            settle_p95_ms: quantile(&settles, 0.95),
            settle_max_ms: settles.last().copied().unwrap_or(0.0),
            moving_mean_ms,
            matching_mean_ms: mean(&settles) - moving_mean_ms,
            moves,
            requests: herd.rides.len() as u32,
            offers: herd.offers,
            assigned: herd.assigned,
            rounds: herd.rounds[0],
            certified: herd.rounds[1],
            round_rides_max: herd.rounds[2],
        })
    }
}

/// Ten-millionths of a degree in so many metres.
fn e7(metres: f64) -> i32 {
    (metres / DEGREE_M * 1e7) as i32
}

/// A number that looks like chance: SplitMix64's mixing.
const fn hashed(one: u64, other: u64) -> u64 {
    let z = one.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Between 0 and 1.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// Somewhere in an area.
fn somewhere(area: Area, hash: u64) -> LatLng {
    let (low, high) = (area.south_west(), area.north_east());
    let between = |low: i32, high: i32, share: f64| low + (f64::from(high - low) * share) as i32;
    let lat = between(low.lat_e7(), high.lat_e7(), unit(hash));
    let lng = between(low.lng_e7(), high.lng_e7(), unit(hashed(hash, 1)));
    LatLng::from_e7(lat, lng).unwrap_or(low)
}

impl Mover {
    /// To a place, as long as it takes along streets.
    fn heads_for(&mut self, to: LatLng) {
        let (north, east) = (to.lat_e7() - self.lat, to.lng_e7() - self.lng);
        let metres = f64::from(north).hypot(f64::from(east)) / 1e7 * DEGREE_M * DETOUR;
        let seconds = (metres / SPEED_MPS).ceil().max(1.0);
        (self.north, self.east) = ((f64::from(north) / seconds) as i32, (f64::from(east) / seconds) as i32);
        self.left_s = seconds as u32;
    }

    /// Anywhere, for want of work.
    fn turns(&mut self, hash: u64) {
        let (north, east) = (std::f64::consts::TAU * unit(hash)).sin_cos();
        (self.north, self.east) = (e7(SPEED_MPS * north), e7(SPEED_MPS * east));
        self.left_s = (hash % TURN_S) as u32 + 1;
    }

    /// A second later.
    fn moves(&mut self, (low, high): (LatLng, LatLng)) -> LatLng {
        self.lat = (self.lat + self.north).clamp(low.lat_e7(), high.lat_e7());
        self.lng = (self.lng + self.east).clamp(low.lng_e7(), high.lng_e7());
        self.left_s = self.left_s.saturating_sub(1);
        LatLng::from_e7(self.lat, self.lng).unwrap_or(low)
    }
}

impl<'m> Herd<'m> {
    fn new(moving: &'m Moving) -> Result<Self, index::ConfigError> {
        let config = index::Config { area: moving.area, cell_m: moving.cell_m, drivers_max: moving.drivers };
        let index = DriverIndex::new(config)?;
        let mut engine = Engine::new(moving.core.clone(), moving.policy);
        let now = Timestamp::from_millis(1_767_596_400_000);
        let mut out = Vec::new();
        let mut movers = Vec::with_capacity(moving.drivers as usize);
        for driver in 0..moving.drivers {
            let hash = hashed(moving.seed, u64::from(driver));
            let at = somewhere(moving.area, hash);
            engine.handle(now, engine::go_online(driver), &mut out);
            out.clear();
            let slot = index.go_online(engine::driver_id(driver), at, now, RideClasses::ANY);
            let slot = slot.expect("there is a place for each of them");
            let mut mover = Mover {
                lat: at.lat_e7(),
                lng: at.lng_e7(),
                north: 0,
                east: 0,
                left_s: 0,
                ride: 0,
                doing: Doing::Free,
                slot,
            };
            mover.turns(hashed(hash, 2));
            movers.push(mover);
        }
        let (rides, answers, near) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { moving, engine, index, movers, rides, answers, near, offers: 0, assigned: 0, rounds: [0; 3] })
    }

    /// Everybody moves by a second. Who got where they wanted, and how many positions were taken in.
    fn moves(&mut self, now: Timestamp) -> (Vec<u32>, u64) {
        let corners = (self.moving.area.south_west(), self.moving.area.north_east());
        let share = self.movers.len().div_ceil(self.moving.threads.max(1)).max(1);
        let (index, seed) = (&self.index, self.moving.seed);
        let chunk = |(number, movers): (usize, &mut [Mover])| {
            let (mut there, mut moved) = (Vec::new(), 0);
            for (driver, mover) in ((number * share) as u32..).zip(movers) {
                let fix = Fix::new(mover.moves(corners), now);
                moved += u64::from(matches!(index.update(mover.slot, fix), Update::Moved(_)));
                if mover.left_s == 0 {
                    if mover.doing == Doing::Free {
                        mover.turns(hashed(seed ^ u64::from(driver), now.as_millis() as u64));
                    } else {
                        there.push(driver);
                    }
                }
            }
            (there, moved)
        };
        let chunk = &chunk;
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                self.movers.chunks_mut(share).enumerate().map(|part| scope.spawn(move || chunk(part))).collect();
            let (mut there, mut moved) = (Vec::new(), 0);
            for thread in threads {
                let (some, count) = thread.join().expect("moving cannot fail");
                there.extend(some);
                moved += count;
            }
            (there, moved)
        })
    }

    /// What happens in a second, but for the moves: who is there, who answers, who asks, and what is due.
    fn matches(&mut self, now: Timestamp, there: &[u32], due: usize) {
        for driver in there {
            self.gets_there(now, *driver);
        }
        for (driver, offer) in std::mem::take(&mut self.answers) {
            let is_taken = unit(hashed(u64::from(driver), u64::from(engine::ride_of(offer.ride)))) < 0.9;
            let answer = if is_taken { engine::accept(driver, offer) } else { engine::decline(driver, offer) };
            self.tell(now, answer);
        }
        while self.rides.len() < due {
            let ride = self.rides.len() as u32;
            let hash = hashed(self.moving.seed ^ 0x51de, u64::from(ride));
            let from = somewhere(self.moving.area, hash);
            let off = |hash: u64| e7(RIDE_M * (2.0 * unit(hash) - 1.0));
            let to = LatLng::from_e7(from.lat_e7() + off(hashed(hash, 3)), from.lng_e7() + off(hashed(hash, 4)));
            self.rides.push((from, to.unwrap_or(from)));
            self.tell(now, engine::request(ride));
        }
        let end = now + Span::from_millis(999);
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
            let mut out = Vec::new();
            self.engine.tick(at.max(now), &mut out);
            self.follow(at.max(now), &mut out);
        }
    }

    fn gets_there(&mut self, now: Timestamp, driver: u32) {
        let mover = &mut self.movers[driver as usize];
        let ride = mover.ride;
        match mover.doing {
            Doing::Free => {}
            Doing::ToPickup => {
                mover.doing = Doing::WithRider;
                mover.heads_for(self.rides[ride as usize].1);
                self.tell(now, engine::arrive(driver, ride));
                self.tell(now, engine::start(driver, ride));
            }
            Doing::WithRider => {
                mover.doing = Doing::Free;
                mover.turns(hashed(u64::from(driver), now.as_millis() as u64));
                self.tell(now, engine::complete(driver, ride));
            }
        }
    }

    fn tell(&mut self, now: Timestamp, input: dispatch::Input) {
        let mut out = Vec::new();
        self.engine.handle(now, input, &mut out);
        self.follow(now, &mut out);
    }

    fn follow(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let mut seen = 0;
        while seen < out.len() {
            let heard = engine::heard(std::mem::replace(&mut out[seen], Output::Done));
            seen += 1;
            match heard {
                Heard::Asked(asked) => {
                    let answers = asked.iter().map(|one| (one.ride, self.suitable(now, one))).collect();
                    self.engine.handle(now, engine::candidates(answers), out);
                }
                Heard::State { driver, state } => self.state(driver, state),
                Heard::Offered { driver, offer, .. } => {
                    self.offers += 1;
                    self.answers.push((driver, offer));
                }
                Heard::Assigned { ride, driver, is_next: false } => {
                    self.assigned += 1;
                    let pickup = self.rides[ride as usize].0;
                    let mover = &mut self.movers[driver as usize];
                    (mover.doing, mover.ride) = (Doing::ToPickup, ride);
                    mover.heads_for(pickup);
                }
                Heard::Released { driver, .. } => {
                    let mover = &mut self.movers[driver as usize];
                    mover.doing = Doing::Free;
                    mover.turns(u64::from(driver));
                }
                Heard::Solved(round) => {
                    let [solved, certified, most] = self.rounds;
                    let certified = certified + u32::from(round.is_certified);
                    self.rounds = [solved + 1, certified, most.max(round.rides)];
                }
                _ => {}
            }
        }
        out.clear();
    }

    fn state(&self, driver: u32, state: Availability) {
        let state = match state {
            Availability::Off => return,
            Availability::Free => DriverState::Free,
            Availability::Offered => DriverState::Offered,
            Availability::ToPickup => DriverState::ToPickup,
            Availability::AtPickup => DriverState::AtPickup,
            Availability::OnTrip => DriverState::OnTrip,
        };
        self.index.set_state(engine::driver_id(driver), state);
    }

    fn suitable(&mut self, now: Timestamp, asked: &Asked) -> Vec<Suitable> {
        let query = Nearest {
            k: self.moving.candidates_max,
            max_age: ANY_AGE,
            radius_m_max: self.moving.search_radius_m,
            classes: RideClasses::ANY,
            exclude: &asked.passed,
        };
        let pickup = self.rides[asked.ride as usize].0;
        let mut near = std::mem::take(&mut self.near);
        self.index.nearest(pickup, &query, now, &mut near);
        let time_ms = |metres: f64| (metres * DETOUR / SPEED_MPS * 1_000.0) as u32;
        let suitable = |driver: u32, metres: f64| Suitable { pickup_ms: time_ms(metres), driver, finishing_ms: None };
        let mut found: Vec<Suitable> =
            near.iter().map(|one| suitable(engine::driver_of(one.driver), one.distance_m)).collect();
        if let Some(holder) = asked.holder.filter(|holder| found.iter().all(|one| one.driver != *holder)) {
            let mover = &self.movers[holder as usize];
            let metres = LatLng::from_e7(mover.lat, mover.lng).map_or(0.0, |at| at.distance_m(pickup));
            found.push(suitable(holder, metres));
            found.sort_unstable();
        }
        self.near = near;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::core;
    use super::*;

    #[test]
    fn everybody_moves_in_every_second_and_requests_are_matched() {
        let corner = |lat, lng| LatLng::new(lat, lng).expect("on the globe");
        let area = Area::new(corner(-2.0, 30.0), corner(-1.95, 30.05)).expect("a box");
        let moving = Moving {
            drivers: 500,
            seconds: 300,
            policy: Policy::Greedy,
            seed: 1,
            demand: 0.5,
            threads: 2,
            area,
            core: core(),
            cell_m: 250.0,
            candidates_max: 8,
            search_radius_m: 5_000.0,
        };
        let pace = moving.run(&|_, _| {}).expect("an index");
        assert_eq!(pace.moves, 500 * 300, "no position is lost or late");
        assert_eq!(pace.requests, (0.5 * 500.0 / CYCLE_S * 300.0) as u32);
        assert!(pace.assigned * 10 > pace.requests * 9, "{pace:?}");
        assert!(pace.offers >= pace.assigned && pace.pace > 0.0, "{pace:?}");
    }
}
