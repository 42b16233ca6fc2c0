//! What is particular to a ride: scheduled, with stops, a parcel, at the roadside, express, favourites and the blocked.

use super::*;

fn at(city: &City, s: i64) -> Order {
    Order { search_from: Some(city.now + secs(s)), ..Order::default() }
}

#[test]
fn a_scheduled_ride_waits_for_its_time() {
    for mut city in City::both(1) {
        let order = at(&city, 600);
        assert_eq!(city.order(1, order), Output::Done);
        assert_eq!((city.stage(1), city.offer_of(0)), (Stage::Scheduled, None));
        assert_eq!(city.core.rides_live(), 1);
        assert!(city.wait(Span::from_millis(599_999)).is_empty());
        let facts = city.wait(Span::from_millis(1));
        assert_eq!(facts[0], Fact::SearchBegan);
        assert_eq!(offered(&facts), [driver(0)]);
        city.wait(secs(140));
        assert_eq!(city.stage(1), Stage::Ended(RideEnd::NoDriverFound), "from then on it is like any other");
    }
}

#[test]
fn a_scheduled_ride_is_called_off_before_its_time() {
    let mut city = City::with_drivers(1);
    let order = at(&city, 600);
    city.order(1, order);
    assert_eq!(city.arrive(0, 1), Output::Refused(Refusal::NotYours));
    assert_eq!(city.cancel(1, Canceller::Rider(rider(2))), Output::Refused(Refusal::NotYours));
    assert_eq!(city.cancel(1, Canceller::Rider(rider(1))), Output::Done);
    assert!(city.wait(secs(599)).is_empty());
    assert_eq!(city.core.rides_live(), 0);
}

#[test]
fn a_time_in_the_past_is_now() {
    let mut city = City::with_drivers(1);
    let order = Order { search_from: Some(city.now), ..Order::default() };
    city.order(1, order);
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
}

#[test]
fn a_scheduled_ride_lets_its_rider_ride_meanwhile_and_waits_for_that_to_end() {
    let mut city = City::with_drivers(2);
    let order = at(&city, 600);
    city.order(1, order);
    let now = Input::RequestRide { ride: ride(2), rider: rider(1), pin: pin("1234"), order: Order::default() };
    assert_eq!(city.tell(now), Output::Done);
    city.ride_off(0, 2);
    assert!(city.wait(secs(630)).is_empty(), "the rider is on the bike");
    city.complete(0, 2);
    assert_eq!(city.wait(secs(15))[0], Fact::SearchBegan);
    let mut stuck = City::with_drivers(1);
    let order = at(&stuck, 600);
    stuck.order(1, order);
    stuck.tell(Input::RequestRide { ride: ride(2), rider: rider(1), pin: pin("1234"), order: Order::default() });
    stuck.ride_off(0, 2);
    let facts = stuck.wait(secs(740));
    assert_eq!(facts, [Fact::Ended(RideEnd::CancelledBySystem)], "not for ever");
}

#[test]
fn a_scheduled_ride_is_moved_and_is_searched_for_until_what_was_promised() {
    let mut city = City::with_drivers(0);
    let order = at(&city, 600);
    city.order(1, order);
    let moved = |city: &City, s: i64| Order { search_until: Some(city.now + secs(s + 1_200)), ..at(city, s) };
    let tell = |city: &mut City, who, order| city.tell(Input::Reschedule { ride: ride(1), rider: rider(who), order });
    let order = moved(&city, 900);
    assert_eq!(tell(&mut city, 2, order.clone()), Output::Refused(Refusal::NotYours));
    assert_eq!(tell(&mut city, 1, order.clone()), Output::Done);
    assert_eq!(tell(&mut city, 1, order), Output::Done, "repeated");
    let past = at(&city, 0);
    assert_eq!(tell(&mut city, 1, past), Output::Refused(Refusal::WrongState));
    assert!(city.wait(secs(899)).is_empty(), "the first time says nothing any more");
    assert_eq!(city.wait(secs(1)), [Fact::SearchBegan]);
    let order = moved(&city, 900);
    assert_eq!(tell(&mut city, 1, order), Output::Refused(Refusal::WrongState), "the search has begun");
    assert!(city.wait(secs(1_199)).is_empty(), "longer than an ordinary search");
    assert_eq!(city.wait(secs(1)), [Fact::Ended(RideEnd::NoDriverFound)]);
    let order = at(&city, 600);
    assert_eq!(tell(&mut city, 1, order), Output::Refused(Refusal::WrongState));
}

