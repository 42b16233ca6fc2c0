//! Small cities, lived whole.

use std::collections::BTreeMap;

use super::city::City;
use super::ground::tests::{small_town, square};
use super::report::{Paired, Setting, Single};
use super::*;

/// The numbers of the core in these tests: those of the default file that matter here.
pub(super) fn core() -> dispatch::Config {
    dispatch::Config {
        at_once_drivers: 3,
        at_once_reach: Span::from_secs(300),
        round_rides_max: 200,
        considered_max: 32,
        search_max: Span::from_secs(180),
        offers_max: 10,
        parallel_after: 3,
        ..dispatch::Config::for_tests()
    }
}

fn world(ground: Ground) -> World {
    World {
        service: ground.area(),
        ground,
        drivers: 40,
        counted: Span::from_minutes(40),
        warm_up: Span::from_minutes(10),
        cool_down: Span::from_minutes(5),
        begins_at: Timestamp::from_millis(1_767_596_400_000),
        load: Load::OfCapacity(1.0),
        orders: None,
        spots: 0.0,
        ride_m: None,
        patience: Span::from_secs(240),
        pickup_max: Span::from_secs(600),
        finishing_within: Span::from_secs(180),
        paying: Span::from_secs(20),
        core: core(),
        cell_m: 250.0,
        candidates_max: 12,
        search_radius_m: 10_000.0,
        commission: BasisPoints(900),
    }
}

fn per_hour(world: &World) -> f64 {
    world.wishes_per_hour(&world.capacity())
}

