//! Offers and their answers.

use super::*;

#[test]
fn a_declined_offer_goes_to_the_next_driver_at_once() {
    for mut city in City::both(2) {
        city.request(1);
        assert_eq!(city.decline(0, 1, 1), Output::Done);
        assert_eq!(city.offer_of(0), None);
        assert_eq!(city.offer_of(1), Some(offer(1, 2)));
        assert_eq!(city.feed(Input::DeclineOffer { driver: driver(0), offer: offer(1, 1) }), [Output::Done]);
        assert_eq!(city.decline(0, 1, 2), Output::Done, "who passed has passed");
        assert_eq!(city.offer_of(1), Some(offer(1, 2)), "and takes nothing from another");
        assert_eq!(city.decline(7, 1, 2), Output::Refused(Refusal::OfferGone));
        assert_eq!(city.decline(7, 9, 1), Output::Refused(Refusal::OfferGone));
    }
}

#[test]
fn an_unanswered_offer_lapses_at_its_deadline() {
    for mut city in City::both(2) {
        city.request(1);
        assert!(city.wait(Span::from_millis(14_999)).is_empty());
        let facts = city.wait(Span::from_millis(1));
        assert_eq!(facts[0], closed(1, 1, 0, OfferOutcome::Expired));
        assert_eq!(city.accept(0, 1, 1), Output::Refused(Refusal::OfferGone));
        assert_eq!(city.offer_of(1), Some(offer(1, 2)));
    }
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
fn two_rides_never_get_one_driver() {
    for mut city in City::both(1) {
        city.request(1);
        city.request(2);
        city.accept(0, 1, 1);
        assert!(city.wait(config().search_interval).is_empty());
        assert_eq!(city.accept(0, 2, 1), Output::Refused(Refusal::OfferGone));
    }
}

#[test]
fn what_a_driver_answers_is_counted() {
    let mut city = City::with_drivers(1);
    let record = |city: &City| city.core.drivers[&driver(0)].record;
    city.request(1);
    city.decline(0, 1, 1);
    assert_eq!(record(&city), Record { kept: 0, broken: 1 });
    city.request(2);
    city.wait(config().offer_ttl);
    assert_eq!(record(&city), Record { kept: 0, broken: 2 }, "no answer is an answer");
    city.request(3);
    city.cancel(3, Canceller::System);
    assert_eq!(record(&city), Record { kept: 0, broken: 2 }, "what was called off says nothing of the driver");
    city.request(4);
    city.accept(0, 4, 1);
    assert_eq!(record(&city), Record { kept: 1, broken: 2 });
}

#[test]
fn a_ride_that_many_refused_is_offered_to_several_and_the_loser_hears_first() {
    for mut city in City::both(5) {
        city.request(1);
        city.decline(0, 1, 1);
        city.decline(1, 1, 2);
        city.wait(secs(3));
        assert_eq!((city.offer_of(2), city.offer_of(3)), (Some(offer(1, 3)), Some(offer(1, 4))));
        assert_eq!(city.offer_of(4), None, "no more than the cap");
        let facts = facts_of(city.feed(Input::AcceptOffer { driver: driver(3), offer: offer(1, 4) }));
        let assigned = Fact::Assigned { driver: driver(3), offer: offer(1, 4), is_next: false };
        assert_eq!(facts, [closed(1, 3, 2, OfferOutcome::Taken), assigned]);
        assert_eq!(city.accept(2, 1, 3), Output::Refused(Refusal::OfferGone));
        assert_eq!(city.core.drivers[&driver(2)].record, Record::default(), "who was too slow refused nothing");
        assert_eq!(city.accept(3, 1, 4), Output::Done, "repeated");
    }
}

#[test]
fn a_ride_with_offers_out_ends_only_with_the_last_of_them() {
    let mut city = City::with_drivers(4);
    city.request(1);
    for (who, ordinal) in [(0, 1), (1, 2)] {
        city.decline(who, 1, ordinal);
    }
    city.wait(config().round_interval);
    city.decline(2, 1, 3);
    assert_eq!(city.stage(1), Stage::Searching, "one is still out");
    city.decline(3, 1, 4);
    assert_eq!(city.stage(1), Stage::Ended(RideEnd::NoDriverFound), "offers_max refusals");
}

#[test]
fn an_offer_that_is_out_when_the_time_is_up_may_still_be_taken() {
    for take in [true, false] {
        let mut city = City::new(Config { search_max: secs(20), ..config() }, 1);
        city.fleet.clear();
        city.request(1);
        city.wait(secs(10));
        city.fleet.push(driver(0));
        city.wait(secs(10));
        assert_eq!(city.offer_of(0), Some(offer(1, 1)));
        assert_eq!(city.core.rides_waiting(), 0, "nobody else is asked");
        if take {
            assert_eq!(city.accept(0, 1, 1), Output::Done);
        } else {
            city.decline(0, 1, 1);
            assert_eq!(city.stage(1), Stage::Ended(RideEnd::NoDriverFound));
        }
    }
}
