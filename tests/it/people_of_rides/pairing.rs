//! Rides that begin at the roadside. Meetings that are handed in hours later are tested beside the code, with a clock.

use serde_json::{Value, json};

use crate::city::Corner;
use crate::house::shared;
use crate::people::{Person, text};

fn with_code(corner: Corner, code: &Value) -> Value {
    json!({"code": code, "pickup": corner.pickup.json(), "destination": corner.destination.json()})
}

fn with_qr(corner: Corner, qr: &Value) -> Value {
    json!({"qr": qr, "pickup": corner.pickup.json(), "destination": corner.destination.json()})
}

#[tokio::test]
async fn four_digits_begin_a_ride() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let shown = driver.api.get("/drivers/me/pairing-code").await.expect(200);
    assert_eq!(driver.api.get("/drivers/me/pairing-code").await.expect(200)["code"], shown["code"], "still fresh");
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    let mut body = with_code(corner, &shown["code"]);
    body["quote_id"] = quote["quote_id"].clone();
    let pair = async |body: &Value| {
        let post = reqwest::Method::POST;
        rider.api.send(post, "/rides/pair", |request| request.header("idempotency-key", "kerb").json(body)).await
    };
    let ride = pair(&body).await.expect(201);
    assert_eq!((&ride["status"], &ride["fare_rwf"]), (&"in_progress".into(), &quote["fare_rwf"]));
    assert_eq!((&ride["driver"]["id"], &ride["pin"]), (&driver.id.as_str().into(), &Value::Null));
    let again = pair(&body).await;
    assert_eq!(again.expect(200)["id"], ride["id"]);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(phone.ride("in_progress").await["id"], ride["id"]);
    assert_eq!(wheel.ride("in_progress").await["id"], ride["id"]);
    // A code is good for one ride.
    let other = Person::rider(&house).await;
    other.api.post("/rides/pair", &with_code(corner, &shown["code"])).await.refused(409, "code_unknown");
    let id = text(&ride["id"]).to_owned();
    assert_eq!(driver.drive(&id, "complete").await["status"], "completed");
    let kinds: Vec<Value> = rider.api.get(&format!("/rides/{id}/events")).await.expect(200)["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds.first(), Some(&"requested".into()));
    assert!(kinds.contains(&"driver_assigned".into()) && kinds.contains(&"started".into()), "{kinds:?}");
}

#[tokio::test]
async fn either_phone_scans_the_other() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let shown = driver.api.get("/drivers/me/pairing-code").await.expect(200);
    let ride = rider.api.post("/rides/pair", &with_qr(corner, &shown["qr"])).await.expect(201);
    // The other phone hands the same meeting in.
    let theirs = rider.api.get("/riders/me/pairing-code").await.expect(200);
    assert_eq!(theirs["code"], Value::Null);
    let same = driver.api.post("/rides/pair", &with_qr(corner, &theirs["qr"])).await.expect(200);
    assert_eq!(same["id"], ride["id"]);
    assert_eq!(rider.api.post("/rides/pair", &with_qr(corner, &shown["qr"])).await.expect(200)["id"], ride["id"]);
    let other = Person::rider(&house).await;
    let replayed = other.api.post("/rides/pair", &with_qr(corner, &shown["qr"])).await;
    replayed.refused(409, "pairing_replayed");
    driver.drive(text(&ride["id"]), "complete").await;
    other.api.post("/rides/pair", &with_qr(corner, &shown["qr"])).await.refused(409, "pairing_replayed");
    // And the driver's phone scans a rider's.
    let shown = other.api.get("/riders/me/pairing-code").await.expect(200);
    let begun = driver.api.post("/rides/pair", &with_qr(corner, &shown["qr"])).await.expect(201);
    assert_eq!((&begun["status"], &begun["rider"]["id"]), (&"in_progress".into(), &other.id.as_str().into()));
}

