//! The ride after this one.

use super::*;

/// Driver 0 has a rider on the bike for another two minutes, and is the only one near.
fn finishing() -> City {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.ride_off(0, 1);
    city.know(2, 0, 200).finishing = Some(secs(120));
    city
}

#[test]
fn a_driver_about_to_finish_takes_the_next_ride_and_sets_out_when_free() {
    let mut city = finishing();
    city.request(2);
    city.wait(config().gather);
    assert_eq!(city.offer_of(0), Some(offer(2, 1)));
    let facts = facts_of(city.feed(Input::AcceptOffer { driver: driver(0), offer: offer(2, 1) }));
    assert_eq!(facts, [Fact::Assigned { driver: driver(0), offer: offer(2, 1), is_next: true }]);
    assert_eq!(city.core.drivers[&driver(0)].shown, Availability::OnTrip);
    assert_eq!(city.arrive(0, 2), Output::Refused(Refusal::WrongState), "not while the ride before lasts");
    let out = city.feed(Input::Complete { driver: driver(0), ride: ride(1), pin: None });
    assert!(out.contains(&Output::Availability { driver: driver(0), availability: Availability::ToPickup }));
    assert_eq!(facts_of(out), [Fact::Ended(RideEnd::Completed), Fact::OnTheWay]);
    assert_eq!(city.arrive(0, 2), Output::Done);
    assert_eq!(city.start(0, 2, "1234"), Output::Done);
    assert_eq!(city.complete(0, 2), Output::Done);
}

#[test]
fn a_driver_has_one_next_ride() {
    let mut city = finishing();
    city.know(3, 0, 200).finishing = Some(secs(120));
    city.request(2);
    city.wait(config().gather);
    city.request(3);
    city.wait(secs(5));
    assert_eq!(city.core.rides[&ride(3)].offers_made, 0, "not while the driver thinks");
    city.accept(0, 2, 1);
    city.wait(secs(5));
    assert_eq!(city.core.rides[&ride(3)].offers_made, 0, "and not while another is next");
}

#[test]
fn a_busy_driver_who_is_not_about_to_finish_is_not_asked() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.ride_off(0, 1);
    city.request(2);
    city.wait(secs(10));
    assert_eq!(city.offer_of(0), None);
    let mut on_the_way = City::with_drivers(1);
    on_the_way.request(1);
    on_the_way.accept(0, 1, 1);
    on_the_way.know(2, 0, 200).finishing = Some(secs(120));
    on_the_way.request(2);
    on_the_way.wait(secs(10));
    assert_eq!(on_the_way.offer_of(0), None, "nobody finishes a ride that has not begun");
}

#[test]
fn an_offer_of_a_next_ride_outlives_the_ride_before() {
    let mut city = finishing();
    city.request(2);
    city.wait(config().gather);
    city.complete(0, 1);
    assert_eq!(city.core.drivers[&driver(0)].shown, Availability::Offered);
    let facts = facts_of(city.feed(Input::AcceptOffer { driver: driver(0), offer: offer(2, 1) }));
    assert_eq!(facts, [Fact::Assigned { driver: driver(0), offer: offer(2, 1), is_next: false }]);
}

#[test]
fn a_next_ride_is_given_to_another_when_the_ride_before_takes_too_long() {
    let mut city = finishing();
    city.request(2);
    city.wait(config().gather);
    city.accept(0, 2, 1);
    assert!(city.wait(Span::from_millis(379_999)).is_empty());
    city.fleet.push(driver(1));
    city.online(1);
    let facts = city.wait(Span::from_millis(1));
    assert_eq!(facts[0], Fact::Released { driver: driver(0), reason: ReleaseReason::Late });
    assert_eq!(offered(&facts), [driver(1)]);
    assert_eq!(city.core.drivers[&driver(0)].record, Record { kept: 2, broken: 0 }, "a long ride breaks no promise");
    assert_eq!(city.complete(0, 1), Output::Done);
    assert_eq!(city.core.drivers[&driver(0)].shown, Availability::Free);
}

#[test]
fn a_next_ride_is_called_off_without_touching_the_one_under_way() {
    for by_driver in [false, true] {
        let mut city = finishing();
        city.request(2);
        city.wait(config().gather);
        city.accept(0, 2, 1);
        let driver_calls = Canceller::Driver { driver: driver(0), rematch: true };
        let by = if by_driver { driver_calls } else { Canceller::Rider(rider(2)) };
        assert_eq!(city.cancel(2, by), Output::Done);
        let driver = &city.core.drivers[&driver(0)];
        assert_eq!((driver.ride, driver.next), (Some(ride(1)), None));
        assert_eq!(city.complete(0, 1), Output::Done);
    }
}
