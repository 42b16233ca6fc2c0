//! Who is asked, in which order, and what follows from each answer or from none.

use serde_json::{Value, json};

use crate::city::Place;
use crate::house::{House, hasty, shared};
use crate::patience::eventually;
use crate::people::{Person, now_ms, text};

/// How many free drivers a rider sees around a place.
async fn nearby(rider: &Person, place: Place) -> usize {
    let path = format!("/drivers/nearby?lat={}&lng={}&limit=20", place.lat, place.lng);
    rider.api.get(&path).await.expect(200)["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn the_nearest_driver_is_asked_first() {
    let house = shared();
    let corner = house.corner().await;
    let _far = Person::driver_at(&house, corner.pickup.east(300.0)).await;
    let near = Person::driver_at(&house, corner.pickup.north(60.0)).await;
    let _middle = Person::driver_at(&house, corner.pickup.east(-150.0)).await;
    let rider = Person::rider(&house).await;
    assert_eq!(nearby(&rider, corner.pickup).await, 3);
    let booked = rider.book(&corner.booking()).await;
    let offer = near.offer().await;
    assert_eq!(offer["ride_id"], booked["id"]);
    assert!(offer["deadline_ms"].as_i64() > Some(now_ms()));
    assert_eq!(nearby(&rider, corner.pickup).await, 2, "who has an offer is not free");
}

#[tokio::test]
async fn a_decline_sends_the_offer_to_the_next_driver() {
    let house = shared();
    let corner = house.corner().await;
    let (_, mut near) = Person::driver_app_at(&house, corner.pickup).await;
    let (far, mut next) = Person::driver_app_at(&house, corner.pickup.north(200.0)).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    rider.book(&corner.booking()).await;
    let first = near.offer().await;
    let decline = json!({"type": "decline_offer", "offer_id": first["offer_id"], "reason": "wrong_direction"});
    near.command(decline.clone()).await;
    let second = next.offer().await;
    assert_ne!(second["offer_id"], first["offer_id"]);
    assert_eq!(second["ride_id"], first["ride_id"]);
    near.command(decline).await;
    near.refused(json!({"type": "accept_offer", "offer_id": first["offer_id"]}), "offer_gone").await;
    next.command(json!({"type": "accept_offer", "offer_id": second["offer_id"]})).await;
    assert_eq!(phone.ride("driver_assigned").await["driver"]["id"], far.id);
}

#[tokio::test]
async fn an_unanswered_offer_lapses_and_goes_to_the_next_driver() {
    let house = hasty();
    let corner = house.corner().await;
    let (_, mut near) = Person::driver_app_at(&house, corner.pickup).await;
    let (_, mut next) = Person::driver_app_at(&house, corner.pickup.north(200.0)).await;
    let rider = Person::rider(&house).await;
    rider.book(&corner.booking()).await;
    let first = near.offer().await;
    let withdrawn = near.expect("offer_withdrawn").await;
    assert_eq!((&withdrawn["offer_id"], &withdrawn["reason"]), (&first["offer_id"], &"expired".into()));
    assert!(first["deadline_ms"].as_i64() <= Some(now_ms()), "not before its time");
    near.refused(json!({"type": "accept_offer", "offer_id": first["offer_id"]}), "offer_gone").await;
    let second = next.offer().await;
    assert_eq!(second["ride_id"], first["ride_id"]);
    next.command(json!({"type": "accept_offer", "offer_id": second["offer_id"]})).await;
}

#[tokio::test]
async fn without_any_driver_the_ride_ends_as_no_driver_found() {
    let house = hasty();
    let corner = house.corner().await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let told = phone.ride("no_driver_found").await;
    assert_eq!((&told["id"], &told["driver"]), (&booked["id"], &Value::Null));
    assert_eq!(rider.ride(text(&booked["id"])).await["status"], "no_driver_found");
    rider.book(&corner.booking()).await;
}

#[tokio::test]
async fn a_driver_who_comes_later_is_found() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let driver = Person::driver_at(&house, corner.pickup.north(100.0)).await;
    assert_eq!(driver.accept_offer().await["id"], booked["id"]);
}

