//! Shifts and connections.

use super::*;

#[test]
fn a_driver_who_comes_on_shift_is_found_by_a_waiting_ride() {
    for mut city in City::both(0) {
        city.request(1);
        city.wait(secs(6));
        city.fleet.push(driver(7));
        city.online(7);
        if city.core.config.policy == Policy::Greedy {
            city.wait(config().search_interval);
        }
        assert_eq!(city.offer_of(7), Some(offer(1, 1)), "at once, where rides are matched in rounds");
    }
}

#[test]
fn a_driver_lost_mid_offer_has_a_short_grace() {
    for mut city in City::both(2) {
        city.request(1);
        city.feed(Input::DriverLost { driver: driver(0) });
        city.feed(Input::DriverBack { driver: driver(0) });
        assert!(city.wait(secs(4)).is_empty(), "back in time: the offer stands");
        city.feed(Input::DriverLost { driver: driver(0) });
        let facts = city.wait(config().lost_grace);
        assert_eq!(facts[0], closed(1, 1, 0, OfferOutcome::DriverLost));
        assert_eq!(city.offer_of(1), Some(offer(1, 2)));
        assert_eq!(city.core.drivers[&driver(0)].record, Record::default(), "a broken connection is no refusal");
    }
}

#[test]
fn a_driver_lost_for_long_leaves_the_shift_but_not_a_ride() {
    for mut city in City::both(2) {
        city.request(1);
        city.ride_off(0, 1);
        for n in 0..2 {
            city.feed(Input::DriverLost { driver: driver(n) });
        }
        city.wait(config().lost_shift_max);
        assert!(city.core.drivers.contains_key(&driver(0)) && !city.core.drivers.contains_key(&driver(1)));
        city.complete(0, 1);
        city.wait(config().lost_shift_max);
        assert!(city.core.drivers.is_empty(), "after the ride the clock runs anew");
    }
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
    for mut city in City::both(2) {
        city.request(1);
        city.tell(Input::GoOffline { driver: driver(0) });
        assert_eq!(city.offer_of(1), Some(offer(1, 2)));
        assert_eq!(city.accept(0, 1, 1), Output::Refused(Refusal::OfferGone));
    }
}

#[test]
fn a_driver_offline_between_question_and_answer_is_not_offered_the_ride() {
    let mut city = City::with_drivers(2);
    let mut out = Vec::new();
    let request = Input::RequestRide { ride: ride(1), rider: rider(1), pin: pin("1234"), order: Order::default() };
    city.core.handle(city.now, request, &mut out);
    city.core.handle(city.now, Input::GoOffline { driver: driver(0) }, &mut out);
    city.core.handle(city.now, Input::DriverLost { driver: driver(1) }, &mut out);
    city.settle(out);
    assert_eq!((city.offer_of(0), city.offer_of(1)), (None, None));
    assert_eq!(city.stage(1), Stage::Searching);
}
