//! What survives: killed without warning, asked to stop, cut off from the database.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::house::House;
use crate::people::{Person, text};

/// A ride must not end while a busy machine restarts.
const PATIENT: &[(&str, &str)] = &[("dispatch.offer_ttl_s", "60"), ("dispatch.lost_grace_ms", "30000")];

#[tokio::test]
async fn a_ride_goes_on_after_the_server_was_killed() {
    let mut house = House::start(PATIENT);
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let booked = rider.api.book("before the crash", &corner.booking()).await.expect(201);
    let id = text(&booked["id"]);
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    let before = rider.ride(id).await;

    house.process().kill();
    house.restart();
    let (rider, driver) = (rider.back(&house), driver.back(&house));
    assert_eq!(rider.ride(id).await, before, "as it was");
    assert_eq!(rider.api.book("before the crash", &corner.booking()).await.expect(200)["id"], id);
    let mut wheel = App::open(&house, &driver).await;
    assert_eq!((&wheel.welcome["online"], &wheel.welcome["ride"]["id"]), (&true.into(), &booked["id"]));
    let mut phone = App::open(&house, &rider).await;
    wheel.ping(corner.pickup).await;
    phone.expect("driver_position").await;
    wheel.command(json!({"type": "arrive", "ride_id": id})).await;
    phone.ride("driver_arrived").await;

    house.process().kill();
    house.restart();
    let (rider, driver) = (rider.back(&house), driver.back(&house));
    let mut wheel = App::open(&house, &driver).await;
    wheel.command(json!({"type": "start", "ride_id": id, "pin": booked["pin"]})).await;

    house.process().kill();
    house.restart();
    let (rider, driver) = (rider.back(&house), driver.back(&house));
    let mut wheel = App::open(&house, &driver).await;
    let done = wheel.command(json!({"type": "complete", "ride_id": id})).await;
    assert_eq!(done["ride"]["status"], "completed");
    let timeline = rider.api.get(&format!("/rides/{id}/events")).await.expect(200);
    let kinds: Vec<_> =
        timeline["items"].as_array().expect("a list").iter().map(|entry| text(&entry["kind"])).collect();
    assert_eq!(kinds, ["requested", "offer_made", "driver_assigned", "driver_arrived", "started", "completed"]);
    // And the driver drives on.
    wheel.ping(corner.pickup).await;
    let next = rider.book(&corner.booking()).await;
    assert_eq!(wheel.offer().await["ride_id"], next["id"]);
}

#[tokio::test]
async fn an_app_that_was_away_while_the_server_was_killed_misses_nothing() {
    let mut house = House::start(PATIENT);
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    phone.ride("driver_assigned").await;
    wheel.ride("driver_assigned").await;
    // The rider's phone is in a tunnel: it has heard of the assignment and of nothing since.
    phone.leave().await;
    wheel.command(json!({"type": "arrive", "ride_id": id})).await;
    wheel.ride("driver_arrived").await;
    wheel.command(json!({"type": "start", "ride_id": id, "pin": booked["pin"]})).await;

    house.process().kill();
    house.restart();
    let (rider, driver) = (rider.back(&house), driver.back(&house));
    let mut phone = phone.resume(&house, &rider).await;
    assert_eq!(phone.ride("driver_arrived").await["started_at"], Value::Null, "as it was told then");
    phone.ride("in_progress").await;
    // The driver heard of the start, or of the arrival only when the kill was quicker: both ways nothing comes twice.
    let mut wheel = wheel.resume(&house, &driver).await;
    wheel.command(json!({"type": "complete", "ride_id": id})).await;
    wheel.ride("completed").await;
    phone.ride("completed").await;
}

#[tokio::test]
async fn an_offer_and_a_search_go_on_after_the_server_was_killed() {
    let mut house = House::start(&[PATIENT, &[("dispatch.round_interval_ms", "200")]].concat());
    let (here, there) = (house.corner().await, house.corner().await);
    let (driver, mut wheel) = Person::driver_app_at(&house, here.pickup).await;
    let (asked, searching) = (Person::rider(&house).await, Person::rider(&house).await);
    let offered = asked.book(&here.booking()).await;
    let offer = wheel.offer().await;
    let other = searching.book(&there.booking()).await;

    house.process().kill();
    house.restart();
    let (driver, searching) = (driver.back(&house), searching.back(&house));
    let mut wheel = App::open(&house, &driver).await;
    assert_eq!(wheel.welcome["offers"], json!([offer]), "with the deadline it had");
    let reply = wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    assert_eq!(reply["ride"]["id"], offered["id"]);
    assert_eq!(searching.ride(text(&other["id"])).await["status"], "requested");
    let second = Person::driver_at(&house, there.pickup).await;
    assert_eq!(second.accept_offer().await["id"], other["id"]);
}

#[tokio::test]
async fn asked_to_stop_it_sends_everybody_away_and_ends_with_0() {
    let mut house = House::start(PATIENT);
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let mut stranger = App::strange(&house).await;
    let booked = rider.book(&corner.booking()).await;
    wheel.offer().await;
    house.process().signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!((wheel.closed().await, phone.closed().await), (4000, 4000));
    let left = stranger.closed().await;
    assert!(matches!(left, 4000 | 4500), "{left}");
    let status = house.process().wait(Duration::from_secs(30)).expect("it stops");
    assert_eq!(status.code(), Some(0));
    house.restart();
    let (driver, rider) = (driver.back(&house), rider.back(&house));
    assert_eq!(rider.ride(text(&booked["id"])).await["status"], "requested");
    assert_eq!(driver.accept_offer().await["id"], booked["id"], "the offer is still there");
}

#[tokio::test]
async fn who_was_signed_in_still_is_after_a_restart() {
    let mut house = House::start(&[]);
    let rider = Person::rider(&house).await;
    let before = rider.api.get("/me").await.expect(200);
    house.stop();
    house.restart();
    let rider = rider.back(&house);
    assert_eq!(rider.api.get("/me").await.expect(200), before);
    let refresh = json!({"refresh_token": rider.refresh_token});
    house.api().post("/auth/refresh", &refresh).await.expect(200);
}

#[tokio::test]
async fn jobs_left_behind_by_a_killed_server_are_done_by_the_next() {
    let mut house = House::start(&[("jobs.workers_max", "0")]);
    let phone = crate::people::fresh_phone();
    crate::people::register(&house.api(), &phone, "customer", "Yves").await;
    house.process().kill();
    house.set("jobs.workers_max", "4");
    house.restart();
    let code = crate::people::code_sent_to(&house, &phone).await;
    let tokens = house.api().post("/auth/verify", &json!({"phone": phone, "code": code})).await.expect(200);
    assert_ne!(tokens["access_token"], Value::Null);
}
