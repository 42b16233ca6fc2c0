//! The service over a live index: the picture that requests and drivers make, hints, and who is left in peace.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::index::{Fix, RideClasses};
use crate::locations::Config as LocationConfig;
use crate::road::StraightLine;
use crate::web::Role;
use crate::web::probe::Probe;
use crate::{clock, realtime};

/// Numbers for tests.
pub(crate) fn config() -> Config {
    Config {
        sample: Span::from_secs(10),
        window_minutes: 10,
        cells_max: 1_000,
        rules: Rules { surge_requests_min: 2, surge_max: BasisPoints(20_000), shown_requests_min: 3, full_riders: 10 },
        hint_reach_m: 3_000.0,
        hint_lifetime: Span::from_secs(300),
        hint_budget_max: 3,
        idle_after: Span::from_secs(60),
    }
}

fn centre() -> LatLng {
    LatLng::new(-1.9441, 30.0619).expect("on the globe")
}

fn driver(number: u128) -> DriverId {
    DriverId(Uuid::from_u128(number))
}

fn steering() -> Steering {
    let travel = Arc::new(StraightLine::new(1.33, 22.0).expect("valid"));
    let locations = Locations::new(LocationConfig::for_tests(), travel).expect("valid");
    Steering::new(config(), locations, Hub::start(realtime::Config::for_tests()))
}

/// So many drivers, free in a place that is 1.5 km from the middle.
fn drivers_come(steering: &Steering, numbers: std::ops::Range<u128>, now: Timestamp) {
    for number in numbers {
        let place = centre().destination(90.0, 1_500.0);
        steering.inner.locations.begin_shift(driver(number), RideClasses(1), Some(Fix::new(place, now)));
    }
}

fn requests(steering: &Steering, count: usize, now: Timestamp) {
    for _ in 0..count {
        steering.note(centre(), Happening::Requested, now);
    }
}

fn hinted(steering: &Steering, now: Timestamp) -> BTreeSet<u128> {
    (1..50).filter(|number| steering.hint_for(driver(*number), now).is_some()).collect()
}

#[tokio::test]
async fn idle_drivers_are_sent_where_riders_are_and_no_more_than_it_takes() {
    let (steering, begin) = (steering(), clock::now());
    drivers_come(&steering, 1..21, begin);
    steering.round(begin);
    assert!(steering.moment().picture.hot.is_empty());
    requests(&steering, 5, begin);
    steering.round(begin + Span::from_secs(10));
    assert_eq!(hinted(&steering, begin), BTreeSet::new(), "nobody is idle yet");
    let later = begin + Span::from_secs(60);
    steering.round(later);
    // Two are short, smoothed: 40 % of five.
    assert_eq!(hinted(&steering, later).len(), 2);
    requests(&steering, 95, later);
    steering.round(later);
    assert_eq!(hinted(&steering, later).len(), 3, "as many at once as the budget allows, twenty stand idle");
    let view = (1..21).find_map(|number| steering.hint_for(driver(number), later)).expect("a hint");
    assert_eq!((view.cell, view.intensity), (Cell::of(centre()).name(), 100));
    assert!((800..2_300).contains(&view.distance_m), "{} m", view.distance_m);
    let gone = *hinted(&steering, later).first().expect("one was sent");
    steering.inner.locations.set_availability(driver(gone), crate::dispatch::Availability::ToPickup);
    steering.round(later);
    assert_eq!(steering.hint_for(driver(gone), later), None, "has a ride");
    assert_eq!(hinted(&steering, later).len(), 3, "another one goes");
    let expired = later + Span::from_secs(300);
    assert_eq!(hinted(&steering, expired), BTreeSet::new());
}

#[tokio::test]
async fn who_has_come_is_counted_at_once_and_a_few_riders_are_nobodys_business() {
    let (steering, now) = (steering(), clock::now());
    requests(&steering, 2, now);
    drivers_come(&steering, 1..5, now - Span::from_secs(50));
    steering.round(now - Span::from_secs(50));
    let later = now + Span::from_secs(10);
    steering.round(later);
    assert!(steering.moment().picture.hot.is_empty() && hinted(&steering, later).is_empty(), "two of three");
    requests(&steering, 1, now);
    steering.round(later);
    assert_eq!(hinted(&steering, later).len(), 2);
    // A driver stands there already: one of the two that are short.
    let there = Some(Fix::new(centre(), later));
    steering.inner.locations.begin_shift(driver(9), RideClasses(1), there);
    let after_expiry = later + Span::from_secs(20);
    steering.round(after_expiry);
    assert!(steering.hint_for(driver(9), after_expiry).is_none(), "is there");
}

