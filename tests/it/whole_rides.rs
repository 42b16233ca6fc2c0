//! Whole rides, from the wish to the street corner.

use serde_json::{Value, json};

use crate::app::App;
use crate::house::{hasty, shared};
use crate::people::{Person, now_ms, text};

#[tokio::test]
async fn a_whole_ride_works_over_rest_alone() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup.north(120.0)).await, Person::rider(&house).await);

    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    assert_eq!(booked["status"], "requested");
    assert_eq!(booked["driver"], Value::Null);
    assert_eq!(booked["fare_final"], false);
    let pin = text(&booked["pin"]).to_owned();
    assert!(pin.len() == 4 && pin.chars().all(|c| c.is_ascii_digit()), "{pin}");

    let offer = driver.offer().await;
    assert_eq!((&offer["ride_id"], &offer["fare_rwf"]), (&booked["id"], &booked["fare_rwf"]));
    assert!(offer["pickup_distance_m"].as_i64().is_some_and(|metres| (100..400).contains(&metres)), "{offer}");
    let assigned = driver.accept_offer().await;
    assert_eq!(assigned["status"], "driver_assigned");
    assert_eq!(assigned["pin"], Value::Null, "the PIN is the rider's");

    let seen = rider.ride(id).await;
    assert_eq!(seen["driver"]["id"], driver.id);
    assert_eq!(seen["driver"]["phone"], driver.phone, "they may call each other while the ride lives");
    assert_eq!(seen["pin"], pin.as_str());
    let track = rider.api.get(&format!("/rides/{id}/track")).await.expect(200);
    assert!(track["driver_position"]["eta_s"].as_i64().is_some_and(|seconds| (1..300).contains(&seconds)), "{track}");

    assert_eq!(driver.drive(id, "arrive").await["status"], "driver_arrived");
    let started = driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": pin})).await.expect(200);
    assert_eq!(started["status"], "in_progress");
    assert_eq!(rider.ride(id).await["pin"], Value::Null, "it has served its turn");
    assert_eq!(driver.drive(id, "complete").await["status"], "completed");

    let over = rider.ride(id).await;
    assert_eq!((&over["status"], &over["fare_final"]), (&"completed".into(), &true.into()));
    assert_eq!(over["fare_rwf"], booked["fare_rwf"], "nobody had to wait");
    assert_eq!(over["driver"]["phone"], Value::Null, "and no longer");
    for key in ["requested_at", "assigned_at", "arrived_at", "started_at", "ended_at"] {
        assert!(over[key].is_string(), "{key} of {over}");
    }
    for (person, items) in [(&rider, json!([])), (&driver, json!([]))] {
        assert_eq!(person.api.get("/rides/active").await.expect(200)["items"], items);
    }
}

#[tokio::test]
async fn a_whole_ride_over_sockets_shows_the_rider_every_state_and_where_the_driver_is() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup.east(200.0)).await;
    let (rider, mut phone) = Person::rider_app(&house).await;

    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    let offer = wheel.offer().await;
    assert_eq!(offer["ride_id"], id);
    let reply = wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    assert_eq!(reply["ride"]["status"], "driver_assigned");
    let assigned = phone.ride("driver_assigned").await;
    assert_eq!((&assigned["driver"]["id"], &assigned["pin"]), (&driver.id.as_str().into(), &booked["pin"]));

    let on_the_way = corner.pickup.east(100.0);
    wheel.ping(on_the_way).await;
    let position = phone.expect("driver_position").await;
    assert_eq!(position["ride_id"], id);
    assert!((position["lng"].as_f64().expect("a number") - on_the_way.lng).abs() < 1e-6, "{position}");
    assert!(position["eta_s"].as_i64().is_some_and(|seconds| (1..120).contains(&seconds)), "{position}");

    wheel.command(json!({"type": "arrive", "ride_id": id})).await;
    phone.ride("driver_arrived").await;
    wheel.command(json!({"type": "start", "ride_id": id, "pin": booked["pin"]})).await;
    assert_eq!(phone.ride("in_progress").await["pin"], Value::Null);
    wheel.ping(corner.pickup.north(700.0)).await;
    phone.expect("driver_position").await;
    let reply = wheel.command(json!({"type": "complete", "ride_id": id})).await;
    assert_eq!(reply["ride"]["fare_final"], true);
    assert_eq!(phone.ride("completed").await["fare_rwf"], reply["ride"]["fare_rwf"]);
    for status in ["driver_assigned", "driver_arrived", "in_progress", "completed"] {
        wheel.ride(status).await;
    }
    // Who drives on is nobody's business any more.
    wheel.ping(corner.pickup.north(800.0)).await;
    let mut heard = phone.unread().filter(|frame| frame["type"] == "driver_position");
    assert!(heard.all(|frame| frame["ride_id"] == id));
    let track = rider.api.get(&format!("/rides/{id}/track")).await.expect(200);
    assert_eq!(track["driver_position"], Value::Null);
}