#[tokio::test]
async fn an_offer_whose_driver_drops_off_goes_to_the_next() {
    let house = hasty();
    let corner = house.corner().await;
    let (_, mut near) = Person::driver_app_at(&house, corner.pickup).await;
    let (next, _app) = Person::driver_app_at(&house, corner.pickup.north(200.0)).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    near.offer().await;
    drop(near);
    assert_eq!(next.accept_offer().await["id"], booked["id"]);
    let timeline = house.admin().await.api.get(&format!("/rides/{}/events", text(&booked["id"]))).await.expect(200);
    let closed = &timeline["items"][2];
    assert_eq!(
        (&closed["kind"], &closed["data"]["outcome"]),
        (&"offer_closed".into(), &"driver_lost".into()),
        "{timeline}"
    );
}

#[tokio::test]
async fn a_driver_who_goes_offline_is_gone_at_once_and_the_offer_goes_on() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup).await;
    let next = Person::driver_at(&house, corner.pickup.north(200.0)).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    near.offer().await;
    assert_eq!(near.api.post_empty("/drivers/me/offline").await.expect(200)["online"], false);
    assert_eq!(next.accept_offer().await["id"], booked["id"]);
    assert_eq!(nearby(&rider, corner.pickup).await, 0);
    near.api.post("/drivers/me/location", &corner.pickup.json()).await.refused(409, "not_online");
    next.api.post_empty("/drivers/me/offline").await.refused(409, "driver_on_ride");
    near.api.post("/drivers/me/online", &corner.pickup.json()).await.expect(200);
    assert_eq!(nearby(&rider, corner.pickup).await, 1);
    near.api.post_empty("/drivers/me/offline").await.expect(200);
    assert_eq!(nearby(&rider, corner.pickup).await, 0, "the moment it is answered");
}

#[tokio::test]
async fn a_position_that_is_too_old_finds_nobody() {
    let house = House::start(&[("city.position_age_max_s", "1"), ("dispatch.round_interval_ms", "200")]);
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    eventually("the position to grow old", async || (nearby(&rider, corner.pickup).await == 0).then_some(())).await;
    let booked = rider.book(&corner.booking()).await;
    assert_eq!(driver.api.get("/offers").await.expect(200)["items"], json!([]));
    assert_eq!(rider.ride(text(&booked["id"])).await["status"], "requested");
    driver.api.post("/drivers/me/location", &corner.pickup.json()).await.expect(202);
    assert_eq!(driver.accept_offer().await["id"], booked["id"], "a new position brings the driver back");
}

#[tokio::test]
async fn an_offer_is_for_its_driver_only() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup).await;
    let other = Person::driver_at(&house, corner.pickup.north(200.0)).await;
    let rider = Person::rider(&house).await;
    rider.book(&corner.booking()).await;
    let offer = near.offer().await;
    let id = text(&offer["offer_id"]);
    other.api.post_empty(&format!("/offers/{id}/accept")).await.refused(409, "offer_gone");
    other.api.post(&format!("/offers/{id}/decline"), &json!({})).await.refused(409, "offer_gone");
    let next = id.replace(".1", ".2");
    near.api.post_empty(&format!("/offers/{next}/accept")).await.refused(409, "offer_gone");
    assert_eq!(near.accept_offer().await["status"], "driver_assigned", "all of which changed nothing");
}

#[tokio::test]
async fn a_driver_on_a_ride_is_not_asked() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let (first, second) = (Person::rider(&house).await, Person::rider(&house).await);
    let ride = first.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    driver.accept_offer().await;
    let waiting = second.book(&corner.booking()).await;
    driver.drive(id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    assert_eq!(driver.api.get("/offers").await.expect(200)["items"], json!([]));
    driver.drive(id, "complete").await;
    assert_eq!(driver.accept_offer().await["id"], waiting["id"], "and is asked again when free");
}

#[tokio::test]
async fn one_driver_gets_one_of_two_rides_that_want_the_same() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let riders = [Person::rider(&house).await, Person::rider(&house).await];
    let booking = corner.booking();
    let (a, b) = tokio::join!(riders[0].book(&booking), riders[1].book(&booking));
    let offer = wheel.offer().await;
    let taken = wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    let other = if taken["ride"]["id"] == a["id"] { (&riders[1], &b) } else { (&riders[0], &a) };
    assert_eq!(other.0.ride(text(&other.1["id"])).await["status"], "requested");
    assert_eq!(driver.api.get("/rides/active").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}
