//! A driver is asked for what they wish to be asked for.

use serde_json::{Value, json};

use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

#[tokio::test]
async fn wishes_are_kept_as_they_were_said() {
    let house = shared();
    let place = house.corner().await.pickup;
    let driver = Person::driver(&house).await;
    let none = driver.api.get("/drivers/me/wishes").await.expect(200);
    let nothing = json!({
        "home": null, "home_uses_left": 2, "pickup_distance_m_max": null, "fare_rwf_min": null, "ride_types": null,
    });
    assert_eq!(none, nothing);
    let home = json!({"lat": place.lat, "lng": place.lng, "label": "  Kimironko "});
    let wishes = json!({"home": home, "pickup_distance_m_max": 3_000, "fare_rwf_min": 600, "ride_types": ["boda"]});
    let said = driver.api.put("/drivers/me/wishes", &wishes).await.expect(200);
    assert_eq!((&said["home"]["label"], &said["home_uses_left"]), (&"Kimironko".into(), &1.into()));
    assert_eq!(driver.api.get("/drivers/me/wishes").await.expect(200), said);
    // Once more the same is no further use of home; off and on again is.
    assert_eq!(driver.api.put("/drivers/me/wishes", &wishes).await.expect(200)["home_uses_left"], 1);
    driver.api.put("/drivers/me/wishes", &json!({})).await.expect(200);
    assert_eq!(driver.api.put("/drivers/me/wishes", &wishes).await.expect(200)["home_uses_left"], 0);
    let elsewhere = json!({"home": place.north(900.0).json()});
    driver.api.put("/drivers/me/wishes", &elsewhere).await.refused(409, "home_uses_spent");
    assert_eq!(driver.api.get("/drivers/me/wishes").await.expect(200)["fare_rwf_min"], 600, "all as it was");
}

#[tokio::test]
async fn wishes_that_cannot_be_are_refused_by_field_and_by_role() {
    let house = shared();
    let driver = Person::driver(&house).await;
    for (body, field) in [
        (json!({"home": {"lat": 95, "lng": 30.1}}), "home.lat"),
        (json!({"home": {"lat": 51.5, "lng": -0.1}}), "home"),
        (json!({"pickup_distance_m_max": 10}), "pickup_distance_m_max"),
        (json!({"fare_rwf_min": 0}), "fare_rwf_min"),
        (json!({"ride_types": ["helicopter"]}), "ride_types"),
        (json!({"ride_types": []}), "ride_types"),
    ] {
        let answer = driver.api.put("/drivers/me/wishes", &body).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(field), "{answer}");
    }
    driver.api.put("/drivers/me/wishes", &json!({"colour": "red"})).await.refused(400, "malformed_body");
    let newcomer = Person::driver_without_papers(&house).await;
    newcomer.api.put("/drivers/me/wishes", &json!({})).await.refused(409, "no_papers");
    let rider = Person::rider(&house).await;
    rider.api.get("/drivers/me/wishes").await.refused(403, "forbidden");
    house.api().put("/drivers/me/wishes", &json!({})).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_driver_is_not_asked_for_what_they_do_not_wish_and_is_again_at_once() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup).await;
    let far = Person::driver_at(&house, corner.pickup.north(300.0)).await;
    let rider = Person::rider(&house).await;
    // The ride goes two kilometres north; home is south.
    for wishes in [json!({"fare_rwf_min": 50_000}), json!({"home": corner.pickup.north(-1_000.0).json()})] {
        near.api.put("/drivers/me/wishes", &wishes).await.expect(200);
        let ride = rider.book(&corner.booking()).await;
        assert_eq!(far.offer().await["ride_id"], ride["id"], "{wishes}");
        assert_eq!(near.api.get("/offers").await.expect(200)["items"], json!([]), "{wishes}");
        let cancel = format!("/rides/{}/cancel", text(&ride["id"]));
        rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    }
    near.api.put("/drivers/me/wishes", &json!({"home": corner.destination.json()})).await.expect(200);
    let ride = rider.book(&corner.booking()).await;
    assert_eq!(near.accept_offer().await["id"], ride["id"], "on the way home");
}

#[tokio::test]
async fn wishes_outlive_a_restart() {
    let mut house = House::start(&[]);
    let place = house.corner().await.pickup;
    let driver = Person::driver_at(&house, place).await;
    let wishes = json!({"home": place.json(), "fare_rwf_min": 50_000});
    let said = driver.api.put("/drivers/me/wishes", &wishes).await.expect(200);
    house.stop();
    house.restart();
    let (driver, rider) = (driver.back(&house), Person::rider(&house).await);
    assert_eq!(driver.api.get("/drivers/me/wishes").await.expect(200), said);
    driver.api.post("/drivers/me/location", &place.json()).await.expect(202);
    let corner = house.corner().await;
    let mut booking = corner.booking();
    booking["pickup"] = place.json();
    booking["destination"] = place.north(2_000.0).json();
    let ride = rider.book(&booking).await;
    let asked = eventually("the search to have looked", async || {
        let events = rider.api.get(&format!("/rides/{}/events", text(&ride["id"]))).await.expect(200);
        let kinds: Vec<Value> = events["items"].as_array()?.iter().map(|event| event["kind"].clone()).collect();
        (!kinds.is_empty()).then_some(kinds)
    })
    .await;
    assert_eq!(asked, ["requested"], "nobody was asked");
    assert_eq!(driver.api.get("/offers").await.expect(200)["items"], json!([]));
}
