//! The life of a ride, under either policy.

use super::*;

#[test]
fn a_ride_walks_from_request_to_completion() {
    for mut city in City::both(2) {
        assert_eq!(city.request(1), Output::Done);
        assert_eq!(city.offer_of(0), Some(offer(1, 1)));
        assert_eq!(city.accept(0, 1, 1), Output::Done);
        assert_eq!(city.arrive(0, 1), Output::Done);
        assert_eq!(city.start(0, 1, "1234"), Output::Done);
        let out = city.feed(Input::Complete { driver: driver(0), ride: ride(1), pin: None });
        assert_eq!(facts_of(out), [Fact::Ended(RideEnd::Completed)]);
        assert_eq!(city.core.rides_live(), 0);
    }
}

#[test]
fn every_command_is_answered_the_same_when_sent_twice() {
    for mut city in City::both(1) {
        city.order(1, Order { stops: 1, ..Order::default() });
        let commands = [
            Input::AcceptOffer { driver: driver(0), offer: offer(1, 1) },
            Input::Arrive { driver: driver(0), ride: ride(1) },
            Input::Start { driver: driver(0), ride: ride(1), pin: pin("1234") },
            Input::ReachStop { driver: driver(0), ride: ride(1), stop: 1 },
            Input::Complete { driver: driver(0), ride: ride(1), pin: None },
        ];
        for command in &commands {
            assert_eq!(city.tell(command.clone()), Output::Done, "{command:?}");
            let again = city.feed(command.clone());
            assert_eq!(again, [Output::Done], "{command:?} repeated changes nothing");
        }
        for command in commands {
            assert_eq!(city.feed(command.clone()), [Output::Done], "{command:?} after the end changes nothing");
        }
        assert_eq!(city.request(1), Output::Refused(Refusal::AlreadyRequested));
    }
}

#[test]
fn a_ride_nobody_takes_ends_as_no_driver_found() {
    for config in [config(), greedy()] {
        let mut city = City::new(config.clone(), 0);
        city.request(1);
        let facts = city.wait(config.search_max);
        assert_eq!(facts, [Fact::Ended(RideEnd::NoDriverFound)]);
        let mut refusing = City::new(Config { search_max: secs(1_000), ..config.clone() }, 9);
        refusing.request(1);
        let facts = refusing.wait(secs(1_000));
        let offers = facts.iter().filter(|fact| matches!(fact, Fact::OfferClosed { .. })).count();
        assert_eq!(offers, usize::from(config.offers_max), "it stops at the most refusals a ride may take");
        assert_eq!(facts.last(), Some(&Fact::Ended(RideEnd::NoDriverFound)));
    }
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
                city.arrive(0, 1);
            }
            let driver = Canceller::Driver { driver: driver(0), rematch: false };
            let by = if by_driver { driver } else { Canceller::Rider(rider(1)) };
            let expected = if by_driver && stage == 0 { Output::Refused(Refusal::NotYours) } else { Output::Done };
            assert_eq!(city.cancel(1, by), expected, "stage {stage}, by driver {by_driver}");
            assert_eq!(city.core.rides_live(), usize::from(expected != Output::Done));
        }
    }
}

#[test]
fn a_ride_under_way_is_cancelled_by_an_operator_only() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.ride_off(0, 1);
    for by in [Canceller::Rider(rider(1)), Canceller::Driver { driver: driver(0), rematch: true }] {
        assert_eq!(city.cancel(1, by), Output::Refused(Refusal::WrongState));
    }
    assert_eq!(city.cancel(1, Canceller::System), Output::Done);
}

#[test]
fn a_driver_who_calls_off_gives_the_ride_to_another() {
    for mut city in City::both(3) {
        city.request(1);
        city.accept(0, 1, 1);
        let by = Canceller::Driver { driver: driver(0), rematch: true };
        let facts = facts_of(city.feed(Input::Cancel { ride: ride(1), by }));
        assert_eq!(facts[0], Fact::Released { driver: driver(0), reason: ReleaseReason::DriverCancelled });
        assert_eq!(city.offer_of(1), Some(offer(1, 2)), "the next driver is asked at once, and not the same one");
        assert_eq!(city.feed(Input::Cancel { ride: ride(1), by }), [Output::Done], "repeated, it changes nothing");
        assert_eq!(city.stage(1), Stage::Searching);
        assert_eq!(city.core.drivers[&driver(0)].record, Record { kept: 1, broken: 1 });
        assert_eq!(city.arrive(0, 1), Output::Refused(Refusal::NotYours));
    }
}

#[test]
fn a_ride_that_loses_too_many_drivers_ends() {
    let mut city = City::with_drivers(6);
    city.request(1);
    for who in 0..3 {
        city.wait(config().round_gap);
        assert_eq!(city.accept(who, 1, who as u16 + 1), Output::Done);
        assert_eq!(city.cancel(1, Canceller::Driver { driver: driver(who), rematch: true }), Output::Done);
    }
    assert_eq!(city.stage(1), Stage::Ended(RideEnd::CancelledByDriver));
    assert_eq!(city.core.rides_live(), 0);
}

#[test]
fn wrong_pins_lock_the_start_for_a_while() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.accept(0, 1, 1);
    assert_eq!(city.start(0, 1, "1234"), Output::Refused(Refusal::WrongState), "not before arrival");
    city.arrive(0, 1);
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
    let order = Order::default();
    let second = Input::RequestRide { ride: ride(2), rider: rider(1), pin: pin("1111"), order };
    assert_eq!(city.tell(second.clone()), Output::Refused(Refusal::RiderBusy { ride: ride(1) }));
    city.cancel(1, Canceller::Rider(rider(1)));
    assert_eq!(city.tell(second), Output::Done);
}

#[test]
fn an_ended_ride_is_forgotten_in_time() {
    let mut city = City::with_drivers(0);
    city.request(1);
    city.cancel(1, Canceller::System);
    city.wait(config().remember_ended);
    assert!(city.core.rides.is_empty() && city.core.next_deadline().is_none());
    let unknown = Output::Refused(Refusal::UnknownRide);
    assert_eq!(city.cancel(1, Canceller::System), unknown);
    assert_eq!(city.arrive(0, 1), unknown);
    assert_eq!(city.accept(0, 1, 1), Output::Refused(Refusal::OfferGone));
}