#[tokio::test]
async fn a_driver_who_waits_at_the_pickup_has_arrived_without_saying_so() {
    let house = shared();
    let corner = house.corner().await;
    let (_, mut wheel) = Person::driver_app_at(&house, corner.pickup.east(200.0)).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    phone.ride("driver_assigned").await;
    // The phone's clock says how long the driver has been there.
    let now_ms = now_ms();
    wheel.ping_at(corner.pickup.east(15.0), now_ms + 1_000).await;
    wheel.ping_at(corner.pickup.east(10.0), now_ms + 12_000).await;
    phone.ride("driver_arrived").await;
    wheel.ride("driver_arrived").await;
    // Said once more by the driver it is the same arrival.
    let reply = wheel.command(json!({"type": "arrive", "ride_id": booked["id"]})).await;
    assert_eq!(reply["ride"]["status"], "driver_arrived");
    let timeline = rider.api.get(&format!("/rides/{}/events", text(&booked["id"]))).await.expect(200);
    let arrivals: Vec<_> = timeline["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["kind"] == "driver_arrived")
        .collect();
    assert_eq!((arrivals.len(), arrivals[0]["actor"].as_str()), (1, Some("system")), "{timeline}");
}

#[tokio::test]
async fn both_doors_lead_to_the_same_ride() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    let offer = wheel.offer().await;
    assert_eq!(driver.offer().await, offer, "the socket and REST show one offer");
    driver.accept_offer().await;
    wheel.ride("driver_assigned").await;
    wheel.command(json!({"type": "arrive", "ride_id": id})).await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": booked["pin"]})).await.expect(200);
    wheel.ride("in_progress").await;
    let reply = wheel.command(json!({"type": "complete", "ride_id": id})).await;
    let shown = phone.ride("completed").await;
    assert_eq!(shown, rider.ride(id).await, "one view, two doors");
    assert_eq!(reply["ride"], driver.ride(id).await);
}

#[tokio::test]
async fn a_driver_without_a_socket_is_shown_to_the_rider_as_well() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let ride = rider.book(&corner.booking()).await;
    driver.accept_offer().await;
    phone.ride("driver_assigned").await;
    let place = corner.pickup.north(250.0);
    driver.api.post("/drivers/me/location", &place.json()).await.expect(202);
    let position = phone.expect("driver_position").await;
    assert_eq!(position["ride_id"], ride["id"]);
    assert!((position["lat"].as_f64().expect("a number") - place.lat).abs() < 1e-6, "{position}");
}

#[tokio::test]
async fn a_command_sent_again_is_answered_as_the_first_time() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    let accept = format!("/offers/{}/accept", text(&driver.offer().await["offer_id"]));
    for _ in 0..2 {
        assert_eq!(driver.api.post_empty(&accept).await.expect(200)["status"], "driver_assigned");
    }
    for _ in 0..2 {
        assert_eq!(driver.drive(id, "arrive").await["status"], "driver_arrived");
    }
    for _ in 0..2 {
        let start = driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": booked["pin"]})).await;
        assert_eq!(start.expect(200)["status"], "in_progress");
    }
    for _ in 0..2 {
        assert_eq!(driver.drive(id, "complete").await["status"], "completed");
    }
    let timeline = rider.api.get(&format!("/rides/{id}/events")).await.expect(200);
    assert_eq!(timeline["items"].as_array().map(Vec::len), Some(6), "and has happened once: {timeline}");
}

