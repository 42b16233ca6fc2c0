//! Scenarios in words, one file per concern, and random walks over all inputs with the invariants checked after every
//! step. Here is the city they play in.

mod audit;
mod drivers;
mod forward;
mod offers;
mod orders;
mod pickup;
mod restore;
mod rides;
mod rounds;
mod standby;
mod walk;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::matching::record::Record;
use crate::time::Span;

fn secs(s: i64) -> Span {
    Span::from_secs(s)
}

fn config() -> Config {
    Config::for_tests()
}

fn greedy() -> Config {
    Config { policy: Policy::Greedy, ..config() }
}

fn driver(n: u128) -> DriverId {
    DriverId(Uuid::from_u128(0xD000 + n))
}

fn ride(n: u128) -> RideId {
    RideId(Uuid::from_u128(0xA000 + n))
}

fn rider(n: u128) -> RiderId {
    RiderId(Uuid::from_u128(0xC000 + n))
}

fn offer(n: u128, ordinal: u16) -> OfferId {
    OfferId { ride: ride(n), ordinal }
}

fn pin(text: &str) -> Pin {
    text.parse().expect("four digits")
}

/// A core with a clock, and a stand-in for the index: every driver of the fleet is a candidate of every ride, the first is
/// a minute and a half away and each one after half a minute more; what a test knows better is in `known`.
struct City {
    core: Dispatch,
    now: Timestamp,
    fleet: Vec<DriverId>,
    known: BTreeMap<(RideId, DriverId), Candidate>,
    /// Drivers with a rider on the bike are known to finish in a minute.
    is_foresighted: bool,
    records: Vec<RoundRecord>,
}

impl City {
    fn new(config: Config, drivers: u128) -> Self {
        let mut city = Self {
            core: Dispatch::new(config),
            now: Timestamp::from_millis(1_000_000),
            fleet: Vec::new(),
            known: BTreeMap::new(),
            is_foresighted: false,
            records: Vec::new(),
        };
        for n in 0..drivers {
            city.fleet.push(driver(n));
            assert_eq!(city.online(n), Output::Done);
        }
        city
    }

    fn with_drivers(drivers: u128) -> Self {
        Self::new(config(), drivers)
    }

    /// The same under either policy.
    fn both(drivers: u128) -> [Self; 2] {
        [Self::new(config(), drivers), Self::new(greedy(), drivers)]
    }

    /// Says where a driver is, seen from a ride.
    fn know(&mut self, n: u128, who: u128, eta_s: i64) -> &mut Candidate {
        let candidate = Candidate::free(driver(who), secs(eta_s), 1_000);
        self.known.entry((ride(n), driver(who))).insert_entry(candidate).into_mut()
    }

    fn candidates(&self, wanted: &Wanted) -> Vec<Candidate> {
        let candidate = |(number, &driver): (usize, &DriverId)| {
            let known = self.known.get(&(wanted.ride, driver)).copied();
            let mut candidate = known.unwrap_or(Candidate::free(driver, secs(90 + 30 * number as i64), 400));
            if self.is_foresighted && self.core.drivers.get(&driver).is_some_and(|driver| driver.ride.is_some()) {
                candidate.finishing = Some(secs(60));
            }
            candidate
        };
        let mut candidates: Vec<Candidate> = self.fleet.iter().enumerate().map(candidate).collect();
        candidates.sort_by_key(|candidate| candidate.pickup_eta);
        candidates
    }

    /// Hands in an input, answers the questions it raises, audits, and returns everything that was decided.
    fn feed(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.core.handle(self.now, input, &mut out);
        self.settle(out)
    }