#[tokio::test]
async fn drivers_at_a_stage_are_left_there() {
    let (steering, now) = (steering(), clock::now());
    drivers_come(&steering, 1..3, now);
    let stage = crate::ids::ZoneId(Uuid::from_u128(5));
    let board = steering.inner.locations.stages();
    board.set_stages(&BTreeSet::from([stage]));
    let step =
        crate::locations::geofences::Step { zone: stage, kind: crate::locations::geofences::EventKind::Enter, at: now };
    board.stepped(driver(1), &step, crate::locations::stages::Doing::Waiting, now);
    steering.round(now);
    requests(&steering, 50, now);
    let later = now + Span::from_secs(59);
    steering.round(later);
    steering.round(later + Span::from_secs(1));
    assert_eq!(hinted(&steering, later), BTreeSet::from([2]));
}

#[tokio::test]
async fn who_objects_is_left_alone_and_loses_the_hint_they_have() {
    let (steering, now) = (steering(), clock::now());
    drivers_come(&steering, 1..3, now);
    steering.round(now);
    requests(&steering, 50, now);
    let later = now + Span::from_secs(60);
    steering.round(later);
    assert_eq!(hinted(&steering, later), BTreeSet::from([1, 2]));
    steering.leave_alone(BTreeSet::from([driver(1)]));
    steering.round(later);
    assert_eq!(hinted(&steering, later), BTreeSet::from([2]));
    steering.leave_alone(BTreeSet::new());
    steering.round(later);
    assert_eq!(hinted(&steering, later), BTreeSet::from([1, 2]), "and is not when they think better of it");
}

#[tokio::test]
async fn prices_follow_here_and_the_tariff_has_the_last_word() {
    let (steering, now) = (steering(), clock::now());
    assert_eq!(steering.surge_at(centre()), BasisPoints::WHOLE);
    requests(&steering, 20, now);
    steering.round(now);
    assert_eq!(steering.surge_at(centre()), BasisPoints(20_000));
    let regulated = crate::fares::TariffBook::rwanda_moto();
    let tariff = regulated.at(now).expect("a tariff is in force");
    let ride = crate::fares::Metered {
        begins_at: now,
        distance_m: 5_000,
        riding: Span::from_minutes(12),
        waiting: Span::ZERO,
    };
    let fare = tariff.quote(&ride, steering.surge_at(centre()));
    assert_eq!((fare.surge_basis_points, fare.surge.amount()), (BasisPoints::WHOLE, 0), "the law allows none");
    let free_market = crate::fares::Tariff { surge_max: BasisPoints(15_000), ..tariff.clone() };
    assert_eq!(free_market.quote(&ride, steering.surge_at(centre())).surge_basis_points, BasisPoints(15_000));
}

#[tokio::test]
async fn the_time_between_rides_is_that_of_the_last_minutes() {
    let (steering, now) = (steering(), clock::now());
    let around = Cell::of(centre()).disk(1);
    assert_eq!(steering.time_between(&around), None);
    for _ in 0..5 {
        steering.note(centre(), Happening::Served, now);
    }
    steering.round(now);
    assert_eq!(steering.time_between(&around), Some(Span::from_secs(120)));
    assert_eq!(steering.time_between(&[]), None);
}

#[tokio::test]
async fn the_map_is_geojson_and_for_drivers_and_admins() {
    let (steering, now) = (steering(), clock::now());
    let probe = Probe::new(http::routes(), steering.clone());
    let who = |role| Some((crate::ids::UserId(Uuid::from_u128(1)), role));
    let (status, empty) = probe.get(who(Role::Driver), "/heatmap").await;
    assert_eq!((status.as_u16(), &empty["features"]), (200, &serde_json::json!([])));
    assert!(empty["as_of"].is_null());
    requests(&steering, 20, now);
    steering.round(now);
    let (_, map) = probe.get(who(Role::Admin), "/heatmap").await;
    assert_eq!((&map["type"], &map["features"][0]["type"]), (&"FeatureCollection".into(), &"Feature".into()));
    let feature = &map["features"][0];
    assert_eq!(feature["properties"], serde_json::json!({"cell": Cell::of(centre()).name(), "intensity": 80}));
    let ring = feature["geometry"]["coordinates"][0].as_array().expect("a ring");
    assert_eq!((ring.len(), &ring[0]), (7, &ring[6]), "six corners, closed");
    for role in [Role::Customer, Role::Government] {
        assert_eq!(probe.get(who(role), "/heatmap").await.0.as_u16(), 403);
        assert_eq!(probe.get(who(role), "/driver/hints").await.0.as_u16(), 403);
    }
    assert_eq!(probe.get(None, "/heatmap").await.0.as_u16(), 401);
    let (status, hints) = probe.get(who(Role::Driver), "/driver/hints").await;
    assert_eq!((status.as_u16(), &hints["items"]), (200, &serde_json::json!([])));
}