#[tokio::test]
async fn what_is_not_a_meeting_is_refused_by_code() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let shown = driver.api.get("/drivers/me/pairing-code").await.expect(200);
    let pair = async |who: &Person, body: &Value| who.api.post("/rides/pair", body).await;

    // Far away, the right digits say nothing.
    let mut far = with_code(corner, &shown["code"]);
    far["pickup"] = corner.pickup.north(800.0).json();
    pair(&rider, &far).await.refused(409, "driver_far");
    let mut far = with_qr(corner, &shown["qr"]);
    far["pickup"] = corner.pickup.north(800.0).json();
    pair(&rider, &far).await.refused(409, "driver_far");
    for nonsense in ["1", "12345", "abcd", "-123"] {
        let answer = pair(&rider, &with_code(corner, &nonsense.into())).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames("code"), "{answer}");
    }
    let neither = json!({"pickup": corner.pickup.json(), "destination": corner.destination.json()});
    assert!(pair(&rider, &neither).await.blames("code"));
    let mut both = with_code(corner, &shown["code"]);
    both["qr"] = shown["qr"].clone();
    assert!(pair(&rider, &both).await.blames("code"));
    let mut ended = with_code(corner, &shown["code"]);
    ended["ended_at"] = "2026-11-26T10:00:00Z".into();
    assert!(pair(&rider, &ended).await.blames("ended_at"));
    let mut parcel = with_qr(corner, &shown["qr"]);
    parcel["ride_type"] = "delivery".into();
    assert!(pair(&rider, &parcel).await.blames("ride_type"), "a parcel needs a receiver");
    pair(&rider, &with_qr(corner, &"BODA1.AA.1.BB".into())).await.refused(409, "pairing_refused");
    let qr = text(&shown["qr"]);
    let forged = format!("{}{}", &qr[..qr.len() - 1], if qr.ends_with('0') { '1' } else { '0' });
    pair(&rider, &with_qr(corner, &forged.into())).await.refused(409, "pairing_refused");
    // One's own code, and other roles.
    pair(&driver, &with_qr(corner, &shown["qr"])).await.refused(409, "pairing_refused");
    pair(&driver, &with_code(corner, &shown["code"])).await.refused(403, "forbidden");
    pair(&house.admin().await, &with_qr(corner, &shown["qr"])).await.refused(403, "forbidden");
    rider.api.get("/drivers/me/pairing-code").await.refused(403, "forbidden");
    driver.api.get("/riders/me/pairing-code").await.refused(403, "forbidden");

    // Busy: with somebody else on the way. Off shift: gone home.
    let other = Person::rider(&house).await;
    let ride = other.book(&corner.booking()).await;
    driver.accept_offer().await;
    pair(&rider, &with_qr(corner, &shown["qr"])).await.refused(409, "driver_busy");
    let cancel = format!("/rides/{}/cancel", text(&ride["id"]));
    other.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    driver.api.post_empty("/drivers/me/offline").await.expect(200);
    pair(&rider, &with_qr(corner, &shown["qr"])).await.refused(409, "driver_off_shift");
    driver.api.get("/drivers/me/pairing-code").await.refused(409, "not_online");
    assert_eq!(rider.api.get("/rides").await.expect(200)["items"], json!([]), "none of which was a ride");
}

#[tokio::test]
async fn a_rider_who_waits_for_another_driver_does_not_pair() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let mut elsewhere = corner.booking();
    elsewhere["pickup"] = corner.pickup.north(1_000.0).json();
    rider.book(&elsewhere).await;
    let shown = driver.api.get("/drivers/me/pairing-code").await.expect(200);
    let refused = rider.api.post("/rides/pair", &with_code(corner, &shown["code"])).await;
    refused.refused(409, "ride_in_progress");
}

#[tokio::test]
async fn who_guesses_digits_is_stopped() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let shown = driver.api.get("/drivers/me/pairing-code").await.expect(200);
    let right: u32 = text(&shown["code"]).parse().expect("digits");
    let wrong = |n: u32| with_code(corner, &format!("{:04}", (right + n) % 10_000).into());
    let mut refusals = Vec::new();
    for n in 1..=4 {
        refusals.push(rider.api.post("/rides/pair", &wrong(n)).await.status);
    }
    assert_eq!((refusals.iter().filter(|status| **status == 409).count(), refusals.last()), (3, Some(&429)));
    rider.api.post("/rides/pair", &with_code(corner, &shown["code"])).await.refused(429, "rate_limited");
    let other = Person::rider(&house).await;
    other.api.post("/rides/pair", &with_code(corner, &shown["code"])).await.expect(201);
}
