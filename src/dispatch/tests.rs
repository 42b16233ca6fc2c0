//! Scenarios in words, and random walks over all inputs with the invariants checked after every step.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::matching::record::Record;

fn config() -> Config {
    Config {
        offer_ttl: Span::from_secs(15),
        lost_grace: Span::from_secs(3),
        search_interval: Span::from_secs(2),
        search_max: Span::from_secs(120),
        offers_max: 4,
        pin_attempts_max: 3,
        pin_lock: Span::from_secs(60),
        lost_shift_max: Span::from_secs(300),
        remember_ended: Span::from_secs(600),
    }
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

/// A core with a clock, and a stand-in for the index: every driver on shift is a candidate, lowest id first.
struct City {
    core: Dispatch,
    now: Timestamp,
    fleet: Vec<DriverId>,
}

impl City {
    fn with_drivers(count: u128) -> Self {
        let mut city = Self { core: Dispatch::new(config()), now: Timestamp::from_millis(1_000), fleet: Vec::new() };
        for n in 0..count {
            city.fleet.push(driver(n));
            assert_eq!(city.tell(Input::GoOnline { driver: driver(n), record: Record::default() }), Output::Done);
        }
        city
    }

    /// Hands in an input, answers the questions it raises, audits, and returns everything that was decided.
    fn feed(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.core.handle(self.now, input, &mut out);
        self.settle(out)
    }

    fn settle(&mut self, mut out: Vec<Output>) -> Vec<Output> {
        let mut seen = 0;
        while seen < out.len() {
            if let Output::AskCandidates { wanted } = out[seen].clone() {
                let nearest = |driver| Candidate::free(driver, Span::from_secs(90), 400);
                let answer = |wanted: Wanted| Answer {
                    ride: wanted.ride,
                    candidates: self.fleet.iter().copied().map(nearest).collect(),
                };
                let answers = wanted.into_iter().map(answer).collect();
                self.core.handle(self.now, Input::Candidates { answers }, &mut out);
            }
            seen += 1;
        }
        self.core.audit().expect("the invariants hold");
        assert!(self.core.next_deadline().is_none_or(|at| at > self.now), "a deadline lies in the past");
        out
    }

    /// The answer to a command.
    fn tell(&mut self, input: Input) -> Output {
        let out = self.feed(input);
        let mut answers = out.into_iter().filter(|output| matches!(output, Output::Done | Output::Refused(_)));
        let answer = answers.next().expect("a command is answered");
        assert!(answers.next().is_none(), "a command is answered once");
        answer
    }

    fn wait(&mut self, span: Span) -> Vec<Fact> {
        let until = self.now + span;
        let mut facts = Vec::new();
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= until) {
            self.now = at;
            let mut out = Vec::new();
            self.core.tick(at, &mut out);
            facts.extend(facts_of(self.settle(out)));
        }
        self.now = until;
        facts
    }

    fn request(&mut self, n: u128) -> Output {
        self.tell(Input::RequestRide { ride: ride(n), rider: rider(n), pin: pin("1234"), order: Order::default() })
    }

    fn accept(&mut self, who: u128, n: u128, ordinal: u16) -> Output {
        self.tell(Input::AcceptOffer { driver: driver(who), offer: offer(n, ordinal) })
    }

    fn start(&mut self, who: u128, n: u128, text: &str) -> Output {
        self.tell(Input::Start { driver: driver(who), ride: ride(n), pin: pin(text) })
    }
}

fn facts_of(out: Vec<Output>) -> Vec<Fact> {
    let fact = |output| if let Output::Decided(decision) = output { Some(decision.fact) } else { None };
    out.into_iter().filter_map(fact).collect()
}

#[test]
fn a_ride_walks_from_request_to_completion() {
    let mut city = City::with_drivers(2);
    assert_eq!(city.request(1), Output::Done);
    assert_eq!(city.core.live_offer_of(driver(0)), Some(offer(1, 1)));
    assert_eq!(city.accept(0, 1, 1), Output::Done);
    assert_eq!(city.tell(Input::Arrive { driver: driver(0), ride: ride(1) }), Output::Done);
    assert_eq!(city.start(0, 1, "1234"), Output::Done);
    let out = city.feed(Input::Complete { driver: driver(0), ride: ride(1), pin: None });
    assert_eq!(facts_of(out), [Fact::Ended(RideEnd::Completed)]);
    assert_eq!(city.core.rides_live(), 0);
}

