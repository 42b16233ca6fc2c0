//! Quotes, bookings, and requests that are sent again.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{House, shared};
use crate::people::{Person, text};

/// How many live rides a rider has.
async fn live(rider: &Person) -> usize {
    rider.api.get("/rides/active").await.expect(200)["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_quote_is_kept_when_it_is_booked() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    let parts = ["base_rwf", "distance_rwf", "waiting_rwf"].map(|part| quote["breakdown"][part].as_i64());
    assert!(parts.iter().all(Option::is_some), "{quote}");
    assert!(quote["fare_rwf"].as_i64() >= Some(300), "{quote}");
    assert!((2_000..4_000).contains(&quote["distance_m"].as_i64().expect("a number")), "{quote}");
    let mut booking = corner.booking();
    booking["quote_id"] = quote["quote_id"].clone();
    let ride = rider.book(&booking).await;
    assert_eq!(ride["fare_rwf"], quote["fare_rwf"]);
    assert_eq!(ride["estimated_distance_m"], quote["distance_m"]);
    assert_eq!(ride["estimated_duration_s"], quote["duration_s"]);
}

#[tokio::test]
async fn a_quote_is_good_for_its_own_rider_and_its_own_ride_only() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, other) = (Person::rider(&house).await, Person::rider(&house).await);
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    let mut booking = corner.booking();
    booking["quote_id"] = quote["quote_id"].clone();
    let refused = other.api.post("/rides", &booking).await;
    refused.refused(422, "invalid_value");
    assert!(refused.blames("quote_id"), "{refused}");
    booking["destination"] = corner.destination.east(300.0).json();
    rider.api.post("/rides", &booking).await.refused(409, "quote_differs");
    booking["quote_id"] = "00000000-0000-4000-8000-000000000000".into();
    assert!(rider.api.post("/rides", &booking).await.blames("quote_id"));
    assert_eq!(live(&rider).await + live(&other).await, 0);
}

#[tokio::test]
async fn an_expired_quote_is_not_booked() {
    let house = House::start(&[("rides.quote_lifetime_s", "1")]);
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    let mut booking = corner.booking();
    booking["quote_id"] = quote["quote_id"].clone();
    let expires_at = text(&quote["expires_at"]).to_owned();
    crate::patience::eventually("the quote to expire", async || {
        let now = house.api().get("/server").await.expect(200);
        (text(&now["server_time"]) > expires_at.as_str()).then_some(())
    })
    .await;
    rider.api.post("/rides", &booking).await.refused(409, "quote_expired");
}

#[tokio::test]
async fn the_same_key_means_the_same_ride() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let booking = corner.booking();
    let first = rider.api.book("kigali-1", &booking).await;
    let ride = first.expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = rider.api.book("kigali-1", &booking).await;
    assert_eq!(again.expect(200)["id"], ride["id"]);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mut differs = booking.clone();
    differs["notes"] = "by the church".into();
    rider.api.book("kigali-1", &differs).await.refused(409, "idempotency_key_reused");
    // A key is its rider's: another one may use the same.
    let other = Person::rider(&house).await;
    let theirs = other.api.book("kigali-1", &booking).await.expect(201);
    assert_ne!(theirs["id"], ride["id"]);
    // And it still stands for this ride when the ride is over.
    let cancel = format!("/rides/{}/cancel", text(&ride["id"]));
    rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    let late = rider.api.book("kigali-1", &booking).await.expect(200);
    assert_eq!((&late["id"], &late["status"]), (&ride["id"], &"cancelled_by_customer".into()));
    let fresh = rider.api.book("kigali-2", &booking).await.expect(201);
    assert_ne!(fresh["id"], ride["id"]);
}

#[tokio::test]
async fn ten_requests_at_once_with_one_key_make_one_ride() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let booking = corner.booking();
    let answers = join_all((0..10).map(|_| rider.api.book("at-once", &booking))).await;
    let booked = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(booked, 1, "one of them books");
    let replayed = answers.iter().filter(|answer| answer.header("idempotent-replayed") == Some("true")).count();
    assert_eq!(replayed, 9);
    let ids: Vec<Value> = answers.iter().map(|answer| answer.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let history = rider.api.get("/rides").await.expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn ten_requests_at_once_with_ten_keys_make_one_ride_too() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let booking = corner.booking();
    let keys: Vec<_> = (0..10).map(|number| format!("many-{number}")).collect();
    let answers = join_all(keys.iter().map(|key| rider.api.book(key, &booking))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "ride_in_progress");
    }
    assert_eq!(live(&rider).await, 1);
}

#[tokio::test]
async fn a_rider_has_one_live_ride() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let first = rider.book(&corner.booking()).await;
    let refused = rider.api.post("/rides", &corner.booking()).await.refused(409, "ride_in_progress");
    assert!(text(&refused["message"]).contains(text(&first["id"])), "it says which: {refused}");
    let cancel = format!("/rides/{}/cancel", text(&first["id"]));
    rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    rider.book(&corner.booking()).await;
}

#[tokio::test]
async fn what_the_rider_says_reaches_the_driver() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let mut booking = corner.booking();
    booking["pickup"]["address"] = "KN 3 Ave, Nyarugenge".into();
    booking["pickup"]["landmark"] = "  imbere y'isoko — 🛵  ".into();
    booking["notes"] = "Ndi kumwe n'umwana".into();
    let ride = rider.book(&booking).await;
    assert_eq!(ride["pickup"]["landmark"], "imbere y'isoko — 🛵", "trimmed, and nothing else");
    let offer = driver.offer().await;
    assert_eq!(offer["pickup"]["address"], "KN 3 Ave, Nyarugenge");
    assert_eq!(driver.accept_offer().await["notes"], "Ndi kumwe n'umwana");
}

#[tokio::test]
async fn an_unusable_key_is_refused_by_name() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    for key in [" ", &"k".repeat(256), "clé"] {
        let answer = rider.api.book(key, &corner.booking()).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames("Idempotency-Key"), "{answer}");
    }
    assert_eq!(live(&rider).await, 0);
    rider.api.book(&"k".repeat(255), &corner.booking()).await.expect(201);
}
