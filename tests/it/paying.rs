//! Paying a ride otherwise than in cash, from outside.

use serde_json::json;

use crate::house::shared;
use crate::patience::eventually;
use crate::people::{Person, text};

#[tokio::test]
async fn a_card_that_nobody_completes_gives_way_to_cash() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let mut booking = corner.booking();
    booking["payment_method"] = "card".into();
    let ride = rider.book(&booking).await;
    let id = text(&ride["id"]);
    let path = format!("/rides/{id}/payment");
    rider.api.get(&path).await.refused(404, "not_found");
    driver.accept_offer().await;
    driver.drive(id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    driver.drive(id, "complete").await;
    let payment = eventually("the gateway to be asked", async || {
        let payment = rider.api.get(&path).await;
        let payment = (payment.status == 200).then(|| payment.expect(200))?;
        payment["items"][0]["attempts"][0]["page_url"].is_string().then_some(payment)
    })
    .await;
    assert_eq!((&payment["items"][0]["state"], &payment["items"][0]["paid_rwf"]), (&"processing".into(), &0.into()));
    let seen = driver.api.get(&path).await.expect(200);
    assert!(seen["items"][0]["attempts"][0]["page_url"].is_null(), "the page is the rider's: {seen}");
    Person::rider(&house).await.api.get(&path).await.refused(404, "not_found");

    let pay = rider.api.send(reqwest::Method::POST, &path, |request| {
        request.header("idempotency-key", "once").json(&json!({"method": "card"}))
    });
    pay.await.refused(409, "payment_in_progress");
    driver.api.post_empty(&format!("{path}/cash-received")).await.refused(409, "payment_in_progress");
    let chosen = rider.api.post_empty(&format!("{path}/cash")).await.expect(200);
    assert_eq!(chosen["items"][0]["state"], "cash_due");
    let received = driver.api.post_empty(&format!("{path}/cash-received")).await.expect(200);
    assert_eq!((&received["items"][0]["state"], &received["outstanding_rwf"]), (&"succeeded".into(), &0.into()));
    driver.api.post_empty(&format!("{path}/cash-received")).await.refused(409, "nothing_to_pay");
    rider.api.post_empty(&format!("{path}/cash")).await.refused(409, "nothing_to_pay");
    assert_eq!(rider.api.get("/riders/me/outstanding").await.expect(200)["outstanding_rwf"], 0);
    let listed = house.admin().await.api.get("/admin/payments?provider=card&limit=100").await.expect(200);
    let attempt = &payment["items"][0]["attempts"][0]["id"];
    assert!(listed["items"].as_array().expect("a list").iter().any(|item| item["id"] == *attempt), "{listed}");
}
