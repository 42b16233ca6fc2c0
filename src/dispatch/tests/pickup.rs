//! The driver who does not come.

use super::*;

fn trouble(city: &mut City, trouble: Trouble) -> Vec<Fact> {
    facts_of(city.feed(Input::PickupTrouble { driver: driver(0), ride: ride(1), trouble }))
}

fn assigned() -> City {
    let mut city = City::with_drivers(2);
    city.request(1);
    city.accept(0, 1, 1);
    city
}

#[test]
fn a_driver_who_does_not_come_is_nudged_and_then_replaced() {
    for (what, reason) in [
        (Trouble::Stalled, ReleaseReason::Stalled),
        (Trouble::GoingAway, ReleaseReason::WentAway),
        (Trouble::Dark, ReleaseReason::WentDark),
    ] {
        let mut city = assigned();
        assert_eq!(trouble(&mut city, what), [Fact::Nudged { driver: driver(0), trouble: what }]);
        assert!(trouble(&mut city, what).is_empty(), "within the grace it is the same trouble");
        city.wait(config().nudge_grace);
        let facts = trouble(&mut city, what);
        assert_eq!(facts[0], Fact::Released { driver: driver(0), reason });
        assert_eq!(offered(&facts), [driver(1)], "the next is asked at once");
        assert_eq!(city.core.drivers[&driver(0)].record, Record { kept: 1, broken: 1 });
        assert_eq!(city.core.drivers[&driver(0)].shown, Availability::Free);
    }
}

#[test]
fn old_trouble_is_forgotten() {
    let mut city = assigned();
    trouble(&mut city, Trouble::Stalled);
    city.wait(config().nudge_memory);
    let again = trouble(&mut city, Trouble::Stalled);
    assert_eq!(again, [Fact::Nudged { driver: driver(0), trouble: Trouble::Stalled }]);
}

#[test]
fn there_is_no_trouble_on_the_way_when_nobody_is_on_the_way() {
    let mut city = assigned();
    city.arrive(0, 1);
    let report = |who, n| Input::PickupTrouble { driver: driver(who), ride: ride(n), trouble: Trouble::Stalled };
    assert_eq!(city.tell(report(0, 1)), Output::Refused(Refusal::WrongState));
    assert_eq!(city.tell(report(1, 1)), Output::Refused(Refusal::NotYours));
    assert_eq!(city.tell(report(0, 9)), Output::Refused(Refusal::UnknownRide));
}

#[test]
fn a_driver_gone_dark_loses_the_ride_and_one_who_comes_back_keeps_it() {
    let mut city = assigned();
    city.feed(Input::DriverLost { driver: driver(0) });
    city.wait(secs(80));
    city.feed(Input::DriverBack { driver: driver(0) });
    assert!(city.wait(secs(80)).is_empty());
    city.feed(Input::DriverLost { driver: driver(0) });
    city.wait(secs(80));
    city.feed(Input::DriverLost { driver: driver(0) });
    let facts = city.wait(secs(10));
    assert_eq!(facts[0], Fact::Released { driver: driver(0), reason: ReleaseReason::WentDark });
    assert_eq!(city.offer_of(1), Some(offer(1, 2)));
}

#[test]
fn nobody_goes_dark_at_the_pickup() {
    let mut city = assigned();
    city.feed(Input::DriverLost { driver: driver(0) });
    city.arrive(0, 1);
    assert!(city.wait(secs(200)).is_empty());
    assert_eq!(city.stage(1), Stage::Arrived);
}

#[test]
fn a_ride_whose_drivers_keep_failing_ends() {
    let mut city = City::with_drivers(4);
    city.request(1);
    for who in 0..3_u16 {
        assert_eq!(city.accept(u128::from(who), 1, who + 1), Output::Done);
        let report = Input::PickupTrouble { driver: driver(who.into()), ride: ride(1), trouble: Trouble::Stalled };
        city.tell(report.clone());
        city.wait(config().nudge_grace);
        city.tell(report);
    }
    assert_eq!(city.stage(1), Stage::Ended(RideEnd::NoDriverFound));
    assert_eq!(city.core.drivers[&driver(2)].shown, Availability::Free);
}