#[test]
fn a_rider_has_so_many_scheduled_rides_waiting_and_no_more() {
    let mut city = City::with_drivers(0);
    let book = |city: &mut City, number, who, s| {
        let order = Order { scheduled_max: Some(2), ..at(city, s) };
        city.tell(Input::RequestRide { ride: ride(number), rider: rider(who), pin: pin("1234"), order })
    };
    assert_eq!(book(&mut city, 1, 1, 600), Output::Done);
    assert_eq!(book(&mut city, 2, 1, 1_200), Output::Done);
    assert_eq!(book(&mut city, 3, 1, 1_800), Output::Refused(Refusal::TooManyScheduled { most: 2 }));
    assert_eq!(book(&mut city, 3, 2, 1_800), Output::Done, "those of others do not count");
    assert_eq!(city.cancel(1, Canceller::Rider(rider(1))), Output::Done);
    assert_eq!(book(&mut city, 4, 1, 1_800), Output::Done);
}

#[test]
fn stops_are_reached_in_their_order() {
    let mut city = City::with_drivers(1);
    city.order(1, Order { stops: 2, ..Order::default() });
    let reach = |city: &mut City, stop| city.tell(Input::ReachStop { driver: driver(0), ride: ride(1), stop });
    assert_eq!(reach(&mut city, 1), Output::Refused(Refusal::NotYours));
    city.ride_off(0, 1);
    assert_eq!(reach(&mut city, 2), Output::Refused(Refusal::StopOutOfOrder { next: Some(1) }));
    assert_eq!(reach(&mut city, 0), Output::Refused(Refusal::StopOutOfOrder { next: Some(1) }));
    assert_eq!(reach(&mut city, 1), Output::Done);
    assert_eq!(reach(&mut city, 2), Output::Done);
    assert_eq!(reach(&mut city, 1), Output::Done, "reached before");
    assert_eq!(reach(&mut city, 3), Output::Refused(Refusal::StopOutOfOrder { next: None }));
    assert_eq!(city.complete(0, 1), Output::Done);
    assert_eq!(reach(&mut city, 3), Output::Refused(Refusal::WrongState));
}

#[test]
fn stops_are_not_reached_before_the_start() {
    let mut city = City::with_drivers(1);
    city.order(1, Order { stops: 1, ..Order::default() });
    city.accept(0, 1, 1);
    let reach = Input::ReachStop { driver: driver(0), ride: ride(1), stop: 1 };
    assert_eq!(city.tell(reach), Output::Refused(Refusal::WrongState));
}

#[test]
fn a_parcel_is_handed_over_against_its_receivers_pin() {
    let mut city = City::with_drivers(1);
    city.order(1, Order { handover: Some(pin("7777")), ..Order::default() });
    city.ride_off(0, 1);
    let complete = |city: &mut City, text: Option<&str>| {
        city.tell(Input::Complete { driver: driver(0), ride: ride(1), pin: text.map(pin) })
    };
    assert_eq!(complete(&mut city, None), Output::Refused(Refusal::HandoverPinNeeded));
    assert_eq!(complete(&mut city, Some("1234")), Output::Refused(Refusal::HandoverWrong { attempts_left: 2 }));
    assert_eq!(complete(&mut city, Some("0000")), Output::Refused(Refusal::HandoverWrong { attempts_left: 1 }));
    let until = city.now + config().pin_lock;
    assert_eq!(complete(&mut city, Some("0000")), Output::Refused(Refusal::PinLocked { until }));
    assert_eq!(complete(&mut city, Some("7777")), Output::Refused(Refusal::PinLocked { until }));
    city.wait(config().pin_lock);
    assert_eq!(complete(&mut city, Some("7777")), Output::Done);
    assert_eq!(complete(&mut city, None), Output::Done, "repeated");
}

