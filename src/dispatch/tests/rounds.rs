//! Rounds: when they come, whom they match, what they remember.

use super::*;

fn scarce() -> Config {
    Config { at_once_drivers: 3, ..config() }
}

/// Two rides and two drivers: nearest first would send the second driver across the town.
fn crossed(config: Config) -> City {
    let mut city = City::new(config, 2);
    for (n, who, eta_s) in [(1, 0, 60), (1, 1, 90), (2, 0, 70), (2, 1, 600)] {
        city.know(n, who, eta_s);
    }
    city
}

#[test]
fn a_request_is_matched_at_once_where_drivers_are_ample() {
    let mut city = City::new(scarce(), 3);
    city.request(1);
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
    assert_eq!(city.records[0].trigger, Trigger::AtOnce);
}

#[test]
fn under_pressure_requests_gather_and_are_matched_together() {
    let mut city = crossed(scarce());
    city.request(1);
    city.request(2);
    assert_eq!((city.offer_of(0), city.offer_of(1)), (None, None));
    assert!(city.wait(Span::from_millis(999)).is_empty());
    city.wait(Span::from_millis(1));
    assert_eq!((city.offer_of(0), city.offer_of(1)), (Some(offer(2, 1)), Some(offer(1, 1))), "the sum is least");
    let record = &city.records[0];
    assert_eq!((record.trigger, record.means, record.certified), (Trigger::Gathered, Means::Exact, true));
    let mut nearest = crossed(Config { policy: Policy::Greedy, ..scarce() });
    nearest.request(1);
    nearest.request(2);
    assert_eq!((nearest.offer_of(0), nearest.offer_of(1)), (Some(offer(1, 1)), Some(offer(2, 1))));
}

#[test]
fn drivers_far_away_are_not_ample() {
    let mut city = City::new(Config { at_once_reach: secs(100), ..scarce() }, 3);
    city.request(1);
    assert_eq!(city.offer_of(0), None, "one is in reach");
    city.wait(secs(1));
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
}

#[test]
fn rounds_repeat_while_anybody_waits_and_then_stop() {
    let mut city = City::with_drivers(0);
    city.request(1);
    assert_eq!(city.core.next_deadline(), Some(city.now + config().gather));
    city.wait(config().gather);
    assert_eq!(city.core.next_deadline(), Some(city.now + config().round_interval));
    city.cancel(1, Canceller::System);
    assert_eq!(city.core.rounds.round_at, None);
}

#[test]
fn a_driver_who_is_free_again_makes_a_round_at_once_but_not_sooner_than_the_gap() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.ride_off(0, 1);
    city.request(2);
    city.wait(Span::from_millis(1_050));
    assert_eq!(city.offer_of(0), None);
    city.complete(0, 1);
    assert_eq!(city.offer_of(0), None, "a round was 50 ms ago");
    city.wait(Span::from_millis(50));
    assert_eq!(city.offer_of(0), Some(offer(2, 1)));
}

#[test]
fn an_unanswered_offer_moves_only_for_a_large_gain() {
    for (gain_s, moves) in [(40, false), (60, true)] {
        let mut city = City::with_drivers(2);
        city.know(1, 0, 200);
        city.know(1, 1, 900);
        city.request(1);
        assert_eq!(city.offer_of(0), Some(offer(1, 1)));
        // Somebody waits, so that there are rounds at all.
        city.know(2, 0, 5_000);
        city.know(2, 1, 5_000);
        city.request(2);
        city.know(1, 1, 200 - gain_s);
        let facts = city.wait(secs(3));
        if moves {
            assert_eq!(facts[0], closed(1, 1, 0, OfferOutcome::Withdrawn));
            assert_eq!(city.offer_of(1), Some(offer(1, 2)));
            assert_eq!(city.core.rides[&ride(1)].refusals, 0, "nobody refused");
        } else {
            assert!(facts.is_empty());
        }
    }
}

#[test]
fn a_driver_may_be_moved_to_another_ride_that_needs_them_more() {
    let mut city = City::with_drivers(2);
    city.know(1, 0, 100);
    city.know(1, 1, 120);
    city.request(1);
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
    // The second ride has nobody but driver 0; the first has an alternative.
    city.know(2, 0, 100);
    city.know(2, 1, 9_000);
    city.request(2);
    city.wait(secs(1));
    assert_eq!((city.offer_of(0), city.offer_of(1)), (Some(offer(2, 1)), Some(offer(1, 2))));
}

#[test]
fn a_driver_who_is_too_dear_is_not_asked_until_the_wait_has_grown_as_dear() {
    let mut city = City::with_drivers(1);
    // Patience is 1,200 s, and two for each second of waiting; the rest of the cost is small.
    city.know(1, 0, 1_250);
    city.request(1);
    city.wait(secs(20));
    assert_eq!(city.offer_of(0), None);
    let excluded = city.records.last().expect("a round").rides[0].considered[0].excluded;
    assert_eq!(excluded, Some(Exclusion::TooCostly));
    city.wait(secs(60));
    assert!(city.core.rides[&ride(1)].offers_made > 0);
}

