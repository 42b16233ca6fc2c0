//! What a completed cash ride leaves in the books.

use serde_json::json;

use crate::house::shared;
use crate::patience::eventually;
use crate::people::{Person, text};

#[tokio::test]
async fn a_cash_ride_leaves_cash_with_the_driver_and_a_commission_owed() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let before = driver.api.get("/drivers/me/balance").await.expect(200);
    assert_eq!((&before["cash_collected_rwf"], &before["commission_owed_rwf"]), (&0.into(), &0.into()));
    let mut fares = 0;
    for _ in 0..2 {
        let ride = rider.book(&corner.booking()).await;
        let id = text(&ride["id"]);
        driver.accept_offer().await;
        driver.drive(id, "arrive").await;
        driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
        fares += driver.drive(id, "complete").await["fare_rwf"].as_i64().expect("a fare");
    }
    let balance = eventually("the books to show both rides", async || {
        let balance = driver.api.get("/drivers/me/balance").await.expect(200);
        (balance["cash_collected_rwf"] == fares).then_some(balance)
    })
    .await;
    let owed = balance["commission_owed_rwf"].as_i64().expect("an amount");
    assert!((fares * 8 / 100..=fares / 10).contains(&owed), "9 % of {fares} is not {owed}");

    let ledger = driver.api.get("/drivers/me/ledger").await.expect(200);
    let items = ledger["items"].as_array().expect("a list");
    let changes: i64 = items.iter().filter_map(|item| item["owed_change_rwf"].as_i64()).sum();
    assert!(!items.is_empty() && items.iter().all(|item| item["ride_id"].is_string()), "{ledger}");
    assert!(changes.abs() > 0, "{ledger}");
    let first = driver.api.get("/drivers/me/ledger?limit=1").await.expect(200);
    assert_eq!(first["items"][0], items[0]);
    assert!(first["next_cursor"].is_string());
    let trial = house.admin().await.api.get("/admin/ledger/trial-balance").await.expect(200);
    assert_eq!(trial["difference_rwf"], 0, "debits and credits are equal: {trial}");
}

#[tokio::test]
async fn a_ride_that_was_called_off_leaves_nothing_in_the_books() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    driver.accept_offer().await;
    let cancel = format!("/rides/{}/cancel", text(&ride["id"]));
    rider.api.post(&cancel, &json!({"reason": "other"})).await.expect(200);
    let ledger = driver.api.get("/drivers/me/ledger").await.expect(200);
    assert_eq!(ledger["items"], json!([]));
}