#[test]
fn every_command_is_answered_the_same_when_sent_twice() {
    let mut city = City::with_drivers(1);
    city.request(1);
    let arrive = Input::Arrive { driver: driver(0), ride: ride(1) };
    let start = Input::Start { driver: driver(0), ride: ride(1), pin: pin("1234") };
    let complete = Input::Complete { driver: driver(0), ride: ride(1), pin: None };
    let accept = Input::AcceptOffer { driver: driver(0), offer: offer(1, 1) };
    let commands = [accept, arrive, start, complete];
    for command in &commands {
        assert_eq!(city.tell(command.clone()), Output::Done, "{command:?}");
        let again = city.feed(command.clone());
        assert_eq!(again, [Output::Done], "{command:?} repeated changes nothing");
    }
    for command in commands {
        assert_eq!(city.feed(command.clone()), [Output::Done], "{command:?} repeated after the end changes nothing");
    }
    assert_eq!(city.request(1), Output::Refused(Refusal::AlreadyRequested));
}

#[test]
fn a_declined_offer_goes_to_the_next_driver() {
    let mut city = City::with_drivers(2);
    city.request(1);
    city.tell(Input::DeclineOffer { driver: driver(0), offer: offer(1, 1) });
    assert_eq!(city.core.live_offer_of(driver(0)), None);
    assert_eq!(city.core.live_offer_of(driver(1)), Some(offer(1, 2)));
}

#[test]
fn an_unanswered_offer_lapses_at_its_deadline() {
    let mut city = City::with_drivers(2);
    city.request(1);
    assert!(city.wait(Span::from_millis(14_999)).is_empty());
    let facts = city.wait(Span::from_millis(1));
    let lapsed = Fact::OfferClosed { offer: offer(1, 1), driver: driver(0), outcome: OfferOutcome::Expired };
    assert_eq!(facts[0], lapsed);
    assert_eq!(city.accept(0, 1, 1), Output::Refused(Refusal::OfferGone));
    assert_eq!(city.core.live_offer_of(driver(1)), Some(offer(1, 2)));
}

#[test]
fn an_accept_at_the_deadline_is_late_even_when_the_tick_is_later_still() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.now = city.now + config().offer_ttl;
    let mut out = Vec::new();
    city.core.handle(city.now, Input::AcceptOffer { driver: driver(0), offer: offer(1, 1) }, &mut out);
    assert_eq!(out, [Output::Refused(Refusal::OfferGone)]);
}

#[test]
fn a_ride_nobody_takes_ends_as_no_driver_found() {
    let mut city = City::with_drivers(0);
    city.request(1);
    let facts = city.wait(config().search_max);
    assert_eq!(facts, [Fact::Ended(RideEnd::NoDriverFound)]);
    let mut refusing = City::with_drivers(9);
    refusing.request(1);
    let facts = refusing.wait(config().search_max);
    let offers = facts.iter().filter(|fact| matches!(fact, Fact::OfferClosed { .. })).count();
    assert_eq!(offers, usize::from(config().offers_max), "it stops at the most offers a ride may make");
    assert_eq!(facts.last(), Some(&Fact::Ended(RideEnd::NoDriverFound)));
}

#[test]
fn a_driver_who_comes_on_shift_is_found_by_a_waiting_ride() {
    let mut city = City::with_drivers(0);
    city.request(1);
    city.fleet.push(driver(7));
    city.tell(Input::GoOnline { driver: driver(7), record: Record::default() });
    city.wait(config().search_interval);
    assert_eq!(city.core.live_offer_of(driver(7)), Some(offer(1, 1)));
}

#[test]
fn a_ride_can_be_cancelled_at_every_stage_before_it_starts() {
    for stage in 0..3 {
        for by_driver in [false, true] {
            let mut city = City::with_drivers(1);
            city.request(1);
            if stage > 0 {
                city.accept(0, 1, 1);
            }
            if stage > 1 {
                city.tell(Input::Arrive { driver: driver(0), ride: ride(1) });
            }
            let by = if by_driver {
                Canceller::Driver { driver: driver(0), rematch: false }
            } else {
                Canceller::Rider(rider(1))
            };
            let expected = if by_driver && stage == 0 { Output::Refused(Refusal::NotYours) } else { Output::Done };
            assert_eq!(
                city.tell(Input::Cancel { ride: ride(1), by }),
                expected,
                "stage {stage}, by driver {by_driver}"
            );
            assert_eq!(city.core.rides_live(), usize::from(expected != Output::Done));
        }
    }
}

#[test]
fn a_ride_under_way_is_cancelled_by_an_operator_only() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.accept(0, 1, 1);
    city.tell(Input::Arrive { driver: driver(0), ride: ride(1) });
    city.start(0, 1, "1234");
    for by in [Canceller::Rider(rider(1)), Canceller::Driver { driver: driver(0), rematch: false }] {
        assert_eq!(city.tell(Input::Cancel { ride: ride(1), by }), Output::Refused(Refusal::WrongState));
    }
    assert_eq!(city.tell(Input::Cancel { ride: ride(1), by: Canceller::System }), Output::Done);
}