#[test]
fn who_waits_longest_comes_first_when_a_round_is_full() {
    let mut city = City::new(Config { round_rides_max: 1, search_max: secs(600), ..scarce() }, 0);
    city.request(2);
    city.wait(secs(60));
    city.request(1);
    city.fleet.push(driver(0));
    city.online(0);
    assert_eq!(city.offer_of(0), Some(offer(2, 1)));
}

#[test]
fn the_head_of_the_queue_goes_first_whatever_it_costs() {
    for mut city in [City::new(scarce(), 2), City::new(greedy(), 2)] {
        city.know(1, 0, 30);
        city.know(1, 1, 1_000).queue_place = Some(0);
        city.request(1);
        assert_eq!(city.offer_of(1), Some(offer(1, 1)));
    }
}

#[test]
fn a_queue_is_first_in_first_out_for_riders_of_one_round() {
    let mut city = City::new(Config { at_once_drivers: 9, ..config() }, 0);
    for n in [1, 2, 3] {
        for (who, place) in [(0, 1), (1, 0)] {
            city.know(n, who, 60).queue_place = Some(place);
        }
        city.know(n, 2, 10);
        city.request(n);
    }
    city.fleet.extend([driver(0), driver(1), driver(2)]);
    // All three come on shift before the next round.
    city.wait(secs(1));
    for who in 0..3 {
        city.core.handle(city.now, Input::GoOnline { driver: driver(who), record: Record::default() }, &mut vec![]);
    }
    city.wait(config().round_interval);
    let offers = [city.offer_of(1), city.offer_of(0), city.offer_of(2)];
    assert_eq!(offers, [Some(offer(1, 1)), Some(offer(2, 1)), Some(offer(3, 1))]);
    let third = &city.records.last().expect("a round").rides[2];
    let queued = third.considered.iter().filter(|one| one.excluded == Some(Exclusion::Queued)).count();
    assert_eq!(queued, 2, "those who went to the others");
}

#[test]
fn the_head_of_the_queue_is_passed_over_where_blocked_or_passed() {
    let mut city = City::with_drivers(2);
    city.know(1, 0, 30);
    city.know(1, 1, 40).queue_place = Some(0);
    city.order(1, Order { avoid: vec![driver(1)], ..Order::default() });
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
}

#[test]
fn who_has_waited_long_for_work_goes_before_the_slightly_nearer_up_to_a_cap() {
    let mut city = City::new(config(), 0);
    city.online(1);
    city.wait(secs(3_600));
    city.online(0);
    city.fleet.extend([driver(0), driver(1)]);
    city.know(1, 0, 100);
    city.know(1, 1, 120);
    city.request(1);
    assert_eq!(city.offer_of(1), Some(offer(1, 1)), "an hour is worth the cap of 30 s");
    city.know(2, 0, 100);
    city.know(2, 1, 140);
    city.decline(1, 1, 1);
    city.cancel(1, Canceller::System);
    city.request(2);
    assert_eq!(city.offer_of(0), Some(offer(2, 1)), "and no more than that");
}

#[test]
fn a_record_names_costs_prices_the_chosen_and_the_runner_up() {
    let mut city = crossed(scarce());
    city.fleet.push(driver(2));
    city.request(1);
    city.request(2);
    city.wait(secs(1));
    let record = city.records.last().expect("a round");
    let of = |n| record.rides.iter().find(|choice| choice.ride == ride(n)).expect("in the round");
    let (one, two) = (of(1), of(2));
    assert_eq!((one.chosen, one.offer), (Some(driver(1)), Some(offer(1, 1))));
    assert_eq!((two.chosen, two.offer), (Some(driver(0)), Some(offer(2, 1))));
    assert_eq!(one.runner_up, Some(driver(0)));
    for choice in [one, two] {
        assert_eq!(choice.waited, secs(1));
        assert_eq!(choice.considered.len(), 3);
        for considered in &choice.considered {
            assert_eq!(considered.cost_ms, considered.parts.total());
        }
        let paid = |considered: &&Considered| considered.excluded.is_none() && Some(considered.driver) == choice.chosen;
        let chosen = choice.considered.iter().find(paid).expect("among them");
        assert_eq!(choice.price_ms, chosen.cost_ms + chosen.price_ms, "what it pays is cost and price");
        assert!(choice.price_ms <= choice.unassigned_ms);
    }
    let off_shift = one.considered.iter().find(|considered| considered.driver == driver(2)).expect("named");
    assert_eq!(off_shift.excluded, Some(Exclusion::OffShift));
    let costs = record.rides.iter().map(|choice| {
        let chosen = choice.considered.iter().find(|considered| Some(considered.driver) == choice.chosen);
        chosen.map_or(choice.unassigned_ms, |chosen| chosen.cost_ms)
    });
    assert_eq!(record.cost_ms, costs.sum::<i64>());
}

