//! Whom one wants to ride with again, and whom not.

use serde_json::json;

use crate::city::Corner;
use crate::house::{House, shared};
use crate::people::{Person, text};

/// A ride of the two from beginning to end.
async fn ridden(rider: &Person, driver: &Person, corner: Corner) {
    let ride = rider.book(&corner.booking()).await;
    let (id, pin) = (text(&ride["id"]).to_owned(), ride["pin"].clone());
    driver.accept_offer().await;
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": pin})).await.expect(200);
    driver.drive(&id, "complete").await;
}

async fn pair(house: &House) -> (Person, Person, Corner) {
    let corner = house.corner().await;
    let (rider, driver) = (Person::rider(house).await, Person::driver_at(house, corner.pickup).await);
    ridden(&rider, &driver, corner).await;
    (rider, driver, corner)
}

#[tokio::test]
async fn a_blocked_driver_is_not_asked_and_another_is() {
    let house = shared();
    let (rider, driver, corner) = pair(&house).await;
    let address = format!("/riders/me/drivers/{}", driver.id);
    let blocked = rider.api.put(&address, &json!({"relation": "blocked"})).await.expect(200);
    assert_eq!((&blocked["relation"], &blocked["first_name"]), (&"blocked".into(), &"Eric".into()));
    assert_eq!(rider.api.get("/riders/me/drivers").await.expect(200)["items"], json!([blocked]));
    let other = Person::driver_at(&house, corner.pickup.north(300.0)).await;
    let ride = rider.book(&corner.booking()).await;
    assert_eq!(other.accept_offer().await["id"], ride["id"], "the farther one is asked");
    assert_eq!(driver.api.get("/offers").await.expect(200)["items"], json!([]));
    let cancel = format!("/rides/{}/cancel", text(&ride["id"]));
    rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    // Forgiven, the nearer one is asked again.
    assert_eq!(rider.api.delete(&address).await.status, 204);
    assert_eq!(rider.api.delete(&address).await.status, 204, "also when there is nothing");
    assert_eq!(rider.api.get("/riders/me/drivers").await.expect(200)["items"], json!([]));
    let again = rider.book(&corner.booking()).await;
    assert_eq!(driver.accept_offer().await["id"], again["id"]);
}

#[tokio::test]
async fn a_driver_blocks_a_rider_who_is_not_told() {
    let house = shared();
    let (rider, driver, corner) = pair(&house).await;
    let address = format!("/drivers/me/riders/{}", rider.id);
    let blocked = driver.api.send(reqwest::Method::PUT, &address, |request| request).await.expect(200);
    assert_eq!((&blocked["first_name"], &blocked["plate"]), (&"Aline".into(), &serde_json::Value::Null));
    assert_eq!(driver.api.get("/drivers/me/riders").await.expect(200)["items"][0]["id"], rider.id.as_str());
    assert_eq!(rider.api.get("/riders/me/drivers").await.expect(200)["items"], json!([]));
    let other = Person::driver_at(&house, corner.pickup.north(300.0)).await;
    let ride = rider.book(&corner.booking()).await;
    assert_eq!(other.accept_offer().await["id"], ride["id"]);
    assert_eq!(driver.api.delete(&address).await.status, 204);
    assert_eq!(driver.api.get("/drivers/me/riders").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn nobody_relates_to_strangers_or_in_the_wrong_role() {
    let house = shared();
    let (rider, driver, _) = pair(&house).await;
    let stranger = Person::driver(&house).await;
    let address = format!("/riders/me/drivers/{}", stranger.id);
    rider.api.put(&address, &json!({"relation": "blocked"})).await.refused(404, "not_found");
    rider.api.put(&address, &json!({"relation": "favourite"})).await.refused(404, "not_found");
    let known = format!("/riders/me/drivers/{}", driver.id);
    let unknown_word = rider.api.put(&known, &json!({"relation": "hated"})).await;
    unknown_word.refused(422, "invalid_value");
    assert!(unknown_word.blames("relation"), "{unknown_word}");
    driver.api.put(&known, &json!({"relation": "blocked"})).await.refused(403, "forbidden");
    driver.api.get("/riders/me/drivers").await.refused(403, "forbidden");
    rider.api.get("/drivers/me/riders").await.refused(403, "forbidden");
    let put = reqwest::Method::PUT;
    let other = format!("/drivers/me/riders/{}", rider.id);
    stranger.api.send(put, &other, |request| request).await.refused(404, "not_found");
    rider.api.put(&known, &json!({"relation": "favourite"})).await.expect(200);
}
