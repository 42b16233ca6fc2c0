//! The simulated world: true time, an agenda, a faulty network, a clock that is set, a store that goes away, a program that is
//! killed. All chance comes from the seed, so that a seed is a run.

use std::collections::{BTreeMap, BTreeSet};

use boda::config::Sources;
use boda::dispatch::{Input, Refusal};
use boda::ids::{DriverId, OfferId, RideId, RiderId, StreamSeq, UserId};
use boda::pricing::{CurrentPrices, PriceBook};
use boda::realtime::Event;
use boda::rides::desk::{Command, Message, Terms};
use boda::time::{Span, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use uuid::Uuid;

use crate::bugs::Bug;
use crate::city::City;
use crate::phones::{Asked, Owner, Phone, mischief, online, pairing, plain};
use crate::rules::{Checked, Rule, Violation, hold};
use crate::server::{Caller, Fate, Letter, Process};
use crate::store::Store;
use crate::trace::Trace;

/// The first instant.
const BEGIN: Timestamp = Timestamp::from_millis(1_790_000_000_000);
/// How long everything goes wrong.
const FAULTY_MS: i64 = 8 * 60_000;
/// How long everything may take to end when all goes well again.
const CALM_MS: i64 = 3 * 3_600_000;
/// After so long an app sends again what was not answered.
const REPEAT_MS: i64 = 8_000;

/// Something that is to happen.
pub enum Happening {
    Arrives(Letter),
    Told { phone: usize, socket: u64, seq: StreamSeq, event: Event },
    Answered { phone: usize, request: u64, result: Result<(), Refusal> },
    Acts(usize),
    Wakes { life: u64, token: u64 },
    CommitEnds { life: u64, fate: Fate },
    Crashes,
    Starts,
    ClockIsSet,
    StoreGoes,
    StoreComes,
    SocketBreaks(usize),
    SocketOpens(usize),
    Mischief,
}

/// See the module.
pub struct World {
    pub dice: StdRng,
    pub ms: i64,
    pub trace: Trace,
    pub terms: Terms,
    pub city: City,
    pub store: Store,
    pub server: Option<Process>,
    pub life: u64,
    pub phones: Vec<Phone>,
    pub is_faulty: bool,
    pub is_store_away: bool,
    pub bug: Option<Bug>,
    pub steps: u64,
    /// How often each kind of fact was seen.
    pub facts: BTreeMap<&'static str, u64>,
    /// What checks remember.
    pub open: BTreeMap<OfferId, Timestamp>,
    pub heard_open: BTreeSet<OfferId>,
    pub passed: BTreeSet<(RideId, DriverId)>,
    pub promises: Vec<Input>,
    pub told: BTreeMap<(UserId, StreamSeq), Event>,
    agenda: BTreeMap<(i64, u64), Happening>,
    happenings: u64,
    requests: u64,
    sockets: u64,
    rides: u128,
    skew_ms: i64,
    /// Set since the program went to sleep: it sleeps for as long as the clock said then.
    pub is_clock_set: bool,
}

/// How a run went.
pub struct Outcome {
    pub hash: u64,
    pub steps: u64,
    pub requests: u64,
    pub facts: BTreeMap<&'static str, u64>,
    pub violation: Option<Violation>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, bug: Option<Bug>, is_shown: bool) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let terms = terms(&mut dice);
        let driver = |n: u128| DriverId(Uuid::from_u128(0xD000 + n));
        let rider = |n: u128| RiderId(Uuid::from_u128(0xA000 + n));
        let (drivers, riders) = (dice.random_range(3..10), dice.random_range(4..12));
        let mut phones: Vec<Phone> = (0..riders).map(|n| Phone::new(Owner::Rider(rider(n)))).collect();
        phones.extend((0..drivers).map(|n| Phone::new(Owner::Driver(driver(n)))));
        let mut city = City::new(seed, (0..drivers).map(driver));
        city.stale_permille = dice.random_range(0..80);
        Self {
            dice,
            ms: 0,
            trace: Trace::new(is_shown),
            terms,
            city,
            store: Store::default(),
            server: None,
            life: 0,
            phones,
            is_faulty: true,
            is_store_away: false,
            bug,
            steps: 0,
            facts: BTreeMap::new(),
            open: BTreeMap::new(),
            heard_open: BTreeSet::new(),
            passed: BTreeSet::new(),
            promises: Vec::new(),
            told: BTreeMap::new(),
            agenda: BTreeMap::new(),
            happenings: 0,
            requests: 0,
            sockets: 0,
            rides: 0,
            skew_ms: 0,
            is_clock_set: false,
        }
    }

    /// Plays it to the end, or to the first violation.
    pub fn run(mut self) -> Outcome {
        let violation = self.play().err();
        let (hash, steps, requests, facts) = (self.trace.hash(), self.steps, self.requests, self.facts);
        Outcome { hash, steps, requests, facts, violation }
    }

    fn play(&mut self) -> Checked {
        self.start()?;
        for phone in 0..self.phones.len() {
            let opens_ms = self.dice.random_range(0..3_000);
            self.at(opens_ms, Happening::SocketOpens(phone));
            self.at(opens_ms + 100, Happening::Acts(phone));
        }
        for (first_ms, happening) in [
            (40_000, Happening::Crashes),
            (30_000, Happening::ClockIsSet),
            (50_000, Happening::StoreGoes),
            (2_000, Happening::Mischief),
        ] {
            let ms = self.dice.random_range(first_ms / 2..first_ms * 2);
            self.at(ms, happening);
        }
        while self.ms < FAULTY_MS {
            self.step()?;
            self.check_awake()?;
        }
        self.calm()?;
        while !self.is_drained() {
            hold(self.ms < FAULTY_MS + CALM_MS, Rule::Drains, || {
                let live: Vec<_> = self.store.live().map(|ride| (ride.id, ride.status, ride.driver)).collect();
                format!("after hours without a fault there is still {live:?}")
            })?;
            self.step()?;
        }
        self.check_end()
    }

    /// From now on nothing goes wrong any more.
    fn calm(&mut self) -> Checked {
        self.trace.note(format_args!("{} calm", self.ms));
        (self.is_faulty, self.is_store_away) = (false, false);
        self.city.stale_permille = 0;
        if self.server.is_none() {
            self.start()?;
        }
        for number in 0..self.phones.len() {
            // Whatever an app missed over a socket it did not know to be broken, it gets by opening another.
            self.phones[number].socket = None;
            self.opens(number);
        }
        Ok(())
    }

    fn is_drained(&self) -> bool {
        self.store.live().next().is_none()
            && self.store.open_offers().next().is_none()
            && self.server.as_ref().is_some_and(|process| process.inbox.is_empty())
            && self.phones.iter().all(|phone| phone.asked.is_empty())
            && !self.agenda.values().any(|next| matches!(next, Happening::Told { .. } | Happening::CommitEnds { .. }))
    }

    fn step(&mut self) -> Checked {
        let Some(((ms, _), happening)) = self.agenda.pop_first() else {
            return hold(false, Rule::Drains, || "nothing is to happen any more".into());
        };
        self.ms = self.ms.max(ms);
        match happening {
            Happening::Arrives(letter) => self.arrives(letter),
            Happening::Told { phone, socket, seq, event } => {
                let phone = &mut self.phones[phone];
                if phone.socket == Some(socket) {
                    phone.hear(seq, &event);
                }
                Ok(())
            }
            Happening::Answered { phone, request, result } => {
                self.check_gone(phone, request, result)?;
                self.phones[phone].answered(request, result);
                Ok(())
            }
            Happening::Acts(phone) => {
                self.acts(phone);
                Ok(())
            }
            Happening::Wakes { life, token } => self.wakes(life, token),
            Happening::CommitEnds { life, fate } => self.commit_ends(life, fate),
            Happening::Starts if self.server.is_none() => self.start(),
            Happening::Starts => Ok(()),
            Happening::SocketOpens(phone) => {
                self.opens(phone);
                Ok(())
            }
            fault => self.fault(fault),
        }
    }

    /// What only happens while things go wrong.
    fn fault(&mut self, fault: Happening) -> Checked {
        if !self.is_faulty {
            return Ok(());
        }
        match fault {
            Happening::Crashes => {
                self.again(40_000, Happening::Crashes);
                self.crash()?;
            }
            Happening::ClockIsSet => {
                let far_ms = [2_000, 30_000, 600_000][self.dice.random_range(0..3)];
                self.is_clock_set = true;
                self.skew_ms += self.dice.random_range(-far_ms..far_ms);
                self.trace.note(format_args!("{} clock {}", self.ms, self.skew_ms));
                self.again(60_000, Happening::ClockIsSet);
            }
            Happening::StoreGoes => {
                self.is_store_away = true;
                let away_ms = self.dice.random_range(500..15_000);
                self.at(away_ms, Happening::StoreComes);
            }
            Happening::StoreComes => {
                self.is_store_away = false;
                self.again(60_000, Happening::StoreGoes);
            }
            Happening::SocketBreaks(phone) => self.breaks(phone),
            Happening::Mischief => {
                self.mischief();
                self.again(3_000, Happening::Mischief);
            }
            _ => {}
        }
        Ok(())
    }

    /// The program's clock.
    pub fn now(&self) -> Timestamp {
        self.at_ms(self.ms)
    }

    /// What the program's clock, as it is set now, shows at a moment of the run.
    pub fn at_ms(&self, ms: i64) -> Timestamp {
        BEGIN + Span::from_millis(ms + self.skew_ms)
    }

    /// From when on nothing goes wrong.
    pub fn calm_since(&self) -> Timestamp {
        self.at_ms(FAULTY_MS)
    }

    /// Puts something on the agenda.
    pub fn at(&mut self, after_ms: i64, happening: Happening) {
        self.happenings += 1;
        self.agenda.insert((self.ms + after_ms.max(0), self.happenings), happening);
    }

    fn again(&mut self, mean_ms: i64, happening: Happening) {
        let ms = self.dice.random_range(mean_ms / 2..mean_ms * 3 / 2);
        self.at(ms, happening);
    }

    fn acts(&mut self, number: usize) {
        let now = self.now();
        self.rides += 1;
        let fresh = self.rides;
        let phone = &mut self.phones[number];
        let late = self.ms - REPEAT_MS;
        let again = phone.asked.iter_mut().find(|(_, asked)| asked.sent_ms < late);
        if let Some((&request, asked)) = again {
            (asked.sent_ms, asked.tries) = (self.ms, asked.tries + 1);
            let command = asked.command.clone();
            self.send(number, request, command);
        } else if let Some(command) = phone.next(now, !self.is_faulty, fresh, &mut self.dice) {
            self.ask(number, command);
        }
        // A shift that ended by itself is found out by asking.
        if let Owner::Driver(driver) = self.phones[number].owner
            && self.phones[number].is_online
            && self.dice.random_ratio(1, 20)
        {
            self.ask(number, online(driver, now));
        }
        self.again(if self.is_faulty { 2_500 } else { 4_000 }, Happening::Acts(number));
    }

    fn ask(&mut self, number: usize, command: Command) {
        self.requests += 1;
        let request = self.requests;
        self.phones[number].asked.insert(request, Asked { command: command.clone(), sent_ms: self.ms, tries: 1 });
        self.send(number, request, command);
    }

    /// A command on its way: lost, late, twice, or as it should be.
    fn send(&mut self, number: usize, request: u64, command: Command) {
        self.post(Some((number, request)), Message::Command(Box::new(command)));
    }

    fn post(&mut self, caller: Caller, message: Message) {
        let is_notice = matches!(message, Message::ConnectionChanged(_));
        let copies = match self.dice.random_range(0..100) {
            _ if !self.is_faulty => 1,
            0..6 if !is_notice => 0,
            6..11 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let ms = match self.dice.random_range(0..100) {
                0..3 if self.is_faulty => self.dice.random_range(1_000..90_000),
                _ => self.dice.random_range(2..300),
            };
            self.at(ms, Happening::Arrives(Letter { caller, message: message.clone() }));
        }
    }

    /// An answer on its way.
    pub fn answer(&mut self, phone: usize, request: u64, result: Result<(), Refusal>) {
        if !(self.is_faulty && self.dice.random_ratio(1, 12)) {
            let ms = self.dice.random_range(2..400);
            self.at(ms, Happening::Answered { phone, request, result });
        }
    }

    /// A control message on its way over a socket: in order, or not at all.
    pub fn tell(&mut self, user: UserId, seq: StreamSeq, event: Event) {
        let Some(number) = self.phones.iter().position(|phone| phone.user() == user) else { return };
        let Some(socket) = self.phones[number].socket else { return };
        let ms = (self.ms + self.dice.random_range(1..200)).max(self.phones[number].busy_until_ms);
        self.phones[number].busy_until_ms = ms;
        self.at(ms - self.ms, Happening::Told { phone: number, socket, seq, event });
    }

    fn opens(&mut self, number: usize) {
        if self.server.is_none() || self.phones[number].socket.is_some() {
            return self.again(2_000, Happening::SocketOpens(number));
        }
        self.sockets += 1;
        let phone = &mut self.phones[number];
        (phone.socket, phone.busy_until_ms) = (Some(self.sockets), self.ms);
        let owner = phone.owner;
        self.welcome(number);
        if let Owner::Driver(driver) = owner {
            self.city.connected.insert(driver);
            self.post(None, Message::ConnectionChanged(driver));
        }
        self.again(45_000, Happening::SocketBreaks(number));
    }

    fn breaks(&mut self, number: usize) {
        if self.phones[number].socket.take().is_some()
            && let Owner::Driver(driver) = self.phones[number].owner
        {
            self.city.connected.remove(&driver);
            self.post(None, Message::ConnectionChanged(driver));
        }
        let away_ms = [300, 3_000, 120_000][self.dice.random_range(0..3)];
        self.again(away_ms, Happening::SocketOpens(number));
    }

    /// Somebody does what is not theirs to do, or what nobody waits for.
    fn mischief(&mut self) {
        let number = self.dice.random_range(0..self.phones.len());
        let owner = self.phones[number].owner;
        let rides: Vec<RideId> = self.store.live().map(|ride| ride.id).collect();
        if rides.is_empty() {
            return;
        }
        let ride = rides[self.dice.random_range(0..rides.len())];
        let made = self.store.rides[&ride].offers_made;
        let ordinal = self.dice.random_range(0..made + 2);
        let mut command = mischief(owner, ride, ordinal, &mut self.dice);
        if self.dice.random_ratio(1, 8) {
            self.rides += 1;
            let fresh = RideId(Uuid::from_u128(self.rides));
            let riders: Vec<RiderId> = self.phones.iter().filter_map(|phone| rider_of(phone.owner)).collect();
            let rider = riders[self.dice.random_range(0..riders.len())];
            if let Owner::Driver(driver) = owner {
                command = pairing(fresh, rider, driver, self.now());
            }
        } else if self.dice.random_ratio(1, 3) {
            // Whoever watches the way to the pickup.
            let record = &self.store.rides[&ride];
            if let Some(driver) = record.driver {
                let trouble = boda::dispatch::Trouble::Stalled;
                command = plain(Input::PickupTrouble { driver, ride, trouble });
            }
        }
        self.ask(number, command);
    }
}

fn rider_of(owner: Owner) -> Option<RiderId> {
    if let Owner::Rider(rider) = owner { Some(rider) } else { None }
}

/// The numbers of the program, some of them drawn: a rule that holds by a number holds by luck.
fn terms(dice: &mut StdRng) -> Terms {
    let config = Sources::default().load().expect("the defaults are valid");
    let mut dispatch = config.rides.dispatch;
    dispatch.offer_ttl = Span::from_secs(dice.random_range(5..25));
    dispatch.search_max = Span::from_secs(dice.random_range(40..240));
    dispatch.parallel_after = dice.random_range(1..4);
    dispatch.rematches_max = dice.random_range(0..4);
    dispatch.lost_shift_max = Span::from_secs(dice.random_range(60..600));
    dispatch.remember_ended = Span::from_secs(dice.random_range(30..600));
    Terms {
        dispatch,
        prices: CurrentPrices::new(PriceBook::built_in(config.payments.commission)),
        detour_charged_max_percent: 0,
        reminder_lead: config.rides.products.reminder_lead,
        decisions: config.rides.decisions,
    }
}