    fn settle(&mut self, mut out: Vec<Output>) -> Vec<Output> {
        let mut seen = 0;
        loop {
            while seen < out.len() {
                match out[seen].clone() {
                    Output::AskCandidates { wanted } => {
                        let answer =
                            |wanted: &Wanted| Answer { ride: wanted.ride, candidates: self.candidates(wanted) };
                        let answers = wanted.iter().map(answer).collect();
                        self.core.handle(self.now, Input::Candidates { answers }, &mut out);
                    }
                    Output::Solved(record) => self.records.push(*record),
                    _ => {}
                }
                seen += 1;
                self.core.audit().expect("the invariants hold");
            }
            if self.core.next_deadline().is_none_or(|at| at > self.now) {
                return out;
            }
            self.core.tick(self.now, &mut out);
            self.core.audit().expect("the invariants hold");
        }
    }

    /// The answer to a command.
    fn tell(&mut self, input: Input) -> Output {
        let out = self.feed(input);
        let mut answers = out.into_iter().filter(|output| matches!(output, Output::Done | Output::Refused(_)));
        let answer = answers.next().expect("a command is answered");
        assert!(answers.next().is_none(), "a command is answered once");
        answer
    }

    /// What was decided while time passed.
    fn wait(&mut self, span: Span) -> Vec<Fact> {
        let until = self.now + span;
        let mut facts = Vec::new();
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let mut out = Vec::new();
            self.core.tick(self.now, &mut out);
            facts.extend(facts_of(self.settle(out)));
        }
        self.now = until;
        facts
    }

    fn request(&mut self, n: u128) -> Output {
        self.order(n, Order::default())
    }

    fn order(&mut self, n: u128, order: Order) -> Output {
        self.tell(Input::RequestRide { ride: ride(n), rider: rider(n), pin: pin("1234"), order })
    }

    fn online(&mut self, who: u128) -> Output {
        self.tell(Input::GoOnline { driver: driver(who), record: Record::default() })
    }

    fn accept(&mut self, who: u128, n: u128, ordinal: u16) -> Output {
        self.tell(Input::AcceptOffer { driver: driver(who), offer: offer(n, ordinal) })
    }

    fn decline(&mut self, who: u128, n: u128, ordinal: u16) -> Output {
        self.tell(Input::DeclineOffer { driver: driver(who), offer: offer(n, ordinal) })
    }

    fn arrive(&mut self, who: u128, n: u128) -> Output {
        self.tell(Input::Arrive { driver: driver(who), ride: ride(n) })
    }

    fn start(&mut self, who: u128, n: u128, text: &str) -> Output {
        self.tell(Input::Start { driver: driver(who), ride: ride(n), pin: pin(text) })
    }

    fn complete(&mut self, who: u128, n: u128) -> Output {
        self.tell(Input::Complete { driver: driver(who), ride: ride(n), pin: None })
    }

    fn cancel(&mut self, n: u128, by: Canceller) -> Output {
        self.tell(Input::Cancel { ride: ride(n), by })
    }

    /// Ride `n` under way with driver `who`, up to the rider on the bike.
    fn ride_off(&mut self, who: u128, n: u128) {
        let last = self.core.rides[&ride(n)].offers_made;
        assert_eq!(self.accept(who, n, last), Output::Done);
        assert_eq!(self.arrive(who, n), Output::Done);
        assert_eq!(self.start(who, n, "1234"), Output::Done);
    }

    fn offer_of(&self, who: u128) -> Option<OfferId> {
        self.core.live_offer_of(driver(who))
    }

    fn stage(&self, n: u128) -> Stage {
        self.core.rides[&ride(n)].stage
    }
}

fn facts_of(out: Vec<Output>) -> Vec<Fact> {
    let fact = |output| if let Output::Decided(decision) = output { Some(decision.fact) } else { None };
    out.into_iter().filter_map(fact).collect()
}

fn closed(n: u128, ordinal: u16, who: u128, outcome: OfferOutcome) -> Fact {
    Fact::OfferClosed { offer: offer(n, ordinal), driver: driver(who), outcome }
}

/// Who is offered a ride by these facts.
fn offered(facts: &[Fact]) -> Vec<DriverId> {
    facts
        .iter()
        .filter_map(|fact| if let Fact::OfferMade { driver, .. } = fact { Some(*driver) } else { None })
        .collect()
}
