//! An audit that finds nothing proves nothing unless it would have found something: each invariant is broken by hand.

use super::*;
use crate::dispatch::state::Wish;

/// A city with a bit of everything: ride 1 under way with driver 0 and ride 5 next, ride 2 on offer to driver 1, ride 3
/// waiting, ride 4 scheduled, ride 6 with driver 2 on the way and without a connection.
fn city() -> City {
    let mut city = City::with_drivers(3);
    city.request(1);
    city.ride_off(0, 1);
    city.fleet = vec![driver(0)];
    city.know(5, 0, 200).finishing = Some(secs(100));
    city.request(5);
    city.wait(secs(2));
    assert_eq!(city.accept(0, 5, 1), Output::Done);
    city.fleet = vec![driver(2)];
    city.request(6);
    city.accept(2, 6, 1);
    city.feed(Input::DriverLost { driver: driver(2) });
    city.fleet = vec![driver(1)];
    city.request(2);
    city.fleet.clear();
    city.request(3);
    let later = Order { search_from: Some(city.now + secs(600)), ..Order::default() };
    city.order(4, later);
    city.core.audit().expect("all is well");
    city
}

fn ride_mut(core: &mut Dispatch, n: u128) -> &mut Ride {
    core.rides.get_mut(&ride(n)).expect("it is there")
}

fn driver_mut(core: &mut Dispatch, who: u128) -> &mut Driver {
    core.drivers.get_mut(&driver(who)).expect("on shift")
}

#[test]
fn every_invariant_catches_a_planted_bug() {
    let check = |plant: fn(&mut Dispatch), expected: &str| {
        let mut city = city();
        plant(&mut city.core);
        let found = city.core.audit().expect_err(expected).0;
        assert!(found.contains(expected), "{found} instead of {expected}");
    };
    check(|core| ride_mut(core, 1).driver = None, "under way without a driver");
    check(|core| ride_mut(core, 3).driver = Some(driver(9)), "searches although it has a driver");
    check(|core| ride_mut(core, 1).is_next = true, "is next and InProgress");
    check(|core| ride_mut(core, 2).offers.extend_from_within(..), "has 2 offers");
    check(|core| ride_mut(core, 3).refusals = 99, "was refused 99 times");
    check(|core| ride_mut(core, 2).offers[0].lapses_at = Timestamp::EPOCH, "would never end");
    check(|core| ride_mut(core, 3).gives_up_at = Timestamp::EPOCH, "would search for ever");
    check(|core| ride_mut(core, 3).is_time_up = true, "who waits");
    check(|core| ride_mut(core, 3).wish = Wish::Nothing, "nobody looks");
    check(|core| ride_mut(core, 4).searching_since = Timestamp::EPOCH, "would never come");
    check(|core| core.scheduled_count = 0, "scheduled rides");
    check(|core| ride_mut(core, 5).pickup_due = Timestamp::EPOCH, "is late");
    check(|core| core.live_by_rider.retain(|by, _| *by != rider(3)), "not its rider's live ride");
    check(|core| core.live_by_rider.extend([(rider(9), ride(9))]), "riders with one");
    check(|core| ride_mut(core, 6).driver = Some(driver(0)), "has ride");
    check(|core| driver_mut(core, 1).ride = Some(ride(3)), "but the rides say");
    check(|core| driver_mut(core, 1).offer = None, "but the rides say");
    check(|core| driver_mut(core, 0).next = None, "but the rides say");
    check(|core| core.drivers.retain(|who, _| *who != driver(0)), "drivers off shift have work");
    check(|core| driver_mut(core, 0).shown = Availability::Free, "is shown as");
    check(|core| driver_mut(core, 2).dark_at = None, "dark at");
    check(|core| driver_mut(core, 2).dark_at = Some(Timestamp::EPOCH), "nobody sees");
    check(|core| driver_mut(core, 0).price = -1, "is worth");
    check(|core| core.rounds.waiting.clear(), "who waits");
    check(|core| core.rounds.offered.clear(), "who is on offer");
    check(|core| core.rounds.standing_by.clear(), "who stands by");
    check(|core| core.rounds.round_at = None, "a round: false");
    check(|core| core.rounds.stand_by_at = None, "a look: false");
    check(|core| core.deadlines.arm(Timestamp::EPOCH, Due::GiveUp(ride(1))), "means nothing");
    check(|core| core.deadlines.arm(Timestamp::EPOCH, Due::Forget(ride(1))), "means nothing");
    check(|core| core.deadlines.arm(Timestamp::EPOCH, Due::ShiftLapses(driver(1))), "means nothing");
}