#[test]
fn a_driver_lost_mid_offer_has_a_short_grace() {
    let mut city = City::with_drivers(2);
    city.request(1);
    city.feed(Input::DriverLost { driver: driver(0) });
    city.feed(Input::DriverBack { driver: driver(0) });
    assert!(city.wait(Span::from_secs(4)).is_empty(), "back in time: the offer stands");
    city.feed(Input::DriverLost { driver: driver(0) });
    let facts = city.wait(config().lost_grace);
    let lost = Fact::OfferClosed { offer: offer(1, 1), driver: driver(0), outcome: OfferOutcome::DriverLost };
    assert_eq!(facts[0], lost);
    assert_eq!(city.core.live_offer_of(driver(1)), Some(offer(1, 2)));
}

#[test]
fn a_driver_lost_for_long_leaves_the_shift_but_not_a_ride() {
    let mut city = City::with_drivers(2);
    city.request(1);
    city.accept(0, 1, 1);
    for n in 0..2 {
        city.feed(Input::DriverLost { driver: driver(n) });
    }
    city.wait(config().lost_shift_max);
    assert_eq!(city.accept(1, 1, 9), Output::Refused(Refusal::OfferGone));
    assert!(city.core.drivers.contains_key(&driver(0)) && !city.core.drivers.contains_key(&driver(1)));
    city.tell(Input::Cancel { ride: ride(1), by: Canceller::Rider(rider(1)) });
    city.wait(config().lost_shift_max);
    assert!(city.core.drivers.is_empty(), "after the ride the clock runs anew");
}

#[test]
fn wrong_pins_lock_the_start_for_a_while() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.accept(0, 1, 1);
    assert_eq!(city.start(0, 1, "1234"), Output::Refused(Refusal::WrongState), "not before arrival");
    city.tell(Input::Arrive { driver: driver(0), ride: ride(1) });
    assert_eq!(city.start(0, 1, "0000"), Output::Refused(Refusal::WrongPin { attempts_left: 2 }));
    assert_eq!(city.start(0, 1, "0000"), Output::Refused(Refusal::WrongPin { attempts_left: 1 }));
    let until = city.now + config().pin_lock;
    assert_eq!(city.start(0, 1, "0000"), Output::Refused(Refusal::PinLocked { until }));
    assert_eq!(city.start(0, 1, "1234"), Output::Refused(Refusal::PinLocked { until }), "even the right one");
    city.wait(config().pin_lock);
    assert_eq!(city.start(0, 1, "1234"), Output::Done);
}

#[test]
fn a_rider_has_one_live_ride() {
    let mut city = City::with_drivers(2);
    city.request(1);
    let second = Input::RequestRide { ride: ride(2), rider: rider(1), pin: pin("1111"), order: Order::default() };
    assert_eq!(city.tell(second.clone()), Output::Refused(Refusal::RiderBusy { ride: ride(1) }));
    city.tell(Input::Cancel { ride: ride(1), by: Canceller::Rider(rider(1)) });
    assert_eq!(city.tell(second), Output::Done);
}

#[test]
fn two_rides_never_get_one_driver() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.request(2);
    city.accept(0, 1, 1);
    assert!(city.wait(config().search_interval).is_empty());
    assert_eq!(city.accept(0, 2, 1), Output::Refused(Refusal::OfferGone));
}

#[test]
fn a_driver_with_a_ride_stays_on_shift() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.accept(0, 1, 1);
    assert_eq!(city.tell(Input::GoOffline { driver: driver(0) }), Output::Refused(Refusal::DriverOnRide));
}

#[test]
fn going_offline_passes_the_offer_on() {
    let mut city = City::with_drivers(2);
    city.request(1);
    city.tell(Input::GoOffline { driver: driver(0) });
    assert_eq!(city.core.live_offer_of(driver(1)), Some(offer(1, 2)));
}

#[test]
fn an_ended_ride_is_forgotten_in_time() {
    let mut city = City::with_drivers(0);
    city.request(1);
    city.tell(Input::Cancel { ride: ride(1), by: Canceller::System });
    city.wait(config().remember_ended);
    assert!(city.core.rides.is_empty() && city.core.next_deadline().is_none());
}