#[test]
fn every_wish_ends_in_exactly_one_way_and_the_core_stays_sound() {
    for (ground, demand) in [(small_town(), 1.3), (square(6_000.0), 1.3), (square(6_000.0), 0.3)] {
        for policy in [Policy::Greedy, Policy::Batch] {
            let world = World { load: Load::OfCapacity(demand), ..world(ground.clone()) };
            let mut city = City::new(&world, 5, policy, per_hour(&world));
            let mut steps = 0;
            while city.step() {
                steps += 1;
                if steps % 20 == 0 {
                    city.engine.audit();
                }
            }
            city.engine.audit();
            let asked = city.rides.iter().filter(|ride| ride.end.is_none()).count();
            assert_eq!(asked, 0, "{asked} of {} wishes have no end", city.rides.len());
            let figures = city.live();
            let ends = [figures.served, figures.gave_up, figures.called_off, figures.no_driver, figures.dropped];
            assert_eq!(ends.iter().sum::<u32>(), figures.requests, "{figures:?}");
            assert!(figures.requests > 10 && figures.served > 0, "{figures:?}");
            assert!(figures.wait_s.mean >= figures.pickup_s.mean && figures.wait_s.p95 >= figures.wait_s.p50);
            let of_shift = figures.with_rider_percent + figures.to_pickup_percent;
            assert!(of_shift <= 100.0 + 1e-6, "{of_shift} % of all time on shift");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_city_byte_for_byte() {
    let world = world(square(6_000.0));
    let per_hour = per_hour(&world);
    let wanted = [(1, Policy::Greedy), (1, Policy::Batch), (2, Policy::Greedy)];
    let text = |figures: &[Figures]| serde_json::to_string(figures).expect("JSON");
    let alone = world.run_all(&wanted, per_hour, 1, &|_| {});
    let together = world.run_all(&wanted, per_hour, 3, &|_| {});
    assert_eq!(text(&alone), text(&together));
    assert_ne!(alone[0].trace, alone[2].trace, "another seed is another city");
    assert_eq!((alone[1].seed, alone[1].policy), (1, Policy::Batch), "in the order asked for");
}

#[test]
fn both_policies_are_asked_for_the_same() {
    let world = world(square(6_000.0));
    let per_hour = per_hour(&world);
    let wishes = |policy| City::new(&world, 9, policy, per_hour).wishes;
    assert_eq!(wishes(Policy::Greedy), wishes(Policy::Batch));
    assert!(wishes(Policy::Greedy).windows(2).all(|pair| pair[0].at <= pair[1].at));
    let other = City::new(&world, 10, Policy::Greedy, per_hour).wishes;
    assert_ne!(wishes(Policy::Greedy), other);
    let expected = per_hour * 55.0 / 60.0;
    let count = other.len() as f64;
    assert!((count - expected).abs() < 4.0 * expected.sqrt(), "{count} wishes, {expected} expected");
}

#[test]
fn demand_is_a_share_of_what_the_fleet_can_do() {
    let world = world(square(6_000.0));
    let capacity = world.capacity();
    // From anywhere to anywhere in a square: 0.5214 of its side; 3,128 m at 6 m/s.
    assert!((490.0..555.0).contains(&capacity.ride_s), "{capacity:?}");
    assert!(capacity.cycle_s > capacity.ride_s + capacity.pickup_s, "{capacity:?}");
    assert!((capacity.rides_per_hour - 40.0 * 3_600.0 / capacity.cycle_s).abs() < 1e-6);
    let twice = World { drivers: 80, ..world.clone() }.capacity();
    assert!(twice.rides_per_hour > 2.0 * capacity.rides_per_hour, "a denser fleet is nearer");
}

#[test]
fn batch_beats_greedy_where_drivers_are_short() {
    let world = World { load: Load::OfCapacity(1.4), drivers: 80, ..world(square(8_000.0)) };
    let per_hour = per_hour(&world);
    let of = |policy| world.run_all(&[(1, policy), (2, policy), (3, policy)], per_hour, 2, &|_| {});
    let comparison = Comparison::new(of(Policy::Greedy), of(Policy::Batch));
    let (pickup, served) = (comparison.mean_pickup_ratio, comparison.served_points);
    // Of waits nothing is asked here: whoever serves fewer has fewer who waited.
    assert!(pickup < 0.85 && served > 3.0, "pickup {pickup}, served {served}");
    for pair in &comparison.per_seed {
        assert_eq!(pair.b.rounds.solved, pair.b.rounds.certified, "every round is proven");
        assert!(pair.mean_pickup_ratio < 0.95 && pair.served_points > 0.0, "seed {}: {pair:?}", pair.seed);
    }
}

#[test]
fn worlds_that_cannot_be_are_refused_by_name() {
    let sound = world(square(6_000.0));
    assert_eq!(sound.check(), Ok(()));
    for (wrong, named) in [
        (World { drivers: 0, ..sound.clone() }, "drivers"),
        (World { load: Load::OfCapacity(f64::NAN), ..sound.clone() }, "demand"),
        (World { load: Load::OfCapacity(0.0), ..sound.clone() }, "demand"),
        (World { counted: Span::ZERO, ..sound.clone() }, "time counted"),
        (World { spots: 1.5, ..sound.clone() }, "hot spots"),
        (World { patience: Span::ZERO, ..sound.clone() }, "patience"),
        (World { cell_m: 0.1, ..sound.clone() }, "cell side"),
    ] {
        let error = wrong.check().expect_err(named).to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_comparison_is_told_as_json_table_and_page() {
    let world = world(square(6_000.0));
    let per_hour = per_hour(&world);
    let of = |policy| world.run_all(&[(1, policy), (2, policy)], per_hour, 2, &|_| {});
    let (a, b) = (of(Policy::Greedy), of(Policy::Batch));
    let setting = Setting::of(&world, "straight <lines>".to_owned(), world.capacity());
    let single = Single { setting: setting.clone(), policy: Policy::Greedy, per_seed: a.clone() };
    let policies = [Policy::Greedy, Policy::Batch];
    let paired = Paired { setting, policies, seeds: 2, comparison: Comparison::new(a.clone(), b) };
    let json = serde_json::to_value(&paired).expect("JSON");
    for key in ["mean_pickup_ratio", "p95_pickup_ratio", "mean_wait_ratio", "p95_wait_ratio", "served_points"] {
        assert!(json[key].is_number(), "{key}");
        assert!(json["per_seed"][1][key].is_number(), "{key} of a seed");
        assert!(json["intervals"][key]["low"].is_number(), "{key}'s interval");
    }
    let shape: BTreeMap<String, serde_json::Value> = serde_json::from_value(json.clone()).expect("an object");
    let keys: Vec<&str> = shape.keys().map(String::as_str).collect();
    let expected = [
        "intervals",
        "mean_pickup_ratio",
        "mean_wait_ratio",
        "p95_pickup_ratio",
        "p95_wait_ratio",
        "per_seed",
        "policies",
        "seeds",
        "served_points",
        "setting",
        "worst_pickup_ratio",
        "worst_served_points",
        "worst_wait_ratio",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&json["policies"][1], &json["per_seed"][0]["seed"]), (&"batch".into(), &1.into()));
    for table in [paired.table(), single.table()] {
        assert!(table.contains("greedy") && table.contains("wait, mean") && !table.contains("NaN"), "{table}");
    }
    for page in [paired.page(), single.page()] {
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(page.contains("straight &lt;lines>") && page.matches("<svg").count() >= 6);
        assert!(!page.contains("NaN") && !page.contains("http://") || page.contains("www.w3.org/2000/svg"));
    }
    let same = Comparison::new(a.clone(), a);
    assert_eq!((same.mean_wait_ratio, same.served_points, same.worst_pickup_ratio), (1.0, 0.0, 1.0));
}