#[tokio::test]
async fn the_timeline_of_a_ride_is_whole_and_in_order() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup.north(20.0)).await;
    let far = Person::driver_at(&house, corner.pickup.north(300.0)).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    let decline = format!("/offers/{}/decline", text(&near.offer().await["offer_id"]));
    near.api.post(&decline, &json!({"reason": "too_far"})).await.expect(204);
    far.accept_offer().await;
    far.drive(id, "arrive").await;
    far.api.post(&format!("/rides/{id}/start"), &json!({"pin": booked["pin"]})).await.expect(200);
    far.drive(id, "complete").await;

    let path = format!("/rides/{id}/events");
    let timeline = rider.api.get(&path).await.expect(200);
    let entries: Vec<_> = timeline["items"].as_array().expect("a list").iter().collect();
    let told: Vec<_> = entries.iter().map(|entry| (text(&entry["kind"]), text(&entry["actor"]))).collect();
    let expected = [
        ("requested", "customer"),
        ("offer_made", "system"),
        ("offer_closed", "driver"),
        ("offer_made", "system"),
        ("driver_assigned", "driver"),
        ("driver_arrived", "driver"),
        ("started", "driver"),
        ("completed", "driver"),
    ];
    let kinds = |list: &[(&str, &str)]| list.iter().map(|(kind, _)| (*kind).to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(&told), kinds(&expected));
    for ((kind, actor), (_, by)) in told.iter().zip(expected) {
        assert!(*actor == by || *kind == "offer_made", "{kind} was caused by {actor}");
    }
    let seqs: Vec<_> = entries.iter().map(|entry| entry["seq"].as_u64().expect("a number")).collect();
    assert_eq!(seqs, (1..=8).collect::<Vec<_>>());
    assert!(entries.is_sorted_by_key(|entry| text(&entry["at"])));
    assert_eq!(far.api.get(&path).await.expect(200), timeline, "both parties see the same");
    let operator = house.admin().await.api.get(&path).await.expect(200);
    assert_eq!(operator["items"][2]["data"]["reason"], "too_far", "an operator sees why: {operator}");
    near.api.get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_phone_that_was_away_is_told_everything_in_its_welcome() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let offer = wheel.offer().await;
    drop(wheel);
    let mut wheel = App::open(&house, &driver).await;
    assert_eq!((&wheel.welcome["online"], &wheel.welcome["offers"]), (&true.into(), &json!([offer])));
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    let phone = App::open(&house, &rider).await;
    assert_eq!(phone.welcome["ride"], rider.ride(text(&booked["id"])).await);
    assert_eq!((&phone.welcome["role"], &phone.welcome["online"]), (&"customer".into(), &Value::Null));
    let wheel = App::open(&house, &driver).await;
    assert_eq!(wheel.welcome["ride"]["id"], booked["id"]);
    assert_eq!(wheel.welcome["offers"], json!([]));
}

#[tokio::test]
async fn a_wrong_pin_starts_nothing_and_too_many_lock_the_start_for_a_while() {
    let house = hasty();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let booked = rider.book(&corner.booking()).await;
    let start = format!("/rides/{}/start", text(&booked["id"]));
    driver.accept_offer().await;
    let pin = text(&booked["pin"]);
    driver.api.post(&start, &json!({"pin": pin})).await.refused(409, "wrong_state");
    driver.drive(text(&booked["id"]), "arrive").await;
    let wrong = if pin == "1234" { "4321" } else { "1234" };
    for left in ["4 attempts", "3 attempts", "2 attempts", "1 attempt"] {
        let refused = driver.api.post(&start, &json!({"pin": wrong})).await.refused(409, "wrong_pin");
        assert!(text(&refused["message"]).contains(left), "{refused}");
    }
    driver.api.post(&start, &json!({"pin": wrong})).await.refused(409, "pin_locked");
    driver.api.post(&start, &json!({"pin": pin})).await.refused(409, "pin_locked");
    assert_eq!(rider.ride(text(&booked["id"])).await["status"], "driver_arrived");
    let unlocked = crate::patience::eventually("the lock to open", async || {
        let answer = driver.api.post(&start, &json!({"pin": pin})).await;
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(unlocked.await["status"], "in_progress");
}