#[test]
fn a_restored_core_goes_on_where_it_stopped() {
    let now = Timestamp::from_millis(100_000);
    let base = |n: u128| RestoredRide {
        ride: ride(n),
        rider: rider(n),
        pin: pin("1234"),
        order: Order::default(),
        searching_since: Some(now - Span::from_secs(5)),
        driver: None,
        is_next: false,
        accepted_offer: None,
        pickup_due: None,
        nudged_at: None,
        offers: vec![],
        passed: vec![],
        released: vec![],
        is_taken_over: false,
        offers_made: 0,
        refusals: 0,
        stops_reached: 0,
        facts: 1,
    };
    let deadline = now - Span::from_secs(1);
    let restored = Restored {
        rides: vec![
            base(1),
            RestoredRide {
                offers: vec![RestoredOffer { offer: offer(2, 1), driver: driver(0), deadline, pickup_due: deadline }],
                offers_made: 1,
                facts: 2,
                ..base(2)
            },
            RestoredRide {
                driver: Some(RestoredDriver { driver: driver(1), availability: Availability::AtPickup }),
                accepted_offer: Some(offer(3, 1)),
                offers_made: 1,
                facts: 4,
                ..base(3)
            },
        ],
        drivers: vec![RestoredShift { driver: driver(2), record: Record::default(), idle_since: now }],
    };
    let mut out = Vec::new();
    let core = Dispatch::restore(config(), now, restored, &mut out);
    let mut city = City { core, now, fleet: vec![driver(2)] };
    city.core.audit().expect("the invariants hold");
    // Straight to the core: what came due while the process was down has not been fired yet.
    city.core.handle(now, Input::DriverBack { driver: driver(2) }, &mut Vec::new());
    let facts = city.wait(Span::ZERO);
    assert!(facts.contains(&Fact::OfferClosed {
        offer: offer(2, 1),
        driver: driver(0),
        outcome: OfferOutcome::Expired
    }));
    assert!(city.core.live_offer_of(driver(2)).is_some(), "a searching ride looks at once");
    assert_eq!(city.accept(1, 3, 1), Output::Done, "a repeated accept is still answered as the first time");
    assert_eq!(city.start(1, 3, "1234"), Output::Done);
}

fn any_input() -> impl Strategy<Value = Input> {
    let who = (0..4u128).prop_map(driver);
    let what = (0..5u128).prop_map(ride);
    let which = (0..5u128, 1..4u16).prop_map(|(n, ordinal)| offer(n, ordinal));
    let digits = prop_oneof![Just("1234"), Just("0000")].prop_map(pin);
    let by = prop_oneof![
        (0..5u128).prop_map(|n| Canceller::Rider(rider(n))),
        (0..4u128).prop_map(|n| Canceller::Driver { driver: driver(n), rematch: false }),
        Just(Canceller::System),
    ];
    prop_oneof![
        3 => (0..5u128, 0..4u128).prop_map(|(n, r)| Input::RequestRide { ride: ride(n), rider: rider(r), pin: pin("1234"), order: Order::default() }),
        4 => (who.clone(), which.clone()).prop_map(|(driver, offer)| Input::AcceptOffer { driver, offer }),
        2 => (who.clone(), which).prop_map(|(driver, offer)| Input::DeclineOffer { driver, offer }),
        2 => (who.clone(), what.clone()).prop_map(|(driver, ride)| Input::Arrive { driver, ride }),
        2 => (who.clone(), what.clone(), digits).prop_map(|(driver, ride, pin)| Input::Start { driver, ride, pin }),
        2 => (who.clone(), what.clone()).prop_map(|(driver, ride)| Input::Complete { driver, ride, pin: None }),
        1 => (what, by).prop_map(|(ride, by)| Input::Cancel { ride, by }),
        3 => who.clone().prop_map(|driver| Input::GoOnline { driver, record: Record::default() }),
        1 => who.clone().prop_map(|driver| Input::GoOffline { driver }),
        1 => who.clone().prop_map(|driver| Input::DriverLost { driver }),
        1 => who.prop_map(|driver| Input::DriverBack { driver }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_inputs_breaks_an_invariant(steps in prop::collection::vec((any_input(), 0..20_000i64), 1..120)) {
        let mut city = City::with_drivers(0);
        city.fleet = (0..4).map(driver).collect();
        let mut seqs: std::collections::BTreeMap<RideId, u32> = std::collections::BTreeMap::new();
        for (input, wait_ms) in steps {
            city.wait(Span::from_millis(wait_ms));
            for output in city.feed(input) {
                if let Output::Decided(decision) = output {
                    prop_assert!(decision.seq > seqs.get(&decision.ride).copied().unwrap_or(0) || decision.seq == 1);
                    seqs.insert(decision.ride, decision.seq);
                }
            }
        }
        city.wait(Span::from_secs(3_600));
        prop_assert!(city.core.live_by_rider.is_empty() || city.core.rides.values().all(|ride| ride.offer.is_none()));
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(steps in prop::collection::vec((any_input(), 0..20_000i64), 1..80)) {
        let run = || {
            let mut city = City::with_drivers(3);
            steps.iter().flat_map(|(input, wait_ms)| {
                let mut trace: Vec<String> = city.wait(Span::from_millis(*wait_ms)).iter().map(|f| format!("{f:?}")).collect();
                trace.extend(city.feed(input.clone()).iter().map(|output| format!("{output:?}")));
                trace
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }
}
