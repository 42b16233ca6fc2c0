//! The better driver.

use super::*;

/// Driver 0 is on the way to ride 1 from far away.
fn far_away() -> City {
    let mut city = City::with_drivers(1);
    city.know(1, 0, 500);
    city.request(1);
    city.accept(0, 1, 1);
    city
}

#[test]
fn a_much_better_driver_takes_over_and_the_one_before_hears_first() {
    let mut city = far_away();
    city.fleet.push(driver(1));
    city.know(1, 1, 60);
    city.online(1);
    let facts = city.wait(config().stand_by_interval);
    assert_eq!(offered(&facts), [driver(1)]);
    assert_eq!(city.stage(1), Stage::Assigned, "until the better one accepts, the ride stays where it is");
    let facts = facts_of(city.feed(Input::AcceptOffer { driver: driver(1), offer: offer(1, 2) }));
    let released = Fact::Released { driver: driver(0), reason: ReleaseReason::BetterDriver };
    assert_eq!(facts, [released, Fact::Assigned { driver: driver(1), offer: offer(1, 2), is_next: false }]);
    assert_eq!(city.core.drivers[&driver(0)].shown, Availability::Free);
    assert_eq!(city.core.drivers[&driver(0)].record, Record { kept: 1, broken: 0 });
    city.know(1, 1, 500);
    city.know(1, 2, 10);
    city.fleet.push(driver(2));
    city.online(2);
    assert!(city.wait(secs(60)).is_empty(), "once in a ride");
    assert_eq!(city.arrive(1, 1), Output::Done);
}

#[test]
fn a_driver_who_is_a_little_better_is_not_asked() {
    let mut city = far_away();
    city.fleet.push(driver(1));
    city.know(1, 1, 330);
    city.online(1);
    assert!(city.wait(secs(60)).is_empty());
    assert!(city.records.iter().all(|record| record.rides.iter().all(|choice| choice.offer != Some(offer(1, 2)))));
}

#[test]
fn a_better_driver_who_declines_changes_nothing() {
    let mut city = far_away();
    city.fleet.push(driver(1));
    city.know(1, 1, 60);
    city.online(1);
    city.wait(config().stand_by_interval);
    assert_eq!(city.decline(1, 1, 2), Output::Done);
    assert_eq!((city.stage(1), city.offer_of(1)), (Stage::Assigned, None));
    assert!(city.wait(secs(60)).is_empty(), "and is not asked again");
    assert_eq!(city.arrive(0, 1), Output::Done);
}

#[test]
fn who_arrives_is_not_replaced_any_more() {
    let mut city = far_away();
    city.fleet.push(driver(1));
    city.know(1, 1, 60);
    city.online(1);
    city.wait(config().stand_by_interval);
    let facts = facts_of(city.feed(Input::Arrive { driver: driver(0), ride: ride(1) }));
    assert_eq!(facts, [closed(1, 2, 1, OfferOutcome::Withdrawn), Fact::Arrived]);
    assert_eq!(city.accept(1, 1, 2), Output::Refused(Refusal::OfferGone));
    assert_eq!(city.core.drivers[&driver(1)].record, Record::default());
}

#[test]
fn a_driver_who_calls_off_leaves_the_ride_to_the_better_one() {
    let mut city = far_away();
    city.fleet.push(driver(1));
    city.know(1, 1, 60);
    city.online(1);
    city.wait(config().stand_by_interval);
    city.cancel(1, Canceller::Driver { driver: driver(0), rematch: true });
    assert_eq!((city.stage(1), city.offer_of(1)), (Stage::Searching, Some(offer(1, 2))));
    assert_eq!(city.accept(1, 1, 2), Output::Done);
}

#[test]
fn the_nearest_are_considered_although_the_one_who_has_the_ride_is_named_last() {
    let mut city = City::new(Config { considered_max: 2, ..config() }, 1);
    city.know(1, 0, 500);
    city.request(1);
    city.accept(0, 1, 1);
    for who in 1..4 {
        city.fleet.push(driver(who));
        city.know(1, who, 60 * who as i64);
        city.online(who);
    }
    let facts = city.wait(config().stand_by_interval);
    assert_eq!(offered(&facts), [driver(1)]);
}

#[test]
fn stand_by_can_be_switched_off() {
    let mut city = City::new(Config { stand_by_interval: Span::ZERO, ..config() }, 1);
    city.know(1, 0, 500);
    city.request(1);
    city.accept(0, 1, 1);
    assert_eq!(city.core.next_deadline(), None);
}
