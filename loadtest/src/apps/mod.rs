//! Apps of real people on the raw generator: they sign in, take offers, drive rides, browse, and come back after a loss.
//!
//! A leaner cousin of `driver` and `rider`: no task for each, and only as clever as the scenarios need. What they heard is
//! kept in `told` for the scenario to judge.

pub mod heard;
pub mod retry;
pub mod stream;
pub mod told;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use uuid::Uuid;

use self::heard::Heard;
use self::stream::Stream;
use self::told::{Recovery, Told};
use crate::generator::fleet::{Desk, Phones};
use crate::generator::frame::Frame;
use crate::generator::line::{End, handshake};
use crate::generator::pace::Ticks;
use crate::generator::ping::Dialect;
use crate::wire::{self, Kind, RideView, Status};
use crate::world::Point;

/// Well inside the 30 s after which the server wants to hear something.
const HEARTBEAT_EVERY_S: f64 = 20.0;
/// The command id of going online, answered before a driver counts as ready.
const ONLINE_ID: &str = "online";

/// What a person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Drives.
    Driver,
    /// Rides.
    Customer,
}

/// Somebody with a token.
#[derive(Clone, Debug, Deserialize)]
pub struct Pass {
    /// In which role.
    pub role: Role,
    /// Proves it.
    pub token: String,
}

/// What the apps do of themselves.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Drivers accept every offer.
    pub accept: bool,
    /// Drivers go on with a ride this long after each step.
    pub drive: Option<Duration>,
    /// While it is set, nobody sends a command; what is due waits.
    pub frozen: Arc<AtomicBool>,
    /// Lost connections are dialled again, with what was heard as the place to go on from.
    pub come_back: bool,
}

/// One app.
#[derive(Debug)]
pub struct App {
    pass: Pass,
    /// Where it is.
    pub home: Point,
    /// A rider who looks at free drivers around home.
    pub browses: bool,
    /// Whether what it hears counts in latencies.
    pub is_measured: bool,
    /// Says so itself when it has nothing to say; drivers ping instead.
    pub heartbeats: bool,
    stream: Stream,
    is_ready: bool,
    was_in: bool,
    losses: u32,
    refusals: u32,
}

impl App {
    /// Of somebody who is at `home`.
    pub fn new(pass: Pass, home: Point) -> Self {
        let heartbeats = pass.role == Role::Customer;
        Self {
            pass,
            home,
            browses: false,
            is_measured: true,
            heartbeats,
            stream: Stream::default(),
            is_ready: false,
            was_in: false,
            losses: 0,
            refusals: 0,
        }
    }
}

#[derive(Debug, Default)]
struct Ride {
    driver: Option<usize>,
    pin: Option<String>,
}

/// A command that is due later: by whom, for which ride in which state.
type Due = (Instant, usize, Uuid, u8);

/// All apps of a scenario, in the order of the fleet's connections.
#[derive(Debug)]
pub struct Apps {
    host: String,
    dialect: Dialect,
    /// The apps.
    pub apps: Vec<App>,
    /// What they do of themselves.
    pub manners: Manners,
    /// What they heard.
    pub told: Told,
    rides: FxHashMap<Uuid, Ride>,
    due: BinaryHeap<Reverse<Due>>,
    calling_off: Vec<(usize, Uuid)>,
    heartbeats: Ticks,
    rng: SmallRng,
    commands: u64,
}

impl Apps {
    /// Apps that speak `dialect` with the server at `host`.
    pub fn new(host: String, dialect: Dialect, apps: Vec<App>, manners: Manners) -> Self {
        let count = apps.len();
        Self {
            host,
            dialect,
            apps,
            manners,
            told: Told::default(),
            rides: FxHashMap::default(),
            due: BinaryHeap::new(),
            calling_off: Vec::new(),
            heartbeats: Ticks::new(Instant::now(), count as f64 / HEARTBEAT_EVERY_S, count),
            rng: SmallRng::seed_from_u64(1),
            commands: 0,
        }
    }

    /// How many apps are welcome and, if drivers, on shift.
    pub fn ready(&self) -> usize {
        self.apps.iter().filter(|app| app.is_ready).count()
    }