#[test]
fn every_exclusion_has_its_reason() {
    let mut city = City::new(Config { at_once_drivers: 99, ..config() }, 6);
    city.request(1);
    city.wait(secs(1));
    city.ride_off(0, 1);
    city.request(2);
    city.wait(secs(1));
    assert_eq!(city.offer_of(1), Some(offer(2, 1)));
    city.feed(Input::DriverLost { driver: driver(2) });
    city.fleet.push(driver(9));
    city.order(3, Order { avoid: vec![driver(3)], ..Order::default() });
    city.wait(secs(1));
    city.decline(4, 3, 1);
    city.wait(config().round_gap);
    let record = city.records.last().expect("a round");
    let choice = record.rides.iter().find(|choice| choice.ride == ride(3)).expect("in the round");
    let why = |who| choice.considered.iter().find(|one| one.driver == driver(who)).and_then(|one| one.excluded);
    assert_eq!(why(0), Some(Exclusion::Busy));
    assert_eq!(why(2), Some(Exclusion::Lost));
    assert_eq!(why(3), Some(Exclusion::Avoided));
    assert_eq!(why(4), Some(Exclusion::Passed));
    assert_eq!((why(1), why(5)), (None, None), "who has an offer of this round may be moved");
    assert_eq!(why(9), Some(Exclusion::OffShift));
    let mut ample = City::with_drivers(2);
    ample.request(1);
    ample.request(2);
    assert_eq!(ample.records[1].rides[0].considered[0].excluded, Some(Exclusion::Offered));
}

#[test]
fn a_driver_with_a_next_ride_is_passed_over_and_the_record_says_so() {
    let mut city = City::with_drivers(1);
    city.request(1);
    city.ride_off(0, 1);
    for n in [2, 3] {
        city.know(n, 0, 200).finishing = Some(secs(100));
    }
    city.request(2);
    city.wait(secs(1));
    city.accept(0, 2, 1);
    city.request(3);
    city.wait(secs(1));
    let last = city.records.last().expect("a round");
    assert_eq!(last.rides[0].considered[0].excluded, Some(Exclusion::HasNext));
}

#[test]
fn what_is_considered_is_bounded() {
    let mut city = City::new(Config { considered_max: 3, ..config() }, 8);
    city.request(1);
    assert_eq!(city.records[0].rides[0].considered.len(), 3);
}

#[test]
fn when_the_steps_run_out_the_round_is_feasible_and_says_so() {
    let mut city = crossed(Config { solve_steps_max: 0, ..scarce() });
    city.request(1);
    city.request(2);
    city.wait(secs(1));
    let record = city.records.last().expect("a round");
    assert_eq!((record.means, record.certified), (Means::OutOfSteps, false));
    let offers = [city.offer_of(0), city.offer_of(1)];
    assert!(offers.iter().flatten().count() > 0, "somebody is asked: {offers:?}");
}

#[test]
fn an_answer_that_comes_late_twice_or_for_nobody_does_no_harm() {
    let mut city = City::with_drivers(2);
    let late = |n| Answer { ride: ride(n), candidates: vec![Candidate::free(driver(0), secs(60), 400)] };
    city.feed(Input::Candidates { answers: vec![late(9)] });
    city.request(1);
    city.feed(Input::Candidates { answers: vec![late(1), late(1), late(9)] });
    city.accept(0, 1, 1);
    assert!(facts_of(city.feed(Input::Candidates { answers: vec![late(1)] })).is_empty());
    let mut lost = City::with_drivers(1);
    let order = Order::default();
    let request = Input::RequestRide { ride: ride(1), rider: rider(1), pin: pin("1234"), order };
    lost.core.handle(lost.now, request, &mut Vec::new());
    lost.wait(config().gather);
    assert_eq!(lost.offer_of(0), Some(offer(1, 1)), "a question without an answer is asked again");
}

#[test]
fn a_full_round_has_room_for_the_newest_too() {
    let mut city = City::new(Config { round_rides_max: 2, search_max: secs(600), ..scarce() }, 0);
    for (n, eta_s) in [(1, 9_000), (2, 9_000), (3, 100)] {
        city.know(n, 0, eta_s);
        city.request(n);
        city.wait(secs(10));
    }
    city.fleet.push(driver(0));
    city.online(0);
    city.wait(config().round_gap);
    assert_eq!(city.offer_of(0), Some(offer(3, 1)), "although two wait longer, where nobody is");
}

#[test]
fn rounds_do_not_wait_for_a_clock_that_was_set_back() {
    let mut city = City::new(Config { search_max: secs(900), ..scarce() }, 0);
    city.request(1);
    city.wait(secs(10));
    city.now = city.now - secs(300);
    city.fleet.push(driver(0));
    city.online(0);
    city.wait(config().round_gap);
    assert_eq!(city.offer_of(0), Some(offer(1, 1)));
}
