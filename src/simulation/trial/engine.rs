//! The production core, as a trial drives it.
//!
//! Separate because it is the one file here that knows how the core is spoken to: people are small numbers in the city and
//! ids in the core.

use uuid::Uuid;

use super::Policy;
use crate::dispatch::{
    self, Answer, Availability, Canceller, Candidate, Config, Decision, Dispatch, Fact, Input, OfferOutcome, Order,
};
use crate::dispatch::{Output, Pin, RideEnd, Wanted};
use crate::ids::{DriverId, OfferId, RideId, RiderId};
use crate::matching::record::Record;
use crate::time::{Span, Timestamp};

const RIDES: u128 = 0xA << 64;
const RIDERS: u128 = 0xC << 64;
const DRIVERS: u128 = 0xD << 64;

/// The core.
pub(super) struct Engine {
    core: Dispatch,
}

/// What a city hears of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Who could take these rides?
    Asked(Vec<Asked>),
    Offered {
        ride: u32,
        driver: u32,
        offer: OfferId,
        pickup: Span,
    },
    OfferClosed {
        outcome: OfferOutcome,
    },
    Assigned {
        ride: u32,
        driver: u32,
        is_next: bool,
    },
    /// The driver has finished the ride before.
    OnTheWay {
        ride: u32,
    },
    /// The driver does not have the ride any more; another is looked for.
    Released {
        ride: u32,
        driver: u32,
    },
    Ended {
        ride: u32,
        end: RideEnd,
    },
    State {
        driver: u32,
        state: Availability,
    },
    Solved(Solved),
    Refused,
    /// Nothing that anybody here acts on.
    Nothing,
}

/// A ride that wants a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) ride: u32,
    pub(super) passed: Vec<DriverId>,
    /// Who has it on offer or is on the way to it: to be among the answers.
    pub(super) holder: Option<u32>,
}

/// How a round was solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Solved {
    pub(super) rides: u32,
    pub(super) is_certified: bool,
}

/// A driver who could take a ride, in `pickup_ms` from now; `finishing_ms` of it on the ride before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suitable {
    pub(super) pickup_ms: u32,
    pub(super) driver: u32,
    pub(super) finishing_ms: Option<u32>,
}

pub(super) fn driver_id(driver: u32) -> DriverId {
    DriverId(Uuid::from_u128(DRIVERS + u128::from(driver)))
}

pub(super) fn driver_of(id: DriverId) -> u32 {
    id.0.as_u128() as u32
}

fn ride_id(ride: u32) -> RideId {
    RideId(Uuid::from_u128(RIDES + u128::from(ride)))
}

pub(super) fn ride_of(id: RideId) -> u32 {
    id.0.as_u128() as u32
}

fn rider_id(ride: u32) -> RiderId {
    RiderId(Uuid::from_u128(RIDERS + u128::from(ride)))
}

fn pin() -> Pin {
    Pin::from_random(1_234)
}

impl Engine {
    pub(super) fn new(config: Config, policy: Policy) -> Self {
        let policy = match policy {
            Policy::Greedy => dispatch::Policy::Greedy,
            Policy::Batch => dispatch::Policy::Batch,
        };
        Self { core: Dispatch::new(Config { policy, ..config }) }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.core.next_deadline()
    }

    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.core.tick(now, out);
    }

    pub(super) fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        self.core.handle(now, input, out);
    }

    /// Checks the core's invariants.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        self.core.audit().expect("the invariants of the core hold");
    }
}

/// A rider asks.
pub(super) fn request(ride: u32) -> Input {
    Input::RequestRide { ride: ride_id(ride), rider: rider_id(ride), pin: pin(), order: Order::default() }
}

/// A rider calls off.
pub(super) fn call_off(ride: u32) -> Input {
    Input::Cancel { ride: ride_id(ride), by: Canceller::Rider(rider_id(ride)) }
}

pub(super) fn accept(driver: u32, offer: OfferId) -> Input {
    Input::AcceptOffer { driver: driver_id(driver), offer }
}

pub(super) fn decline(driver: u32, offer: OfferId) -> Input {
    Input::DeclineOffer { driver: driver_id(driver), offer }
}

pub(super) fn arrive(driver: u32, ride: u32) -> Input {
    Input::Arrive { driver: driver_id(driver), ride: ride_id(ride) }
}

pub(super) fn start(driver: u32, ride: u32) -> Input {
    Input::Start { driver: driver_id(driver), ride: ride_id(ride), pin: pin() }
}

pub(super) fn complete(driver: u32, ride: u32) -> Input {
    Input::Complete { driver: driver_id(driver), ride: ride_id(ride), pin: None }
}

pub(super) fn go_online(driver: u32) -> Input {
    Input::GoOnline { driver: driver_id(driver), record: Record::default() }
}

pub(super) fn go_offline(driver: u32) -> Input {
    Input::GoOffline { driver: driver_id(driver) }
}

/// The answer to a question for candidates.
pub(super) fn candidates(answers: Vec<(u32, Vec<Suitable>)>) -> Input {
    let answer = |(ride, suitable): (u32, Vec<Suitable>)| Answer {
        ride: ride_id(ride),
        candidates: suitable.into_iter().map(candidate).collect(),
    };
    Input::Candidates { answers: answers.into_iter().map(answer).collect() }
}

fn candidate(one: Suitable) -> Candidate {
    let span = |ms: u32| Span::from_millis(ms.into());
    // Nobody here looks at the distance: about 22 km/h.
    let free = Candidate::free(driver_id(one.driver), span(one.pickup_ms), one.pickup_ms / 164);
    Candidate { finishing: one.finishing_ms.map(span), ..free }
}

/// What an output means to a city.
pub(super) fn heard(output: Output) -> Heard {
    match output {
        Output::AskCandidates { wanted } => {
            let asked =
                |one: Wanted| Asked { ride: ride_of(one.ride), passed: one.passed, holder: one.holder.map(driver_of) };
            Heard::Asked(wanted.into_iter().map(asked).collect())
        }
        Output::Solved(round) => {
            Heard::Solved(Solved { rides: round.rides.len() as u32, is_certified: round.certified })
        }
        Output::Availability { driver, availability } => {
            Heard::State { driver: driver_of(driver), state: availability }
        }
        Output::Decided(decision) => decided(&decision),
        Output::Refused(_) => Heard::Refused,
        Output::ShiftOpened { .. } | Output::ShiftClosed { .. } | Output::Done => Heard::Nothing,
    }
}

fn decided(decision: &Decision) -> Heard {
    let ride = ride_of(decision.ride);
    match decision.fact {
        Fact::OfferMade { offer, driver, pickup_eta, .. } => {
            Heard::Offered { ride, driver: driver_of(driver), offer, pickup: pickup_eta }
        }
        Fact::OfferClosed { outcome, .. } => Heard::OfferClosed { outcome },
        Fact::Assigned { driver, is_next, .. } => Heard::Assigned { ride, driver: driver_of(driver), is_next },
        Fact::OnTheWay => Heard::OnTheWay { ride },
        Fact::Released { driver, .. } => Heard::Released { ride, driver: driver_of(driver) },
        Fact::Ended(end) => Heard::Ended { ride, end },
        Fact::Requested { .. }
        | Fact::Rescheduled { .. }
        | Fact::SearchBegan
        | Fact::Nudged { .. }
        | Fact::StopReached { .. }
        | Fact::Arrived
        | Fact::Started => Heard::Nothing,
    }
}