    fn welcomed(&mut self, who: usize, frame: &wire::Frame, desk: &mut Desk<'_>) {
        let app = &mut self.apps[who];
        if app.losses > 0 {
            self.told.recoveries.push(Recovery { who, at: desk.now, recovered: frame.recovered });
        }
        (app.was_in, app.losses, app.refusals) = (true, app.losses.min(1), 0);
        app.stream.welcomed(frame.epoch, frame.seq, frame.recovered);
        let Point { lat, lng } = app.home;
        if frame.online == Some(false) {
            desk.out.text(who, &format!(r#"{{"type":"go_online","id":"{ONLINE_ID}","lat":{lat:.7},"lng":{lng:.7}}}"#));
        } else {
            app.is_ready = true;
        }
        if app.browses {
            desk.out.text(who, &format!(r#"{{"type":"browse","id":"browse","lat":{lat:.7},"lng":{lng:.7}}}"#));
        }
        if let Some(ride) = &frame.ride {
            self.saw_ride(who, ride, desk.now);
        }
        for offer in frame.offers.iter().flatten() {
            self.offered(who, &offer.offer_id, desk);
        }
    }

    fn message(&mut self, who: usize, frame: &wire::Frame, desk: &mut Desk<'_>) {
        if let (true, Some(seq)) = (frame.kind.is_control(), frame.seq) {
            let place = self.apps[who].stream.heard(seq, frame.prev.unwrap_or(0));
            self.told.stream(who, seq, place);
        }
        match frame.kind {
            Kind::Welcome => self.welcomed(who, frame, desk),
            Kind::Reply => {
                if frame.id.as_deref() == Some(ONLINE_ID) {
                    self.apps[who].is_ready = true;
                }
                if let Some(ride) = &frame.ride {
                    self.saw_ride(who, ride, desk.now);
                }
            }
            Kind::Error => {
                let about = frame.id.as_deref().unwrap_or("a frame").trim_start_matches(|c: char| c.is_ascii_digit());
                self.told.errors.add(&format!("{about} {}", frame.code.as_deref().unwrap_or("without code")));
            }
            Kind::Offer => {
                if let Some(offer) = &frame.offer {
                    self.told.offers.push((offer.ride_id, desk.now));
                    self.offered(who, &offer.offer_id, desk);
                }
            }
            Kind::Ride => {
                if let Some(ride) = &frame.ride {
                    self.told.states.insert((who, ride.id, ride.status.name()));
                    self.saw_ride(who, ride, desk.now);
                }
            }
            _ => {}
        }
    }

    fn offered(&mut self, who: usize, offer_id: &str, desk: &mut Desk<'_>) {
        if self.manners.accept && !self.is_frozen() {
            let id = self.command_id();
            desk.out.text(who, &format!(r#"{{"type":"accept_offer","id":"{id}","offer_id":"{offer_id}"}}"#));
        }
    }

    fn saw_ride(&mut self, who: usize, view: &RideView, now: Instant) {
        let ride = self.rides.entry(view.id).or_default();
        if let Some(pin) = &view.pin {
            ride.pin = Some(pin.clone());
        }
        if self.apps[who].pass.role != Role::Driver {
            return;
        }
        ride.driver = Some(who);
        let step = match view.status {
            Status::DriverAssigned => 0,
            Status::DriverArrived => 1,
            Status::InProgress => 2,
            _ => return,
        };
        if let Some(pause) = self.manners.drive {
            self.due.push(Reverse((now + pause, who, view.id, step)));
        }
    }

    /// Has every driver on a ride call it off, at the next tick.
    pub fn call_off(&mut self) {
        let rides = self.rides.iter().filter_map(|(ride, state)| Some((state.driver?, *ride)));
        self.calling_off.extend(rides);
    }

    /// The next step of a ride, once it is due.
    fn drive(&mut self, desk: &mut Desk<'_>) {
        while !self.is_frozen() && self.due.peek().is_some_and(|Reverse((at, ..))| *at <= desk.now) {
            let Some(Reverse((_, who, ride, step))) = self.due.pop() else { return };
            let id = self.command_id();
            let text = match (step, self.rides.get(&ride).and_then(|ride| ride.pin.as_deref())) {
                (0, _) => format!(r#"{{"type":"arrive","id":"{id}arrive","ride_id":"{ride}"}}"#),
                (1, Some(pin)) => format!(r#"{{"type":"start","id":"{id}start","ride_id":"{ride}","pin":"{pin}"}}"#),
                (1, None) => {
                    // The rider has not been told the PIN yet.
                    self.due.push(Reverse((desk.now + Duration::from_millis(200), who, ride, step)));
                    continue;
                }
                _ => format!(r#"{{"type":"complete","id":"{id}complete","ride_id":"{ride}"}}"#),
            };
            desk.out.text(who, &text);
        }
    }

    fn is_frozen(&self) -> bool {
        self.manners.frozen.load(Ordering::Relaxed)
    }

    fn command_id(&mut self) -> u64 {
        self.commands += 1;
        self.commands
    }

    fn positioned(&mut self, who: usize, ride: Uuid, t_ms: u64, desk: &Desk<'_>) {
        self.told.positions += 1;
        let driver = self.rides.get(&ride).and_then(|ride| ride.driver);
        if let Some(due) = driver.and_then(|driver| desk.sent.due(driver, t_ms))
            && self.apps[who].is_measured
        {
            self.told.position.saturating_record(micros(desk.now.saturating_duration_since(due)));
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Phones for Apps {
    fn handshake(&mut self, who: usize) -> Vec<u8> {
        let app = &self.apps[who];
        let resume = app.stream.resume().map(|(epoch, after)| format!("?epoch={epoch}&after={after}"));
        let query = resume.unwrap_or_default();
        handshake(&self.host, &query, Some(self.dialect.subprotocol()), Some(&app.pass.token))
    }

    fn upgraded(&mut self, _: usize, _: &mut Desk<'_>) {}

    fn hear(&mut self, who: usize, frame: Frame<'_>, desk: &mut Desk<'_>) {
        match heard::read(frame) {
            Heard::Ack { t_ms } => {
                if let Some(due) = desk.sent.due(who, t_ms) {
                    self.told.ack.saturating_record(micros(desk.now.saturating_duration_since(due)));
                }
            }
            Heard::Position { ride, t_ms } => self.positioned(who, ride, t_ms, desk),
            Heard::Nearby { drivers } => {
                self.told.nearby_frames += 1;
                self.told.nearby_positions += drivers as u64;
            }
            Heard::Heartbeat => {}
            Heard::Message(frame) => self.message(who, &frame, desk),
            Heard::Nonsense(what) => self.told.errors.add(&format!("nonsense: {what}")),
        }
    }

    fn ended(&mut self, who: usize, end: &End, _: Instant) -> Option<Duration> {
        let app = &mut self.apps[who];
        app.is_ready = false;
        if matches!(end, End::Refused(429 | 503, _)) {
            // "Not now" is no loss: whoever knocks is let in later.
            app.refusals += 1;
            self.told.refusals.add(&format!("{end:?}"));
            return retry::pause(end, app.refusals, &mut self.rng);
        }
        let was_in = std::mem::take(&mut app.was_in);
        if was_in || !self.manners.come_back {
            self.told.lost(who, end);
        }
        app.losses += 1;
        self.manners.come_back.then(|| retry::pause(end, app.losses, &mut self.rng)).flatten()
    }

    fn tick(&mut self, desk: &mut Desk<'_>) {
        self.drive(desk);
        for (who, ride) in std::mem::take(&mut self.calling_off) {
            let id = self.command_id();
            let text = format!(r#"{{"type":"cancel","id":"{id}cancel","ride_id":"{ride}","reason":"other"}}"#);
            desk.out.text(who, &text);
        }
        while let Some(tick) = self.heartbeats.pop(desk.now) {
            if self.apps.get(tick.sender).is_some_and(|app| app.is_ready && app.heartbeats) {
                desk.out.text(tick.sender, r#"{"type":"heartbeat"}"#);
            }
        }
    }
}