#[test]
fn a_pair_at_the_roadside_rides_off_at_once() {
    let mut city = City::with_drivers(2);
    let pair = |n, who, by| Input::Pair { ride: ride(n), rider: rider(by), driver: driver(who), pin: pin("1234") };
    let facts = facts_of(city.feed(pair(1, 0, 1)));
    let made = Fact::OfferMade {
        offer: offer(1, 1),
        driver: driver(0),
        pickup_eta: Span::ZERO,
        pickup_distance_m: 0,
        deadline: city.now + config().offer_ttl,
    };
    let assigned = Fact::Assigned { driver: driver(0), offer: offer(1, 1), is_next: false };
    assert_eq!(facts, [Fact::Requested { rider: rider(1) }, made, assigned, Fact::Arrived, Fact::Started]);
    assert_eq!(city.tell(pair(1, 0, 1)), Output::Refused(Refusal::AlreadyRequested));
    assert_eq!(city.tell(pair(2, 0, 2)), Output::Refused(Refusal::DriverOnRide));
    assert_eq!(city.tell(pair(2, 1, 1)), Output::Refused(Refusal::RiderBusy { ride: ride(1) }));
    assert_eq!(city.tell(pair(2, 9, 2)), Output::Refused(Refusal::NotOnShift));
    assert_eq!(city.complete(0, 1), Output::Done);
    assert_eq!(city.core.rides_live(), 0);
}

#[test]
fn a_driver_who_pairs_passes_on_what_was_on_offer() {
    let mut city = City::with_drivers(2);
    city.request(1);
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
    let pair = Input::Pair { ride: ride(2), rider: rider(2), driver: driver(0), pin: pin("1234") };
    let facts = facts_of(city.feed(pair));
    assert_eq!(facts[0], closed(1, 1, 0, OfferOutcome::Declined));
    assert_eq!(city.offer_of(1), Some(offer(1, 2)));
}

#[test]
fn the_blocked_are_not_asked() {
    for mut city in City::both(2) {
        city.order(1, Order { avoid: vec![driver(0)], ..Order::default() });
        assert_eq!((city.offer_of(0), city.offer_of(1)), (None, Some(offer(1, 1))));
    }
}

#[test]
fn a_favourite_comes_from_a_little_farther_away() {
    let mut city = City::with_drivers(4);
    city.order(1, Order { favour: vec![driver(1)], ..Order::default() });
    assert_eq!(city.offer_of(1), Some(offer(1, 1)), "half a minute farther, for a credit of one");
    city.order(2, Order { favour: vec![driver(3)], ..Order::default() });
    assert_eq!(city.offer_of(0), Some(offer(2, 1)), "a minute and a half is too far");
}

#[test]
fn an_express_ride_does_not_wait_for_others() {
    let scarce = Config { at_once_drivers: 3, ..config() };
    let mut city = City::new(scarce, 1);
    city.order(1, Order { is_express: true, ..Order::default() });
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
}

#[test]
fn an_express_ride_goes_before_another_where_drivers_are_few() {
    for express in [false, true] {
        let mut city = City::new(Config { at_once_drivers: 9, ..config() }, 0);
        for (n, near, far) in [(1, 100, 300), (2, 100, 330)] {
            city.know(n, 0, near);
            city.know(n, 1, far);
        }
        city.order(1, Order { is_express: express, ..Order::default() });
        city.request(2);
        city.fleet.extend([driver(0), driver(1)]);
        city.online(0);
        city.online(1);
        city.wait(secs(2));
        // 200 s are to be lost by the first, or 230 s by the second; counted half again they are 300 s.
        assert_eq!(city.offer_of(0).map(|offer| offer.ride), Some(ride(if express { 1 } else { 2 })));
    }
}
