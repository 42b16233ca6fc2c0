//! Payouts, saved methods and refunds from outside: who sees what, and what is refused.

use serde_json::json;

use crate::house::shared;
use crate::people::Person;

#[tokio::test]
async fn a_driver_without_a_wallet_learns_what_is_missing() {
    let house = shared();
    let driver = Person::driver(&house).await;
    driver.api.get("/drivers/me/payout-wallet").await.refused(404, "not_found");
    let quote = driver.api.get("/drivers/me/payout-quote?amount_rwf=1000").await.expect(200);
    assert_eq!((&quote["is_possible"], &quote["code"]), (&json!(false), &json!("no_payout_wallet")), "{quote}");
    assert_eq!(quote["fee_rwf"].as_i64().zip(quote["net_rwf"].as_i64()).map(|(fee, net)| fee + net), Some(1_000));
    assert!(driver.api.get("/drivers/me/payout-quote?amount_rwf=0").await.blames("amount_rwf"));
    let body = json!({"amount_rwf": 1_000});
    assert!(driver.api.post("/drivers/me/payouts", &body).await.blames("Idempotency-Key"));
    let asked = driver.api.send(reqwest::Method::POST, "/drivers/me/payouts", |request| {
        request.header("idempotency-key", "a").json(&body)
    });
    asked.await.refused(409, "no_payout_wallet");
    assert!(driver.api.put("/drivers/me/payout-wallet", &json!({"number": "12"})).await.blames("number"));
    let payouts = driver.api.get("/drivers/me/payouts").await.expect(200);
    assert_eq!(payouts["items"], json!([]));
}

#[tokio::test]
async fn the_weekly_settlement_can_be_run_by_hand_and_not_ahead_of_time() {
    let house = shared();
    let admin = house.admin().await;
    let run = admin.api.post("/admin/payouts/weekly", &json!({})).await.expect(200);
    assert!(run["sent"].is_u64() && run["amount_rwf"].is_i64(), "{run}");
    let early = json!({"as_of": "2126-11-25T08:00:00Z"});
    assert!(admin.api.post("/admin/payouts/weekly", &early).await.blames("as_of"));
    assert!(admin.api.get("/admin/payouts?state=gone").await.blames("state"));
    admin.api.get("/admin/payouts?state=held").await.expect(200);
}

#[tokio::test]
async fn wrong_methods_are_refused_by_name() {
    let house = shared();
    let rider = Person::rider(&house).await;
    for (body, field) in [
        (json!({"number": "0751234567"}), "number"),
        (json!({"provider": "bank", "number": "0788123456"}), "provider"),
        (json!({"provider": "card", "number": "4242424242424242"}), "number"),
        (json!({"label": "x".repeat(41)}), "label"),
    ] {
        assert!(rider.api.post("/riders/me/payment-methods", &body).await.blames(field), "{body}");
    }
    let refunds = rider.api.get("/riders/me/refunds").await.expect(200);
    assert_eq!(refunds["items"], json!([]));
}
