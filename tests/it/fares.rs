//! Prices by date, the proof of a fare, and what riders dispute.

use serde_json::{Value, json};

use crate::city::Corner;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

/// A ride from booking to its end, and its people.
async fn ridden(house: &House, corner: &Corner) -> (Person, Person, Value) {
    let (driver, rider) = (Person::driver_at(house, corner.pickup).await, Person::rider(house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]).to_owned();
    driver.accept_offer().await;
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    let done = driver.drive(&id, "complete").await;
    (rider, driver, done)
}

fn tariff(name: &str, valid_from: &str) -> Value {
    json!({
        "name": name, "valid_from": valid_from, "source": "gazette of the test",
        "prices": {
            "base_rwf": 500, "base_distance_m": 2000, "per_km_rwf": 150, "per_km_far_rwf": 250, "far_from_m": 40000,
            "waiting_free_s": 600, "waiting_per_minute_rwf": 25, "service_fee_basis_points": 900,
        },
    })
}

#[tokio::test]
async fn a_tariff_comes_into_force_by_two_people_for_a_day_that_lies_ahead() {
    let house = House::start(&[]);
    let (alice, bob) = (Person::admin(&house).await, Person::admin(&house).await);
    let before = house.api().get("/tariffs").await.expect(200);
    assert_eq!((&before["tariff"]["name"], &before["next_tariff"]), (&"RURA 2022-08-22".into(), &Value::Null));
    assert_eq!(before["terms"][0]["now"]["numbers"]["commission_basis_points"], 900);
    let late = alice.api.post("/admin/tariffs", &tariff("late", "2022-09-01")).await;
    assert!(late.blames("valid_from"), "{late}");
    let mut dear = tariff("dear", "2035-01-01");
    dear["prices"]["base_rwf"] = (-1).into();
    assert!(alice.api.post("/admin/tariffs", &dear).await.blames("base_rwf"));
    let proposed = alice.api.post("/admin/tariffs", &tariff("RURA 2035", "2035-01-01")).await.expect(201);
    let path = |step: &str| format!("/admin/tariffs/{}/{step}", text(&proposed["id"]));
    alice.api.post_empty(&path("approve")).await.refused(409, "four_eyes");
    let approved = bob.api.post_empty(&path("approve")).await.expect(200);
    assert_eq!((&approved["state"], &approved["prices"]["base_rwf"]), (&"approved".into(), &500.into()));
    let next = eventually("the next tariff to be shown", async || {
        let shown = house.api().get("/tariffs").await.expect(200);
        shown["next_tariff"].is_object().then_some(shown)
    })
    .await;
    assert_eq!(next["next_tariff"]["source"], "gazette of the test");
    let numbers = json!({"commission_basis_points": 800, "service_fee_rwf": 50});
    let terms =
        json!({"name": "2035", "ride_type": "boda", "valid_from": "2035-01-01", "source": "board", "numbers": numbers});
    let proposed = bob.api.post("/admin/terms", &terms).await.expect(201);
    assert_eq!(proposed["numbers"]["commission_vat"], json!({"letter": "B", "rate_basis_points": 1800}));
    alice.api.post_empty(&format!("/admin/terms/{}/approve", text(&proposed["id"]))).await.expect(200);
    let withdrawn = alice.api.post_empty(&path("withdraw")).await.expect(200);
    assert_eq!(withdrawn["state"], "withdrawn");
    let shown = house.api().get("/tariffs").await.expect(200);
    assert_eq!(shown["next_tariff"], Value::Null);
    assert_eq!(shown["terms"][0]["next"]["numbers"]["service_fee_rwf"], 50);
    let listed = alice.api.get("/admin/tariffs").await.expect(200);
    assert_eq!(listed["items"], json!([withdrawn]));
}

#[tokio::test]
async fn a_fare_is_proven_to_its_parties_and_disputed_once_by_its_rider() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, driver, ride) = ridden(&house, &corner).await;
    let id = text(&ride["id"]);
    let admin = house.admin().await;
    for person in [&rider, &driver, &admin] {
        let proof = person.api.get(&format!("/rides/{id}/fare-proof")).await.expect(200);
        assert_eq!(proof["is_equal"], true, "{proof}");
        assert_eq!((&proof["fare_rwf"], &proof["charged_total_rwf"]), (&ride["fare_rwf"], &ride["to_pay_rwf"]));
        assert_eq!(proof["inputs"]["tariff"]["name"], "RURA 2022-08-22");
        let steps = proof["steps"].as_array().expect("steps");
        let sum: i64 = steps.iter().filter_map(|step| step["amount_rwf"].as_i64()).sum();
        assert_eq!(proof["total_rwf"], sum);
    }
    let stranger = Person::rider(&house).await;
    stranger.api.get(&format!("/rides/{id}/fare-proof")).await.refused(404, "not_found");
    let path = format!("/rides/{id}/fare-dispute");
    let said = json!({"reason": "distance", "comment": "it was not so far"});
    stranger.api.post(&path, &said).await.refused(404, "not_found");
    assert!(rider.api.post(&path, &json!({"reason": "weather"})).await.blames("reason"));
    rider.api.get(&path).await.refused(404, "not_found");
    let opened = rider.api.post(&path, &said).await.expect(201);
    assert_eq!((&opened["state"], &opened["charged_rwf"]), (&"open".into(), &ride["to_pay_rwf"]));
    assert_eq!(rider.api.post(&path, &said).await.expect(200), opened);
    rider.api.post(&path, &json!({"reason": "waiting"})).await.refused(409, "already_disputed");
    let listed = rider.api.get("/riders/me/fare-disputes").await.expect(200);
    assert_eq!(listed["items"], json!([opened]));
    let under_way = stranger.book(&corner.booking()).await;
    let path = |what: &str| format!("/rides/{}/{what}", text(&under_way["id"]));
    stranger.api.get(&path("fare-proof")).await.refused(409, "wrong_state");
    stranger.api.post(&path("fare-dispute"), &said).await.refused(409, "wrong_state");
}

#[tokio::test]
async fn what_cannot_be_paid_with_is_refused_when_a_ride_is_booked() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    assert_eq!((&quote["service_fee_rwf"], &quote["promotion"]), (&0.into(), &Value::Null));
    assert_eq!(quote["to_pay_rwf"], quote["fare_rwf"]);
    let with = |field: &str, value: Value| {
        let mut booking = corner.booking();
        booking[field] = value;
        booking
    };
    for (field, value) in [
        ("payment_method", json!("shells")),
        ("payment_method_id", json!("00000000-0000-4000-8000-000000000000")),
        ("promo_code", json!("NOSUCHCODE")),
    ] {
        let refused = rider.api.post("/rides", &with(field, value)).await;
        assert!(refused.blames(field), "{field}: {refused}");
    }
    let ride = rider.book(&with("use_credit", json!(false))).await;
    assert_eq!((&ride["service_fee_rwf"], &ride["to_pay_rwf"]), (&0.into(), &ride["fare_rwf"]));
}
